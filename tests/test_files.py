"""A user's files beyond the plain long table: NDJSON, pipes, wide tables, filters, zones, guesses, steps."""

from __future__ import annotations

import gzip
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from tests.conformance import MONDAY
from traffic.errors import Failure, UsageFailure
from traffic.model import HOUR, WEEK, Query, Window
from traffic.store import Columns
from traffic.store.base import DamagedStore, NoSuchStore
from traffic.store.files import FilesSource
from traffic.store.files.buckets import fill, fill_alone
from traffic.store.files.inputs import spool
from traffic.store.files.step import in_order, own_step
from traffic.times import fitting

FIRST_HOUR = Window(MONDAY, MONDAY + HOUR)
PLAIN = Columns("ts", "key", "value")


def made(folder: Path, name: str, *lines: str) -> str:
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(folder / name)


def held(source: FilesSource, window: Window = FIRST_HOUR) -> dict[str, list[float]]:
    """Key -> its minutes that are there."""
    keys = tuple(source.keys(window))
    values = source.series(Query(source.metric, keys, window, 60)).values
    return {key: row[~np.isnan(row)].tolist() for key, row in zip(keys, values, strict=True)}


# --- JSON ------------------------------------------------------------------------------------------


def test_objects_a_line_are_read_and_members_of_members_by_their_path(tmp_path: Path) -> None:
    path = made(
        tmp_path,
        "rows.ndjson",
        json.dumps({"@timestamp": "2025-01-06T00:00:00Z", "source": {"ip": 'a "b"', "port": 1}, "net": {"bytes": 5}}),
        json.dumps(
            {"net": {"bytes": 7.5}, "@timestamp": MONDAY * 1000 + 60_000, "source": {"ip": 'a "b"'}, "tags": [1]}
        ),
        json.dumps({"@timestamp": "2025-01-06T00:02:00Z", "source": {"ip": None}, "net": {"bytes": 1}}),
        "",
        json.dumps({"@timestamp": "2025-01-06T00:03:00Z", "source": {"ip": "c.d"}, "net": {}}),
    )
    source = FilesSource(path, Columns("@timestamp", "source.ip", "net.bytes", statistic="avg"))
    assert held(source) == {'a "b"': [5, 7.5]}
    assert source.left_out == {"without a key": 1, "without a finite value": 1}


def test_a_name_may_hold_a_dot_of_its_own(tmp_path: Path) -> None:
    rows = [{"ts": MONDAY + 60 * i, "source.ip": "x", "it's": {'"q"': {"v": i}}} for i in range(3)]
    path = made(tmp_path, "rows.json", *map(json.dumps, rows))
    assert held(FilesSource(path, Columns("ts", "source.ip", 'it\'s."q".v'))) == {"x": [0, 1, 2]}


@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_of_objects_is_read_too(tmp_path: Path, indent: int | None) -> None:
    rows = [{"ts": MONDAY + 60 * i, "key": "a", "value": i} for i in range(3)]
    assert held(FilesSource(made(tmp_path, "rows.json", json.dumps(rows, indent=indent)), PLAIN)) == {"a": [0, 1, 2]}


def test_objects_may_be_gzipped(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "rows.ndjson.gz", "wt") as file:
        file.write(json.dumps({"ts": MONDAY, "key": "a", "value": 4}) + "\n")
    assert held(FilesSource(str(tmp_path / "rows.ndjson.gz"), PLAIN)) == {"a": [4]}


def test_a_column_that_only_later_objects_have_is_missing_not_wrong(tmp_path: Path) -> None:
    path = made(
        tmp_path,
        "rows.ndjson",
        json.dumps({"ts": MONDAY, "key": "a"}),
        json.dumps({"ts": MONDAY, "key": "a", "value": 3}),
    )
    assert held(FilesSource(path, PLAIN)) == {"a": [3]}


# --- standard input --------------------------------------------------------------------------------


class Piped(io.BytesIO):
    """What stands behind sys.stdin."""

    @property
    def buffer(self) -> io.BytesIO:
        return self


