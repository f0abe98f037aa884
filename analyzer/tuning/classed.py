"""Alerts of classes other than `policy` in a sweep: found by the functions that a run of discover uses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from analyzer.judging.blocks import JudgedBlock, judged_blocks
from analyzer.judging.breaches import Piece
from analyzer.judging.detect import suspect_hours, traced_in
from analyzer.judging.first import by_volume, with_new
from analyzer.judging.judged import Learning
from analyzer.judging.presence import Presence
from analyzer.model import Event, Policy
from analyzer.tuning.candidate import ALERTS, Candidate
from traffic.model import Bools, Ints, Matrix, Metric, Rollup


@dataclass(frozen=True, eq=False)
class Classed:
    """A policy with alerts of several classes, and what it has raised so far."""

    policy: Policy
    """Its `classes` are those that count."""
    events: list[Event] = field(default_factory=list)

    def settled(self) -> list[Event]:
        """Everything that it raised; of new keys only as many as a run reports."""
        return by_volume(self.events)[0]


@dataclass(frozen=True, eq=False)
class ClassedBlock:
    """A block of keys."""

    rollup: Rollup
    metric: Metric
    presence: Presence
    resolution: int
    learned: dict[tuple[str, ...], Learning]

    def _judged(self, policy: Policy) -> Iterator[tuple[JudgedBlock, list[int]]]:
        rows_of = {key: row for row, key in enumerate(self.rollup.keys)}
        for block in judged_blocks(self.rollup, self.metric, self.presence, self.resolution, policy, self.learned):
            whole = with_new(block, self.presence)
            yield whole, [rows_of[key] for key in block.query.keys]

    def hot(self, policy: Policy) -> Bools:
        """The hours that may contain a bucket of an event of these classes, shape (keys, hours)."""
        found = np.zeros((len(self.rollup.keys), self.rollup.grid.count), dtype=bool)
        for block, rows in self._judged(policy):
            found[rows] = suspect_hours(block)
        return found

    def raise_all(self, classed: Classed, pieces: Sequence[Piece]) -> None:
        """Add the events of these keys."""
        for block, rows in self._judged(classed.policy):
            own = list(_of_rows(pieces, rows))
            classed.events.extend(one.event for one in traced_in(block, own))


def _of_rows(pieces: Sequence[Piece], rows: Sequence[int]) -> Iterator[Piece]:
    """The buckets of some rows, by their index among these."""
    place_of = {row: place for place, row in enumerate(rows)}
    for some, matrix in pieces:
        kept = [index for index, row in enumerate(some) if row in place_of]
        if kept:
            keys = tuple(matrix.keys[index] for index in kept)
            yield [place_of[some[index]] for index in kept], Matrix(keys, matrix.grid, matrix.values[kept])


def classed_of(tried: Sequence[Candidate]) -> dict[int, Classed]:
    """Index -> policy, for the policies whose alerts are not only of the class `policy`."""
    return {
        place: Classed(replace(one.policy, classes=one.counted))
        for place, one in enumerate(tried)
        if one.counted != ALERTS
    }


def columns_of(events: Sequence[Event], places: dict[str, int]) -> Iterator[tuple[bool, tuple[Ints, Ints, Ints, Ints]]]:
    """Rises, then falls: whether they are rises, and index of the key, start, end, detected, shape (events,) each."""
    for rises in (True, False):
        own = [one for one in events if (one.direction == "above") == rises]
        rows = [(places[one.key], one.start, one.end, one.detected) for one in own]
        key, start, end, detected = np.array(rows, dtype=np.int64).reshape(-1, 4).T
        yield rises, (key, start, end, detected)
