"""What a key does on most days, but not at the same minute: a nightly job with a varying start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analyzer.kernels.grid import Weeks
from analyzer.kernels.rollup import percentile_of_sorted
from traffic.model import Floats, Ints

NEAR = 2
"""Hours before and after in which a day's highest counts: a job that wanders between 0:00 and 5:00 is met at 2:00."""
FACTOR = 1.25
REACHED = 80.0
"""What an event must pass: 1.25 times what four days of five reach. Measured in docs/detection.md."""
LEAST_DAYS = 7


@dataclass(frozen=True, eq=False)
class Habits:
    """What a key reaches around each time of day, as a multiple of its baseline: arrays of shape (keys, 24)."""

    middle: Floats
    """On half of the days; NaN where fewer than `LEAST_DAYS` are known."""
    mostly: Floats
    """On four days of five, times `FACTOR`."""

    def at(self, rows: Ints | slice, times_of_day: Ints) -> Habits:
        """The same of some keys at times of day, 0 to 23: all of `slice(None)` at each of them, or one key at each."""
        return Habits(self.middle[rows, times_of_day], self.mostly[rows, times_of_day])

    def above(self, multiple: float | Floats) -> Floats:
        """The multiple to exceed where the key exceeds `multiple` on most days, otherwise 0."""
        return np.where(self.middle > multiple, self.mostly, 0.0)


def habits(ratio: Floats, weeks: Weeks) -> Habits:
    """The habits of keys: for each day, the highest value within `NEAR` hours of a time of day counts.

    Args:
        ratio: the hours' p95s over their baselines, shape (keys, hours), NaN = missing.
    """
    keys, hours = ratio.shape
    padded = np.full((keys, hours + 2 * NEAR), -np.inf)
    padded[:, NEAR : NEAR + hours] = np.where(np.isnan(ratio), -np.inf, ratio)
    # The highest of five neighbours by comparing whole arrays: six times as quick as a maximum along a short axis.
    highest = np.maximum.reduce([padded[:, shift : shift + hours] for shift in range(2 * NEAR + 1)])
    by_day = weeks.by_week(np.where(np.isinf(highest), np.nan, highest)).reshape(keys, -1, 24).transpose(0, 2, 1)
    ordered = np.sort(by_day, axis=-1)
    there = np.count_nonzero(~np.isnan(by_day), axis=-1)
    middle = np.where(there >= LEAST_DAYS, percentile_of_sorted(ordered, there, 50.0), np.nan)
    return Habits(middle, FACTOR * percentile_of_sorted(ordered, there, REACHED))


def habit(ratio: Floats, weeks: Weeks, multiple: float) -> Floats:
    """The multiple of its baseline that an hour must exceed if the key exceeds `multiple` on most days; otherwise 0.

    Args:
        ratio: the hours' p95s over their baselines, shape (keys, hours), NaN = missing.
        multiple: what counts as a burst.
    """
    result = np.zeros_like(ratio)
    # Who passes it in fewer hours than half of the fewest days does not pass it on most days.
    often = np.flatnonzero((ratio > multiple).sum(axis=1) >= LEAST_DAYS // 2)
    if len(often):
        result[often] = habits(ratio[often], weeks).at(slice(None), weeks.slot % 24).above(multiple)
    return result
