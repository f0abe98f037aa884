"""`export` and `copy`: what leaves a store is what was in it, and can be read again."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from tests.commands import refused, sl, well
from tests.conformance import MONDAY, NASTY, World, write_embedded
from traffic.model import BITS, DAY, HOUR, WEEK, Query, Window
from traffic.store import Columns, open_source
from traffic.store.files.write import encode

WORLD: World = {
    key: {MONDAY + DAY * number + 60 * i: (i * 7919 + number) % 10_007 for i in range(0, 300, 1 + number % 3)}
    for number, key in enumerate(NASTY)
} | {"late": {MONDAY + 2 * WEEK + 60 * i: 2**40 + i for i in range(90)}}
ALL = Window(MONDAY, MONDAY + 3 * WEEK)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    write_embedded(WORLD, tmp_path / "store")
    return tmp_path / "store"


def values(path: Path, columns: Columns | None = None) -> dict[str, dict[int, float]]:
    source = open_source(str(path), columns)
    keys = tuple(source.keys(ALL))
    found = source.series(Query(source.metric, keys, ALL, 60)).values
    return {
        key: {ALL.start + 60 * int(i): float(row[i]) for i in np.flatnonzero(~np.isnan(row))}
        for key, row in zip(keys, found, strict=True)
    }


@pytest.mark.parametrize(
    "name", ["all.csv", "all.csv.gz", "all.ndjson", "all.json", "all.json.gz", "all.parquet", "all.jsonl.gz"]
)
def test_what_was_exported_is_read_again_to_the_last_bit(store: Path, tmp_path: Path, name: str) -> None:
    answer = sl("export", "--store", store, "--file", tmp_path / name)
    assert (answer.code, answer.out) == (0, ""), answer
    assert values(tmp_path / name, Columns()) == values(store)
    before = (tmp_path / name).read_bytes()
    (tmp_path / name).unlink()
    well(sl("export", "--store", store, "--file", tmp_path / name))
    if "parquet" not in name:
        assert (tmp_path / name).read_bytes() == before


def test_the_forms_are_plain(store: Path, tmp_path: Path) -> None:
    said = sl("export", "--store", store, "--only", "late", "-q").out
    rows = list(csv.DictReader(said.splitlines()))
    assert list(rows[0]) == ["time", "key", "bits"]
    assert rows[1] == {"time": "2025-01-20T00:01:00Z", "key": "late", "bits": str((2**40 + 1) * 8 / 60)}
    lines = sl("export", "--store", store, "--only", "late", "-q", "--format", "ndjson").out.splitlines()
    assert json.loads(lines[1]) == {"time": "2025-01-20T00:01:00Z", "key": "late", "bits": (2**40 + 1) * 8 / 60}
    well(sl("export", "--store", store, "--only", "late", "--file", tmp_path / "late.pq"))
    schema = pq.read_schema(tmp_path / "late.pq")
    assert [str(kind) for kind in schema.types] == ["timestamp[us, tz=UTC]", "string", "double"]


def test_json_is_one_array_of_the_lines_of_ndjson(store: Path) -> None:
    lines, array = (sl("export", "--store", store, "-q", "--format", form).out for form in ("ndjson", "json"))
    assert json.loads(array) == [json.loads(line) for line in lines.splitlines()]
    assert len(array.splitlines()) == len(lines.splitlines()) + 2
    assert b"".join(encode([], "bits", "json")) == b"[\n]\n"


FRAMES: dict[str, Callable[[Path], pd.DataFrame]] = {
    "wide.csv": lambda path: pd.read_csv(path, index_col=0, parse_dates=True),
    "wide.csv.gz": lambda path: pd.read_csv(path, index_col=0, parse_dates=True),
    "wide.parquet": pd.read_parquet,
    "wide.feather": lambda path: pd.read_feather(path).set_index("time"),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_wide_table_is_a_frame_with_a_row_for_every_time_and_a_column_for_every_key(
    store: Path, tmp_path: Path, name: str
) -> None:
    plain = ("late", NASTY[0])
    only = [word for key in plain for word in ("--only", key)]
    well(sl("export", "--store", store, *only, "--wide-table", "--file", tmp_path / name))
    frame = FRAMES[name](tmp_path / name)
    expected = {key: found for key, found in values(store).items() if key in plain}
    assert sorted(frame.columns) == sorted(expected)
    assert frame.index.name == "time"
    times = np.array([int(time.timestamp()) for time in frame.index])
    assert set(np.diff(times)) == {60}, "a row for every bucket, also where nothing is"
    for key, found in expected.items():
        there = frame[key].notna().to_numpy()
        assert dict(zip(times[there].tolist(), frame[key][there].tolist(), strict=True)) == found


def test_a_wide_table_of_all_names_is_read_again_by_discover(tmp_path: Path) -> None:
    world: World = {key: {MONDAY + 60 * i: i * 7919 % 10_007 for i in range(90)} for key in ("a", "b,c", 'd"e', "f g")}
    write_embedded(world, tmp_path / "store")
    well(sl("export", "--store", tmp_path / "store", "--wide-table", "--file", tmp_path / "wide.csv"))
    assert values(tmp_path / "wide.csv", Columns(wide=True)) == values(tmp_path / "store")


def test_a_part_of_it_in_wider_buckets(store: Path) -> None:
    window = ("--start", "2025-01-06T01:00Z", "--end", "2025-01-06T03:00Z")
    said = sl("export", "--store", store, *window, "--resolution", "60m", "-q").out
    rows = list(csv.DictReader(said.splitlines()))
    first = WORLD[NASTY[0]]
    assert [row["time"] for row in rows] == ["2025-01-06T01:00:00Z", "2025-01-06T02:00:00Z"]
    hour = sum(amount for time, amount in first.items() if MONDAY + HOUR <= time < MONDAY + 2 * HOUR)
    assert float(rows[0]["bits"]) == hour * 8 / 3600


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--file", "{t}/x.xlsx"], "unknown format: add --format"),
        (["--only", "nobody"], "leave none of the 17 series of"),
        (["--start", "2020-01-01", "--end", "2020-02-01"], "it has data from 2025-01-06T00:00:00Z to"),
        (["--resolution", "7m"], "divide an hour"),
        (["--time", "ts"], "leave out"),
        (["--wide-table", "--format", "json"], "a wide table can be csv, parquet or feather"),
        (["--wide-table", "--file", "{t}/x.ndjson"], "leave out --wide-table for ndjson"),
        (["--file", "{t}/x.feather"], "feather needs --wide-table"),
    ],
)
def test_what_cannot_be_exported_gets_one_line(store: Path, tmp_path: Path, arguments: list[str], says: str) -> None:
    answer = sl("export", "--store", store, *(text.replace("{t}", str(tmp_path)) for text in arguments))
    assert says in refused(answer, 2)


def test_a_failed_export_leaves_what_was_there(store: Path, tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text("before")
    damaged = next(store.rglob("*.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:-40])
    assert sl("export", "--store", store, "--file", tmp_path / "all.csv").code == 7
    assert (tmp_path / "all.csv").read_text() == "before"
    assert not list(tmp_path.glob(".sl-*"))


# --- copy ------------------------------------------------------------------------------------------


def test_a_copy_of_a_store_is_that_store_and_copying_again_changes_nothing(store: Path, tmp_path: Path) -> None:
    answer = sl("copy", store, tmp_path / "copy", "--json")
    assert answer.code == 0, answer
    points = sum(map(len, WORLD.values()))
    assert json.loads(answer.out)["points"] == json.loads(answer.out)["new"] == points
    assert open_source(str(tmp_path / "copy")).metric == BITS
    assert values(tmp_path / "copy") == values(store)
    assert json.loads(sl("copy", store, tmp_path / "copy", "--json").out)["new"] == 0
    assert open_source(str(tmp_path / "copy")).identity() != open_source(str(store)).identity()


def test_a_file_of_amounts_becomes_a_store(tmp_path: Path) -> None:
    rows = [(MONDAY + 60 * i + part, key, i + part) for key in "ab" for i in range(100) for part in (0, 30)]
    with (tmp_path / "flows.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("ts", "customer", "bytes"), *rows])
    arguments = (tmp_path / "flows.csv", tmp_path / "copy", "--statistic", "sum", "--field", "network.bytes")
    answer = sl("copy", *arguments, "--resolution", "1m")
    assert answer.code == 0, answer
    found = values(tmp_path / "copy")["a"]
    expected = [(2 * i + 30) * 8 / 60 for i in range(100)]
    assert [found[MONDAY + 60 * i] for i in range(100)] == pytest.approx(expected, rel=1e-15)


def test_what_is_no_amount_is_not_copied(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("ts,key,value\n" + "".join(f"{MONDAY + 60 * i},a,{i / 2}\n" for i in range(9)))
    assert "add --statistic sum" in sl("copy", path, tmp_path / "copy").err
    answer = sl("copy", path, tmp_path / "copy", "--statistic", "sum")
    assert answer.code == 0
    assert "4 values were rounded" in answer.err
    path.write_text(f"ts,key,value\n{MONDAY},a,-5\n")
    answer = sl("copy", path, tmp_path / "other", "--statistic", "sum")
    assert answer.code == 2
    assert "a has negative values" in answer.err
    assert sl("copy", tmp_path / "nothing.csv", tmp_path / "other").code == 2


def test_a_store_of_something_else_is_not_written_to(store: Path, tmp_path: Path) -> None:
    write_embedded({"x": {MONDAY: 1}}, tmp_path / "other")
    assert "--replace" in refused(sl("copy", store, tmp_path / "other"), 2)
    assert sl("copy", store, tmp_path / "other", "--replace").code == 0
    assert values(tmp_path / "other") == values(store)


def test_gzip_is_the_same_from_run_to_run(store: Path, tmp_path: Path) -> None:
    well(sl("export", "--store", store, "--file", tmp_path / "a.csv.gz"))
    well(sl("export", "--store", store, "--file", tmp_path / "b.csv.gz"))
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.csv.gz").read_bytes()).startswith(b"time,key,bits\n")


def test_what_was_exported_gives_the_same_events_and_amounts_under_the_same_unit(tmp_path: Path) -> None:
    world = ("--customers", "3", "--start", "2026-09-07", "--end", "2026-10-12")
    assert sl("generate", "--store", tmp_path / "traffic", "--output", tmp_path, *world, "-q").code == 0
    assert sl("export", "--store", tmp_path / "traffic", "--file", tmp_path / "series.parquet", "-q").code == 0
    found = []
    for name, more in (("traffic", ()), ("series.parquet", ("--unit", "bit/s"))):
        output = tmp_path / f"of {name}"
        answer = sl("discover", "--store", tmp_path / name, "--output", output, "--charts", "0", *more)
        assert answer.code == 0, answer
        with (output / "events.csv").open(newline="") as file:
            columns = ("key", "start", "end", "peak", "baseline", "threshold", "excess", "unit", "severity")
            found.append([tuple(row[name] for name in columns) for row in csv.DictReader(file)])
    assert found[0] == found[1]
    assert len(found[0]) > 2
