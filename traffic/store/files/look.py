"""What a file is, and its columns: decided by how it begins, and by blocks from all over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from traffic.errors import UsageFailure
from traffic.store.base import DamagedStore, NoSuchStore
from traffic.store.files.excerpts import Excerpt, excerpt
from traffic.store.files.layout import SAMPLE, Row, doubled, find_layout, text_of
from traffic.store.files.numerals import Numbers, numbers_of
from traffic.store.files.objects import members_of
from traffic.store.files.patterns import TABLES, first_rows, pattern_of

__all__ = ["Input", "Row", "listed", "look_at", "require_columns"]

_PACKED = {b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"PK\x03\x04": "zip"}
_MOST_LISTED = 20
_BLOCKS = 16
_BLOCK = 2_000
_LOOKED_AT = 250
"""Lines of the beginning that are rows of the sample, or were looked over."""


@dataclass(frozen=True)
class Input:
    """One file, with what has to be known to read it."""

    path: str
    name: str
    """What it is called in messages."""
    kind: Literal["csv", "parquet", "json", "lines"]
    packed: bool = False
    """Whether it is gzipped."""
    delimiter: str = ","
    columns: tuple[str, ...] = ()
    """In order; those of a Parquet file are known when it is opened. `a.b` is the member b of an object a."""
    sample: tuple[Row, ...] = ()
    """The first rows and some from all over the file, as text."""
    whole: bool = True
    """Whether the sample is all that there is."""
    paths: tuple[tuple[str, ...], ...] = ()
    """Of the columns of JSON objects: the names of the members on the way to each."""
    array: bool = False
    """Whether the objects of a JSON file stand in one list."""
    pattern: str = ""
    """Which of `patterns.TABLES` its lines have."""
    skip: int | None = None
    """Of a CSV: records above the first row; None: just the header."""
    marked: bool = False
    """Of a CSV: whether lines that begin with # may stand between the rows."""
    padded: bool = False
    """Of a CSV: whether cells are filled up with blanks that mean nothing."""
    numbers: Numbers | None = None
    """How numbers are written; None: with a point for decimals and nothing else."""
    series: str = ""
    """What it is called as a series, where nothing in it names one."""
    several: bool = False
    """Whether it is one of files that are called differently as series."""
    told: str = ""
    """What a person should know of it, behind its name."""
    cut: Literal["", "left out", "read"] = ""
    """What became of a last line that may be cut."""

    @property
    def layout(self) -> tuple[object, ...]:
        """What files have in common that are read in one go."""
        # Parquet files may differ in the order of columns, so each speaks for itself.
        own = self.path if self.kind == "parquet" else ""
        return (
            *(own, self.kind, self.delimiter, self.columns, self.paths, self.packed, self.array, self.pattern),
            *(self.skip, self.marked, self.padded, self.numbers),
        )


@dataclass(frozen=True)
class Hints:
    """What a person said of how files are written."""

    delimiter: str | None = None
    decimal: str | None = None
    blocks: int = _BLOCKS
    """How many places of a file are looked at beside its beginning."""


def look_at(path: str, wanted: Sequence[str] = (), name: str | None = None, hints: Hints | None = None) -> Input:
    """What kind of file it is; of a CSV the delimiter, which is the one that makes a table of it.

    Args:
        path: where it is.
        wanted: columns that a person named.
        name: what it is called in messages.
        hints: what a person said of how it is written.

    Raises:
        NoSuchStore: it is empty.
        UsageFailure: it is packed or encoded in a way that is not read.
        DamagedStore: it is neither text nor Parquet.
    """
    name, hints = name or path, hints or Hints()
    found, packed = excerpt(path, name, hints.blocks)
    if not found.beginning:
        raise NoSuchStore(f"{name} is empty")
    if found.beginning.startswith(b"PAR1"):
        return Input(path, name, "parquet", whole=False)
    if name.lower().endswith((".parquet", ".pq")):
        raise DamagedStore(
            f"{name} is not a Parquet file (it does not start like one): use another file, or recreate it"
        )
    for magic, packer in _PACKED.items():
        if found.beginning.startswith(magic):
            raise UsageFailure(f"{name} is compressed with {packer}: decompress it first (only gzip is read directly)")
    text = text_of(name, found.beginning, found.whole)
    if not text.strip():
        raise NoSuchStore(f"{name} is empty")
    blocks = [*_inner(text, hints.blocks), *(block.decode("utf-8", errors="replace") for block in found.blocks)]
    if pattern := pattern_of(text):
        one = TABLES[pattern]
        rows = first_rows(one, text, SAMPLE)
        # A field may be written in several places of a line; it is one column.
        columns = tuple(dict.fromkeys(one.columns))
        return Input(path, name, "lines", packed, columns=columns, sample=rows, whole=False, pattern=pattern)
    if text.lstrip()[0] in "{[":
        return _json(path, name, packed, text, blocks, found, hints.decimal)
    table = find_layout(name, text, blocks, wanted, hints.delimiter)
    return Input(
        path,
        name,
        "csv",
        packed=packed,
        delimiter=table.delimiter,
        columns=table.columns,
        sample=table.sample,
        whole=found.whole and len(table.sample) < SAMPLE,
        skip=table.skip,
        marked=table.marked,
        padded=table.padded,
        numbers=numbers_of(_cells(table.sample), hints.decimal),
    )


def _json(
    path: str, name: str, packed: bool, text: str, blocks: Sequence[str], found: Excerpt, decimal: str | None
) -> Input:
    array = text.lstrip()[0] == "["
    paths, sample = members_of(name, text, () if array else blocks)
    columns = tuple(".".join(path) for path in paths)
    whole = found.whole and len(sample) < SAMPLE
    return Input(
        path,
        name,
        "json",
        packed,
        columns=columns,
        sample=sample,
        whole=whole,
        paths=paths,
        array=array,
        numbers=numbers_of(_cells(sample), decimal),
    )


def _inner(text: str, most: int) -> list[str]:
    """Blocks from further on in what was read at once."""
    start = 0
    for _ in range(_LOOKED_AT):
        start = text.find("\n", start) + 1
        if not start:
            return []
    step = max(_BLOCK, (len(text) - start) // most + 1)
    return [text[place : place + _BLOCK] for place in range(start, len(text), step)]


def _cells(sample: Sequence[Row]) -> list[list[str]]:
    """What is there in each column."""
    return [[cell.strip() for cell in column if cell and cell.strip()] for column in zip(*sample, strict=True)]


def require_columns(name: str, columns: Sequence[str], wanted: Mapping[str, str | None]) -> None:
    """Stop unless each option of `wanted` that names a column names just one of `columns`.

    Raises:
        UsageFailure: with the columns that there are, those close to what was meant first.
    """
    for option, column in wanted.items():
        if not column or column in columns:
            continue
        if twice := doubled(columns, column):
            which = " or ".join(repr(one) for one in twice[:3])
            raise UsageFailure(f"{name} has {len(twice)} columns called {column} ({option}): use {which}")
        close = get_close_matches(column.lower(), {one.lower() for one in columns}, n=3, cutoff=0.5)
        near = [one for match in close for one in columns if one.lower() == match]
        rest = [one for one in columns if one not in near]
        raise UsageFailure(f"{name} has no column {column} ({option}): it has {listed([*near, *rest])}")


def listed(columns: Sequence[str]) -> str:
    """Names of columns for a line: all, or the first ones."""
    more = f" and {len(columns) - _MOST_LISTED} more" if len(columns) > _MOST_LISTED else ""
    return ", ".join(columns[:_MOST_LISTED]) + more
