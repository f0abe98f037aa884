"""Hours into weeks: the hour of the week becomes an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traffic.model import FIRST_MONDAY, HOUR, Bools, Floats, Ints

SLOTS = {"week": 168, "workdays": 48, "day": 24}
"""Cells of a period by what slots are: a week of hours, or a day; with `workdays` half of a day's cells stay empty."""
_DAY = 24
_SATURDAY = 5
_SUNDAY = 6
_FIRST_MONDAY_HOUR = FIRST_MONDAY // HOUR


@dataclass(frozen=True, eq=False)
class Weeks:
    """The positions of hours in a grid of weeks by slots (hours of the week, 0 = Monday 00:00).

    If slots are hours of the day, days take the place of weeks; with weekends apart, their hours are slots 24 to 47.

    A cell that no hour falls into is missing. One that several fall into, when a clock is turned back or a holiday
    counts as a Sunday, holds the mean of what is there: a week has one value a slot, and never judges itself.
    """

    cell: slice | Ints
    """Of each hour: slots x week + slot. A slice where the hours follow one another: copying is then a single move."""
    slot: Ints
    """Of each hour."""
    count: int
    """Weeks, the first and the last of which may lack hours."""
    shared: Ints
    """Cells with several hours, shape (n,) ..."""
    sharing: Ints
    """... and these hours, shape (n, most of them), filled up with -1."""
    slots: int = SLOTS["week"]
    """Slots of a week."""

    def by_week(self, values: Floats) -> Floats:
        """Hours, shape (keys, hours), as shape (keys, weeks, slots); NaN where a cell has no hour."""
        grid = np.full((len(values), self.count * self.slots), np.nan)
        grid[:, self.cell] = values
        if len(self.shared):
            several = np.where(self.sharing < 0, np.nan, values[:, self.sharing])
            there = self.sharing.shape[1] - np.isnan(several).sum(axis=-1)
            mean = np.full(there.shape, np.nan)
            grid[:, self.shared] = np.divide(np.nansum(several, axis=-1), there, out=mean, where=there > 0)
        return grid.reshape(len(values), self.count, self.slots)

    def by_seven_days(self, values: Floats) -> Floats:
        """Hours, shape (keys, hours), as shape (keys, weeks, hours of a week), also where slots are those of a day."""
        cube = self.by_week(values)
        if self.slots == SLOTS["week"]:
            return cube
        weeks = -(-self.count // 7)
        grid = np.full((len(values), weeks * 7, self.slots), np.nan)
        grid[:, : self.count] = cube
        return grid.reshape(len(values), weeks, 7 * self.slots)

    def by_hour(self, values: NDArray[Any]) -> NDArray[Any]:
        """The way back: shape (keys, weeks, slots) to (keys, hours)."""
        return values.reshape(len(values), -1)[:, self.cell]


def weeks_of(local: Ints, kind: str = "week") -> Weeks:
    """The weeks of hours, each given as hours since 1970-01-01 00:00 on the clock that counts, shape (hours,).

    Args:
        kind: what slots are, a name of `SLOTS`.
    """
    slots = SLOTS[kind]
    cell = local - _FIRST_MONDAY_HOUR
    if kind == "workdays":
        day = cell // _DAY
        cell = slots * day + cell % _DAY + np.where(day % 7 >= _SATURDAY, _DAY, 0)
    cell -= cell.min() // slots * slots
    count = int(cell.max()) // slots + 1
    if (np.diff(cell) == 1).all():
        none = np.zeros(0, dtype=np.int64)
        run = slice(int(cell[0]), int(cell[0]) + len(cell))
        return Weeks(run, cell % slots, count, none, none[:, None], slots)
    order = np.argsort(cell, kind="stable")
    cells, first, hours = np.unique(cell[order], return_index=True, return_counts=True)
    several = hours > 1
    nth = np.arange(hours.max())
    sharing = order[np.minimum(first[several, None] + nth, len(order) - 1)]
    shared = np.where(nth < hours[several, None], sharing, -1)
    return Weeks(cell, cell % slots, count, cells[several], shared, slots)


def utc(start: int, hours: int) -> Weeks:
    """The weeks of `hours` hours from `start` (epoch seconds, on an hour) in UTC."""
    return weeks_of(start // HOUR + np.arange(hours, dtype=np.int64))


def as_sundays(local: Ints, which: Bools) -> Ints:
    """Hours as `weeks_of` takes them, those of `which` moved to the same time of their week's Sunday."""
    day = (local - _FIRST_MONDAY_HOUR) // _DAY % 7
    return np.where(which, local + (_SUNDAY - day) * _DAY, local)
