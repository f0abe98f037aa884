"""One block of keys: from its roll-ups to its events. The only place where kernels and sources meet."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analyzer.cache import CachedSource
from analyzer.fetch import suspect_days
from analyzer.kernels.baseline import suspects, threshold
from analyzer.kernels.breach import Held, Runs, runs
from analyzer.kernels.judge import Settings, judge
from analyzer.kernels.rollup import Hours, percentile
from analyzer.kernels.severity import severity
from analyzer.kernels.usual import IDLE_SHARE
from analyzer.model import Event, NotJudged, Policy, Suppressed, Trace, event_id
from analyzer.slots import Marks, marks
from traffic.model import (
    HOUR,
    WEEK,
    Bools,
    Direction,
    Floats,
    Grid,
    Ints,
    Matrix,
    Metric,
    Query,
    Rollup,
    Window,
)

CONTEXT = 3 * HOUR
"""What a picture shows before and after an event, at least."""
HELD_SHARE = 0.8
"""The share of half an hour or an hour for which a level must be held."""


@dataclass(frozen=True, eq=False)
class Judged:
    """What is normal for a block: arrays of shape (keys, hours).

    Looking for traffic that falls, everything that is compared is turned round: values, baselines and thresholds are
    negative, so that a breach always lies above.
    """

    rollup: Rollup
    baseline: Floats
    threshold: Floats
    """What every breach lies above; NaN where the hour is not judged."""
    peak: Floats
    """What the matching breaches must lie above ..."""
    half: Floats
    """... those that are held for half an hour ..."""
    hour: Floats
    """... or an hour."""
    thin: Bools
    """Hours with too few buckets."""
    young: Bools
    """Hours with enough buckets, but too few other weeks to compare with."""
    why: Ints
    """Why the stated threshold is no event in an hour that passed it: a place in `WHY`; 0 where it is, or was not."""
    marks: Marks
    unjudged: Ints
    """Hours that the calendar takes from judging: 0, or the place of the reason in `marks.reasons`, from 1 on."""
    sign: int = 1
    fill: float = np.nan
    """What a missing bucket of a key's span counts as."""


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
    half: Floats
    hour: Floats


WHY = (
    "",
    "hardly any traffic for this key, or what the hours beside it or a new level explain",
    "a bursty key: its ordinary peaks dwarf its p95",
    "ordinary for this key: it passes the threshold more often than once in {weeks}",
)
"""Reasons for which what the stated threshold calls an event is none."""


