"""A service is down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from generator.logs.types.base import (
    CRITICAL,
    ERROR,
    WARNING,
    AnomalousLines,
    Anomaly,
    IncidentPlan,
    check_some,
    hundredths,
    if_shown,
)
from generator.logs.vocabulary import SERVICE
from generator.rng import Rng
from traffic.model import Floats
from traffic.settings import check

Outage = Literal["complete", "silent", "intermittent"]

_GONE = 0.2
"""To what share of the usual requests have to fall before that shows."""


@dataclass(frozen=True, kw_only=True)
class ServiceOutage(Anomaly):
    """A service is down: every request fails, or all but `remaining` of them stop, or `failure_rate` of them fail."""

    weight: float = 0.15
    duration_logs: int = 30
    types: tuple[Outage, ...] = get_args(Outage)
    remaining: float = 0.05
    failure_rate: float = 0.6

    def __post_init__(self) -> None:
        super().__post_init__()
        check_some("types", self.types)
        check("remaining", self.remaining, 0.001, 1)
        check("failure_rate", self.failure_rate, 0.01, 1)

    def plan(self, share: float, rng: Rng, silent: bool) -> IncidentPlan:
        """Lines that fail instead of usual ones, or hardly any lines at all."""
        kinds = [kind for kind in self.types if silent or kind != "silent"] or ["complete"]
        kind = kinds[rng.whole(0, len(kinds) - 1)]
        if kind == "silent":
            return IncidentPlan(
                type="service_outage",
                kind=kind,
                rate=share * self.remaining,
                displaced=share,
                shows_in=if_shown("requests", self.remaining <= _GONE),
                factor=self.remaining,
            )
        failing = 1.0 if kind == "complete" else self.failure_rate
        return IncidentPlan(
            type="service_outage",
            kind=kind,
            rate=share * failing,
            displaced=share * failing,
            shows_in=(*if_shown("errors", failing >= 0.3), *if_shown("latency", kind == "complete")),
            factor=1.0,
            failing=failing,
        )

    def apply(self, lines: AnomalousLines) -> Floats:
        """503 after a long wait; in messages that name the service which is down, it is this one."""
        block, index = lines.block, lines.index
        partly = lines.kinds().get("intermittent", np.zeros(len(lines), dtype=bool))
        block.level[index] = np.where(partly, np.where(lines.uniform(0) < 0.7, ERROR, WARNING), CRITICAL)
        waited = np.where(partly, 200 + 800 * lines.uniform(1), 2000 + 3000 * lines.uniform(1))
        block.response_cs[index] = hundredths(waited)
        block.status[index] = 503
        block.error[index] = lines.code("ERR_SERVICE_UNAVAILABLE")
        lines.say([("flapping", partly), ("down", ~partly)])
        lines.fill(SERVICE, SERVICE + block.service[index])
        return lines.of("severity")
