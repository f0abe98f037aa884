"""What JSON holds: the members of its objects by their paths, and documents that hold their rows in a list."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from traffic.disk import storage
from traffic.errors import UsageFailure
from traffic.store.base import DamagedStore
from traffic.store.files.layout import SAMPLE, Row

Path_ = tuple[str, ...]
_LARGEST = 1 << 28
"""Bytes of a document that is read as a whole."""
_OF_A_BLOCK = 60
_BEGINNING = 1 << 20


def members_of(name: str, text: str, blocks: Sequence[str]) -> tuple[tuple[Path_, ...], tuple[Row, ...]]:
    """The members of JSON objects, and of objects in them, by their paths; and the first of these objects as rows.

    Args:
        name: of the file, for messages.
        text: how it begins.
        blocks: texts from further on; their first and last lines may be cut.

    Raises:
        UsageFailure: it holds something else than objects.
        DamagedStore: it is no JSON.
    """
    found: list[dict[Path_, str | None]] = []
    try:
        for value in values(text):
            if not isinstance(value, dict):
                raise UsageFailure(f"{name} holds {_shown(value)} where an object is needed: write one object a line")
            found.append(dict(_members(value)))
            if len(found) == SAMPLE:
                break
    except ValueError as error:
        if not found:
            raise DamagedStore(f"{name} is no JSON ({error}): write one object a line") from error
    found += [dict(_members(value)) for block in blocks for value in _inside(block)]
    return table_of(found)


def table_of(found: Sequence[Mapping[Path_, str | None]]) -> tuple[tuple[Path_, ...], tuple[Row, ...]]:
    """The paths that occur in any of these objects, and the objects as rows of them."""
    leaves = leaves_of(path for row in found for path in row)
    return leaves, tuple(tuple(row.get(path) for path in leaves) for row in found)


def leaves_of(paths: Iterator[Path_] | Sequence[Path_]) -> tuple[Path_, ...]:
    """Each path once. An object in one row may be nothing in another: then it is no column itself."""
    known = dict.fromkeys(paths)
    inner = {path[:length] for path in known for length in range(1, len(path))}
    return tuple(path for path in known if path not in inner)


def values(text: str) -> Iterator[Any]:
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


def unrolled(path: str, name: str, text: str, whole: bool) -> IO[bytes] | None:
    """Of a document that holds its rows in a list these rows, one a line, in a file that goes when it is closed.

    Known are the answer of Prometheus to a range query, and any object with one list of objects in it. None where the
    file is no such document.

    Raises:
        UsageFailure: it is too large to be read as a whole.
        StorageFailure: the temporary folder is full.
    """
    document = _document(path, name, text, whole)
    rows = None if document is None else _rows_of(document)
    if rows is None:
        return None
    with storage(tempfile.gettempdir()):
        file = tempfile.NamedTemporaryFile(prefix="sl-")  # noqa: SIM115  # the caller keeps it
        for row in rows:
            file.write(json.dumps(row).encode() + b"\n")
        file.flush()
    return file


def _document(path: str, name: str, text: str, whole: bool) -> dict[str, Any] | None:
    body = text.strip()
    if not body.startswith("{"):
        return None
    try:
        value, end = json.JSONDecoder().raw_decode(body)
        return value if whole and not body[end:].strip() and isinstance(value, dict) else None
    except ValueError:
        if whole:
            return None
    # One object that is longer than the beginning of the file.
    size = Path(path).stat().st_size
    if size > _LARGEST:
        raise UsageFailure(
            f"{name} is one JSON document of {size / 1e9:.1f} GB: write its rows one a line, as jq -c '.items[]' does"
        )
    try:
        with storage(name), Path(path).open("rb") as file:
            value = json.load(file)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _rows_of(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]] | None:
    data = document.get("data")
    if isinstance(data, dict) and data.get("resultType") in ("matrix", "vector"):
        return _samples(data.get("result") or [])
    lists = [
        member
        for member in (*document.values(), *(data.values() if isinstance(data, dict) else ()))
        if isinstance(member, list) and member and all(isinstance(row, dict) for row in member)
    ]
    # A log line may hold a list of objects as well; what has a time of its own is a row itself.
    own = any(isinstance(value, str | int | float) and name.lower() in _OWN for name, value in document.items())
    return iter(lists[0]) if len(lists) == 1 and not own else None


_OWN = {"time", "timestamp", "@timestamp", "ts", "datetime", "date", "eventtime"}


def _samples(series: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for one in series:
        labels = dict(one.get("metric") or {})
        name = labels.pop("__name__", "")
        inner = ", ".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
        key = f"{name}{{{inner}}}" if inner else name or "value"
        for time, value in one.get("values") or ([one["value"]] if "value" in one else []):
            yield {"time": time, "series": key, "value": value}


def _members(value: Mapping[str, Any], above: Path_ = ()) -> Iterator[tuple[Path_, str | None]]:
    for name, member in value.items():
        if isinstance(member, dict) and member:
            yield from _members(member, (*above, name))
        elif member is None or isinstance(member, str):
            yield (*above, name), member
        else:
            yield (*above, name), json.dumps(member)


def _inside(block: str) -> Iterator[Mapping[str, Any]]:
    for line in block.splitlines()[1:-1][:_OF_A_BLOCK]:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."


def unrolled_file(path: str, name: str) -> IO[bytes] | None:
    """`unrolled` of a file that may be anything; None where it is no such document."""
    with storage(name), Path(path).open("rb") as file:
        beginning = file.read(_BEGINNING)
    if not beginning.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return None
    text = beginning.decode("utf-8-sig", errors="ignore")
    return unrolled(path, name, text, whole=len(beginning) < _BEGINNING)
