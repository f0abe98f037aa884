"""What logs to make: the settings of input/logs.yaml, checked. Meanings and units stand there."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from generator.logs.model import LEVELS
from generator.logs.sources import LogSource, Profile
from generator.logs.types import Anomalies
from traffic.config import load
from traffic.errors import UsageFailure
from traffic.settings import BadSetting, check
from traffic.shipped import shipped
from traffic.times import instant

FORMATS = ("json", "text", "ecs", "combined")

LARGEST_BATCH = 100_000
MOST_SERVICES = 1000

_OFFICE = (25, 20, 18, 18, 20, 28, 45, 70, 95, 110, 115, 115, 105, 112, 116, 114, 108, 95, 78, 62, 52, 44, 36, 30)
_OFFICE_WEEKEND = (22, 19, 17, 16, 17, 19, 22, 26, 31, 35, 38, 39, 39, 38, 38, 37, 36, 36, 35, 33, 31, 29, 26, 24)
_HOME = (60, 42, 32, 27, 26, 30, 42, 56, 64, 68, 70, 74, 80, 80, 80, 84, 92, 104, 118, 130, 136, 130, 112, 84)
_HOME_WEEKEND = (
    72,
    54,
    40,
    33,
    30,
    31,
    38,
    52,
    72,
    90,
    100,
    104,
    106,
    106,
    105,
    105,
    107,
    112,
    122,
    132,
    138,
    132,
    115,
    90,
)
_EVEN = (1,) * 24


@dataclass(frozen=True)
class BatchSettings:
    """How many lines, and how they are handed out."""

    batch_size: int = 100
    interval: float = 1.0
    total_logs: int = 1000

    def __post_init__(self) -> None:
        check("batch_size", self.batch_size, 1, LARGEST_BATCH)
        check("interval", self.interval, 0, 86400)
        check("total_logs", self.total_logs, 0, 10**15)


@dataclass(frozen=True)
class ResponseTime:
    """Normal response times in milliseconds: a bell cut off at both ends."""

    min: float = 10
    max: float = 500
    mean: float = 150
    std: float = 50

    def __post_init__(self) -> None:
        check("min", self.min, 0, 60_000)
        check("max", self.max, self.min, 60_000)
        check("mean", self.mean, self.min, self.max)
        check("std", self.std, 0, 60_000)


@dataclass(frozen=True)
class NormalLogs:
    """Lines of which nothing is wrong."""

    log_levels: dict[str, float] = field(
        default_factory=lambda: {"INFO": 0.70, "DEBUG": 0.15, "WARNING": 0.10, "ERROR": 0.04, "CRITICAL": 0.01}
    )
    response_time: ResponseTime = field(default_factory=ResponseTime)

    def __post_init__(self) -> None:
        for name, weight in self.log_levels.items():
            if name not in LEVELS:
                raise BadSetting(f"log_levels.{name}", f"unknown level; use {', '.join(LEVELS)}")
            check(f"log_levels.{name}", weight, 0, 1e6)
        if not sum(self.log_levels.values()):
            raise BadSetting("log_levels", "no level has a weight above 0")


@dataclass(frozen=True)
class Increment:
    """Seconds from one line to the next."""

    min: float = 0.001
    max: float = 2.0

    def __post_init__(self) -> None:
        check("min", self.min, 0, 86400)
        check("max", self.max, self.min, 86400)
        if not self.max:
            raise BadSetting("max", "must be above 0")


@dataclass(frozen=True)
class Timestamps:
    """When lines are written: the first of them, and how many a second on average over a week."""

    start: str = "now"
    increment: Increment = field(default_factory=Increment)
    rate: float | None = None
    weekly: bool = True

    def __post_init__(self) -> None:
        try:
            instant(self.start, 0)
        except UsageFailure as failure:
            raise BadSetting("start", str(failure)) from None
        if self.rate is not None:
            check("rate", self.rate, 1e-6, 1e6)

    @property
    def per_second(self) -> float:
        """Lines a second: as `rate` says, or as the increments come to."""
        return self.rate or 2 / (self.increment.min + self.increment.max)


@dataclass(frozen=True)
class LogFiles:
    """Where files go, and when the next one is begun."""

    path: str = "./output/logs"
    rotation_size_mb: float = 10
    max_files: int = 5

    def __post_init__(self) -> None:
        if not self.path.strip():
            raise BadSetting("path", "is empty; set the path of the files, such as ./output/logs")
        check("rotation_size_mb", self.rotation_size_mb, 0.001, 1e6)
        check("max_files", self.max_files, 1, 100_000)


@dataclass(frozen=True)
class Output:
    """What lines look like, and where they go."""

    format: Literal["json", "text", "ecs", "combined"] = "json"
    destination: Literal["stdout", "file", "both"] = "file"
    file: LogFiles = field(default_factory=LogFiles)
    include_labels: bool = True


@dataclass(frozen=True)
class LogSettings:
    """Everything that decides which lines are made."""

    generator: BatchSettings = field(default_factory=BatchSettings)
    sources: tuple[LogSource, ...] = (
        LogSource("web-server", 0.4, ("nginx", "apache", "traefik"), "home"),
        LogSource(
            "application",
            0.3,
            ("auth-service", "payment-service", "user-service", "order-service", "inventory-service"),
            "office",
        ),
        LogSource("database", 0.15, ("postgresql", "mongodb", "redis"), "office"),
        LogSource("infrastructure", 0.15, ("kubernetes", "docker", "prometheus", "grafana"), "even"),
    )
    profiles: dict[str, Profile] = field(
        default_factory=lambda: {
            "office": Profile(_OFFICE, _OFFICE_WEEKEND),
            "home": Profile(_HOME, _HOME_WEEKEND),
            "even": Profile(_EVEN, _EVEN),
        }
    )
    normal_logs: NormalLogs = field(default_factory=NormalLogs)
    anomalies: Anomalies = field(default_factory=Anomalies)
    output: Output = field(default_factory=Output)
    timestamps: Timestamps = field(default_factory=Timestamps)
    seed: int = 20_260_101

    def __post_init__(self) -> None:
        check("seed", self.seed, 0, 2**63 - 1)
        if not self.sources:
            raise BadSetting("sources", "is empty; at least one source is needed")
        if not sum(source.weight for source in self.sources):
            raise BadSetting("sources", "no source has a weight above 0")
        seen: set[str] = set()
        for index, source in enumerate(self.sources):
            if source.profile not in self.profiles:
                there = ", ".join(self.profiles)
                raise BadSetting(f"sources[{index}].profile", f"unknown profile {source.profile!r}; use {there}")
            for number, service in enumerate(source.services):
                if service in seen:
                    raise BadSetting(f"sources[{index}].services[{number}]", f"{service!r} is listed twice")
                seen.add(service)
        if len(seen) > MOST_SERVICES:
            raise BadSetting("sources", f"{len(seen):,} services are more than {MOST_SERVICES:,}")


def read_settings(file: Path | None = None) -> LogSettings:
    """The settings of a file, else those of input/logs.yaml; where that was removed, what it says is built in.

    Raises:
        UsageFailure: the file says what is not valid.
        StorageFailure: it cannot be read.
    """
    chosen = file or shipped("logs.yaml")
    return LogSettings() if chosen is None else load(chosen, LogSettings)
