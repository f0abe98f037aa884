"""One block of keys: from its roll-ups to its events. The only place where kernels and sources meet."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analyzer.judging.breaches import Breaches, Piece, above, breaches_of, raised
from analyzer.judging.classes import SEVERITY, Traced, is_suspect, settled
from analyzer.judging.judged import (
    Judged,
    Learning,
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
from analyzer.kernels.breach import Runs
from analyzer.kernels.severity import severity
from analyzer.kernels.ways import WAYS
from analyzer.model import Event, EventClass, NotJudged, Policy, Suppressed, Trace, event_id
from analyzer.reading.cache import CachedSource
from traffic.model import HOUR, WEEK, Bools, Direction, Floats, Grid, Ints, Matrix, Metric, Query, Rollup, Window

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
    parts = [
        _find(source, part, full_scan)
        for part in judged_blocks(rollup, source.metric, spans, looked, resolution, policy, end=end)
    ]
    return Found(
        tuple(event for part in parts for event in part.events),
        tuple(trace for part in parts for trace in part.traces),
        tuple(gap for part in parts for gap in part.not_judged),
        sum(part.judged_hours for part in parts),
        sum(part.suspect_hours for part in parts),
        tuple(some for part in parts for some in part.suppressed),
    )


@dataclass(frozen=True, eq=False)
class JudgedBlock:
    """Keys of a block with one policy, and how their hours are judged: what the policy states comes first."""

    query: Query
    policy: Policy
    alive: Mapping[str, Window]
    """Spans of the keys, up to the end for those whose silence is judged."""
    judged: tuple[Judged, ...]


def judged_blocks(
    rollup: Rollup,
    metric: Metric,
    spans: Mapping[str, Window],
    looked: Window,
    resolution: int,
    policy: Policy,
    *,
    end: int | None = None,
    learned: dict[tuple[str, ...], Learning] | None = None,
) -> Iterator[JudgedBlock]:
    """Judge the hours of a block, the keys of each policy together. Arguments as `find_events`.

    Args:
        learned: by keys, what other policies learned from the same roll-ups; is filled in.
    """
    for own, rows in _by_policy(rollup.keys, policy):
        keys = tuple(rollup.keys[row] for row in rows)
        query = Query(metric, keys, rollup.grid.window, resolution)
        hours = rollup if len(rows) == len(rollup.keys) else _rows(rollup, keys, rows)
        silent = silences(keys, spans, looked, metric, end)
        # A silence up to the end is for falls to judge; where they are not looked for, it is said that nobody did.
        lasting = spans if silent is None else until_the_end(keys, spans, looked, metric, end)
        alive = spans if own.direction == "both" else lasting
        known = None if learned is None else learned.setdefault(keys, Learning())
        judged = (
            inside(one, looked, [(lasting if one.sign < 0 else alive)[key] for key in keys])
            for one in judge(hours, own, resolution, silent, known)
        )
        yield JudgedBlock(query, own, alive, tuple(judged))


def _by_policy(keys: tuple[str, ...], policy: Policy) -> list[tuple[Policy, list[int]]]:
    found: dict[Policy, list[int]] = {}
    for row, key in enumerate(keys):
        found.setdefault(policy.of(key), []).append(row)
    return list(found.items())


def _rows(rollup: Rollup, keys: tuple[str, ...], rows: list[int]) -> Rollup:
    return Rollup(keys, rollup.grid, rollup.hours.each(lambda array: array[rows]))


def _find(source: CachedSource, part: JudgedBlock, full_scan: bool) -> Found:
    """The events of keys with one policy."""
    query, judged, policy = part.query, part.judged, part.policy
    hot = suspect_hours(part)
    pieces = read_days(source, query, np.ones_like(hot) if full_scan else hot)
    raised = [event for one in judged for event in _traced(one, pieces, query, policy)]
    kept = settled(raised, policy)
    stated, events = judged[0], [one.event for one in kept]
    return Found(
        tuple(events),
        tuple(one.trace for one in kept),
        tuple(not_judged(stated, query.keys, part.alive, policy)),
        int((~np.isnan(stated.threshold)).sum()),
        int(hot.sum()),
        tuple(suppressed(without_events(stated, events, query.keys), query.keys, policy)),
    )


def suspect_hours(part: JudgedBlock) -> Bools:
    """The hours in which a bucket can breach, shape (keys, hours)."""
    resolution = part.query.resolution
    found: Bools = np.logical_or.reduce([suspects(highest(one, resolution), one.threshold) for one in part.judged])
    return found


def read_days(source: CachedSource, query: Query, hot: Bools) -> list[Piece]:
    """The buckets of the days that hold one of the hours `hot`, of the keys that have them."""
    days = suspect_days(hot, query.window.start)
    matrices = source.series_many(
        [replace(query, keys=tuple(query.keys[row] for row in rows), window=day) for day, rows in days]
    )
    return [(rows, matrix) for (_, rows), matrix in zip(days, matrices, strict=True)]


def _traced(judged: Judged, pieces: Sequence[Piece], query: Query, policy: Policy) -> Iterator[Traced]:
    """What passes the limits of one judgement, with its surroundings."""
    breaches = breaches_of(above(pieces, judged, query.resolution, judged.threshold), judged)
    found = raised(breaches, policy, query.resolution)
    events = _events(figures(found, breaches, query, judged), query, judged)
    traces = _traces(events, breaches.row[found.first], pieces, judged, query.resolution)
    by_policy = judged.raises == "policy"
    return (Traced(event, trace, by_policy) for event, trace in zip(events, traces, strict=True))


@dataclass(frozen=True, eq=False)
class Figures:
    """Events of a block as arrays of shape (events,), in order of key, then time."""

    classes: list[EventClass]
    columns: Mapping[str, Floats | Ints | Bools]
    """Fields of `Event`, and `row`, `way` and `low`."""


def figures(found: Runs, breaches: Breaches, query: Query, judged: Judged) -> Figures:
    """What is to be said of events."""
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
        "low": judged.filled[breaches.row[peak], breaches.hour[peak]],
    }
    return Figures(classes, columns)


def _events(said: Figures, query: Query, judged: Judged) -> list[Event]:
    direction: Direction = "above" if judged.sign > 0 else "below"
    rows = zip(*(column.tolist() for column in said.columns.values()), strict=True)
    events = []
    for name, values in zip(said.classes, rows, strict=True):
        of_event = dict(zip(said.columns, values, strict=True))
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
    events: list[Event], rows: Ints, pieces: Sequence[Piece], judged: Judged, resolution: int
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
