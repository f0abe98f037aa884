"""A policy that is tried."""

from __future__ import annotations

from dataclasses import dataclass, replace

from analyzer.model import EventClass, Policy

Classes = tuple[EventClass, ...]
ALERTS: Classes = ("policy",)
"""The classes of the events that are alerts, where nothing else is said."""


@dataclass(frozen=True)
class Candidate:
    """A policy, and in which settings it differs from the present one."""

    policy: Policy
    settings: tuple[tuple[str, str], ...] = ()
    """What is varied, and the value as it was written."""
    counted: Classes = ALERTS
    """The classes of events that are its alerts."""

    @property
    def words(self) -> str:
        """`over-percent=150 matches=3`."""
        return " ".join(f"{name}={value}" for name, value in self.settings)

    def alerts_as(self, present: Policy) -> bool:
        """Whether it raises the alerts of this policy: which other events are told as well makes no difference."""
        return self.counted == ALERTS and replace(self.policy, classes=present.classes) == present
