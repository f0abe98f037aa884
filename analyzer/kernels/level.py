"""A level that lasts is the new normal: from then on, traffic is compared with its own level, not with the old one.

Median polish of a two-way table, slots by time (Tukey, Exploratory Data Analysis, 1977, chapter 10), with running
medians for the times. A factor of 2, a week and three days were measured: docs/detection.md, "What each rule bought".
"""

from __future__ import annotations

import numpy as np

from analyzer.kernels.grid import Weeks
from analyzer.kernels.rollup import low_median, percentile
from traffic.model import Bools, Floats

CHANGE = 2.0
"""A level this many times higher or lower than the usual one is another level; anything less is noise or growth."""
STEADY = 1.05
"""What a level that moves one way moves in a week, at least."""
BLOCK = 3
"""Hours that share a level: a week of blocks is sorted nine times faster than a week of hours."""
_WEEK, _DAYS = 57, 25
"""Blocks round the judged one that decide: a week, and three days where the edge of a level is looked for."""
HOURS_BEFORE = 24


def lasting(hourly: Floats, weeks: Weeks, share: float) -> Floats:
    """By what factor the level round each hour differs from the key's usual one; 1 where that is less than `CHANGE`.

    The level is the median, over the week round the hour, of the p95s divided by what is usual for their slot; what is
    usual is the median over the weeks of the p95s divided by their level. Both are taken in turn (Tukey's median
    polish), at last over three days, so that an edge is found where it is; an event of a day does not move a level.

    Args:
        hourly: shape (keys, hours), NaN = nothing to learn.
        weeks: where these hours stand.
        share: hours whose slot is usually below this share of the key's weekly p95 say nothing about its level.
    """
    # A week holds every slot once, so a median over a week of p95s moves with the level alone, though not sharply.
    middle = low_median(hourly)[0][:, None]
    factor = running(hourly / np.where(middle > 0, middle, np.nan), _WEEK)
    seen = np.where(np.isnan(hourly), np.nan, 1.0)
    rows = np.arange(len(hourly))
    for span in (_WEEK, _DAYS):
        flat = hourly[rows] / factor[rows]
        usual = low_median(weeks.by_week(flat).transpose(0, 2, 1))[0][:, weeks.slot]
        least = share * percentile(flat, 95.0)[:, None]
        lively = np.where((usual >= least) & (usual > 0), flat, np.nan) / np.where(usual > 0, usual, 1)
        factor[rows] *= running(lively, span)
        # Where the level hardly moves there is nothing to sharpen.
        there = factor[rows] * seen[rows]
        rows = rows[np.fmax.reduce(there, axis=1) >= np.sqrt(CHANGE) * np.fmin.reduce(there, axis=1)]
    result = np.ones_like(hourly)
    moved = factor[rows] / low_median(factor[rows] * seen[rows])[0][:, None]
    one_way = _one_way(moved, seen[rows], weeks)
    result[rows] = np.where(one_way | (moved > CHANGE) | (moved < 1 / CHANGE), moved, 1.0)
    return result


def _one_way(moved: Floats, seen: Floats, weeks: Weeks) -> Bools:
    """Whether a level rises from week to week, or falls, all the time and much: it is followed everywhere then.

    A week of which nothing is known, as where the time asked for exceeds the traffic, is no step back.
    """
    known = ~np.isnan(weeks.by_seven_days(seen)).all(axis=2)
    by_week = np.where(known, low_median(weeks.by_seven_days(moved))[0], np.nan)
    before = np.maximum.accumulate(np.where(known, np.arange(known.shape[1]), 0), axis=1)[:, :-1]
    step = by_week[:, 1:] / np.take_along_axis(by_week, before, axis=1)
    compared = ~np.isnan(step)
    much = np.fmax.reduce(by_week, axis=1) > CHANGE * np.fmin.reduce(by_week, axis=1)
    steady = ((step > STEADY) | ~compared).all(axis=1) | ((step < 1 / STEADY) | ~compared).all(axis=1)
    result: Bools = (steady & much)[:, None]
    return result


def running(ratio: Floats, span: int) -> Floats:
    """The median of `ratio` over `span` blocks round each hour; 1 where less than a quarter of them is there."""
    keys, hours = ratio.shape
    count = -(-hours // BLOCK)
    blocks = np.full((keys, count * BLOCK), np.nan)
    blocks[:, :hours] = ratio
    padded = np.full((keys, count + span - 1), np.nan)
    padded[:, span // 2 : span // 2 + count] = low_median(blocks.reshape(keys, count, BLOCK))[0]
    middle, there = low_median(np.lib.stride_tricks.sliding_window_view(padded, span, axis=1))
    level = np.where((4 * there >= span) & (middle > 0), middle, 1.0)
    return np.repeat(level, BLOCK, axis=1)[:, :hours]


def lately(hourly: Floats, baseline: Floats) -> Floats:
    """The same for one who only knows the past: the median of the last 24 hours' p95s over their baselines."""
    ratio = hourly / np.where(baseline > 0, baseline, np.nan)
    padded = np.concatenate([np.full((len(ratio), HOURS_BEFORE), np.nan), ratio[:, :-1]], axis=1)
    middle, there = low_median(np.lib.stride_tricks.sliding_window_view(padded, HOURS_BEFORE, axis=1))
    known = (2 * there >= HOURS_BEFORE) & ((middle > CHANGE) | (middle < 1 / CHANGE)) & (middle > 0)
    return np.where(known, middle, 1.0)
