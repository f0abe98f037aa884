"""Hours into weeks: the hour of the week becomes an axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SLOTS = 168
_HOUR = 3600
# The epoch was a Thursday: four days to the first Monday.
_FIRST_MONDAY_HOUR = 96


def slots(start: int, hours: int) -> Ints:
    """The slot (hour of the week, 0 = Monday 00:00 UTC) of `hours` hours from `start` (epoch seconds, on an hour)."""
    return (start // _HOUR - _FIRST_MONDAY_HOUR + np.arange(hours, dtype=np.int64)) % SLOTS


def weeks(start: int, hours: int) -> Ints:
    """The week of each hour, counted from the week of the first one."""
    first = (start // _HOUR - _FIRST_MONDAY_HOUR) % SLOTS
    return (first + np.arange(hours, dtype=np.int64)) // SLOTS


def by_week(values: Floats, start: int) -> Floats:
    """Hours, shape (keys, hours), from `start` as shape (keys, weeks, 168); NaN where the outer weeks lack hours."""
    keys, hours = values.shape
    before = (start // _HOUR - _FIRST_MONDAY_HOUR) % SLOTS
    whole = -(-(before + hours) // SLOTS)
    padded = np.full((keys, whole * SLOTS), np.nan)
    padded[:, before : before + hours] = values
    return padded.reshape(keys, whole, SLOTS)


def by_hour(values: NDArray[Any], start: int, hours: int) -> NDArray[Any]:
    """The way back: shape (keys, weeks, 168) to (keys, hours)."""
    before = (start // _HOUR - _FIRST_MONDAY_HOUR) % SLOTS
    return values.reshape(values.shape[0], -1)[:, before : before + hours]
