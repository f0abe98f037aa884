"""What is to be drawn, as values that can be sent to a painter. Only drawing itself loads matplotlib."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from analyzer.model import Event, Findings, NotJudged, Trace
from analyzer.outcome import Outcome
from analyzer.report.columns import rounded
from analyzer.report.table import as_written
from traffic.coverage import NOTHING
from traffic.model import Window
from traffic.text import slug


class Picture(Protocol):
    """A picture to be."""

    def png(self) -> bytes:
        """Draw it."""
        ...


@dataclass(frozen=True, eq=False)
class AllEvents:
    """All events that last longer than some seconds, in a lane a series."""

    findings: Findings
    longer_than: int = 0
    title: str = ""
    """Stands before how many events there are in what."""

    def png(self) -> bytes:
        """Draw it."""
        from analyzer.report.chart.lanes import draw_lanes
        from analyzer.report.chart.style import style

        with style():
            return draw_lanes(self.findings, self.longer_than, self.title).png()


@dataclass(frozen=True, eq=False)
class StartByPeak:
    """The same as kentik_event_discovery drew them: start by peak, colour and size by length."""

    findings: Findings
    longer_than: int = 0

    def png(self) -> bytes:
        """Draw it."""
        from analyzer.report.chart.events import draw_events
        from analyzer.report.chart.style import style

        with style():
            return draw_events(self.findings, self.longer_than).png()


@dataclass(frozen=True, eq=False)
class OneEvent:
    """One event and what was round it."""

    findings: Findings
    event: Event
    trace: Trace
    outcomes: tuple[Outcome, ...]
    """The labels of its key that are in sight."""
    title: str = ""
    """Stands before the key."""

    @property
    def name(self) -> str:
        """Of its file, for people: `2026-11-05_0310_customer-0013`."""
        return f"{datetime.fromtimestamp(self.event.start, UTC):%Y-%m-%d_%H%M}_{slug(self.event.key)}"

    def png(self) -> bytes:
        """Draw it."""
        from analyzer.report.chart.event import draw_event
        from analyzer.report.chart.style import style

        with style():
            sheet = draw_event(self.findings, self.event, self.trace, self.outcomes, self.title)
            png = sheet.png(event_id=self.event.id)
            sheet.wipe()
            return png


def as_shown(findings: Findings) -> Findings:
    """As far as any picture shows them: the same of a run and of its files, which hold ten digits of a figure."""
    verdict = findings.verdict
    if verdict is not None:
        told = tuple(
            Outcome(replace(one.label, direction="above", factor=rounded(one.label.factor)), one.verdict)
            for one in verdict.outcomes
        )
        verdict = replace(verdict, outcomes=told, of_event=dict(sorted(verdict.of_event.items())))
    events = tuple(as_written(event) for event in findings.events)
    return replace(findings, events=events, verdict=verdict, labels=(), incidents=(), suppressed=(), coverage=NOTHING)


def of_event(findings: Findings, event: Event, trace: Trace, outcomes: Iterable[Outcome], title: str = "") -> OneEvent:
    """The picture of an event, of no more than it shows: what is sent is small, and what is not seen draws no new one.

    Args:
        outcomes: labels that may be in sight.
    """
    window = trace.grid.window
    seen = tuple(outcome for outcome in outcomes if outcome.label.window.overlap(window))
    return OneEvent(_slim(findings, event, window), event, trace, seen, title)


def _slim(findings: Findings, event: Event, window: Window) -> Findings:
    verdict = findings.verdict
    if verdict is not None:
        verdict = replace(verdict, outcomes=(), of_event={event.id: verdict.of_event.get(event.id, ("", ""))})
    first = bisect_left(findings.not_judged, event.key, key=_key)
    of_key = findings.not_judged[first : bisect_right(findings.not_judged, event.key, lo=first, key=_key)]
    gaps = tuple(gap for gap in of_key if gap.start < window.end and gap.end > window.start)
    parts = tuple(row for row in findings.contributors if row.event_id == event.id)
    slim = replace(findings, store="", window=event.window, key_hours=0, elsewhere=())
    return replace(slim, contributors=parts, keys=(), events=(), not_judged=gaps, verdict=verdict, traces=())


def _key(gap: NotJudged) -> str:
    return gap.key


def rehearse() -> None:
    """Load all that drawing takes, fonts too, so that the first picture takes no longer than the next."""
    import analyzer.report.chart.event
    import analyzer.report.chart.lanes  # noqa: F401
    from analyzer.report.chart.style import Sheet, style

    with style():
        sheet = Sheet(100, 100, left=20, right=20, top=20, bottom=20)
        sheet.write(0, 0, "ready", 100)
        sheet.legend_below(sheet.axes.plot([0, 1], [1, 2], label="ready"))
        sheet.png()