def test_what_is_piped_in_is_read_and_told_by_its_content(monkeypatch: pytest.MonkeyPatch) -> None:
    content = f"ts,key,value\n{MONDAY},a,1\n".encode()
    prints = []
    for data in (content, gzip.compress(content, mtime=0), content):
        monkeypatch.setattr("sys.stdin", Piped(data))
        source = FilesSource("-", Columns())
        assert source.name == "standard input"
        assert held(source) == {"a": [1]}
        prints.append(source.fingerprint(FIRST_HOUR))
        source.close()
    assert prints[0] == prints[2] != prints[1]


def test_a_terminal_is_not_waited_for() -> None:
    class Terminal(io.BytesIO):
        def isatty(self) -> bool:
            return True

    with pytest.raises(NoSuchStore, match="no input on stdin: write for instance"):
        spool(Terminal())


def test_what_is_wrong_with_a_pipe_is_said_of_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    for content, said in (
        (b"", "standard input is empty"),
        (b"ts,key,value\n1,a,2\n1,a\n", "standard input, line 3: 2 columns"),
        (b"ts,key,value\n1,a,b\n", "standard input, row 1: 'b' in column value"),
        (b'{"ts": 1, "key": "a", "value": 2}\n{"ts"\n', "standard input, line 2: not a JSON object"),
    ):
        monkeypatch.setattr("sys.stdin", Piped(content))
        with pytest.raises(Failure, match=said):
            FilesSource("-", PLAIN).extent(None, HOUR)


# --- wide ------------------------------------------------------------------------------------------


def test_every_column_is_a_series(tmp_path: Path) -> None:
    path = made(tmp_path, "wide.csv", "when;a;O'Neill;note;b", "2025-01-06;1;2;x;", "2025-01-06 00:01;3;;y;6")
    source = FilesSource(path, Columns(wide=True, scale=2.0))
    assert held(source) == {"O'Neill": [4], "a": [2, 6], "b": [12]}
    assert source.left_out == {}
    assert source.notes() == [
        "using when, and 3 columns as series: a, O'Neill, b",
        "not series, because they contain no numbers: note",
    ]
    assert source.metric.name == "value"


def test_a_wide_parquet_file_may_have_columns_of_any_number(tmp_path: Path) -> None:
    table = {
        "ts": pa.array([MONDAY], pa.timestamp("s")),
        "i": pa.array([1], pa.int8()),
        "f": [2.5],
        "none": pa.array([None], pa.float64()),
    }
    pq.write_table(pa.table(table), tmp_path / "wide.parquet")
    assert held(FilesSource(str(tmp_path / "wide.parquet"), Columns(wide=True))) == {"f": [2.5], "i": [1]}


def test_text_in_a_series_names_its_column(tmp_path: Path) -> None:
    rows = [f"2025-01-06 00:{i // 60:02}:{i % 60:02},{i},2" for i in range(300)]
    path = made(tmp_path, "wide.csv", "ts,a,b", *rows, "2025-01-06,1,many")
    with pytest.raises(UsageFailure, match=r"row 301: 'many' in column b \(--wide\) is not a valid number"):
        FilesSource(path, Columns(wide=True)).extent(None, HOUR)


def test_a_wide_table_without_numbers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageFailure, match="no numeric column except ts"):
        FilesSource(made(tmp_path, "wide.csv", "ts,a", "2025-01-06,x"), Columns(wide=True)).extent(None, HOUR)


