from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.cli.generate import generate as command
from generator.pipeline import TRUTH, generate
from generator.scenario import CustomerSettings, Growth, Named, Scenario
from generator.span import Span
from generator.world import MISSING, World
from traffic import truth
from traffic.errors import LockedFailure, StorageFailure, UsageFailure
from traffic.model import BITS, HOUR, WEEK, Grid, Ints, Query, Window, blocks, week_start
from traffic.store import open_source
from traffic.store.base import ForeignStore
from traffic.store.sinks import Sink
from traffic.times import instant

MONDAY = week_start(instant("2026-09-07", 0))
NOW = MONDAY + 3 * WEEK + 12345
BERLIN = replace(Scenario(), time_zone="Europe/Berlin")
SMALL = replace(Scenario(), customers=CustomerSettings(count=5), window=Span(weeks=1))


@dataclass
class MemorySink(Sink):
    """A store in memory, which remembers what it was given in which order."""

    bits: int = 1
    name: str = "memory"
    held: Window | None = None
    points: dict[tuple[str, int], int] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    largest: int = 0
    writers: int = 1

    def begin(self, window: Window) -> Window:
        self.calls.append("begin")
        self.held = window if self.held is None else self.held.hull(window)
        return self.held

    def blocks(self, keys: Sequence[str]) -> list[tuple[str, ...]]:
        return blocks(keys, self.bits)

    def write(self, keys: tuple[str, ...], grid: Grid, amounts: Ints) -> int:
        self.calls.append("write")
        assert amounts.shape == (len(keys), grid.count)
        assert amounts.dtype == np.int64
        assert week_start(grid.start) == week_start(grid.window.end - 1)
        self.largest = max(self.largest, amounts.size)
        before = len(self.points)
        times = grid.times().tolist()
        for key, row in zip(keys, amounts.tolist(), strict=True):
            for time, amount in zip(times, row, strict=True):
                if amount != MISSING:
                    assert self.points.setdefault((key, time), amount) == amount
        return len(self.points) - before

    def finish(self) -> str:
        self.calls.append("finish")
        return f"memory of {self.held}"


def digest(amounts: Ints) -> str:
    return blake2b(amounts.astype("<i8").tobytes(), digest_size=8).hexdigest()


# --- the integers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "key", "week", "expected"),
    [
        (Scenario(), "customer-0001", MONDAY, "55cf4e39e4a471e8"),
        # A bursty one.
        (Scenario(), "customer-0002", MONDAY, "10f721ab32a970ee"),
        (Scenario(), "customer-0010", MONDAY, "00138a0c71bc153d"),
        (Scenario(), "customer-0021", MONDAY + WEEK, "d464b0202de168d9"),
        (Scenario(), "customer-0044", MONDAY + 520 * WEEK, "14730ea5375106de"),
        (replace(Scenario(), seed=7), "customer-0001", MONDAY, "8ed47929c79682b7"),
        (replace(Scenario(), step="5m"), "customer-0001", MONDAY, "b44380f901c3576d"),
        (BERLIN, "customer-0003", week_start(instant("2026-10-25", 0)), "41a57ccc6fb02b4b"),
        (
            replace(Scenario(), customers=CustomerSettings(named=(Named("Zürich, =1+2\n", rate=2e9),))),
            "Zürich, =1+2\n",
            MONDAY,
            "c7b4f45f432b864a",
        ),
    ],
)
def test_a_week_of_a_customer_is_golden(scenario: Scenario, key: str, week: int, expected: str) -> None:
    assert digest(World(scenario).amounts(key, week)) == expected


def test_the_labels_of_the_default_scenario_are_golden() -> None:
    labels = World(Scenario()).labels(Window(MONDAY, MONDAY + 6 * WEEK))
    assert blake2b(truth.encode(labels, "x"), digest_size=8).hexdigest() == "4d23a9765a3314ad"


