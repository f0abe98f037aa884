"""What to generate: the settings of input/scenario.yaml, checked. Meanings and units stand there."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

from generator.dimensions import Dimensions
from generator.disturbance import Campaigns, Decoys, Events, Outage, Required
from generator.hardship import Hard
from generator.span import Span
from traffic.config import load
from traffic.errors import UsageFailure
from traffic.model import HOUR
from traffic.settings import BadSetting, Range, WholeRange, check, check_day, check_range
from traffic.shipped import shipped
from traffic.times import duration, instant, zone

# Raise it with any change that makes other integers or other labels from the same settings: a store knows then that it
# holds something else than what would be written now.
GENERATION = 2

FIELD = "network.bytes"
"""What is generated, as a store calls it."""
MINUTE = 60
NAME = "customer-{:04d}"

_BUSINESS_DAY = (4, 3, 2, 2, 3, 7, 18, 40, 68, 87, 95, 98, 86, 92, 100, 99, 94, 82, 60, 42, 30, 20, 12, 7)
_BUSINESS_WEEKEND = (4, 3, 2, 2, 2, 3, 4, 6, 9, 12, 15, 16, 16, 16, 16, 15, 14, 13, 12, 11, 10, 8, 6, 5)
_HOSTING_DAY = (70, 64, 60, 58, 57, 58, 62, 68, 76, 84, 90, 93, 94, 95, 97, 99, 100, 99, 97, 96, 95, 92, 86, 78)
_HOSTING_WEEKEND = (72, 66, 62, 59, 57, 57, 58, 61, 66, 72, 78, 82, 84, 85, 85, 86, 87, 88, 90, 92, 93, 91, 86, 79)
_HOME_DAY = (30, 16, 8, 4, 2, 3, 9, 20, 28, 31, 33, 36, 40, 41, 42, 46, 53, 62, 73, 85, 95, 100, 85, 55)
_HOME_WEEKEND = (38, 24, 13, 7, 4, 4, 8, 17, 31, 46, 57, 64, 68, 69, 69, 70, 72, 76, 82, 90, 97, 100, 88, 62)


@dataclass(frozen=True)
class Named:
    """A customer with a name and a will of its own; what is left out is drawn as for any other."""

    name: str
    rate: float | None = None
    profile: str | None = None
    peak_hour: float | None = None
    multiplier: float | None = None
    growth: float | None = None

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise BadSetting("name", "is empty; a customer needs a name")
        for name, low, high in (
            ("rate", 1, 1e14),
            ("peak_hour", 0, 24),
            ("multiplier", 1, 1000),
            ("growth", -0.2, 0.2),
        ):
            value = getattr(self, name)
            if value is not None:
                check(name, value, low, high)


@dataclass(frozen=True)
class CustomerSettings:
    """Who sends, and how unlike one another they are."""

    count: int = 50
    rate: float = 1e8
    spread: float = 0.8
    peak_hour_spread: float = 1.5
    multiplier_spread: float = 0.3
    named: tuple[Named, ...] = ()

    def __post_init__(self) -> None:
        check("count", self.count, 0, 1_000_000)
        check("rate", self.rate, 1, 1e14)
        check("spread", self.spread, 0, 2)
        check("peak_hour_spread", self.peak_hour_spread, 0, 6)
        check("multiplier_spread", self.multiplier_spread, 0, 2)
        if not self.names:
            raise BadSetting("count", "there are no customers; set a count or list some")
        seen: dict[str, int] = {}
        for index, one in enumerate(self.named):
            if one.name in seen or one.name in self.made_up:
                raise BadSetting(
                    f"named[{index}].name", f"{one.name!r} is also the name of another customer; change it"
                )
            seen[one.name] = index

    @cached_property
    def made_up(self) -> frozenset[str]:
        """The names of the customers that have none of their own; more customers rename nobody."""
        return frozenset(NAME.format(number) for number in range(1, self.count + 1))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All of them, in order."""
        return tuple(sorted(self.made_up.union(one.name for one in self.named)))


@dataclass(frozen=True)
class RelativeNoise:
    """How restless a kind of customer is: times what `noise` says."""

    minute: float = 1.0
    hour: float = 1.0
    day: float = 1.0

    def __post_init__(self) -> None:
        for name in ("minute", "hour", "day"):
            check(name, getattr(self, name), 0, 20)


@dataclass(frozen=True)
class Bursts:
    """What a kind of customer does now and then by itself; long and high ones are rare."""

    per_week: float = 0.0
    factor: Range = (1.2, 2)
    minutes: WholeRange = (2, 60)

    def __post_init__(self) -> None:
        check("per_week", self.per_week, 0, 500)
        check_range("factor", self.factor, 1, 100)
        check_range("minutes", self.minutes, 1, 1440)


@dataclass(frozen=True)
class TrafficProfile:
    """A kind of customer: its day, and what it does by itself."""

    share: float
    peak_hour: float
    multiplier: float
    weekday: tuple[float, ...]
    weekend: tuple[float, ...]
    noise: RelativeNoise = field(default_factory=RelativeNoise)
    bursts: Bursts = field(default_factory=Bursts)

    def __post_init__(self) -> None:
        check("share", self.share, 0, 1e6)
        check("peak_hour", self.peak_hour, 0, 24)
        check("multiplier", self.multiplier, 1, 1000)
        check_day("weekday", self.weekday)
        check_day("weekend", self.weekend)


@dataclass(frozen=True)
class Growth:
    """How traffic changes in the long run."""

    per_week: Range = (0.0, 0.004)
    since: str = "2026-01-01"

    def __post_init__(self) -> None:
        check_range("per_week", self.per_week, -0.2, 0.2)
        if self.since.strip().startswith("now"):
            raise BadSetting("since", "must be a fixed date: stored traffic must not change with the clock")
        try:
            instant(self.since, 0)
        except UsageFailure as failure:
            raise BadSetting("since", str(failure)) from None


