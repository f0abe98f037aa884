"""docs/wrong-input.md: what people hand over that is not valid, the line that each gets, and the exit code.

Every case is made and run; `python -m tests.test_wrong_input` writes the page anew.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import sys
import tempfile
from collections.abc import Callable
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

import sl
from tests.commands import ROOT

PAGE = ROOT / "docs" / "wrong-input.md"

HEAD = """\
# Wrong input

This page shows how `./sl.py discover --store FILE` reacts to input that is not valid: it prints one line to stderr and
ends with an exit code, never with a traceback. The exit codes are 0 (success), 2 (an input or an option is not valid)
and 7 (a file cannot be read); [Contracts](contracts.md) lists all of them. With exit code 0, the line is a note and the
run continues. Messages about guessed columns are printed before these lines and are omitted here.

`tests/test_wrong_input.py` creates and runs every case and compares the output with this page. To update the page, run
`python -m tests.test_wrong_input`.

| input | exit code | line |
| --- | --- | --- |
"""

HEADER = "ts,key,value\n"
ROW = "2025-01-06T00:00:00Z,a,1\n"


@dataclass(frozen=True)
class Case:
    """Something wrong: how it is made in an empty folder, and the options of the command."""

    what: str
    make: Callable[[Path], object]
    options: tuple[str, ...]
    code: int = 2


def file(name: str, content: str | bytes) -> Callable[[Path], object]:
    data = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / name).write_bytes(data)


def csv(content: str) -> Callable[[Path], object]:
    return file("data.csv", content)


def parquet(folder: Path, cut: int = 0, **columns: object) -> None:
    pq.write_table(pa.table({"ts": [1736121600], "key": ["a"], "value": [1.0]} | columns), folder / "data.parquet")
    content = (folder / "data.parquet").read_bytes()
    (folder / "data.parquet").write_bytes(content[: len(content) - cut])


def sparse(folder: Path) -> None:
    """2 GB without a line break that take no room."""
    with (folder / "data.csv").open("wb") as large:
        large.write(b"x" * (2 << 20))
        large.truncate(2 << 30)


def unreadable(folder: Path) -> None:
    (folder / "data.csv").write_text(HEADER + ROW)
    (folder / "data.csv").chmod(0)


def days(*cells: str) -> str:
    """Rows enough that there is something to look at."""
    return (
        HEADER
        + "".join(cells)
        + "".join(f"2025-01-{day:02}T00:0{minute}:00Z,a,1\n" for day in range(6, 28) for minute in range(5))
    )


NAN, INF = (ROW.replace("1\n", f"{text}\n") for text in ("nan", "-inf"))
DATA = ("--store", "data.csv")
JSON = ("--store", "data.ndjson")
PARQUET = ("--store", "data.parquet")

CASES = (
    Case("a file that is not there", lambda _folder: None, DATA),
    Case("a name with a slip in it", file("flows.csv", HEADER + ROW), ("--store", "folws.csv")),
    Case("a glob that fits nothing", lambda _folder: None, ("--store", "*.csv")),
    Case("a folder", lambda folder: (folder / "data").mkdir(), ("--store", "data")),
    Case("no permission to read", unreadable, DATA, 7),
    Case("nothing piped in", lambda _folder: None, ("--store", "-")),
    Case("an empty file", csv(""), DATA),
    Case("a header only", csv(HEADER), DATA),
    Case("no header", csv(ROW + ROW), DATA),
    Case("a delimiter of its own", csv("ts:key:value\n1736121600:a:1\n"), DATA),
    Case("a column that is not there", csv(HEADER + ROW), (*DATA, "--key", "custmer")),
    Case("a column twice", csv("ts,key,value,value\n1736121600,a,1,2\n"), (*DATA, "--value", "value")),
    Case("columns that say nothing", csv("a,b,c\n1,2,3\n"), DATA),
    Case("two columns that could be the key", csv("ts,from,to,bytes\n2025-01-06,x,y,1\n"), DATA),
    Case("text among the values", csv(HEADER + ROW + "2025-01-06T00:01:00Z,a,many\n"), DATA),
    Case("a comma for decimals", csv("ts;key;value\n2025-01-06;a;1,5\n"), DATA, 0),
    Case("an invalid time", csv(HEADER + ROW + "yesterday,a,1\n"), DATA),
    Case("the day before the month", csv(HEADER + "22/11/2025 10:00,a,1\n"), DATA, 0),
    Case("a day that may be the month", csv(HEADER + "02/11/2025 10:00,a,1\n"), DATA),
    Case("a zone by an abbreviation", csv(HEADER + "2025-07-06 12:00:00 BST,a,1\n"), DATA),
    Case("a date and no time of day beside it", csv("date,time,host,mbps\n2025-01-06,noon,a,1\n"), DATA),
    Case("several rows at one time", csv("ts,device,port,mbps\n2025-01-06,a,eth0,1\n2025-01-06,a,eth1,9\n"), DATA),
    Case("times in two formats, one of them unknown", csv(HEADER + ROW + "06.01.2025 00:01,a,1\n"), DATA),
    Case("a time out of all years", csv(HEADER + "-90000000000,a,1\n"), (*DATA, "--time", "ts")),
    Case("an unknown time zone", csv(HEADER + ROW), (*DATA, "--timezone-of-data", "Berlin")),
    Case("a row with a cell too few", csv(HEADER + ROW + "2025-01-06T00:01:00Z,a\n"), DATA),
    Case("a row with a cell too many", csv(HEADER + ROW + "2025-01-06T00:01:00Z,a,1,2\n"), DATA),
    Case("a quote that is never closed", csv(HEADER + '2025-01-06T00:00:00Z,"a,1\n' + ROW), DATA),
    Case("line breaks of two kinds", csv(HEADER + "2025-01-06T00:00:00Z,a,1\r\n" + ROW), DATA),
    Case("Latin-1", file("data.csv", HEADER.encode() + b"2025-01-06,M\xfcller,1\n"), DATA),
    Case("UTF-16", file("data.csv", (HEADER + ROW).encode("utf-16")), DATA),
    Case("2 GB without a line break", sparse, DATA, 7),
    Case("binary junk", file("data.csv", np.random.default_rng(5).bytes(5000)), DATA, 7),
    Case("a packed folder", file("data.csv", b"PK\x03\x04" + b"x" * 100), DATA),
    Case("half a gzip file", file("data.csv", gzip.compress((HEADER + ROW * 9999).encode(), mtime=0)[:200]), DATA, 7),
    Case("text called Parquet", file("data.parquet", HEADER + ROW), PARQUET, 7),
    Case("a Parquet file without its end", lambda folder: parquet(folder, cut=30), PARQUET, 7),
    Case("a Parquet column of lists", lambda folder: parquet(folder, value=pa.array([[1]])), PARQUET),
    Case("half a JSON object", file("data.ndjson", '{"ts": 1736121600, "key": "a", "value": 1}\n{"ts":\n'), JSON, 7),
    Case("JSON that holds no objects", file("data.ndjson", '[1, 2, 3]\n'), JSON),
    Case("a condition on no column", csv(HEADER + ROW), (*DATA, "--where", "bytes > 5")),
    Case("an invalid condition", csv(HEADER + ROW), (*DATA, "--where", "value >")),
    Case("a wide table without --wide", csv("ts,north,south,west\n2025-01-06,1,2,3\n"), DATA, 0),
    Case("a store that is not there", lambda _folder: None, ("--store", "nowhere")),
    Case("values that are all NaN or infinite", csv(HEADER + NAN + INF), DATA),
    Case("some values NaN or infinite", csv(days(NAN, INF)), DATA, 0),
    Case("rows without a key or a time", csv(days("2025-01-06T00:00:30Z,,1\n", ",a,1\n")), DATA, 0),
    Case("times to come", csv(days("2099-01-01T00:00:00Z,a,1\n")), DATA, 0),
    Case("negative values, rows twice and in no order", csv(days(*(["2025-01-06T00:00:00Z,b,-5\n"] * 2))), DATA, 0),
)  # fmt: skip


def said(case: Case) -> tuple[int, str]:
    """Exit code and lines, without what is said of columns that were guessed and of the step."""
    streams = io.BytesIO(), io.BytesIO()
    out, err = (io.TextIOWrapper(stream, "utf-8", write_through=True) for stream in streams)
    with tempfile.TemporaryDirectory() as name, inside(Path(name)):
        case.make(Path())
        command = ["sl.py", "discover", *case.options, "--output", "out", "--charts", "0", "-q"]
        with mock.patch.object(sys, "argv", command), redirect_stdout(out), redirect_stderr(err), as_nobody(case):
            code = run()
        told = streams[1].getvalue().decode()
        kept = [line for line in told.replace(str(ROOT) + "/", "").splitlines() if line]
    assert "Traceback" not in told
    return code, " / ".join(kept)


def run() -> int:
    """The program as the door opens it, without taking over the signals of whoever tests."""
    with mock.patch("signal.signal"), mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(b""))):
        return sl.main()


@contextmanager
def inside(folder: Path):
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def as_nobody(case: Case):
    """Permissions do not stop root, so the refusal is played."""
    if case.make is not unreadable or os.geteuid() != 0:
        yield
        return

    def refuse(*_arguments: object, **_more: object) -> None:
        raise PermissionError(13, "Permission denied")

    with mock.patch.object(Path, "open", refuse):
        yield


def row(case: Case) -> str:
    code, line = said(case)
    cell = re.sub(r"([|\\`*_<>])", r"\\\1", line) or "(nothing: it is used as it is)"
    return f"| {case.what} | {code} | {cell} |\n"


def page() -> str:
    return HEAD + "".join(map(row, CASES))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_wrong_input_gets_the_line_that_the_page_promises(case: Case) -> None:
    code, line = said(case)
    assert code == case.code, line
    assert code == 0 or len(line.split(" / sl:")) == 1
    assert len(line) < 300
    assert row(case) in PAGE.read_text(encoding="utf-8"), "run python -m tests.test_wrong_input"


def test_the_page_holds_at_least_thirty_cases_and_no_others() -> None:
    assert len(CASES) >= 30
    promised = PAGE.read_text(encoding="utf-8").removeprefix(HEAD).splitlines()
    assert [line.split(" | ")[0].removeprefix("| ") for line in promised] == [case.what for case in CASES]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
