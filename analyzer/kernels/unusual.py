"""What is plainly out of a key's own habit, though the stated percentage is far away.

Compared with is what a bucket of the hour usually is (the hours' medians, not their p95s), at the level that the day
has; the multiple is learned from the key's own past, as `tail` does it, from the upper half of its hours without the
top tenth: on a quiet key twenty minutes at 1.5 times the usual are an event to anybody who looks at them. Of small
counts, what chance passes is as usual as the median. All of it follows from hourly roll-ups, so it costs no query.
Figures were measured in docs/detection.md, section Classes.
"""

from __future__ import annotations

from dataclasses import replace
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
_DAY, _BLOCKS, _NEAR = 24, 9, 6
"""Hours before the judged one, or blocks of three round it, whose median is the day's level; and how many hours on
either side a value must stand out of."""


def unusual_of(hours: Hours, stated: HourLimits, weeks: Weeks, per_hour: int, settings: Settings) -> HourLimits:
    """What is usual, and what is unusual, by `limits`, shape (1, keys, hours): NaN where the key is not quiet.

    Args:
        stated: what `limits_of` made of the same hours by the stated policy.
        weeks: where these hours stand.
        per_hour: buckets that an hour has room for.
    """
    past, live = Past(weeks, settings), settings.source == "trailing"
    own = replace(settings, rules=BASELINE_RULES & set(settings.rules), floor=0.0, high=50.0)
    middles = np.where(np.isnan(stated.learned) & ~stated.sparse, np.nan, hours.p50)
    found = limits_of(hours, middles, weeks, per_hour, own, None, stated.factor)
    base = usual.beside(found.baseline, BESIDE)
    ratio = hours.p50 / _positive(base)
    day = _before(ratio, _DAY)[:, : ratio.shape[1]] if live else level.running(ratio, _BLOCKS)
    expected = base * np.fmax(day, 1.0)
    yard = np.fmax(expected, _chance(hours, expected, per_hour, alone=settings.alone) / LEAST)
    learnable = np.where(np.isnan(stated.learned), np.nan, _positive(yard))
    peaks = MATCHES.reached(hours, per_hour, alone=settings.alone)
    times = past.all_of_it(peaks / learnable, lambda values: tail.rare(values, EVERY, BODY, CENSORED))
    near = _beside(hours.p50, live=live)
    usual_peaks = np.where(stated.baseline > PEAKS * expected, LEAST * stated.baseline, settings.floor)
    limit = np.fmax.reduce([np.fmax(times, LEAST) * yard, usual_peaks, *(LEAST * beside for beside in near)])
    if "habit" in settings.rules and not live:
        limit = np.fmax(limit, habit(hours.high / learnable, weeks, QUIET) * yard)
    # What the rules already ask more for than the policy states is a busy key's: its bursts were looked at there.
    busy = stated.limits[0] > settings.threshold(stated.baseline)
    quiet = (times <= QUIET) & ~busy & ~np.isnan(expected)
    return replace(found, baseline=expected, limits=np.where(quiet, limit, np.nan)[None])


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
    found = _before(hourly, _NEAR)
    return [found[:, :hours]] if live else [found[:, :hours], found[:, _NEAR + 1 :]]


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
