"""A service becomes slow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from generator.logs.types.base import (
    ERROR,
    INFO,
    SHOWS,
    WARNING,
    AnomalousLines,
    Anomaly,
    IncidentPlan,
    hundredths,
    if_shown,
)
from generator.logs.vocabulary import NONE
from generator.rng import Rng
from traffic.model import Floats
from traffic.settings import check


@dataclass(frozen=True, kw_only=True)
class LatencyDegradation(Anomaly):
    """Response times of a service climb to `multiplier` times the usual over the part `ramp` of the time."""

    weight: float = 0.20
    duration_logs: int = 50
    duration: tuple[str, str] = ("30m", "90m")
    multiplier: float = 5.0
    ramp: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check("multiplier", self.multiplier, 1, 100)
        check("ramp", self.ramp, 0.01, 1)

    def plan(self, share: float, rng: Rng, silent: bool) -> IncidentPlan:
        """All lines of the service are of it, as many as usual."""
        return IncidentPlan(
            type="latency_degradation",
            kind="latency_degradation",
            rate=share,
            displaced=share,
            shows_in=if_shown("latency", self.multiplier >= SHOWS),
            factor=self.multiplier,
            level=self.multiplier,
        )

    def apply(self, lines: AnomalousLines) -> Floats:
        """Response times that climb; those that are too long are timeouts."""
        block, index = lines.block, lines.index
        ramp = np.minimum(lines.progress / self.ramp, 1)
        usual = block.response_cs[index] / 100.0
        taken = usual * (1 + (lines.of("level") - 1) * ramp) * (0.8 + 0.4 * lines.uniform(0))
        block.response_cs[index] = hundredths(taken)
        late, slow = taken > 2000, (taken > 1000) & (taken <= 2000)
        block.level[index] = np.where(late, ERROR, np.where(slow, WARNING, INFO))
        block.status[index] = np.where(late, 504, 200)
        block.error[index] = np.where(late, lines.code("ERR_TIMEOUT"), NONE)
        lines.suit_level()
        lines.say([("timeout", late), ("slow", slow)])
        return ramp * lines.of("severity")
