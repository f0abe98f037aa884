"""Who writes log lines: the settings of sources and of their days."""

from __future__ import annotations

from dataclasses import dataclass

from traffic.settings import BadSetting, check, check_day


@dataclass(frozen=True)
class LogSource:
    """A kind of machine that logs, with its services; each of them gets an equal part of its weight."""

    name: str
    weight: float
    services: tuple[str, ...]
    profile: str = "office"

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise BadSetting("name", "is empty; a source needs a name")
        check("weight", self.weight, 0, 1e6)
        if not self.services:
            raise BadSetting("services", "is empty; a source needs a service")
        for index, service in enumerate(self.services):
            if not service.strip():
                raise BadSetting(f"services[{index}]", "is empty; a service needs a name")


@dataclass(frozen=True)
class Profile:
    """The day of a kind of service: the height of each hour from 00:00 UTC, in any unit."""

    weekday: tuple[float, ...]
    weekend: tuple[float, ...]

    def __post_init__(self) -> None:
        check_day("weekday", self.weekday)
        check_day("weekend", self.weekend)
        if not sum(self.weekday) + sum(self.weekend):
            raise BadSetting("weekday", "no hour has a height above 0")
