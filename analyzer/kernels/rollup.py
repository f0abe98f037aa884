"""Buckets to hours: a reshape and a sort."""

from __future__ import annotations

import numpy as np

from traffic.model import HOUR_FIELDS, Floats, Hours, Ints, second_percent

FEW = 9
"""Values up to which a median by comparing whole arrays is quicker than by sorting rows."""
# Rows of this many bytes are sorted together: small enough to stay in a core's cache between the passes over them.
_CHUNK_BYTES = 4 << 20


def percentile_of_sorted(ordered: Floats, count: Ints, q: float) -> Floats:
    """The linear percentile `q` (0..100) of each row, as `numpy.percentile` defines it (Hyndman and Fan, type 7).

    Args:
        ordered: shape (..., n), ascending along the last axis with NaN at the end.
        count: shape (...), how many values of each row are there.
        q: percent.

    Returns:
        Shape (...); NaN where `count` is 0.
    """
    if ordered.shape[-1] == 0:
        return np.full(ordered.shape[:-1], np.nan)
    position = np.maximum(count - 1, 0) * (q / 100.0)
    low = position.astype(np.int64)
    high = np.minimum(low + 1, np.maximum(count - 1, 0))
    a = np.take_along_axis(ordered, low[..., None], -1)[..., 0]
    b = np.take_along_axis(ordered, high[..., None], -1)[..., 0]
    return lerp(a, b, position - low)


def there_of_sorted(ordered: Floats) -> Ints:
    """Number of values in each row, with NaN at the end; counted only in the few rows where one is missing."""
    there: Ints = np.full(ordered.shape[:-1], ordered.shape[-1], dtype=np.int64)
    if ordered.shape[-1]:
        gaps = np.isnan(ordered[..., -1])
        there[gaps] -= np.isnan(ordered[gaps]).sum(axis=-1)
    return there


def low_median(values: Floats) -> tuple[Floats, Ints]:
    """The lower middle value along the last axis, NaN where there is none; and the number of values.

    A value that occurs, not one between two: it commutes with every monotone function, so that the median of ratios is
    the ratio of nobody in between.
    """
    if values.shape[-1] <= FEW:
        low, _, there = middles(values)
        return low, there
    ordered = np.sort(values, axis=-1)
    there = there_of_sorted(ordered)
    middle = np.take_along_axis(ordered, np.maximum((there - 1) // 2, 0)[..., None], -1)[..., 0]
    return middle, there


def middles(values: Floats) -> tuple[Floats, Floats, Ints]:
    """The lower and the upper middle value along a short last axis, and the number of values.

    Sorted by odd-even transposition, a comparison of whole arrays at a time: quicker than many sorts of a few values.
    """
    planes = [values[..., index] for index in range(values.shape[-1])]
    there: Ints = np.full(values.shape[:-1], len(planes), dtype=np.int64)
    for plane in planes:
        there -= np.isnan(plane)
    whole = bool((there == len(planes)).all())
    # NaN goes to the end, where sorting puts it; where there is none, numpy has a quicker way to the lower of two.
    lower = np.minimum if whole else np.fmin
    for turn in range(len(planes)):
        for index in range(turn % 2, len(planes) - 1, 2):
            a, b = planes[index : index + 2]
            planes[index : index + 2] = lower(a, b), np.maximum(a, b)
    if whole:
        return planes[(len(planes) - 1) // 2], planes[len(planes) // 2], there
    low = high = planes[0]
    for index in range(1, len(planes)):
        low = np.where(there > 2 * index, planes[index], low)
        high = np.where(there >= 2 * index, planes[index], high)
    return low, high, there


def percentile(values: Floats, q: float) -> Floats:
    """The linear percentile `q` of the values along the last axis; NaN where there are none."""
    ordered = np.sort(values, axis=-1)
    return percentile_of_sorted(ordered, there_of_sorted(ordered), q)


def lerp(a: Floats, b: Floats, t: Floats | float) -> Floats:
    """Between `a` (t = 0) and `b` (t = 1), rounded as numpy's percentile rounds it, so that both agree to the bit."""
    step = b - a
    result: Floats = np.where(np.asarray(t) >= 0.5, b - step * (1 - t), a + step * t)
    return result


def roll_up(values: Floats, per_hour: int, high: float = 95.0) -> Hours:
    """Roll buckets up into hours; percentiles are linear.

    Args:
        values: shape (keys, hours x per_hour), NaN = missing; the first bucket starts an hour.
        per_hour: buckets in an hour.
        high: which percentile `Hours.high` is.
    """
    keys, buckets = values.shape
    hours = buckets // per_hour
    results = Hours.of(np.empty((keys, hours)) for _ in HOUR_FIELDS)
    rows = max(1, _CHUNK_BYTES // max(1, 8 * buckets))
    for first in range(0, keys, rows):
        part = values[first : first + rows].reshape(-1, hours, per_hour)
        for result, rolled in zip(results, _roll_up_chunk(part, high), strict=True):
            result[first : first + rows] = rolled
    return results


def _roll_up_chunk(hours: Floats, high: float) -> Hours:
    """The same for shape (keys, hours, buckets of an hour)."""
    ordered = np.sort(hours, axis=-1)
    per_hour = ordered.shape[-1]
    # A sorted hour that does not end in NaN has none: the usual case needs no counting and no gather.
    gaps = np.isnan(ordered[..., -1])
    some = ordered[gaps]
    there = per_hour - np.isnan(some).sum(axis=-1)

    def with_gaps(whole: Floats, own: Floats | Ints) -> Floats:
        if not len(some):
            return whole
        result = np.array(whole)
        result[gaps] = own
        return result

    def percentile(q: float) -> Floats:
        position = (per_hour - 1) * (q / 100.0)
        low = int(position)
        whole = lerp(ordered[..., low], ordered[..., min(low + 1, per_hour - 1)], position - low)
        return with_gaps(whole, percentile_of_sorted(some, there, q))

    count = with_gaps(np.full(ordered.shape[:-1], float(per_hour)), there)
    last = np.take_along_axis(some, np.maximum(there - 1, 0)[..., None], -1)[..., 0]
    if len(some):
        total = with_gaps(ordered.sum(axis=-1), np.nansum(some, axis=-1))
        mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    else:
        # einsum adds up a short last axis three times as fast as sum does.
        mean = np.einsum("khb->kh", ordered) / per_hour
    second = percentile_of_sorted(some, there, second_percent(per_hour))
    return Hours(
        high=percentile(high),
        maximum=with_gaps(ordered[..., -1], last),
        minimum=ordered[..., 0],
        mean=mean,
        count=count,
        second=with_gaps(ordered[..., max(0, per_hour - 2)], second),
        p50=percentile(50.0),
        p20=percentile(20.0),
    )
