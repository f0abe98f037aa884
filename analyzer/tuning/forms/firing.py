"""Alerts as Prometheus fires them: an engine with one limit per hour that counts the buckets above it.

Its rules know neither the future nor a calendar. A limit is learned from the same hour of earlier weeks, and an alert
lasts as long as its condition holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analyzer.history import History, week_of
from analyzer.judging.breaches import passing
from analyzer.judging.detect import read_days
from analyzer.judging.judged import settings_of
from analyzer.kernels import baseline as plain
from analyzer.kernels.baseline import suspects
from analyzer.kernels.grid import utc
from analyzer.model import NotJudged, Policy
from analyzer.pipeline import Surveyed
from analyzer.reading.cache import CachedSource
from analyzer.tuning.swept import Swept
from traffic.errors import UsageFailure
from traffic.model import HOUR, Bools, Floats, Grid, Ints, Query, Rollup


def check_rises(policy: Policy) -> None:
    """Check that a policy looks for rises, the only thing that other engines can be told.

    Raises:
        UsageFailure: it does not.
    """
    if policy.direction == "below":
        raise UsageFailure("rules: falls cannot be exported, only rises: set direction to above or both")


def live(policy: Policy) -> Policy:
    """The part of a policy that rules can express: earlier weeks, UTC, the same for all keys, rises only."""
    return replace(
        policy,
        baseline="trailing",
        rules=(),
        timezone="UTC",
        calendar=(),
        of_keys=(),
        direction="above",
        classes=("policy",),
    )


def live_limits(rollup: Rollup, policy: Policy, resolution: int) -> Floats:
    """The threshold of each hour, shape (keys, hours), NaN where too few weeks are known.

    An hour with less than `min_share` of its buckets is not learned from, but judged: while it lasts, nobody knows yet.
    """
    hours, settings = rollup.hours, settings_of(policy, resolution)
    learned = plain.learnable(hours.high, hours.count, HOUR // resolution, policy.min_share)
    weeks = utc(rollup.grid.start, rollup.grid.count)
    usual, known = plain.weeks_before(learned, weeks, settings.percentile, policy.lookback)
    return np.where(known >= min(policy.min_weeks, policy.lookback), settings.threshold(usual), np.nan)


def stretches(row: Ints, time: Ints, needed: int, within: int) -> tuple[Ints, Ints, Ints]:
    """When an alert fires that needs `needed` buckets starting within `within` seconds.

    Args:
        row, time: of the buckets above the limit, in order of key, then time.

    Returns:
        For each stretch without a gap the place of the bucket with which it begins among these, the start of that
        bucket, and the time from which on it is over.
    """
    first, last = np.arange(max(0, len(time) - needed + 1)), np.arange(needed - 1, max(needed - 1, len(time)))
    met = (row[first] == row[last]) & (time[last] - time[first] < within)
    place, begins, ends = last[met], time[last[met]], time[first[met]] + within
    if not len(place):
        return place, begins, ends
    goes_on = (row[place[1:]] == row[place[:-1]]) & (begins[1:] <= ends[:-1])
    opening = np.append(True, ~goes_on)
    # Both increase from bucket to bucket, so the last bucket of a stretch ends it.
    return place[opening], begins[opening], ends[np.append(np.flatnonzero(opening)[1:] - 1, len(ends) - 1)]


def fired(history: History, policies: Sequence[Policy], labelled: frozenset[str]) -> list[Swept]:
    """What the rules of each policy raise, in the order of `policies`: each stretch of firing is an alert.

    Args:
        labelled: keys for which the time that was not judged is listed.
    """
    source, surveyed, resolution = history.source, history.surveyed, history.resolution
    found = [Swept.blank(surveyed.window) for _ in policies]
    said = [live(policy) for policy in policies]
    for query in history.queries():
        rollups = {
            percent: source.rollup(replace(query, percent=percent))
            for percent in {policy.rollup_percentile for policy in said}
        }
        looked = looked_at(surveyed, query)
        limits = [
            np.where(looked, live_limits(rollups[policy.rollup_percentile], policy, resolution), np.nan)
            for policy in said
        ]
        alerts = raise_all(source, query, rollups[said[0].rollup_percentile], list(zip(said, limits, strict=True)))
        places = np.array([history.place_of[key] for key in query.keys], dtype=np.int64)
        week = week_of(Grid.over(query.window, HOUR).times(), surveyed.window)
        for swept, limit, raised in zip(found, limits, alerts, strict=True):
            known = ~np.isnan(limit)
            swept.count(places, known, week)
            swept.gaps += _gaps(query.keys, looked & ~known, query.window.start, labelled)
            swept.add(places[raised.row], raised.start, raised.end, raised.start + resolution, rises=True)
    return found


@dataclass(frozen=True, eq=False)
class Fired:
    """Alerts of a block, in order of key, then time: arrays of shape (alerts,)."""

    row: Ints
    start: Ints
    """Start of the bucket with which it begins to fire."""
    end: Ints


def raise_all(
    source: CachedSource, query: Query, rollup: Rollup, asked: Sequence[tuple[Policy, Floats]]
) -> list[Fired]:
    """What each policy raises with its limits, shape (keys, hours); the buckets are read once for all of them."""
    lowest = np.fmin.reduce([limit for _, limit in asked])
    pieces = read_days(source, query, suspects(rollup.hours.maximum, lowest))
    buckets = [(rows, matrix.grid, matrix.values) for rows, matrix in pieces]
    candidates = passing(buckets, rollup.grid, query.resolution, lowest)
    found = []
    for policy, limit in asked:
        over = candidates.value > limit[candidates.row, candidates.hour]
        row, time = candidates.row[over], candidates.time[over]
        # Buckets start at whole steps, so an alert cannot last for a fraction of one.
        within = -(-policy.within // query.resolution) * query.resolution
        place, start, end = stretches(row, time, policy.needed(query.resolution), within)
        found.append(Fired(row[place], start, end))
    return found


def looked_at(surveyed: Surveyed, query: Query) -> Bools:
    """The hours in which alerts count, shape (keys, hours): those of the judged window in which a key has data."""
    grid = Grid.over(query.window, HOUR)
    found = np.zeros((len(query.keys), grid.count), dtype=bool)
    for row, key in enumerate(query.keys):
        found[row, grid.slice(surveyed.spans[key].widen(HOUR).clip(surveyed.window))] = True
    return found


def _gaps(keys: tuple[str, ...], unknown: Bools, start: int, labelled: frozenset[str]) -> Iterator[NotJudged]:
    """The time without a limit, of keys with labels."""
    for row in (row for row, key in enumerate(keys) if key in labelled):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], unknown[row], [False]]).astype(np.int8)))
        for first, last in edges.reshape(-1, 2).tolist():
            yield NotJudged(keys[row], start + first * HOUR, start + last * HOUR, "too few weeks before")
