"""How the rate of lines goes up and down over the week, as tables: time and count of lines, shares of services."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from generator.logs.settings import LogSettings
from generator.logs.sources import LogSource, Profile
from traffic.model import DAY, HOUR, WEEK, Floats, Ints

STEP = 900
"""Seconds for which the rate stays as it is; between the hours of a profile it is interpolated."""
STEPS = WEEK // STEP
UNIT = 1_000_000
"""Parts of a line, and microseconds of a second: the clock counts in whole numbers, so that nothing adds up wrongly."""
_MONDAY = 4 * DAY
_WEEK_US = WEEK * UNIT


@dataclass(frozen=True, eq=False)
class Week:
    """The usual week. A moment is microseconds since 1970; a count is millionths of lines since the Monday `since`."""

    reached: Floats
    """Shape (STEPS + 1,): the count at the start of each step."""
    shares: Floats
    """Shape (STEPS, services): the share that each service has of the lines; a row adds up to 1."""
    ladder: Floats
    """The shares, for `pick`."""
    since: int = 0

    def times(self, counts: Ints) -> Ints:
        """The moments at which these counts are reached."""
        weeks, rest = np.divmod(counts, int(self.reached[-1]))
        edges = np.arange(STEPS + 1, dtype=np.float64) * (STEP * UNIT)
        within = np.interp(rest.astype(np.float64), self.reached, edges)
        times: Ints = weeks * _WEEK_US + np.rint(within).astype(np.int64) + self.since
        return times

    def time(self, count: int) -> int:
        """The moment at which this count is reached."""
        return int(self.times(np.array([count], dtype=np.int64))[0])

    def count(self, time_us: int) -> int:
        """What is reached at this moment."""
        weeks, rest = divmod(time_us - self.since, _WEEK_US)
        step, part = divmod(rest, STEP * UNIT)
        low, high = self.reached[step], self.reached[step + 1]
        return weeks * int(self.reached[-1]) + round(float(low + (high - low) * part / (STEP * UNIT)))

    def step(self, time_us: int) -> int:
        """The row of `shares` that holds at this moment."""
        return (time_us - self.since) % _WEEK_US // (STEP * UNIT)

    def steps(self, times_us: Ints) -> Ints:
        """The row of `shares` that holds at these moments."""
        rows: Ints = (times_us - self.since) % _WEEK_US // (STEP * UNIT)
        return rows


def ladder(shares: Floats) -> Floats:
    """Rows of shares as one rising array, each row a step of 1 higher than the one before: for `pick`."""
    reached = np.cumsum(shares, axis=1)
    reached /= np.maximum(reached[:, -1:], 1e-300)
    reached[:, -1] = 1.0
    return np.asarray((reached + np.arange(len(shares))[:, None]).ravel())


def pick(steps: Floats, columns: int, rows: Ints, draws: NDArray[np.uint16]) -> NDArray[np.int32]:
    """A column for each draw, by the shares in its row of a ladder with so many columns."""
    # One search finds the entry in the right row.
    found = np.searchsorted(steps, rows + draws / 65536.0, side="right") - rows * columns
    chosen: NDArray[np.int32] = found.astype(np.int32)
    return chosen


def week(settings: LogSettings, start: int, per_second: float | None = None) -> Week:
    """The week of these settings, counting from the Monday before `start` (microseconds).

    `per_second` is said instead of the settings' rate.
    """
    rate = per_second or settings.timestamps.per_second
    profiles = tuple(settings.profiles.items()) if settings.timestamps.weekly else ()
    monday = start - (start - _MONDAY * UNIT) % _WEEK_US
    return replace(_week(settings.sources, profiles, rate), since=monday)


@lru_cache(maxsize=32)
def _week(sources: tuple[LogSource, ...], profiles: tuple[tuple[str, Profile], ...], rate: float) -> Week:
    heights = {name: _heights(profile) for name, profile in profiles}
    even = np.ones(STEPS)
    total = sum(source.weight for source in sources)
    columns = [
        heights.get(source.profile, even) * (source.weight / total / len(source.services))
        for source in sources
        for _ in source.services
    ]
    rates = np.stack(columns, axis=1)
    lines = rates.sum(axis=1)
    # Where nobody writes anything, time passes all the same.
    lines = np.maximum(lines, 1e-6)
    reached = np.concatenate([[0.0], np.rint(np.cumsum(lines) * (rate * STEP * UNIT))])
    shares = rates / np.maximum(rates.sum(axis=1, keepdims=True), 1e-300)
    return Week(reached, shares, ladder(shares))


def _heights(profile: Profile) -> Floats:
    """A profile at each step of the week, 1 on average."""
    hours = np.array([*profile.weekday * 5, *profile.weekend * 2], dtype=np.float64)
    middles = np.arange(STEPS) * STEP / HOUR + STEP / HOUR / 2 - 0.5
    found = np.interp(middles % 168, np.arange(169), np.append(hours, hours[0]))
    return np.asarray(found / found.mean())
