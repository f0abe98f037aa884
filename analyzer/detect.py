"""One block of keys: from its roll-ups to its events. The only place where kernels and sources meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from analyzer.cache import CachedSource
from analyzer.fetch import suspect_days
from analyzer.kernels import baseline as kernel
from analyzer.kernels.breach import Runs, runs
from analyzer.model import Event, NotJudged, Policy, Trace, event_id
from traffic.model import HOUR, Bools, Floats, Grid, Ints, Matrix, Metric, Query, Rollup, Window

CONTEXT = 3 * HOUR
"""What a picture shows before and after an event, at least."""


@dataclass(frozen=True, eq=False)
class Judged:
    """What is normal for a block: arrays of shape (keys, hours)."""

    rollup: Rollup
    baseline: Floats
    threshold: Floats
    """NaN where the hour is not judged."""
    thin: Bools
    """Hours with too few buckets."""
    young: Bools
    """Hours with enough buckets, but too few other weeks to compare with."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a block of keys came to."""

    events: tuple[Event, ...]
    traces: tuple[Trace, ...]
    not_judged: tuple[NotJudged, ...]
    judged_hours: int
    suspect_hours: int


@dataclass(frozen=True, eq=False)
class _Breaches:
    """Breaches of a block in order of key, then time: arrays of shape (breaches,)."""

    row: Ints
    time: Ints
    value: Floats
    baseline: Floats
    threshold: Floats


def judge_hours(rollup: Rollup, policy: Policy, resolution: int) -> Judged:
    """Learn the baseline of every hour of a block and say which hours can be judged."""
    per_hour = HOUR // resolution
    learned = kernel.learnable(rollup.p95, rollup.count, per_hour, policy.min_share)
    baseline, weeks = kernel.other_weeks(learned, rollup.grid.start, policy.percentile)
    thin = np.isnan(learned)
    young = ~thin & (weeks < policy.min_weeks)
    limit = kernel.threshold(baseline, policy.multiple, policy.floor)
    return Judged(rollup, baseline, np.where(thin | young, np.nan, limit), thin, young)


def _inside(judged: Judged, looked: Window) -> Judged:
    """What lies outside of `looked` was learned from, but is not judged."""
    part = judged.rollup.grid.slice(looked)
    outside = np.ones(judged.rollup.grid.count, dtype=bool)
    outside[part] = False
    return replace(
        judged,
        threshold=np.where(outside, np.nan, judged.threshold),
        thin=judged.thin & ~outside,
        young=judged.young & ~outside,
    )


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
    judged = _inside(judge_hours(source.rollup(query), policy, resolution), looked)
    hot = kernel.suspects(judged.rollup.maximum, judged.threshold)
    look_at = np.ones_like(hot) if full_scan else hot
    days = suspect_days(look_at, window.start)
    matrices = source.gather([replace(query, keys=tuple(keys[row] for row in rows), window=day) for day, rows in days])
    pieces = [(rows, matrix) for (_, rows), matrix in zip(days, matrices, strict=True)]
    breaches = _breaches(pieces, judged, resolution)
    found = runs(
        breaches.row,
        breaches.time,
        breaches.value,
        breaches.baseline,
        policy.needed(resolution),
        policy.within,
        resolution,
    )
    events = _events(found, breaches, keys, source.metric, resolution)
    traces = _traces(events, breaches.row[found.first], pieces, judged, resolution)
    return Found(
        tuple(events),
        tuple(traces),
        tuple(_not_judged(judged, keys, spans, policy)),
        int((~np.isnan(judged.threshold)).sum()),
        int(hot.sum()),
    )


def _breaches(pieces: list[tuple[list[int], Matrix]], judged: Judged, resolution: int) -> _Breaches:
    hours = judged.rollup.grid
    parts = []
    for rows, matrix in pieces:
        span = hours.slice(matrix.grid.window)
        limit = judged.threshold[rows, span]
        per_hour = HOUR // resolution
        cube = matrix.values.reshape(len(rows), -1, per_hour)
        row, hour, bucket = np.nonzero(cube > limit[..., None])
        parts.append(
            (
                np.asarray(rows, dtype=np.int64)[row],
                matrix.grid.start + (hour * per_hour + bucket) * resolution,
                cube[row, hour, bucket],
                judged.baseline[rows, span][row, hour],
                limit[row, hour],
            )
        )
    if not parts:
        none = np.zeros(0)
        return _Breaches(none.astype(np.int64), none.astype(np.int64), none, none, none)
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.lexsort((joined[1], joined[0]))
    return _Breaches(*(column[order] for column in joined))


def _events(found: Runs, breaches: _Breaches, keys: tuple[str, ...], metric: Metric, resolution: int) -> list[Event]:
    time, peak = breaches.time, found.peak
    # A rate over a bucket is a volume: bits for bit/s. Other values are added up as they are.
    volume = found.excess * (resolution if metric.rate else 1)
    columns = (
        breaches.row[found.first],
        time[found.first],
        time[found.last] + resolution,
        time[found.met] + resolution,
        found.last - found.first + 1,
        time[peak],
        breaches.value[peak],
        breaches.baseline[peak],
        breaches.threshold[peak],
        volume,
    )

    return [
        Event(
            event_id(keys[row], metric.name, "above", start),
            keys[row],
            start,
            end,
            detected,
            count,
            peak_at,
            top,
            usual,
            limit,
            top / usual if usual > 0 else None,
            excess,
        )
        for row, start, end, detected, count, peak_at, top, usual, limit, excess in zip(
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

        yield Trace(event.id, grid, values, steps(judged.rollup.mean), steps(judged.baseline), steps(judged.threshold))


def _not_judged(
    judged: Judged, keys: tuple[str, ...], spans: Mapping[str, Window], policy: Policy
) -> Iterator[NotJudged]:
    """Stretches of hours inside each key's span that were not judged, with the reason."""
    hours = judged.rollup.grid
    reasons = {
        1: f"fewer than {policy.min_share:.0%} of the hour's buckets",
        2: f"fewer than {policy.min_weeks} other weeks to compare with",
    }
    code = judged.thin * 1 + judged.young * 2
    starts = np.array([hours.index(spans[key].start) for key in keys])
    ends = np.array([-(-(spans[key].end - hours.start) // HOUR) for key in keys])
    index = np.arange(hours.count)
    code[(index < starts[:, None]) | (index >= ends[:, None])] = 0
    # A run ends where the code changes and at the end of each row.
    changes = np.ones((code.shape[0], code.shape[1] + 1), dtype=bool)
    changes[:, 1:-1] = code[:, 1:] != code[:, :-1]
    row, edge = np.nonzero(changes)
    same_row = row[:-1] == row[1:]
    for r, first, last in zip(
        row[:-1][same_row].tolist(), edge[:-1][same_row].tolist(), edge[1:][same_row].tolist(), strict=True
    ):
        if reason := reasons.get(int(code[r, first])):
            yield NotJudged(keys[r], hours.start + first * HOUR, hours.start + last * HOUR, reason)
