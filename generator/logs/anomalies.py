"""What may go wrong: the settings of the six types of anomalies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from traffic.errors import UsageFailure
from traffic.settings import BadSetting, Range, check, check_range
from traffic.times import duration

Threat = Literal["brute_force", "sql_injection", "xss_attempt", "unauthorized_access"]
Resource = Literal["memory", "cpu", "disk", "connections"]
Outage = Literal["complete", "silent", "intermittent"]
Defect = Literal["null_values", "out_of_range", "format_error"]

Type = Literal[
    "error_spike",
    "latency_degradation",
    "security_threat",
    "resource_exhaustion",
    "service_outage",
    "data_anomaly",
]
TYPES: tuple[Type, ...] = get_args(Type)

LONGEST = 10**6


@dataclass(frozen=True, kw_only=True)
class _Anomaly:
    """What all types have. `duration` is a range of lengths of time, `duration_logs` a number of lines."""

    enabled: bool = True
    weight: float = 0.1
    duration_logs: int = 20
    duration: tuple[str, str] = ("15m", "60m")

    def __post_init__(self) -> None:
        check("weight", self.weight, 0, 1e6)
        check("duration_logs", self.duration_logs, 1, LONGEST)
        for place, text in enumerate(self.duration):
            try:
                check(f"duration[{place}]", duration(text), 1, 30 * 86400)
            except BadSetting:
                raise
            except UsageFailure as failure:
                raise BadSetting(f"duration[{place}]", str(failure)) from None
        if self.seconds[0] > self.seconds[1]:
            raise BadSetting("duration", f"the shorter one comes first: [{self.duration[1]}, {self.duration[0]}]")

    @property
    def seconds(self) -> tuple[int, int]:
        """The shortest and the longest duration."""
        return duration(self.duration[0]), duration(self.duration[1])


def _some(setting: str, chosen: tuple[str, ...]) -> None:
    if not chosen:
        raise BadSetting(setting, "is empty; name at least one, or set enabled: false")


@dataclass(frozen=True, kw_only=True)
class ErrorSpike(_Anomaly):
    """A service fails: `error_rate` of its lines are errors, and there are `factor` times as many lines."""

    weight: float = 0.25
    duration_logs: int = 20
    error_rate: float = 0.8
    factor: Range = (4, 8)

    def __post_init__(self) -> None:
        super().__post_init__()
        check("error_rate", self.error_rate, 0, 1)
        check_range("factor", self.factor, 1, 1000)


@dataclass(frozen=True, kw_only=True)
class LatencyDegradation(_Anomaly):
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


@dataclass(frozen=True, kw_only=True)
class SecurityThreat(_Anomaly):
    """Attacks from `addresses` addresses on top of the service's usual requests: `factor` times as many in all."""

    weight: float = 0.15
    types: tuple[Threat, ...] = get_args(Threat)
    factor: Range = (6, 12)
    addresses: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        _some("types", self.types)
        check_range("factor", self.factor, 1.1, 1000)
        check("addresses", self.addresses, 1, 250)


@dataclass(frozen=True, kw_only=True)
class ResourceExhaustion(_Anomaly):
    """A resource runs out: latency climbs to `multiplier` times the usual, failures to `error_rate` of the lines."""

    weight: float = 0.15
    duration: tuple[str, str] = ("30m", "90m")
    resources: tuple[Resource, ...] = get_args(Resource)
    multiplier: float = 6.0
    error_rate: float = 0.6

    def __post_init__(self) -> None:
        super().__post_init__()
        _some("resources", self.resources)
        check("multiplier", self.multiplier, 1, 100)
        check("error_rate", self.error_rate, 0, 1)


@dataclass(frozen=True, kw_only=True)
class ServiceOutage(_Anomaly):
    """A service is down: every request fails, or all but `remaining` of them stop, or `failure_rate` of them fail."""

    weight: float = 0.15
    duration_logs: int = 30
    types: tuple[Outage, ...] = get_args(Outage)
    remaining: float = 0.05
    failure_rate: float = 0.6

    def __post_init__(self) -> None:
        super().__post_init__()
        _some("types", self.types)
        check("remaining", self.remaining, 0.001, 1)
        check("failure_rate", self.failure_rate, 0.01, 1)


@dataclass(frozen=True, kw_only=True)
class DataAnomaly(_Anomaly):
    """Data are wrong: in `share` of a service's lines values are missing, out of range, or malformed."""

    types: tuple[Defect, ...] = get_args(Defect)
    share: float = 0.6

    def __post_init__(self) -> None:
        super().__post_init__()
        _some("types", self.types)
        check("share", self.share, 0.01, 1)


@dataclass(frozen=True)
class AnomalyTypes:
    """The six types."""

    error_spike: ErrorSpike = field(default_factory=ErrorSpike)
    latency_degradation: LatencyDegradation = field(default_factory=LatencyDegradation)
    security_threat: SecurityThreat = field(default_factory=SecurityThreat)
    resource_exhaustion: ResourceExhaustion = field(default_factory=ResourceExhaustion)
    service_outage: ServiceOutage = field(default_factory=ServiceOutage)
    data_anomaly: DataAnomaly = field(default_factory=DataAnomaly)

    def weights(self) -> tuple[float, ...]:
        """How often each of `TYPES` is drawn, against the others; 0 where it is not enabled."""
        return tuple(one.weight if one.enabled else 0.0 for one in (getattr(self, name) for name in TYPES))


@dataclass(frozen=True)
class Anomalies:
    """`probability` is the share of anomalous lines. `durations`: what incidents are measured in."""

    probability: float = 0.05
    durations: Literal["lines", "time"] | None = None
    types: AnomalyTypes = field(default_factory=AnomalyTypes)

    def __post_init__(self) -> None:
        check("probability", self.probability, 0, 1)
        if self.probability and not sum(self.types.weights()):
            raise BadSetting("types", "none is enabled with a weight above 0; set probability: 0 to have no anomalies")
