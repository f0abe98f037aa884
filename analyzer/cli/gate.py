"""The exit code of `discover` where a run is a gate: --require-f1, --fail-on-events, --fail-on-incidents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traffic import console
from traffic.errors import UsageFailure

if TYPE_CHECKING:
    from analyzer.cli.search import DiscoverOptions
    from analyzer.model import Findings

EVENTS_FOUND = 3
"""Exit code of --fail-on-events, --fail-on-incidents and --require-f1."""


def gate(findings: Findings, options: DiscoverOptions) -> int:
    """0, or `EVENTS_FOUND` where the run does not meet what the options require; the reason is on stderr."""
    wanted = options.require_f1
    if wanted is not None:
        if findings.verdict is None:
            raise UsageFailure("--require-f1 needs labels to compare with: pass them with --truth")
        f1 = findings.verdict.f1
        if f1 is None or f1 < wanted:
            console.note(f"F1 is {'undefined' if f1 is None else f'{f1:.3f}'}, below --require-f1 {wanted}")
            return EVENTS_FOUND
    raised = sum(event.event_class == "policy" for event in findings.events)
    if options.fail_on_events and raised:
        console.note(f"{raised} events, and --fail-on-events")
        return EVENTS_FOUND
    stated = {event.incident_id for event in findings.events if event.event_class == "policy"}
    several = sum(one.keys > 1 and one.id in stated for one in findings.incidents)
    if options.fail_on_incidents and several:
        console.note(f"{several} incidents of several series, and --fail-on-incidents")
        return EVENTS_FOUND
    return 0
