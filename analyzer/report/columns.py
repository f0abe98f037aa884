"""What a CSV file of a run consists of: its columns, each with how a value is written, read back and told in JSON.

A table is one list of columns. Writing, reading, `--json` and the page of contracts all go by it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import chain, islice
from math import isfinite, isnan, nan
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

from traffic.errors import StorageFailure
from traffic.text import quoted, uncell, visible
from traffic.times import iso

Row = TypeVar("Row")

_TOGETHER = 1000
"""Lines of a file that are in memory at once while it is written."""


def number(value: float) -> str:
    """Ten significant digits: the last bits of a float, which the order of a sum decides, do not show. "" for NaN.

    No exponent between 1e-12 and 1e22.
    """
    if isnan(value):
        return ""
    text = f"{value:.10g}"
    if "e" in text and isfinite(value) and 1e-12 <= abs(value) < 1e22:
        text = format(Decimal(text), "f")
    return "0" if text == "-0" else text


def rounded(value: float) -> float:
    """The value that `number` shows."""
    return float(f"{value:.10g}")


@dataclass(frozen=True)
class Notation:
    """How values of a kind are written in a cell, read from one, and told in JSON."""

    write: Callable[[Any], str]
    read: Callable[[str], Any]
    json: Callable[[Any], Any]


def _time(text: str) -> int:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return int(time.timestamp())


def word(words: Any) -> Notation:
    """One of the words of a Literal, the empty one is null in JSON."""

    def read(text: str) -> str:
        if text not in get_args(words):
            raise ValueError(f"unknown value {text!r}")
        return text

    return Notation(str, read, lambda text: text or None)


def optional(notation: Notation) -> Notation:
    """The same for values that may be None: an empty cell, null in JSON."""
    return Notation(
        lambda value: "" if value is None else notation.write(value),
        lambda text: notation.read(text) if text else None,
        lambda value: None if value is None else notation.json(value),
    )


TEXT = Notation(quoted, uncell, lambda text: text or None)
HASH = Notation(str, str, lambda text: text or None)
TIME = Notation(iso, _time, iso)
NUMBER = Notation(
    number, lambda text: float(text) if text else nan, lambda value: None if isnan(value) else rounded(value)
)
COUNT = Notation(str, int, int)


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column: what stands in it, of a row of the table."""

    name: str
    notation: Notation
    value: Callable[[Row], Any]
    unit: str
    meaning: str
    field: str = ""
    """What the value is called in the class that a row is read into, where that is another word."""
    in_csv: bool = True
    in_json: bool = True


@dataclass(frozen=True)
class CsvTable(Generic[Row]):
    """A CSV file of a run."""

    file: str
    columns: tuple[Column[Row], ...]

    @property
    def written(self) -> tuple[Column[Row], ...]:
        """The columns of the file."""
        return tuple(column for column in self.columns if column.in_csv)

    @property
    def names(self) -> tuple[str, ...]:
        """Its header."""
        return tuple(column.name for column in self.written)

    def encode(self, rows: Iterable[Row]) -> bytes:
        """The bytes of the file."""
        return b"".join(self.pieces(rows))

    def pieces(self, rows: Iterable[Row]) -> Iterator[bytes]:
        """The same in pieces of some rows, as a file can be written without being held as a whole."""
        writers = [(column.value, column.notation.write) for column in self.written]
        return pieces(self.names, (",".join([write(value(row)) for value, write in writers]) for row in rows))

    def document(self, row: Row) -> dict[str, Any]:
        """A row as a value for `json.dumps`."""
        return {column.name: column.notation.json(column.value(row)) for column in self.columns if column.in_json}

    def read(self, path: Path) -> list[dict[str, Any]]:
        """The rows of the file, in its order: field -> value.

        Raises:
            StorageFailure: the file is missing or is not what `encode` made.
        """
        readers = [(column.field or column.name, column.notation.read) for column in self.written]
        with readable(path):
            rows = csv.reader(io.StringIO(path.read_bytes().decode("utf-8"), newline=""), strict=True)
            if next(rows, None) != list(self.names):
                raise ValueError("other columns than expected")
            return [{name: read(cell) for (name, read), cell in zip(readers, row, strict=True)} for row in rows]


def encode(columns: Sequence[str], lines: Iterable[str]) -> bytes:
    """The bytes of a CSV file: its header and its lines."""
    return b"".join(pieces(columns, lines))


def pieces(columns: Sequence[str], lines: Iterable[str]) -> Iterator[bytes]:
    """The bytes of a CSV file, some lines at a time."""
    left = chain([",".join(columns)], lines)
    while some := list(islice(left, _TOGETHER)):
        # A lone surrogate would make the whole file unreadable for others: it is written as its escape.
        yield ("\n".join(some) + "\n").encode("utf-8", "backslashreplace")


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Whatever goes wrong in here means that `path`, written by an earlier run, is not what it was: one line says so.

    Raises:
        StorageFailure: always and only.
    """
    try:
        yield
    except FileNotFoundError:
        raise StorageFailure(f"{path} is missing: run discover again") from None
    except OSError as error:
        raise StorageFailure(f"{path} cannot be read ({error.strerror}): run discover again") from None
    except Exception as error:  # noqa: BLE001 - a damaged file can make any error of what reads it
        reason = f"no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
        raise StorageFailure(f"{path} is damaged ({visible(reason)}): run discover again") from None
