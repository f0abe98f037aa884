"""Which hours have to be looked at bucket by bucket to say how near the labels came, besides those of events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from analyzer.judging.blocks import JudgedBlock
from analyzer.kernels.ragged import ragged
from analyzer.model import Policy
from analyzer.verdict import LONGEST_EXTRA
from traffic.model import HOUR, Bools, Grid, Ints, Label

ROUNDED = 0.01
"""A percentage that is said is whole: what lies this little below what was reached passes it too."""


def looked_for(label: Label, policy: Policy) -> bool:
    """Whether a policy looks in the label's direction."""
    return policy.direction in ("both", label.direction)


def wanted_hours(labels: Mapping[str, Sequence[Label]], block: JudgedBlock) -> tuple[Ints, Ints]:
    """The hours whose buckets say how near the labels of a block came, where roll-ups do not decide it: rows, hours.

    Of a label that has to be found these are all around it: other policies are tried there. Of any other one, those
    where it can have come nearest. A label of all keys is looked at where the roll-ups of a key came nearest.
    """
    of_rows = [(row, label) for row, key in enumerate(block.query.keys) for label in labels.get(key, ())]
    of_all = [(row, label) for label in labels.get("", ()) if (row := nearest_row(label, block)) is not None]
    every = [*of_rows, *of_all]
    spans = np.array([(label.start, label.end) for _, label in every], dtype=np.int64).reshape(-1, 2)
    around = spans - block.query.window.start + np.array([-LONGEST_EXTRA, LONGEST_EXTRA + HOUR - 1])
    first, stop = (around // HOUR).clip(0, Grid.over(block.query.window, HOUR).count).T
    of, within = ragged(stop - first)
    hours = first[of] + within
    rows = np.array([row for row, _ in every], dtype=np.int64)[of]
    few = np.array([label.kind != "required" and label.direction == "above" for _, label in every], dtype=bool)[of]
    chosen = np.ones(len(of), dtype=bool)
    chosen[few] = _nearest(spans, of[few], rows[few], hours[few], block)
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


def _nearest(spans: Ints, of: Ints, row: Ints, hour: Ints, block: JudgedBlock) -> Bools:
    """Which hours round labels are those in which they can have come nearest, and in which that is an event.

    As many buckets as the policy asks for, together, are no higher than the highest of each hour that they lie in. And
    of an hour that lies inside as a whole, half of the buckets reach its median: cut into stretches of `within`, one of
    them has as many of these as are asked for, if there are enough. What is lower than the best median is not nearest.

    Args:
        spans: start and end of each label, shape (labels, 2).
        of: which of them each hour lies round, ascending: shape (hours,), as all that follows.
    """
    judged = next((one for one in block.judged if one.sign > 0), None)
    if judged is None or not len(of):
        return np.ones(len(of), dtype=bool)
    policy, there, at = block.policy, judged.rollup.hours, (row, hour)
    base = judged.baseline[at]
    usable = ~np.isnan(judged.threshold[at]) & (base > 0)
    times = np.where(usable, base, np.nan)
    starts, (start, end) = judged.rollup.grid.start + hour * HOUR, spans[of].T
    whole = (starts >= start) & (starts + HOUR <= end)
    stretches = -(-HOUR // policy.within)
    enough = there.count[at] > 2 * stretches * (policy.needed(block.query.resolution) - 1)
    sure = np.where(whole & enough, there.p50[at] / times, -np.inf)
    best = np.full(len(spans), -np.inf)
    begins = np.flatnonzero(np.diff(of, prepend=-1))
    best[of[begins]] = np.fmax.reduceat(np.fmax(sure, -np.inf), begins)
    highest = np.nan_to_num(there.maximum[at] / times, nan=-np.inf)
    chosen: Bools = highest >= best[of] - ROUNDED
    return chosen
