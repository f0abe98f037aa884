"""What anomalies do to lines: those of a block are changed in place, of each type all at once."""

from __future__ import annotations

import numpy as np

from generator.logs.draws import FAULT, Draws
from generator.logs.model import Block
from generator.logs.planner import ScheduledIncident
from generator.logs.types import TYPES, AnomalyTypes
from generator.logs.types.base import AnomalousLines, Anomaly
from generator.logs.vocabulary import NONE
from traffic.model import Floats, Ints


def apply(
    block: Block,
    draws: Draws,
    cause: Ints,
    units: Floats,
    ongoing: tuple[ScheduledIncident, ...],
    types: AnomalyTypes,
) -> None:
    """Change the lines of a block that belong to an incident.

    `cause`: for each line a position in `ongoing`, or NONE. `units`: where on the schedule each line lies.
    """
    plans = tuple(one.plan for one in ongoing)
    numbers = np.array([TYPES.index(plan.type) for plan in plans], dtype=np.int8)
    kind = np.where(cause == NONE, NONE, numbers[cause]).astype(np.int8)
    block.kind[:] = kind
    starts = np.array([one.start for one in ongoing])
    spans = np.array([plan.span for plan in plans])
    services = np.array([plan.service for plan in plans], dtype=np.int32)
    for number in np.unique(numbers):
        index = np.flatnonzero(kind == number)
        if not index.size:
            continue
        which = cause[index]
        block.service[index] = services[which]
        lines = AnomalousLines(
            block=block,
            index=index,
            draws=draws[index],
            bits=draws[index, FAULT:],
            progress=np.clip((units[index] - starts[which]) / spans[which], 0, 1),
            plans=plans,
            which=which,
        )
        anomaly: Anomaly = getattr(types, TYPES[number])
        block.score[index] = np.rint(np.clip(anomaly.apply(lines), 0.01, 1) * 10_000).astype(np.int16)
