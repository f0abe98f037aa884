"""By what events came: shares that add up, the culprit that the truth names, and nobody where there is none."""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from analyzer.causes import event_requests
from analyzer.contributors import OTHERS, TOP, UNEXPLAINED, contributors, leading, named, windows_of
from analyzer.kernels.shares import mean_shares, middle, shares
from analyzer.model import Contributor, Policy
from tests.commands import refused, sl, well
from tests.findings_maker import make_event
from tests.worlds import MONDAY, MemorySource
from traffic import truth
from traffic.flows import FlowAnswer, FlowQuery
from traffic.model import HOUR, WEEK, Floats, Window
from traffic.store import Columns, open_source
from traffic.store.base import FlowSource
from traffic.times import iso

amounts = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 30), st.integers(2, 8)),
    elements=st.integers(0, 10**12).map(float),
)


@given(amounts, st.integers(0, 10**12))
def test_shares_are_what_their_words_say(parts: Floats, besides: int) -> None:
    totals = parts.sum(axis=0) + np.arange(parts.shape[1]) * besides
    found = shares(parts, totals)
    weeks = sorted(range(1, parts.shape[1]), key=lambda week: totals[week])
    calm = sorted({1: weeks, 2: weeks, 3: weeks[:2]}.get(len(weeks), weeks[1:-1]))
    assert (1 + middle(totals[1:])).tolist() == calm
    usual = [sum(row[week] for week in calm) / len(calm) for row in parts]
    whole = totals[0] - sum(totals[week] for week in calm) / len(calm)
    for place, row in enumerate(parts):
        assert found.levels([place])[1] == pytest.approx(usual[place], rel=1e-12)
        assert found.new[place] == (row[0] > 0 and not any(row[1:]))
        if whole:
            assert found.share[place] == pytest.approx((row[0] - usual[place]) / whole, rel=1e-9, abs=1e-9)
        else:
            assert math.isnan(found.share[place])
    if whole:
        assert found.share.sum() + found.rest == pytest.approx(1, abs=1e-9 * max(1, np.abs(found.share).sum()))


@given(amounts, st.integers(0, 10**6), st.data())
def test_a_mean_differs_by_rate_and_mix_and_by_nothing_else(rows: Floats, besides: int, data: st.DataObject) -> None:
    means = data.draw(hnp.arrays(np.float64, rows.shape, elements=st.integers(0, 100).map(float)))
    sums = rows * means
    all_rows = rows.sum(axis=0) + besides
    totals = sums.sum(axis=0) + besides * 7
    assume((all_rows > 0).all())
    found = mean_shares(sums, totals, rows, all_rows)
    assert found.rate is not None
    assert found.mix is not None
    chosen = (1 + middle(totals[1:] / all_rows[1:])).tolist()

    def usually(figures: Sequence[float]) -> float:
        return sum(figures[week] for week in chosen) / len(chosen)

    mean, usual = totals[0] / all_rows[0], usually(totals) / usually(all_rows)
    for place in range(len(rows)):
        weight, weight0 = rows[place][0] / all_rows[0], usually(rows[place]) / usually(all_rows)
        own0 = usually(sums[place]) / usually(rows[place]) if usually(rows[place]) else usual
        own = sums[place][0] / rows[place][0] if rows[place][0] else 0.0
        assert found.rate[place] == pytest.approx(weight * (own - own0), rel=1e-9, abs=1e-7)
        assert found.mix[place] == pytest.approx((weight - weight0) * (own0 - usual), rel=1e-9, abs=1e-7)
        assert found.weight[place] == pytest.approx(weight0, rel=1e-9, abs=1e-7)
        assert found.new[place] == (rows[place][0] > 0 and not rows[place][1:].any())
    left = (besides / all_rows[0]) * (7 - usual) - (besides / usually(all_rows)) * (7 - usual)
    assert found.excess.sum() + left == pytest.approx(mean - usual, rel=1e-9, abs=1e-7)
    if not math.isnan(found.rest):
        assert found.share.sum() + found.rest == pytest.approx(1, abs=1e-9 * max(1, np.abs(found.share).sum()))


