"""The rules put together: from an hour's roll-ups to its baseline and to what a breach must lie above.

Every rule works on hourly roll-ups alone, so it costs no query for buckets, and every limit holds for a whole hour: the
hours in which a breach can be are those whose maximum is above the lowest limit, whatever rules are on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from analyzer.kernels import baseline as plain
from analyzer.kernels import level, tail, usual
from analyzer.kernels.grid import Weeks
from analyzer.kernels.rollup import percentile
from analyzer.kernels.ways import MATCHES, WAYS
from traffic.model import Bools, Floats, Hours, Ints

Learned = Literal["retrospective", "trailing", "original"]

BURSTY_REACH = 20.0
BURSTY_FACTOR = 1.5
FEW_BUCKETS = 4


@dataclass(frozen=True, eq=False)
class HourLimits:
    """What is usual and what is too much, shape (keys, hours) where nothing else is said."""

    learned: Floats
    """The p95s that could be learned from; NaN where an hour has too few buckets, or must not be learned from."""
    sparse: Bools
    """Whether an hour has too few buckets."""
    weeks: Ints
    """Of how many weeks the baseline was learned."""
    stated: Floats
    """The threshold that the policy states, before any rule."""
    baseline: Floats
    """NaN where the hour has too few buckets ..."""
    expected: Floats
    """... and what it would be there."""
    limits: Floats
    """What must be passed in each way, shape (ways, keys, hours): those of `WAYS`, or the first of them alone."""
    bursty: Bools
    """Whether the hour's key counted as bursty; shape (keys, hours) or (keys, 1)."""

    @property
    def lowest(self) -> Floats:
        """What every breach lies above."""
        least: Floats = self.limits.min(axis=0)
        return least


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


def limits_of(
    hours: Hours, level: Floats, weeks: Weeks, per_hour: int, settings: Settings, unlearned: Bools | None = None
) -> HourLimits:
    """Learn what is usual from the roll-ups of hours, and what is too much.

    Args:
        level: what the baseline is learned from, shape (keys, hours): the hours' p95s where rises are looked for.
        weeks: where these hours stand.
        per_hour: buckets that an hour has room for.
        unlearned: shape (hours,), hours that are judged like any other, but that no rule learns anything from.
    """
    past = _Past(weeks, settings)
    seen = plain.learnable(level, hours.count, per_hour, settings.min_share)
    sparse = np.isnan(seen)
    learned = seen if unlearned is None else np.where(unlearned, np.nan, seen)
    first, compared = past.weeks(learned)
    expected = _corrected(learned, first, per_hour, past)
    base = np.where(sparse, np.nan, expected)
    limit = plain.threshold(base, settings.multiple, settings.floor)
    limits = HourLimits(
        learned=learned,
        sparse=sparse,
        weeks=compared,
        stated=plain.threshold(first, settings.multiple, settings.floor),
        baseline=base,
        expected=expected,
        limits=limit[None],
        bursty=np.zeros((len(base), 1), dtype=bool),
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


def _with_tail(limits: HourLimits, hours: Hours, per_hour: int, past: _Past) -> HourLimits:
    """The rules of what is ordinary for a key, though it is above the threshold."""
    rules, multiple = past.settings.rules, past.settings.multiple
    base, limit = limits.baseline, limits.limits[0]
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
        most: Floats = np.fmax(limit, np.where(base > 0, np.where(times > multiple, more, 0.0), reached))
        return most

    times, reached = rare(MATCHES.level(hours, per_hour))
    others = WAYS[1:] if "held" in rules else ()
    found = np.stack([wanted(times, reached), *(wanted(*rare(way.level(hours, per_hour))) for way in others)])
    bursty = limits.bursty
    if "bursty" in rules:
        bursty = times > BURSTY_REACH
        found = np.fmax(found, np.where(bursty, BURSTY_FACTOR * reached, 0.0))
    return replace(limits, limits=np.where(np.isnan(limit), np.nan, found), bursty=bursty)
