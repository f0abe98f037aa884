"""Where a label came nearest to being an event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analyzer.judging.blocks import JudgedBlock
from analyzer.judging.breaches import Piece, fill_of
from analyzer.judging.judged import Judged
from analyzer.kernels.breach import held
from traffic.model import HOUR, Bools, Floats, Grid, Label, Window


@dataclass(frozen=True)
class Near:
    """Where a label came nearest to its limit: times the baseline, what was asked there, and the value."""

    ratio: float
    asked: float
    value: float
    buckets: int
    """That held it: fewer than the policy asks for where the label's time has no more."""
    judged: bool
    """Whether that hour was judged."""


def nearest(label: Label, row: int, block: JudgedBlock, pieces: Sequence[Piece], looked: Window) -> Near | None:
    """The most that as many buckets as the policy asks for reached, inside a label's time; of a fall the least.

    Args:
        row: of the key in the block, which is judged in the label's direction.
        pieces: buckets of this key alone.

    Returns:
        None where no bucket has anything to be compared with.
    """
    sign = -1 if label.direction == "below" else 1
    judged = next(one for one in block.judged if one.sign == sign and one.raises == "policy")
    resolution, policy = block.query.resolution, block.policy
    grid = Grid.over(label.window.widen(resolution).clip(looked), resolution)
    values = _values(grid, row, judged, pieces)
    hours = np.clip((grid.times() - judged.rollup.grid.start) // HOUR, 0, judged.rollup.grid.count - 1)
    base, limit = (sign * array[row, hours] for array in (judged.baseline, judged.limits[0]))
    known = base > 0
    times: Floats = sign * np.divide(values, base, out=np.full(grid.count, np.nan), where=known)
    decided: Bools = known & ~np.isnan(judged.threshold[row, hours])
    inside = -(-policy.within // resolution)
    for usable in (decided, known):
        ratio = np.where(usable, times, np.nan)
        for buckets in range(policy.needed(resolution), 0, -1):
            place = held(ratio, buckets, inside)
            if place is not None:
                stated = 1 - policy.under_percent / 100 if sign < 0 else policy.multiple
                asked = float(limit[place] / base[place])
                return Near(
                    ratio=float(sign * ratio[place]),
                    asked=stated if np.isnan(asked) else asked,
                    value=float(values[place]),
                    buckets=buckets,
                    judged=usable is decided,
                )
    return None


def _values(grid: Grid, row: int, judged: Judged, pieces: Sequence[Piece]) -> Floats:
    """The buckets as they count: what is missing may be nothing."""
    found = np.full(grid.count, np.nan)
    for _, matrix in pieces:
        filled = np.where(np.isnan(matrix.values), fill_of(judged, [row], matrix.grid), matrix.values)
        both = grid.window.clip(matrix.grid.window)
        found[grid.slice(both)] = filled[0, matrix.grid.slice(both)]
    return found
