"""From roll-ups to a baseline and to thresholds: the plain rule. `limits` adds the other rules."""

from __future__ import annotations

import numpy as np

from analyzer.kernels.grid import Weeks
from analyzer.kernels.rollup import lerp, percentile, percentile_of_sorted
from traffic.model import Bools, Floats, Ints

DISAGREE = 3.0
LEAST_DAYS = 2
"""Other days without which there is no baseline of them."""
LEAST_WEEKS = 4
"""Other weeks without which the two lowest are no better than the median."""


def learnable(p95: Floats, count: Floats, per_hour: int, min_share: float) -> Floats:
    """The hourly p95s to learn from: NaN where less than `min_share` of an hour's buckets exist."""
    result: Floats = np.where(count >= min_share * per_hour, p95, np.nan)
    return result


def widened(hourly: Floats, weeks: Weeks, hours: int, percent: float) -> Floats:
    """Roll-ups of roll-ups: each hour gets the percentile of the `hours` hours of its day that are rolled up with it.

    Hours are grouped from midnight in the key's time zone; missing hours stay missing.

    Args:
        hourly: what may be learned from, shape (keys, hours).
        hours: a divisor of 24.
        percent: 0..100, linear.
    """
    cube = weeks.by_week(hourly)
    together = percentile(cube.reshape(len(cube), weeks.count, weeks.slots // hours, hours), percent)
    result: Floats = np.where(np.isnan(hourly), np.nan, weeks.by_hour(np.repeat(together, hours, axis=-1)))
    return result


def other_weeks(hourly: Floats, weeks: Weeks, percentile: float) -> tuple[Floats, Ints]:
    """The baseline of every hour: the linear percentile of the same slot in all *other* weeks.

    A week is never compared with itself, so an event cannot raise its own baseline.

    Args:
        hourly: values to learn from, shape (keys, hours); NaN = none.
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


def agreeing(hourly: Floats, weeks: Weeks, baseline: Floats) -> Floats:
    """The second lowest of the other weeks, if the baseline is more than `DISAGREE` times as high; else the baseline.

    Most of the other weeks then contain something that two do not, such as an attack at the same hour every week.

    Args:
        hourly: what the baseline was learned from, shape (keys, hours).
        baseline: as `other_weeks` gives it.
    """
    values = weeks.by_week(hourly)
    if values.shape[1] < LEAST_WEEKS:
        return baseline
    there = ~np.isnan(values)
    others = there.sum(axis=1, keepdims=True) - there
    lowest = np.sort(values, axis=1)[:, 1:3]
    # Where the own value is one of the two lowest, the second lowest of the others is the third.
    second = np.where(there & (values <= lowest[:, :1]), lowest[:, 1:], lowest[:, :1])
    low = weeks.by_hour(np.where(others >= LEAST_WEEKS, second, np.nan))
    result: Floats = np.where(baseline > DISAGREE * low, low, baseline)
    return result


def other_days(hourly: Floats, weeks: Weeks) -> tuple[Floats, Ints]:
    """The median of the same hour on other days of the same kind (working days or weekends), and their number.

    For keys without other weeks yet. A weekend with fewer than `LEAST_DAYS` others is compared with all days:
    few keys are busier at weekends by much. Hours that share a cell are too few to matter: the later one counts.
    """
    values = weeks.by_week(hourly).reshape(len(hourly), weeks.count, 7, 24)
    working, weekend, all_days = (_days(values[:, :, days]) for days in (slice(0, 5), slice(5, 7), slice(0, 7)))
    lone = weekend[1] < LEAST_DAYS
    pairs = zip(
        working, (np.where(lone, all_[:, :, 5:], own) for own, all_ in zip(weekend, all_days, strict=True)), strict=True
    )
    baseline, learned = (np.concatenate(pair, axis=2) for pair in pairs)
    cells = (len(hourly), weeks.count, weeks.slots)
    return weeks.by_hour(baseline.reshape(cells)), weeks.by_hour(learned.reshape(cells))


def _days(values: Floats) -> tuple[Floats, Ints]:
    """The low median of the other days at the same hour, and how many they are: shape (keys, weeks, days, 24)."""
    part = values.reshape(len(values), -1, 24)
    ordered = np.concatenate([np.sort(part, axis=1), np.full((len(part), 1, 24), np.nan)], axis=1)
    there = ~np.isnan(part)
    others = there.sum(axis=1, keepdims=True) - there
    middle = _without(part, ordered, np.maximum(others - 1, 0) // 2)
    return np.where(others > 0, middle, np.nan).reshape(values.shape), others.reshape(values.shape)


def _without(own: Floats, ordered: Floats, index: Ints) -> Floats:
    """The value at `index`, counted along the weeks of `ordered`, after each `own` was taken out of its slot.

    Where the value there is not below `own`, `own` stood at or before it (equals may stand for each other), and all has
    moved down by one. A missing `own` was never in it.
    """
    here = np.take_along_axis(ordered, index, 1)
    return np.where(own <= here, np.take_along_axis(ordered, index + 1, 1), here)


def weeks_before(hourly: Floats, weeks: Weeks, percentile: float, lookback: int) -> tuple[Floats, Ints]:
    """The baseline of a live alert: the percentile of the same slot in up to `lookback` earlier weeks."""
    values = weeks.by_week(hourly)
    baseline, learned = np.full(values.shape, np.nan), np.zeros(values.shape, dtype=np.int64)
    for week in range(1, values.shape[1]):
        ordered = np.sort(values[:, max(0, week - lookback) : week], axis=1).transpose(0, 2, 1)
        learned[:, week] = ordered.shape[-1] - np.isnan(ordered).sum(axis=-1)
        baseline[:, week] = percentile_of_sorted(ordered, learned[:, week], percentile)
    return weeks.by_hour(baseline), weeks.by_hour(learned)


def every_week(hourly: Floats, weeks: Weeks, percentile: float) -> tuple[Floats, Ints]:
    """The percentile of the same slot in all weeks, the judged one included, which raises its baseline. To compare."""
    ordered = np.sort(weeks.by_week(hourly), axis=1).transpose(0, 2, 1)
    there = ordered.shape[-1] - np.isnan(ordered).sum(axis=-1)
    return percentile_of_sorted(ordered, there, percentile)[:, weeks.slot], there[:, weeks.slot]


def threshold(baseline: Floats, multiple: float | Floats, floor: float, units: float = 0.0) -> Floats:
    """`multiple` times the baseline, at least `units` above it, never below the floor; NaN stays NaN.

    A breach is strictly above it.
    """
    stated = baseline * multiple
    return np.maximum(np.maximum(stated, baseline + units) if units else stated, floor)


def suspects(maximum: Floats, limit: Floats) -> Bools:
    """The hours that may contain a breach: a superset for any rule whose threshold is `limit` for the whole hour."""
    return maximum > limit
