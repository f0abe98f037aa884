"""Draw a run's pictures into its folder: all events, the long ones, and the worst one by one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from analyzer.model import Findings, Outcome
from analyzer.report.chart.event import draw_event
from analyzer.report.chart.events import draw_events
from analyzer.report.chart.style import Sheet, style
from analyzer.report.order import worst_first
from analyzer.report.table import as_written, remove
from traffic.disk import make_folder, sweep, write_atomic

ALL = "events.png"
LONG = "events_long.png"
SINGLE = "events"

_OURS = re.compile(r"[0-9a-f]{12}\.png")


def draw(
    findings: Findings, folder: Path, charts: int = 12, progress: Callable[[int, int], None] | None = None
) -> list[Path]:
    """Draw events.png, events_long.png and events/ID.png of the `charts` worst events that have a trace.

    Pictures of single events that an earlier run left and this one does not draw are removed. `progress` is told how
    many pictures of how many are done. The same findings make the same pixels. The paths, in the order drawn.

    Raises:
        StorageFailure: the folder cannot be written.
    """
    findings = replace(findings, events=tuple(as_written(event) for event in findings.events))
    traces = {trace.event_id: trace for trace in findings.traces}
    events = [event for event in worst_first(findings.events)[: max(0, charts)] if event.id in traces]
    outcomes: dict[str, list[Outcome]] = {}
    for outcome in findings.verdict.outcomes if findings.verdict is not None else ():
        outcomes.setdefault(outcome.label.key, []).append(outcome)
    written: list[Path] = []

    def put(path: Path, sheet: Sheet) -> None:
        write_atomic(path, sheet.png())
        written.append(path)
        if progress is not None:
            progress(len(written), len(events) + 2)

    with style():
        put(folder / ALL, draw_events(findings))
        put(folder / LONG, draw_events(findings, longer_than=60))
        single = make_folder(folder / SINGLE)
        sweep(single)
        for event in events:
            # A label without a key speaks of all keys.
            about = [*outcomes.get(event.key, []), *outcomes.get("", [])]
            sheet = draw_event(findings, event, traces[event.id], about)
            put(single / f"{event.id}.png", sheet)
    for stale in sorted({path for path in single.iterdir() if _OURS.fullmatch(path.name)} - set(written)):
        remove(stale)
    return written
