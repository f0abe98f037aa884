"""Many labels, each tried with a percentage of its own: as one judgement of as many rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analyzer.judging.blocks import JudgedBlock, rows_of
from analyzer.judging.breaches import Piece, breaches_of, passing, raised
from analyzer.judging.events import classes_of
from analyzer.judging.judged import Learning, inside, judge
from analyzer.kernels.match import one_to_one
from analyzer.verdict import COUNTED, LONGEST_EXTRA
from traffic.model import Floats, Grid, Ints, Label, Window

TOGETHER = 64
"""Tries that are judged at once: as many rows as a block has, so that they take no more memory than it does."""


@dataclass(frozen=True, eq=False)
class Try:
    """A label of a key that is looked for at a percentage."""

    row: int
    """Of the key, in the block."""
    label: Label
    over_percent: float
    others: Sequence[Label]
    """Of the key, that an event may meet in place of this one."""
    days: Window
    """Whose buckets are looked at."""


def tried(
    tries: Sequence[Try], block: JudgedBlock, pieces: Sequence[Piece], looked: Window, learned: Learning
) -> Iterator[bool]:
    """Whether each of the labels is found, in their order.

    Args:
        block: how its keys are judged, by a policy that looks for rises alone.
        pieces: the buckets of these days at least.
        learned: of the keys of the block.
    """
    for first in range(0, len(tries), TOGETHER):
        some = tries[first : first + TOGETHER]
        for one, events in zip(some, _events(some, block, pieces, looked, learned), strict=True):
            labels = np.array([(label.start, label.end) for label in (*one.others, one.label)], dtype=np.int64)
            met = one_to_one(events, labels, block.query.resolution, LONGEST_EXTRA) if len(events) else []
            yield any(place == len(one.others) for _, place in met)


def _events(
    tries: Sequence[Try], block: JudgedBlock, pieces: Sequence[Piece], looked: Window, learned: Learning
) -> Iterator[Ints]:
    """The events of each try that count, start and end: shape (events, 2)."""
    resolution, policy = block.query.resolution, replace(block.policy, classes=("policy", "suspect"))
    rows = [one.row for one in tries]
    keys = tuple(block.query.keys[row] for row in rows)
    rollup = rows_of(block.judged[0].rollup, keys, rows)
    multiples = np.array([[1.0 + one.over_percent / 100.0] for one in tries])
    (stated,) = judge(rollup, policy, resolution, learned=learned.rows(rows), multiples=multiples)
    judged = inside(stated, looked, [block.alive[key] for key in keys])
    there = passing(_near(tries, pieces), rollup.grid, resolution, judged.threshold)
    breaches = breaches_of(there, judged)
    found = raised(breaches, policy, resolution)
    counted = np.array([name == COUNTED for name in classes_of(found, breaches, resolution, 1, COUNTED)], dtype=bool)
    first, last = found.first[counted], found.last[counted]
    spans = np.stack([breaches.time[first], breaches.time[last] + resolution], axis=1)
    ends = np.searchsorted(breaches.row[first], np.arange(1, len(tries)))
    yield from np.split(spans, ends)


def _near(tries: Sequence[Try], pieces: Sequence[Piece]) -> Iterator[tuple[list[int], Grid, Floats]]:
    """The buckets of each day, of the tries that look at it."""
    row, start, end = np.array([(one.row, one.days.start, one.days.end) for one in tries], dtype=np.int64).T
    for rows, matrix in pieces:
        window = matrix.grid.window
        near = np.flatnonzero((start < window.end) & (end > window.start))
        if not len(near):
            continue
        place = np.full(max(int(row.max()), *rows) + 1, -1)
        place[rows] = np.arange(len(rows))
        some = near[place[row[near]] >= 0]
        if len(some):
            yield some.tolist(), matrix.grid, matrix.values[place[row[some]]]
