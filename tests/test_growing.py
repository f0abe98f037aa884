"""A store that grows: what an earlier run completed is left alone, and the result is that of one run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.pipeline import TRUTH, generate
from generator.scenario import CustomerSettings, Scenario
from generator.span import Span
from generator.world import World
from tests.commands import ROOT
from tests.conformance import begin_as_before
from traffic.config import load
from traffic.model import BITS, HOUR, WEEK, Grid, Ints, Label, Window, week_start
from traffic.store.folder import NOTE, block_files
from traffic.store.parquet import ParquetSink
from traffic.times import instant, iso

MONDAY = week_start(instant("2026-09-07", 0))
SMALL = replace(Scenario(), customers=CustomerSettings(count=70))


class Watched(ParquetSink):
    """Remembers which weeks were written, and from when on."""

    def __init__(self, folder: Path, scenario: Scenario) -> None:
        super().__init__(folder, BITS.field, scenario.seconds, scenario.fingerprint, 70, replace=False)
        self.written: list[int] = []
        self.starts: list[int] = []

    def write(self, keys: tuple[str, ...], grid: Grid, amounts: Ints) -> int:
        self.written.append(week_start(grid.start))
        self.starts.append(grid.start)
        return super().write(keys, grid, amounts)


def filled(folder: Path, start: int, end: int, scenario: Scenario = SMALL) -> Watched:
    """Fill a store."""
    asked = replace(scenario, window=Span(start=iso(start), end=iso(end)))
    folder.mkdir(exist_ok=True)
    sink = Watched(folder / "traffic", scenario)
    generate(asked, sink, end, folder)
    return sink


def fill(folder: Path, start: int, end: int, scenario: Scenario = SMALL) -> list[int]:
    """Fill a store, and answer the weeks that were written."""
    return sorted(set(filled(folder, start, end, scenario).written))


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


HARD = replace(load(ROOT / "input" / "scenario-hard.yaml", Scenario), customers=CustomerSettings(count=70))


@settings(max_examples=8, deadline=None)
@given(
    ends=st.lists(st.integers(1, 24 * 20), min_size=1, max_size=3, unique=True),
    first=st.integers(0, 60),
    scenario=st.sampled_from([SMALL, HARD]),
    before=st.booleans(),
)
def test_a_store_that_grew_is_byte_for_byte_one_that_was_filled_at_once(
    ends: list[int], first: int, scenario: Scenario, before: bool
) -> None:
    start = MONDAY + first * HOUR
    hours = [start + hour * HOUR for hour in sorted(ends)]
    with tempfile.TemporaryDirectory() as folder:
        grown, whole = Path(folder, "grown"), Path(folder, "whole")
        for store in (grown, whole) if before else ():
            store.mkdir()
            begin_as_before(store / "traffic", 70, scenario.fingerprint)
        last = start
        for end in hours:
            written = fill(grown, start, end, scenario)
            assert written == sorted({week_start(hour) for hour in range(last, end, HOUR)})
            last = end
        fill(whole, start, hours[-1], scenario)
        assert files(grown) == files(whole)


@pytest.fixture(scope="module")
def week_and_a_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grown")
    fill(folder, MONDAY, MONDAY + WEEK + 24 * HOUR)
    return folder


def test_a_file_that_is_gone_is_made_again(week_and_a_day: Path) -> None:
    before = files(week_and_a_day)
    block_files(week_and_a_day / "traffic", BITS.field)[0].path.unlink()
    assert fill(week_and_a_day, MONDAY, MONDAY + WEEK + 24 * HOUR) == [MONDAY]
    assert files(week_and_a_day) == before


def test_of_a_week_that_an_earlier_run_began_only_the_rest_is_made(tmp_path: Path) -> None:
    day = 24 * HOUR
    for end in (MONDAY + day, MONDAY + 2 * day):
        assert set(filled(tmp_path / "grown", MONDAY, end).starts) == {end - day}
    block_files(tmp_path / "grown" / "traffic", BITS.field)[0].path.unlink()
    assert set(filled(tmp_path / "grown", MONDAY, MONDAY + 3 * day).starts) == {MONDAY, MONDAY + 2 * day}
    fill(tmp_path / "whole", MONDAY, MONDAY + 3 * day)
    assert files(tmp_path / "grown") == files(tmp_path / "whole")


def test_weeks_of_a_program_that_made_other_traffic_are_made_again(week_and_a_day: Path) -> None:
    before = files(week_and_a_day)
    grid = Grid.over(Window(MONDAY, MONDAY + WEEK), SMALL.seconds)
    sink = ParquetSink(week_and_a_day / "traffic", BITS.field, SMALL.seconds, SMALL.fingerprint, 70, replace=False)
    sink.begin(grid.window)
    for keys in sink.blocks(tuple(World(SMALL).customers)):
        amounts = World(SMALL).block(keys, grid)
        sink.write(keys, grid, np.where(amounts > 0, amounts + 1, amounts))
    sink.finish()
    note = week_and_a_day / "traffic" / NOTE
    note.write_bytes(note.read_bytes().replace(b'"program": "', b'"program": "another ', 1))
    assert files(week_and_a_day) != before
    assert fill(week_and_a_day, MONDAY, MONDAY + WEEK + 24 * HOUR) == [MONDAY]
    assert files(week_and_a_day) == before


def test_a_run_that_did_not_end_leaves_nothing_to_rely_on(tmp_path: Path) -> None:
    fill(tmp_path, MONDAY, MONDAY + WEEK)
    sink = Watched(tmp_path / "traffic", SMALL)
    sink.begin(Window(MONDAY, MONDAY + WEEK + HOUR))
    sink.close()
    assert fill(tmp_path, MONDAY, MONDAY + WEEK) == [MONDAY, MONDAY + WEEK]


def test_weeks_without_flow_records_are_not_complete_where_there_should_be_some(tmp_path: Path) -> None:
    flowing = replace(SMALL, customers=CustomerSettings(count=2))
    flowing = replace(flowing, dimensions=replace(flowing.dimensions, enabled=True))
    fill(tmp_path, MONDAY, MONDAY + 12 * HOUR, flowing)
    before = files(tmp_path)
    assert fill(tmp_path, MONDAY, MONDAY + 12 * HOUR, flowing) == []
    for path in (tmp_path / "traffic" / "flows").rglob("*.parquet"):
        path.unlink()
    assert fill(tmp_path, MONDAY, MONDAY + 12 * HOUR, flowing) == [MONDAY]
    assert files(tmp_path) == before
    assert TRUTH in before


@pytest.fixture
def looked_for(monkeypatch: pytest.MonkeyPatch) -> list[Window | None]:
    """What was left to look for, of each window that labels were looked for in."""
    found: list[Window | None] = []
    labels = World.labels

    def spied(world: World, window: Window, left: Window | None = None) -> list[Label]:
        found.append(left)
        return labels(world, window, left)

    monkeypatch.setattr(World, "labels", spied)
    return found


def test_labels_of_what_is_over_are_not_looked_for_again(tmp_path: Path, looked_for: list[Window | None]) -> None:
    for end in (MONDAY + 2 * WEEK, MONDAY + 2 * WEEK, MONDAY + 2 * WEEK + 24 * HOUR):
        fill(tmp_path, MONDAY, end)
    first, more = looked_for
    assert first is None
    assert more is not None
    assert more.end == MONDAY + 2 * WEEK
    assert more.seconds < 24 * HOUR


@pytest.mark.parametrize(
    "spoil",
    [
        lambda note: b"",
        lambda note: note[:-1],
        lambda note: note.replace(b"square", b"squares", 1),
        lambda note: note.replace(b'"program": "', b'"program": "0'),
        lambda note: b"[1]\n" + note.partition(b"\n")[2],
    ],
    ids=["gone", "cut short", "changed", "of another program", "of another kind"],
)
def test_labels_are_looked_for_again_where_the_note_of_them_does_not_hold(
    spoil: Callable[[bytes], bytes], tmp_path: Path, looked_for: list[Window | None]
) -> None:
    fill(tmp_path, MONDAY, MONDAY + WEEK)
    before = files(tmp_path)
    note = tmp_path / "traffic" / NOTE
    assert spoil(note.read_bytes()) != note.read_bytes()
    note.write_bytes(spoil(note.read_bytes()))
    assert fill(tmp_path, MONDAY, MONDAY + WEEK) == []
    assert looked_for == [None, None]
    assert files(tmp_path) == before


def test_labels_are_looked_for_again_where_traffic_was_made_again(
    tmp_path: Path, looked_for: list[Window | None]
) -> None:
    fill(tmp_path, MONDAY, MONDAY + 2 * WEEK)
    block_files(tmp_path / "traffic", BITS.field)[0].path.unlink()
    fill(tmp_path, MONDAY, MONDAY + 2 * WEEK)
    assert looked_for == [None, None]
