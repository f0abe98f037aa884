"""What `sl.discover` returns."""

from __future__ import annotations

import html
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from analyzer.model import Event, Findings
from analyzer.notebook.frames import frame
from analyzer.reading.scope import Scope
from analyzer.report.machine import scores
from analyzer.report.order import worst_first
from analyzer.report.table import (
    COMPARISON,
    CONTRIBUTORS,
    COVERAGE,
    EVENTS,
    INCIDENTS,
    NOT_JUDGED,
    event_rows,
)
from analyzer.report.terminal import summary
from traffic.errors import UsageFailure
from traffic.store.base import Source
from traffic.text import visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 20


@dataclass(frozen=True, eq=False)
class Again:
    """The data of a run, opened again."""

    source: Source
    scope: Scope
    output: Path
    """Folder in which answers are cached."""


@dataclass(frozen=True, eq=False)
class Result:
    """The result of a run, as pandas frames; times are UTC (`datetime64[s, UTC]`)."""

    findings: Findings = field(repr=False)
    remarks: tuple[str, ...] = ()
    """What was left out or assumed about the data; each was also a warning."""
    again: Callable[[], AbstractContextManager[Again]] | None = field(default=None, repr=False)
    """Opens the data again, for `sl.explain` and `sl.tune`."""

    @property
    def events(self) -> pd.DataFrame:
        """One row per event, ordered by start and key, with the columns of events.csv."""
        return frame(EVENTS, event_rows(self.findings))

    @property
    def comparison(self) -> pd.DataFrame:
        """One row per label of the truth, with the columns of comparison.csv; empty without a truth."""
        verdict = self.findings.verdict
        return frame(COMPARISON, () if verdict is None else verdict.outcomes)

    @property
    def not_judged(self) -> pd.DataFrame:
        """What could not be judged, and why, with the columns of not_judged.csv."""
        return frame(NOT_JUDGED, sorted(self.findings.not_judged))

    @property
    def incidents(self) -> pd.DataFrame:
        """One row per incident, with the columns of incidents.csv."""
        return frame(INCIDENTS, self.findings.incidents)

    @property
    def contributors(self) -> pd.DataFrame:
        """The contributors of the events, with the columns of contributors.csv; empty if unknown."""
        return frame(CONTRIBUTORS, self.findings.contributors)

    @property
    def coverage(self) -> pd.DataFrame:
        """What the store contains and what of it was used, with the columns of coverage.csv."""
        return frame(COVERAGE, self.findings.coverage.table())

    @property
    def scores(self) -> dict[str, Any] | None:
        """precision, recall, f1, hits, misses, false_alarms ...; None without a truth."""
        return None if self.findings.verdict is None else scores(self.findings.verdict)

    def plot(self, event: str | int = 0) -> Figure:
        """Draw an event and its surroundings, as in events/*.png.

        Args:
            event: its event_id, or its rank among the worst (0 is the worst).

        Raises:
            UsageFailure: the event does not exist, or its series was not kept (only the 200 worst are).
        """
        from analyzer.report.chart.event import draw_event
        from analyzer.report.chart.style import style

        found = event_of(self.findings, event)
        trace = next((one for one in self.findings.traces if one.event_id == found.id), None)
        if trace is None:
            raise UsageFailure(f"the series of event {found.id} was not kept: only those of the worst events are")
        verdict = self.findings.verdict
        labels = () if verdict is None else verdict.outcomes
        labels = tuple(one for one in labels if one.label.key in ("", found.key))
        with style():
            return draw_event(self.findings, found, trace, labels).figure

    def __str__(self) -> str:
        return summary(self.findings)

    def _repr_html_(self) -> str:
        head = "".join(f"<p>{html.escape(line)}</p>" for line in str(self).split("\n\n")[0].splitlines()[:3])
        events = self.events
        order = [event.id for event in worst_first(self.findings.events)][:_SHOWN]
        columns = ["key", "start", "minutes", "peak", "ratio", "severity", "class"]
        shown = events.set_index("event_id").loc[order, columns]
        shown["key"] = shown["key"].map(visible)
        more = f"<p>... and {len(events) - _SHOWN:,} more in .events</p>" if len(events) > _SHOWN else ""
        return head + (shown.to_html(escape=True, float_format="{:.4g}".format) if len(shown) else "") + more


def event_of(findings: Findings, wanted: str | int) -> Event:
    """The event of that id, or at that place among the worst."""
    worst = worst_first(findings.events)
    if isinstance(wanted, int):
        found = worst[wanted] if -len(worst) <= wanted < len(worst) else None
    else:
        found = next((one for one in worst if one.id == wanted), None)
    if found is None:
        raise UsageFailure(f"no event {wanted!r}: .events has {len(worst):,}")
    return found
