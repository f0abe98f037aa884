"""Somebody between us and a cluster who changes one answer: every kind of answer, at every place, in every way."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.between import Asked, Between, Told

Place = tuple[str | int, ...]


def kind_of(path: str, body: bytes) -> str:
    """What a request asks for."""
    if "_search" not in path:
        return path.split("?", maxsplit=1)[0].rpartition("/")[2]
    asked = json.loads(body)
    text = json.dumps(asked.get("aggs", {}))
    if "docvalue_fields" in asked:
        return "newest"
    marks = {
        "keyless": "page",
        "composite": "page",
        "percentiles": "hours",
        "_index": "coverage",
        "date_histogram": "buckets",
    }
    return next((kind for mark, kind in marks.items() if mark in text), "extent")


def places(answer: Any, at: Place = ()) -> Iterator[Place]:
    """Where something can be changed; of a list the first, one in the middle and the last."""
    if at:
        yield at
    if isinstance(answer, dict):
        for name, inner in answer.items():
            yield from places(inner, (*at, name))
    elif isinstance(answer, list):
        for place in sorted({0, len(answer) // 2, len(answer) - 1}) if answer else ():
            yield from places(answer[place], (*at, place))


def ways(value: Any) -> list[Callable[[Any], Any]]:
    """How a value can be changed."""
    found: list[Callable[[Any], Any]] = [lambda _: None, lambda _: {}, lambda _: "7"]
    if isinstance(value, bool):
        return [*found, lambda old: not old]
    if isinstance(value, int | float):
        return [
            *found,
            lambda old: old + 1,
            lambda old: old * 2 + 1,
            lambda old: -old - 1,
            lambda _: 1e308,
            lambda _: 0,
        ]
    if isinstance(value, str):
        return [*found, lambda old: old + "x", lambda _: ""]
    if isinstance(value, list):
        halves: list[Callable[[Any], Any]] = [lambda old: old[: len(old) // 2], lambda old: old[len(old) // 2 :]]
        return [*found, *halves, lambda old: [*old, *copy.deepcopy(old[:1])], lambda _: []]
    return found


def gone(_: Any) -> Any:
    """Stands for a member that is left out."""


def inside(answer: Any, at: Place) -> Any:
    """What is at a place."""
    for name in at:
        answer = answer[name]
    return answer


Change = tuple[Place, Callable[[Any], Any]]


def changed(content: bytes, change: Change) -> bytes:
    """The answer with one change; as it is where there is no such place."""
    answer = json.loads(content)
    at, way = change
    try:
        outer = inside(answer, at[:-1])
        if way is gone:
            del outer[at[-1]]
        else:
            outer[at[-1]] = way(outer[at[-1]])
    except (LookupError, TypeError):
        return content
    return json.dumps(answer).encode()


def changes(answer: Any) -> list[Change]:
    """All changes in one place that make it another answer."""
    found: list[Change] = []
    for at in places(answer):
        value = inside(answer, at)
        found += [(at, way) for way in ways(value) if json.dumps(way(value)) != json.dumps(value)]
        found.append((at, gone))
    return found


class Forger(Between):
    """A proxy that hands one forged answer of a kind, and otherwise what the cluster says."""

    def __init__(self, target: str) -> None:
        super().__init__(target, self._forged)
        self.kind: str | None = None
        self.forged: Change | None = None
        self.seen: dict[str, bytes] = {}
        """The first answer of each kind."""

    def _forged(self, asked: Asked, told: Told) -> Told:
        if told.status != 200:
            return told
        kind = kind_of(asked.path, asked.body)
        self.seen.setdefault(kind, told.content)
        if kind != self.kind:
            return told
        self.kind = None
        assert self.forged is not None
        return told.saying(changed(told.content, self.forged))
