"""The rules put together: from an hour's roll-ups to its baseline and to what a breach must lie above.

Every rule works on hourly roll-ups alone, so it costs no query for buckets, and every limit holds for a whole hour: the
hours in which a breach can be are those whose maximum is above the lowest limit, whatever rules are on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analyzer.kernels import baseline as plain
from analyzer.kernels import level, tail, usual
from analyzer.kernels.grid import Weeks
from analyzer.kernels.rollup import Hours, percentile

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

Learned = Literal["retrospective", "trailing", "original"]

BURSTY_REACH = 20.0
BURSTY_FACTOR = 1.5
FEW_BUCKETS = 4


@dataclass(frozen=True, eq=False)
class Limits:
    """What is usual and what is too much, shape (keys, hours) each."""

    learned: Floats
    """The p95s that could be learned from; NaN where an hour has too few buckets, or must not be learned from."""
    thin: Bools
    """Whether an hour has too few buckets."""
    weeks: Ints
    """Of how many weeks the baseline was learned."""
    stated: Floats
    """The threshold that the policy states, before any rule."""
    baseline: Floats
    """NaN where the hour has too few buckets ..."""
    expected: Floats
    """... and what it would be there."""
    peak: Floats
    """What the matching buckets must lie above ..."""
    brief: Floats
    """... what is held for most of 25 minutes ..."""
    half: Floats
    """... for most of half an hour ..."""
    hour: Floats
    """... and for most of an hour."""
    bursty: Bools
    """Whether the hour's key counted as bursty; shape (keys, hours) or (keys, 1)."""

    @property
    def lowest(self) -> Floats:
        """What every breach lies above."""
        return np.minimum(np.minimum(self.peak, self.brief), np.minimum(self.half, self.hour))


@dataclass(frozen=True)
class Settings:
    """What a policy says of limits."""

    percentile: float
    """Of the p95s of the weeks that are learned from."""
    multiple: float
    floor: float
    min_share: float
    """Of an hour's buckets must be there."""
    rules: Collection[str]
    """Names of `RULES`."""
    source: Learned
    lookback: int
    """Weeks before that `trailing` learns from."""
    every: float
    """Hours between two that pass what counts as rare."""


def judge(hours: Hours, weeks: Weeks, per_hour: int, settings: Settings, unlearned: Bools | None = None) -> Limits:
    """Learn what is usual from the roll-ups of hours, and what is too much.

    Args:
        weeks: where these hours stand.
        per_hour: buckets that an hour has room for.
        unlearned: shape (hours,), hours that are judged like any other, but that no rule learns anything from.
    """
    past = _Past(weeks, settings)
    seen = plain.learnable(hours.p95, hours.count, per_hour, settings.min_share)
    thin = np.isnan(seen)
    learned = seen if unlearned is None else np.where(unlearned, np.nan, seen)
    first, compared = past.weeks(learned)
    expected = _corrected(learned, first, per_hour, past)
    base = np.where(thin, np.nan, expected)
    limit = plain.threshold(base, settings.multiple, settings.floor)
    limits = Limits(
        learned,
        thin,
        compared,
        plain.threshold(first, settings.multiple, settings.floor),
        *(base, expected, limit, limit, limit, limit),
        np.zeros((len(base), 1), dtype=bool),
    )
    return _with_tail(limits, hours, per_hour, past) if "tail" in settings.rules else limits


