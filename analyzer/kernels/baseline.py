"""From roll-ups to what is normal, and from there to thresholds. The place where a better rule plugs in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analyzer.kernels.grid import by_hour, by_slot
from analyzer.kernels.rollup import lerp

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


def learnable(p95: Floats, count: Floats, per_hour: int, min_share: float) -> Floats:
    """The hourly p95s that may be learned from: NaN where fewer than `min_share` of an hour's buckets are there."""
    result: Floats = np.where(count >= min_share * per_hour, p95, np.nan)
    return result


def other_weeks(hourly: Floats, start: int, percentile: float) -> tuple[Floats, Ints]:
    """The baseline of every hour: the linear percentile of the same slot in all *other* weeks.

    A week never judges itself, so an event of a few hours cannot lift its own baseline.

    Args:
        hourly: shape (keys, hours), what may be learned from; NaN = nothing to learn.
        start: of the first hour, epoch seconds.
        percentile: 0..100.

    Returns:
        baseline, shape (keys, hours), NaN where no other week has that slot; and of how many weeks it was learned.
    """
    hours = hourly.shape[1]
    values = by_slot(hourly, start)
    order = np.argsort(values, axis=-1)
    ordered = np.take_along_axis(values, order, -1)
    # The place of each week in its slot's order, to step over it when the others are counted.
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.broadcast_to(np.arange(order.shape[-1]), order.shape), -1)
    there = ~np.isnan(values)
    others = there.sum(axis=-1, keepdims=True) - there
    position = np.maximum(others - 1, 0) * (percentile / 100.0)
    low = position.astype(np.int64)
    high = np.minimum(low + 1, np.maximum(others - 1, 0))
    last = values.shape[-1] - 1
    a = np.take_along_axis(ordered, np.minimum(low + (low >= place), last), -1)
    b = np.take_along_axis(ordered, np.minimum(high + (high >= place), last), -1)
    baseline = np.where(others > 0, lerp(a, b, position - low), np.nan)
    return by_hour(baseline, start, hours), by_hour(others.astype(np.float64), start, hours).astype(np.int64)


def threshold(baseline: Floats, multiple: float, floor: float) -> Floats:
    """`multiple` times the baseline, never below the floor; NaN stays NaN. A breach lies strictly above it."""
    return np.maximum(baseline * multiple, floor)


def suspects(maximum: Floats, limit: Floats) -> Bools:
    """The hours in which a bucket can breach: a superset for any rule whose threshold is `limit` all hour long."""
    return maximum > limit
