"""What can go wrong in logs: a module for each type of anomaly, and the one table of them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Literal

from generator.logs.types.data_anomaly import DataAnomaly
from generator.logs.types.error_spike import ErrorSpike
from generator.logs.types.latency_degradation import LatencyDegradation
from generator.logs.types.resource_exhaustion import ResourceExhaustion
from generator.logs.types.security_threat import SecurityThreat
from generator.logs.types.service_outage import ServiceOutage
from traffic.settings import BadSetting, check


@dataclass(frozen=True)
class AnomalyTypes:
    """The types. A new one comes last: what is drawn with a seed depends on their order."""

    error_spike: ErrorSpike = field(default_factory=ErrorSpike)
    latency_degradation: LatencyDegradation = field(default_factory=LatencyDegradation)
    security_threat: SecurityThreat = field(default_factory=SecurityThreat)
    resource_exhaustion: ResourceExhaustion = field(default_factory=ResourceExhaustion)
    service_outage: ServiceOutage = field(default_factory=ServiceOutage)
    data_anomaly: DataAnomaly = field(default_factory=DataAnomaly)

    def weights(self) -> tuple[float, ...]:
        """How often each of `TYPES` is drawn, against the others; 0 where it is not enabled."""
        return tuple(one.weight if one.enabled else 0.0 for one in (getattr(self, name) for name in TYPES))


TYPES: tuple[str, ...] = tuple(one.name for one in fields(AnomalyTypes))
"""Their names, in the order of the table."""

if TYPE_CHECKING:
    TypeName = str
else:
    TypeName = Literal[TYPES]
    """The name of a type, for what checks values by their annotations."""


@dataclass(frozen=True)
class Anomalies:
    """`probability` is the share of anomalous lines. `durations`: what incidents are measured in."""

    probability: float = 0.05
    durations: Literal["lines", "time"] | None = None
    types: AnomalyTypes = field(default_factory=AnomalyTypes)

    def __post_init__(self) -> None:
        check("probability", self.probability, 0, 1)
        if self.probability and not sum(self.types.weights()):
            raise BadSetting("types", "none is enabled with a weight above 0; for no anomalies, set probability: 0")
