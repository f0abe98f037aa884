"""Where the rows of files went: each of them used, or left out for a reason, file by file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from traffic.coverage import OTHER_KEYS, Coverage, Holding, LeftOut
from traffic.model import Window
from traffic.store.files.look import Input
from traffic.store.files.staged import Staged

_WHY = {
    "without a key": "have no key",
    "without a time": "have no time",
    "without a finite value": "have no finite value",
    "at a counter reset": "are the first after a counter reset",
    "outside": "are outside the time window",
    "others": OTHER_KEYS,
    "no row": "are trailer lines",
    "cut": "have no line break, and may be cut",
}
"""Reasons in the words of coverage."""


def coverage_of(
    inputs: Sequence[Input],
    empty: Sequence[str],
    rows: Staged,
    window: Window,
    only: Sequence[str] | None,
    notes: Sequence[str],
) -> Coverage:
    """All rows of each file, of which those in the window that have a key, a time and a value are used.

    Args:
        inputs: the files that were read.
        empty: names of those that hold nothing.
        rows: of the former.
        window: what is looked at.
        only: the keys that are; None: all.
        notes: what else a person should know.
    """
    parts = [*_parts(inputs, rows, window, only), *(Holding(name, 0, 0) for name in empty)]
    return Coverage(tuple(sorted(parts, key=lambda part: part.name)), notes=tuple(notes))


def _parts(inputs: Sequence[Input], rows: Staged, window: Window, only: Sequence[str] | None) -> Iterator[Holding]:
    whole = rows.inside(window) + rows.begun
    inside = whole if only is None else rows.inside(window, only) + rows.begun
    cut = np.array([file.cut == "left out" for file in inputs], dtype=np.int64)
    lost = {
        **rows.lost,
        "outside": rows.used + rows.begun - whole,
        "others": whole - inside,
        "no row": rows.odd_lines,
        "cut": cut,
    }
    for place, file in enumerate(inputs):
        left = tuple(LeftOut(_WHY[reason], int(count[place])) for reason, count in lost.items() if count[place])
        there = rows.used[place] > 0
        first, last = (int(rows.begin[place]), int(rows.end[place])) if there else (None, None)
        every = int(rows.read[place] + rows.odd_lines[place] + cut[place])
        yield Holding(file.name, every, int(inside[place]), left, first, last)
