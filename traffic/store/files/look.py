"""What a file is, and its columns: decided by its first bytes."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from traffic.disk import storage
from traffic.errors import UsageFailure
from traffic.store.base import DamagedStore, NoSuchStore
from traffic.store.files.patterns import PATTERNS, first_rows, pattern_of

Row = tuple[str | None, ...]

_DELIMITERS = ",;\t|"
_BEGINNING = 1 << 20
_PACKED = {b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"PK\x03\x04": "zip"}
_MOST_LISTED = 20
_SAMPLE = 200
"""Rows from which columns are guessed."""
_READABLE = "CSV, Parquet or NDJSON"


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
    """The first rows, as text."""
    paths: tuple[tuple[str, ...], ...] = ()
    """Of the columns of JSON objects: the names of the members on the way to each."""
    array: bool = False
    """Whether the objects of a JSON file stand in one list."""
    pattern: str = ""
    """Which of `patterns.PATTERNS` its lines have."""

    @property
    def layout(self) -> tuple[object, ...]:
        """What files have in common that are read in one go."""
        # Parquet files may differ in the order of columns, so each speaks for itself.
        own = self.path if self.kind == "parquet" else ""
        return (own, self.kind, self.delimiter, self.columns, self.paths, self.packed, self.array, self.pattern)


def look_at(path: str, wanted: Sequence[str], name: str | None = None) -> Input:
    """What kind of file it is; of a CSV the delimiter, which is the one that makes the `wanted` columns appear.

    Raises:
        NoSuchStore: it is empty.
        UsageFailure: it is packed or encoded in a way that is not read.
        DamagedStore: it is neither text nor Parquet.
    """
    name = name or path
    with storage(name), Path(path).open("rb") as file:
        beginning = file.read(_BEGINNING)
    if not beginning:
        raise NoSuchStore(f"{name} is empty")
    if beginning.startswith(b"PAR1"):
        return Input(path, name, "parquet")
    if name.lower().endswith((".parquet", ".pq")):
        raise DamagedStore(f"{name} is no Parquet file (it does not start as one): name another, or write it anew")
    for magic, packer in _PACKED.items():
        if beginning.startswith(magic):
            raise UsageFailure(f"{name} is packed with {packer}: unpack it first (gzip is read as it is)")
    packed = beginning.startswith(b"\x1f\x8b")
    if packed:
        try:
            with storage(name), gzip.open(path) as unpacked:
                beginning = unpacked.read(_BEGINNING)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DamagedStore(f"{name} is a damaged gzip file ({error}): fetch it again") from error
    text = _text(name, beginning)
    if not text.strip():
        raise NoSuchStore(f"{name} is empty")
    if pattern := pattern_of(text):
        one = PATTERNS[pattern]
        rows = first_rows(one, text, _SAMPLE)
        return Input(path, name, "lines", packed, columns=one.columns, sample=rows, pattern=pattern)
    if text.lstrip()[0] in "{[":
        paths, sample = _objects(name, text)
        columns = tuple(".".join(path) for path in paths)
        listed = text.lstrip()[0] == "["
        return Input(path, name, "json", packed, columns=columns, sample=sample, paths=paths, array=listed)
    delimiter, table = max(
        ((mark, _rows(name, text, mark)) for mark in _DELIMITERS),
        key=lambda found: (len(set(wanted) & set(found[1][0])), len(found[1][0])),
    )
    # What pandas writes above its index is nothing.
    names, width = [cell or f"column {place}" for place, cell in enumerate(table[0], 1)], len(table[0])
    sample = tuple(tuple(row) for row in table[1:] if len(row) == width)
    return Input(path, name, "csv", packed, delimiter, columns=tuple(names), sample=sample)


def require_columns(name: str, columns: Sequence[str], wanted: Mapping[str, str | None]) -> None:
    """Stop unless each option of `wanted` that names a column names just one of `columns`.

    Raises:
        UsageFailure: with the columns that there are, those close to what was meant first.
    """
    for option, column in wanted.items():
        if column and columns.count(column) > 1:
            raise UsageFailure(
                f"{name} has {columns.count(column)} columns called {column} ({option}): rename one of them"
            )
        if column and column not in columns:
            close = get_close_matches(column.lower(), {one.lower() for one in columns}, n=3, cutoff=0.5)
            near = [one for match in close for one in columns if one.lower() == match]
            rest = [one for one in columns if one not in near]
            raise UsageFailure(f"{name} has no column {column} ({option}): it has {listed([*near, *rest])}")


def listed(columns: Sequence[str]) -> str:
    """Names of columns for a line: all, or the first ones."""
    more = f" and {len(columns) - _MOST_LISTED} more" if len(columns) > _MOST_LISTED else ""
    return ", ".join(columns[:_MOST_LISTED]) + more


def _text(name: str, beginning: bytes) -> str:
    """The text up to the end of a line, somewhere after the header."""
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UsageFailure(f"{name} is encoded in UTF-16: save it as UTF-8")
    if b"\0" in beginning:
        raise DamagedStore(f"{name} is neither text nor a Parquet file: name a {_READABLE} file")
    end = max(beginning.rfind(b"\n"), beginning.rfind(b"\r")) + 1
    whole = len(beginning) < _BEGINNING
    # All objects of a JSON list may stand in one line.
    if not end and not whole and not beginning.lstrip().startswith(b"["):
        raise DamagedStore(f"{name} has no line break in its first megabyte: name a {_READABLE} file")
    # A line that the beginning cuts off would be half a row; the last line of a file may do without a break.
    try:
        return beginning[: None if whole else end or None].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = beginning.count(b"\n", 0, error.start) + 1
        raise UsageFailure(f"{name} is not UTF-8 (line {line}): save it as UTF-8") from error


def _rows(name: str, text: str, delimiter: str) -> list[list[str]]:
    """The header, its names without blanks around them, and the rows of the sample."""
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            rows.append(row if rows else [cell.strip() for cell in row])
            if len(rows) > _SAMPLE:
                break
    except csv.Error as error:
        if not rows:
            raise DamagedStore(f"{name} has a header that cannot be read ({error}): name a {_READABLE} file") from error
    return rows or [[]]


def _objects(name: str, text: str) -> tuple[tuple[tuple[str, ...], ...], tuple[Row, ...]]:
    """The members of JSON objects, and of objects in them, by their paths; and the first of these objects as rows."""
    found: list[dict[tuple[str, ...], str | None]] = []
    try:
        for value in _values(text):
            if not isinstance(value, dict):
                raise UsageFailure(f"{name} holds {_shown(value)} where an object is needed: write one object a line")
            found.append(dict(_members(value)))
            if len(found) == _SAMPLE:
                break
    except ValueError as error:
        if not found:
            raise DamagedStore(f"{name} is no JSON ({error}): write one object a line") from error
    paths = dict.fromkeys(path for row in found for path in row)
    # An object in one row may be nothing in another: then it is no column itself.
    inner = {path[:length] for path in paths for length in range(1, len(path))}
    leaves = tuple(path for path in paths if path not in inner)
    return leaves, tuple(tuple(row.get(path) for path in leaves) for row in found)


def _values(text: str) -> Iterator[Any]:
    """The values of NDJSON, or the members of a list, as far as the text goes."""
    decoder = json.JSONDecoder()
    place, opened = len(text) - len(text.lstrip()), text.lstrip()[0] == "["
    place += opened
    while place < len(text):
        while place < len(text) and text[place] in " \t\r\n" + ("," if opened else ""):
            place += 1
        if place == len(text) or (opened and text[place] == "]"):
            return
        value, place = decoder.raw_decode(text, place)
        yield value


def _members(value: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str | None]]:
    for name, member in value.items():
        if isinstance(member, dict) and member:
            yield from _members(member, (*above, name))
        elif member is None or isinstance(member, str):
            yield (*above, name), member
        else:
            yield (*above, name), json.dumps(member)


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."