class MadeOf(MemorySource, FlowSource):
    """A store whose flows are given: value -> amount in each window."""

    split: Floats
    totals: Floats
    named: tuple[str, ...] = ()

    def dimensions(self, wanted: Sequence[str] | None = None) -> tuple[str, ...]:
        return ("port",)

    def flows(self, queries: Sequence[FlowQuery]) -> Iterator[FlowAnswer]:
        for query in queries:
            count = len(query.windows)
            texts = self.named or [str(place) for place in range(len(self.split))]
            names = tuple((text,) * len(query.by) for text in texts)
            # The last window is the hour before.
            split, totals = (
                np.append(one[..., : count - 1], one[..., :1], axis=-1) for one in (self.split, self.totals)
            )
            yield FlowAnswer(names, split, totals, totals > 0)


@given(amounts)
def test_the_rows_of_a_dimension_add_up_to_1(parts: Floats) -> None:
    source = MadeOf(MONDAY, {"a": np.ones(10)})
    source.split, source.totals = parts, parts.sum(axis=0) * 1.25
    event = make_event("a", MONDAY + 4 * WEEK)
    reach = Window(MONDAY, MONDAY + (4 + parts.shape[1]) * WEEK)
    (rows,) = contributors(source, [event], reach, ("port",), Policy())
    windows = windows_of(event, reach, Policy())
    if not (source.totals[1 : len(windows)] > 0).any():
        assert rows == ()
        return
    assert [row.value for row in rows][-2:] == [OTHERS, UNEXPLAINED]
    counted = middle(source.totals[1 : len(windows)][source.totals[1 : len(windows)] > 0])
    weeks = [0, *(1 + np.flatnonzero(source.totals[1 : len(windows)] > 0)[counted])]
    assert len(rows) == min(TOP, int(parts[:, weeks].any(axis=1).sum())) + 2
    if not math.isnan(rows[-1].share):
        total = math.fsum(row.share for row in rows)
        assert total == pytest.approx(1, abs=1e-9 * max(1.0, sum(abs(row.share) for row in rows)))


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 1, 0, 2]])
def test_rows_stand_in_the_same_order_whatever_order_a_store_has(order: list[int]) -> None:
    source = MadeOf(MONDAY, {"a": np.ones(10)})
    parts = np.array([[9.0, 1, 1], [5, 1, 1], [5, 1, 1], [0, 0, 0]])
    source.named, source.split, source.totals = tuple("dcba"[one] for one in order), parts[order], parts.sum(axis=0)
    event = make_event("a", MONDAY + 4 * WEEK)
    (rows,) = contributors(source, [event], Window(MONDAY, MONDAY + 7 * WEEK), ("port",), Policy())
    assert [row.value for row in rows] == ["d", "b", "c", OTHERS, UNEXPLAINED], "and of what was never there is no word"