@dataclass(frozen=True)
class Noise:
    """How restless traffic is: standard deviations of its logarithm, and how long it remembers."""

    minute: float = 0.06
    hour: float = 0.02
    day: float = 0.06
    week: float = 0.05
    hurst: float = 0.95
    spread: float = 0.3
    bursts: float = 1.0

    def __post_init__(self) -> None:
        check("minute", self.minute, 0, 0.5)
        check("hour", self.hour, 0, 0.3)
        check("day", self.day, 0, 0.3)
        check("week", self.week, 0, 0.3)
        check("hurst", self.hurst, 0.5, 1)
        check("spread", self.spread, 0, 1)
        check("bursts", self.bursts, 0, 10)


@dataclass(frozen=True)
class Scenario:
    """Everything that decides which integers and which labels are made."""

    seed: int = 20_260_101
    step: str = "1m"
    time_zone: str = "UTC"
    window: Span = field(default_factory=Span)
    customers: CustomerSettings = field(default_factory=CustomerSettings)
    profiles: dict[str, TrafficProfile] = field(
        default_factory=lambda: {
            "business": TrafficProfile(
                0.42, 14, 8, _BUSINESS_DAY, _BUSINESS_WEEKEND, bursts=Bursts(per_week=4, factor=(1.1, 1.5))
            ),
            "residential": TrafficProfile(
                0.33, 21, 4, _HOME_DAY, _HOME_WEEKEND, RelativeNoise(minute=0.5, hour=0.8, day=0.8)
            ),
            "hosting": TrafficProfile(
                0.15,
                16,
                2,
                _HOSTING_DAY,
                _HOSTING_WEEKEND,
                noise=RelativeNoise(minute=1.2, hour=1.2, day=1.2),
                bursts=Bursts(per_week=15, factor=(1.1, 1.6), minutes=(2, 120)),
            ),
            "bursty": TrafficProfile(
                0.1,
                15,
                3,
                _BUSINESS_DAY,
                _HOME_WEEKEND,
                noise=RelativeNoise(minute=8, hour=4, day=2),
                bursts=Bursts(per_week=40, factor=(1.5, 3), minutes=(2, 60)),
            ),
        }
    )
    growth: Growth = field(default_factory=Growth)
    noise: Noise = field(default_factory=Noise)
    events: Events = field(default_factory=Events)
    decoys: Decoys = field(default_factory=Decoys)
    outage: Outage = field(default_factory=Outage)
    required: Required = field(default_factory=Required)
    campaigns: Campaigns = field(default_factory=Campaigns)
    dimensions: Dimensions = field(default_factory=Dimensions)
    hard: Hard = field(default_factory=Hard)

    def __post_init__(self) -> None:
        check("seed", self.seed, 0, 2**63 - 1)
        try:
            seconds = duration(self.step)
        except UsageFailure as failure:
            raise BadSetting("step", str(failure)) from None
        if seconds % MINUTE or HOUR % seconds:
            raise BadSetting(
                "step", f"{self.step!r} is not a whole number of minutes that divides an hour; use 1m or 5m"
            )
        try:
            zone(self.time_zone)
        except UsageFailure as failure:
            raise BadSetting("time_zone", str(failure)) from None
        if not sum(profile.share for profile in self.profiles.values()):
            raise BadSetting("profiles", "no profile has a share above 0")
        for index, one in enumerate(self.customers.named):
            if one.profile is not None and one.profile not in self.profiles:
                there = ", ".join(self.profiles)
                raise BadSetting(f"customers.named[{index}].profile", f"unknown profile {one.profile!r}; use {there}")

    @property
    def seconds(self) -> int:
        """The native step in seconds."""
        return duration(self.step)

    @cached_property
    def fingerprint(self) -> str:
        """Changes with anything that could change an integer or a label, so with all but the window: 16 hex digits."""
        settings = _plain(asdict(self) | {"generation": GENERATION, "window": None})
        if not self.campaigns.monday.chance:
            del settings["campaigns"]["monday"]
        if not self.campaigns.per_week and not self.campaigns.monday.chance:
            del settings["campaigns"]
        if not self.dimensions.enabled:
            # What traffic is made of changes none of it.
            del settings["dimensions"]
        if self.hard == Hard():
            # Nobody is hard to judge: the same traffic as before there were such.
            del settings["hard"]
        text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
        return blake2b(text.encode(), digest_size=8).hexdigest()


def _plain(value: Any) -> Any:
    """4.0 and 4 are the same setting."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def configured(
    file: Path | None,
    *,
    start: str | None = None,
    end: str | None = None,
    weeks: float | None = None,
    customers: int | None = None,
    seed: int | None = None,
    flows: bool | None = None,
) -> Scenario:
    """The scenario of a file, else that of input/scenario.yaml, with what was said on top of it.

    Where the project's own file was removed, what it says is built in.

    Raises:
        UsageFailure: the file says what is not valid, or what was said does not fit it.
        StorageFailure: it cannot be read.
    """
    chosen = file or shipped("scenario.yaml")
    scenario = Scenario() if chosen is None else load(chosen, Scenario)
    count = scenario.customers.count if customers is None else customers
    enabled = scenario.dimensions.enabled if flows is None else flows
    return replace(
        scenario,
        window=scenario.window.override(weeks, start, end),
        customers=replace(scenario.customers, count=count),
        seed=scenario.seed if seed is None else seed,
        dimensions=replace(scenario.dimensions, enabled=enabled),
    )
