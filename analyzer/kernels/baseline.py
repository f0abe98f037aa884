"""From roll-ups to what is normal, and from there to thresholds: the plain rule. `limits` puts the others on top."""

from __future__ import annotations

import numpy as np

from analyzer.kernels.grid import Weeks
from analyzer.kernels.rollup import lerp, percentile_of_sorted
from traffic.model import Bools, Floats, Ints


def learnable(p95: Floats, count: Floats, per_hour: int, min_share: float) -> Floats:
    """The hourly p95s that may be learned from: NaN where fewer than `min_share` of an hour's buckets are there."""
    result: Floats = np.where(count >= min_share * per_hour, p95, np.nan)
    return result


def other_weeks(hourly: Floats, weeks: Weeks, percentile: float) -> tuple[Floats, Ints]:
    """The baseline of every hour: the linear percentile of the same slot in all *other* weeks.

    A week never judges itself, so an event of a few hours cannot lift its own baseline.

    Args:
        hourly: shape (keys, hours), what may be learned from; NaN = nothing to learn.
        weeks: where these hours stand.
        percentile: 0..100.

    Returns:
        baseline, shape (keys, hours), NaN where no other week has that slot; and of how many weeks it was learned.
    """
    values = weeks.by_week(hourly)
    keys, count, slots = values.shape
    # One more week, never there: stepping over a value may look one beyond the last.
    ordered = np.full((keys, count + 1, slots), np.nan)
    ordered[:, :-1] = np.sort(values, axis=1)
    there = ~np.isnan(values)
    others = there.sum(axis=1, keepdims=True) - there
    position = np.maximum(others - 1, 0) * (percentile / 100.0)
    low = position.astype(np.int64)
    high = np.minimum(low + 1, np.maximum(others - 1, 0))
    baseline = lerp(_without(values, ordered, low), _without(values, ordered, high), position - low)
    baseline[others == 0] = np.nan
    return weeks.by_hour(baseline), weeks.by_hour(others)


def _without(own: Floats, ordered: Floats, index: Ints) -> Floats:
    """The value at `index`, counted along the weeks of `ordered`, after each `own` was taken out of its slot.

    Where the value there is not below `own`, `own` stood at or before it (equals may stand for each other), and all has
    moved down by one. A missing `own` was never in it.
    """
    here = np.take_along_axis(ordered, index, 1)
    return np.where(own <= here, np.take_along_axis(ordered, index + 1, 1), here)


def weeks_before(hourly: Floats, weeks: Weeks, percentile: float, lookback: int) -> tuple[Floats, Ints]:
    """The baseline a live alert would have had: the percentile of the same slot in up to `lookback` weeks before."""
    values = weeks.by_week(hourly)
    baseline, learned = np.full(values.shape, np.nan), np.zeros(values.shape, dtype=np.int64)
    for week in range(1, values.shape[1]):
        ordered = np.sort(values[:, max(0, week - lookback) : week], axis=1).transpose(0, 2, 1)
        learned[:, week] = ordered.shape[-1] - np.isnan(ordered).sum(axis=-1)
        baseline[:, week] = percentile_of_sorted(ordered, learned[:, week], percentile)
    return weeks.by_hour(baseline), weeks.by_hour(learned)


def every_week(hourly: Floats, weeks: Weeks, percentile: float) -> tuple[Floats, Ints]:
    """The percentile of the same slot in all weeks, the judged one too: it lifts its own baseline. For comparison."""
    ordered = np.sort(weeks.by_week(hourly), axis=1).transpose(0, 2, 1)
    there = ordered.shape[-1] - np.isnan(ordered).sum(axis=-1)
    return percentile_of_sorted(ordered, there, percentile)[:, weeks.slot], there[:, weeks.slot]


def threshold(baseline: Floats, multiple: float, floor: float) -> Floats:
    """`multiple` times the baseline, never below the floor; NaN stays NaN. A breach lies strictly above it."""
    return np.maximum(baseline * multiple, floor)


def suspects(maximum: Floats, limit: Floats) -> Bools:
    """The hours in which a bucket can breach: a superset for any rule whose threshold is `limit` all hour long."""
    return maximum > limit