@pytest.mark.parametrize(
    ("at", "baseline", "weeks"),
    [
        (4, "retrospective", [0, -1, 1, -2, 2, -3, 3]),
        (0, "retrospective", [0, 1, 2, 3, 4, 5, 6]),
        (1, "retrospective", [0, -1, 1, 2, 3, 4, 5]),
        (4, "trailing", [0, -1, -2, -3, -4]),
        (0, "trailing", [0]),
    ],
)
def test_the_nearest_weeks_that_are_there_say_what_is_usual(at: int, baseline: str, weeks: list[int]) -> None:
    event = make_event("a", MONDAY + at * WEEK + 5 * HOUR)
    found = windows_of(event, Window(MONDAY, MONDAY + 8 * WEEK), Policy(baseline=baseline))  # type: ignore[arg-type]
    assert [(window.start - event.start) // WEEK for window in found] == weeks
    assert {window.seconds for window in found} == {event.end - event.start}


class Asked(MadeOf):
    """A store that is a service."""

    def dimensions(self, wanted: Sequence[str] | None = None) -> tuple[str, ...]:
        return tuple(wanted if wanted is not None else ("port", "as", "site"))

    def flow_requests(self, dimensions: int, windows: int, events: int = 1) -> int:
        return events * (2 * dimensions + windows)


def test_what_an_event_asks_for_at_the_most_is_counted_before() -> None:
    series = {"a": np.ones(10)}
    assert event_requests(Asked(MONDAY, series), None) == 3 * 2 + 8, "its own time, six weeks, the hour before"
    assert event_requests(Asked(MONDAY, series), ("port",)) == 2 + 8
    assert event_requests(Asked(MONDAY, series), ("port",), 100) == 1000
    assert event_requests(Asked(MONDAY, series), ()) == 0
    assert event_requests(MadeOf(MONDAY, series), None) == 0, "what lies here is asked for nothing"
    assert event_requests(MemorySource(MONDAY, series), None) == 0


def row(dimension: str, value: str, share: float, usual: float) -> Contributor:
    return Contributor("e", dimension, value, 1.0, usual, 1.0, share, weight=usual / 100)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([row("port", "53", 0.97, 5.0), row("protocol", "udp", 1.0, 50.0)], "port=53"),
        ([row("port", "53", 0.5, 5.0), row("protocol", "udp", 1.0, 50.0)], "protocol=udp"),
        ([row("port", "53", 1.0, 5.0), row("port & as", "53 & 7", 0.97, 1.0)], "port=53 & as=7"),
        ([row("port", OTHERS, 1.0, 5.0), row("port", UNEXPLAINED, 1.0, 5.0)], ""),
        ([row("port", "53", math.nan, 5.0)], ""),
        ([row("protocol", "tcp", 0.99, 99.0), row("as", "7", 0.51, 15.0), row("as", "9", 0.48, 28.0)], "as=7"),
        ([row("protocol", "tcp", 0.99, 99.0), row("port", "443", 0.7, 65.0)], "protocol=tcp"),
        ([], ""),
    ],
)
def test_the_rarest_of_those_that_explain_most_is_named(rows: list[Contributor], words: str) -> None:
    found = leading(rows)
    assert ("" if found is None else named(found)) == words


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flows")
    span = ("--customers", "24", "--start", "2026-10-05", "--end", "2026-11-09", "--flows")
    well(sl("generate", "--store", folder / "s", "--output", folder, *span, "-q"))
    well(sl("discover", "--store", folder / "s", "--output", folder, "--charts", "0", "--no-html", "-q"))
    return folder


def rows_of(folder: Path) -> dict[str, list[dict[str, str]]]:
    found = defaultdict(list)
    with (folder / "contributors.csv").open(newline="") as file:
        for line in csv.DictReader(file):
            found[line["event_id"]].append(line)
    return found


def test_the_excess_is_given_to_the_culprit_and_pairs_are_named(world: Path) -> None:
    rows, given, pairs = rows_of(world), [], []
    labels = {label.id: label for label in truth.read(world / "ground_truth.csv")[0]}
    with (world / "events.csv").open(newline="") as file:
        events = list(csv.DictReader(file))
    assert set(rows) == {event["event_id"] for event in events}
    for event in events:
        mine = rows[event["event_id"]]
        for dimension in ("dst_port", "protocol", "src_as", "country"):
            total = math.fsum(float(one["share"]) for one in mine if one["dimension"] == dimension)
            assert total == pytest.approx(1, abs=1e-8), "as they are written, to ten digits"
        label = labels.get(event["label_id"])
        if label is None or not label.culprit:
            continue
        if " & " in label.culprit:
            together = [f"{one['dimension']} = {one['value']}" for one in mine if "&" in one["dimension"]]
            names, values = zip(*(part.split("=") for part in label.culprit.split(" & ")), strict=True)
            pairs.append(together == [f"{' & '.join(names)} = {' & '.join(values)}"])
        else:
            name = label.culprit.partition("=")[0]
            values = tuple(part.split("=")[1] for part in label.culprit.split(" | "))
            shown = [float(one["share"]) for one in mine if one["dimension"] == name and one["value"] in values]
            given.append(sum(shown))
    assert len(given) >= 15
    assert mean(given) >= 0.95
    assert len(pairs) >= 4
    assert mean(pairs) >= 0.8


