"""Threshold policies on the history: those of Kentik with baseline, levels and activation, and static ones.

Only the schema of the engine is known (`analyzer.elsewhere.kentik`); what it leaves open is decided here and listed in
docs/policies.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from analyzer.elsewhere.kentik import LOUDNESS
from analyzer.elsewhere.policy import Condition, KeptBaseline, Level, OfBaseline, Percentage, Thresholds
from analyzer.elsewhere.raised import Alerts, Raised, highest, no_alerts, there, walk
from analyzer.history import History
from analyzer.judging.detect import read_days
from analyzer.kernels.fired import fired, joined, looked_at
from analyzer.kernels.rollup import percentile
from analyzer.kernels.stored import stored
from traffic.errors import UsageFailure
from traffic.model import DAY, FIRST_MONDAY, HOUR, WEEK, Bools, Floats, Grid, Ints, Query
from traffic.text import length

_SATURDAY = 5 * DAY


@dataclass(frozen=True, eq=False)
class Bounds:
    """The condition of a level in each hour: a value between two limits, both exclusive. Shapes (keys, hours)."""

    lower: Floats
    """NaN where the level is not judged."""
    upper: Floats


@dataclass(eq=False)
class _Matches:
    """Evaluations that meet a level, as they are found."""

    key: list[Ints] = field(default_factory=list)
    time: list[Ints] = field(default_factory=list)
    value: list[Floats] = field(default_factory=list)


def bounds(
    level: Level, usual: Floats, unknown: Bools, percentage: Percentage, lowest: Floats, highest_of: Floats
) -> Bounds:
    """The limits of a level.

    Args:
        usual: the baseline, shape (keys, hours); NaN where there is none.
        unknown: where there is none because history does not reach back that far: no fallback applies there.
        percentage: whether a percentage is added to the baseline or taken of it.
        lowest, highest_of: the lowest and the highest baseline over all series, shape (hours,).
    """
    lower, upper = np.full(usual.shape, -np.inf), np.full(usual.shape, np.inf)
    for one in level.conditions:
        low, high = _limits(one, usual, unknown, percentage, lowest, highest_of)
        lower, upper = np.maximum(lower, low), np.minimum(upper, high)
    return Bounds(lower, upper)


def _limits(
    one: Condition, usual: Floats, unknown: Bools, percentage: Percentage, lowest: Floats, highest_of: Floats
) -> tuple[Floats, Floats]:
    none, every = np.full(usual.shape, -np.inf), np.full(usual.shape, np.inf)
    if not isinstance(one, OfBaseline):
        limit = np.full(usual.shape, one.value)
        if one.operator in (">=", "<="):
            limit = np.nextafter(limit, -np.inf if one.operator == ">=" else np.inf)
        return (limit, every) if one.operator[0] == ">" else (none, limit)
    missing = np.isnan(usual)
    stand_in = {"lowest": lowest, "highest": highest_of, "value": np.full(usual.shape[1], one.value)}
    base = np.where(missing, stand_in[one.fallback], usual) if one.fallback in stand_in else usual
    sign = 1.0 if one.above else -1.0
    if not one.percent:
        limit = base + sign * one.amount
    elif percentage == "over":
        limit = base * (1 + sign * one.amount / 100)
    else:
        limit = base * (one.amount / 100)
    never = np.inf if one.above else -np.inf
    if one.fallback == "trigger":
        limit = np.where(missing, -never, limit)
    elif one.fallback == "skip":
        limit = np.where(missing, never, limit)
    limit = np.where(unknown, np.nan, limit)
    # A level is not judged where one of its conditions is not, whichever direction that condition looks in.
    return (limit, every) if one.above else (np.where(np.isnan(limit), np.nan, -np.inf), limit)


def judge_levels(policy: Thresholds, history: History) -> Raised:
    """What the policy raises.

    Raises:
        UsageFailure: its evaluations cannot be computed from the buckets of the run.
    """
    surveyed = history.surveyed
    step = _step(policy, history.resolution)
    rows = len(surveyed.spans)
    window = surveyed.window
    hours = Grid.over(window, HOUR)
    usual = np.full((rows, hours.count), np.nan)
    unknown = np.zeros((rows, hours.count), dtype=bool)
    if policy.needs_baseline and policy.kept is not None:
        usual = _baseline(policy.kept, history, step)
        length_, offset, _ = policy.kept.hours
        begin = max(surveyed.learned.start, surveyed.presence.begin or surveyed.learned.start)
        unknown = np.isnan(usual) & (hours.times() < begin + (length_ + offset) * HOUR)
    with_some = ~np.isnan(usual).all(axis=0)
    lowest, most = np.full(hours.count, np.nan), np.full(hours.count, np.nan)
    if with_some.any():
        lowest[with_some], most[with_some] = (f(usual[:, with_some], axis=0) for f in (np.nanmin, np.nanmax))
    asked = [bounds(level, usual, unknown, policy.percentage, lowest, most) for level in policy.levels]
    inside = there(surveyed)
    judged = inside & np.logical_or.reduce([~np.isnan(one.lower) & ~np.isnan(one.upper) for one in asked])
    matches = [_Matches() for _ in asked]
    ranked = policy.looks_at is not None and policy.looks_at < rows
    looked = np.zeros(rows, dtype=bool)
    if ranked:
        for grid, values in walk(history, step, window):
            chosen = looked_at(values, policy.looks_at or rows)
            looked |= chosen.any(axis=1)
            _collect(matches, asked, np.arange(rows), grid, np.where(chosen, values, np.nan), hours)
            history.progress(grid.window.end - window.start, window.seconds)
    else:
        looked[:] = True
        _where_it_can_be(matches, asked, history, step)
    return Raised(
        policy=policy,
        alerts=_alerts(policy, asked, matches, usual, step, hours),
        judged=judged,
        looked=looked,
        why_not="history is too short for its baseline",
        baseline=usual if policy.needs_baseline else None,
    )


def _step(policy: Thresholds, resolution: int) -> int:
    step = max(policy.frequency, resolution)
    if HOUR % step or step % resolution:
        raise UsageFailure(
            f"--policy-of {policy.name}: it is evaluated every {length(policy.frequency)}, which is not a multiple of "
            f"{length(resolution)} buckets within an hour: run with another --resolution"
        )
    return step


def _baseline(kept: KeptBaseline, history: History, step: int) -> Floats:
    """The baseline of each hour of the window, shape (keys, hours)."""
    source, surveyed = history.source, history.surveyed
    grid = Grid.over(surveyed.learned.hull(surveyed.window), HOUR)
    rows = len(surveyed.spans)
    rolled = np.full((rows, grid.count), np.nan)
    if kept.keys < rows:
        for part, values in walk(history, step, grid.window):
            stays = np.where(looked_at(values, kept.keys), values, np.nan)
            by_hour = stays.reshape(rows, -1, HOUR // step)
            rolled[:, grid.slice(part.window)] = percentile(by_hour, kept.rollup)
    else:
        for block, reach in surveyed.blocks:
            between = 0 < kept.rollup < 100
            query = Query(source.metric, block, reach, step, kept.rollup if between else 95.0)
            rollup = source.rollup(query)
            of = rollup.hours.high if between else rollup.hours.minimum if kept.rollup == 0 else rollup.hours.maximum
            rolled[[history.place_of[key] for key in block], grid.slice(rollup.grid.window)] = of
    weekend = (grid.times() - FIRST_MONDAY) % WEEK >= _SATURDAY
    length_, offset, radius = kept.hours
    found = stored(rolled, weekend, kept.compared, length_, offset, kept.final, radius, kept.near)
    return found[:, grid.slice(surveyed.window)]


def _where_it_can_be(matches: list[_Matches], asked: list[Bounds], history: History, step: int) -> None:
    """Collect matches from the days in which an hour's maximum and minimum allow one; no other days are read."""
    source, surveyed = history.source, history.surveyed
    hours = Grid.over(surveyed.window, HOUR)
    for whole in (replace(query, resolution=step) for query in history.queries()):
        part = surveyed.window.clip(whole.window)
        rows = np.array([history.place_of[key] for key in whole.keys])
        if part.seconds:
            rollup = source.rollup(whole)
            there_ = rollup.grid.slice(part)
            high, low = rollup.hours.maximum[:, there_], rollup.hours.minimum[:, there_]
            at = hours.slice(part)
            hot = np.logical_or.reduce([(high > one.lower[rows, at]) & (low < one.upper[rows, at]) for one in asked])
            for places, matrix in read_days(source, replace(whole, window=part), hot):
                _collect(matches, asked, rows[places], matrix.grid, matrix.values, hours)