class _Past:
    """What an hour may be compared with: the other weeks, the weeks before, or all of them."""

    def __init__(self, grid: Weeks, settings: Settings) -> None:
        self.grid, self.settings = grid, settings

    def weeks(self, hourly: Floats) -> tuple[Floats, Ints]:
        """The percentile of the same slot in the weeks that may be learned from, and how many had it."""
        if self.settings.source == "trailing":
            return plain.weeks_before(hourly, self.grid, self.settings.percentile, self.settings.lookback)
        if self.settings.source == "original":
            return plain.every_week(hourly, self.grid, self.settings.percentile)
        return plain.other_weeks(hourly, self.grid, self.settings.percentile)

    def all_of_it(self, hourly: Floats, what: Callable[[Floats], Floats]) -> Floats:
        """A figure of all hours that may be learned from: shape (keys, 1), or (keys, hours) where that is the past."""
        if self.settings.source != "trailing":
            return what(hourly)[:, None]
        cube = self.grid.by_week(hourly)
        result = np.full(cube.shape, np.nan)
        for week in range(1, cube.shape[1]):
            before = cube[:, max(0, week - self.settings.lookback) : week]
            result[:, week] = what(before.reshape(len(cube), -1))[:, None]
        spread: Floats = self.grid.by_hour(result)
        return spread

    def rarely(self, hourly: Floats) -> Floats:
        """What is passed once in `every` hours."""
        return self.all_of_it(hourly, lambda values: tail.rare(values, self.settings.every))


def _corrected(learned: Floats, baseline: Floats, per_hour: int, past: _Past) -> Floats:
    """The rules of what a baseline is."""
    rules = past.settings.rules
    factor = np.ones_like(baseline)
    if "level" in rules and past.settings.source == "trailing":
        factor = level.lately(learned, baseline)
        baseline = baseline * factor
    elif "level" in rules:
        factor = level.lasting(learned, past.grid, usual.IDLE_SHARE)
        baseline = past.weeks(learned / factor)[0] * factor
    if "pooled" in rules and per_hour < FEW_BUCKETS:
        baseline = usual.pooled(baseline)
    if "idle" in rules:
        weekly = past.all_of_it(learned / factor, lambda values: percentile(values, 95.0))
        baseline = usual.idle(baseline, usual.IDLE_SHARE * weekly * factor)
    return usual.edges(baseline) if "edges" in rules else baseline


def _with_tail(limits: Limits, hours: Hours, per_hour: int, past: _Past) -> Limits:
    """The rules of what is ordinary for a key, though it is above the threshold."""
    rules, multiple = past.settings.rules, past.settings.multiple
    base, limit = limits.baseline, limits.peak
    some = np.where(base > 0, base, np.nan)
    root = np.sqrt(np.sqrt(np.maximum(base, 0.0)))

    def rare(held: Floats) -> tuple[Floats, Floats]:
        """What is passed so rarely, in times of the baseline, and as it is."""
        seen = np.where(np.isnan(limits.learned), np.nan, held)
        return past.rarely(seen / some), past.rarely(seen)

    def wanted(times: Floats, reached: Floats) -> Floats:
        # A quarter of what is rare for the hour, times x base, three quarters of what is rare for the key.
        more = root * (times**0.25 * np.maximum(reached, 0.0) ** 0.75) if "volume" in rules else times * base
        # Where the baseline is 0 there is no ratio; what is rare for the key is all there is to go by.
        return np.fmax(limit, np.where(base > 0, np.where(times > multiple, more, 0.0), reached))

    times, reached = rare(hours.second)
    ways = [wanted(times, reached)] * 4
    if "held" in rules:
        ways[1:] = (wanted(*rare(held)) for held in (_twenty_minutes(hours, per_hour), hours.p50, hours.p20))
    bursty = limits.bursty
    if "bursty" in rules:
        bursty = times > BURSTY_REACH
        top = np.where(bursty, BURSTY_FACTOR * reached, 0.0)
        ways = [np.fmax(way, top) for way in ways]
    peak, brief, half, hour = (np.where(np.isnan(limit), np.nan, way) for way in ways)
    return replace(limits, peak=peak, brief=brief, half=half, hour=hour, bursty=bursty)


def _twenty_minutes(hours: Hours, per_hour: int) -> Floats:
    """What an hour is above for 20 minutes, about: between what two buckets reach and what half of it reaches.

    Geometrically, as far from the one to the other as 20 minutes are from two buckets to 30 minutes.
    """
    if per_hour <= 6:
        return hours.second
    share = (20 - 120 / per_hour) / (30 - 120 / per_hour)
    level: Floats = np.maximum(hours.second, 0.0) ** (1 - share) * np.maximum(hours.p50, 0.0) ** share
    return level
