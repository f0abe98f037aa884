"""Where labels came nearest to being events: of many of them one after the other in one array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from analyzer.judging.blocks import JudgedBlock
from analyzer.judging.breaches import Piece, fill_of
from analyzer.judging.judged import Judged
from analyzer.kernels.breach import held_in_each
from traffic.model import HOUR, Floats, Grid, Label, Window

_TOGETHER = 100_000
"""Buckets of labels that are looked at at once: each takes some 200 bytes meanwhile."""


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


@dataclass(frozen=True, eq=False)
class Sought:
    """A label that is looked for in the buckets of a key, which is judged in the label's direction."""

    label: Label
    row: int
    """Of the key, in the block."""
    pieces: Sequence[Piece]
    """Buckets of this key alone."""


def nearest(sought: Sequence[Sought], block: JudgedBlock, looked: Window) -> list[Near | None]:
    """The most that as many buckets as the policy asks for reached, inside a label's time; of a fall the least.

    Args:
        sought: labels of one direction.

    Returns:
        In their order; None where no bucket has anything to be compared with.
    """
    found: list[Near | None] = []
    some: list[tuple[Sought, Grid]] = []
    buckets = 0
    for one in sought:
        grid = Grid.over(one.label.window.widen(block.query.resolution).clip(looked), block.query.resolution)
        if some and buckets + grid.count > _TOGETHER:
            found += _nearest(some, block)
            some, buckets = [], 0
        some.append((one, grid))
        buckets += grid.count
    return found + (_nearest(some, block) if some else [])


def _nearest(some: Sequence[tuple[Sought, Grid]], block: JudgedBlock) -> list[Near | None]:
    sign = -1 if some[0][0].label.direction == "below" else 1
    judged = next(one for one in block.judged if one.sign == sign and one.raises == "policy")
    resolution, policy = block.query.resolution, block.policy
    counts = np.array([grid.count for _, grid in some])
    starts = np.cumsum(counts) - counts
    values = np.full(int(counts.sum()), np.nan)
    for (one, grid), start in zip(some, starts.tolist(), strict=True):
        _fill(values[start : start + grid.count], grid, one, judged)
    row = np.repeat([one.row for one, _ in some], counts)
    first = np.array([grid.start for _, grid in some], dtype=np.int64)
    time = np.repeat(first - resolution * starts, counts) + resolution * np.arange(len(values))
    hour = np.clip((time - judged.rollup.grid.start) // HOUR, 0, judged.rollup.grid.count - 1)
    base, limit = (sign * array[row, hour] for array in (judged.baseline, judged.limits[0]))
    known = base > 0
    times: Floats = sign * np.divide(values, base, out=np.full(len(values), np.nan), where=known)
    decided = known & ~np.isnan(judged.threshold[row, hour])
    found: list[Near | None] = [None] * len(some)
    left = np.arange(len(some))
    for (usable, is_judged), buckets in product(
        ((decided, True), (known, False)), range(policy.needed(resolution), 0, -1)
    ):
        if not len(left):
            break
        places = held_in_each(
            np.where(usable, times, np.nan), starts[left], counts[left], buckets, -(-policy.within // resolution)
        )
        for label, place in zip(left.tolist(), places.tolist(), strict=True):
            if place >= 0:
                stated = 1 - policy.under_percent / 100 if sign < 0 else policy.multiple
                asked = float(limit[place] / base[place])
                found[label] = Near(
                    ratio=float(sign * times[place]),
                    asked=stated if np.isnan(asked) else asked,
                    value=float(values[place]),
                    buckets=buckets,
                    judged=is_judged,
                )
        left = left[places < 0]
    return found


def _fill(values: Floats, grid: Grid, one: Sought, judged: Judged) -> None:
    """The buckets as they count: what is missing may be nothing."""
    window = grid.window
    for _, matrix in one.pieces:
        there = matrix.grid.window
        if there.start >= window.end or there.end <= window.start:
            continue
        both = window.clip(there)
        part = matrix.values[0]
        if judged.sign < 0 or not np.isnan(judged.fill):
            part = np.where(np.isnan(matrix.values), fill_of(judged, [one.row], matrix.grid), matrix.values)[0]
        values[grid.slice(both)] = part[matrix.grid.slice(both)]