# --- which rows, which times -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("bytes > 9", [10, 11]),
        ("Proto = 'tcp' and bytes < 10.5", [1, 10]),
        ("proto in ('udp') -- a comment", [11]),
        ("proto is null", [2]),
        ("\"two words\" like 'x%'", [1]),
    ],
)
@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet"])
def test_a_condition_chooses_rows_in_every_form(tmp_path: Path, form: str, where: str, expected: list[float]) -> None:
    rows = [("tcp", 1, "x1"), (None, 2, "y"), ("tcp", 10, "y"), ("udp", 11, "y")]
    names = ("ts", "key", "proto", "bytes", "two words")
    table = [(MONDAY + 60 * place, "a", *row) for place, row in enumerate(rows)]
    path = tmp_path / f"rows.{form}"
    if form == "csv":
        path.write_text(
            "\n".join([",".join(names), *(",".join("" if c is None else str(c) for c in row) for row in table)])
        )
    elif form == "ndjson":
        path.write_text("\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in table))
    else:
        pq.write_table(pa.table(dict(zip(names, map(list, zip(*table, strict=True)), strict=True))), path)
    assert held(FilesSource(str(path), Columns("ts", "key", "bytes", statistic="avg", where=where))) == {"a": expected}


def test_a_condition_that_leaves_nothing_says_so(tmp_path: Path) -> None:
    path = made(tmp_path, "rows.csv", "ts,key,value", f"{MONDAY},a,1")
    with pytest.raises(NoSuchStore, match="header but no rows"):
        FilesSource(path, replace(PLAIN, where="value > 5")).extent(None, HOUR)


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
@pytest.mark.parametrize("form", ["text", "number"])
def test_a_number_is_a_time_in_the_unit_that_its_size_tells(tmp_path: Path, unit: int, form: str) -> None:
    if form == "text":
        path = made(tmp_path, "rows.csv", "ts,key,value", f"{(MONDAY + 60) * unit},a,1")
    else:
        pq.write_table(pa.table({"ts": [(MONDAY + 60) * unit], "key": ["a"], "value": [1]}), tmp_path / "rows.parquet")
        path = str(tmp_path / "rows.parquet")
    assert FilesSource(path, Columns()).extent(None, HOUR) == Window(MONDAY + 60, MONDAY + 61)


def test_a_zone_is_for_times_that_name_none(tmp_path: Path) -> None:
    path = made(
        tmp_path, "rows.csv", "ts,key,value", "2025-01-06 01:00,a,1", "2025-01-06T00:01Z,a,2", f"{MONDAY + 120},a,3"
    )
    assert held(FilesSource(path, replace(PLAIN, zone="europe/berlin"))) == {"a": [1, 2, 3]}
    naive = pa.array([MONDAY + HOUR], pa.timestamp("s"))
    pq.write_table(pa.table({"ts": naive, "key": ["a"], "value": [1]}), tmp_path / "rows.parquet")
    assert held(FilesSource(str(tmp_path / "rows.parquet"), replace(PLAIN, zone="Europe/Berlin"))) == {"a": [1]}


# --- guesses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "row", "used"),
    [
        ("ts,customer,bytes", "2025-01-06,a,5", "ts, customer, bytes"),
        # A name that says it exactly comes before one that ends with it, wherever they stand and whatever it is called.
        ("time,customer,total bytes,bytes", "2025-01-06,a,1,5", "time, customer, bytes"),
        ("time,customer,bytes,total bytes", "2025-01-06,a,5,1", "time, customer, bytes"),
        ("time,billing name,client id,ID,value", "2025-01-06,x,y,a,5", "time, ID, value"),
        ("start time,TIME,key,response value,Value", "2025-01-06,2025-01-06,a,1,5", "TIME, key, Value"),
        ("time,customer,total bytes,count", "2025-01-06,a,1,5", "time, customer, count"),
        ("bytes,packets,customer_id,start,end", "5,1,17,2025-01-06,2025-01-07", "start, customer_id, bytes"),
        ("timestamp,value", "2025-01-06,5", "timestamp, the name of the file, value"),
        ("Time,Host,CPU", f"{MONDAY},a,5", "Time, Host, CPU"),
        (",ts,key,cpu", "0,2025-01-06,a,5", "ts, key, cpu"),
        (",key,cpu", "2025-01-06,a,5", "column 1, key, cpu"),
        ("day,region,orders", "2025-01-06,north,5", "day, region, orders"),
        ("t,sensor,reading", f"{MONDAY},a,5", "t, sensor, reading"),
        ("@timestamp,source.ip,network.bytes", f"{MONDAY}000,a,5", "@timestamp, source.ip, network.bytes"),
    ],
)
def test_columns_are_guessed_and_said(tmp_path: Path, header: str, row: str, used: str) -> None:
    source = FilesSource(made(tmp_path, "rows.csv", header, row), Columns(statistic="avg"))
    assert source.notes()[0].partition("; not used")[0] == f"using {used}"
    assert source.series(Query(source.metric, tuple(source.keys(FIRST_HOUR)), FIRST_HOUR, 60)).values[0, 0] == 5


