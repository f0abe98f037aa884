"""Another detector's events against a truth: the comparison that discover's own events meet."""

from __future__ import annotations

from pathlib import Path

from analyzer.outcome import Verdict
from analyzer.verdict import bare_event, compare
from traffic import truth
from traffic.errors import UsageFailure
from traffic.model import Window
from traffic.times import iso


def scored(events: Path, known: Path, resolution: int, start: int | None, end: int | None) -> Verdict:
    """The verdict on events of a file.

    Args:
        events: CSV with key, start, end; further columns are not looked at.
        known: the truth, as `traffic.truth.read` takes it.
        resolution: seconds; the tolerance at the edges.
        start, end: of what is compared; None: from the first to the last of labels and events.

    Raises:
        UsageFailure: a file is not valid, or nothing lies in that time.
    """
    labels, raised = truth.read(known)[0], truth.read_times(events)
    if not labels and not raised:
        raise UsageFailure(f"{known} and {events} contain nothing to compare")
    spans = [one.window for one in (*labels, *raised)]
    window = Window(
        min(span.start for span in spans) if start is None else start,
        max(span.end for span in spans) if end is None else end,
    )
    if window.end <= window.start:
        raise UsageFailure(f"the window ends ({iso(window.end)}) before it starts ({iso(window.start)})")
    inside = [
        bare_event(one.id, one.key, one.window, min(one.end, one.start + resolution))
        for one in raised
        if one.window.overlap(window)
    ]
    return compare(inside, labels, (), window, resolution, {one.key for one in raised})
