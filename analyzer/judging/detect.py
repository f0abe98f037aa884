"""One block of keys: from its roll-ups to its events. The only place where kernels and sources meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

import numpy as np

from analyzer.judging.blocks import JudgedBlock, Known, judged_blocks
from analyzer.judging.breaches import Breaches, Piece, above, breaches_of, raised
from analyzer.judging.buckets import Buckets
from analyzer.judging.classes import Traced, settled
from analyzer.judging.events import events_of, figures
from analyzer.judging.first import with_new
from analyzer.judging.judged import (
    Judged,
    Learning,
    highest,
    not_judged,
    suppressed,
    without_events,
)
from analyzer.judging.presence import Presence
from analyzer.judging.reaches import merged, reaches
from analyzer.judging.suspects import suspect_days
from analyzer.judging.wanted import aside_of, labelled, wanted_hours
from analyzer.kernels.baseline import suspects
from analyzer.kernels.ways import WAYS
from analyzer.model import Event, NotJudged, Policy, Suppressed, Trace
from analyzer.outcome import Reach
from traffic.model import HOUR, WEEK, Bools, Floats, Grid, Label, Matrix, Metric, Query, Rollup, Window

CONTEXT = 3 * HOUR
"""What a picture shows before and after an event, at least."""
WEEKS = 6 * WEEK
"""What it shows of the key besides."""


class Asked(Protocol):
    """Who answers what judging asks of a store."""

    @property
    def metric(self) -> Metric:
        """What is measured."""
        ...

    def rollup(self, query: Query) -> Rollup:
        """The hours of some keys."""
        ...

    def series_many(self, queries: Sequence[Query]) -> list[Matrix]:
        """The buckets of each query, in that order."""
        ...


@dataclass(frozen=True, eq=False)
class Found:
    """What a block of keys came to."""

    events: tuple[Event, ...]
    traces: Mapping[str, Callable[[], Trace]]
    """By the id of an event: its surroundings, made when they are wanted. They hold on to the buckets of the block."""
    not_judged: tuple[NotJudged, ...]
    judged_hours: int
    suspect_hours: int
    suppressed: tuple[Suppressed, ...] = ()
    reaches: Mapping[str, Reach] = field(default_factory=dict)
    """By the id of a label: how near it came."""
    rows: int | None = None
    """Of the store that fell into the hours of these keys; None where it does not say."""
    buckets: int = 0
    """Of these hours that have a value."""


def find_events(
    source: Asked,
    keys: tuple[str, ...],
    window: Window,
    presence: Presence,
    resolution: int,
    policy: Policy,
    labels: Mapping[str, Sequence[Label]],
    full_scan: bool = False,
) -> Found:
    """Roll-ups, baseline, suspect hours, their buckets, breaches, events: for one block of keys.

    Args:
        window: what is learned from, on whole hours.
        presence: of the keys; of the window, its `looked` is judged.
        labels: by key, of which is said how near they came to being events.
        full_scan: look at the buckets of every hour. The result is the same; only slower.
    """
    query = Query(source.metric, keys, window, resolution, policy.rollup_percentile)
    rollup = source.rollup(query)
    learned: dict[tuple[str, ...], Learning] = {}
    parts = [
        _find(source, with_new(block, presence), full_scan, labels, Known(presence, learned[block.query.keys]))
        for block in judged_blocks(rollup, source.metric, presence, resolution, policy, learned)
    ]
    return Found(
        events=tuple(event for part in parts for event in part.events),
        traces={event: trace for part in parts for event, trace in part.traces.items()},
        not_judged=tuple(gap for part in parts for gap in part.not_judged),
        judged_hours=sum(part.judged_hours for part in parts),
        suspect_hours=sum(part.suspect_hours for part in parts),
        suppressed=tuple(some for part in parts for some in part.suppressed),
        reaches=merged(one for part in parts for one in part.reaches.items()),
        rows=None if rollup.rows is None else int(rollup.rows.sum(dtype=np.int64)),
        buckets=int(rollup.hours.count.sum()),
    )


def _find(
    source: Asked, part: JudgedBlock, full_scan: bool, labels: Mapping[str, Sequence[Label]], known: Known
) -> Found:
    """The events of keys with one policy."""
    query, judged, policy = part.query, part.judged, part.policy
    hot = suspect_hours(part)
    wanted = np.ones_like(hot) if full_scan else hot.copy()
    told = labelled(labels, part)
    aside = aside_of(told, part, known)
    wanted[wanted_hours(told, part, aside)] = True
    pieces = read_days(source, query, wanted)
    buckets = buckets_of(pieces, part)
    kept = traced_in(part, pieces, None if full_scan else buckets)
    stated, events = judged[0], [one.event for one in kept]
    gaps = tuple(not_judged(stated, query.keys, part.alive, policy))
    return Found(
        events=tuple(events),
        traces={one.event.id: one.trace for one in kept},
        not_judged=gaps,
        judged_hours=int((~np.isnan(stated.threshold)).sum()),
        suspect_hours=int(hot.sum()),
        suppressed=tuple(suppressed(without_events(stated, events, query.keys), query.keys, policy)),
        reaches=dict(reaches(part, buckets, labels, gaps, known, events, aside)),
    )


def buckets_of(pieces: Sequence[Piece], block: JudgedBlock) -> Buckets:
    """What was read of the days of a block, by key and hour."""
    return Buckets.of(pieces, len(block.query.keys), block.judged[0].rollup.grid, block.query.resolution)


def traced_in(block: JudgedBlock, pieces: Sequence[Piece], buckets: Buckets | None = None) -> list[Traced]:
    """The events that a policy asks for, in order of key and start, with their surroundings.

    Args:
        buckets: the same as the pieces, to look only at the hours whose roll-ups can hold a breach; None: at all that
            were read.
    """
    days: dict[int, list[tuple[int, Matrix]]] = {}
    for rows, matrix in pieces:
        for index, row in enumerate(rows):
            days.setdefault(row, []).append((index, matrix))
    traced: list[Traced] = []
    for judged in block.judged:
        found = (
            above(pieces, judged, block.query.resolution, judged.threshold)
            if buckets is None
            else buckets.above(judged)
        )
        traced += _traced(judged, breaches_of(found, judged), days, block.query, block.policy)
    return settled(traced, block.policy)


def suspect_hours(part: JudgedBlock) -> Bools:
    """The hours in which a bucket can breach that is one of those of an event, shape (keys, hours)."""
    found: Bools = np.logical_or.reduce([_suspects(one, part.policy, part.query.resolution) for one in part.judged])
    return found


def _suspects(judged: Judged, policy: Policy, resolution: int) -> Bools:
    """Of one judgement. A breach is alone where its hour has no second one and no hour is near that has any.

    Alone it opens no event that needs two, and goes on with none.
    """
    hot = suspects(highest(judged, resolution), judged.threshold)
    stated = (policy.needed(resolution), policy.within)
    if judged.sign < 0 or min(way.buckets(resolution, stated)[0] for way in WAYS) < 2:
        return hot
    near = -(-max(policy.within, policy.merge, resolution) // HOUR)
    beside = np.zeros_like(hot)
    for hours in range(1, min(near, hot.shape[1] - 1) + 1):
        beside[:, hours:] |= hot[:, :-hours]
        beside[:, :-hours] |= hot[:, hours:]
    # Of an hour with holes this percentile lies above the second highest.
    return hot & (suspects(judged.rollup.hours.second, judged.threshold) | beside)


def days_of(query: Query, hot: Bools) -> list[tuple[Query, list[int]]]:
    """The days that hold one of the hours `hot`, as queries for the keys that have them, and the rows of these."""
    days = suspect_days(hot, query.window.start)
    return [(replace(query, keys=tuple(query.keys[row] for row in rows), window=day), rows) for day, rows in days]


def read_days(source: Asked, query: Query, hot: Bools) -> list[Piece]:
    """The buckets of the days that hold one of the hours `hot`, of the keys that have them."""
    days = days_of(query, hot)
    matrices = source.series_many([asked for asked, _ in days])
    return [(rows, matrix) for (_, rows), matrix in zip(days, matrices, strict=True)]


def _traced(
    judged: Judged, breaches: Breaches, days: Mapping[int, Sequence[tuple[int, Matrix]]], query: Query, policy: Policy
) -> Iterator[Traced]:
    """What passes the limits of one judgement, with its surroundings; `days` are those of each row."""
    found = raised(breaches, policy, query.resolution)
    events = events_of(figures(found, breaches, query, judged), query, judged)
    for event, row in zip(events, breaches.row[found.first].tolist(), strict=True):
        trace = partial(_trace, event, row, days[row], judged, query.resolution)
        yield Traced(event, trace, judged.raises == "policy")


def _trace(event: Event, row: int, days: Sequence[tuple[int, Matrix]], judged: Judged, resolution: int) -> Trace:
    hours, per_hour = judged.rollup.grid, HOUR // resolution
    context = max(CONTEXT, event.end - event.start)
    view = Window(event.start - context, event.end + context).widen(HOUR).clip(hours.window)
    span, grid = hours.slice(view), Grid.over(view, resolution)
    values = np.full(grid.count, np.nan)
    for index, matrix in days:
        both = view.clip(matrix.grid.window)
        values[grid.slice(both)] = matrix.values[index, matrix.grid.slice(both)]

    def steps(hourly: Floats) -> Floats:
        return np.repeat(hourly[row, span], per_hour)

    usual, limit = (judged.sign * steps(hourly) for hourly in (judged.baseline, judged.threshold))
    weeks = weeks_round(event.window, hours.window)
    hourly = judged.rollup.hours.mean[row, hours.slice(weeks)].astype(np.float32)
    return Trace(event.id, grid, values, steps(judged.rollup.hours.mean), usual, limit, weeks=weeks, hourly=hourly)


def weeks_round(event: Window, there: Window) -> Window:
    """The six weeks of those that are there in whose middle the event lies, as far as they reach."""
    start = max(there.start, min(event.start - WEEKS // 2, there.end - WEEKS))
    return Window(start, start + WEEKS).widen(HOUR).clip(there)
