"""What JSON objects hold: their members, by their paths."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from traffic.errors import UsageFailure
from traffic.store.base import DamagedStore
from traffic.store.files.layout import SAMPLE, Row

Path_ = tuple[str, ...]
_OF_A_BLOCK = 60


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
                raise UsageFailure(
                    f"{name} holds {_shown(value)} where an object is expected: write one object per line"
                )
            found.append(dict(_members(value)))
            if len(found) == SAMPLE:
                break
    except Doubled as error:
        raise doubled_in(f"{name}, line {len(found) + 1}", error) from error
    except ValueError as error:
        if not found:
            raise DamagedStore(f"{name} is not valid JSON ({error}): write one object per line") from error
    try:
        found += [dict(_members(value)) for block in blocks for value in _inside(block)]
    except Doubled as error:
        raise doubled_in(name, error) from error
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
    decoder = json.JSONDecoder(object_pairs_hook=once)
    place, opened = len(text) - len(text.lstrip()), text.lstrip()[0] == "["
    place += opened
    while place < len(text):
        while place < len(text) and text[place] in " \t\r\n" + ("," if opened else ""):
            place += 1
        if place == len(text) or (opened and text[place] == "]"):
            return
        value, place = decoder.raw_decode(text, place)
        yield value


class Doubled(Exception):  # no ValueError: the text is valid JSON
    """An object has two members of one name, which is its text: nobody knows which is meant."""


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of these members.

    Raises:
        Doubled: two of them have one name.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise Doubled(next(name for name in names if names.count(name) > 1))
    return found


def doubled_in(where: str, error: Doubled) -> UsageFailure:
    """What is said of it."""
    return UsageFailure(f"{where}: an object has two members called {error}: rename one")


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
            value = json.loads(line, object_pairs_hook=once)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."
