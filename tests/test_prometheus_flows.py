"""By what events came, told from the labels of real servers: the same as from a file with the same rows."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyzer.contributors import OTHERS, UNEXPLAINED, contributors
from analyzer.model import Contributor, Policy
from tests.between import Between
from tests.commands import sl, well
from tests.conformance import MONDAY
from tests.findings_maker import make_event
from tests.prometheus.fixtures import running
from tests.prometheus.server import SERVERS, PromServer, Series
from traffic.errors import UsageFailure
from traffic.flows import MOST, FlowQuery
from traffic.model import HOUR, WEEK, Window
from traffic.store import Columns, open_source
from traffic.store.base import FlowSource

WEEKS, STEP = 4, 600
RISE = Window(MONDAY + (WEEKS - 1) * WEEK + 50 * HOUR, MONDAY + (WEEKS - 1) * WEEK + 53 * HOUR)
EVENT = make_event("a", RISE.start, RISE.seconds / 60)
TIMES = np.arange(MONDAY, MONDAY + WEEKS * WEEK, STEP)
PARTS = (("443", "tcp", 9000), ("443", "udp", 500), ("53", "udp", 400), ("53", "tcp", 300), ("", "tcp", 1000))


def amounts() -> Iterator[tuple[str, str, str, Any]]:
    """Key, port, protocol and what there is of it in each step; of one the port 53 by UDP rises in the last week."""
    rng = np.random.default_rng(3)
    for key in "ab":
        for port, protocol, mean in PARTS:
            found = np.round(mean * rng.uniform(0.9, 1.1, len(TIMES)))
            if (key, port, protocol) == ("a", "53", "udp"):
                found[(RISE.start <= TIMES) & (RISE.end > TIMES)] *= 300
            yield key, port, protocol, found


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "k", "port", "proto", "x"])
        for key, port, protocol, found in amounts():
            writer.writerows((time, key, port, protocol, int(v)) for time, v in zip(TIMES.tolist(), found, strict=True))
    return path


@pytest.fixture(scope="module", params=list(SERVERS))
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PromServer]:
    for one in running(request.param, tmp_path_factory):
        series: list[Series] = []
        for key, port, protocol, found in amounts():
            labels = {"k": key, "proto": protocol} | ({"port": port} if port else {})
            series.append(("x", labels, list(zip(TIMES.tolist(), found.tolist(), strict=True))))
            # What a step brings is counted at its end, a second before the next one.
            counted = list(zip((TIMES + STEP - 1.0).tolist(), np.cumsum(found).tolist(), strict=True))
            series.append(("x_bytes_total", labels, [(MONDAY - 1.0, 0.0), *counted]))
        one.fill(sorted(series, key=lambda each: each[0]))
        yield one


def split(source: Any, by: tuple[str, ...]) -> tuple[Contributor, ...]:
    assert isinstance(source, FlowSource)
    width = source.lasting(STEP)
    (found,) = contributors(source, [EVENT], source.extent(None, 60), source.dimensions(by), Policy(), width)
    return found


def alike(one: tuple[Contributor, ...], other: tuple[Contributor, ...], times: float = 1.0) -> None:
    """The same values in the same order, and figures that are so many times as large."""
    assert [(row.dimension, row.value, row.new, row.split) for row in one] == [
        (row.dimension, row.value, row.new, row.split) for row in other
    ]
    for row, second in zip(one, other, strict=True):
        for name in ("actual", "usual", "excess"):
            mine, theirs = getattr(row, name), getattr(second, name)
            assert (mine is None) == (theirs is None)
            if mine is not None:
                assert mine == pytest.approx(theirs * times, rel=1e-9, abs=1e-6)
        assert row.share == pytest.approx(second.share, rel=1e-9, abs=1e-9)
        if row.weight is not None and second.weight is not None:
            assert row.weight == pytest.approx(second.weight, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("statistic", ["sum", "avg"])
def test_labels_say_what_columns_of_a_file_say(server: PromServer, rows: Path, statistic: Any) -> None:
    ours = split(open_source(server.store, Columns(key="k", value="x", statistic=statistic)), ("port", "proto"))
    files = split(open_source(str(rows), Columns("time", "k", "x", statistic=statistic)), ("port", "proto"))
    assert ours[0].value == "53"
    assert ours[-1].dimension == "port & proto"
    alike(ours, files)


def test_a_counter_is_split_as_the_traffic_that_it_counts(server: PromServer, rows: Path) -> None:
    source = open_source(server.store, Columns(key="k", value="x_bytes_total"))
    files = open_source(str(rows), Columns("time", "k", "x", statistic="sum", scale=8.0, unit="bit/s", bits=False))
    assert source.metric.unit == "bit/s"
    (own, theirs) = split(source, ("port", "proto")), split(files, ("port", "proto"))
    # The file\'s rows are taken for so much a second, and a step has as many of them.
    alike(own, theirs, 1 / STEP)


def test_an_expression_is_split_by_its_own_sum(server: PromServer) -> None:
    value = "sum by (k) (rate(x_bytes_total[20m])) * 8"
    source = open_source(server.store, Columns(key="k", value=value, unit="bit/s"))
    found = split(source, ("port", "proto"))
    assert found[0].value == "53"
    assert found[0].share == pytest.approx(1, abs=0.01)
    counter = split(open_source(server.store, Columns(key="k", value="x_bytes_total")), ("port", "proto"))
    assert found[0].excess == pytest.approx(counter[0].excess, rel=0.1)
    for name in ("port", "proto"):
        assert sum(row.share for row in found if row.dimension == name) == pytest.approx(1, abs=1e-9)
        (rest,) = (row for row in found if row.dimension == name and row.value == UNEXPLAINED)
        assert rest.share == pytest.approx(0, abs=1e-9)


def test_the_parts_of_any_window_add_up_to_all_of_it(server: PromServer) -> None:
    windows = (RISE, Window(RISE.start - WEEK, RISE.end - WEEK), Window(RISE.start - HOUR, RISE.start), Window(0, 0))
    for value in ("x", "x_bytes_total", "sum by (k) (x)", "sum by (k) (rate(x_bytes_total[20m])) * 8"):
        source = open_source(server.store, Columns(key="k", value=value, statistic="sum" if value == "x" else None))
        assert isinstance(source, FlowSource)
        (answer,) = source.flows([FlowQuery("b", windows, source.dimensions(("port",)))])
        assert set(answer.values) == {("443",), ("53",), ("",)}
        np.testing.assert_allclose(answer.amounts.sum(axis=0), answer.totals, rtol=1e-9)
        assert answer.there.tolist() == [True, True, True, False]
        (nobody,) = source.flows([FlowQuery("nobody", windows, ("port",))])
        assert not nobody.values
        assert not nobody.there.any()


def test_more_values_than_are_told_apart_are_one_more(prom_server: PromServer) -> None:
    each = [(MONDAY + 60.0 * minute, 1.0) for minute in range(3)]
    prom_server.fill([("x", {"k": "a", "port": str(port)}, each) for port in range(MOST + 50)])
    source = open_source(prom_server.store, Columns(key="k", value="x", statistic="sum"))
    assert isinstance(source, FlowSource)
    (answer,) = source.flows([FlowQuery("a", (Window(MONDAY, MONDAY + 180),), ("port",))])
    assert len(answer.values) == MOST + 1
    assert answer.amounts[-1].tolist() == [150.0]
    assert answer.amounts.sum() == answer.totals.sum() == 3.0 * (MOST + 50)


@pytest.mark.parametrize(
    ("said", "by", "line"),
    [
        ({"value": "x"}, "site", "has no label 'site' to break traffic down by (labels: port, proto)"),
        ({"value": "x"}, "k", "is a part of the key already"),
        ({"value": "x"}, "a b", "has no label 'a b'"),
        ({"value": "x", "statistic": "max"}, "port", "a max cannot be broken down"),
        ({"value": "max by (k) (x)"}, "port", "--by needs 'sum by (...) (...)', at most multiplied by a number"),
    ],
    ids=str,
)
def test_what_has_no_parts_is_one_line(server: PromServer, said: Any, by: str, line: str) -> None:
    source = open_source(server.store, Columns(key="k", **said))
    assert isinstance(source, FlowSource)
    with pytest.raises(UsageFailure, match=re.escape(line)):
        source.dimensions((by,))


def test_discover_asks_once_an_event_and_dimension_and_not_again(server: PromServer, tmp_path: Path) -> None:
    with Between(server.url) as between:
        store = ("--store", f"prometheus:{between.url}", "--value", "x_bytes_total", "--key", "k", "--by", "port,proto")
        rest = ("--resolution", "10m", "--charts", "0", "--output", tmp_path)
        planned = json.loads(well(sl("discover", *store, *rest, "--dry-run", "--json")).out)
        well(sl("discover", *store, *rest))

        def asked() -> int:
            return sum(asked.fields.get("step") == str(WEEK) for asked, _ in between.log)

        events = len((tmp_path / "events.csv").read_text().splitlines()) - 1
        assert events > 0
        assert 2 * events <= asked() <= planned["event_requests"] * events
        before = asked()
        well(sl("discover", *store, *rest))
        assert asked() == before
    with (tmp_path / "contributors.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["value"] for row in found if row["dimension"] == "port & proto"] == ["53 & udp"]
    assert OTHERS in {row["value"] for row in found}
