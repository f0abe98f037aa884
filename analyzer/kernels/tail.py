"""What a key exceeds only now and then: an exponential tail of its own past, fitted so that events do not shape it.

Peaks over threshold, as hydrology does it (Pickands 1975; Davison and Smith 1990), with an exponential tail (shape 0 of
the generalised Pareto) fitted by maximum likelihood under censoring from above (type I: the sum of all heights, cut at
the censoring point, over the number of uncut ones). 80, 98 and two weeks were measured: docs/detection.md, "What each
rule bought".
"""

from __future__ import annotations

import numpy as np

from analyzer.kernels.rollup import percentile_of_sorted, there_of_sorted
from traffic.model import Floats

BODY = 80.0
"""Percentile at which the tail begins."""
CENSORED = 98.0
"""Percentile beyond which it is only counted that there was something, not how high: past events lie there."""
_CLEAR = 1 + 1e-9
"""A ratio is multiplied out again: rounding must not decide whether the highest hour passes itself. It does not."""
_LEAST = 48
"""Hours without which there is no tail."""


def rare(values: Floats, every: float, body: float = BODY, censored: float = CENSORED) -> Floats:
    """The level that is exceeded about once in `every` hours: u + sigma ln(share of the tail x every), shape (...).

    u is the percentile `body` of the hours, sigma the mean height above it of the hours that lie there, all above the
    percentile `censored` taken as if they lay at it. Never above the highest hour; NaN for fewer than 48 hours.

    Args:
        values: shape (..., hours), NaN = missing.
        every: hours between two that pass it, at least 1.
    """
    ordered = np.sort(values, axis=-1)
    there = there_of_sorted(ordered)
    low, high = (percentile_of_sorted(ordered, there, q)[..., None] for q in (body, censored))
    above = ordered > low
    full = np.count_nonzero(above & ~(ordered > high), axis=-1)
    over = np.where(above, np.minimum(ordered, high) - low, 0.0).sum(axis=-1)
    sigma = np.divide(over, full, out=np.zeros(full.shape), where=full > 0)
    reached = low[..., 0] + sigma * np.log(max(1.0, (1 - body / 100) * every))
    top = np.take_along_axis(ordered, np.maximum(there - 1, 0)[..., None], -1)[..., 0]
    return np.where(there >= _LEAST, np.minimum(reached, top * _CLEAR), np.nan)
