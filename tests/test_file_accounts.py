"""Files of a store accounted for one by one: of each what was used, and what was left out for which reason."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import pytest

from tests.conformance import MONDAY
from tests.test_file_situations import Files, laid, many, ndjson, parquet, rows
from tests.test_file_situations import at as minute
from tests.test_log_situations import CLF, row
from traffic.console import reading_line
from traffic.coverage import Coverage
from traffic.errors import Failure
from traffic.model import Window
from traffic.store import Columns, open_source
from traffic.watched import watcher

HALF = Window(MONDAY, MONDAY + 600)


def accounted(place: str, said: Columns, window: Window | None = None, *only: str) -> dict[str, dict[str, int | None]]:
    """File -> what was used (no reason), and reason -> what was left out."""
    source = open_source(place, said)
    extent = source.extent(None, 60)
    coverage = source.coverage(window or extent, extent, only or None)
    coverage.check(source.name)
    return table(coverage)


def table(coverage: Coverage) -> dict[str, dict[str, int | None]]:
    found: dict[str, dict[str, int | None]] = {}
    for line in coverage.table():
        assert line.rows == (line.used or 0) + (line.left_out or 0)
        found.setdefault(Path(line.part).name, {})[line.reason] = line.left_out if line.reason else line.used
    return found


OUTSIDE, OTHERS = "are outside the time window", "belong to series that --only, --exclude or --top leave out"
TABLES: Files = {
    "a.csv": many("time,key,v", "{t},a,{i}"),
    "b.csv.gz": gzip.compress((many("time,key,v", "{t},b,{i}", 30) + ",b,5\n").encode()),
    "c.csv": rows("v,time,key", f"5,{minute(1)},", "6,,a", f"x,{minute(2)},a".replace("x", "")),
    "d.json": ndjson({"time": minute(n), "key": "d", "v": n % 7} for n in range(9)),
    "e.parquet": parquet(time=[minute(1), minute(40)], key=["a", "a"], v=[4, 5]),
    "f.csv": "",
}


def test_each_file_of_a_folder_has_its_own_rows(tmp_path: Path) -> None:
    place = laid(tmp_path, TABLES)
    lost = {"have no key": 1, "have no time": 1, "have no finite value": 1}
    assert accounted(place, Columns()) == {
        "a.csv": {"": 20},
        "b.csv.gz": {"": 30, "have no time": 1},
        "c.csv": {"": 0, **lost},
        "d.json": {"": 9},
        "e.parquet": {"": 2},
        "f.csv": {"": 0},
    }
    assert accounted(place, Columns(), HALF, "a") == {
        "a.csv": {"": 10, OUTSIDE: 10},
        "b.csv.gz": {"": 0, OUTSIDE: 20, OTHERS: 10, "have no time": 1},
        "c.csv": {"": 0, **lost},
        "d.json": {"": 0, OTHERS: 9},
        "e.parquet": {"": 1, OUTSIDE: 1},
        "f.csv": {"": 0},
    }


def test_series_as_columns_counters_and_a_file_a_day_are_accounted_for_too(tmp_path: Path) -> None:
    both: dict[str, Files] = {
        "wide": {"a.csv": many("time,x,y", "{t},1,{i}"), "b.csv": many("time,x,z", "{t},1,{i}", 25)},
        "counters": {name: many("time,key,rx_total", "{t}," + name + ",{n}") for name in ("a.csv", "b.csv")},
    }
    for name, files in both.items():
        (tmp_path / name).mkdir()
        place = laid(tmp_path / name, files)
        whole = {"a.csv": {"": 40}, "b.csv": {"": 50}} if name == "wide" else {"a.csv": {"": 20}, "b.csv": {"": 20}}
        assert accounted(place, Columns()) == whole


def test_each_log_file_has_its_own_lines(tmp_path: Path) -> None:
    laid(
        tmp_path,
        {
            "a.log": CLF.format(200) * 300 + "what is this\n",
            "a.log.1.gz": gzip.compress((CLF.format(500) * 7).encode()),
            "b.json": row(service="web", status=503) * 5 + row(status=200),
        },
    )
    said = Columns(preset="errors", key="service")
    assert accounted(str(tmp_path / "b.json"), said) == {"b.json": {"": 5, "have no service": 1}}
    assert accounted(str(tmp_path / "*"), Columns(preset="errors"), None, "/a") == {
        "a.log": {"": 300, "are not recognised": 1},
        "a.log.1.gz": {"": 7},
        "b.json": {"": 0, OTHERS: 5, "have no service": 1},
    }


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", many("time,key,v", "{t},a,{i}"), Columns()),
        ("a.log", CLF.format(500) * 9, Columns(preset="errors")),
    ],
    ids=["table", "log"],
)
def test_whoever_waits_is_told_how_many_bytes_are_read(name: str, content: str, said: Columns, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    token = watcher.set(lambda done, size: told.append((done, size)))
    try:
        open_source(laid(tmp_path, {name: content}), said).extent(None, 60)
    finally:
        watcher.reset(token)
    assert (len(content), len(content)) in told
    assert all(0 < done <= size for done, size in told)


def test_a_line_says_how_far_reading_is_and_goes(capsys: pytest.CaptureFixture[str]) -> None:
    line = reading_line()
    line(10, 10)
    assert capsys.readouterr().err == ""
    line(1_300_000_000, 5_200_000_000)
    assert capsys.readouterr().err == "\rreading 1.30 GB of 5.20 GB (25 %)\x1b[K"
    line(5_200_000_000, 5_200_000_000)
    assert capsys.readouterr().err == "\r\x1b[K"


def test_a_folder_is_read_with_what_was_rotated_in_it(tmp_path: Path) -> None:
    files: Files = {
        "a.csv": many("time,key,v", "{t},a,{i}", 5),
        "a.csv.1": rows("time,key,v", f"{minute(9)},a,1"),
        "a.csv-20250105.gz": gzip.compress(rows("time,key,v", f"{minute(10)},a,1").encode()),
        "notes.md": "no table",
    }
    place = laid(tmp_path, files)
    assert accounted(place, Columns()) == {"a.csv": {"": 5}, "a.csv.1": {"": 1}, "a.csv-20250105.gz": {"": 1}}
    (tmp_path / "a.csv.2.bz2").write_bytes(bz2.compress(b"time,key,v\n"))
    with pytest.raises(Failure, match=r"a\.csv\.2\.bz2"):
        open_source(place, Columns())
