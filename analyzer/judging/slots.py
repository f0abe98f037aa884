"""Which slot each hour belongs to on a key's clock, and what its calendar says of it.

Hours are those of UTC, as the roll-ups are: neither the queries nor what is kept of them depend on a zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from analyzer.judging.calendar import span
from analyzer.kernels.grid import Weeks, as_sundays, weeks_of
from analyzer.model import Policy
from traffic.model import HOUR, Bools, Grid, Ints, Window


@dataclass(frozen=True, eq=False)
class Marks:
    """What holds for some hours of keys with one policy."""

    weeks: Weeks
    """Where the hours stand: the slot that they are judged by, and learned for."""
    unlearned: Bools | None
    """Hours that nothing is learned from, shape (hours,); None where there is none."""
    unjudged: Ints
    """Hours that are not judged, shape (hours,): 0, or the place of the reason in `reasons`, counted from 1."""
    reasons: tuple[str, ...]


def marks(policy: Policy, grid: Grid) -> Marks:
    """What a policy's time zone and calendar say of the hours of `grid`.

    Where rows overlap, each of them holds; the first one gives the reason for which an hour is not judged.
    """
    local = local_hours(policy.timezone, grid.start, grid.count)
    unlearned, sundays = np.zeros((2, grid.count), dtype=bool)
    unjudged = np.zeros(grid.count, dtype=np.int64)
    reasons: list[str] = []
    for row in policy.calendar:
        meant = span(row, ZoneInfo(policy.timezone))
        touched = _hours(grid, meant.widen(HOUR))
        if row.what in ("ignore", "not learned"):
            unlearned[touched] = True
        if row.what in ("ignore", "not judged"):
            reasons.append(f"calendar: {row.note or row.what}")
            unjudged[touched] = np.where(unjudged[touched], unjudged[touched], len(reasons))
        if row.what == "sunday":
            # An hour belongs to the day that its middle lies in, as it belongs to a slot.
            sundays[_hours(grid, Window(meant.start - HOUR // 2, meant.end - HOUR // 2))] = True
    placed = weeks_of(as_sundays(local, sundays) if sundays.any() else local, policy.slots)
    return Marks(placed, unlearned if unlearned.any() else None, unjudged, tuple(reasons))


@lru_cache(maxsize=256)
def local_hours(timezone: str, start: int, hours: int) -> Ints:
    """Hours since 1970-01-01 00:00 on a zone's clock, of `hours` hours of UTC from `start`: shape (hours,), read-only.

    An hour of UTC may straddle two of the zone's. It belongs to the one that its middle lies in.
    """
    middle = start + HOUR // 2 + HOUR * np.arange(hours, dtype=np.int64)
    if timezone == "UTC":
        local = middle // HOUR
    else:
        zone = ZoneInfo(timezone)
        offsets = (datetime.fromtimestamp(time, zone).utcoffset() for time in middle.tolist())
        local = (
            middle + np.array([0 if offset is None else int(offset.total_seconds()) for offset in offsets])
        ) // HOUR
    local.setflags(write=False)
    return local


def _hours(grid: Grid, window: Window) -> slice:
    """The hours of `grid` that start in `window`."""
    first, last = (-(-(time - grid.start) // HOUR) for time in (window.start, window.end))
    return slice(max(0, first), max(0, last))