def judge_hours(rollup: Rollup, policy: Policy, resolution: int) -> Judged:
    """Learn the baseline of every hour of a block and say which hours can be judged."""
    hours = Hours(*(getattr(rollup, name) for name in Rollup.FIELDS))
    said = marks(policy, rollup.grid)
    limits = judge(hours, said.weeks, HOUR // resolution, _settings(policy), said.unlearned)
    thin = limits.thin
    young = ~thin & (limits.weeks < policy.min_weeks)
    unknown = thin | young
    lowest, peak, half, hour = (
        np.where(unknown, np.nan, limit) for limit in (limits.lowest, limits.peak, limits.half, limits.hour)
    )
    plain = threshold(limits.baseline, policy.multiple, policy.floor)
    why = np.select([hours.second <= plain, limits.bursty & (hours.second <= peak)], [1, 2], 3)
    passed = (hours.second > limits.stated) & (hours.second <= peak) & ~unknown
    why = np.where(passed, why, 0)
    return Judged(rollup, limits.baseline, lowest, peak, half, hour, thin, young, why, said, said.unjudged)


def judge_falls(rollup: Rollup, policy: Policy, resolution: int) -> Judged:
    """The same for traffic that falls: compared is what an hour is above for four fifths of its time.

    Only hours whose usual low is above the floor, and not idle for the key, can fall.
    """
    said = marks(policy, rollup.grid)
    settings = replace(_settings(policy), rules=set(policy.rules) & {"level", "pooled"})
    low = Hours(*(rollup.p20 if name == "p95" else getattr(rollup, name) for name in Rollup.FIELDS))
    limits = judge(low, said.weeks, HOUR // resolution, settings, said.unlearned)
    # An hour that is missing has nothing to learn from, but something to be judged by.
    usual = limits.expected if policy.missing_is_fallen else limits.baseline
    thin = np.isnan(usual) if policy.missing_is_fallen else limits.thin
    young = ~thin & (limits.weeks < policy.min_weeks)
    least = np.fmax(policy.floor, IDLE_SHARE * percentile(limits.learned, 95.0)[:, None])
    limit = np.where(thin | young | ~(usual > least), np.nan, -usual * (1 - policy.under_percent / 100))
    nothing = np.zeros(limit.shape, dtype=np.int64)
    fill = 0.0 if policy.missing_is_fallen else np.nan
    return Judged(rollup, -usual, limit, limit, limit, limit, thin, young, nothing, said, said.unjudged, -1, fill)


def _settings(policy: Policy) -> Settings:
    original = policy.baseline == "original"
    return Settings(
        percentile=95.0 if original else policy.percentile,
        multiple=policy.multiple,
        floor=policy.floor,
        min_share=policy.min_share,
        rules=() if original else policy.rules,
        source=policy.baseline,
        lookback=policy.lookback,
        every=policy.rare_weeks * WEEK / HOUR,
    )


def _inside(judged: Judged, looked: Window, spans: Sequence[Window]) -> Judged:
    """Take out what is not judged: what lies outside of `looked` or of a key's span, and what its calendar excludes."""
    grid = judged.rollup.grid
    outside = np.ones((len(spans), grid.count), dtype=bool)
    for row, span in enumerate(spans):
        outside[row, grid.slice(span.widen(HOUR).clip(looked))] = False
    out = outside | (judged.marks.unjudged > 0)
    return replace(
        judged,
        threshold=np.where(out, np.nan, judged.threshold),
        thin=judged.thin & ~out,
        young=judged.young & ~out,
        why=np.where(out, 0, judged.why),
        unjudged=np.where(outside, 0, judged.marks.unjudged),
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
    rollup = source.rollup(query)
    parts: list[Found] = []
    not_judged: list[NotJudged] = []
    for own, rows in _by_policy(keys, policy):
        part = replace(query, keys=tuple(keys[row] for row in rows))
        hours = rollup if len(rows) == len(keys) else _rows(rollup, part.keys, rows)
        ways = {"above": (judge_hours,), "below": (judge_falls,), "both": (judge_hours, judge_falls)}[own.direction]
        found = [_find(source, part, spans, looked, own, way(hours, own, resolution), full_scan) for way in ways]
        parts += found
        # An hour in which a fall cannot be judged is one in which a rise cannot: the rises' list holds both.
        not_judged += found[0].not_judged
    return Found(
        tuple(event for part in parts for event in part.events),
        tuple(trace for part in parts for trace in part.traces),
        tuple(not_judged),
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
    judged = _inside(judged, looked, [spans[key] for key in keys])
    hot = suspects(_highest(judged, resolution), judged.threshold)
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
        tuple(_not_judged(judged, keys, spans, policy)),
        int((~np.isnan(judged.threshold)).sum()),
        int(hot.sum()),
        tuple(_suppressed(_without_events(judged, events, breaches.row[found.first]), keys, policy)),
    )


def _without_events(judged: Judged, events: Sequence[Event], rows: Ints) -> Judged:
    """An hour that an event touches was not suppressed."""
    why = judged.why.copy()
    for event, row in zip(events, rows.tolist(), strict=True):
        why[row, judged.rollup.grid.slice(event.window.widen(HOUR))] = 0
    return replace(judged, why=why)


def _highest(judged: Judged, resolution: int) -> Floats:
    """What no bucket of an hour lies above, in the direction that is looked at."""
    rollup = judged.rollup
    if judged.sign > 0:
        return rollup.maximum
    gap = (rollup.count < HOUR // resolution) & (judged.fill == 0)
    return np.where(gap, 0.0, -rollup.minimum)


def _ways(policy: Policy, breaches: _Breaches, resolution: int) -> list[Held]:
    """How an event can open: the matches, and where the rule `held` is on, most of half an hour or of an hour."""
    ways = [Held(breaches.value > breaches.peak, policy.needed(resolution), policy.within)]
    if "held" in policy.rules and "tail" in policy.rules:
        for length, limit in ((HOUR // 2, breaches.half), (HOUR, breaches.hour)):
            needed = max(1, math.ceil(HELD_SHARE * length / resolution))
            ways.append(Held(breaches.value > limit, needed, max(length, resolution)))
    return ways


def _suppressed(judged: Judged, keys: tuple[str, ...], policy: Policy) -> Iterator[Suppressed]:
    weeks = "a week" if policy.rare_weeks == 1 else f"{policy.rare_weeks:g} weeks"
    for code, reason in enumerate(WHY):
        for row, hours in enumerate((judged.why == code).sum(axis=1).tolist() if code else ()):
            if hours:
                yield Suppressed(keys[row], reason.format(weeks=weeks), hours)


def _breaches(pieces: list[tuple[list[int], Matrix]], judged: Judged, resolution: int) -> _Breaches:
    hours = judged.rollup.grid
    hourly = (judged.baseline, judged.threshold, judged.peak, judged.half, judged.hour)
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
        return _Breaches(none.astype(np.int64), none.astype(np.int64), *([none] * 6))
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


def _not_judged(
    judged: Judged, keys: tuple[str, ...], spans: Mapping[str, Window], policy: Policy
) -> Iterator[NotJudged]:
    """Stretches of hours inside each key's span that were not judged, with the reason."""
    hours = judged.rollup.grid
    reasons = (
        "",
        f"fewer than {policy.min_share:.0%} of the hour's buckets",
        f"fewer than {policy.min_weeks} other weeks to compare with",
        *judged.marks.reasons,
    )
    code = np.where(judged.unjudged > 0, 2 + judged.unjudged, judged.thin * 1 + judged.young * 2)
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
        if reason := reasons[code[r, first]]:
            yield NotJudged(keys[r], hours.start + first * HOUR, hours.start + last * HOUR, reason)
