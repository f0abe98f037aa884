"""The embedded store: what it is written with, what survives a kill, and what it says of a file that is damaged."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import traffic.store.parquet
from tests.conformance import MONDAY, NASTY, SCENARIO, STEP, World, begin_as_before, write_embedded
from traffic.errors import LockedFailure, StorageFailure, UsageFailure
from traffic.model import BITS, DAY, HOUR, WEEK, Grid, Ints, Query, Window
from traffic.store import Columns, open_source
from traffic.store.base import DamagedStore, ForeignStore, NoSuchStore
from traffic.store.parquet import ParquetSink, ParquetSource

ROOT = Path(__file__).resolve().parent.parent
KEYS = tuple(f"customer-{number:02d}" for number in range(20))
WINDOW = Window(MONDAY + DAY, MONDAY + WEEK + 2 * DAY)


def amounts_of(keys: tuple[str, ...], grid: Grid) -> Ints:
    """A pure function of key and time, with a gap: what a generator is."""
    minutes = grid.times() // 60
    rows = np.array([KEYS.index(key) for key in keys])[:, None]
    amounts = 10**6 * (1 + rows) + (minutes * 7919 + rows * 104_729) % 100_000
    return np.where((minutes // 60 + rows) % 50 == 3, -1, amounts).astype(np.int64)


def sink_at(folder: Path, scenario: str = SCENARIO, keys: int = 200, replace: bool = False) -> ParquetSink:
    """Opened for more keys than there are, so that there are several blocks."""
    return ParquetSink(folder, BITS.field, STEP, scenario, keys, replace)


def fill(folder: Path, window: Window = WINDOW, replace: bool = False) -> str:
    """Write all of a window."""
    sink = sink_at(folder, replace=replace)
    for week in sink.begin(window).weeks():
        for keys in sink.blocks(KEYS):
            sink.write(keys, Grid.over(week, STEP), amounts_of(keys, Grid.over(week, STEP)))
    return sink.finish()


def files_in(folder: Path) -> dict[str, bytes]:
    """Everything but the lock."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def blocks_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.parquet"))


def asked(sql: str) -> list[tuple]:
    """What another tool makes of it."""
    with duckdb.connect() as database:
        return database.execute(sql).fetchall()


def whole_answer(folder: Path) -> bytes:
    source = ParquetSource(folder)
    spans = source.keys(source.extent(None, HOUR))
    return repr(spans).encode() + source.series(Query(BITS, KEYS, WINDOW, 60)).values.tobytes()


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference") / "store"
    fill(folder)
    return folder


# --- what is written -------------------------------------------------------------------------------


def test_the_folder_is_laid_out_by_metric_week_and_block(reference: Path) -> None:
    names = list(files_in(reference))
    assert all(re.fullmatch(r"network\.bytes/2025-01-(06|13)/000[0-3]\.parquet|store\.json", name) for name in names)
    assert len(names) == 9
    about = json.loads((reference / "store.json").read_text())
    assert about["window"] == [WINDOW.start, WINDOW.end]
    assert (about["format"], about["scenario"], about["step"], about["bits"]) == (2, SCENARIO, 60, 2)
    assert ParquetSource(reference).identity() == f"{SCENARIO[:16]}:{WINDOW.start}-{WINDOW.end}"


def test_writing_counts_what_was_not_there(tmp_path: Path) -> None:
    sink = sink_at(tmp_path / "store")
    grid = Grid(MONDAY, STEP, 3)
    assert sink.write(("a", "b"), grid, np.array([[1, -1, 2], [-1, -1, -1]])) == 2
    assert sink.write(("a", "b"), grid, np.array([[1, 5, -1], [-1, -1, -1]])) == 1
    assert sink.write(("a", "b"), grid, np.array([[1, 5, 2], [-1, -1, -1]])) == 0
    sink.begin(grid.window)
    sink.finish()
    source = ParquetSource(tmp_path / "store")
    np.testing.assert_array_equal(
        source.series(Query(BITS, ("a",), grid.window, 60)).values, np.array([[1, 5, 2]]) * 8 / 60
    )
    assert list(source.keys(grid.window)) == ["a"]


def test_writing_the_same_again_touches_no_file(tmp_path: Path) -> None:
    identity = fill(tmp_path / "store")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "store").rglob("*") if path.name != ".lock"}
    prints = ParquetSource(tmp_path / "store").fingerprint(WINDOW)
    time.sleep(0.02)
    assert fill(tmp_path / "store") == identity
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert ParquetSource(tmp_path / "store").fingerprint(WINDOW) == prints


