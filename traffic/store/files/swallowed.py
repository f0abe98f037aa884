"""Rows that a stray quote has swallowed: what stands between it and the next one is one cell, line breaks and all."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from traffic.disk import storage
from traffic.errors import UsageFailure
from traffic.store.files.cells import TIMELY, held_by
from traffic.store.files.database import Database, paths
from traffic.store.files.look import Input

_BLOCK = 1 << 20
_MOST = 1000
"""Cells with line breaks that are looked at."""
_SHOWN = 40


def refuse_swallowed(database: Database, inputs: Sequence[Input]) -> None:
    """Stop where a cell of a CSV holds rows.

    Raises:
        UsageFailure: one does, with the line at which it begins.
        StorageFailure: a file cannot be read.
    """
    for file in inputs:
        if file.kind != "csv" or not _may_hold_lines(file):
            continue
        names = list(database.table(file).names.values())
        cells = f"list_filter([{', '.join(names)}], lambda cell: contains(cell, '\n'))"
        sql = f"SELECT unnest({cells}) FROM {database.table(file).scan} LIMIT {_MOST}"  # noqa: S608
        for (cell,) in database.run(sql, [paths([file])], [file]).fetchall():
            if _holds_rows(cell, file):
                raise UsageFailure(
                    f'{_where(file, cell)}: a quote (") makes one cell of the {cell.count(chr(10)) + 1:,} lines from '
                    f"{cell.partition(chr(10))[0][:_SHOWN]!r} on: remove it, or double it if it is part of a text"
                )


def _may_hold_lines(file: Input) -> bool:
    """Whether any line has a quote without the other one, as the first and the last line of such a cell have."""
    with storage(file.name), _opened(file) as text:
        rest = b""
        while block := text.read(_BLOCK):
            if b'"' not in block and b'"' not in rest:
                rest = b""
                continue
            *lines, rest = (rest + block).split(b"\n")
            if any(line.count(b'"') & 1 for line in lines):
                return True
    return bool(rest.count(b'"') & 1)


def _holds_rows(cell: str, file: Input) -> bool:
    """Whether the lines of a cell are rows: with as many delimiters as these have, and a time among them."""
    lines = cell.split("\n")
    if cell.count(file.delimiter) < (len(lines) - 1) * (len(file.columns) - 1) or len(file.columns) < 2:
        return False
    parts = (part for line in lines for part in next(csv.reader([line], delimiter=file.delimiter), []))
    return any(held_by([part]) in TIMELY for part in parts)


def _where(file: Input, cell: str) -> str:
    """The name of the file, and the number of the line at which a cell begins."""
    begin = ('"' + cell.partition("\n")[0].replace('"', '""')).encode()
    with storage(file.name), _opened(file) as text:
        number = next((number for number, line in enumerate(text, 1) if begin in line), None)
    return f"{file.name}, line {number:,}" if number else file.name


def _opened(file: Input) -> IO[bytes]:
    # The caller closes it.
    return gzip.open(file.path, "rb") if file.packed else Path(file.path).open("rb")  # type: ignore[return-value]
