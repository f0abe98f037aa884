"""Somebody attacks a service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from generator.logs import messages
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
from generator.rng import Rng
from traffic.model import Floats
from traffic.settings import Range, check, check_range

Threat = Literal["brute_force", "sql_injection", "xss_attempt", "unauthorized_access"]

_ATTACKERS = np.array([(203 << 24) + (113 << 8), (198 << 24) + (51 << 16) + (100 << 8)], dtype=np.uint32)
_THREATS = {
    "brute_force": (messages.LOGIN, 401, "ERR_AUTH_FAILED", "POST"),
    "sql_injection": (messages.INJECTIONS, 403, "ERR_FORBIDDEN", "GET"),
    "xss_attempt": (messages.SCRIPTS, 403, "ERR_FORBIDDEN", "GET"),
    "unauthorized_access": (messages.ADMIN, 403, "ERR_FORBIDDEN", "GET"),
}


@dataclass(frozen=True, kw_only=True)
class SecurityThreat(Anomaly):
    """Attacks from `addresses` addresses on top of the service's usual requests: `factor` times as many in all."""

    weight: float = 0.15
    types: tuple[Threat, ...] = get_args(Threat)
    factor: Range = (6, 12)
    addresses: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_some("types", self.types)
        check_range("factor", self.factor, 1.1, 1000)
        check("addresses", self.addresses, 1, 250)

    def plan(self, share: float, rng: Rng, silent: bool) -> IncidentPlan:
        """Lines on top of the usual ones: everybody else goes on as usual."""
        kind = self.types[rng.whole(0, len(self.types) - 1)]
        factor = round(rng.real(*self.factor), 2)
        return IncidentPlan(
            type="security_threat",
            kind=kind,
            rate=share * (factor - 1),
            displaced=0.0,
            shows_in=(*if_shown("requests", factor >= SHOWS), "errors"),
            factor=factor,
            level=self.addresses,
        )

    def apply(self, lines: AnomalousLines) -> Floats:
        """Requests from a few addresses to what such an attack asks for, and the answers to them."""
        block, index, draw = lines.block, lines.index, lines.uniform(0)
        block.level[index] = np.where(draw < 0.3, WARNING, np.where(draw < 0.8, ERROR, CRITICAL))
        block.response_cs[index] = hundredths(3 + 60 * lines.uniform(1))
        entropy = lines.of("entropy").astype(np.int64)
        host = 1 + (entropy + lines.bits[:, 1] % lines.of("level").astype(np.int64)) % 254
        block.address[index] = _ATTACKERS[(entropy >> 16) & 1] + host.astype(np.uint32)
        groups = []
        for kind, chosen in lines.kinds().items():
            targets, status, code, method = _THREATS[kind]
            rows, pick = index[chosen], lines.bits[chosen, 2]
            block.endpoint[rows] = np.array(targets, dtype=np.int16)[pick % len(targets)]
            # Now and then the limit on requests answers first.
            limited = pick >> 8 < 12
            block.status[rows] = np.where(limited, 429, status)
            block.error[rows] = np.where(limited, lines.code("ERR_RATE_LIMIT"), lines.code(code))
            block.method[rows] = block.words.methods.index(method)
            groups.append((kind, chosen))
        lines.say(groups)
        return lines.of("severity")
