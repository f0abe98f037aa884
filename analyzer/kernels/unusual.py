"""What is clearly unusual for a key, although it stays far below the stated percentage.

Compared with is what a bucket of the hour usually is (the hours' medians, not their p95s), at the level that the day
has; the multiple is learned from the key's own past, as `tail` does it, from the upper half of its hours without the
top tenth: on a quiet key twenty minutes at 1.5 times the usual are an event to anybody who looks at them. Of small
counts, what chance passes is as usual as the median. All of it follows from hourly roll-ups, so it costs no query.
Figures were measured in docs/detection.md, section Classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import comb

import numpy as np

from analyzer.kernels import counts, level, tail, usual
from analyzer.kernels.grid import Weeks
from analyzer.kernels.habit import habit
from analyzer.kernels.learning import Past, Settings
from analyzer.kernels.limits import HourLimits, limits_of
from analyzer.kernels.rollup import FEW, lerp, middles, percentile
from analyzer.kernels.ways import MATCHES
from traffic.model import Floats, Hours

LEAST = 1.25
"""No multiple is less; this much a value must stand out of the hours before and after as well."""
QUIET = 2.0
"""A key whose own multiple is more is not quiet: there the stated policy says what is an event."""
EVERY = 3 * 168.0
"""Hours between two that pass what counts as rare."""
PEAKS = 1.5
"""An hour whose usual p95 is so many times the expected has peaks of its own, which do not show in medians."""
BODY, CENSORED = 50.0, 90.0
BESIDE = 0.8
"""The usual of an hour is at least this share of that of the hours before and after: days are not alike to the hour."""
BASELINE_RULES = frozenset({"level", "recurring", "days", "idle"})
DAY_HOURS, DAY_BLOCKS, NEAR = 24, 9, 6
"""Hours before the judged one, or blocks of three round it, whose median is the day's level; and how many hours on
either side a value must stand out of."""


@dataclass(frozen=True, eq=False)
class Unusual:
    """What is unusual, and the figures it was computed from: arrays of shape (keys, hours), or (keys, 1)."""

    medians: HourLimits
    """What the medians of the hours teach: `baseline`, before what the hours beside it say."""
    base: Floats
    """That baseline, at least `BESIDE` of those of the hours before and after."""
    day: Floats
    """The level of the day, in times of the base; NaN where it is not known."""
    expected: Floats
    """base x day, where that is more."""
    chance: Floats
    """What small counts pass by chance; 0 for what is not counted."""
    times: Floats
    """What the key itself passes once in `EVERY` hours, in times of what is expected."""
    peaks: Floats
    """What usual peaks ask for, or the floor."""
    near: tuple[Floats, ...]
    """The median of the hours before and, but for who only knows the past, after."""
    habit: Floats
    """What the key does on most days, in times of what is expected; 0 where nothing."""
    limit: Floats
    """The highest of all these; NaN where the key is not quiet."""

    @property
    def limits(self) -> HourLimits:
        """As `limits_of` gives them."""
        return replace(self.medians, baseline=self.expected, limits=self.limit[None])


def unusual_of(hours: Hours, stated: HourLimits, weeks: Weeks, per_hour: int, settings: Settings) -> Unusual:
    """What is usual, and what is unusual: NaN where the key is not quiet.

    Args:
        stated: what `limits_of` made of the same hours by the stated policy.
        weeks: where these hours stand.
        per_hour: buckets that an hour has room for.
    """
    past, live = Past(weeks, settings), settings.source == "trailing"
    own = settings_of_medians(settings)
    found = limits_of(hours, learned_medians(hours, stated), weeks, per_hour, own, None, stated.factor)
    base = usual.beside(found.baseline, BESIDE)
    ratio = hours.p50 / _positive(base)
    day = _before(ratio, DAY_HOURS)[:, : ratio.shape[1]] if live else level.running(ratio, DAY_BLOCKS)
    expected = base * np.fmax(day, 1.0)
    chance = _chance(hours, expected, per_hour, alone=settings.alone)
    yard = np.fmax(expected, chance / LEAST)
    learnable = np.where(np.isnan(stated.learned), np.nan, _positive(yard))
    reached = MATCHES.reached(hours, per_hour, alone=settings.alone)
    times = past.all_of_it(reached / learnable, lambda values: tail.rare(values, EVERY, BODY, CENSORED))
    near = tuple(_beside(hours.p50, live=live))
    peaks = np.where(stated.baseline > PEAKS * expected, LEAST * stated.baseline, settings.floor)
    limit = np.fmax.reduce([np.fmax(times, LEAST) * yard, peaks, *(LEAST * beside for beside in near)])
    habits = np.zeros((1, 1))
    if "habit" in settings.rules and not live:
        habits = habit(hours.high / learnable, weeks, QUIET)
        limit = np.fmax(limit, habits * yard)
    # What the rules already ask more for than the policy states is a busy key's: its bursts were looked at there.
    busy = stated.limits[0] > settings.threshold(stated.baseline)
    quiet = (times <= QUIET) & ~busy & ~np.isnan(expected)
    return Unusual(
        medians=found,
        base=base,
        day=day,
        expected=expected,
        chance=chance,
        times=times,
        peaks=peaks,
        near=near,
        habit=habits,
        limit=np.where(quiet, limit, np.nan),
    )


def settings_of_medians(settings: Settings) -> Settings:
    """The settings by which the baseline of the medians is learned."""
    return replace(settings, rules=BASELINE_RULES & set(settings.rules), floor=0.0, high=50.0)


def learned_medians(hours: Hours, stated: HourLimits) -> Floats:
    """What it is learned from; NaN where the stated policy must not learn."""
    return np.where(np.isnan(stated.learned) & ~stated.sparse, np.nan, hours.p50)


def _chance(hours: Hours, expected: Floats, per_hour: int, *, alone: bool) -> Floats:
    """What small counts pass by chance once in `EVERY` hours, with two buckets of one; 0 for what is not counted."""
    counted = counts.are_counts(hours)
    if not counted.any():
        return np.zeros(1)
    needed = min(per_hour, 1 if alone else 2)
    rarely = (1 / EVERY / comb(per_hour, needed)) ** (1 / needed)
    return np.where(counted, counts.passed(counts.mean_under(expected, 0.5), rarely), 0.0)


def _positive(values: Floats) -> Floats:
    return np.where(values > 0, values, np.nan)


def _beside(hourly: Floats, *, live: bool) -> list[Floats]:
    """The medians of the hours before each and, but for who only knows the past, after it; NaN where nothing is."""
    hours = hourly.shape[1]
    found = _before(hourly, NEAR)
    return [found[:, :hours]] if live else [found[:, :hours], found[:, NEAR + 1 :]]


def _before(hourly: Floats, count: int) -> Floats:
    """The median of the `count` hours before each hour, and before so many more after the last one, and one."""
    keys, hours = hourly.shape
    padded = np.full((keys, hours + 2 * count), np.nan)
    padded[:, count : count + hours] = hourly
    windows = np.lib.stride_tricks.sliding_window_view(padded, count, axis=1)
    if count > FEW:
        return percentile(windows, 50.0)
    low, high, _ = middles(windows)
    return lerp(low, high, 0.5)
