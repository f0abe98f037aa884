"""The baseline of an engine that rolls hours up and compares an hour with earlier ones, like Kentik's.

A key's hours are rolled up, each with its neighbours; of these the hours that are compared with are chosen, and rolled
up once more. Nothing of the hour itself or after it is ever among them.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from analyzer.kernels.rollup import percentile
from traffic.model import Bools, Floats

Compared = Literal["hours", "days", "days apart", "weeks"]
"""All hours; the same hour of other days, of days that are weekends or not as the hour's own, of other weeks."""
EVERY: dict[Compared, int] = {"hours": 1, "days": 24, "days apart": 24, "weeks": 168}
_BLOCK = 4_000_000


def neighbourhood(hours: Floats, radius: int, ahead: int, percent: float) -> Floats:
    """Each hour with `radius` hours before and `ahead` after it, as a percentile of those that are there."""
    if radius == 0 and ahead == 0:
        return hours
    padded = np.pad(hours, ((0, 0), (radius, ahead)), constant_values=np.nan)
    views = np.lib.stride_tricks.sliding_window_view(padded, radius + ahead + 1, axis=1)
    return percentile(views, percent)


def stored(
    hours: Floats,
    weekend: Bools,
    compared: Compared,
    length: int,
    offset: int,
    final: float,
    radius: int = 0,
    near: float = 50.0,
) -> Floats:
    """The baseline of each hour.

    Args:
        hours: shape (keys, hours), NaN = missing.
        weekend: whether each hour lies in a weekend, shape (hours,).
        length: hours of the window that is compared with; the last is `offset` (at least 1) before the hour.
        final: percent of what is chosen that the baseline is; linear, 0 and 100 are minimum and maximum.
        radius, near: hours round each that are taken together first, and as which percentile.

    Returns:
        Shape (keys, hours); NaN where nothing is there to compare with.
    """
    count = hours.shape[1]
    # The hour itself is not over while it is judged.
    least = max(offset, 1)
    lags = [lag for lag in range(least, least + length) if lag % EVERY[compared] == 0 and lag < count]
    around = {ahead: neighbourhood(hours, radius, ahead, near) for ahead in {min(radius, lag - 1) for lag in lags}}
    found = np.full(hours.shape, np.nan)
    if not lags:
        return found
    # As many keys at once as memory is worth.
    rows = max(1, _BLOCK // (len(lags) * count))
    for begin in range(0, len(hours), rows):
        part = slice(begin, begin + rows)
        chosen = np.full((len(found[part]), count, len(lags)), np.nan)
        for place, lag in enumerate(lags):
            source = around[min(radius, lag - 1)][part, : count - lag]
            alike = (weekend[lag:] == weekend[: count - lag]) | (compared != "days apart")
            chosen[:, lag:, place] = np.where(alike, source, np.nan)
        found[part] = percentile(chosen, final)
    return found
