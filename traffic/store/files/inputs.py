"""Which files are meant, what they are, and the columns of a CSV: decided by their first bytes, never by guesswork."""

from __future__ import annotations

import csv
import glob
import gzip
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from traffic.disk import storage
from traffic.errors import UsageFailure
from traffic.store.base import DamagedStore, NoSuchStore

_DELIMITERS = ",;\t|"
_BEGINNING = 1 << 20
_PACKED = {b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"PK\x03\x04": "zip"}
_MOST_LISTED = 20


@dataclass(frozen=True)
class Input:
    """One file: a Parquet file, or a CSV with what has to be known to read it."""

    path: str
    kind: Literal["csv", "parquet"]
    packed: bool = False
    """Whether it is gzipped."""
    delimiter: str = ","
    columns: tuple[str, ...] = ()
    """Of a CSV, in order; a Parquet file knows its own."""


def find_files(pattern: str) -> list[str]:
    """The files that `pattern` means, in order of name: the file of that name, else those that fit it as a glob.

    Raises:
        NoSuchStore: none.
    """
    path = Path(pattern)
    with storage(pattern):
        if path.is_dir():
            raise NoSuchStore(f"{pattern} is a folder: name the files in it, such as {path}/*.csv")
        if path.exists():
            return [pattern]
        if glob.has_magic(pattern):
            # PTH207: Path.glob takes no absolute pattern.
            found = sorted(name for name in glob.glob(pattern, recursive=True) if Path(name).is_file())  # noqa: PTH207
            if found:
                return found
            raise NoSuchStore(f"no file fits {pattern}: check it, and quote it so that the shell leaves it alone")
        near = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    close = get_close_matches(path.name, near, n=1)
    hint = f"did you mean {path.parent / close[0]}?" if close else "check the path"
    raise NoSuchStore(f"there is no file {pattern}: {hint}")


def look_at(path: str, wanted: Sequence[str]) -> Input:
    """What kind of file it is; of a CSV the delimiter, which is the one that makes the `wanted` columns appear.

    Raises:
        NoSuchStore: it is empty.
        UsageFailure: it is packed or encoded in a way that is not read.
        DamagedStore: it is neither text nor Parquet.
    """
    with storage(path), Path(path).open("rb") as file:
        beginning = file.read(_BEGINNING)
    if not beginning:
        raise NoSuchStore(f"{path} is empty")
    if beginning.startswith(b"PAR1"):
        return Input(path, "parquet")
    if path.lower().endswith((".parquet", ".pq")):
        raise DamagedStore(f"{path} is no Parquet file (it does not start as one): name another, or write it anew")
    for magic, name in _PACKED.items():
        if beginning.startswith(magic):
            raise UsageFailure(f"{path} is packed with {name}: unpack it first (gzip is read as it is)")
    packed = beginning.startswith(b"\x1f\x8b")
    if packed:
        try:
            with storage(path), gzip.open(path) as unpacked:
                beginning = unpacked.read(_BEGINNING)
        except (EOFError, zlib.error) as error:
            raise DamagedStore(f"{path} is a damaged gzip file ({error}): fetch it again") from error
    header = _header(path, beginning)
    delimiter, columns = max(
        ((mark, _fields(path, header, mark)) for mark in _DELIMITERS),
        key=lambda found: (len(set(wanted) & set(found[1])), len(found[1])),
    )
    return Input(path, "csv", packed, delimiter, columns)


def require_columns(path: str, columns: Sequence[str], wanted: dict[str, str | None]) -> None:
    """Stop unless each option of `wanted` names just one of `columns`.

    Raises:
        UsageFailure: with the columns that there are, those close to what was meant first.
    """
    nameless = [option for option, name in wanted.items() if not name]
    if nameless:
        raise UsageFailure(f"say which columns of {path} to use with {', '.join(nameless)}: it has {_listed(columns)}")
    for option, name in wanted.items():
        if name and columns.count(name) > 1:
            raise UsageFailure(f"{path} has {columns.count(name)} columns called {name} ({option}): rename one of them")
        if name and name not in columns:
            close = get_close_matches(name.lower(), {column.lower() for column in columns}, n=3, cutoff=0.5)
            near = [column for one in close for column in columns if column.lower() == one]
            rest = [column for column in columns if column not in near]
            raise UsageFailure(f"{path} has no column {name} ({option}): it has {_listed([*near, *rest])}")


def _listed(columns: Sequence[str]) -> str:
    more = f" and {len(columns) - _MOST_LISTED} more" if len(columns) > _MOST_LISTED else ""
    return ", ".join(columns[:_MOST_LISTED]) + more


def _header(path: str, beginning: bytes) -> str:
    """The text up to the end of a line, somewhere after the header."""
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UsageFailure(f"{path} is encoded in UTF-16: save it as UTF-8")
    if b"\0" in beginning:
        raise DamagedStore(f"{path} is neither text nor a Parquet file: name a CSV or Parquet file")
    end = max(beginning.rfind(b"\n"), beginning.rfind(b"\r")) + 1
    if not end and len(beginning) == _BEGINNING:
        raise DamagedStore(f"{path} has no line break in its first megabyte: name a CSV or Parquet file")
    try:
        return beginning[: end or None].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = beginning.count(b"\n", 0, error.start) + 1
        raise UsageFailure(f"{path} is not UTF-8 (line {line}): save it as UTF-8") from error


def _fields(path: str, header: str, delimiter: str) -> tuple[str, ...]:
    try:
        first = next(csv.reader(io.StringIO(header, newline=""), delimiter=delimiter), [])
    except csv.Error as error:
        raise DamagedStore(f"{path} has a header that cannot be read ({error}): name a CSV or Parquet file") from error
    return tuple(name.strip() for name in first)
