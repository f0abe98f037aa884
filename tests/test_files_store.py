"""A user's own tables: what is read from them, and the one line that each unusable one gets."""

from __future__ import annotations

import gzip
import math
import re
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance import MONDAY
from traffic.errors import Failure, StorageFailure, UsageFailure
from traffic.model import DAY, HOUR, WEEK, Query, Window
from traffic.store import Columns, open_source
from traffic.store.base import DamagedStore, NoSuchStore, StoreError
from traffic.store.files import FilesSource
from traffic.store.files.whole import NotUtf8

COLUMNS = Columns("ts", "key", "value")
FIRST_HOUR = Window(MONDAY, MONDAY + HOUR)


def iso(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def csv_file(folder: Path, *lines: str, name: str = "data.csv", header: str = "ts,key,value") -> str:
    (folder / name).write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return str(folder / name)


def values(source: FilesSource, key: str = "a", resolution: int = 60, window: Window = FIRST_HOUR) -> list[float]:
    """The buckets that are there."""
    row = source.series(Query(source.metric, (key,), window, resolution)).values[0]
    return row[~np.isnan(row)].tolist()


def opened(path: str, columns: Columns = COLUMNS) -> FilesSource:
    return FilesSource(path, columns)


# --- what is read ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        "2025-01-06T00:01:00Z",
        "2025-01-06 00:01:00",
        "2025-01-06T00:01",
        "2025-01-06T01:01:00+01:00",
        "2025-01-06 00:01:59.999",
        "2025/01/06 00:01:00",
        " 2025-01-06 00:01:00 ",
        str(MONDAY + 60),
        f"{MONDAY + 60}.5",
        f"{(MONDAY + 60) / 1e9}e9",
    ],
)
def test_a_time_in_text_is_read_however_it_is_written(tmp_path: Path, written: str) -> None:
    source = opened(csv_file(tmp_path, f"{written},a,5"))
    assert source.series(Query(source.metric, ("a",), FIRST_HOUR, 60)).values[0, :3].tolist()[1] == 5
    assert source.extent(None, HOUR).start in (MONDAY + 60, MONDAY + 119)


@pytest.mark.parametrize(
    "kind",
    [
        *(pa.timestamp(unit, tz) for unit in ("s", "ms", "us", "ns") for tz in (None, "UTC", "America/New_York")),
        pa.int64(),
        pa.int32(),
        pa.float64(),
        pa.decimal128(25, 3),
    ],
    ids=str,
)
def test_a_time_in_parquet_is_read_whatever_its_type(tmp_path: Path, kind: pa.DataType) -> None:
    times = pa.array([MONDAY + 60, MONDAY + 120, None], pa.int64())
    seconds = times.cast(pa.timestamp("s")).cast(pa.timestamp(kind.unit)) if pa.types.is_timestamp(kind) else times
    table = pa.table({"ts": seconds.cast(kind), "key": [7, 7, 7], "value": [1, 2, 3]})
    pq.write_table(table, tmp_path / "data.parquet")
    source = opened(str(tmp_path / "data.parquet"))
    assert source.extent(None, HOUR) == Window(MONDAY + 60, MONDAY + 121)
    assert values(source, "7") == [1, 2]
    assert source.left_out == {"without a time": 1}


def test_a_day_is_a_time_and_so_is_one_before_1970(tmp_path: Path) -> None:
    source = opened(csv_file(tmp_path, "1969-12-31T23:59:00Z,a,1", "1969-12-31 23:59:59.5,a,3", "1970-01-01,a,5"))
    assert values(source, window=Window(-60, 60)) == [2, 5]


@pytest.mark.parametrize(("statistic", "expected"), [("avg", 14 / 3), ("sum", 14.0), ("count", 3.0), ("max", 8.0)])
def test_several_rows_in_a_bucket_become_the_statistic(tmp_path: Path, statistic: str, expected: float) -> None:
    path = csv_file(tmp_path, f"{MONDAY + 7},a,4", f"{MONDAY + 59},a,8", f"{MONDAY + 7},a,2")
    columns = Columns("ts", "key", "value", statistic=statistic, scale=2.0)  # type: ignore[arg-type]
    assert values(opened(path, columns)) == [2 * expected]


