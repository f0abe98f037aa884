"""Which hours have to be looked at bucket by bucket to say how near the labels came, besides those of events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from analyzer.judging.blocks import JudgedBlock
from analyzer.model import Policy
from analyzer.verdict import LONGEST_EXTRA
from traffic.model import HOUR, Grid, Ints, Label, Window

ROUNDED = 0.01
"""A percentage that is said is whole: what lies this little below what was reached passes it too."""


def looked_for(label: Label, policy: Policy) -> bool:
    """Whether a policy looks in the label's direction."""
    return policy.direction in ("both", label.direction)


def wanted_hours(labels: Mapping[str, Sequence[Label]], block: JudgedBlock) -> Iterator[tuple[int, Ints]]:
    """The hours whose buckets say how near the labels of a block came, where roll-ups do not decide it: row, hours.

    Of a label that has to be found these are all around it: other policies are tried there. Of any other one, those
    where it can have come nearest. A label of all keys is looked at where the roll-ups of a key came nearest.
    """
    grid = Grid.over(block.query.window, HOUR)
    of_rows = [(row, label) for row, key in enumerate(block.query.keys) for label in labels.get(key, ())]
    of_all = [(nearest_row(label, block), label) for label in labels.get("", ())]
    for row, label in (*of_rows, *of_all):
        found = _around(label, grid)
        if row is None or not len(found):
            continue
        if label.kind != "required" and label.direction == "above":
            found = _nearest(label, block, row, found)
        if len(found):
            yield row, found


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


def _around(label: Label, grid: Grid) -> Ints:
    hours = grid.slice(Window(label.start - LONGEST_EXTRA, label.end + LONGEST_EXTRA).widen(HOUR).clip(grid.window))
    return np.arange(hours.start, max(hours.start, hours.stop))


def _nearest(label: Label, block: JudgedBlock, row: int, around: Ints) -> Ints:
    """The hours round a label in which it can have come nearest, and in which that is an event.

    As many buckets as the policy asks for, together, are no higher than the highest of each hour that they lie in. And
    of an hour that lies inside as a whole, half of the buckets reach its median: cut into stretches of `within`, one of
    them has as many of these as are asked for, if there are enough. What is lower than the best median is not nearest.
    """
    judged = next((one for one in block.judged if one.sign > 0), None)
    if judged is None:
        return around
    policy, hours = block.policy, judged.rollup.hours
    base = judged.baseline[row, around]
    usable = ~np.isnan(judged.threshold[row, around]) & (base > 0)
    times = np.where(usable, base, np.nan)
    starts = judged.rollup.grid.start + around * HOUR
    whole = (starts >= label.start) & (starts + HOUR <= label.end)
    stretches = -(-HOUR // policy.within)
    enough = hours.count[row, around] > 2 * stretches * (policy.needed(block.query.resolution) - 1)
    sure = np.where(whole & enough, hours.p50[row, around] / times, np.nan)
    best = np.nanmax(sure, initial=-np.inf)
    highest = np.nan_to_num(hours.maximum[row, around] / times, nan=-np.inf)
    chosen: Ints = around[highest >= best - ROUNDED]
    return chosen
