"""One block of keys: from its roll-ups to its events. The only place where kernels and sources meet."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from analyzer.judging.judged import (
    Judged,
    highest,
    inside,
    judge_falls,
    judge_hours,
    not_judged,
    suppressed,
    without_events,
)
from analyzer.judging.suspects import suspect_days
from analyzer.kernels.baseline import suspects
from analyzer.kernels.breach import Held, Runs, runs
from analyzer.kernels.severity import severity
from analyzer.model import Event, NotJudged, Policy, Suppressed, Trace, event_id
from analyzer.reading.cache import CachedSource
from traffic.model import HOUR, Direction, Floats, Grid, Ints, Matrix, Metric, Query, Rollup, Window

CONTEXT = 3 * HOUR
"""What a picture shows before and after an event, at least."""
BRIEF = 25 * 60
HELD_SHARE = 0.8
"""The share of 25 minutes, half an hour or an hour for which a level must be held."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a block of keys came to."""

    events: tuple[Event, ...]
    traces: tuple[Trace, ...]
    not_judged: tuple[NotJudged, ...]
    judged_hours: int
    suspect_hours: int
    suppressed: tuple[Suppressed, ...] = ()


@dataclass(frozen=True, eq=False)
class _Breaches:
    """Breaches of a block in order of key, then time: arrays of shape (breaches,)."""

    row: Ints
    time: Ints
    value: Floats
    baseline: Floats
    threshold: Floats
    peak: Floats
    brief: Floats
    half: Floats
    hour: Floats


def find_events(
    source: CachedSource,
    keys: tuple[str, ...],
    spans: Mapping[str, Window],
    window: Window,
    looked: Window,
    resolution: int,
    policy: Policy,
    full_scan: bool = False,
) -> Found:
    """Roll-ups, baseline, suspect hours, their buckets, breaches, events: for one block of keys.

    Args:
        window: what is learned from, on whole hours.
        looked: the part of it that is judged, on whole hours.
        full_scan: look at the buckets of every hour. The result is the same; only slower.
    """
    query = Query(source.metric, keys, window, resolution)
    rollup = source.rollup(query)
    parts: list[Found] = []
    gaps: list[NotJudged] = []
    for own, rows in _by_policy(keys, policy):
        part = replace(query, keys=tuple(keys[row] for row in rows))
        hours = rollup if len(rows) == len(keys) else _rows(rollup, part.keys, rows)
        ways = {"above": (judge_hours,), "below": (judge_falls,), "both": (judge_hours, judge_falls)}[own.direction]
        found = [_find(source, part, spans, looked, own, way(hours, own, resolution), full_scan) for way in ways]
        parts += found
        # An hour in which a fall cannot be judged is one in which a rise cannot: the rises' list holds both.
        gaps += found[0].not_judged
    return Found(
        tuple(event for part in parts for event in part.events),
        tuple(trace for part in parts for trace in part.traces),
        tuple(gaps),
        sum(part.judged_hours for part in parts),
        sum(part.suspect_hours for part in parts),
        tuple(some for part in parts for some in part.suppressed),
    )


def _by_policy(keys: tuple[str, ...], policy: Policy) -> list[tuple[Policy, list[int]]]:
    found: dict[Policy, list[int]] = {}
    for row, key in enumerate(keys):
        found.setdefault(policy.of(key), []).append(row)
    return list(found.items())


def _rows(rollup: Rollup, keys: tuple[str, ...], rows: list[int]) -> Rollup:
    return Rollup(keys, rollup.grid, *(getattr(rollup, name)[rows] for name in Rollup.FIELDS))


def _find(
    source: CachedSource,
    query: Query,
    spans: Mapping[str, Window],
    looked: Window,
    policy: Policy,
    judged: Judged,
    full_scan: bool,
) -> Found:
    """The events of keys with one policy, in one direction."""
    keys, resolution = query.keys, query.resolution
    judged = inside(judged, looked, [spans[key] for key in keys])
    hot = suspects(highest(judged, resolution), judged.threshold)
    days = suspect_days(np.ones_like(hot) if full_scan else hot, query.window.start)
    matrices = source.gather([replace(query, keys=tuple(keys[row] for row in rows), window=day) for day, rows in days])
    pieces = [(rows, matrix) for (_, rows), matrix in zip(days, matrices, strict=True)]
    breaches = _breaches(pieces, judged, resolution)
    found = runs(
        breaches.row,
        breaches.time,
        breaches.value,
        breaches.baseline,
        _ways(policy, breaches, resolution),
        max(policy.merge, policy.within),
        resolution,
    )
    events = _events(found, breaches, keys, source.metric, resolution, judged.sign)
    traces = _traces(events, breaches.row[found.first], pieces, judged, resolution)
    return Found(
        tuple(events),
        tuple(traces),
        tuple(not_judged(judged, keys, spans, policy)),
        int((~np.isnan(judged.threshold)).sum()),
        int(hot.sum()),
        tuple(suppressed(without_events(judged, events, breaches.row[found.first]), keys, policy)),
    )