@pytest.mark.parametrize(
    ("statistic", "empty", "expected"),
    [
        ("sum", None, [1, 0, 0, 2]),
        ("count", None, [1, 0, 0, 1]),
        ("avg", None, [1, 2]),
        ("max", None, [1, 2]),
        ("sum", "missing", [1, 2]),
        ("avg", "zero", [1, 0, 0, 2]),
    ],
)
def test_an_empty_bucket_is_zero_where_nothing_means_nothing(
    tmp_path: Path, statistic: str, empty: str | None, expected: list[float]
) -> None:
    path = csv_file(tmp_path, f"{MONDAY + 600},a,1", f"{MONDAY + 800},a,2", f"{MONDAY},b,1", f"{MONDAY + 3000},b,1")
    columns = Columns("ts", "key", "value", statistic=statistic, empty=empty)  # type: ignore[arg-type]
    assert values(opened(path, columns)) == expected


def test_the_metric_is_called_like_the_column(tmp_path: Path) -> None:
    path = csv_file(tmp_path, f"{MONDAY},a,1", header="ts,key,latency")
    source = opened(path, Columns("ts", "key", "latency", unit="ms", scale=0.5))
    assert (source.metric.name, source.metric.unit, source.metric.statistic) == ("latency", "ms", "avg")
    assert (source.identity(), source.settling, source.name) == (None, None, path)


def test_rows_that_cannot_be_used_are_left_out_and_counted(tmp_path: Path) -> None:
    lines = [f"{MONDAY},a,1", f"{MONDAY},,1", f'{MONDAY},"",1', ",a,1", "NaT,a,1"]
    lines += [f"{MONDAY},a,{text}" for text in ("", "nan", "NULL", "inf", "-inf", "n/a", "-", "None")]
    source = opened(csv_file(tmp_path, *lines))
    assert values(source) == [1]
    assert source.left_out == {"without a key": 2, "without a time": 2, "without a finite value": 8}
    assert opened(csv_file(tmp_path, f"{MONDAY},a,1")).left_out == {}


def test_nulls_and_infinities_in_parquet_are_left_out_and_counted(tmp_path: Path) -> None:
    table = {
        "ts": [MONDAY] * 5,
        "key": ["a", None, "", "a", "a"],
        "value": [1.0, 1.0, 1.0, math.nan, math.inf],
    }
    pq.write_table(pa.table(table), tmp_path / "data.parquet")
    source = opened(str(tmp_path / "data.parquet"))
    assert values(source) == [1]
    assert source.left_out == {"without a key": 2, "without a finite value": 2}


def test_a_key_is_text_exactly_as_written(tmp_path: Path) -> None:
    source = opened(csv_file(tmp_path, *(f"{MONDAY},{key},1" for key in ("007", "7", "NULL", " 7", "1e3", "true"))))
    assert list(source.keys(FIRST_HOUR)) == sorted(["007", "7", "NULL", " 7", "1e3", "true"])


@pytest.mark.parametrize(("kind", "key"), [(pa.int64(), "7"), (pa.float64(), "7.0"), (pa.bool_(), "true")], ids=str)
def test_a_key_of_any_type_becomes_text(tmp_path: Path, kind: pa.DataType, key: str) -> None:
    table = {"ts": [MONDAY], "key": pa.array([7]).cast(kind), "value": [1]}
    pq.write_table(pa.table(table), tmp_path / "data.parquet")
    assert list(opened(str(tmp_path / "data.parquet")).keys(FIRST_HOUR)) == [key]


@pytest.mark.parametrize(
    "kind", [pa.int8(), pa.uint64(), pa.float32(), pa.decimal128(25, 2), pa.bool_(), pa.string()], ids=str
)
def test_a_value_of_any_numeric_type_is_read(tmp_path: Path, kind: pa.DataType) -> None:
    table = {"ts": [MONDAY], "key": ["a"], "value": pa.array([1]).cast(kind)}
    pq.write_table(pa.table(table), tmp_path / "data.parquet")
    assert values(opened(str(tmp_path / "data.parquet"))) == [1]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=repr)
