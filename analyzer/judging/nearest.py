"""Where labels came nearest to being events: of many of them one after the other in one array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from analyzer.judging.breaches import filled
from analyzer.judging.tries import Trial
from analyzer.kernels.breach import held_in_each
from analyzer.kernels.match import portions, ragged
from traffic.model import HOUR, Floats, Ints, Label

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
    resolution, looked = trial.block.query.resolution, trial.known.looked
    spans = np.array([(label.start, label.end) for _, label in sought], dtype=np.int64).reshape(-1, 2)
    start, end = (spans + np.array([0, resolution - 1])).T // resolution * resolution
    start, end = start.clip(looked.start, looked.end), end.clip(looked.start, looked.end)
    counts, rows = (end - start) // resolution, np.array([row for row, _ in sought], dtype=np.int64)
    sign = -1 if sought and sought[0][1].direction == "below" else 1
    return [
        near
        for some in portions(np.cumsum(counts), _TOGETHER)
        if len(some)
        for near in _nearest(rows[some], start[some], counts[some], sign, trial)
    ]


def _nearest(rows: Ints, first: Ints, counts: Ints, sign: int, trial: Trial) -> list[Near | None]:
    """Of so many buckets of each row from a time on."""
    judged = next(one for one in trial.judged if one.sign == sign)
    resolution, policy = trial.block.query.resolution, trial.block.policy
    starts = np.cumsum(counts) - counts
    of, within = ragged(counts)
    row, time = rows[of], first[of] + resolution * within
    hour = (time - judged.rollup.grid.start) // HOUR
    there = filled(judged, row, time, _buckets(of, row, hour, time, trial))
    values = np.where(trial.buckets.there(row, hour), there, np.nan)
    hour = np.clip(hour, 0, judged.rollup.grid.count - 1)
    base, limit = (sign * array[row, hour] for array in (judged.baseline, judged.limits[0]))
    known = base > 0
    times: Floats = sign * np.divide(values, base, out=np.full(len(values), np.nan), where=known)
    decided = known & ~np.isnan(judged.threshold[row, hour])
    found: list[Near | None] = [None] * len(rows)
    left = np.arange(len(rows))
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
