"""Pure: how fast counters grow, of what they stood at."""

from __future__ import annotations

import numpy as np

from traffic.model import HOUR, Floats, Ints

LEAD = 2 * HOUR
"""As far apart two readings may be: what was counted over a longer gap is no rate of the time at its end. A multiple of
every resolution, so that a bucket has the same rate whatever window it is asked for in."""


def rates(totals: Floats, times: Floats) -> Floats:
    """What was counted a second since the last reading, of each bucket that has one.

    A counter that fell began anew, and when is not known: there is none where it fell, as there is none in files.

    Args:
        totals: shape (keys, buckets), the highest reading of each bucket; NaN: there is none.
        times: when the last one was, epoch seconds, likewise.
    """
    there = ~np.isnan(totals)
    columns = np.where(there, np.arange(totals.shape[1]), -1)
    last: Ints = np.maximum.accumulate(columns, axis=1)
    before = np.concatenate([np.full((len(totals), 1), -1), last[:, :-1]], axis=1)
    place = np.maximum(before, 0)
    grown = totals - np.take_along_axis(totals, place, axis=1)
    gap = times - np.take_along_axis(times, place, axis=1)
    known = there & (before >= 0) & (grown >= 0) & (gap > 0) & (gap <= LEAD)
    result: Floats = np.divide(grown, gap, out=np.full(totals.shape, np.nan), where=known)
    return result
