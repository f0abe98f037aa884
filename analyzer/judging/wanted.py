"""Which hours have to be looked at bucket by bucket to say how near the labels came, besides those of events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from analyzer.judging.blocks import Aside, JudgedBlock, Known, in_both
from analyzer.judging.judged import Judged, highest
from analyzer.kernels.baseline import suspects
from analyzer.kernels.ragged import ragged
from analyzer.model import Policy
from analyzer.verdict import LONGEST_EXTRA
from traffic.model import HOUR, Bools, Direction, Grid, Ints, Label

ROUNDED = 0.01 + 1e-9
"""A percentage that is said is whole: what lies this little below what was reached passes it too. Rounding decides
nothing."""


def looked_for(label: Label, policy: Policy) -> bool:
    """Whether a policy looks in the label's direction."""
    return policy.direction in ("both", label.direction)


def labelled(labels: Mapping[str, Sequence[Label]], block: JudgedBlock) -> list[tuple[int, Label]]:
    """The labels of a block, each with the row of its key; one of all keys with the row whose roll-ups came nearest."""
    of_rows = [(row, label) for row, key in enumerate(block.query.keys) for label in labels.get(key, ())]
    return [*of_rows, *((row, label) for label in labels.get("", ()) if (row := nearest_row(label, block)) is not None)]


def aside_of(labels: Sequence[tuple[int, Label]], block: JudgedBlock, known: Known) -> Aside | None:
    """The keys of a block with labels in whose direction its policy does not look, by one that does; None: no key.

    Args:
        labels: as `labelled` finds them.
    """
    rows = sorted({row for row, label in labels if not looked_for(label, block.policy)})
    return in_both(block, known, rows) if rows else None


def wanted_hours(labels: Sequence[tuple[int, Label]], block: JudgedBlock, aside: Aside | None) -> tuple[Ints, Ints]:
    """The hours whose buckets say how near the labels of a block came, where roll-ups do not decide it: rows, hours.

    Of a label that has to be found these are all around it: other policies are tried there. Of any other one, those
    where it can have come nearest. A label of all keys is looked at where the roll-ups of a key came nearest.

    Args:
        labels: as `labelled` finds them.
        aside: as `aside_of` finds it.
    """
    spans = np.array([(label.start, label.end) for _, label in labels], dtype=np.int64).reshape(-1, 2)
    around = spans - block.query.window.start + np.array([-LONGEST_EXTRA, LONGEST_EXTRA + HOUR - 1])
    first, stop = (around // HOUR).clip(0, Grid.over(block.query.window, HOUR).count).T
    of, within = ragged(stop - first)
    hours = first[of] + within
    rows = np.array([row for row, _ in labels], dtype=np.int64)[of]
    chosen = np.ones(len(of), dtype=bool)
    for direction in ("above", "below"):
        own = [label.kind != "required" and label.direction == direction for _, label in labels]
        few = np.array(own, dtype=bool)[of]
        if not few.any():
            continue
        if block.policy.direction in ("both", direction):
            chosen[few] = _nearest(spans, of[few], rows[few], hours[few], block, direction)
        elif aside is not None:
            there = np.searchsorted(aside.rows, rows[few])
            nearest = _nearest(spans, of[few], there, hours[few], aside.block, direction)
            # Nobody has looked there for events of this direction, and one may be what stands in the way.
            chosen[few] = nearest | _may_breach(there, hours[few], aside.block, direction)
    return rows[chosen], hours[chosen]


def nearest_row(label: Label, block: JudgedBlock) -> int | None:
    """The key of a block whose roll-ups came nearest to being an event in a label's time; None: none is judged."""
    sign = -1 if label.direction == "below" else 1
    judged = next((one for one in block.judged if one.sign == sign), block.judged[0])
    grid = judged.rollup.grid
    hours = grid.slice(label.window.widen(HOUR).clip(grid.window))
    usual = np.abs(judged.baseline[:, hours])
    part = (judged.rollup.hours.minimum if sign < 0 else judged.rollup.hours.second)[:, hours]
    times = np.where(usual > 0, sign * part / np.where(usual > 0, usual, 1.0), np.nan)
    if np.isnan(times).all():
        return None
    return int(np.argmax(np.nan_to_num(times, nan=-np.inf).max(axis=1)))


def _may_breach(row: Ints, hour: Ints, block: JudgedBlock, direction: Direction) -> Bools:
    """Which of these hours can hold a breach."""
    judged = _judged(block, direction)
    found: Bools = suspects(highest(judged, block.query.resolution)[row, hour], judged.threshold[row, hour])
    return found


def _judged(block: JudgedBlock, direction: Direction) -> Judged:
    """What the policy of a block states for a direction that it looks in."""
    return next(one for one in block.judged if one.raises == "policy" and (one.sign < 0) == (direction == "below"))


def _nearest(spans: Ints, of: Ints, row: Ints, hour: Ints, block: JudgedBlock, direction: Direction) -> Bools:
    """Which hours round labels are those in which they can have come nearest, and in which that is an event.

    As many buckets as the policy asks for, together, are no higher than the highest of each hour that they lie in. And
    of an hour that lies inside as a whole, half of the buckets reach its median, and as many lie no higher than that:
    cut into stretches of `within`, one of them has as many of these as are asked for, if there are enough. What is
    lower than the best median is not nearest, and of falls what is higher than the lowest one.

    Args:
        spans: start and end of each label, shape (labels, 2).
        of: which of them each hour lies round, ascending: shape (hours,), as all that follows.
        direction: of the labels; the policy of the block looks in it.
    """
    judged, policy, resolution, at = _judged(block, direction), block.policy, block.query.resolution, (row, hour)
    there, sign = judged.rollup.hours, judged.sign
    base = sign * judged.baseline[at]
    usable = ~np.isnan(judged.threshold[at]) & (base > 0)
    times = np.where(usable, base, np.nan)
    starts, (start, end) = judged.rollup.grid.start + hour * HOUR, spans[of].T
    whole = (starts >= start) & (starts + HOUR <= end)
    stretches = -(-HOUR // policy.within)
    enough = there.count[at] > 2 * stretches * (policy.needed(resolution) - 1)
    sure = np.where(whole & enough, sign * there.p50[at] / times, -np.inf)
    best = np.full(len(spans), -np.inf)
    begins = np.flatnonzero(np.diff(of, prepend=-1))
    best[of[begins]] = np.fmax.reduceat(np.fmax(sure, -np.inf), begins)
    top = np.nan_to_num(highest(judged, resolution)[at] / times, nan=-np.inf)
    chosen: Bools = top >= best[of] - ROUNDED
    return chosen
