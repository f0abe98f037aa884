"""A policy to try."""

from __future__ import annotations

from dataclasses import dataclass, replace

from analyzer.model import EventClass, Policy

Classes = tuple[EventClass, ...]
ALERTS: Classes = ("policy",)
"""The classes of events that count as alerts by default."""


@dataclass(frozen=True)
class Candidate:
    """A policy, and the settings in which it may differ from the present one."""

    policy: Policy
    settings: tuple[tuple[str, str], ...] = ()
    """Names of the varied settings, and their values as written."""
    counted: Classes = ALERTS
    """The classes of events that count as its alerts."""

    @property
    def words(self) -> str:
        """`over-percent=150 matches=3`."""
        return " ".join(f"{name}={value}" for name, value in self.settings)

    def alerts_as(self, present: Policy) -> bool:
        """Whether it raises the same alerts as `present`: which other classes are reported makes no difference."""
        return self.counted == ALERTS and replace(self.policy, classes=present.classes) == present
