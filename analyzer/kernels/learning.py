"""Learning from hours: what is usual, and what a key exceeds only now and then. A policy derives limits from it.

Separate from `limits`, because many policies derive different limits from what is learned once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeVar

import numpy as np

from analyzer.kernels import baseline as plain
from analyzer.kernels import level, tail, usual
from analyzer.kernels.grid import SLOTS, Weeks
from analyzer.kernels.habit import Habits, habits
from analyzer.kernels.rollup import percentile
from analyzer.kernels.ways import MATCHES, WAYS
from traffic.model import Bools, Floats, Hours, Ints

Learned = Literal["retrospective", "trailing", "original"]
Made = TypeVar("Made")

OF_USUAL = frozenset({"level", "recurring", "days", "pooled", "idle", "edges"})
"""The rules that determine the baseline ..."""
OF_RARE = frozenset({"artefacts", "held", "habit"})
"""... and those that learn from a key's peaks."""
FEW_BUCKETS = 4
ARTEFACT = 20.0
"""An hour whose second highest bucket is this many times its p95 tells nothing about the key's own peaks."""


@dataclass(frozen=True)
class Settings:
    """The settings of a policy that determine limits."""

    percentile: float
    """Percentile of the p95s of the weeks that are learned from."""
    multiple: float | Floats
    """Threshold / baseline: one for all keys, or one per key of shape (keys, 1)."""
    floor: float
    min_share: float
    """Share of an hour's buckets that must exist."""
    rules: Collection[str]
    """Names of `RULES`."""
    source: Learned
    min_weeks: int
    """With fewer other weeks than this, the rule `days` uses other days."""
    lookback: int
    """Number of earlier weeks that `trailing` learns from."""
    every: float
    """What is exceeded once in this many hours counts as rare."""
    width: int = 1
    """Number of hours that are rolled up together ..."""
    high: float = 95.0
    """... and the percentile of them that is learned from."""
    units: float = 0.0
    """Minimum distance of the threshold from the baseline, in the metric's unit."""
    needed: int = 2
    """Number of buckets that make an event ..."""
    within: int = 600
    """... that start within this many seconds."""

    @property
    def alone(self) -> bool:
        """Whether one bucket is enough for an event."""
        return self.needed == 1

    def threshold(self, baseline: Floats) -> Floats:
        """The threshold as the policy states it, before any rule."""
        return plain.threshold(baseline, self.multiple, self.floor, self.units)

    def times(self, baseline: Floats) -> Floats | float:
        """The stated threshold as a multiple of the baseline, without its floor."""
        return np.maximum(self.multiple, 1 + self.units / baseline) if self.units else self.multiple


@dataclass(frozen=True, eq=False)
class Usual:
    """What is usual in each hour, whatever limits a policy derives from it: arrays of shape (keys, hours)."""

    learned: Floats
    """The p95s that could be learned from; NaN where an hour has too few buckets, or must not be learned from."""
    sparse: Bools
    """Whether an hour has too few buckets."""
    weeks: Ints
    """Number of weeks that the baseline was learned from."""
    first: Floats
    """The baseline before the rules that correct it."""
    expected: Floats
    """The baseline, also of hours with too few buckets."""
    filled: Bools
    """Hours with too few other weeks, whose baseline was learned from other days."""
    factor: Floats
    """The level of each hour, as a multiple of the key's usual level."""
    weekly: Floats
    """The weekly p95 at the key's usual level, shape (keys, 1) or (keys, hours); NaN without the rule `idle`."""

    def rows(self, rows: Sequence[int]) -> Usual:
        """The same for some of the keys."""
        return Usual(**{name: array[rows] for name, array in vars(self).items()})

    @property
    def baseline(self) -> Floats:
        """NaN where the hour has too few buckets."""
        return np.where(self.sparse, np.nan, self.expected)


@dataclass(frozen=True, eq=False)
class Rare:
    """What a key exceeds only rarely, in each way: arrays of shape (ways, keys, hours), or (ways, keys, 1)."""

    times: Floats
    """As a multiple of the baseline."""
    reached: Floats
    """In the metric's unit."""
    habits: Habits | None

    @cached_property
    def volume(self) -> Floats:
        """A quarter of the times, three quarters of what is reached: times the fourth root of a baseline a level.

        Once for all policies that learn alike: of whole arrays, powers take longer than all else.
        """
        found: Floats = self.times**0.25 * np.maximum(self.reached, 0.0) ** 0.75
        return found

    def rows(self, rows: Sequence[int]) -> Rare:
        """The same for some of the keys."""
        own = None if self.habits is None else Habits(self.habits.middle[rows], self.habits.mostly[rows])
        return Rare(self.times[:, rows], self.reached[:, rows], own)

    def at(self, rows: Ints, hours: Ints, times_of_day: Ints) -> Rare:
        """The same of single hours: arrays of shape (ways, hours), habits of shape (hours,).

        Args:
            rows, hours: of which key, and which of its hours.
            times_of_day: of these hours, 0 to 23.
        """
        each = hours if self.times.shape[2] > 1 else 0
        own = None if self.habits is None else self.habits.at(rows, times_of_day)
        return Rare(self.times[:, rows, each], self.reached[:, rows, each], own)


