"""Series as a long table (time, key, value) in CSV, NDJSON, JSON or Parquet: what `FilesSource` reads again as it was.

Text is made by DuckDB, a piece at a time, in a temporary folder, and handed on as bytes.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

import duckdb
import numpy as np

from traffic.disk import temporary_folder
from traffic.errors import StorageFailure
from traffic.model import Bools, Matrix
from traffic.store.files.table import identifier, text

Format = Literal["csv", "ndjson", "json", "parquet"]

_CHUNK = 1 << 20
# In one thread rows stay in their order.
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {"threads": 1, "memory_limit": "512MiB"}
_WRITTEN: dict[Format, str] = {
    "csv": "FORMAT csv, HEADER false",
    "ndjson": "FORMAT json",
    "json": "FORMAT json",
    "parquet": "FORMAT parquet, COMPRESSION zstd",
}


Flags = Callable[[Matrix], Bools]
"""Of a piece, shape (keys, buckets): whether each bucket is labelled."""


def encode(pieces: Iterable[Matrix], value: str, form: Format, flags: Flags | None = None) -> Iterator[bytes]:
    """As `_encode`; JSON is the lines of NDJSON as one array."""
    lines = _encode(pieces, value, "ndjson" if form == "json" else form, flags)
    return _array(lines) if form == "json" else lines


def _array(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines of JSON, cut anywhere, as an array: a line's end is the only end of a line in it."""
    yield b"["
    held = b"\n"
    for chunk in lines:
        yield held + chunk.removesuffix(b"\n").replace(b"\n", b",\n")
        held = b",\n" if chunk.endswith(b"\n") else b""
    yield b"\n]\n"


def _encode(pieces: Iterable[Matrix], value: str, form: Format, flags: Flags | None) -> Iterator[bytes]:
    """The bytes of a table with a row for every bucket that is there, in the order of the pieces, key by key.

    Numbers have as many digits as it takes to read them back as they were; times are ISO 8601 with Z (Parquet: a
    timestamp in UTC). Keys stand as they are: this is data, so nothing in it is escaped for spreadsheets.

    Args:
        pieces: series, each on a grid of its own.
        value: name of the column of the values; the others are `time` and `key`.
        form: of the table.
        flags: adds a column `label` of 0 and 1.

    Raises:
        StorageFailure: the temporary folder is full.
    """
    try:
        # The database is closed before the folder is removed, so that nothing is written there any more.
        with temporary_folder() as folder, duckdb.connect(config=_SETTINGS) as database:
            database.execute("SET TimeZone = 'UTC'")
            database.execute("CREATE TABLE names (code INTEGER, name VARCHAR)")
            if form == "csv":
                yield (",".join(("time", "key", _cell(value), *(("label",) if flags else ()))) + "\n").encode()
            parts = []
            for number, piece in enumerate(pieces):
                part = folder / f"{number}.part"
                if _write(database, piece, value, form, part, flags):
                    if form == "parquet":
                        parts.append(part)
                    else:
                        yield from _chunks(part)
                        part.unlink()
            if form == "parquet":
                whole = folder / "whole"
                _join(database, parts, value, whole, labelled=flags is not None)
                yield from _chunks(whole)
    except duckdb.Error as error:
        said = str(error).partition("\n")[0]
        raise StorageFailure(
            f"cannot write to {tempfile.gettempdir()} ({said}): free some space, or point TMPDIR to another folder"
        ) from error


def packed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same, gzipped; the same bytes for the same content."""
    packer = zlib.compressobj(wbits=31)
    for chunk in chunks:
        yield packer.compress(chunk)
    yield packer.flush()


def _write(
    database: duckdb.DuckDBPyConnection, piece: Matrix, value: str, form: Format, part: Path, flags: Flags | None
) -> bool:
    """Write a piece; answers whether anything is in it."""
    row, bucket = np.nonzero(~np.isnan(piece.values))
    if not len(row):
        return False
    database.execute("DELETE FROM names")
    codes = np.arange(len(piece.keys), dtype=np.int32)
    database.execute("INSERT INTO names SELECT unnest(?), unnest(?)", [codes.tolist(), list(piece.keys)])
    columns = {
        "k": row.astype(np.int32),
        "t": piece.grid.start + piece.grid.step * bucket.astype(np.int64),
        "v": piece.values[row, bucket],
    }
    if flags is not None:
        columns["l"] = flags(piece)[row, bucket].astype(np.int8)
    database.register("piece", columns)
    stamp = "make_timestamp(t * 1000000)"
    time = f"{stamp} AT TIME ZONE 'UTC'" if form == "parquet" else f"strftime({stamp}, '%Y-%m-%dT%H:%M:%SZ')"
    names = f"{time} AS time, name AS key, v AS {identifier(value)}{'' if flags is None else ', l AS label'}"
    database.execute(
        f"COPY (SELECT {names} FROM piece LEFT JOIN names ON k = code) "  # noqa: S608
        f"TO {text(str(part))} ({_WRITTEN[form]})"
    )
    database.unregister("piece")
    return True


def _join(database: duckdb.DuckDBPyConnection, parts: list[Path], value: str, whole: Path, *, labelled: bool) -> None:
    label = ", 0::TINYINT AS label" if labelled else ""
    empty = f"SELECT now() AS time, '' AS key, 0::DOUBLE AS {identifier(value)}{label} LIMIT 0"
    source = f"SELECT * FROM read_parquet([{', '.join(text(str(part)) for part in parts)}])" if parts else empty  # noqa: S608
    database.execute(f"COPY ({source}) TO {text(str(whole))} ({_WRITTEN['parquet']})")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _cell(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if any(mark in name for mark in ',"\r\n') else name
