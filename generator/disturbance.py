"""The part of a scenario that disturbs traffic: events, decoys, outages, and from when on an event has to be found."""

from __future__ import annotations

from dataclasses import dataclass, field

from traffic.settings import BadSetting, Range, WholeRange, check, check_range

DAY_MINUTES = 1440


@dataclass(frozen=True)
class Form:
    """One shape of event: how often among the others, how many times the usual traffic, how long."""

    weight: float
    factor: Range
    minutes: WholeRange

    def __post_init__(self) -> None:
        check("weight", self.weight, 0, 1e6)
        check_range("factor", self.factor, 1, 100)
        check_range("minutes", self.minutes, 1, DAY_MINUTES)


@dataclass(frozen=True)
class Shapes:
    """The shapes of events."""

    square: Form = Form(4, (4.5, 12), (5, 60))
    ramp: Form = Form(2, (7, 15), (20, 90))
    pulse_train: Form = Form(2, (6, 15), (20, 60))
    slow_burn: Form = Form(1, (5, 8), (120, 300))


@dataclass(frozen=True)
class Events:
    """What has to be found."""

    per_week: float = 0.55
    shapes: Shapes = field(default_factory=Shapes)

    def __post_init__(self) -> None:
        check("per_week", self.per_week, 0, 7)
        if self.per_week and not sum(form.weight for form in vars(self.shapes).values()):
            raise BadSetting("shapes", "no shape has a weight above 0; set per_week to 0 for a world without events")


@dataclass(frozen=True)
class BlipDecoy:
    """One minute, which is too short to be an event."""

    per_week: float = 0.1
    factor: Range = (5, 15)

    def __post_init__(self) -> None:
        check("per_week", self.per_week, 0, 7)
        check_range("factor", self.factor, 1, 100)


@dataclass(frozen=True)
class GapDecoy:
    """Minutes that never arrived."""

    per_week: float = 0.05
    minutes: WholeRange = (5, 90)

    def __post_init__(self) -> None:
        check("per_week", self.per_week, 0, 7)
        check_range("minutes", self.minutes, 1, DAY_MINUTES)


@dataclass(frozen=True)
class BackupDecoy:
    """A job that runs every week at the same local time."""

    share: float = 0.08
    factor: Range = (5, 10)
    minutes: WholeRange = (30, 120)

    def __post_init__(self) -> None:
        check("share", self.share, 0, 1)
        check_range("factor", self.factor, 1, 100)
        check_range("minutes", self.minutes, 15, DAY_MINUTES)


@dataclass(frozen=True)
class GrowthDecoy:
    """Customers that double and double again, and shrink at last."""

    share: float = 0.06
    per_week: Range = (0.05, 0.12)
    weeks: int = 12

    def __post_init__(self) -> None:
        check("share", self.share, 0, 1)
        check_range("per_week", self.per_week, 0, 0.5)
        check("weeks", self.weeks, 1, 52)
        if (1 + self.per_week[1]) ** self.weeks > 1000:
            raise BadSetting(
                "per_week", f"makes traffic more than 1000 times as large over {self.weeks} weeks; lower it"
            )


@dataclass(frozen=True)
class Decoys:
    """What must not be reported."""

    blip: BlipDecoy = field(default_factory=BlipDecoy)
    gap: GapDecoy = field(default_factory=GapDecoy)
    backup: BackupDecoy = field(default_factory=BackupDecoy)
    growth: GrowthDecoy = field(default_factory=GrowthDecoy)

    def __post_init__(self) -> None:
        if self.backup.share + self.growth.share > 1:
            raise BadSetting(
                "growth.share", "a customer either has a backup job or grows: the two shares add up to more than 1"
            )


@dataclass(frozen=True)
class Outage:
    """Traffic falls to next to nothing: neither to be found nor to be left alone."""

    per_week: float = 0.04
    minutes: WholeRange = (10, 180)
    factor: Range = (0.0, 0.02)

    def __post_init__(self) -> None:
        check("per_week", self.per_week, 0, 7)
        check_range("minutes", self.minutes, 1, DAY_MINUTES)
        check_range("factor", self.factor, 0, 1)


@dataclass(frozen=True)
class MondayRise:
    """What looks like a campaign and is none: most customers do more of what they always do on a Monday morning."""

    chance: float = 0.0
    share: Range = (0.5, 0.9)
    spread: WholeRange = (0, 4)
    factor: Range = (4, 8)
    minutes: WholeRange = (20, 60)

    def __post_init__(self) -> None:
        check("chance", self.chance, 0, 1)
        check_range("share", self.share, 0, 1)
        check_range("spread", self.spread, 0, 60)
        check_range("factor", self.factor, 1, 100)
        check_range("minutes", self.minutes, 1, DAY_MINUTES)


@dataclass(frozen=True)
class Campaigns:
    """Events that hit many customers within minutes, all by the same culprit."""

    per_week: float = 0.0
    share: Range = (0.1, 0.4)
    spread: WholeRange = (0, 4)
    factor: Range = (6, 12)
    minutes: WholeRange = (10, 60)
    monday: MondayRise = field(default_factory=MondayRise)

    def __post_init__(self) -> None:
        check("per_week", self.per_week, 0, 7)
        check_range("share", self.share, 0, 1)
        check_range("spread", self.spread, 0, 60)
        check_range("factor", self.factor, 1, 100)
        check_range("minutes", self.minutes, 1, DAY_MINUTES)


@dataclass(frozen=True)
class Required:
    """From when on an event has to be found."""

    multiple: float = 3.0
    margin: float = 1.2
    buckets: int = 3
    floor: float = 1e6
    history_weeks: float = 2.0

    def __post_init__(self) -> None:
        check("multiple", self.multiple, 1, 100)
        check("margin", self.margin, 1, 10)
        check("buckets", self.buckets, 1, DAY_MINUTES)
        check("floor", self.floor, 0, 1e15)
        check("history_weeks", self.history_weeks, 0, 1040)