def test_no_value_is_blamed_for_a_decoy_beyond_the_share_that_it_has(world: Path) -> None:
    source = open_source(str(world / "s"))
    assert isinstance(source, FlowSource)
    labels = [one for one in truth.read(world / "ground_truth.csv")[0] if one.shape == "backup"]
    extent = source.extent(None, 60)
    assert labels
    for label in labels:
        event = make_event(label.key, label.start, (label.end - label.start) / 60)
        (found,) = contributors(source, [event], extent, source.dimensions(), Policy())
        actual = sum(one.actual or 0.0 for one in found if one.dimension == "dst_port")
        assert not [one for one in found if "&" in one.dimension]
        excess = sum(one.excess or 0.0 for one in found if one.dimension == "dst_port")
        if abs(excess) > 0.5 * actual:
            for one in found:
                assert one.share <= (one.actual or 0.0) / actual + 0.2


def test_what_the_store_does_not_know_is_refused_and_none_is_possible(world: Path, tmp_path: Path) -> None:
    store = ("--store", world / "s", "--output", tmp_path, "--charts", "0", "--no-html")
    assert "cannot break traffic down by 'dst_prt': use dst_port" in refused(
        sl("discover", *store, "--by", "dst_prt"), 2
    )
    answer = well(sl("discover", *store, "--by", "dst_port,src_as"))
    assert "by" in answer.out
    assert {one["dimension"] for lines in rows_of(tmp_path).values() for one in lines} >= {"dst_port", "src_as"}
    well(sl("discover", *store, "--by", "none", "-q"))
    assert not (tmp_path / "contributors.csv").exists()


def test_a_report_shows_them_again_without_a_query(world: Path) -> None:
    before = (world / "contributors.csv").read_bytes()
    answer = well(sl("report", "--output", world, "--charts", "0", "--no-html"))
    assert "dst_port=" in answer.out
    assert (world / "contributors.csv").read_bytes() == before


def test_flows_that_are_missing_are_what_is_not_explained(world: Path, tmp_path: Path) -> None:
    shutil.copytree(world / "s", tmp_path / "s")
    with (world / "events.csv").open(newline="") as file:
        events = [one for one in csv.DictReader(file) if one["direction"] == "above"]
    for path in (tmp_path / "s" / "flows").rglob("*.parquet"):
        if path.parent.name == "2026-10-19":
            path.unlink()
    well(sl("discover", "--store", tmp_path / "s", "--output", tmp_path, "--charts", "0", "--no-html", "-q"))
    rows = rows_of(tmp_path)
    lost = [
        one["event_id"] for one in events if "2026-10-19" <= one["start"] < "2026-10-25" and one["direction"] == "above"
    ]
    assert lost
    for event in lost:
        blind = [float(one["share"]) for one in rows[event] if one["value"] == UNEXPLAINED]
        assert all(share > 0.9 for share in blind)


def test_files_of_flow_records_say_to_the_byte_what_the_store_says(world: Path, tmp_path: Path) -> None:
    columns = ("--key", "customer", "--value", "bytes", "--resolution", "1m", "--floor", "1e6")
    quiet = ("--charts", "0", "--no-html", "-q")
    well(sl("discover", "--store", world / "s" / "flows", *columns, "--output", tmp_path, *quiet))
    # Events have other names where the metric has.
    texts = [(one / "contributors.csv").read_text() for one in (world, tmp_path)]
    ours, theirs = ([line.partition(",")[2] for line in text.splitlines()] for text in texts)
    assert ours == theirs


