"""The last line of a file that has no line break: it may be cut, as in a copy that broke off or a file being written.

Such a line is left out, unless it is sure to be whole. The database cannot leave out the end of a file, so a copy is
read instead.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import shutil
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from traffic.disk import own_prefix, storage, sweep_dead
from traffic.store.files.formats import trailer_of
from traffic.store.files.look import Input
from traffic.store.files.numerals import NUMBER, is_blank

_TAIL = 1 << 16
_LARGEST, _PACKED = 1 << 28, 1 << 23
"""Bytes of a file that is copied; of a gzipped one, those that are unpacked to see its end."""
_FEWEST = 3
"""Rows from which on it is told what a whole one looks like."""


def may_be_cut(file: Input) -> int | None:
    """How many bytes of a file come before a last line that may be cut; None if it is whole, or nothing says.

    Raises:
        StorageFailure: it cannot be read.
    """
    size = Path(file.path).stat().st_size
    if file.kind == "parquet" or (file.kind == "json" and file.array) or (file.packed and size > _PACKED):
        return None
    try:
        with storage(file.name), _opened(file) as text:
            if file.packed:
                content = text.read()
                size, tail = len(content), content[-_TAIL:]
            else:
                text.seek(max(0, size - _TAIL))
                tail = text.read()
    except (EOFError, zlib.error, gzip.BadGzipFile):
        # Damage is reported when it is read.
        return None
    *lines, last = tail.decode("utf-8-sig", errors="replace").split("\n")
    if not lines or not last.strip() or last.endswith("\r") or _whole(last, lines[1:], file):
        return None
    return size - len(tail) + tail.rfind(b"\n") + 1


def never_closed(file: Input) -> bool:
    """Whether a list of JSON objects has no end: the database reads it as far as it goes.

    Raises:
        StorageFailure: it cannot be read.
    """
    if file.kind != "json" or not file.array or file.packed:
        return False
    with storage(file.name), _opened(file) as text:
        text.seek(max(0, Path(file.path).stat().st_size - _TAIL))
        return not text.read().rstrip().endswith(b"]")


def without_rest(file: Input, size: int) -> IO[bytes] | None:
    """A copy of the first `size` bytes of a file, which goes when it is closed; None if they are too many to copy.

    Raises:
        StorageFailure: it cannot be read, or the temporary folder is full.
    """
    if size > _LARGEST:
        return None
    sweep_dead(tempfile.gettempdir())
    with storage(tempfile.gettempdir()), _opened(file) as text:
        copy = tempfile.NamedTemporaryFile(prefix=own_prefix())  # noqa: SIM115  # the caller keeps it
        shutil.copyfileobj(text, copy)
        copy.truncate(size)
        copy.flush()
    return copy


def _whole(line: str, before: Sequence[str], file: Input) -> bool:
    """Whether a last line without a line break is as whole as those before it."""
    if file.kind == "json":
        return _is_json(line)
    if file.kind == "lines":
        return False
    if (file.marked and line.startswith("#")) or re.fullmatch(trailer_of(file.columns) or "$", line):
        return True
    *others, row = csv.reader([*before, line], delimiter=file.delimiter)
    if len(row) != len(file.columns):
        # A longer one is refused where it is read.
        return len(row) > len(file.columns)
    cells = [one[-1].strip() for one in others if len(one) == len(row) and not is_blank(one[-1])]
    return line.endswith('"') or _is_like(row[-1].strip(), cells)


def _is_like(cell: str, others: Sequence[str]) -> bool:
    """Whether a cell could not be the beginning of a longer one, going by those above it."""
    if len(others) < _FEWEST:
        return False
    if {len(other) for other in others} == {len(cell)}:
        return True
    decimals = {len(re.split(r"[.,]", other)[1]) if re.search(r"\d[.,]\d", other) else 0 for other in (*others, cell)}
    if NUMBER.fullmatch(cell):
        return len(decimals) == 1 and decimals != {0}
    return cell in others and not any(other.startswith(cell) and other != cell for other in others)


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _opened(file: Input) -> IO[bytes]:
    # The caller closes it.
    return gzip.open(file.path, "rb") if file.packed else Path(file.path).open("rb")  # type: ignore[return-value]
