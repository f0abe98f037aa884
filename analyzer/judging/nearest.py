"""Where labels came nearest to being events: of many of them one after the other in one array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from analyzer.judging.breaches import filled
from analyzer.judging.tries import Trial
from analyzer.kernels.breach import held_in_each
from analyzer.kernels.ragged import portions, ragged
from traffic.model import HOUR, Floats, Ints, Label

_TOGETHER = 2_000
"""Hours of labels that are looked at at once: each bucket takes some 200 bytes meanwhile."""


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
    resolution, looked, grid = trial.block.query.resolution, trial.known.presence.looked, trial.rollup.grid
    spans = np.array([(label.start, label.end) for _, label in sought], dtype=np.int64).reshape(-1, 2)
    spans = (spans + np.array([0, resolution - 1])) // resolution * resolution
    spans = spans.clip(looked.start, looked.end)
    first, stop = ((spans - grid.start + np.array([0, HOUR - 1])) // HOUR).T
    sign = -1 if sought and sought[0][1].direction == "below" else 1
    found: list[Near | None] = []
    for some in portions(np.cumsum(stop - first), _TOGETHER) if sought else ():
        label, within = ragged(stop[some] - first[some])
        row, hour = np.array([sought[place][0] for place in some])[label], first[some][label] + within
        # Where nothing was read for longer than is looked at at once, nothing is held.
        near = range(trial.block.policy.within // -HOUR, 1 + -(-trial.block.policy.within // HOUR))
        beside = np.logical_or.reduce([trial.buckets.there(row, hour + shift) for shift in near])
        found += _nearest(label[beside], row[beside], hour[beside], spans[some], sign, trial)
    return found


def _nearest(label: Ints, row: Ints, hour: Ints, spans: Ints, sign: int, trial: Trial) -> list[Near | None]:
    """Of labels, by hours of each, in order of label, then time."""
    judged = next(one for one in trial.judged if one.sign == sign)
    resolution, policy, grid = trial.block.query.resolution, trial.block.policy, judged.rollup.grid
    time = (grid.start + hour * HOUR)[:, None] + np.arange(0, HOUR, resolution)
    inside = (time >= spans[label, :1]) & (time < spans[label, 1:])
    there = filled(judged, row[:, None], time, trial.buckets.at(row, hour))
    values = np.where(trial.buckets.there(row, hour)[:, None], there, np.nan)[inside]
    label, row, hour = (np.repeat(array, inside.sum(axis=1)) for array in (label, row, hour.clip(0, grid.count - 1)))
    counts = np.bincount(label, minlength=len(spans))
    starts = np.cumsum(counts) - counts
    base, limit = (sign * array[row, hour] for array in (judged.baseline, judged.limits[0]))
    known = base > 0
    times: Floats = sign * np.divide(values, base, out=np.full(len(values), np.nan), where=known)
    decided = known & ~np.isnan(judged.threshold[row, hour])
    found: list[Near | None] = [None] * len(spans)
    left = np.arange(len(spans))
    for (usable, is_judged), buckets in product(
        ((decided, True), (known, False)), range(policy.needed(resolution), 0, -1)
    ):
        if not len(left):
            break
        places = held_in_each(
            np.where(usable, times, np.nan), starts[left], counts[left], buckets, -(-policy.within // resolution)
        )
        for one, place in zip(left.tolist(), places.tolist(), strict=True):
            if place >= 0:
                stated = 1 - policy.under_percent / 100 if sign < 0 else policy.multiple
                asked = float(limit[place] / base[place])
                found[one] = Near(
                    ratio=float(sign * times[place]),
                    asked=stated if np.isnan(asked) else asked,
                    value=float(values[place]),
                    buckets=buckets,
                    judged=is_judged,
                )
        left = left[places < 0]
    return found
