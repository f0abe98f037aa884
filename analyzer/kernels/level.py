"""A level that lasts is a new normal: after it, traffic is compared with its own height, not with the old one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analyzer.kernels.grid import by_week, slots
from analyzer.kernels.rollup import low_median, percentile

Floats = NDArray[np.float64]

CHANGE = 2.0
"""A level this many times higher or lower than the usual one is another level; anything less is noise or growth."""
_ROUNDS = 3
_BLOCK = 3
"""Hours that share a level: a week of blocks is sorted nine times faster than a week of hours."""
_SPAN = 57
"""Blocks round the judged one that decide: a week. Half of it has to be high before the level is."""
_ENOUGH = 14
"""Blocks that must be there for a level: a quarter of them."""
_HOURS_BEFORE = 24


def lasting(hourly: Floats, start: int, share: float) -> Floats:
    """By what factor the level round each hour differs from the key's usual one; 1 where that is less than `CHANGE`.

    The level is the median, over the week round the hour, of the p95s divided by what is usual for their slot. Slot
    medians mix the levels, so both are taken in turn a few times (Tukey's median polish). An edge stays an edge: a
    median over a week moves when the level does, and an event of a day or two does not move it.

    Args:
        hourly: shape (keys, hours), NaN = nothing to learn.
        start: of the first hour, epoch seconds.
        share: hours whose slot is usually below this share of the key's weekly p95 say nothing about its level.
    """
    factor = np.ones_like(hourly)
    rows = np.arange(len(hourly))
    for turn in range(_ROUNDS):
        flat = hourly[rows] / factor[rows]
        usual = low_median(by_week(flat, start).transpose(0, 2, 1))[0][:, slots(start, flat.shape[1])]
        least = share * percentile(flat, 95.0)[:, None]
        factor[rows] *= _running(np.where((usual >= least) & (usual > 0), flat, np.nan) / np.where(usual > 0, usual, 1))
        if turn == 0:
            # Where the level hardly moves there is nothing to polish.
            rows = np.flatnonzero(factor.max(axis=1) >= np.sqrt(CHANGE) * factor.min(axis=1))
    result = np.ones_like(hourly)
    moved = factor[rows] / low_median(np.where(np.isnan(hourly[rows]), np.nan, factor[rows]))[0][:, None]
    result[rows] = np.where((moved > CHANGE) | (moved < 1 / CHANGE), moved, 1.0)
    return result


def _running(ratio: Floats) -> Floats:
    """The median of `ratio` over the week round each hour; 1 where too little is there."""
    keys, hours = ratio.shape
    count = -(-hours // _BLOCK)
    blocks = np.full((keys, count * _BLOCK), np.nan)
    blocks[:, :hours] = ratio
    padded = np.full((keys, count + _SPAN - 1), np.nan)
    padded[:, _SPAN // 2 : _SPAN // 2 + count] = low_median(blocks.reshape(keys, count, _BLOCK))[0]
    middle, there = low_median(np.lib.stride_tricks.sliding_window_view(padded, _SPAN, axis=1))
    level = np.where((there >= _ENOUGH) & (middle > 0), middle, 1.0)
    return np.repeat(level, _BLOCK, axis=1)[:, :hours]


def lately(hourly: Floats, baseline: Floats) -> Floats:
    """The same for one who only knows the past: the median of the last 24 hours' p95s over their baselines."""
    ratio = hourly / np.where(baseline > 0, baseline, np.nan)
    padded = np.concatenate([np.full((len(ratio), _HOURS_BEFORE), np.nan), ratio[:, :-1]], axis=1)
    middle, there = low_median(np.lib.stride_tricks.sliding_window_view(padded, _HOURS_BEFORE, axis=1))
    known = (2 * there >= _HOURS_BEFORE) & ((middle > CHANGE) | (middle < 1 / CHANGE)) & (middle > 0)
    return np.where(known, middle, 1.0)