def test_delimiters_and_line_breaks_are_found_out(tmp_path: Path, mark: str, end: str) -> None:
    lines = [["ts", "the key", "value"], [iso(MONDAY), f'"a{mark}b"', "1"], [iso(MONDAY), '"say ""hi"""', "2"]]
    (tmp_path / "data.csv").write_text("".join(mark.join(line) + end for line in lines), newline="")
    source = opened(str(tmp_path / "data.csv"), replace(COLUMNS, key="the key"))
    assert values(source, f"a{mark}b") == [1]
    assert values(source, 'say "hi"') == [2]


def test_a_byte_order_mark_and_blanks_in_the_header_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes(b"\xef\xbb\xbfts, key ,value\n%d,a,1\n\n" % MONDAY)
    assert values(opened(str(tmp_path / "data.csv"))) == [1]


def test_a_gzipped_file_is_read_whatever_it_is_called(tmp_path: Path) -> None:
    for name in ("data.csv.gz", "data.csv"):
        with gzip.open(tmp_path / name, "wt") as file:
            file.write(f"ts,key,value\n{MONDAY},a,1\n")
        assert values(opened(str(tmp_path / name))) == [1]


def test_names_with_quotes_and_brackets_are_names_and_nothing_else(tmp_path: Path) -> None:
    nasty = "a\"b'; DROP TABLE rows; --"
    path = tmp_path / 'it\'s [1] "file" 50%.csv'
    (tmp_path / 'it\'s 1 "file" 50%.csv').write_text(f"ts,key,value\n{MONDAY},wrong,1\n")
    path.write_text(f'"t\'s","k""y","{nasty.replace(chr(34), chr(34) * 2)}"\n{MONDAY},a,5\n')
    assert values(opened(str(path), Columns("t's", 'k"y', nasty))) == [5]
    pq.write_table(pa.table({"t's": [MONDAY], 'k"y': ["a"], nasty: [6]}), tmp_path / "it's [1].parquet")
    assert values(opened(str(tmp_path / "it's [1].parquet"), Columns("t's", 'k"y', nasty))) == [6]


def test_a_glob_takes_all_files_that_fit_even_if_their_columns_differ(tmp_path: Path) -> None:
    csv_file(tmp_path, f"{MONDAY},a,1", name="1.csv")
    csv_file(tmp_path, f"b;2;{MONDAY + 60};x", name="2.csv", header="key;value;ts;more")
    pq.write_table(pa.table({"value": [3], "key": ["a"], "ts": [MONDAY + 60]}), tmp_path / "3.parquet")
    with gzip.open(tmp_path / "4.csv", "wt") as file:
        file.write(f"ts,key,value\n{MONDAY + 120},a,4\n")
    source = open_source(str(tmp_path / "*.*"), COLUMNS)
    assert isinstance(source, FilesSource)
    assert values(source) == [1, 3, 4]
    assert values(source, "b") == [2]


def test_spans_are_each_keys_own(tmp_path: Path) -> None:
    lines = [f"{MONDAY + 17},old,1", f"{MONDAY + 100},old,1", f"{MONDAY + 30 * WEEK},new,1"]
    source = opened(csv_file(tmp_path, *lines))
    assert source.extent(None, HOUR) == Window(MONDAY + 17, MONDAY + 30 * WEEK + 1)
    assert source.keys(source.extent(None, HOUR)) == {
        "new": Window(MONDAY + 30 * WEEK, MONDAY + 30 * WEEK + 1),
        "old": Window(MONDAY + 17, MONDAY + 101),
    }
    assert list(source.keys(FIRST_HOUR)) == ["old"]


def test_text_is_parsed_once_and_the_copy_goes_with_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    path = csv_file(tmp_path, f"{MONDAY},a,1")
    source = opened(path)
    assert source._staged is None  # nothing is read before it is asked
    source.extent(None, HOUR)
    Path(path).unlink()
    assert values(source) == [1]
    # a file without a name: kill -9 leaves nothing either
    assert list((tmp_path / "temporary").iterdir()) == []
    source.close()


def test_a_source_that_nobody_closes_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    opened(csv_file(tmp_path, f"{MONDAY},a,1")).extent(None, HOUR)
    with pytest.raises(UsageFailure):
        opened(csv_file(tmp_path, f"{MONDAY},a,x")).extent(None, HOUR)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_file_that_grows_while_it_is_read_is_not_half_believed(tmp_path: Path) -> None:
    path = csv_file(tmp_path, f"{MONDAY},a,1")
    source = opened(path)
    with Path(path).open("a") as file:
        file.write(f"{MONDAY + 60},a,2\n")
    with pytest.raises(StoreError, match="changed while it was read: run again"):
        source.extent(None, HOUR)


