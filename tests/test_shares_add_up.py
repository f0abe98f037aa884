"""Whatever the records hold, and wherever they lie: the rows of a dimension add up to all that an event differs by."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib import get_data_path

from analyzer.contributors import OTHERS, UNEXPLAINED, contributors
from analyzer.model import Contributor, Policy
from analyzer.pipeline import Ledger, Search, discover
from analyzer.reading.scope import Scope
from tests.commands import sl, well
from tests.findings_maker import make_event
from traffic.flows import MORE, SEVERAL
from traffic.model import DAY, HOUR, WEEK, Window, week_start
from traffic.store import Columns, open_source
from traffic.store.base import FlowSource, Source

MONDAY = week_start(1_759_708_800)
AT = MONDAY + 4 * WEEK + 50 * HOUR
"""When something happens in the rows below."""

FALLS = "outage: {per_week: 0.5, minutes: [60, 180], factor: [0, 0.02]}\n"
WORLDS = {
    "default": "",
    "campaigns": "campaigns: {per_week: 1.5, share: [0.15, 0.4], monday: {chance: 1}}",
    "hard": "hard:\n  many_keys: {share: 0.45, factor: [1.6, 2.2], minutes: [15, 40]}",
}


def adds_up(rows: Sequence[Contributor]) -> int:
    """Make sure of it for each event and dimension; how many there are."""
    groups: dict[tuple[str, str], list[Contributor]] = {}
    for row in rows:
        if "&" not in row.dimension:
            groups.setdefault((row.event_id, row.dimension), []).append(row)
    for of_it in groups.values():
        assert [row.value for row in of_it][-2:] == [OTHERS, UNEXPLAINED]
        size = max(1.0, math.fsum(abs(row.share) for row in of_it))
        assert math.fsum(row.share for row in of_it) == pytest.approx(1, abs=1e-9 * size)
        parts = [row for row in of_it if row.value != UNEXPLAINED]
        if of_it[0].split == "mean":
            assert all(row.excess == pytest.approx((row.rate or 0) + (row.mix or 0), abs=1e-9) for row in parts)
        else:
            scale = max(abs(row.actual or 0) + abs(row.usual or 0) for row in parts)
            for row in parts:
                assert row.excess == pytest.approx((row.actual or 0) - (row.usual or 0), abs=1e-9 * scale)
        # What all of it differs by, by each row alone: the same for all of them.
        wholes = [(row.excess or 0) / row.share for row in parts if abs(row.share) > 1e-3]
        assert wholes == pytest.approx([wholes[0]] * len(wholes), rel=1e-9)
        whole = math.fsum(row.excess or 0 for row in parts)
        assert whole == pytest.approx(wholes[0] * (1 - of_it[-1].share), rel=1e-9)
    return len(groups)


@pytest.mark.parametrize("world", WORLDS)
def test_of_every_event_of_a_world(world: str, tmp_path: Path) -> None:
    span = f"{{start: {day(MONDAY)}, end: {day(MONDAY + 5 * WEEK)}}}"
    dimensions = "dimensions: {enabled: true, services_each: [2, 4], networks_each: [2, 4]}"
    text = f"seed: 3\nstep: 5m\nwindow: {span}\ncustomers: {{count: 6}}\n{FALLS}{dimensions}\n{WORLDS[world]}\n"
    (tmp_path / "scenario.yaml").write_text(text)
    into = ("--scenario", tmp_path / "scenario.yaml", "--store", tmp_path / "s", "--output", tmp_path, "-q")
    well(sl("generate", *into))
    store = open_source(str(tmp_path / "s"))
    extent = store.extent(None, 300)
    policy = replace(Policy(), direction="both", floor=1e6)
    search = Search(tmp_path, policy, Scope(300, extent.end, start=None, end=None, history=6 * WEEK))
    found = discover(store, search, None, Ledger(), lambda _done, _all: None)
    assert {event.direction for event in found.events} == {"above", "below"}
    assert adds_up(found.contributors) == 4 * len({row.event_id for row in found.contributors}) >= 20


def day(time: int) -> str:
    return str(np.datetime64(time, "s").astype("datetime64[D]"))


@pytest.mark.parametrize(("value", "statistic"), [("volume", "sum"), ("close", "avg")])
def test_of_what_was_really_measured(value: str, statistic: str, tmp_path: Path) -> None:
    # Four years of a share's trading days, which come with matplotlib: whose amounts nobody made up.
    days = np.load(Path(get_data_path()) / "sample_data" / "goog.npz")["price_data"]
    moved = np.where(days["close"] > days["open"], "up", "down")
    gap = np.where(np.abs(np.diff(days["close"], prepend=days["close"][0])) > 0.03 * days["close"], "far", "")
    lines = [
        ",".join(map(str, ("goog", *day, *words)))
        for day, *words in zip(days[["date", value]].tolist(), moved, gap, strict=True)
    ]
    (tmp_path / "goog.csv").write_text("\n".join([f"share,date,{value},moved,gap", *lines]) + "\n")
    store = open_source(str(tmp_path / "goog.csv"), Columns("date", "share", value, statistic=statistic))  # type: ignore[arg-type]
    assert isinstance(store, FlowSource)
    extent, by = store.extent(None, DAY), ("moved", "gap")
    starts = days["date"].astype("datetime64[s]").astype(int).tolist()
    events = [replace(make_event("goog", start, 1440), end=start + DAY) for start in starts[::9]]
    found = [row for rows in contributors(store, events, extent, by, Policy()) for row in rows]
    assert adds_up(found) > 1.8 * len(events)


def rows_with(field: str) -> Iterator[dict[str, object]]:
    """Five weeks of an hour's rows of a key, the last of which has ten times as much: with a field that is awkward."""
    yield {"t": AT - WEEK, "k": "b", "v": 1, "f": "b"}
    for week in range(5):
        start = AT + (week - 4) * WEEK
        for number in range(3_000):
            row: dict[str, object] = {"t": start + number, "k": "a", "v": 7 + number % 11}
            if week == 4 and number % 2:
                row["v"] = 200
            values = {
                "whole": f"s{number % 3}",
                "missing in most": "s" if number % 5 == 0 else None,
                "missing in old weeks": "now" if week == 4 else None,
                "missing now": "then" if week < 4 else None,
                "never there": None,
                "many": f"c{week * 3_000 + number}",
                "lists": ["x", "y", f"z{number % 4}"] if number % 3 else "x",
                "lists of many": [f"c{number}", f"d{number % 2_000}"],
                "empty lists": [] if number % 3 else ["x"],
                "other types": [1, "1", True, None, 2.5][number % 5],
            }
            if (value := values[field]) is not None:
                row["f"] = value
            yield row
    yield {"t": AT + 90, "k": "a", "v": 40_000, "f": None}


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("whole", {"s0", "s1", "s2", "(none)"}),
        ("missing in most", {"s", "(none)"}),
        ("missing in old weeks", {"now", "(none)"}),
        ("missing now", {"then", "(none)"}),
        ("never there", {"(none)"}),
        ("many", {MORE}),
        ("lists", {"x", "y", "z0", "z1", "z2", "z3", SEVERAL, "(none)"}),
        ("lists of many", {MORE}),
        ("empty lists", {"x", "(none)"}),
        ("other types", {"1", "true", "2.5", "(none)"}),
    ],
)
@pytest.mark.parametrize("statistic", ["sum", "avg", "count", "p95"])
def test_of_rows_whatever_a_field_holds(field: str, told: set[str], statistic: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.ndjson"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows_with(field)))
    value = None if statistic == "count" else "v"
    store: Source = open_source(str(path), Columns("t", "k", value, statistic=statistic))  # type: ignore[arg-type]
    assert isinstance(store, FlowSource)
    store.dimensions(("f",))
    event = replace(make_event("a", AT, 60), threshold=100.0)
    (rows,) = contributors(store, [event], Window(AT - 5 * WEEK, AT + DAY), ("f",), Policy())
    if statistic == "count":
        # In this hour there is one row more than in those of other weeks.
        assert rows[-1].share == pytest.approx(0, abs=1e-9)
    assert adds_up(rows) == 1
    assert told <= {row.value for row in rows} | ({"(none)"} if statistic == "p95" else set())
