"""What rows show about guesses: whether values only grow, and how many rows a series has at one time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from traffic.model import DAY, HOUR, Bools, Floats, Ints
from traffic.store.files.step import own_step

_FEWEST = 10
"""Minimum number of rows to decide whether a series only grows."""
_CALLED_SO = 2
_GROWS = 0.5
"""Minimum share of its steps in which a counter grows."""
_RESETS = 0.02
"""Maximum share of its steps in which a counter may fall, because it was reset."""
_MOSTLY, _FAR = 0.9, 0.8
_SELDOM, _LONG = 3, 30
"""A series that never falls counts something rare if it grows this often, within at least this many steps."""
_MOST = 300_000
"""Maximum number of rows whose times are kept."""
_ODD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Directions:
    """Numbers of series by how their values move."""

    fast: int
    """Series that grow in most steps and never fall, except for overflows and resets of a counter."""
    slow: int
    """Series that never fall and grow occasionally."""
    saws: int
    """Series that grow in most steps and repeatedly fall back to almost nothing."""
    others: int
    """All other series that move."""

    @property
    def every(self) -> int:
        """All series that move."""
        return self.fast + self.slow + self.saws + self.others

    @property
    def only_grow(self) -> bool:
        """Whether all series that move only grow."""
        return bool(self.fast) and not self.saws and not self.others


@dataclass(frozen=True)
class Evidence:
    """What the first rows show."""

    rows: int
    step: int | None
    """Seconds between the values of a series; None if they are irregular."""
    moves: Directions
    a_minute: float
    """Rows of a series per minute, in minutes with any."""
    below: int = 0
    """Series of which no value is above 0, and some are below."""
    set_back: int | None = None
    """When the times go back by an hour, as those of clocks do in autumn, in seconds since 1970."""


def evidence_of(row: Ints, time: Ints, value: Floats, called_so: bool = False) -> Evidence:
    """What rows show.

    Args:
        row: shape (n,), index of the series.
        time: shape (n,), epoch seconds.
        value: shape (n,); NaN where there is none.
        called_so: whether the values are named like counters: then a few rows are enough.
    """
    there = np.isfinite(value)
    moves = directions(row[there], time[there], value[there], _CALLED_SO if called_so else _FEWEST)
    minutes = np.unique(np.stack([row, time // 60]), axis=1).shape[1] if len(row) else 0
    a_minute = len(row) / minutes if minutes else 0.0
    below = _below(row[there], value[there])
    return Evidence(len(row), own_step(row, time), moves, a_minute, below, clock_set_back(row, time))


def _below(row: Ints, value: Floats) -> int:
    """Number of series of which no value is above 0, and some are below."""
    if not len(row):
        return 0
    size = int(row.max()) + 1
    above, under = np.bincount(row, value > 0, minlength=size), np.bincount(row, value < 0, minlength=size)
    return int(((above == 0) & (under > 0)).sum())


def clock_set_back(row: Ints, time: Ints) -> int | None:
    """When the times of rows go back by up to an hour, once on a Sunday and never else; None if they do not.

    Args:
        row: shape (n,), which series, in the order of the file.
        time: shape (n,), epoch seconds.
    """
    order = np.argsort(row, kind="stable")
    row, time = row[order], time[order]
    change = np.where(row[1:] == row[:-1], np.diff(time), 0)
    before = time[:-1][change < 0]
    if not len(before) or change.min() < -HOUR or before.max() - before.min() > HOUR:
        return None
    once = np.bincount(row[1:][change < 0]).max() == 1
    first = int(before.min())
    # 1 January 1970 was a Thursday; in UTC the night begins on the day before, west of Greenwich it ends later.
    sunday = (first + 4 * DAY + 3 * HOUR) // DAY % 7 == 0
    return first if once and sunday else None


def directions(row: Ints, time: Ints, value: Floats, fewest: int = _FEWEST) -> Directions:
    """How many series only grow, and how many do not; without series that never change or have few rows."""
    if not len(row):
        return Directions(0, 0, 0, 0)
    order = np.lexsort((value, time, row))
    row, time, value = row[order], time[order], value[order]
    steps = (row[1:] == row[:-1]) & (time[1:] > time[:-1])
    series, change, before = row[1:][steps], np.diff(value)[steps], value[:-1][steps]
    size = int(row.max()) + 1
    over = np.zeros(len(change), dtype=bool)
    for top in (2.0**32, 2.0**64):
        over |= (before < top) & (before > 0.75 * top) & (before + change < 0.25 * top)
    counts = np.bincount(series, minlength=size)
    up = np.bincount(series, (change > 0) | over, minlength=size)
    down = np.bincount(series, (change < 0) & ~over, minlength=size)
    # A value that falls to a fifth or less is a counter that was reset.
    far = np.bincount(series, (change < 0) & ~over & (change <= -_FAR * before), minlength=size)
    enough: Bools = (counts >= fewest) & (up + down > 0) & (np.bincount(row, value < 0, minlength=size) == 0)
    fast = enough & (up >= _GROWS * counts) & (down <= _RESETS * counts)
    if fewest == _CALLED_SO:
        # What is called a counter may have been reset once, however few its rows are.
        fast |= enough & (up >= _GROWS * counts) & (down == 1) & (far == 1)
    slow = enough & ~fast & (down == 0) & (up >= _SELDOM) & (counts >= _LONG)
    saws = enough & ~fast & ~slow & (up >= _MOSTLY * counts) & (far == down) & (counts >= _LONG)
    return Directions(*(int(one.sum()) for one in (fast, slow, saws, enough & ~fast & ~slow & ~saws)))


class Instants:
    """Whether series have several rows at one time: of all rows, or of those at some of the times, where rows are many.

    All rows of a time are kept, or none of them.
    """

    def __init__(self) -> None:
        """Without rows."""
        self._kept: list[tuple[Ints, Ints]] = []
        self._count = 0
        self._shift = np.uint64(0)

    def add(self, ids: Ints, time: Ints) -> None:
        """Add rows: index of the series and epoch seconds, shape (n,) each."""
        ids, time = self._chosen(ids, time)
        self._kept.append((ids.astype(np.int64), time))
        self._count += len(ids)
        while self._count > _MOST and self._shift < 32:
            self._shift += np.uint64(1)
            self._kept = [self._chosen(*pair) for pair in self._kept]
            self._count = sum(len(pair[0]) for pair in self._kept)

    def repeated(self) -> tuple[float, int, list[int]]:
        """Share of (series, time) pairs with several rows, the most rows of one pair, and some of their times."""
        if not self._count:
            return 0.0, 1, []
        ids, time = (np.concatenate([pair[place] for pair in self._kept]) for place in (0, 1))
        # Both packed into one number, which sorts in a fifth of the time.
        first, span = int(time.min()), int(time.max()) - int(time.min()) + 1
        if int(ids.max()) >= 2**63 // span:
            return 0.0, 1, []
        pairs, sizes = np.unique(ids * span + (time - first), return_counts=True)
        several = sizes > 1
        times = np.unique(pairs[several] % span) + first
        some = times[:: max(1, len(times) // 20)][:20]
        return float(several.mean()), int(sizes.max()), some.tolist()

    def _chosen(self, ids: Ints, time: Ints) -> tuple[Ints, Ints]:
        if not self._shift:
            return ids, time
        mixed = (time.astype(np.uint64) * _ODD) >> (np.uint64(64) - self._shift)
        kept = mixed == 0
        return ids[kept], time[kept]
