"""Answers as objects: some hundred thousand small ones at once, none of which lies in a cycle."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from elasticsearch import OrjsonSerializer
from typing_extensions import override

_COUNTING = Lock()
_state = {"inside": 0, "collected": False}


@contextmanager
def uncollected() -> Iterator[None]:
    """Python's collector of cycles rests: for each few hundred objects it would look at all that are new.

    It goes through an answer again and again while it grows, and takes more time for that than the parser does. Several
    threads may be inside; what was so before is so again when the last one leaves.
    """
    with _COUNTING:
        if not _state["inside"]:
            _state["collected"] = gc.isenabled()
            gc.disable()
        _state["inside"] += 1
    try:
        yield
    finally:
        with _COUNTING:
            _state["inside"] -= 1
            if not _state["inside"] and _state["collected"]:
                gc.enable()


class Parser(OrjsonSerializer):
    """Reads an answer without the collector."""

    @override
    def loads(self, data: bytes) -> Any:
        with uncollected():
            return super().loads(data)
