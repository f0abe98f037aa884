"""What a run would cost, without running it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from analyzer.causes import event_requests
from analyzer.reading.blocks import groups
from analyzer.reading.scope import Scope, chosen, opened, topmost, windows
from traffic.model import DAY, HOUR, WEEK, Grid, Query, Window
from traffic.store.base import ScarceSource, Source

PROBE = 8
"""Keys of the one request that is sent to learn how fast the store is: a week of them."""


@dataclass(frozen=True)
class Estimate:
    """What is known before a run. Answers that are kept already are left out."""

    keys: int
    window: Window
    """What is learned from."""
    pushed: bool
    """Whether the store makes the roll-ups; else it is asked for all buckets, and nothing else."""
    requests: int
    """For roll-ups, or for the buckets that they are made of."""
    buckets: int
    """That these are answered with."""
    points: int
    """Buckets of the resolution that the store has to look at for them."""
    most_requests: int
    """For the buckets of days in which an event can be, if it could be in every day of every key; usually few."""
    seconds: float
    """About how long these will take."""
    limited: bool = False
    """Whether that follows from the limits of the service; else from a small request that was sent."""
    event_requests: int = 0
    """At the most, to tell by what an event came; how many events there are is not known before ..."""
    hundred_events_requests: int = 0
    """... and for 100 of them, which may share requests."""


def plan(store: Source, scope: Scope, output: Path, percent: float = 95.0, by: Sequence[str] | None = None) -> Estimate:
    """Find the keys, cut the requests, and say how long they take: by the service's limits, or by a small one sent.

    Args:
        percent: which percentile of their buckets roll-ups hold.
        by: dimensions by which events are told apart; None: all that the store knows.

    Raises:
        UsageFailure: there is nothing in that window, or no key is left to look at.
        StoreError: the store cannot answer in full.
    """
    events = [event_requests(store, by, count) for count in (1, 100)]
    asked, source, _ = opened(store, scope, output)
    pushed = asked.rolls_up(scope.resolution)
    window, learned = windows(source, scope)
    spans = topmost(chosen(source.keys(learned), scope, source.name, window), scope, source, learned)
    step = HOUR if pushed else scope.resolution
    blocks = [
        Query(source.metric, keys, reach, scope.resolution, percent)
        for keys, reach in groups(spans, learned, scope.resolution, source.limits(scope.resolution))
    ]
    queries = [query for block in blocks for query in source.unanswered(block)]
    requests = asked.requests(queries, pushed)
    days = [[replace(block, window=day) for day in block.window.pieces(DAY)] for block in blocks]
    points = sum(_points(query, scope.resolution) for query in queries)
    ask: Callable[[Query], object] = asked.rollup if pushed else asked.series
    if isinstance(store, ScarceSource):
        seconds = store.duration(len(requests), scope.concurrency)
    else:
        seconds = _seconds(ask, queries[0], points, scope) if queries else 0.0
    return Estimate(
        keys=len(spans),
        window=learned,
        pushed=pushed,
        requests=len(requests),
        buckets=sum(_points(query, step) for query in queries),
        points=points,
        most_requests=sum(len(asked.requests(some, hours=False)) for some in days) if pushed else 0,
        seconds=seconds,
        limited=isinstance(store, ScarceSource),
        event_requests=events[0],
        hundred_events_requests=events[1],
    )


def _points(query: Query, step: int) -> int:
    return len(query.keys) * Grid.over(query.window, step).count


def _seconds(ask: Callable[[Query], object], query: Query, points: int, scope: Scope) -> float:
    """Time a small part, and scale it."""
    part = Window(max(query.window.start, query.window.end - WEEK), query.window.end)
    probe = replace(query, keys=query.keys[:PROBE], window=part)
    begun = time.perf_counter()
    ask(probe)
    return (time.perf_counter() - begun) * points / max(1, _points(probe, scope.resolution))