NAMES = ("443", "80", "", "53")
rows_of_files = st.lists(
    st.tuples(
        st.integers(0, 20), st.sampled_from("ab"), st.sampled_from(NAMES), st.sampled_from(NAMES), st.integers(0, 99)
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=10, deadline=None)
@given(rows_of_files)
def test_files_are_summed_by_value_and_window(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, str, str, str, int]]
) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    lines = [f"{MONDAY + 60 * minute},{key},{port},{other},{amount}" for minute, key, port, other, amount in rows]
    path.write_text("\n".join(["time,key,dst_port,other,bytes", *lines]) + "\n")
    source = open_source(str(path), Columns("time", "key", "bytes", statistic="sum"))
    assert isinstance(source, FlowSource)
    assert source.dimensions() == ("dst_port",)
    windows = (Window(MONDAY, MONDAY + 300), Window(MONDAY + 300, MONDAY + 1260), Window(MONDAY - 60, MONDAY))
    queries = [
        FlowQuery(key, windows, by)
        for by in (("dst_port",), ("other",), ("dst_port", "other"))
        for key in ("a", "b", "c")
    ]
    for query, answer in zip(queries, source.flows(queries), strict=True):
        expected: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
        there = [False] * 3
        for minute, key, port, other, amount in rows:
            value = tuple({"dst_port": port, "other": other}[name] for name in query.by)
            for place, window in enumerate(windows):
                if key == query.key and window.start <= MONDAY + 60 * minute < window.end:
                    expected[value][place] += amount
                    there[place] = True
        found = dict(zip(answer.values, answer.amounts.tolist(), strict=True))
        assert found == {value: [amount * source.metric.scale for amount in sums] for value, sums in expected.items()}
        assert answer.there.tolist() == there
        assert answer.totals.tolist() == pytest.approx(answer.amounts.sum(axis=0).tolist())


def test_columns_of_ones_own_are_told_apart_by_and_what_does_not_add_up_is_not(tmp_path: Path) -> None:
    rows = []
    for minute in range(0, 35 * 1440, 10):
        for port, bytes_ in (("443", 900 + minute % 7), ("", 50), ("53", 9000 if 43_800 <= minute < 43_860 else 30)):
            rows.append(f"{MONDAY + 60 * minute},a,{bytes_},{port},{minute % 3}")
    path = tmp_path / "own.csv"
    path.write_text("\n".join(["ts,customer,bytes,DstPort,site", *rows]) + "\n")
    run = ("discover", path, "--output", tmp_path, "--charts", "0", "--no-html", "--floor", "1")
    assert "DstPort=53 100 %" in well(sl(*run)).out
    values = {one["value"] for lines in rows_of(tmp_path).values() for one in lines}
    assert values == {"443", "53", "(none)", OTHERS, UNEXPLAINED}
    again = well(sl(*run, "-v"))
    assert "sent 0" in again.err, "what was found is kept"
    well(sl(*run, "--by", "site", "-q"))
    assert {one["dimension"] for lines in rows_of(tmp_path).values() for one in lines} == {"site"}
    assert "has no column 'sight'" in refused(sl(*run, "-q", "--by", "sight"), 2)
    grown = [f"{MONDAY + 60 * minute},a,{minute * 100},x" for minute in range(0, 30 * 1440, 10)]
    (tmp_path / "grown.csv").write_text("\n".join(["ts,customer,octets,site", *grown]) + "\n")
    counter = ("discover", tmp_path / "grown.csv", "--output", tmp_path, "-q", "--statistic", "rate", "--by", "site")
    assert "cannot be broken down:" in refused(sl(*counter, "--floor", "1", "--over-percent", "0", "--matches", "1"), 2)


