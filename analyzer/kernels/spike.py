"""Two adjacent sliding windows, as in ElastAlert's spike rules."""

from __future__ import annotations

from typing import Literal

import numpy as np

from traffic.model import Bools, Floats, Ints

Window = Literal["sum", "avg", "max", "min"]
Turn = Literal["up", "down", "both"]


def sliding(values: Floats, width: int, how: Window) -> Floats:
    """The sum or mean of the `width` buckets that end with each one, shape (keys, buckets); NaN where all are missing.

    Args:
        values: shape (keys, buckets), NaN = missing. A sum takes what is missing for 0.
    """
    padded = np.pad(values, ((0, 0), (width - 1, 0)), constant_values=np.nan)
    there = ~np.isnan(padded)
    if how in ("max", "min"):
        views = np.lib.stride_tricks.sliding_window_view(padded, width, axis=1)
        found = np.fmax.reduce(views, axis=-1) if how == "max" else np.fmin.reduce(views, axis=-1)
        return np.asarray(found, dtype=np.float64)
    views = np.lib.stride_tricks.sliding_window_view(np.where(there, padded, 0.0), width, axis=1)
    # Added up anew for each: a running sum would keep what rounding leaves of a spike for ever.
    total, count = views.sum(axis=-1), np.lib.stride_tricks.sliding_window_view(there, width, axis=1).sum(axis=-1)
    total = np.where(count > 0, total, np.nan)
    return total if how == "sum" else total / np.maximum(count, 1)


def spikes(
    values: Floats, width: int, how: Window, height: float, turn: Turn, least_before: float, least_now: float
) -> tuple[Bools, Floats, Floats]:
    """Where the last `width` buckets are `height` times those before, or a `height`-th of them.

    Args:
        values: shape (keys, buckets).
        least_before, least_now: what both windows have to come to at least.

    Returns:
        Where, and what the window and the one before it come to: shapes (keys, buckets). Never before two windows have
        gone by since a key's first value, or its first one after so long a silence that it was forgotten.
    """
    now = sliding(values, width, how)
    before = np.full(values.shape, np.nan)
    before[:, width:] = now[:, : max(0, values.shape[1] - width)]
    if how == "sum":
        now, before = np.nan_to_num(now), np.where(np.isnan(before), 0.0, before)
    filled = _age(values, 2 * width) >= 2 * width
    enough = (now >= least_now) & (before >= least_before) & ((now > 0) | (before > 0))
    up, down = now >= before * height, now <= before / height
    passed = up if turn == "up" else down if turn == "down" else up | down
    return passed & enough & filled, now, before


def _age(values: Floats, forgotten: int) -> Ints:
    """Buckets since a key's first value; it is its first one again after more than `forgotten` buckets without.

    Returns:
        Shape (keys, buckets); -1 before the first value.
    """
    place = np.broadcast_to(np.arange(values.shape[1]), values.shape)
    there = ~np.isnan(values)
    before = np.full(values.shape, -forgotten - 1)
    before[:, 1:] = np.maximum.accumulate(np.where(there, place, -forgotten - 1), axis=1)[:, :-1]
    begins = there & (place - before > forgotten)
    began = np.maximum.accumulate(np.where(begins, place, -1), axis=1)
    return np.where(began >= 0, place - began, -1)
