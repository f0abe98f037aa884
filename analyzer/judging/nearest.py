"""Where labels came nearest to being events: of many of them one after the other in one array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from analyzer.judging.breaches import filled
from analyzer.judging.tries import Trial
from analyzer.kernels.breach import held_in_each
from analyzer.kernels.match import ragged
from traffic.model import HOUR, Floats, Grid, Ints, Label

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


def nearest(sought: Sequence[tuple[int, Label]], trial: Trial) -> list[Near | None]:
    """The most that as many buckets as the policy asks for reached, inside a label's time; of a fall the least.

    Args:
        sought: labels of one direction, that the policy looks in, each with the row of its key.

    Returns:
        In their order; None where no bucket has anything to be compared with.
    """
    found: list[Near | None] = []
    some: list[tuple[int, Grid]] = []
    buckets = 0
    sign = -1 if sought and sought[0][1].direction == "below" else 1
    resolution = trial.block.query.resolution
    for row, label in sought:
        grid = Grid.over(label.window.widen(resolution).clip(trial.known.looked), resolution)
        if some and buckets + grid.count > _TOGETHER:
            found += _nearest(some, sign, trial)
            some, buckets = [], 0
        some.append((row, grid))
        buckets += grid.count
    return found + (_nearest(some, sign, trial) if some else [])


def _nearest(some: Sequence[tuple[int, Grid]], sign: int, trial: Trial) -> list[Near | None]:
    judged = next(one for one in trial.judged if one.sign == sign)
    resolution, policy = trial.block.query.resolution, trial.block.policy
    counts = np.array([grid.count for _, grid in some])
    starts = np.cumsum(counts) - counts
    of, within = ragged(counts)
    row = np.array([row for row, _ in some])[of]
    time = np.array([grid.start for _, grid in some])[of] + resolution * within
    hour = (time - judged.rollup.grid.start) // HOUR
    there = filled(judged, row, time, _buckets(of, row, hour, time, trial))
    values = np.where(trial.buckets.there(row, hour), there, np.nan)
    hour = np.clip(hour, 0, judged.rollup.grid.count - 1)
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


def _buckets(of: Ints, row: Ints, hour: Ints, time: Ints, trial: Trial) -> Floats:
    """The buckets of these times, in order of what they are looked at for, then time: shape (buckets,)."""
    new = np.ones(len(of), dtype=bool)
    new[1:] = (np.diff(of) != 0) | (np.diff(hour) != 0)
    hours = trial.buckets.at(row[new], hour[new])
    found: Floats = hours[np.cumsum(new) - 1, time % HOUR // trial.block.query.resolution]
    return found