@settings(max_examples=15, deadline=None)
@given(
    st.permutations([(key, week) for key in ("customer-0001", "customer-0003", "customer-0005") for week in range(3)])
)
def test_any_order_gives_the_same_integers(order: list[tuple[str, int]]) -> None:
    world = World(SMALL)
    found = {one: digest(world.amounts(one[0], MONDAY + one[1] * WEEK)) for one in order}
    assert found == REFERENCE


REFERENCE = {
    (key, week): digest(World(SMALL).amounts(key, MONDAY + week * WEEK))
    for key in ("customer-0001", "customer-0003", "customer-0005")
    for week in range(3)
}


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 167), st.integers(1, 168), st.sampled_from(["1m", "5m", "60m"]))
def test_any_piece_of_a_week_is_cut_from_the_same_integers(first: int, hours: int, step: str) -> None:
    world = World(replace(SMALL, step=step))
    window = Window(MONDAY + first * HOUR, MONDAY + min(168, first + hours) * HOUR)
    grid = Grid.over(window, world.step)
    keys = ("customer-0004", "customer-0002")
    whole = [world.amounts(key, MONDAY) for key in keys]
    cut = slice((window.start - MONDAY) // world.step, (window.end - MONDAY) // world.step)
    assert np.array_equal(world.block(keys, grid), np.stack(whole)[:, cut])


def test_a_grid_over_two_weeks_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="one week"):
        World(SMALL).block(["customer-0001"], Grid(MONDAY + 3600, 60, 10080))


def test_wider_steps_are_sums_of_minutes_and_missing_only_where_all_of_them_are() -> None:
    busy = replace(SMALL, decoys=replace(SMALL.decoys, gap=replace(SMALL.decoys.gap, per_week=5)))
    for key in SMALL.customers.names:
        minutes = World(busy).amounts(key, MONDAY).reshape(-1, 5)
        wide = World(replace(busy, step="5m")).amounts(key, MONDAY)
        for some, one in zip(minutes.tolist(), wide.tolist(), strict=True):
            there = [minute for minute in some if minute != MISSING]
            assert one == (sum(there) if there else MISSING)


def test_amounts_are_whole_bytes_of_the_level() -> None:
    amounts = World(SMALL).amounts("customer-0001", MONDAY)
    rate = World(SMALL).customers["customer-0001"].rate
    there = amounts[amounts != MISSING]
    assert (there >= 0).all()
    assert np.median(there) * 8 / 60 == pytest.approx(rate, rel=0.3)


# --- the pipeline ----------------------------------------------------------------------------------


