"""Prometheus and VictoriaMetrics as stores, held against real servers."""

from __future__ import annotations

import json
import math
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from analyzer.kernels.rollup import roll_up
from analyzer.model import Findings, Policy
from analyzer.pipeline import Ledger, Search, discover
from analyzer.reading.fetch import Halving
from analyzer.reading.scope import Scope
from tests.commands import sl, well
from tests.conformance import MONDAY, STEP, Kind, Place, World
from tests.contract import CHECKS, PROPERTIES
from tests.prometheus.fixtures import running
from tests.prometheus.server import METRIC, SERVERS, PromServer, Series, of_world
from traffic.coverage import OTHER_KEYS
from traffic.errors import PartialAnswer, UsageFailure
from traffic.model import DAY, HOUR, HOUR_FIELDS, WEEK, Floats, Query, Window
from traffic.store import Columns, open_source
from traffic.store.base import NoSuchStore, RollupSource, ServedSource, Source, StoreError, TooLong
from traffic.store.prometheus import servers

AMOUNTS = Columns(key="key", value=METRIC, statistic="sum", unit="B", scale=8.0)

# A world is a start of the server, so that few are made, and nothing is shrunk.
few = settings(
    deadline=None,
    max_examples=6,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@dataclass(frozen=True)
class Filled:
    """A server with one world in it."""

    server: PromServer

    def put(self, world: World) -> None:
        self.server.fill(of_world(world))

    def opened(self) -> Source:
        return open_source(self.server.store, AMOUNTS)


def kind_on(server: PromServer) -> Kind:
    return Kind(
        server.program, lambda _folder: nullcontext(Filled(server)), exact=False, abilities=(RollupSource, ServedSource)
    )


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_what_every_store_owes_its_readers(
    prom_server: PromServer, check: Callable[[Kind, Place], None], tmp_path: Path
) -> None:
    kind = kind_on(prom_server)
    with kind.at(tmp_path) as place:
        check(kind, place)


@pytest.mark.parametrize("check", PROPERTIES, ids=lambda check: check.__name__)
@few
@given(data=st.data())
def test_what_every_store_owes_whatever_is_in_it(
    prom_server: PromServer, check: Callable[[Kind, Place, st.DataObject], None], data: st.DataObject
) -> None:
    kind = kind_on(prom_server)
    with kind.at(Path()) as place:
        check(kind, place, data)


def filled(server: PromServer, *series: Series, **said: Any) -> Source:
    server.fill(series)
    return open_source(server.store, Columns(**said))


def ask(source: Source, keys: tuple[str, ...], window: Window, resolution: int = STEP) -> Floats:
    return Halving(source).series(Query(source.metric, keys, window, resolution)).values


def every(seconds: float, values: Iterable[float], start: float = MONDAY) -> list[tuple[float, float]]:
    return [(start + seconds * step, float(value)) for step, value in enumerate(values)]


def test_a_window_without_length_is_answered_with_the_bucket_that_it_lies_in(prom_server: PromServer) -> None:
    source = filled(prom_server, ("x", {"k": "a"}, every(60, [1, 2])), value="x", key="k", statistic="sum")
    inside, edge = Window(MONDAY + 90, MONDAY + 90), Window(MONDAY + 60, MONDAY + 60)
    assert ask(source, ("a",), inside).tolist() == [[2]]
    assert ask(source, ("a",), edge).shape == (1, 0)


def test_a_bucket_is_half_open_to_the_millisecond(prom_server: PromServer) -> None:
    samples = [(MONDAY + 59.999, 1.0), (MONDAY + 60.0, 10.0), (MONDAY + 119.999, 100.0), (MONDAY + 3599.999, 1000.0)]
    source = filled(prom_server, ("x", {"k": "a"}, samples), value="x", key="k", statistic="sum")
    values = ask(source, ("a",), Window(MONDAY, MONDAY + 2 * HOUR))
    assert values[0, :3].tolist() == pytest.approx([1, 110, math.nan], nan_ok=True)
    assert (values[0, 59], np.isnan(values[0, 60])) == (1000, True)
    assert isinstance(source, RollupSource)
    hours = source.rollup(Query(source.metric, ("a",), Window(MONDAY, MONDAY + 2 * HOUR), STEP)).hours
    assert hours.count.tolist() == [[3, 0]]


def test_a_gap_stays_a_gap_of_a_metric_and_of_an_expression(prom_server: PromServer) -> None:
    samples = every(STEP, range(100)) + every(STEP, range(120, 200), MONDAY + 120 * STEP)
    for value in ("x", "sum by (k) (x)", "x * 1", 'x{k="a"} + on (k) (x - x)'):
        source = filled(prom_server, ("x", {"k": "a"}, samples), value=value, key="k", statistic="avg")
        values = ask(source, ("a",), Window(MONDAY, MONDAY + 200 * STEP))[0]
        assert np.flatnonzero(np.isnan(values)).tolist() == list(range(100, 120)), value
        np.testing.assert_array_equal(values[120:], np.arange(120, 200))


@pytest.mark.parametrize("seconds", [15, 60])
def test_a_counter_is_what_it_grew_by_and_nothing_is_lost_between_buckets(
    prom_server: PromServer, seconds: int
) -> None:
    rng = np.random.default_rng(3)
    grown = rng.integers(0, 10**6, 4 * HOUR // seconds)
    total = np.cumsum(grown)
    anew = len(total) // 2
    total[anew:] -= total[anew] - 7
    # Scrapes come at some moment of their interval, and counters begin somewhere.
    series = ("x_bytes_total", {"k": "a", "port": "1"}, every(seconds, total, MONDAY + 7.25))
    gauge = ("y", {"k": "b"}, every(seconds, total))
    source = filled(prom_server, series, gauge, value="x_bytes_total", key="k")
    assert source.metric.unit == "bit/s"
    each = 60 // seconds
    expected = 8 * grown.reshape(-1, each).sum(axis=1) / 60
    expected[anew // each] = np.nan
    values = ask(source, ("a",), Window(MONDAY, MONDAY + 4 * HOUR))[0]
    assert np.isnan(values[0])
    there = ~np.isnan(expected)
    there[0] = False
    np.testing.assert_allclose(values[there], expected[there], rtol=1e-12)
    # Where it began anew, what it counted since is the least that it can have been.
    assert 0 < values[anew // each] < 2 * 8 * 10**6 * each / 60
    hourly = ask(source, ("a",), Window(MONDAY, MONDAY + 4 * HOUR), HOUR)[0]
    assert hourly[1] == pytest.approx(np.mean(expected[60:120]), rel=1e-12)


@pytest.mark.parametrize(
    "said",
    [
        {"value": "x", "key": "k"},
        {"value": "x", "key": "k", "statistic": "max"},
        {"value": "x", "key": "k,port"},
        {"value": "x", "key": "port,k", "statistic": "p95"},
        {"value": "x"},
        {"value": "c_total", "key": "k"},
        {"value": "sum by (k) (rate(c_total[5m])) * 8", "key": "k"},
        {"value": "sum by (k) (x) / on () group_left () count(x)", "key": "k"},
        {"value": "avg_over_time(x[5m:1m] offset 10m)", "key": "k,port", "statistic": "max"},
        {"value": "sum(rate(c_total[2m]))"},
    ],
    ids=str,
)
@pytest.mark.parametrize("resolution", [60, 300])
def test_roll_ups_of_the_server_are_those_of_its_buckets(two_days: PromServer, said: Any, resolution: int) -> None:
    source = open_source(two_days.store, Columns(**said))
    assert isinstance(source, RollupSource)
    assert source.rolls_up(resolution)
    window = Window(MONDAY - HOUR, MONDAY + 2 * DAY + HOUR)
    keys = (*source.keys(window), "nobody")
    assert len(keys) > 1
    query = Query(source.metric, keys, window, resolution, percent=90.0)
    made, ours = source.rollup(query), roll_up(ask(source, keys, window, resolution), HOUR // resolution, 90.0)
    assert made.hours.count.sum() > 40 * HOUR / resolution
    for name, found, expected in zip(HOUR_FIELDS, made.hours, ours, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-9, err_msg=name)
    # A key asked for alone is what it is among others.
    alone, among = ask(source, keys[:1], window, resolution), ask(source, keys, window, resolution)
    np.testing.assert_allclose(alone[0], among[0], rtol=1e-14)


@pytest.fixture(scope="module", params=list(SERVERS))
def two_days(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PromServer]:
    rng = np.random.default_rng(5)
    series: list[Series] = []
    for k, port in (("a", "1"), ("a", "2"), ('b $1 | \\ "q"', "1"), ("c", "")):
        steps = np.flatnonzero(rng.random(2 * DAY // 20) < 0.97)
        values = rng.lognormal(10, 1, len(steps))
        times = MONDAY + 20.0 * steps + 3.5
        labels = {"k": k} | ({"port": port} if port else {})
        series.append(("x", labels, list(zip(times.tolist(), values.tolist(), strict=True))))
        series.append(("c_total", labels, list(zip(times.tolist(), np.cumsum(values).tolist(), strict=True))))
    for server in running(request.param, tmp_path_factory):
        server.fill(series)
        yield server


def test_more_points_than_a_series_may_have_are_asked_for_in_parts(prom_server: PromServer) -> None:
    values = np.arange(25 * DAY // STEP)
    source = filled(prom_server, ("x", {"k": "a"}, every(STEP, values)), value="x", key="k", statistic="avg")
    window = Window(MONDAY, MONDAY + 25 * DAY)
    query = Query(source.metric, ("a",), window, STEP)
    with pytest.raises(TooLong, match="points"):
        source.series(query)
    np.testing.assert_array_equal(ask(source, ("a",), window)[0], values)


def test_several_series_of_a_key_are_said_or_refused(two_days: PromServer) -> None:
    source = open_source(two_days.store, Columns(value="x", key="k"))
    source.keys(Window(MONDAY, MONDAY + DAY))
    assert any("2 series have one k: their mean is used" in remark for remark in source.remarks())
    with pytest.raises(UsageFailure, match="no p95: add"):
        open_source(two_days.store, Columns(value="x", key="k", statistic="p95")).keys(Window(MONDAY, MONDAY + DAY))
    with pytest.raises(StoreError, match=r"several series of 'a': .* sum by \(k\)"):
        open_source(two_days.store, Columns(value="x * 2", key="k")).keys(Window(MONDAY, MONDAY + DAY))


def test_series_without_the_label_are_left_out_and_counted(two_days: PromServer) -> None:
    source = open_source(two_days.store, Columns(value="x", key="port"))
    assert list(source.keys(Window(MONDAY, MONDAY + DAY))) == ["1", "2"]
    day = Window(MONDAY, MONDAY + DAY)
    coverage = source.coverage(day, day)
    # Each sample by itself, as they were put there.
    counted = two_days.ask(f"/api/v1/query?query=x%5B1d%5D+offset+1ms&time={day.end}")
    rows = {
        one["metric"]["k"]: len(one["values"])
        for one in json.loads(counted)["data"]["result"]
        if "port" not in one["metric"]
    }
    assert coverage.reasons == {"have no port": rows["c"]}
    assert coverage.held == (coverage.used, coverage.used)
    assert coverage.rows == coverage.used + rows["c"]


@pytest.mark.parametrize(
    ("said", "error", "line"),
    [
        ({"value": "nothing_of_that_name"}, NoSuchStore, "no sample of nothing_of_that_name"),
        ({"value": "sum(x"}, UsageFailure, "rejects the query"),
        ({"value": "x{"}, UsageFailure, "lacks a }"),
        ({"value": "1 + 1"}, UsageFailure, "selects no series:"),
        ({"value": "x * hour()"}, UsageFailure, "depends on the clock"),
        ({"value": "x", "key": "k, "}, UsageFailure, "is not a valid label:"),
        ({"value": "rate(x[5m])", "statistic": "count"}, UsageFailure, "need a plain metric;"),
        ({}, UsageFailure, "add --value with"),
    ],
)
def test_what_cannot_be_asked_is_one_line(two_days: PromServer, said: Any, error: type[Exception], line: str) -> None:
    def keys() -> None:
        open_source(two_days.store, Columns(**said)).keys(Window(MONDAY, MONDAY + DAY))

    with pytest.raises(error, match=re.escape(line)):
        keys()


@pytest.mark.parametrize(
    "said",
    [
        {"value": "x", "key": "k,port"},
        {"value": "c_total", "key": "port"},
        {"value": "sum by (k) (rate(c_total[5m])) * 8", "key": "k"},
        {"value": "x", "key": "port", "statistic": "max"},
    ],
    ids=str,
)
def test_a_run_holds_the_samples_that_the_server_counts_and_says_what_was_left_out(
    two_days: PromServer, said: Any, tmp_path: Path
) -> None:
    for only in ((), ("1",) if said["key"] == "port" else ("a",) if said["key"] == "k" else ("a / 1",)):
        for _ in range(2):
            scope = Scope(resolution=300, now=MONDAY + WEEK, start=MONDAY + HOUR, end=MONDAY + 40 * HOUR, only=only)
            source = open_source(two_days.store, Columns(**said))
            search = Search(tmp_path, Policy(), scope)
            coverage = discover(source, search, None, Ledger(), lambda _done, _total: None).coverage
            assert coverage.read == coverage.used > 1000
            assert coverage.held == (coverage.used, coverage.used)
            left = {"have no port"} if said["key"] == "port" else set()
            assert set(coverage.reasons) == left | ({OTHER_KEYS} if only else set())


def test_samples_that_are_missing_from_what_is_kept_end_a_run_and_are_asked_for_again(
    prom_server: PromServer, tmp_path: Path
) -> None:
    window = Window(MONDAY, MONDAY + 2 * DAY)
    scope = Scope(resolution=300, now=MONDAY + WEEK, start=window.start, end=window.end)

    def run() -> Findings:
        source = open_source(prom_server.store, Columns(value="x", key="k"))
        return discover(source, Search(tmp_path, Policy(), scope), None, Ledger(), lambda _done, _total: None)

    samples = every(STEP, range(2 * DAY // STEP))
    prom_server.fill([("x", {"k": "a"}, samples[:700] + samples[900:])])
    assert run().coverage.read == len(samples) - 200
    # As if they had been filled in since, with times of long ago.
    prom_server.fill([("x", {"k": "a"}, samples)])
    with pytest.raises(PartialAnswer, match="counts 2,880 samples and answered with 2,680"):
        run()
    assert run().coverage.read == len(samples)


def test_values_that_are_no_numbers_are_said_on_every_run(prom_server: PromServer) -> None:
    samples = [(MONDAY + STEP * place, math.nan if place % 7 == 0 else float(place)) for place in range(600)]
    infinite = every(STEP, [*range(100), math.inf])
    source = filled(
        prom_server,
        ("x", {"k": "a"}, samples),
        ("x", {"k": "b"}, infinite),
        ("x", {"k": "c"}, every(STEP, range(600))),
        value="x",
        key="k",
        statistic="avg",
    )
    window = Window(MONDAY, MONDAY + 10 * HOUR)
    coverage = source.coverage(window, window)
    # VictoriaMetrics keeps no NaN: what it is told of them is gone, and it counts what there is.
    keeps = prom_server.program == "prometheus"
    said = "2 series have" if keeps else "1 series has"
    assert coverage.notes == (f"{said} NaN or infinite values, which count as missing",)
    assert isinstance(source, RollupSource)
    rolled = source.rollup(Query(source.metric, ("a", "b", "c"), window, STEP))
    assert rolled.rows is not None
    # Samples of which no bucket could be made were read all the same.
    assert int(rolled.rows.sum()) == coverage.used == 600 + 101 + 600 - (0 if keeps else 86)
    assert rolled.hours.count.sum(axis=1).tolist() == [600 - 86, 100, 600]


def test_doctor_says_version_retention_scrape_interval_and_series(two_days: PromServer, tmp_path: Path) -> None:
    done = well(sl("doctor", "--store", two_days.store, "--value", "x", "--key", "k", "--output", tmp_path))
    said = "\n".join(line.split("server", 1)[1].strip() for line in done.out.splitlines() if "  server " in line)
    assert "4 series are read, as of their last day" in said
    if two_days.program == "prometheus":
        version = subprocess.run(["prometheus", "--version"], check=True, capture_output=True, text=True)
        assert f"version {said.splitlines()[0].removeprefix('Prometheus ')} " in version.stdout + version.stderr
        assert "it keeps samples for 10y" in said
        assert "it scrapes every 1m, unless a job says otherwise" in said
    else:
        # Debian's build does not say its version.
        assert said.startswith("VictoriaMetrics ")
        assert "it keeps samples for 100y" in said
    assert "a value every 20 s" in done.out
    assert re.search(r"coverage +read all [\d,]+ samples, in the last week", done.out)


@pytest.mark.parametrize(
    ("flags", "kept"),
    [
        ("", ""),
        ('-storageDataPath="/x"\n', "1 month"),
        ('-retentionPeriod="1"\n', "1 month"),
        ('-a="b"\n-retentionPeriod="12"\n', "12 months"),
        ('-retentionPeriod="100y"\n', "100y"),
    ],
)
def test_how_long_victoria_metrics_keeps_samples_is_read_as_it_means_it(flags: str, kept: str) -> None:
    assert servers.kept_of(flags) == kept


def test_the_step_is_that_of_the_samples(two_days: PromServer) -> None:
    assert open_source(two_days.store, Columns(value="x", key="k")).step() == 20
    assert open_source(two_days.store, Columns(value="sum(x)")).step() == 60
