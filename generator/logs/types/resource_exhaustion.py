"""A resource of a service runs out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from generator.logs.types.base import (
    CRITICAL,
    ERROR,
    SHOWS,
    WARNING,
    AnomalousLines,
    Anomaly,
    IncidentPlan,
    check_some,
    hundredths,
    if_shown,
)
from generator.logs.vocabulary import NONE
from generator.rng import Rng
from traffic.model import Floats
from traffic.settings import check

Resource = Literal["memory", "cpu", "disk", "connections"]


@dataclass(frozen=True, kw_only=True)
class ResourceExhaustion(Anomaly):
    """A resource runs out: latency climbs to `multiplier` times the usual, failures to `error_rate` of the lines."""

    weight: float = 0.15
    duration: tuple[str, str] = ("30m", "90m")
    resources: tuple[Resource, ...] = get_args(Resource)
    multiplier: float = 6.0
    error_rate: float = 0.6

    def __post_init__(self) -> None:
        super().__post_init__()
        check_some("resources", self.resources)
        check("multiplier", self.multiplier, 1, 100)
        check("error_rate", self.error_rate, 0, 1)

    def plan(self, share: float, rng: Rng, silent: bool) -> IncidentPlan:
        """All lines of the service are of it, as many as usual."""
        return IncidentPlan(
            type="resource_exhaustion",
            kind=self.resources[rng.whole(0, len(self.resources) - 1)],
            rate=share,
            displaced=share,
            shows_in=(*if_shown("latency", self.multiplier >= SHOWS), *if_shown("errors", self.error_rate >= 0.4)),
            factor=self.multiplier,
            level=self.multiplier,
        )

    def apply(self, lines: AnomalousLines) -> Floats:
        """Usage that climbs, and with it response times and failures."""
        block, index = lines.block, lines.index
        usage = 70 + lines.of("entropy") % 16
        usage = np.minimum(usage + (99 - usage) * lines.progress, 99)
        usual = block.response_cs[index] / 100.0
        block.response_cs[index] = hundredths(usual * (1 + (lines.of("level") - 1) * lines.progress))
        fails = lines.uniform(0) < self.error_rate * lines.progress
        block.level[index] = np.where(fails, np.where(usage > 95, CRITICAL, ERROR), WARNING)
        block.status[index] = np.where(fails, np.where(lines.uniform(1) < 0.5, 503, 500), 200)
        block.error[index] = np.where(fails, lines.code("ERR_RESOURCE_EXHAUSTED"), NONE)
        lines.say(list(lines.kinds().items()))
        # The percentage stands in the gap whose numbers are 70 to 99.
        lines.fill(1 + 70, 1 + usage.astype(np.int32))
        return usage / 100