def test_a_run_fills_the_window_and_writes_its_truth_last(tmp_path: Path) -> None:
    sink, seen = MemorySink(), []
    done = generate(SMALL, sink, NOW, tmp_path, lambda at, of: seen.append((at, of)))
    assert sink.calls[0] == "begin"
    assert sink.calls[-1] == "finish"
    assert done.window == Window(NOW // HOUR * HOUR - WEEK, NOW // HOUR * HOUR)
    assert done.points == 5 * 10080
    assert done.new == len(sink.points) <= done.points
    assert seen[-1] == (done.points, done.points)
    assert [at for at, _ in seen] == sorted(at for at, _ in seen)
    labels, store = truth.read(tmp_path / TRUTH)
    assert store == done.identity
    assert Counter(label.kind for label in labels) == Counter(done.labels)
    assert list(labels) == sorted(World(SMALL).labels(done.window), key=lambda one: (one.start, one.key, one.id))


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    sink = MemorySink()
    generate(SMALL, sink, NOW, tmp_path)
    before, text = dict(sink.points), (tmp_path / TRUTH).read_bytes()
    again = generate(SMALL, sink, NOW, tmp_path)
    assert (again.new, sink.points) == (0, before)
    assert (tmp_path / TRUTH).read_bytes() == text


def test_a_longer_or_later_window_adds_and_leaves_the_old_integers(tmp_path: Path) -> None:
    sink = MemorySink()
    first = generate(SMALL, sink, NOW, tmp_path)
    later = replace(SMALL, window=Span(start="2026-10-10", end="2026-10-12"))
    done = generate(later, sink, NOW, tmp_path)
    # No hole between the two; the sink itself compares what it is given twice.
    assert done.window == first.window.hull(Window(instant("2026-10-10", 0), instant("2026-10-12", 0)))
    assert done.new == len(sink.points) - first.new
    all_at_once = MemorySink(bits=0)
    generate(replace(SMALL, window=Span(start="2026-09-21T03:00", end="2026-10-12")), all_at_once, NOW, tmp_path)
    assert all_at_once.points == sink.points


def test_memory_is_bounded_by_a_block_of_a_week(tmp_path: Path) -> None:
    sink = MemorySink(bits=2)
    generate(replace(SMALL, customers=CustomerSettings(count=20)), sink, NOW, tmp_path)
    assert sink.largest <= 9 * 10080


def test_a_sink_that_fails_leaves_no_truth(tmp_path: Path) -> None:
    class Full(MemorySink):
        def write(self, keys: tuple[str, ...], grid: Grid, amounts: Ints) -> int:
            raise StorageFailure("no space")

    with pytest.raises(StorageFailure, match="no space"):
        generate(SMALL, Full(), NOW, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        (replace(SMALL, window=Span(start="2026-10-10", end="2026-10-09")), "the window is empty"),
        (replace(SMALL, growth=Growth((0.2, 0.2), "1990-01-01")), "set growth.since closer to the window,"),
        (replace(SMALL, customers=CustomerSettings(count=1, rate=1e14, spread=0)), "more than can be counted exactly"),
    ],
)
def test_what_cannot_be_made_is_refused_before_the_store_is_touched(
    tmp_path: Path, scenario: Scenario, said: str
) -> None:
    sink = MemorySink()
    with pytest.raises(UsageFailure, match=said):
        generate(scenario, sink, NOW, tmp_path)
    assert sink.calls == []


# --- the command -----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SL_STORE", str(tmp_path / "traffic"))
    monkeypatch.setenv("SL_OUTPUT", str(tmp_path))
    return tmp_path


def run(*arguments: str) -> None:
    command.main([*arguments], standalone_mode=False)


