"""JSON that does not stand row by row: documents with their rows in lists, as APIs answer, and marks of byte order.

Such a file is written anew, an object a line, into a temporary one. Known are lists of objects at any depth, a list of
names beside a list of rows, lists side by side, pairs of a time and a value, and objects whose names are times.
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from traffic.disk import own_prefix, storage, sweep_dead
from traffic.errors import UsageFailure
from traffic.store.files.answers import Row_, export_of, hits_of, is_export, not_whole, samples_of
from traffic.store.files.cells import held_by
from traffic.store.files.excerpts import GZIP
from traffic.store.files.objects import Doubled, doubled_in, once

_LARGEST = 1 << 28
"""Bytes of a document that is read as a whole."""
_BEGINNING = 1 << 20
_BOM = b"\xef\xbb\xbf"
_HEADERS = ("columns", "labels", "legend", "header", "fields")
_BODIES = ("values", "data", "rows")
_OWN = {"time", "timestamp", "@timestamp", "ts", "datetime", "date", "eventtime"}
_TRIED = 50
# What stands between objects: nothing, commas, or the mark of RFC 7464.
_BETWEEN = re.compile(r"[\s,\x1e]*")


@dataclass(frozen=True)
class Rewritten:
    """What a document became."""

    copy: IO[bytes]
    """With one object a line; it goes when it is closed."""
    told: str = ""
    """What a person should know of it."""


def rewritten(path: str, name: str) -> Rewritten | None:
    """A copy with one object a line; None where the file can be read as it is.

    Args:
        path: of a file that may be anything, gzipped or not.
        name: what it is called in messages.

    Raises:
        UsageFailure: it is one document that is too large to be read as a whole.
        StorageFailure: it cannot be read, or the temporary folder is full.
    """
    with storage(name), Path(path).open("rb") as file:
        packed = file.read(2) == GZIP
    opened = gzip.open if packed else open
    try:
        with storage(name), opened(path, "rb") as file:
            beginning = file.read(_BEGINNING)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        # Reported when it is read.
        return None
    marked = beginning.startswith(_BOM)
    text = beginning.decode("utf-8-sig", errors="ignore").lstrip()
    if text[:1] not in ("{", "["):
        return None
    rows: Iterable[Row_] | None = None
    told = ""
    if is_export(_first(text)):
        rows = export_of(path, name, packed)
    elif _may_be_one(text, whole=len(beginning) < _BEGINNING):
        document = _document(path, name, packed)
        rows = _rows_of(document)
        told = not_whole(document) if isinstance(document, dict) else ""
    elif text.startswith("{") and not _is_object(text.partition("\n")[0]):
        rows = _one_by_one(path, name, packed)
    if rows is None and not marked:
        return None
    sweep_dead(tempfile.gettempdir())
    with storage(tempfile.gettempdir()):
        copy = tempfile.NamedTemporaryFile(prefix=own_prefix())  # noqa: SIM115  # the caller keeps it
        if rows is not None:
            for row in rows:
                copy.write(json.dumps(row).encode() + b"\n")
        else:
            with opened(path, "rb") as file:
                file.read(len(_BOM))
                shutil.copyfileobj(file, copy)
        copy.flush()
    return Rewritten(copy, told)


def _one_by_one(path: str, name: str, packed: bool) -> list[Row_] | None:
    """The objects of a text that has them one behind the other, but not one a line; None if it is no such text."""
    if Path(path).stat().st_size > _LARGEST:
        return None
    with storage(name), (gzip.open if packed else open)(path, "rb") as file:
        text = file.read().decode("utf-8-sig", errors="ignore")
    decoder, rows, place = json.JSONDecoder(object_pairs_hook=once), list[Row_](), 0
    while (match := _BETWEEN.match(text, place)) and match.end() < len(text):
        try:
            value, place = decoder.raw_decode(text, match.end())
        except Doubled as error:
            raise doubled_in(name, error) from error
        except ValueError:
            return None
        if not isinstance(value, dict):
            return None
        rows.append(value)
    return rows


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _first(text: str) -> dict[str, Any]:
    """The object at the beginning of a text; an empty one where there is none."""
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except ValueError:
        # A series may be longer than the part that was read: what follows its name is all that is needed.
        head = re.match(r'\{"metric":\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\},"values":\[', text)
        return {"metric": {}, "values": [], "timestamps": []} if head else {}
    return value if isinstance(value, dict) else {}


def _may_be_one(text: str, whole: bool) -> bool:
    """Whether what begins like this may be one document, and no object a line and no list of plain objects."""
    decoder = json.JSONDecoder()
    start = 0
    if text.startswith("["):
        start = len(text) - len(text[1:].lstrip())
    try:
        value, end = decoder.raw_decode(text, start)
    except ValueError:
        # An object that is longer than the part that was read is the whole file; within a list, it is a row.
        return not whole and start == 0
    if start:
        return isinstance(value, list) or (isinstance(value, dict) and _holds_lists(value))
    return whole and not text[end:].strip()


def _holds_lists(value: Mapping[str, Any]) -> bool:
    return any(isinstance(member, list) and len(member) > 1 for member in value.values()) or any(
        isinstance(member, dict) and _by_times(member) for member in value.values()
    )


def _document(path: str, name: str, packed: bool) -> Any:
    size = Path(path).stat().st_size
    if size > _LARGEST:
        raise UsageFailure(
            f"{name} is one JSON document of {size / 1e9:.1f} GB: write one row per line, as jq -c '.items[]' does"
        )
    try:
        with storage(name), (gzip.open if packed else open)(path, "rb") as file:
            return json.loads(file.read().decode("utf-8-sig"), object_pairs_hook=once)
    except Doubled as error:
        raise doubled_in(name, error) from error
    except ValueError:
        return None


def _rows_of(document: Any) -> list[Row_] | None:
    """The rows that a document holds; None where it holds none that have a time."""
    if isinstance(document, dict):
        data = document.get("data")
        if isinstance(data, dict) and data.get("resultType") in ("matrix", "vector"):
            return list(samples_of(data.get("result") or []))
        if (hits := hits_of(document)) is not None:
            return hits
        # A log line may contain lists too; an object with a time of its own is a row itself.
        if any(isinstance(value, str | int | float) and name.lower() in _OWN for name, value in document.items()):
            return None
    found = list(_inside(document, {}))
    labels = _telling(label for label, _ in found)
    # What stands outside of a row may be called like a member of it: the buckets of buckets have a key each.
    rows = [
        {**{f"outer {name}" if name in row else name: label[name] for name in label if name in labels}, **row}
        for label, row in found
    ]
    timely = sum(any(_is_time(value) for value in row.values()) for row in rows[:_TRIED])
    return rows if rows and 2 * timely >= len(rows[:_TRIED]) else None


def _telling(labels: Iterator[Mapping[str, str]]) -> set[str]:
    """The labels that tell rows apart, and not all of them alike."""
    counts: Counter[tuple[str, str]] = Counter()
    every = 0
    for label in labels:
        counts.update(label.items())
        every += 1
    return {name for (name, _), count in counts.items() if count < every}


def _inside(value: Any, labels: Mapping[str, str], row: bool = False) -> Iterator[tuple[Mapping[str, str], Row_]]:
    """The rows in a value, each with the texts that stand beside the lists that it is in."""
    if isinstance(value, list):
        if _all_of(value, dict):
            for one in value:
                yield from _inside(one, labels, row=True)
        elif _all_of(value, list) and all(len(one) == 2 for one in value):
            yield from ((labels, pair) for pair in _pairs(value))
        return
    if not isinstance(value, dict):
        return
    if (table := _table(value)) is not None:
        beside = {**labels, **_texts(value)} if row else labels
        yield from ((beside, one) for one in table)
        return
    inner = {name: member for name, member in value.items() if isinstance(member, list | dict) and _nested(member)}
    if not inner:
        if row:
            yield labels, value
        return
    beside = {**labels, **_texts(value)} if row else dict(labels)
    for name, member in inner.items():
        # Several lists side by side are told apart by their names.
        yield from _inside(member, {**beside, "list": name} if len(inner) > 1 else beside)


def _nested(value: Any) -> bool:
    """Whether rows may lie in a value."""
    if isinstance(value, list):
        return _all_of(value, dict) or _all_of(value, list)
    return isinstance(value, dict) and (_table(value) is not None or any(map(_nested, value.values())))


def _table(value: Mapping[str, Any]) -> list[Row_] | None:
    """The rows of an object that is a table: names beside rows, columns beside each other, or values by their times."""
    if _by_times(value):
        return [{"time": time, "value": one} for time, one in value.items()]
    header = next((names for key in _HEADERS if (names := _names(value.get(key)))), None)
    body = next((value[key] for key in _BODIES if isinstance(value.get(key), list)), None)
    schema, data, meta = value.get("schema"), value.get("data"), value.get("meta")
    if isinstance(schema, dict) and isinstance(data, dict) and isinstance(data.get("values"), list):
        names = _names(schema.get("fields"))
        columns = data["values"]
        if len(names) == len(columns) and len({len(column) for column in columns}) == 1:
            return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    if isinstance(meta, dict) and body and {"start", "step", "legend"} <= meta.keys():
        names = _names(meta["legend"])
        times = (int(meta["start"]) + int(meta["step"]) * place for place in range(len(body)))
        return [{"time": time, **dict(zip(names, row, strict=False))} for time, row in zip(times, body, strict=True)]
    if header and body and _all_of(body, list) and all(len(row) == len(header) for row in body):
        return [dict(zip(header, row, strict=True)) for row in body]
    lists = {name: member for name, member in value.items() if isinstance(member, list) and _plain(member)}
    if len(lists) > 1 and len({len(one) for one in lists.values()}) == 1 and any(map(_times, lists.values())):
        return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    return None


def _pairs(pairs: Sequence[Sequence[Any]]) -> Iterator[Row_]:
    """Rows of a time and a value, whichever of the two comes first."""
    first = _times([one[0] for one in pairs[:_TRIED]])
    if first or _times([one[1] for one in pairs[:_TRIED]]):
        for one, two in pairs:
            yield {"time": one, "value": two} if first else {"time": two, "value": one}


def _texts(value: Mapping[str, Any], above: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, member in value.items():
        if isinstance(member, str):
            found[above + name] = member
        elif isinstance(member, dict) and not _nested(member):
            found |= _texts(member, f"{above}{name}.")
    return found


def _names(value: Any) -> list[str]:
    if not isinstance(value, list) or not value:
        return []
    names = [one.get("name") or one.get("text") if isinstance(one, dict) else one for one in value]
    texts = [one for one in names if isinstance(one, str)]
    return texts if len(set(texts)) == len(names) else []


def _by_times(value: Mapping[str, Any]) -> bool:
    return len(value) > 1 and _times(list(value)) and _plain(list(value.values()))


def _all_of(value: Any, kind: type) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, kind) for one in value)


def _plain(values: Sequence[Any]) -> bool:
    return bool(values) and not any(isinstance(one, list | dict) for one in values)


def _times(values: Sequence[Any]) -> bool:
    return all(map(_is_time, values[:_TRIED]))


def _is_time(value: Any) -> bool:
    return isinstance(value, str | int | float) and held_by([str(value)]) in ("time", "epoch")