def test_what_was_said_is_never_guessed_away(tmp_path: Path) -> None:
    path = made(tmp_path, "rows.csv", "ts,key,value,other", f"{MONDAY},a,1,2")
    assert FilesSource(path, Columns(value="other")).notes() == ["using ts, key, other; not used: value (number)"]
    assert FilesSource(path, PLAIN).notes() == []


def test_files_without_keys_are_a_series_each(tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv"):
        made(tmp_path, name, "ts,value", f"{MONDAY},{len(name)}")
    with gzip.open(tmp_path / "three.csv.gz", "wt") as file:
        file.write(f"ts,value\n{MONDAY},3\n")
    assert held(FilesSource(str(tmp_path / "*"), Columns())) == {"one": [7], "three": [3], "two": [7]}


def test_rows_are_counted_without_a_value(tmp_path: Path) -> None:
    path = made(tmp_path, "log.csv", "time,host,path", *[f"{MONDAY + i},a,/x" for i in range(90)])
    source = FilesSource(path, Columns(key="host", statistic="count"))
    assert held(source) == {"a": [60, 30]}
    assert source.metric.name == "rows"


# --- steps -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 7, 60, 90, 300, 3600, 86400])
@pytest.mark.parametrize("jitter", [0.0, 0.05, 0.99])
def test_the_step_of_samples_is_told_from_their_gaps(step: int, jitter: float) -> None:
    rng = np.random.default_rng(step)
    row = np.repeat(np.arange(3), 2000)
    time = (step * np.tile(np.arange(2000), 3) + rng.uniform(0, jitter * step, 6000)).astype(np.int64)
    there = rng.random(6000) > 0.05
    found = own_step(row[there], time[there])
    if jitter < 0.1:
        assert found == step
    elif step >= 60:
        assert found is not None
        assert abs(found - step) <= 0.1 * step


def test_what_comes_at_random_has_no_step() -> None:
    rng = np.random.default_rng(1)
    assert own_step(np.zeros(5000, dtype=np.int64), np.cumsum(rng.exponential(100, 5000)).astype(np.int64)) is None
    assert own_step(np.zeros(3, dtype=np.int64), np.arange(3)) is None


def test_order_is_order_of_each_key() -> None:
    assert in_order(np.array([0, 1, 0, 1]), np.array([5, 1, 6, 1]))
    assert not in_order(np.array([0, 1, 0]), np.array([5, 1, 4]))


def test_the_step_is_the_same_whether_rows_are_sorted_or_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    time = np.tile(MONDAY + HOUR * np.arange(3000), 100)
    table = {"ts": time, "key": np.repeat([f"k{i}" for i in range(100)], 3000), "value": rng.random(300_000)}
    for name, order in (("sorted", np.arange(300_000)), ("shuffled", rng.permutation(300_000))):
        path = tmp_path / f"{name}.parquet"
        pq.write_table(pa.table({column: values[order] for column, values in table.items()}), path)
        assert FilesSource(str(path), PLAIN).step() == HOUR


@pytest.mark.parametrize(
    ("step", "asked", "adds_up", "expected"),
    [
        (60, 60, True, 60),
        (None, 60, True, 60),
        (7, 60, True, 60),
        (300, 60, False, 300),
        (90, 60, True, 90),
        (70, 60, True, 3600),
        (70, 60, False, 72),
        (420, 60, True, 3600),
        (420, 60, False, 450),
        (3600, 300, True, 3600),
        (86400, 60, False, 3600),
    ],
)
def test_buckets_are_as_fine_as_the_data_can_fill(step: int | None, asked: int, adds_up: bool, expected: int) -> None:
    assert (asked if step is None else fitting(step, asked, adds_up)) == expected


# --- buckets, and what is laid down ----------------------------------------------------------------


@pytest.mark.parametrize("statistic", ["avg", "sum", "count", "max"])
@pytest.mark.parametrize("buckets", [3, 40, 100_000])
@pytest.mark.parametrize("whole", [True, False])
def test_buckets_are_what_a_slow_twin_says_whatever_the_order(statistic: str, buckets: int, whole: bool) -> None:
    rng = np.random.default_rng(buckets)
    row, bucket = rng.integers(0, 4, 500), rng.integers(0, buckets, 500)
    value = np.round(rng.normal(0, 1e6, 500)) if whole else rng.normal(0, 1, 500)
    expected = np.full((4, buckets), np.nan)
    twin = {"avg": lambda of: sum(of) / len(of), "sum": sum, "count": len, "max": max}[statistic]
    for cell in {(int(r), int(b)) for r, b in zip(row, bucket, strict=True)}:
        expected[cell] = twin(sorted(value[(row == cell[0]) & (bucket == cell[1])].tolist()))  # type: ignore[operator]
    answers = []
    for order in (np.arange(500), rng.permutation(500)):
        values = np.full((4, buckets), np.nan)
        fill(values, row[order], bucket[order], value[order], statistic)  # type: ignore[arg-type]
        np.testing.assert_allclose(values, expected, rtol=1e-12)
        answers.append(values.tobytes())
    assert answers[0] == answers[1]


@pytest.mark.parametrize("statistic", ["avg", "sum", "count", "max", "p95", "share"])
@pytest.mark.parametrize("shared", [None, 0, 70])
def test_rows_that_share_no_bucket_are_filled_as_any_others_are(statistic: str, shared: int | None) -> None:
    rng = np.random.default_rng(3)
    row, bucket = np.divmod(rng.choice(4 * 50, 100, replace=False), 50)
    value = rng.integers(0, 2, 100).astype(np.float64)
    if shared is not None:
        # One of them twice, in the first part of the rows or across two of them.
        row[shared], bucket[shared] = row[3], bucket[3]
    expected, found = np.full((2, 4, 50), 7.0)
    fill(expected, row, bucket, value, statistic)  # type: ignore[arg-type]
    parts = [(row[part], bucket[part], value[part]) for part in (slice(0, 40), slice(40, 100))]
    alone = fill_alone(found, parts, statistic)  # type: ignore[arg-type]
    assert alone == (shared is None)
    assert (found == (expected if alone else 7.0)).all()


def test_a_question_is_answered_the_same_a_little_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    count = 20_000
    keys = np.char.add("k", rng.integers(0, 200, count).astype(str))
    table = {"ts": MONDAY + rng.integers(0, 2 * WEEK, count), "key": keys, "value": rng.normal(0, 1, count)}
    pq.write_table(pa.table(table), tmp_path / "rows.parquet")
    window = Window(MONDAY, MONDAY + 2 * WEEK)
    answers = []
    for batch, at_once in ((500_000, 4_000_000), (777, 100)):
        monkeypatch.setattr("traffic.store.files.staged._BATCH", batch)
        monkeypatch.setattr("traffic.store.files.staged._AT_ONCE", at_once)
        source = FilesSource(str(tmp_path / "rows.parquet"), PLAIN)
        answers.append(source.series(Query(source.metric, tuple(source.keys(window)), window, 600)).values.tobytes())
    assert answers[0] == answers[1]


def test_a_full_temporary_folder_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path, "rows.csv", "ts,key,value", f"{MONDAY},a,1")
    source = FilesSource(path, PLAIN)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(Failure, match=re.escape(f"cannot use {tmp_path / 'nowhere'}")) as caught:
        source.extent(None, HOUR)
    assert caught.value.exit_code == 7


def test_a_json_file_that_breaks_off_is_damaged(tmp_path: Path) -> None:
    rows = [json.dumps({"ts": MONDAY + i, "key": "a", "value": i}) for i in range(50_000)]
    with pytest.raises(DamagedStore, match="line 50001: not a JSON object"):
        FilesSource(made(tmp_path, "rows.ndjson", *rows, '{"ts": 5'), PLAIN).extent(None, HOUR)
