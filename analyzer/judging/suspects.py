"""Which days have to be looked at bucket by bucket."""

from __future__ import annotations

import numpy as np

from traffic.model import DAY, HOUR, Bools, Window


def suspect_days(hot: Bools, start: int) -> list[tuple[Window, list[int]]]:
    """Which days have a suspect hour, and of which keys: pairs of a UTC day and rows of `hot` (keys, hours)."""
    hours = hot.shape[1]
    first = start // HOUR
    lead = first % 24
    padded = np.zeros((hot.shape[0], -(-(lead + hours) // 24) * 24), dtype=bool)
    padded[:, lead : lead + hours] = hot
    days = np.logical_or.reduce(padded.reshape(hot.shape[0], -1, 24), axis=2)
    origin = (first - lead) * HOUR
    span = Window(start, start + hours * HOUR)
    return [
        (Window(origin + day * DAY, origin + (day + 1) * DAY).clip(span), np.flatnonzero(days[:, day]).tolist())
        for day in np.flatnonzero(days.any(axis=0)).tolist()
    ]
