"""By what an amount differs from the usual: each value's part, so that the parts add up to the whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from traffic.model import Bools, Floats, Ints

ROUNDED = 1e-12


@dataclass(frozen=True, eq=False)
class Shares:
    """Arrays of shape (values,); sums over all values are those of what is known of the whole."""

    actual: Floats
    usual: Floats
    share: Floats
    """Of what the whole differs by; NaN where it differs by nothing. Negative where a value went the other way."""
    new: Bools
    """Whether a value is there now and was in none of the other weeks."""
    rest: float
    """The share that no value explains: 1 less all of them; NaN as above."""


def middle(totals: Floats) -> Ints:
    """Which of the other weeks are usual: of three and more not the highest quarter, of four and more not the lowest.

    Whole weeks are left out, not single values: a mean of the same weeks for each value adds up.

    Args:
        totals: shape (weeks,), of the same hours of each other week.
    """
    low = len(totals) // 4
    high = max(1, low) if len(totals) > 2 else 0
    return np.sort(np.argsort(totals, kind="stable")[low : len(totals) - high])


def shares(amounts: Floats, totals: Floats) -> Shares:
    """By which values a window differs from what the same hours of other weeks held on average.

    Args:
        amounts: shape (values, 1 + weeks), the window itself first.
        totals: shape (1 + weeks,), of everything, which values need not add up to; one other week at least.
    """
    chosen = 1 + middle(totals[1:])
    actual, usual = amounts[:, 0], amounts[:, chosen].mean(axis=1)
    whole = totals[0] - totals[chosen].mean()
    excess = actual - usual
    share = excess / whole if whole else np.full(len(actual), np.nan)
    new = (actual > 0) & ~(amounts[:, 1:] > 0).any(axis=1)
    rest = float(1 - share.sum()) if whole else float("nan")
    # What is added up in another order differs in the last bits, and says nothing.
    return Shares(actual, usual, share, new, 0.0 if abs(rest) < ROUNDED * np.abs(share).sum() else rest)
