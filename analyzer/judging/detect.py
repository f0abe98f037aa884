"""One block of keys: from its roll-ups to its events. The only place where kernels and sources meet."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from analyzer.judging.classes import SEVERITY, Traced, is_suspect, settled
from analyzer.judging.judged import (
    Judged,
    highest,
    inside,
    judge,
    not_judged,
    suppressed,
    without_events,
)
from analyzer.judging.silence import silences, until_the_end
from analyzer.judging.suspects import suspect_days
from analyzer.kernels.baseline import suspects
from analyzer.kernels.breach import Criterion, Runs, runs
from analyzer.kernels.severity import severity
from analyzer.kernels.ways import WAYS
from analyzer.model import Event, EventClass, NotJudged, Policy, Suppressed, Trace, event_id
from analyzer.reading.cache import CachedSource
from traffic.model import HOUR, WEEK, Direction, Floats, Grid, Ints, Matrix, Query, Rollup, Window

CONTEXT = 3 * HOUR
"""What a picture shows before and after an event, at least."""
WEEKS = 6 * WEEK
"""What it shows of the key besides."""


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
    """Breaches of a block in order of key, then time: arrays of shape (breaches,) where nothing else is said."""

    row: Ints
    time: Ints
    value: Floats
    baseline: Floats
    threshold: Floats
    limits: Floats
    """Shape (ways, breaches)."""


def find_events(  # noqa: PLR0913 - what is asked, of whom, when, and how it is judged
    source: CachedSource,
    keys: tuple[str, ...],
    spans: Mapping[str, Window],
    window: Window,
    looked: Window,
    resolution: int,
    policy: Policy,
    full_scan: bool = False,
    end: int | None = None,
) -> Found:
    """Roll-ups, baseline, suspect hours, their buckets, breaches, events: for one block of keys.

    Args:
        window: what is learned from, on whole hours.
        looked: the part of it that is judged, on whole hours.
        full_scan: look at the buckets of every hour. The result is the same; only slower.
        end: of the store's last value; None: of no use, as no key fell silent.
    """
    query = Query(source.metric, keys, window, resolution)
    rollup = source.rollup(query)
    parts: list[Found] = []
    for own, rows in _by_policy(keys, policy):
        part = replace(query, keys=tuple(keys[row] for row in rows))
        hours = rollup if len(rows) == len(keys) else _rows(rollup, part.keys, rows)
        silent = silences(part.keys, spans, looked, source.metric, end)
        # A silence up to the end is for falls to judge; where they are not looked for, it is said that nobody did.
        lasting = spans if silent is None else until_the_end(part.keys, spans, looked, source.metric, end)
        alive = spans if own.direction == "both" else lasting
        judged = [
            inside(one, looked, [(lasting if one.sign < 0 else alive)[key] for key in part.keys])
            for one in judge(hours, own, resolution, silent)
        ]
        parts.append(_find(source, part, alive, own, judged, full_scan))
    return Found(
        tuple(event for part in parts for event in part.events),
        tuple(trace for part in parts for trace in part.traces),
        tuple(gap for part in parts for gap in part.not_judged),
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
    return Rollup(keys, rollup.grid, rollup.hours.each(lambda array: array[rows]))


def _find(
    source: CachedSource,
    query: Query,
    spans: Mapping[str, Window],
    policy: Policy,
    judged: Sequence[Judged],
    full_scan: bool,
) -> Found:
    """The events of keys with one policy."""
    keys, resolution = query.keys, query.resolution
    hot = np.logical_or.reduce([suspects(highest(one, resolution), one.threshold) for one in judged])
    days = suspect_days(np.ones_like(hot) if full_scan else hot, query.window.start)
    matrices = source.series_many(
        [replace(query, keys=tuple(keys[row] for row in rows), window=day) for day, rows in days]
    )
    pieces = [(rows, matrix) for (_, rows), matrix in zip(days, matrices, strict=True)]
    raised = [event for one in judged for event in _raised(one, pieces, query, policy)]
    kept = settled(raised, policy)
    stated = judged[0]
    return Found(
        tuple(one.event for one in kept),
        tuple(one.trace for one in kept),
        tuple(not_judged(stated, keys, spans, policy)),
        int((~np.isnan(stated.threshold)).sum()),
        int(hot.sum()),
        tuple(suppressed(without_events(stated, [one.event for one in kept], keys), keys, policy)),
    )


def _raised(judged: Judged, pieces: list[tuple[list[int], Matrix]], query: Query, policy: Policy) -> Iterator[Traced]:
    """What passes the limits of one judgement, with its surroundings."""
    breaches = _breaches(pieces, judged, query.resolution)
    found = runs(
        breaches.row,
        breaches.time,
        breaches.value,
        breaches.baseline,
        _criteria(policy, breaches, query.resolution),
        max(policy.merge, policy.within),
        query.resolution,
    )
    events = _events(found, breaches, query, judged)
    traces = _traces(events, breaches.row[found.first], pieces, judged, query.resolution)
    by_policy = judged.raises == "policy"
    return (Traced(event, trace, by_policy) for event, trace in zip(events, traces, strict=True))


def _criteria(policy: Policy, breaches: _Breaches, resolution: int) -> list[Criterion]:
    """How an event can open: the matches, and with the rule `held` what lasts longer above a limit of its own."""
    stated = (policy.needed(resolution), policy.within)
    # There are as many limits as there are ways that the policy looks for.
    found = []
    for way, limit in zip(WAYS, breaches.limits, strict=False):
        needed, within = way.buckets(resolution, stated)
        found.append(Criterion(breaches.value > limit, needed, within))
    return found


def _breaches(pieces: list[tuple[list[int], Matrix]], judged: Judged, resolution: int) -> _Breaches:
    hours = judged.rollup.grid
    parts: list[_Breaches] = []
    for rows, matrix in pieces:
        span = hours.slice(matrix.grid.window)
        per_hour = HOUR // resolution
        values = np.where(np.isnan(matrix.values), _fill(judged, rows, matrix.grid), matrix.values) * judged.sign
        cube = values.reshape(len(rows), -1, per_hour)
        row, hour, bucket = np.nonzero(cube > judged.threshold[rows, span][..., None])
        there = (np.asarray(rows, dtype=np.int64)[row], span.start + hour)
        parts.append(
            _Breaches(
                row=there[0],
                time=matrix.grid.start + (hour * per_hour + bucket) * resolution,
                value=cube[row, hour, bucket],
                baseline=judged.baseline[there],
                threshold=judged.threshold[there],
                limits=judged.limits[:, *there],
            )
        )
    if not parts:
        none, nowhere = np.zeros(0), np.zeros(0, dtype=np.int64)
        return _Breaches(row=nowhere, time=nowhere, value=none, baseline=none, threshold=none, limits=none[None])
    joined = {
        name: np.concatenate([getattr(part, name) for part in parts], axis=-1)
        for name in (field.name for field in fields(_Breaches))
    }
    order = np.lexsort((joined["time"], joined["row"]))
    return _Breaches(**{name: array[..., order] for name, array in joined.items()})


def _fill(judged: Judged, rows: list[int], grid: Grid) -> Floats | float:
    """What a missing bucket counts as: nothing from where its key fell silent up to the end."""
    if judged.silent is None or judged.sign > 0:
        return judged.fill
    return np.where(grid.times() >= judged.silent[rows][:, None], 0.0, judged.fill)


def _events(found: Runs, breaches: _Breaches, query: Query, judged: Judged) -> list[Event]:
    time, peak, resolution, sign = breaches.time, found.peak, query.resolution, judged.sign
    # A rate over a bucket is a volume: bits for bit/s. Other values are added up as they are.
    volume = found.excess * (resolution if query.metric.per_second else 1)
    top, usual, limit = (sign * array[peak] for array in (breaches.value, breaches.baseline, breaches.threshold))
    seconds = time[found.last] + resolution - time[found.first]
    with np.errstate(divide="ignore", invalid="ignore"):
        margin = np.where(sign > 0, top / limit, limit / top)
        ratio = np.where(usual > 0, top / usual, np.nan)
    count = found.last - found.first + 1
    brief = [is_suspect(*one) for one in zip(count.tolist(), seconds.tolist(), ratio.tolist(), strict=True)]
    classes: list[EventClass] = ["suspect" if one else judged.raises for one in brief]
    bounds = np.array([SEVERITY[name] for name in classes]).reshape(-1, 2)
    hours = (time[peak] - judged.rollup.grid.start) // HOUR
    low = judged.filled[breaches.row[peak], hours]
    direction: Direction = "above" if sign > 0 else "below"
    columns = {
        "start": time[found.first],
        "end": time[found.last] + resolution,
        "detected": time[found.met] + resolution,
        "breaches": count,
        "peak_at": time[peak],
        "peak": top,
        "baseline": usual,
        "threshold": limit,
        "ratio": ratio,
        "excess": volume,
        "severity": severity(margin, seconds.astype(float), bounds[:, 0], bounds[:, 1]),
        "row": breaches.row[found.first],
        "way": found.opened,
        "low": low,
    }
    events = []
    for name, values in zip(classes, zip(*(column.tolist() for column in columns.values()), strict=True), strict=True):
        of_event = dict(zip(columns, values, strict=True))
        key = query.keys[of_event.pop("row")]
        of_event["ratio"] = None if math.isnan(of_event["ratio"]) else of_event["ratio"]
        events.append(
            Event(
                opened_by=WAYS[of_event.pop("way")].name,
                confidence="low" if of_event.pop("low") else "normal",
                **of_event,
                id=event_id(key, query.metric.name, direction, of_event["start"]),
                key=key,
                direction=direction,
                event_class=name,
            )
        )
    return events


def _traces(
    events: list[Event], rows: Ints, pieces: list[tuple[list[int], Matrix]], judged: Judged, resolution: int
) -> Iterator[Trace]:
    hours, per_hour = judged.rollup.grid, HOUR // resolution
    of_row: dict[int, list[tuple[int, Matrix]]] = {}
    for piece_rows, matrix in pieces:
        for index, row in enumerate(piece_rows):
            of_row.setdefault(row, []).append((index, matrix))
    for event, row in zip(events, rows.tolist(), strict=True):
        context = max(CONTEXT, event.end - event.start)
        view = Window(event.start - context, event.end + context).widen(HOUR).clip(hours.window)
        span, grid = hours.slice(view), Grid.over(view, resolution)
        values = np.full(grid.count, np.nan)
        for index, matrix in of_row[row]:
            both = view.clip(matrix.grid.window)
            values[grid.slice(both)] = matrix.values[index, matrix.grid.slice(both)]

        def steps(hourly: Floats, row: int = row, span: slice = span) -> Floats:
            return np.repeat(hourly[row, span], per_hour)

        usual, limit = (judged.sign * steps(hourly) for hourly in (judged.baseline, judged.threshold))
        weeks = weeks_round(event.window, hours.window)
        hourly = judged.rollup.hours.mean[row, hours.slice(weeks)].astype(np.float32)
        yield Trace(event.id, grid, values, steps(judged.rollup.hours.mean), usual, limit, weeks=weeks, hourly=hourly)


def weeks_round(event: Window, there: Window) -> Window:
    """The six weeks of those that are there in whose middle the event lies, as far as they reach."""
    start = max(there.start, min(event.start - WEEKS // 2, there.end - WEEKS))
    return Window(start, start + WEEKS).widen(HOUR).clip(there)
