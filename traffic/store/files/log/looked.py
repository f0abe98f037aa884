"""The files of a log before they are read: how each begins, what it is read as, and what had to be mended in it."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from traffic.disk import storage
from traffic.errors import UsageFailure
from traffic.store.base import DamagedStore
from traffic.store.files.database import Database
from traffic.store.files.log.reading import Reading, reading_of, without_time
from traffic.store.files.look import Input, look_at
from traffic.store.files.whole import Mended, joined, made_whole

_BEGINNING = 1 << 20
_LINES_ALIKE = 10
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


@dataclass(frozen=True)
class LogFile:
    """A file that was looked at."""

    input: Input
    """As it is read: the file, or the copy that was made of it."""
    reading: Reading
    whole: Mended


def look(path: str, begins: str, shown: str | None, database: Database, copy: Path) -> LogFile:
    """What a file is, and how it is read.

    Args:
        path: of it.
        begins: how it begins.
        shown: what it is called in messages, if not by its path.
        database: that reads it.
        copy: where to write it anew, should it have to be mended.

    Raises:
        UsageFailure: it has no format that is known.
        DamagedStore: it is neither text nor Parquet.
        StorageFailure: it cannot be read, or the copy cannot be written.
    """
    reading = reading_of(joined(begins))
    with storage(path), Path(path).open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    whole = Mended(path)
    if begins and (reading is not None or not _NO_TEXT.search(begins)):
        frame = reading.frame if reading else ""
        in_json = begins.lstrip().startswith(("{", "[{")) or (reading is not None and reading.kind == "json")
        whole = made_whole(path, packed, frame, in_json, copy)
    if reading is not None:
        return LogFile(Input(whole.path, shown or path, "lines", packed), reading, whole)
    if by := without_time(begins):
        raise UsageFailure(f"{shown or path} has no times in its lines: write them with {by} logs --timestamps")
    try:
        found = look_at(whole.path, [], shown or path)
    except (UsageFailure, DamagedStore) as error:
        if not begins:
            raise
        raise UsageFailure(
            f"{shown or path} has no known log format (see docs/log-discovery.md); as a table: {error}"
        ) from error
    if found.kind == "parquet":
        names, sample = database.sample(found)
        found = replace(found, columns=names, sample=sample)
    return LogFile(found, Reading("table"), whole)


def beginning(path: str, name: str) -> str | None:
    """The first lines of a file as text, unpacked; None where there are none, '' of what is no text."""
    with storage(name), Path(path).open("rb") as file:
        data = file.read(_BEGINNING)
        if data.startswith(b"\x1f\x8b"):
            try:
                file.seek(0)
                data = gzip.GzipFile(fileobj=file).read(_BEGINNING)
            except (EOFError, OSError):
                return ""
    if not data.strip():
        return None
    if b"\0" in data or data.startswith(b"PAR1"):
        return ""
    return data.decode("utf-8-sig", errors="replace")


def copied(looked: Sequence[tuple[str, str]]) -> str:
    """The names of two files that begin alike; '' where there are none. A few lines may be so by chance."""
    seen: dict[str, str] = {}
    for path, begins in looked:
        if begins in seen:
            return f"{path} and {seen[begins]}"
        if begins.count("\n") >= _LINES_ALIKE:
            seen[begins] = path
    return ""


def remarks_of(looked: Sequence[LogFile], empty: int) -> tuple[str, ...]:
    """What was done to the files.

    Args:
        looked: at.
        empty: how many others hold nothing.
    """
    found = []
    odd, pieces = sum(one.whole.odd for one in looked), sum(one.whole.joined for one in looked)
    if odd:
        name = next(one.input.name for one in looked if one.whole.odd)
        found.append(f"{_lines(odd)} not UTF-8 (the first in {name}): such bytes are read as \\xe9 and the like")
    if pieces:
        found.append(f"{pieces:,} pieces of lines that the container runtime had cut are put together")
    if empty:
        found.append(f"{empty} empty {'file' if empty == 1 else 'files'} left out")
    return tuple(found)


def _lines(count: int) -> str:
    return f"{count:,} {'line is' if count == 1 else 'lines are'}"
