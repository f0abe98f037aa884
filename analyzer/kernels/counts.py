"""Small counts: if four requests a minute are usual, a minute without any is chance, but half an hour is not.

Counts are assumed to be Poisson-distributed. An event of the policy does not count if chance alone opens one more often
than once in `ONCE_IN` per key, whatever the width of the buckets.
"""

from __future__ import annotations

from functools import cache
from math import comb

import numpy as np

from traffic.model import DAY, Bools, Floats, Hours, Ints

ONCE_IN = 2 * 365 * DAY
"""Seconds: two years."""
_SURE = 100.0
"""Means from which on a fall to less than half is never chance."""
_LARGE = 200
"""Counts from which on a rise by half is never chance."""
_FIRST = 24
"""Hours that are looked at first to tell what is counted."""


def are_counts(hours: Hours) -> Bools:
    """Whether a key has only whole values, judging by its roll-ups: shape (keys, 1)."""
    # A few hours tell of nearly every key that it has others.
    few = np.flatnonzero(_are_whole(hours.maximum[:, :_FIRST]))
    found = np.zeros((len(hours.maximum), 1), dtype=bool)
    found[few, 0] = _are_whole(hours.maximum[few]) & _are_whole(hours.minimum[few])
    return found


def _are_whole(values: Floats) -> Bools:
    """Whether all values of a row that are there are whole numbers: shape (rows,)."""
    whole: Bools = (np.isnan(values) | (values == np.floor(values))).all(axis=1)
    return whole


def mean_of_low(low: Floats) -> Floats:
    """Approximate mean of counts below `low` for a fifth of the time; `low` is 0.84 standard deviations under it."""
    return (0.42 + np.sqrt(0.42**2 + np.maximum(low, 0.0))) ** 2


def at_most(count: Floats, mean: Floats) -> Floats:
    """The probability that a count of this mean is `count` or less; 0 from a mean of `_SURE` on, NaN stays NaN."""
    small = np.where(mean < _SURE, mean, np.nan)
    term = np.exp(-small)
    total = np.where(count >= 0, term, 0.0)
    for number in range(1, int(np.nanmax(np.where(mean < _SURE, count, 0.0), initial=0.0)) + 1):
        term = term * small / number
        total = total + np.where(count >= number, term, 0.0)
    return np.where(mean >= _SURE, 0.0, total)


def by_chance(probability: Floats, needed: int, buckets: int, resolution: int) -> Bools:
    """Whether `needed` out of `buckets` consecutive buckets fall by chance more often than once in `ONCE_IN`.

    Args:
        probability: of one bucket.
    """
    result: Bools = comb(buckets - 1, needed - 1) * probability**needed > resolution / ONCE_IN
    return result


def mean_under(level: Floats, share: float) -> Floats:
    """The highest mean at which counts are at most `level` for this share of the time; infinite for large counts."""
    return _means(1 - share)[_place(level)]


def passed(mean: Floats, probability: float) -> Floats:
    """The smallest count that a count of this mean exceeds with at most this probability; 0 for large counts.

    Args:
        probability: of one bucket.
    """
    means = _means(probability)
    count = np.searchsorted(means, mean)
    return np.where(np.isnan(mean) | (count >= _LARGE), 0.0, count)


def passed_by_chance(mean: Floats, needed: int, buckets: int, resolution: int) -> Floats:
    """The count that `needed` out of `buckets` consecutive buckets exceed by chance at most once in `ONCE_IN`."""
    return passed(mean, (resolution / ONCE_IN / comb(buckets - 1, needed - 1)) ** (1 / needed))


def _place(level: Floats) -> Ints:
    whole: Ints = np.ceil(np.where(level < _LARGE, np.maximum(level, 0.0), _LARGE)).astype(np.int64)
    return whole


@cache
def _means(probability: float) -> Floats:
    """Of each count below `_LARGE`, the highest mean that passes it with at most this probability; then infinity."""
    counts = np.arange(_LARGE)
    factorials = np.cumsum(np.log(np.maximum(counts, 1)))
    low, high = np.zeros(_LARGE), 4.0 * (counts + 10)
    for _ in range(50):
        middle = (low + high) / 2
        each = np.exp(counts * np.log(middle)[:, None] - middle[:, None] - factorials)
        rare = 1 - np.tril(each).sum(axis=1) <= probability
        low, high = np.where(rare, middle, low), np.where(rare, high, middle)
    return np.append(low, np.inf)
