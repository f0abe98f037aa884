"""Whose line it is: each of the lines between two events gets a service, and the incident that it belongs to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.logs.draws import SERVICE, Draws
from generator.logs.planner import ScheduledIncident
from generator.logs.schedule import ScheduleSegment
from generator.logs.vocabulary import NONE
from generator.logs.week import Week, ladder, pick
from traffic.model import Floats, Ints

# Its multiples spread evenly: any stretch of lines has the share that is wanted to within a line or two.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Part:
    """Lines `first` to `last` (not included) of a segment."""

    of: ScheduleSegment
    first: int
    last: int

    def units(self) -> Floats:
        """Where on the schedule each line lies."""
        whole = self.of
        return whole.at + np.arange(self.first - whole.first, self.last - whole.first) / whole.lines_a_unit


def assign(
    parts: list[Part], draws: Draws, steps: Ints, week: Week
) -> tuple[NDArray[np.int32], Ints, tuple[ScheduledIncident, ...]]:
    """The service of each line, the incident that it belongs to as a position in the third (or NONE), and these.

    `steps`: the row of the week's shares that holds for each line.
    """
    ongoing = tuple(dict.fromkeys(one for part in parts for one in part.of.active))
    index = {id(one): number for number, one in enumerate(ongoing)}
    cause: Ints = np.full(len(draws), NONE, dtype=np.int64)
    services = pick(week.ladder, week.shares.shape[1], steps, draws[:, SERVICE])
    begin = 0
    for part in parts:
        segment, end = part.of, begin + part.last - part.first
        if segment.active:
            numbers = np.arange(part.first, part.last, dtype=np.uint64) * _GOLDEN
            spread = (numbers >> np.uint64(11)) / float(1 << 53)
            rates = np.cumsum([one.plan.rate for one in segment.active]) / segment.lines_a_unit
            whose = np.searchsorted(rates, spread, side="right")
            known = np.array([*(index[id(one)] for one in segment.active), NONE])
            cause[begin:end] = known[np.minimum(whose, len(segment.active))]
            left = np.ones(week.shares.shape[1])
            for one in segment.active:
                left[one.plan.service] = max(left[one.plan.service] - one.plan.displaced / one.plan.share, 0.0)
            if left.min() < 1:
                rows, own = np.unique(steps[begin:end], return_inverse=True)
                some = ladder(week.shares[rows] * left)
                services[begin:end] = pick(some, len(left), own, draws[begin:end, SERVICE])
        begin = end
    return services, cause, ongoing