def _ways(policy: Policy, breaches: _Breaches, resolution: int) -> list[Held]:
    """How an event can open: the matches, and where the rule `held` is on, most of 25 minutes and more."""
    ways = [Held(breaches.value > breaches.peak, policy.needed(resolution), policy.within)]
    if "held" in policy.rules and "tail" in policy.rules:
        for length, limit in ((BRIEF, breaches.brief), (HOUR // 2, breaches.half), (HOUR, breaches.hour)):
            needed = max(1, math.ceil(HELD_SHARE * length / resolution))
            ways.append(Held(breaches.value > limit, needed, max(length, resolution)))
    return ways


def _breaches(pieces: list[tuple[list[int], Matrix]], judged: Judged, resolution: int) -> _Breaches:
    hours = judged.rollup.grid
    hourly = (judged.baseline, judged.threshold, judged.peak, judged.brief, judged.half, judged.hour)
    parts = []
    for rows, matrix in pieces:
        span = hours.slice(matrix.grid.window)
        per_hour = HOUR // resolution
        values = np.where(np.isnan(matrix.values), judged.fill, matrix.values) * judged.sign
        cube = values.reshape(len(rows), -1, per_hour)
        row, hour, bucket = np.nonzero(cube > judged.threshold[rows, span][..., None])
        parts.append(
            (
                np.asarray(rows, dtype=np.int64)[row],
                matrix.grid.start + (hour * per_hour + bucket) * resolution,
                cube[row, hour, bucket],
                *(array[rows, span][row, hour] for array in hourly),
            )
        )
    if not parts:
        none = np.zeros(0)
        return _Breaches(none.astype(np.int64), none.astype(np.int64), *([none] * 7))
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.lexsort((joined[1], joined[0]))
    return _Breaches(*(column[order] for column in joined))


def _events(
    found: Runs, breaches: _Breaches, keys: tuple[str, ...], metric: Metric, resolution: int, sign: int
) -> list[Event]:
    time, peak = breaches.time, found.peak
    # A rate over a bucket is a volume: bits for bit/s. Other values are added up as they are.
    volume = found.excess * (resolution if metric.rate else 1)
    top, usual, limit = (sign * array[peak] for array in (breaches.value, breaches.baseline, breaches.threshold))
    seconds = time[found.last] + resolution - time[found.first]
    with np.errstate(divide="ignore", invalid="ignore"):
        margin = np.where(sign > 0, top / limit, limit / top)
        matters = severity(margin, seconds.astype(float), found.excess * (resolution / HOUR) / usual)
    columns = (
        breaches.row[found.first],
        time[found.first],
        time[found.last] + resolution,
        time[found.met] + resolution,
        found.last - found.first + 1,
        time[peak],
        *(top, usual, limit, volume, matters),
    )
    direction: Direction = "above" if sign > 0 else "below"
    return [
        Event(
            event_id(keys[row], metric.name, direction, start),
            keys[row],
            *(start, end, detected, count, peak_at, top, usual, limit, top / usual if usual > 0 else None, excess),
            direction,
            matters,
        )
        for row, start, end, detected, count, peak_at, top, usual, limit, excess, matters in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]


def _traces(
    events: list[Event], rows: Ints, pieces: list[tuple[list[int], Matrix]], judged: Judged, resolution: int
) -> Iterator[Trace]:
    hours, per_hour = judged.rollup.grid, HOUR // resolution
    of_row: dict[int, list[tuple[int, Matrix]]] = {}
    for piece_rows, matrix in pieces:
        for place, row in enumerate(piece_rows):
            of_row.setdefault(row, []).append((place, matrix))
    for event, row in zip(events, rows.tolist(), strict=True):
        context = max(CONTEXT, event.end - event.start)
        view = Window(event.start - context, event.end + context).widen(HOUR).clip(hours.window)
        span, grid = hours.slice(view), Grid.over(view, resolution)
        values = np.full(grid.count, np.nan)
        for place, matrix in of_row[row]:
            both = view.clip(matrix.grid.window)
            values[grid.slice(both)] = matrix.values[place, matrix.grid.slice(both)]

        def steps(hourly: Floats, row: int = row, span: slice = span) -> Floats:
            return np.repeat(hourly[row, span], per_hour)

        usual, limit = (judged.sign * steps(hourly) for hourly in (judged.baseline, judged.threshold))
        yield Trace(event.id, grid, values, steps(judged.rollup.mean), usual, limit)
