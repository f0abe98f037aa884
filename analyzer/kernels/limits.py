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
from analyzer.kernels.habit import habit
from analyzer.kernels.rollup import percentile
from analyzer.kernels.ways import MATCHES, WAYS
from traffic.model import Bools, Floats, Hours, Ints

Learned = Literal["retrospective", "trailing", "original"]

BURSTY_REACH = 20.0
BURSTY_FACTOR = 1.5
FEW_BUCKETS = 4
LEAST_DAYS = 2
ARTEFACT = 20.0
"""An hour whose second highest bucket is so many times its p95 says nothing about the key's own peaks."""


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
    filled: Bools
    """Hours with too few other weeks, whose baseline was learned from other days."""
    factor: Floats
    """The level of each hour, in times of the key's usual one."""
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
    min_weeks: int
    """Other weeks without which the rule `days` takes other days."""
    lookback: int
    """Weeks before that `trailing` learns from."""
    every: float
    """Hours between two that pass what counts as rare."""


def limits_of(
    hours: Hours,
    learn: Floats,
    weeks: Weeks,
    per_hour: int,
    settings: Settings,
    unlearned: Bools | None = None,
    factor: Floats | None = None,
) -> HourLimits:
    """Learn what is usual from the roll-ups of hours, and what is too much.

    Args:
        learn: what the baseline is learned from, shape (keys, hours): the hours' p95s where rises are looked for.
        weeks: where these hours stand.
        per_hour: buckets that an hour has room for.
        unlearned: shape (hours,), hours that are judged like any other, but that no rule learns anything from.
        factor: the level of each hour where it is known (`HourLimits.factor`); else it is learned.
    """
    past = Past(weeks, settings)
    seen = plain.learnable(learn, hours.count, per_hour, settings.min_share)
    sparse = np.isnan(seen)
    learned = seen if unlearned is None else np.where(unlearned, np.nan, seen)
    first, compared = past.weeks(learned)
    few = compared < settings.min_weeks
    if factor is None:
        factor = _levels(learned, first, past)
    expected, filled = _corrected(learned, first, factor, few, per_hour, past)
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
        filled=filled,
        factor=factor,
        bursty=np.zeros((len(base), 1), dtype=bool),
    )
    return _with_tail(limits, hours, per_hour, past) if "tail" in settings.rules else limits


class Past:
    """What an hour may be compared with: the other weeks, the weeks before, or all of them."""

    def __init__(self, grid: Weeks, settings: Settings) -> None:
        self.grid, self.settings = grid, settings

    def weeks(self, hourly: Floats) -> tuple[Floats, Ints]:
        """The percentile of the same slot in the weeks that may be learned from, and how many had it."""
        if self.settings.source == "trailing":
            return plain.weeks_before(hourly, self.grid, self.settings.percentile, self.settings.lookback)
        if self.settings.source == "original":
            return plain.every_week(hourly, self.grid, self.settings.percentile)
        baseline, learned = plain.other_weeks(hourly, self.grid, self.settings.percentile)
        if "recurring" in self.settings.rules:
            baseline = plain.agreeing(hourly, self.grid, baseline)
        return baseline, learned

    def filled(self, hourly: Floats, baseline: Floats, few: Bools) -> tuple[Floats, Bools]:
        """The baseline, with other days in place of too `few` weeks; and where that is."""
        if "days" not in self.settings.rules or self.settings.source != "retrospective":
            return baseline, np.zeros_like(few)
        days, learned = plain.other_days(hourly, self.grid)
        fill = few & (learned >= LEAST_DAYS)
        return np.where(fill, days, baseline), fill

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


def _levels(learned: Floats, baseline: Floats, past: Past) -> Floats:
    """The rule `level`: by what the level round each hour differs from the key's usual one."""
    if "level" not in past.settings.rules:
        return np.ones_like(baseline)
    if past.settings.source == "trailing":
        return level.lately(learned, baseline)
    return level.lasting(learned, past.grid, usual.IDLE_SHARE)


def _corrected(
    learned: Floats, baseline: Floats, factor: Floats, few: Bools, per_hour: int, past: Past
) -> tuple[Floats, Bools]:
    """The rules of what a baseline is; and where it was learned from days instead of weeks."""
    rules = past.settings.rules
    moved = (factor != 1.0).any(axis=1)
    if past.settings.source == "trailing":
        baseline = baseline * factor
    elif moved.any():
        baseline = baseline.copy()
        baseline[moved] = past.weeks(learned[moved] / factor[moved])[0] * factor[moved]
    if few.any():
        flat, filled = past.filled(learned / factor, baseline / factor, few)
        baseline = np.where(filled, flat * factor, baseline)
    else:
        filled = few
    if "pooled" in rules and per_hour < FEW_BUCKETS:
        baseline = usual.pooled(baseline)
    if "idle" in rules:
        weekly = past.all_of_it(learned / factor, lambda values: percentile(values, 95.0))
        baseline = usual.idle(baseline, usual.IDLE_SHARE * weekly * factor)
    return usual.edges(baseline) if "edges" in rules else baseline, filled


def _with_tail(limits: HourLimits, hours: Hours, per_hour: int, past: Past) -> HourLimits:
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

    peaks = MATCHES.level(hours, per_hour)
    if "artefacts" in rules:
        peaks = np.where(peaks > ARTEFACT * hours.p95, hours.p95, peaks)
    times, reached = rare(peaks)
    others = WAYS[1:] if "held" in rules else ()
    found = np.stack([wanted(times, reached), *(wanted(*rare(way.level(hours, per_hour))) for way in others)])
    bursty = limits.bursty
    if "bursty" in rules:
        bursty = times > BURSTY_REACH
        found = np.fmax(found, np.where(bursty, BURSTY_FACTOR * reached, 0.0))
    if "habit" in rules and past.settings.source == "retrospective":
        usually = np.where(np.isnan(limits.learned), np.nan, hours.p95) / some
        found = np.fmax(found, habit(usually, past.grid, multiple) * base)
    return replace(limits, limits=np.where(np.isnan(limit), np.nan, found), bursty=bursty)