def test_amounts_are_in_the_unit_of_the_excess_also_of_values_that_are_rates_already(tmp_path: Path) -> None:
    rows = []
    for minute in range(0, 28 * 1440, 10):
        rise = 40 if 30_000 <= minute < 30_060 else 1
        rows += [f"{MONDAY + 60 * minute},a,{100 * rise},53", f"{MONDAY + 60 * minute},a,{1000 + minute % 3},443"]
    (tmp_path / "rates.csv").write_text("\n".join(["time,key,value,dst_port", *rows]) + "\n")
    columns = ("--key", "key", "--value", "value", "--statistic", "sum", "--unit", "bit/s")
    run = ("discover", tmp_path / "rates.csv", *columns, "--output", tmp_path, "--charts", "0", "--no-html", "-q")
    well(sl(*run, "--floor", "1"))
    with (tmp_path / "events.csv").open(newline="") as file:
        (event,) = csv.DictReader(file)
    (port,) = [one for one in rows_of(tmp_path)[event["event_id"]] if one["value"] == "53"]
    assert float(port["excess"]) == 100 * 39 * 6 * 600
    assert float(port["excess"]) == pytest.approx(float(event["excess"]), rel=0.01)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of a service whose /pay fails and is slow for an hour in the fifth week."""
    rng, rows = np.random.default_rng(5), []
    for at in range(MONDAY, MONDAY + 5 * WEEK, 180):
        bad = MONDAY + 4 * WEEK + 100 * HOUR <= at < MONDAY + 4 * WEEK + 101 * HOUR
        for endpoint in ("/pay", "/cart", "/cart", "/home"):
            fails = rng.random() < (0.9 if bad and endpoint == "/pay" else 0.02)
            slow = 4000 if bad and endpoint == "/pay" else 100
            rows.append(
                f'{{"time":{at},"service":"shop","endpoint":"{endpoint}","status":{500 if fails else 200},'
                f'"duration_ms":{slow * rng.lognormal(0, 0.1):.3f}}}'
            )
    path = tmp_path_factory.mktemp("log") / "shop.ndjson"
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize(
    ("metric", "split"), [("error-share", "mean"), ("errors", "excess"), ("latency", "mean"), ("latency-p95", "rows")]
)
def test_lines_of_a_log_say_by_what_shares_means_and_percentiles_rose(
    lines: Path, tmp_path: Path, metric: str, split: str
) -> None:
    run = ("discover", "--store", lines, "--metric", metric, "--output", tmp_path, "--charts", "0", "--no-html", "-q")
    well(sl(*run, "--resolution", "60m", "--by", "endpoint"))
    found = rows_of(tmp_path)
    with (tmp_path / "events.csv").open(newline="") as file:
        (event,) = [one for one in csv.DictReader(file) if one["start"] == iso(MONDAY + 4 * WEEK + 100 * HOUR)]
    rows = found[event["event_id"]]
    assert {one["split"] for one in rows} == {split}
    assert rows[0]["value"] == "/pay"
    assert float(rows[0]["share"]) > 0.95
    for rows in found.values():
        shares = [float(one["share"]) for one in rows if one["share"]]
        assert math.fsum(shares) == pytest.approx(1, abs=1e-8 * max(1, sum(map(abs, shares))))
        for one in rows:
            if one["rate"]:
                assert float(one["rate"]) + float(one["mix"]) == pytest.approx(float(one["excess"]), rel=1e-8, abs=1e-9)
    told = well(sl("explain", event["event_id"], "--output", tmp_path)).out
    assert "Contributors:" in told
    assert "/pay" in told.partition("Contributors:")[2]
    assert ("a percentile cannot be split" in told) == (split == "rows")
    document = json.loads(well(sl("explain", event["event_id"], "--output", tmp_path, "--json")).out)
    assert document["contributors"][0]["value"] == "/pay"
    assert document["contributors"][0]["share"] == float(rows_of(tmp_path)[event["event_id"]][0]["share"])
