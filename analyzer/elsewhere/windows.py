"""ElastAlert's rules on the history: windows of buckets, compared with thresholds or with the window before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analyzer.elsewhere.policy import Aggregated, Spike
from analyzer.elsewhere.raised import Alerts, Raised, no_alerts, there
from analyzer.history import History
from analyzer.kernels.fired import joined, thinned
from analyzer.kernels.spike import sliding, spikes
from analyzer.pipeline import Surveyed
from traffic.errors import UsageFailure
from traffic.model import HOUR, Bools, Floats, Grid, Ints, Metric, Query, Window, floor_to
from traffic.text import length

APART = 1800
"""Notifications of a key less than this many seconds apart count as one alert in hits and false alarms."""
_AT_ONCE = 10_000_000


@dataclass(frozen=True, eq=False)
class _Matched:
    """Matches: shape (matches,)."""

    key: Ints
    end: Ints
    """Of the window that matched."""
    value: Floats
    limit: Floats
    usual: Floats


def judge_windows(policy: Aggregated | Spike, history: History) -> Raised:
    """What the rule raises.

    Raises:
        UsageFailure: its windows do not consist of whole buckets.
    """
    source, surveyed, resolution = history.source, history.surveyed, history.resolution
    every = policy.every if isinstance(policy, Aggregated) else policy.window
    if policy.window % resolution or every % resolution:
        raise UsageFailure(
            f"--policy-of {policy.name}: its windows of {length(policy.window)} are not a multiple of "
            f"{length(resolution)} buckets: run with another --resolution"
        )
    if not policy.by_key and len(surveyed.spans) > 1:
        raise UsageFailure(
            f"--policy-of {policy.name}: it has no query_key and so treats all {len(surveyed.spans):,} series as one: "
            "run with --total, or with --only for one of them"
        )
    # One window before the first; for a spike, as much as it takes until a series is compared.
    context = 2 * policy.window + resolution if isinstance(policy, Spike) else policy.window
    told: list[_Matched] = []
    done = 0
    for block, reach in surveyed.blocks:
        before = Window(floor_to(surveyed.window.start - context, resolution), surveyed.window.end)
        part = before.clip(reach)
        size = max(1, _AT_ONCE * resolution // max(1, part.seconds))
        for begin in range(0, len(block), size):
            keys = block[begin : begin + size]
            if part.seconds:
                matrix = source.series(Query(source.metric, keys, part, resolution))
                rows = np.array([history.place_of[key] for key in keys])
                told.append(_matches(policy, source.metric, matrix.grid, matrix.values, rows))
            done += len(keys)
            history.progress(done, len(surveyed.spans))
    return Raised(
        policy=policy,
        alerts=_alerts(policy, told, surveyed.window, resolution),
        judged=_judged(policy, surveyed),
        looked=np.ones(len(surveyed.spans), dtype=bool),
        why_not="there are not yet two of its windows",
    )


def _judged(policy: Aggregated | Spike, surveyed: Surveyed) -> Bools:
    """The hours in which it can match, shape (keys, hours of the window): for a spike, those with two known windows."""
    inside = there(surveyed)
    if isinstance(policy, Spike):
        ends = Grid.over(surveyed.window, HOUR).times() + HOUR
        starts = np.array([span.start for span in surveyed.spans.values()], dtype=np.int64)
        inside &= ends > starts[:, None] + 2 * policy.window
    return inside


def _matches(policy: Aggregated | Spike, metric: Metric, grid: Grid, values: Floats, rows: Ints) -> _Matched:
    """All matches, before any is silenced."""
    # The engine adds up documents, not rates.
    fields = values / metric.factor(grid.step)
    if metric.adds_up:
        # Where nothing was written, the engine has no bucket to compare.
        fields = np.where(fields == 0, np.nan, fields)
    width = policy.window // grid.step
    ends = grid.times() + grid.step
    if isinstance(policy, Aggregated):
        found = sliding(fields, width, policy.how)
        above = np.zeros(found.shape, dtype=bool) if policy.above is None else found > policy.above
        below = np.zeros(found.shape, dtype=bool) if policy.below is None else found < policy.below
        row, column = np.nonzero((above | below) & (ends % policy.every == 0))
        high, low = (np.nan if one is None else one for one in (policy.above, policy.below))
        limit = np.where(above[row, column], high, low)
        return _Matched(rows[row], ends[column], found[row, column], limit, np.full(len(row), np.nan))
    passed, now, usual = spikes(
        fields, width, policy.how, policy.height, policy.turn, policy.least_before, policy.least_now
    )
    row, column = np.nonzero(passed)
    before = usual[row, column]
    limit = np.where(now[row, column] >= before * policy.height, before * policy.height, before / policy.height)
    return _Matched(rows[row], ends[column], now[row, column], limit, before)


def _alerts(policy: Aggregated | Spike, told: list[_Matched], window: Window, resolution: int) -> Alerts:
    if not told:
        return no_alerts()
    key, end = (np.concatenate(columns) for columns in zip(*((one.key, one.end) for one in told), strict=True))
    value, limit, usual = (
        np.concatenate(columns) for columns in zip(*((one.value, one.limit, one.usual) for one in told), strict=True)
    )
    order = np.lexsort((end, key))
    order = order[end[order] > window.start]
    if isinstance(policy, Spike):
        # After a match, both windows have to fill again.
        order = order[thinned(key[order], end[order], 2 * policy.window + resolution)]
    order = order[thinned(key[order], end[order], policy.realert)]
    key, end, value, limit, usual = (column[order] for column in (key, end, value, limit, usual))
    if not len(key):
        return no_alerts()
    start = end - policy.window
    _, group = joined(key, start, end + APART)
    _, first, told_of = np.unique(group, return_index=True, return_counts=True)
    last = first + told_of - 1
    return Alerts(
        key=key[first],
        start=start[first],
        end=end[last],
        detected=end[first],
        told=told_of.astype(np.int64),
        peak=value[first],
        limit=limit[first],
        usual=usual[first],
        level=("",) * len(first),
    )