def test_a_longer_window_adds_and_leaves_whole_weeks_alone(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    first = Window(MONDAY, MONDAY + WEEK)
    fill(folder, first)
    before, prints = files_in(folder), ParquetSource(folder).fingerprint(first)
    longer = Window(MONDAY - DAY, MONDAY + WEEK + HOUR)
    identity = fill(folder, longer)
    assert identity == f"{SCENARIO[:16]}:{longer.start}-{longer.end}"
    assert ParquetSource(folder).extent(None, HOUR) == longer
    after = files_in(folder)
    assert {name for name in before if before[name] != after[name]} == {"store.json"}
    assert ParquetSource(folder).fingerprint(first) == prints
    assert ParquetSource(folder).fingerprint(longer) != prints


def test_a_window_apart_is_joined_so_that_there_is_no_hole(tmp_path: Path) -> None:
    sink = sink_at(tmp_path / "store")
    assert sink.begin(Window(MONDAY, MONDAY + HOUR)) == Window(MONDAY, MONDAY + HOUR)
    sink.close()  # killed: what was announced still counts
    sink = sink_at(tmp_path / "store")
    assert sink.begin(Window(MONDAY + DAY + 7, MONDAY + DAY + 99)) == Window(MONDAY, MONDAY + DAY + 120)
    sink.close()
    assert ParquetSource(tmp_path / "store").identity() is None


@settings(deadline=None, max_examples=10)
@given(cuts=st.lists(st.integers(1, WINDOW.seconds // HOUR - 1), max_size=6), order=st.randoms(use_true_random=False))
def test_any_order_of_writing_gives_the_same_bytes(reference: Path, cuts: list[int], order: random.Random) -> None:
    edges = sorted({WINDOW.start, WINDOW.end, *(WINDOW.start + HOUR * cut for cut in cuts)})
    parts = [part for a, b in pairwise(edges) for part in Window(a, b).weeks()]
    with tempfile.TemporaryDirectory() as folder:
        sink = sink_at(Path(folder) / "store")
        sink.begin(WINDOW)
        pieces = [(keys, part) for part in parts for keys in (KEYS[:7], KEYS[7:])]
        order.shuffle(pieces)
        for keys, part in pieces:
            sink.write(keys, Grid.over(part, STEP), amounts_of(keys, Grid.over(part, STEP)))
        sink.finish()
        assert files_in(Path(folder) / "store") == files_in(reference)


def test_a_point_of_noisy_traffic_takes_at_most_four_bytes(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    keys = tuple(f"customer-{number}" for number in range(50))
    grid = Grid(MONDAY, STEP, WEEK // STEP)
    season = 1 + 0.6 * np.cos(2 * np.pi * grid.times() / DAY)
    base = 10 ** random.uniform(6, 8, (50, 1)) * 60 / 8
    amounts = (base * season * np.exp(0.15 * random.standard_normal((50, grid.count)))).astype(np.int64)
    sink = ParquetSink(tmp_path / "store", BITS.field, STEP, SCENARIO, 50, False)
    sink.begin(grid.window)
    assert sink.write(keys, grid, amounts) == amounts.size
    sink.finish()
    assert sum(map(len, files_in(tmp_path / "store").values())) / amounts.size < 4.1


def test_any_tool_reads_the_files_with_the_line_in_the_docs(tmp_path: Path) -> None:
    world: World = {name: {MONDAY + STEP * i: 10 * i for i in (0, 1, 5)} for name in NASTY}
    world["huge"] = {MONDAY + WEEK: 2**52}
    write_embedded(world, tmp_path / "store")
    line = re.search(r'"(SELECT .*)"', traffic.store.parquet.__doc__ or "")
    assert line is not None
    query = line[1].replace("output/traffic", str(tmp_path / "store"))
    rows = asked(f"SELECT key, epoch(time)::BIGINT, bytes FROM ({query}) WHERE bytes IS NOT NULL")
    assert sorted(rows) == sorted((key, when, amount) for key, steps in world.items() for when, amount in steps.items())


def test_rows_end_with_the_last_value_of_their_file(reference: Path) -> None:
    lengths = "SELECT DISTINCT len(amounts) FROM '{}/network.bytes/{}/*.parquet'"
    assert asked(lengths.format(reference, "2025-01-06")) == [(WEEK // STEP,)]
    assert asked(lengths.format(reference, "2025-01-13")) == [(2 * DAY // STEP,)]


def test_a_store_of_before_stays_one_and_answers_the_same(reference: Path, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    begin_as_before(folder, 200)
    for end in (WINDOW.start + DAY, WINDOW.end):
        fill(folder, Window(WINDOW.start, end))
    assert json.loads((folder / "store.json").read_text())["format"] == 1
    assert asked(f"SELECT DISTINCT len(amounts) FROM '{folder}/network.bytes/*/*.parquet'") == [(WEEK // STEP,)]
    assert whole_answer(folder) == whole_answer(reference)
    fill(folder, replace=True)
    assert files_in(folder) == files_in(reference)


def test_amounts_that_make_no_sense_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    sink = sink_at(tmp_path / "store")
    for grid, amounts in (
        (Grid(MONDAY, STEP, 2), np.array([[1, -2]])),
        (Grid(MONDAY, STEP, 2), np.array([[1]])),
        (Grid(MONDAY, 300, 2), np.array([[1, 1]])),
        (Grid(MONDAY + WEEK - STEP, STEP, 2), np.array([[1, 1]])),
    ):
        with pytest.raises(ValueError, match="steps"):
            sink.write(("a",), grid, amounts)
    with pytest.raises(UsageFailure, match="not valid Unicode: rename"):
        sink.write(("\ud800",), Grid(MONDAY, STEP, 1), np.array([[1]]))
    assert blocks_in(tmp_path) == []


# --- who may write where ---------------------------------------------------------------------------


def test_another_scenario_is_refused_and_nothing_changes(reference: Path) -> None:
    before = files_in(reference)
    with pytest.raises(ForeignStore, match=r"another scenario or seed \(5ca1ab1e, not 0ther0th\).*--replace") as caught:
        sink_at(reference, scenario="0ther0ther0ther")
    assert caught.value.exit_code == 2
    assert files_in(reference) == before
    sink_at(reference).close()  # and the refused one holds no lock


def test_another_field_or_step_is_refused(reference: Path) -> None:
    with pytest.raises(ForeignStore, match=r"says network\.bytes every 60 s, not network\.packets every 60 s"):
        ParquetSink(reference, "network.packets", STEP, SCENARIO, 200, False)


def test_replace_drops_what_we_made_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    fill(folder)
    week = folder / BITS.field / "2025-01-06"
    foreign = [folder / "notes.txt", folder / "other" / "2025-01-06" / "0000.parquet", week / "mine.parquet"]
    for path in foreign:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    ours = [path for path in blocks_in(folder) if path not in foreign]
    (week / ".sl-1-00.tmp").write_text("stray")
    sink = sink_at(folder, scenario="0ther" * 8, replace=True)
    sink.close()
    assert all(path.read_text() == "mine" for path in foreign)
    assert not any(path.exists() for path in ours)
    assert not (folder / BITS.field / "2025-01-13").exists()
    assert not (week / ".sl-1-00.tmp").exists()
    with pytest.raises(NoSuchStore, match="contains no traffic yet:"):
        ParquetSource(folder).extent(None, HOUR)


def test_a_replace_that_was_killed_is_finished_by_the_next_run(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    fill(folder)
    about = json.loads((folder / "store.json").read_text())
    (folder / "store.json").write_text(json.dumps(about | {"scenario": "0ther" * 8, "dropping": True, "window": None}))
    sink_at(folder, scenario="0ther" * 8).close()
    assert blocks_in(folder) == []


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / ".gitkeep").write_text("")
    for replace in (False, True):
        with pytest.raises(ForeignStore, match="is not a store but contains photos"):
            sink_at(tmp_path, replace=replace)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".gitkeep", "photos"]


def test_a_folder_with_nothing_but_hidden_files_will_do(tmp_path: Path) -> None:
    (tmp_path / ".gitkeep").write_text("")
    sink_at(tmp_path).close()


def test_a_second_writer_is_told_who_is_first(tmp_path: Path) -> None:
    sink = sink_at(tmp_path / "store")
    with pytest.raises(LockedFailure, match=r"use another --store"):
        sink_at(tmp_path / "store")
    sink.begin(WINDOW)
    sink.finish()
    sink_at(tmp_path / "store").close()


def test_a_store_cannot_be_made_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "store"):
        with pytest.raises(StorageFailure, match="part of that path is a file,"):
            sink_at(place)


def test_a_full_disk_stops_the_run_and_keeps_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    sink = sink_at(tmp_path / "store")
    grid = Grid(MONDAY, STEP, 60)
    sink.begin(WINDOW)
    sink.write(KEYS, grid, amounts_of(KEYS, grid))
    before = files_in(tmp_path / "store")
    monkeypatch.setattr("traffic.disk.os.fsync", full)
    later = Grid(MONDAY + HOUR, STEP, 60)
    with pytest.raises(StorageFailure, match=r"000\d\.parquet: no space left there"):
        sink.write(KEYS, later, amounts_of(KEYS, later))
    assert files_in(tmp_path / "store") == before


# --- kill -9 ---------------------------------------------------------------------------------------


def test_a_kill_at_any_moment_damages_nothing_and_a_second_run_completes(reference: Path, tmp_path: Path) -> None:
    # A file is synced before its rename and the folder after it: killed there, each in turn, a run leaves a temporary
    # file, or a file that nobody has heard of yet.
    script = """
import os, signal, sys
from pathlib import Path
from tests.test_parquet_store import fill
left, sync = int(sys.argv[2]), os.fsync
def fsync(descriptor):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    sync(descriptor)
os.fsync = fsync
fill(Path(sys.argv[1]))
"""
    folder = tmp_path / "store"
    strays = 0
    for moment in (1, 2, 3, 6, 7, 9):
        command = [sys.executable, "-c", script, str(folder), str(moment)]
        assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
        strays += len(list(folder.rglob(".sl-*.tmp")))
        if not (folder / "store.json").exists():
            continue
        source = ParquetSource(folder)
        assert source.identity() is None
        assert source.series(Query(BITS, KEYS, WINDOW, 3600)).values.shape == (20, WINDOW.seconds // HOUR)
    assert strays
    assert 0 < len(blocks_in(folder)) < len(blocks_in(reference))
    fill(folder)
    assert files_in(folder) == files_in(reference)


# --- damage ----------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_a_flipped_bit_is_an_error_or_changes_nothing(reference: Path, data: st.DataObject) -> None:
    intact = whole_answer(reference)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "store"
        shutil.copytree(reference, copy)
        path = data.draw(st.sampled_from(blocks_in(copy)))
        content = bytearray(path.read_bytes())
        # the metadata at the end, and the page headers at the start, are where a flip does most
        place = data.draw(st.integers(0, len(content) - 1) | st.integers(-2500, -1) | st.integers(0, 200))
        content[place] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(content)
        said = ""
        try:
            assert whole_answer(copy) == intact
        except DamagedStore as error:
            said = str(error)
        assert not said or re.fullmatch(rf"{re.escape(str(path))} is damaged .*generate --replace .*", said)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999])
def test_a_file_that_is_cut_short_is_named(reference: Path, tmp_path: Path, share: float) -> None:
    shutil.copytree(reference, tmp_path / "store")
    path = blocks_in(tmp_path / "store")[3]
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(DamagedStore, match=rf"{re.escape(str(path))} is damaged .*generate --replace") as caught:
        whole_answer(tmp_path / "store")
    assert caught.value.exit_code == 7
    with pytest.raises(DamagedStore, match="generate --replace"):
        fill(tmp_path / "store")
    fill(tmp_path / "store", replace=True)
    assert files_in(tmp_path / "store") == files_in(reference)


@pytest.mark.parametrize(
    ("taken", "put", "complaint"),
    [
        ("2025-01-06/0000", "2025-01-13/0000", "its week is"),
        ("2025-01-06/0000", "2025-01-06/0001", "keys of another block"),
    ],
)
def test_a_file_in_the_wrong_place_is_noticed(
    reference: Path, tmp_path: Path, taken: str, put: str, complaint: str
) -> None:
    shutil.copytree(reference, tmp_path / "store")
    metric = tmp_path / "store" / BITS.field
    shutil.copy(metric / f"{taken}.parquet", metric / f"{put}.parquet")
    with pytest.raises(DamagedStore, match=complaint):
        whole_answer(tmp_path / "store")


def test_a_file_of_another_scenario_is_noticed(reference: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(reference, other)
    about = json.loads((other / "store.json").read_text())
    (other / "store.json").write_text(json.dumps(about | {"scenario": "0ther" * 8}))
    with pytest.raises(DamagedStore, match="its scenario is '5ca1ab1e"):
        ParquetSource(other).extent(None, HOUR)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"format": 1}', '{"format": "1"}', "\x00\xff", '{"format": 1, "field": 3, "step": 60}'],
)
def test_a_damaged_store_json_is_one_line_and_replace_gets_out_of_it(
    reference: Path, tmp_path: Path, text: str
) -> None:
    folder = tmp_path / "store"
    shutil.copytree(reference, folder)
    (folder / "store.json").write_text(text)
    for attempt in (lambda: open_source(str(folder)), lambda: sink_at(folder)):
        with pytest.raises(DamagedStore, match=r"store\.json is damaged .*generate --replace") as caught:
            attempt()
        assert "\n" not in str(caught.value)
    fill(folder, replace=True)
    assert files_in(folder) == files_in(reference)


@pytest.mark.parametrize(
    "change",
    [
        {"field": "../../etc"},
        {"step": 7},
        {"step": 0},
        {"bits": 99},
        {"window": [5, 1]},
        {"window": "all"},
        {"extra": 1},
    ],
)
def test_a_store_json_that_makes_no_sense_is_not_believed(reference: Path, tmp_path: Path, change: dict) -> None:
    shutil.copytree(reference, tmp_path / "store")
    about = json.loads((reference / "store.json").read_text())
    (tmp_path / "store" / "store.json").write_text(json.dumps(about | change))
    with pytest.raises(DamagedStore, match="is damaged"):
        ParquetSource(tmp_path / "store")


def test_a_store_of_a_later_version_is_not_misread(reference: Path, tmp_path: Path) -> None:
    shutil.copytree(reference, tmp_path / "store")
    (tmp_path / "store" / "store.json").write_text('{"format": 3, "whatever": true}')
    with pytest.raises(ForeignStore, match="has the format 3, not 1 or 2"):
        ParquetSource(tmp_path / "store")


# --- reading ---------------------------------------------------------------------------------------


def test_a_resolution_that_the_steps_do_not_make_up_is_refused(reference: Path) -> None:
    source = ParquetSource(reference)
    for resolution in (90, 30, 7 * 3600):
        with pytest.raises(UsageFailure, match="holds a value every 60 s"):
            source.series(Query(BITS, KEYS, WINDOW, resolution))


def test_only_the_files_that_a_query_needs_are_opened(reference: Path, tmp_path: Path) -> None:
    shutil.copytree(reference, tmp_path / "store")
    source = ParquetSource(tmp_path / "store")
    block = source.series(Query(BITS, KEYS[:1], Window(MONDAY + DAY, MONDAY + 2 * DAY), 60))
    for path in blocks_in(tmp_path):
        if path.parent.name != "2025-01-06" or (KEYS[0],) not in asked(f"SELECT key FROM '{path}'"):
            path.write_bytes(b"junk")
    again = ParquetSource(tmp_path / "store").series(Query(BITS, KEYS[:1], block.grid.window, 60))
    np.testing.assert_array_equal(again.values, block.values)


def test_whoever_opens_a_store_is_told_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    for name, said in (
        ("empty", "is an empty folder: use a file, or run ./sl.py generate"),
        ("output/traffic", "no store output/traffic: run ./sl.py generate"),
        ("", "no store"),
        ("hdfs://namenode/traffic", "is not a store that this version supports: use"),
    ):
        with pytest.raises(NoSuchStore, match=re.escape(said)) as caught:
            open_source(name)
        assert caught.value.exit_code == 2


def test_a_store_of_ours_has_no_columns_to_name(reference: Path) -> None:
    assert open_source(str(reference), Columns()).metric == BITS
    with pytest.raises(UsageFailure, match="no columns and no log lines: leave out --key"):
        open_source(str(reference), Columns(key="customer"))


def test_a_store_is_opened_without_pandas(reference: Path) -> None:
    """pyarrow loads it in some of its conversions, which takes longer than to open a store."""
    program = (
        "import sys\nfrom traffic.model import Query\nfrom traffic.store import open_source\n"
        f"source = open_source({str(reference)!r})\n"
        f"source.series(Query(source.metric, ({KEYS[0]!r},), source.extent(None, 60), 60))\n"
        "print(sorted({'pandas', 'pyarrow.compute'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