ONE_WEEK = ("--customers", "3", "--start", "2026-09-07", "--end", "2026-09-14")


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def test_the_command_fills_the_embedded_store(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(*ONE_WEEK)
    said = capsys.readouterr()
    assert said.err == ""
    assert "customers  3\n" in said.out
    assert "window     2026-09-07T00:00:00Z to 2026-09-14T00:00:00Z (1 week)\n" in said.out
    source = open_source(str(folder / "traffic"))
    keys = tuple(source.keys(source.extent(None, HOUR)))
    assert keys == ("customer-0001", "customer-0002", "customer-0003")
    matrix = source.series(Query(BITS, keys, source.extent(None, HOUR), 60))
    world = World(replace(Scenario(), customers=CustomerSettings(count=3)))
    amounts = world.block(keys, Grid(MONDAY, 60, 10080)).astype(float)
    expected = np.where(amounts == MISSING, np.nan, amounts * 8 / 60)
    # A flow that never arrived cannot be told from one that never was: an empty bucket of `bits` may be read as 0.
    assert np.allclose(np.nan_to_num(matrix.values), np.nan_to_num(expected), rtol=1e-12)
    assert truth.read(folder / TRUTH)[1] == source.identity()


def test_the_command_again_changes_no_byte_and_another_world_is_refused(folder: Path) -> None:
    run(*ONE_WEEK)
    before = contents(folder)
    run(*ONE_WEEK)
    assert contents(folder) == before
    for other in (("--seed", "7"), ("--customers", "4")):
        with pytest.raises(ForeignStore, match="--replace"):
            run(*ONE_WEEK, *other)
        assert contents(folder) == before
    run(*ONE_WEEK, "--seed", "7", "--replace")
    assert contents(folder) != before
    run(*ONE_WEEK, "--replace")
    assert contents(folder) == before


def test_a_bad_window_drops_nothing_even_with_replace(folder: Path) -> None:
    run(*ONE_WEEK)
    before = contents(folder)
    with pytest.raises(UsageFailure, match="the window is empty"):
        run("--start", "2026-09-14", "--end", "2026-09-07", "--replace", "--seed", "3")
    assert contents(folder) == before


def test_the_result_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(*ONE_WEEK, "--json")
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document["window"] == {"start": "2026-09-07T00:00:00Z", "end": "2026-09-14T00:00:00Z"}
    assert document["points"] == 3 * 10080
    assert 3 * 10080 - 500 < document["new_points"] <= 3 * 10080
    assert document["scenario"] == replace(Scenario(), customers=CustomerSettings(count=3)).fingerprint
    assert document["truth"] == str(folder / TRUTH)
    assert set(document["seconds"]) == {"traffic", "store", "labels"}


def test_quiet_says_nothing_and_verbose_says_where_time_went(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(*ONE_WEEK, "-q")
    assert capsys.readouterr() == ("", "")
    run(*ONE_WEEK, "-q", "-v")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("sl: traffic ")


def test_options_can_come_from_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = folder / "own.yaml"
    file.write_text("customers: {count: 0, named: [{name: ACME}]}\n")
    settings = {"SCENARIO": str(file), "START": "2026-09-07", "WEEKS": "0.5", "SEED": "3", "QUIET": "1", "JSON": "1"}
    for name, value in settings.items():
        monkeypatch.setenv(f"SL_{name}", value)
    run()
    source = open_source(str(folder / "traffic"))
    assert source.extent(None, HOUR) == Window(MONDAY, MONDAY + WEEK // 2)
    assert tuple(source.keys(source.extent(None, HOUR))) == ("ACME",)


def test_a_second_run_on_the_same_folder_is_kept_out(folder: Path) -> None:
    from traffic.disk import lock

    with lock(folder), pytest.raises(LockedFailure):
        run(*ONE_WEEK)
    assert contents(folder) == {}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--start", "soon"), "start: 'soon' is not a time"),
        (("--start", "2026-01-01", "--end", "2026-02-01", "--weeks", "2"), "start and end already define it;"),
        (("--customers", "0"), "there are no customers;"),
        (("--scenario", "nowhere.yaml"), "nowhere.yaml: file not found"),
    ],
)
def test_options_that_cannot_be_meant_are_refused_in_one_line(
    folder: Path, arguments: tuple[str, ...], said: str
) -> None:
    with pytest.raises(UsageFailure, match=said) as raised:
        run(*arguments)
    assert "\n" not in str(raised.value)
    assert contents(folder) == {}


@pytest.mark.parametrize("arguments", [("--weeks", "0"), ("--customers", "-1"), ("--seed", "x"), ("--nonsense",)])
def test_options_of_the_wrong_kind_are_refused(folder: Path, arguments: tuple[str, ...]) -> None:
    with pytest.raises(click.UsageError):
        run(*arguments)


def test_keys_of_any_kind_reach_store_and_truth(folder: Path) -> None:
    names = ['a "b", c', "=1+2", "../up", "two\nlines", "Zürich 東京", " blank "]
    file = folder / "own.yaml"
    file.write_text(
        "customers:\n  count: 0\n  named:\n"
        + "".join(f"  - name: {json.dumps(name)}\n" for name in names)
        + "events: {per_week: 5}\n"
    )
    run("--scenario", str(file), "--start", "2026-09-07", "--weeks", "2", "-q")
    source = open_source(str(folder / "traffic"))
    assert sorted(source.keys(source.extent(None, HOUR))) == sorted(names)
    assert {label.key for label in truth.read(folder / TRUTH)[0]} == set(names)
    assert not (folder.parent / "up").exists()
