"""A service fails: errors, and more lines than usual."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from generator.logs.types.base import (
    CRITICAL,
    ERROR,
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
from traffic.settings import Range, check, check_range


@dataclass(frozen=True, kw_only=True)
class ErrorSpike(Anomaly):
    """A service fails: `error_rate` of its lines are errors, and there are `factor` times as many lines."""

    weight: float = 0.25
    duration_logs: int = 20
    error_rate: float = 0.8
    factor: Range = (4, 8)

    def __post_init__(self) -> None:
        super().__post_init__()
        check("error_rate", self.error_rate, 0, 1)
        check_range("factor", self.factor, 1, 1000)

    def plan(self, share: float, rng: Rng, silent: bool) -> IncidentPlan:
        """All lines of the service are of it; there are more of them."""
        factor = round(rng.real(*self.factor), 2)
        return IncidentPlan(
            type="error_spike",
            kind="error_spike",
            rate=share * factor,
            displaced=share,
            shows_in=(*if_shown("requests", factor >= SHOWS), *if_shown("errors", self.error_rate >= 0.3), "latency"),
            factor=factor,
            level=self.error_rate,
        )

    def apply(self, lines: AnomalousLines) -> Floats:
        """Errors and warnings, and response times of seconds."""
        block, index = lines.block, lines.index
        fails = lines.uniform(0) < lines.of("level")
        severe = lines.uniform(1) < 0.2
        block.level[index] = np.where(fails, np.where(severe, CRITICAL, ERROR), WARNING)
        block.response_cs[index] = hundredths(1000 + 4000 * lines.uniform(1))
        block.status[index] = np.array([400, 404, 408, 429], dtype=np.int16)[lines.bits[:, 2] >> 14]
        block.error[index] = NONE
        lines.server_errors(fails)
        lines.suit_level()
        return lines.of("severity")
