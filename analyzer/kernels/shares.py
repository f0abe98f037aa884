"""Which values account for the difference of an amount or a mean from the usual; the parts add up to the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from traffic.model import Bools, Floats, Ints

ROUNDED = 1e-12


@dataclass(frozen=True, eq=False)
class Shares:
    """The parts of the values: arrays of shape (values,), or (values, 2) for now and usually."""

    amounts: Floats
    rows: Floats | None
    """Of how many rows the amounts are; None of an amount that is split as it is."""
    excess: Floats
    """The part of each in what the whole differs by."""
    share: Floats
    """Of what the whole differs by; NaN where it differs by nothing. Negative where a value went the other way."""
    new: Bools
    """Whether a value is there now and was in none of the other weeks."""
    rest: float
    """The share that no value explains: 1 less all of them; NaN as above."""
    weight: Floats
    """Of what there usually is, how much is of each value, in rows where these are known."""
    rate: Floats | None = None
    """Of a mean: what of the excess is a value's own mean that changed ..."""
    mix: Floats | None = None
    """... and what is that it has more or fewer of the rows. Both are the excess."""

    @property
    def there(self) -> Bools:
        """Whether a value occurs, now or usually: shape (values,)."""
        found: Bools = ((self.amounts if self.rows is None else self.rows) != 0).any(axis=1)
        return found

    def levels(self, places: Sequence[int] | Ints) -> tuple[float, float]:
        """What some values come to together, now and usually: a sum; of a mean their mean, NaN of no rows."""
        now, before = self.amounts[places].sum(axis=0).tolist()
        if self.rate is None or self.rows is None:
            return now, before
        rows, rows_before = self.rows[places].sum(axis=0).tolist()
        return now / rows if rows else float("nan"), before / rows_before if rows_before else float("nan")


def middle(totals: Floats) -> Ints:
    """Which of the other weeks are usual: with three or more not the highest quarter, with four or more not the lowest.

    Whole weeks are left out, not single values: a mean of the same weeks for each value adds up.

    Args:
        totals: shape (weeks,), of the same hours of each other week.
    """
    low = len(totals) // 4
    high = max(1, low) if len(totals) > 2 else 0
    return np.sort(np.argsort(totals, kind="stable")[low : len(totals) - high])


def shares(amounts: Floats, totals: Floats, rows: Floats | None = None, all_rows: Floats | None = None) -> Shares:
    """Which values account for the difference of a window from the average of the same hours of other weeks.

    Args:
        amounts: shape (values, 1 + weeks), the window itself first.
        totals: shape (1 + weeks,), of everything, which values need not add up to; one other week at least.
        rows: as `amounts`, where these are counts of some of them: they say how much there is of a value.
        all_rows: as `totals`, with `rows`.
    """
    chosen = 1 + middle(totals[1:])
    both = _now_and_usual(amounts, chosen)
    return _found(
        both,
        None if rows is None else _now_and_usual(rows, chosen),
        both[:, 0] - both[:, 1],
        float(totals[0] - totals[chosen].mean()),
        _new(amounts if rows is None else rows),
        _part(both[:, 1], totals, chosen)
        if rows is None or all_rows is None
        else _part(rows[:, chosen].mean(axis=1), all_rows, chosen),
    )


def mean_shares(amounts: Floats, totals: Floats, rows: Floats, all_rows: Floats) -> Shares:
    """Which values account for the difference of a mean (or an error share) from that of the same hours of other weeks.

    A value with w of the rows and a mean of r, usually w0 and r0 of all R0, has the rate effect w (r - r0) and the mix
    effect (w - w0) (r0 - R0), which add up to the difference of the means of all. One that is new has r0 = R0: all of
    it is rate.

    Args:
        amounts: shape (values, 1 + weeks): sums of what the mean is of, the window itself first.
        totals: shape (1 + weeks,), of everything.
        rows: how many rows the amounts are of, as `amounts`.
        all_rows: as `totals`, above 0.
    """
    chosen = 1 + middle(totals[1:] / all_rows[1:])
    both, counts = _now_and_usual(amounts, chosen), _now_and_usual(rows, chosen)
    (now, before), (count, count_before) = ((float(one[0]), float(one[chosen].mean())) for one in (totals, all_rows))
    mean, usual = now / count, before / count_before
    weight, weight_before = counts[:, 0] / count, counts[:, 1] / count_before
    own = np.divide(both[:, 0], counts[:, 0], out=np.zeros(len(both)), where=counts[:, 0] > 0)
    own_before = np.divide(both[:, 1], counts[:, 1], out=np.full(len(both), usual), where=counts[:, 1] > 0)
    rate, mix = weight * (own - own_before), (weight - weight_before) * (own_before - usual)
    return _found(both, counts, rate + mix, mean - usual, _new(rows), weight_before, rate, mix)


def _now_and_usual(amounts: Floats, chosen: Ints) -> Floats:
    return np.stack([amounts[:, 0], amounts[:, chosen].mean(axis=1)], axis=1)


def _new(amounts: Floats) -> Bools:
    found: Bools = (amounts[:, 0] > 0) & ~(amounts[:, 1:] > 0).any(axis=1)
    return found


def _part(usual: Floats, totals: Floats, chosen: Ints) -> Floats:
    whole = totals[chosen].mean()
    return usual / whole if whole else np.zeros(len(usual))


def _found(
    amounts: Floats,
    rows: Floats | None,
    excess: Floats,
    whole: float,
    new: Bools,
    weight: Floats,
    rate: Floats | None = None,
    mix: Floats | None = None,
) -> Shares:
    share = excess / whole if whole else np.full(len(excess), np.nan)
    rest = float(1 - share.sum()) if whole else float("nan")
    # What is added up in another order differs in the last bits, and says nothing.
    rest = 0.0 if abs(rest) < ROUNDED * np.abs(share).sum() else rest
    return Shares(
        amounts=amounts,
        rows=rows,
        excess=excess,
        share=share,
        new=new,
        rest=rest,
        weight=weight,
        rate=rate,
        mix=mix,
    )