def _collect(matches: list[_Matches], asked: list[Bounds], rows: Ints, grid: Grid, values: Floats, hours: Grid) -> None:
    times = grid.times()
    hour = (times - hours.start) // HOUR
    for found, one in zip(matches, asked, strict=True):
        lower, upper = (limit[np.ix_(rows, hour)] for limit in (one.lower, one.upper))
        row, column = np.nonzero((values > lower) & (values < upper))
        found.key.append(rows[row])
        found.time.append(times[column])
        found.value.append(values[row, column])


def _alerts(
    policy: Thresholds, asked: list[Bounds], matches: list[_Matches], usual: Floats, step: int, hours: Grid
) -> Alerts:
    """The alerts of all levels: an alert that moves from level to level is one."""
    parts = list(_of_levels(policy, asked, matches, usual, step, hours))
    if not parts:
        return no_alerts()
    columns = [np.concatenate([part[place] for part in parts]) for place in range(9)]
    key, start, end, reset, detected, loud, peak, limit, base = columns
    order, group = joined(key, start, reset)
    key, start, end, detected, loud, peak, limit, base = (
        column[order] for column in (key, start, end, detected, loud, peak, limit, base)
    )
    if not len(group):
        return no_alerts()
    _, first = np.unique(group, return_index=True)
    # Its figures are those of its most severe level.
    best = first + np.array([int(np.argmax(part)) for part in np.split(loud, first[1:])])
    names = ("", *LOUDNESS)
    return Alerts(
        key=key[first],
        start=start[first],
        end=highest(group, end),
        detected=-highest(group, -detected),
        told=np.ones(len(first), dtype=np.int64),
        peak=peak[best],
        limit=limit[best],
        usual=base[best],
        level=tuple(names[int(place)] for place in loud[best]),
    )