@settings(deadline=None, max_examples=15)
@given(
    rows=st.lists(st.tuples(st.integers(0, 3 * HOUR), st.floats(-1e12, 1e12), st.sampled_from("abc")), min_size=1),
    seed=st.randoms(use_true_random=False),
)
def test_any_order_of_rows_gives_the_same_bytes(rows: list[tuple[int, float, str]], seed: object) -> None:
    answers = set()
    for _ in range(2):
        seed.shuffle(rows)  # type: ignore[attr-defined]
        with tempfile.TemporaryDirectory() as folder:
            lines = [f"{MONDAY + t},{key},{value!r}" for t, value, key in rows]
            source = opened(csv_file(Path(folder), *lines), replace(COLUMNS, statistic="avg"))
            window = Window(MONDAY, MONDAY + 4 * HOUR)
            matrix = source.series(Query(source.metric, ("c", "a", "b"), window, 3600))
            parts = [
                source.series(Query(source.metric, (key,), part, 3600)).values.tobytes()
                for key in ("c", "a", "b")
                for part in window.pieces(HOUR)
            ]
            assert b"".join(parts) == matrix.values.tobytes()
            answers.add(matrix.values.tobytes())
    assert len(answers) == 1


def test_many_rows_are_the_same_in_one_question_and_in_many(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    count = 300_000
    table = {
        "ts": MONDAY + random.integers(0, 2 * DAY, count),
        "key": np.char.add("k", random.integers(0, 30, count).astype(str)),
        "value": random.lognormal(0, 3, count),
    }
    pq.write_table(pa.table(table), tmp_path / "data.parquet")
    answers = []
    for _ in range(2):
        source = opened(str(tmp_path / "data.parquet"), replace(COLUMNS, statistic="sum"))
        window = Window(MONDAY, MONDAY + 2 * DAY)
        keys = tuple(source.keys(window))
        whole = source.series(Query(source.metric, keys, window, 60)).values
        for row, key in enumerate(keys[:5]):
            for day in window.pieces(DAY):
                part = source.series(Query(source.metric, (key,), day, 60)).values[0]
                start = (day.start - MONDAY) // 60
                assert part.tobytes() == whole[row, start : start + 1440].tobytes()
        answers.append(whole.tobytes())
        np.testing.assert_allclose(np.nansum(whole), table["value"].sum())
    assert answers[0] == answers[1]


# --- what cannot be read ---------------------------------------------------------------------------


def junk(folder: Path) -> str:
    (folder / "junk.csv").write_bytes(np.random.default_rng(5).bytes(5000))
    return str(folder / "junk.csv")


def cut_parquet(folder: Path) -> str:
    pq.write_table(pa.table({"ts": [1], "key": ["a"], "value": [1]}), folder / "cut.parquet")
    content = (folder / "cut.parquet").read_bytes()
    (folder / "cut.parquet").write_bytes(content[:-20])
    return str(folder / "cut.parquet")


def cut_gzip(folder: Path) -> str:
    content = gzip.compress(f"ts,key,value\n{MONDAY},a,1\n".encode() * 10_000)
    (folder / "cut.csv.gz").write_bytes(content[:100])
    return str(folder / "cut.csv.gz")


def late_cut_gzip(folder: Path) -> str:
    text = "ts,key,value\n" + "".join(f"{MONDAY + i},{i * 7919 % 10_007},{i}\n" for i in range(100_000))
    content = gzip.compress(text.encode())
    (folder / "cut.csv.gz").write_bytes(content[:-3000])
    return str(folder / "cut.csv.gz")


def written(folder: Path, name: str, content: bytes) -> str:
    (folder / name).write_bytes(content)
    return str(folder / name)


def typed(folder: Path, **columns: pa.Array) -> str:
    pq.write_table(pa.table({"ts": [MONDAY], "key": ["a"], "value": [1]} | columns), folder / "typed.parquet")
    return str(folder / "typed.parquet")


Wrong = tuple[Callable[[Path], str], Columns, type[Failure], str]

WRONG: dict[str, Wrong] = {
    "missing": (lambda f: str(f / "nothing.csv"), COLUMNS, NoSuchStore, r"no file .*nothing\.csv: check the path"),
    "misspelt": (
        lambda f: csv_file(f, name="flows.csv").replace("flows", "folws"),
        COLUMNS,
        NoSuchStore,
        r"no file .*folws\.csv: did you mean .*flows\.csv\?",
    ),
    "no match": (lambda f: str(f / "*.csv"), COLUMNS, NoSuchStore, r"no file matches .*\*\.csv"),
    "folder": (str, COLUMNS, NoSuchStore, r"is an empty folder: use a file,"),
    "empty": (lambda f: written(f, "empty.csv", b""), COLUMNS, NoSuchStore, r"empty\.csv is empty"),
    "header only": (csv_file, COLUMNS, NoSuchStore, "has a header but no rows"),
    "nothing usable": (
        lambda f: csv_file(f, f"{MONDAY},,1", f"{MONDAY},a,"),
        COLUMNS,
        NoSuchStore,
        r"no usable row \(1 without a key, 1 without a finite value\)",
    ),
    "nothing to tell columns by": (
        lambda f: csv_file(f, "1,2,3", header="a,b,c"),
        Columns(),
        UsageFailure,
        r"specify which columns of .* to use with --time, --key, --value .*: it has a \(number\), b \(number\), c",
    ),
    "two that could be the key": (
        lambda f: csv_file(f, "x,y,2025-01-06,3", header="from,to,ts,bytes"),
        Columns(),
        UsageFailure,
        r"to use with --key: it has from \(text, 1 value\), to \(text, 1 value\), ts \(date\), bytes \(number\)",
    ),
    "no header": (
        lambda f: csv_file(f, header=f"{MONDAY},a,5"),
        Columns(),
        UsageFailure,
        r"has no header; its first line is \d+, a, 5: add a line above it",
    ),
    "one column": (
        lambda f: csv_file(f, "2025-01-06 a 5", header="ts key value"),
        Columns(),
        UsageFailure,
        r"has only one column, 'ts key value': .* comma, semicolon, tab or \|",
    ),
    "wrong column": (
        lambda f: csv_file(f, header="when,customer,bytes,more"),
        Columns("when", "custmer", "bytes"),
        UsageFailure,
        r"has no column custmer \(--key\): it has customer, when, bytes, more$",
    ),
    "wrong column in parquet": (
        typed,
        replace(COLUMNS, value="values"),
        UsageFailure,
        r"typed\.parquet has no column values \(--value\): it has value, ts, key$",
    ),
    "column twice": (
        lambda f: csv_file(f, header="ts,key,value,value"),
        COLUMNS,
        UsageFailure,
        r"has 2 columns called value \(--value\): use 'value \(1\)' or 'value \(2\)'",
    ),
    "no time": (
        lambda f: csv_file(f, f"{MONDAY},a,1", "yesterday,a,1"),
        COLUMNS,
        UsageFailure,
        r"data\.csv, row 2: 'yesterday' in column ts \(--time\) is not a valid time: use ISO 8601 .* or seconds",
    ),
    "not a number": (
        lambda f: csv_file(f, f"{MONDAY},a,1", f'{MONDAY},"b\nc",1', f'{MONDAY},a,"1:5"'),
        COLUMNS,
        UsageFailure,
        r"data\.csv, row 3: '1:5' in column value \(--value\) is not a valid number",
    ),
    "no number in parquet": (
        lambda f: typed(f, value=pa.array(["many"])),
        COLUMNS,
        UsageFailure,
        r"typed\.parquet, row 1: 'many' in column value \(--value\) is not a valid number",
    ),
    "time of a wrong type": (
        lambda f: typed(f, ts=pa.array([True])),
        COLUMNS,
        UsageFailure,
        r"column ts \(--time\) holds BOOLEAN, which is not a time",
    ),
    "value of a wrong type": (
        lambda f: typed(f, value=pa.array([[1]])),
        COLUMNS,
        UsageFailure,
        r"column value \(--value\) holds \w+\[\], which is not a number",
    ),
    "beyond all years": (
        lambda f: csv_file(f, "-90000000000,a,1"),
        COLUMNS,
        UsageFailure,
        r"the times in ts reach from -90000000000 to .*: use another column with --time",
    ),
    "short row": (
        lambda f: csv_file(f, f"{MONDAY},a,1", f"{MONDAY},a"),
        COLUMNS,
        UsageFailure,
        r"data\.csv, line 3: 2 columns where the header has 3",
    ),
    "long row": (
        lambda f: csv_file(f, f"{MONDAY},a,1,2"),
        COLUMNS,
        UsageFailure,
        r"data\.csv, line 2: 4 columns where the header has 3",
    ),
    "open quote": (
        lambda f: csv_file(f, f'{MONDAY},"a,1', f"{MONDAY},b,2"),
        COLUMNS,
        UsageFailure,
        r"data\.csv, line 2: a quote is never closed",
    ),
    "mixed line breaks": (
        lambda f: written(f, "data.csv", b"ts,key,value\n1,a,2\r\n3,b,4\n"),
        COLUMNS,
        UsageFailure,
        r"data\.csv.*: line breaks or quotes are mixed",
    ),
    "latin 1": (
        lambda f: written(f, "data.csv", b"ts,key,value\n1,M\xfcller,2\n"),
        COLUMNS,
        NotUtf8,
        r"data\.csv is not UTF-8 \(line 2\): save it as UTF-8",
    ),
    "late latin 1": (
        lambda f: written(f, "data.csv", b"ts,key,value\n" + b"1,a,2\n" * 200_000 + b"1,M\xfcller,2\n" * 3_000),
        COLUMNS,
        NotUtf8,
        r"data\.csv, line 200002: not UTF-8",
    ),
    "UTF-16": (
        lambda f: written(f, "data.csv", "ts,key,value\n".encode("utf-16")),
        COLUMNS,
        UsageFailure,
        "is encoded in UTF-16: save it as UTF-8",
    ),
    "no line break": (
        lambda f: written(f, "data.csv", b"x" * 2_000_000),
        COLUMNS,
        DamagedStore,
        "has no line break in its first megabyte",
    ),
    "a line without end": (
        lambda f: written(f, "data.csv", b"ts,key,value\n1,a,2\n1," + b"x" * 3_000_000 + b",2\n"),
        COLUMNS,
        DamagedStore,
        r"data\.csv, line 3: a line of more than 2 MB",
    ),
    "junk": (junk, COLUMNS, DamagedStore, r"junk\.csv is neither text nor a Parquet file"),
    "junk called parquet": (
        lambda f: written(f, "data.parquet", b"not at all"),
        COLUMNS,
        DamagedStore,
        r"data\.parquet is not a Parquet file",
    ),
    "cut parquet": (cut_parquet, COLUMNS, DamagedStore, r"cut\.parquet cannot be read \(.*\): recreate it"),
    "cut gzip": (cut_gzip, COLUMNS, DamagedStore, r"cut\.csv\.gz is a damaged gzip file \(.*\): get it again"),
    "late cut gzip": (late_cut_gzip, COLUMNS, DamagedStore, r"cut\.csv\.gz cannot be read \(.*\): recreate it"),
    "zip": (
        lambda f: written(f, "data.csv", b"PK\x03\x04..."),
        COLUMNS,
        UsageFailure,
        "is compressed with zip: decompress it",
    ),
    "below a file": (lambda f: csv_file(f) + "/more.csv", COLUMNS, NoSuchStore, "no file"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_cannot_be_used_gets_one_line(tmp_path: Path, case: str) -> None:
    make, columns, kind, said = WRONG[case]
    path = make(tmp_path)
    with pytest.raises(Failure) as caught:
        opened(path, columns).extent(None, HOUR)
    assert re.search(said, str(caught.value)), str(caught.value)
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_file_that_may_not_be_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = csv_file(tmp_path, f"{MONDAY},a,1")

    def refuse(*_arguments: object) -> None:
        raise PermissionError(13, "Permission denied")  # chmod does not stop root

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(StorageFailure, match=r"data\.csv: permission denied"):
        opened(path)


def test_a_time_zone_of_the_machine_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    naive = datetime.fromtimestamp(MONDAY, UTC).replace(tzinfo=None)
    zoned = datetime.fromtimestamp(MONDAY + 60, timezone(timedelta(hours=5, minutes=30)))
    source = opened(csv_file(tmp_path, f"{naive},a,1", f"{zoned},a,2"))
    assert source.extent(None, HOUR) == Window(MONDAY, MONDAY + 61)
