"""Which event is worse than another: one answer for the terminal, the pictures and the pipeline."""

from __future__ import annotations

from collections.abc import Iterable

from analyzer.model import Event
from analyzer.report.columns import rounded


def worst_first(events: Iterable[Event]) -> list[Event]:
    """The events by severity, then by how much lies above the baseline, most first; ties by start, then key.

    What is compared is what events.csv shows, so that a run and a `report` read from its files agree.
    """
    return sorted(events, key=lambda event: (-rounded(event.severity), -rounded(event.excess), event.start, event.key))