def _of_levels(
    policy: Thresholds, asked: list[Bounds], matches: list[_Matches], usual: Floats, step: int, hours: Grid
) -> Iterator[tuple[np.ndarray, ...]]:
    for level, one, found in zip(policy.levels, asked, matches, strict=True):
        if not found.key:
            continue
        key, time, value = np.concatenate(found.key), np.concatenate(found.time), np.concatenate(found.value)
        order = np.lexsort((time, key))
        key, time, value = key[order], time[order], value[order]
        active = level.activation
        runs = fired(key, time, step, active.matches, max(active.within, step), active.quiet)
        hour = (time - hours.start) // HOUR
        lower, upper, base = (array[key, hour] for array in (one.lower, one.upper, usual))
        falls = np.isinf(lower) & ~np.isinf(upper)
        limit = np.where(falls, upper, lower)
        far = np.where(falls, -value, value)
        tops = np.array(
            [begin + int(np.argmax(far[begin : end + 1])) for begin, end in zip(runs.first, runs.last, strict=True)],
            dtype=np.int64,
        )
        last = time[runs.last] + step
        loud = np.full(len(runs.first), LOUDNESS.index(level.severity) + 1 if level.severity else 0)
        yield (
            *(key[runs.first], time[runs.first], last, last + max(1, active.quiet), time[runs.met] + step, loud),
            *(value[tops], limit[tops], base[tops]),
        )