class Kept:
    """The last result of each stage and its arguments: policies in an order that changes little share most of the work.

    For a fixed set of hours, time zone and calendar.
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[Any, Any]] = {}

    def get(self, stage: str, asked: Any, make: Callable[[], Made]) -> Made:
        """The last result, if the arguments are the same; otherwise a new one."""
        if stage not in self._last or self._last[stage][0] != asked:
            self._last[stage] = (asked, make())
        answer: Made = self._last[stage][1]
        return answer

    def rows(self, rows: Sequence[int]) -> Kept:
        """The same of some of the keys."""
        found = Kept()
        found._last = {
            stage: (asked, answer[rows] if isinstance(answer, np.ndarray) else answer.rows(rows))
            for stage, (asked, answer) in self._last.items()
        }
        return found


def learned_from(
    hours: Hours,
    learn: Floats,
    per_hour: int,
    past: Past,
    unlearned: Bools | None,
    factor: Floats | None,
    kept: Kept,
) -> Usual:
    """What is usual: the plain baseline, corrected by the rules."""
    settings = past.settings
    seen = plain.learnable(learn, hours.count, per_hour, settings.min_share)
    learned = seen if unlearned is None else np.where(unlearned, np.nan, seen)
    if settings.width > 1:
        learned = plain.widened(learned, past.grid, settings.width, settings.high)
    first, compared = past.weeks(learned)
    few = compared < settings.min_weeks
    if factor is None:
        factor = _levels(learned, first, past, kept)
    weekly = np.full((len(learned), 1), np.nan)
    if "idle" in settings.rules:
        weekly = past.all_of_it(learned / factor, lambda values: percentile(values, 95.0))
    expected, filled = _corrected(learned, first, factor, few, per_hour, weekly, past)
    return Usual(
        learned=learned,
        sparse=np.isnan(seen),
        weeks=compared,
        first=first,
        expected=expected,
        filled=filled,
        factor=factor,
        weekly=weekly,
    )


class Past:
    """The weeks that an hour may be compared with: the others, earlier ones, or all of them."""

    def __init__(self, grid: Weeks, settings: Settings) -> None:
        self.grid, self.settings = grid, settings
        self.lookback = settings.lookback * (1 if grid.slots == SLOTS["week"] else 7)

    def weeks(self, hourly: Floats) -> tuple[Floats, Ints]:
        """The percentile of the same slot in the weeks to learn from, and the number of weeks that had it."""
        if self.settings.source == "trailing":
            return plain.weeks_before(hourly, self.grid, self.settings.percentile, self.lookback)
        if self.settings.source == "original":
            return plain.every_week(hourly, self.grid, self.settings.percentile)
        baseline, learned = plain.other_weeks(hourly, self.grid, self.settings.percentile)
        if "recurring" in self.settings.rules:
            baseline = plain.agreeing(hourly, self.grid, baseline)
        return baseline, learned

    def filled(self, hourly: Floats, baseline: Floats, few: Bools) -> tuple[Floats, Bools]:
        """The baseline, with other days where there are too `few` weeks; and where that is."""
        if "days" not in self.settings.rules or self.settings.source != "retrospective":
            return baseline, np.zeros_like(few)
        days, learned = plain.other_days(hourly, self.grid)
        fill = few & (learned >= plain.LEAST_DAYS)
        return np.where(fill, days, baseline), fill

    def all_of_it(self, hourly: Floats, what: Callable[[Floats], Floats]) -> Floats:
        """A figure of all hours that may be learned from: shape (keys, 1), or (keys, hours) where that is the past."""
        if self.settings.source != "trailing":
            return what(hourly)[:, None]
        cube = self.grid.by_week(hourly)
        result = np.full(cube.shape, np.nan)
        for week in range(1, cube.shape[1]):
            before = cube[:, max(0, week - self.lookback) : week]
            result[:, week] = what(before.reshape(len(cube), -1))[:, None]
        spread: Floats = self.grid.by_hour(result)
        return spread

    def rarely(self, hourly: Floats) -> Floats:
        """The level that is exceeded once in `every` hours."""
        return self.all_of_it(hourly, lambda values: tail.rare(values, self.settings.every))


def _levels(learned: Floats, baseline: Floats, past: Past, kept: Kept) -> Floats:
    """The rule `level`: by what the level round each hour differs from the key's usual one."""
    if "level" not in past.settings.rules:
        return np.ones_like(baseline)
    if past.settings.source == "trailing":
        return level.lately(learned, baseline)
    # Of all that is learned this takes longest, and depends on least.
    asked = (past.settings.min_share, past.settings.width, past.settings.high)
    return kept.get("lasting", asked, lambda: level.lasting(learned, past.grid, usual.IDLE_SHARE))


def _corrected(
    learned: Floats, baseline: Floats, factor: Floats, few: Bools, per_hour: int, weekly: Floats, past: Past
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
        baseline = usual.idle(baseline, usual.IDLE_SHARE * weekly * factor)
    return usual.edges(baseline) if "edges" in rules else baseline, filled


def rare_of(usually: Usual, hours: Hours, per_hour: int, past: Past) -> Rare:
    """What is ordinary for a key, even if it is above the threshold."""
    rules, base = past.settings.rules, usually.baseline
    some = np.where(base > 0, base, np.nan)
    unknown = np.isnan(usually.learned)
    alone = past.settings.alone
    peaks = MATCHES.reached(hours, per_hour, alone=alone)
    if "artefacts" in rules:
        peaks = np.where(peaks > ARTEFACT * hours.high, hours.high, peaks)
    others = [way.reached(hours, per_hour, alone=alone) for way in (WAYS[1:] if "held" in rules else ())]
    seen = [np.where(unknown, np.nan, held) for held in (peaks, *others)]
    habitual = "habit" in rules and past.settings.source == "retrospective"
    return Rare(
        times=np.stack([past.rarely(held / some) for held in seen]),
        reached=np.stack([past.rarely(held) for held in seen]),
        habits=habits(np.where(unknown, np.nan, hours.high) / some, past.grid) if habitual else None,
    )
