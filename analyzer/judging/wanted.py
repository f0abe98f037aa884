"""Which hours have to be looked at bucket by bucket to say how near the labels came, besides those of events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from analyzer.judging.blocks import JudgedBlock
from analyzer.model import Policy
from analyzer.verdict import LONGEST_EXTRA
from traffic.model import HOUR, Grid, Ints, Label, Window


def looked_for(label: Label, policy: Policy) -> bool:
    """Whether a policy looks in the label's direction."""
    return policy.direction in ("both", label.direction)


def wanted_hours(labels: Mapping[str, Sequence[Label]], block: JudgedBlock) -> Iterator[tuple[int, Ints]]:
    """The hours whose buckets say how near the labels of a block came, where roll-ups do not decide it: row, hours.

    Of a label that has to be found these are all around it: other policies are tried there. Of any other one, only
    where it came nearest is told.
    """
    grid = Grid.over(block.query.window, HOUR)
    for row, key in enumerate(block.query.keys):
        for label in labels.get(key, ()):
            if not looked_for(label, block.policy):
                continue
            if label.kind == "required":
                hours = grid.slice(Window(label.start - LONGEST_EXTRA, label.end + LONGEST_EXTRA).widen(HOUR))
                found = np.arange(hours.start, max(hours.start, hours.stop))
            else:
                found = _nearest(label, block, row, grid)
            if len(found):
                yield row, found


def _nearest(label: Label, block: JudgedBlock, row: int, grid: Grid) -> Ints:
    """The hours of a label in which it can have come nearest.

    As many buckets as the policy asks for, together, are no higher than the highest of each hour that they lie in. And
    of an hour that lies inside as a whole, half of the buckets reach its median: cut into stretches of `within`, one of
    them has as many of these as are asked for, if there are enough. What is lower than the best median is not nearest.
    """
    sign = -1 if label.direction == "below" else 1
    judged = next((one for one in block.judged if one.sign == sign), None)
    inside = grid.slice(label.window.widen(HOUR))
    found = np.arange(inside.start, max(inside.start, inside.stop))
    if judged is None or not len(found):
        return found[:0]
    if sign < 0:
        return found
    policy, hours = block.policy, judged.rollup.hours
    base = judged.baseline[row, found]
    usable = ~np.isnan(judged.threshold[row, found]) & (base > 0)
    times = np.where(usable, base, np.nan)
    starts = grid.start + found * HOUR
    whole = (starts >= label.start) & (starts + HOUR <= label.end)
    stretches = -(-HOUR // policy.within)
    enough = hours.count[row, found] > 2 * stretches * (policy.needed(block.query.resolution) - 1)
    sure = np.where(whole & enough, hours.p50[row, found] / times, np.nan)
    best = np.nanmax(sure, initial=-np.inf)
    highest = np.nan_to_num(hours.maximum[row, found] / times, nan=-np.inf)
    chosen: Ints = found[highest >= best]
    return chosen
