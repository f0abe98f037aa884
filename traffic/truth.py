"""What is known to have happened: written by the generator, read by the comparison, or a user's own list of incidents.

The only thing that both sides of the house share besides the traffic itself. Columns and meanings: docs/contracts.md.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from hashlib import blake2b
from io import StringIO
from math import isfinite, nan
from pathlib import Path
from sys import intern
from typing import Literal, TypeVar, get_args

from traffic.disk import write_atomic
from traffic.errors import UsageFailure
from traffic.lists import rows_of, text_of
from traffic.model import Direction, Kind, Label
from traffic.text import quoted, uncell, visible
from traffic.times import instant, iso

COLUMNS = ("id", "key", "start", "end", "shape", "factor", "direction", "kind", "store", "culprit", "campaign")
NEEDED = ("key", "start", "end")

Value = TypeVar("Value")

_INCIDENTS = {"incident_id": "id", "service": "key", "type": "shape", "kind": "detail"}
"""What the columns of a list of log incidents are called here. Its kind is a detail of its type."""

_KINDS: dict[str, Kind] = {kind: kind for kind in get_args(Kind)}
_DIRECTIONS: dict[str, Direction] = {direction: direction for direction in get_args(Direction)}


def label_id(*parts: str | int) -> str:
    """The same incident has the same name in every run: a hash of what it is told apart by."""
    text = "\0".join(map(str, parts))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def write(path: Path, labels: Iterable[Label], identity: str) -> None:
    """Write the truth about the store of that identity (`Source.identity`), in order of start, key, id.

    Raises:
        StorageFailure: the disk is full or the folder cannot be written.
    """
    write_atomic(path, encode(labels, identity))


def encode(labels: Iterable[Label], identity: str) -> bytes:
    """The bytes of the file: the same labels give the same bytes, in whatever order they come."""
    ordered = sorted(labels, key=lambda label: (label.start, label.key, label.id))
    # Most texts occur many times: each is looked at once.
    text = cache(quoted)
    lines = [",".join(COLUMNS)]
    for one in ordered:
        factor = quoted(repr(one.factor)) if isfinite(one.factor) else ""
        told = (quoted(one.id), text(one.key), iso(one.start), iso(one.end), text(one.shape), factor)
        named = map(text, (one.direction, one.kind, identity, one.culprit, one.campaign))
        lines.append(",".join((*told, *named)))
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogatepass")


def read(path: Path, shows_in: str | None = None) -> tuple[tuple[Label, ...], str | None]:
    """The labels of a file, in order of start, key, id, and the identity of the store that they speak of.

    `key`, `start` and `end` are enough: the identity is None then, the kind `required`, the direction `above`, the
    factor NaN, and the id a hash of the three. An empty key stands for every key. Times: ISO 8601 or epoch seconds.
    In a list of log incidents the service is the key and the type the shape; all are required, and what has a factor
    below 1 falls.

    Args:
        shows_in: what is looked at. An incident that says where it shows (a column `shows_in`, words with blanks
            between) and does not name this is optional: finding it is right, missing it is no fault.

    Raises:
        UsageFailure: the file is not there or a row of it is not valid: one line with file, line and what to do.
        StorageFailure: the file is there but cannot be read.
    """
    lines = csv.reader(StringIO(text_of(path, errors="surrogatepass"), newline=""), strict=True)
    labels: list[Label] = []
    seen: dict[str, int] = {}
    identities: set[str] = set()
    try:
        for row in _rows(lines):
            label = _label(row)
            if shows_in and "shows_in" in row and shows_in not in row["shows_in"].split():
                label = replace(label, kind="optional" if label.kind == "required" else label.kind)
            if label.id in seen:
                raise UsageFailure(f"same incident as in line {seen[label.id]}; remove one of them")
            seen[label.id] = lines.line_num
            labels.append(label)
            identities.add(uncell(row.get("store", "")))
            if len(identities) > 1:
                raise UsageFailure("a different store than in the lines above; a file can be about only one store")
    except csv.Error as error:
        raise UsageFailure(f"{path}:{lines.line_num}: not valid CSV ({error})") from None
    except UsageFailure as failure:
        raise UsageFailure(f"{path}:{max(1, lines.line_num)}: {visible(str(failure))}") from None
    found = sorted(labels, key=lambda label: (label.start, label.key, label.id))
    return tuple(found), next(iter(identities), "") or None


def read_times(path: Path) -> tuple[Label, ...]:
    """Any list of key, start, end, whatever else is in it, in order of start and key; a row twice is two of them.

    Raises:
        UsageFailure: the file is not there or a row of it is not valid: one line with file, line and what to do.
        StorageFailure: the file is there but cannot be read.
    """
    lines = csv.reader(StringIO(text_of(path, errors="surrogatepass"), newline=""), strict=True)
    found: list[Label] = []
    try:
        for row in _rows(lines):
            plain = _label({name: row[name] for name in NEEDED})
            found.append(replace(plain, id=f"{len(found) + 1}-{plain.id}"))
    except csv.Error as error:
        raise UsageFailure(f"{path}:{lines.line_num}: not valid CSV ({error})") from None
    except UsageFailure as failure:
        raise UsageFailure(f"{path}:{max(1, lines.line_num)}: {visible(str(failure))}") from None
    return tuple(sorted(found, key=lambda label: (label.start, label.key, label.id)))


def looked_for(labels: Iterable[Label], looking: Direction | Literal["both"]) -> tuple[Label, ...]:
    """The labels, those optional that move in a direction that is not looked for."""
    return tuple(
        replace(label, kind="optional")
        if label.kind == "required" and looking not in ("both", label.direction)
        else label
        for label in labels
    )


def _rows(lines: Iterator[list[str]]) -> Iterator[dict[str, str]]:
    """Each row by the names of its columns."""
    header = [name.strip().lower() for name in next(lines, [])]
    if "incident_id" in header:
        header = [_INCIDENTS.get(name, name) for name in header]
    for name in NEEDED:
        if name not in header:
            there = ", ".join(filter(None, header)) or "none"
            raise UsageFailure(f"column {name!r} is missing (columns: {there}); needed are key, start, end")
    yield from rows_of(lines, header)


def _label(row: dict[str, str]) -> Label:
    # Names shared by hundreds of labels are kept in memory once.
    key = intern(uncell(row["key"]))
    factor = _factor(row.get("factor", "").strip())
    start, end = _time(row, "start"), _time(row, "end")
    if end <= start:
        raise UsageFailure(f"the end ({row['end']}) is not after the start ({row['start']})")
    return Label(
        id=row.get("id", "").strip() or label_id(key, start, end),
        key=key,
        start=start,
        end=end,
        shape=intern(uncell(row.get("shape", ""))),
        factor=factor,
        direction=_one_of(_DIRECTIONS, row, "direction", "below" if "detail" in row and factor < 1 else "above"),
        kind=_one_of(_KINDS, row, "kind", "required"),
        culprit=uncell(row.get("culprit", "")),
        campaign=uncell(row.get("campaign", "")),
    )


def _time(row: dict[str, str], name: str) -> int:
    text = row[name].strip()
    # What other tools turn epoch seconds into if they read the column as floats.
    text = re.sub(r"^(\d{9,12})\.\d+$", r"\1", text)
    if text.startswith("now"):
        raise UsageFailure(f"{name}: {text!r} is relative to the current time; write an absolute time")
    try:
        return instant(text, 0)
    except UsageFailure as failure:
        raise UsageFailure(f"{name}: {failure}") from None


def _factor(text: str) -> float:
    try:
        return float(text) if text else nan
    except ValueError:
        raise UsageFailure(f"factor: {text!r} is not a number; leave it empty if it is not known") from None


def _one_of(known: dict[str, Value], row: dict[str, str], name: str, default: str) -> Value:
    text = row.get(name, "").strip().lower() or default
    if text not in known:
        raise UsageFailure(f"{name}: {text!r} must be one of {', '.join(known)}")
    return known[text]
