"""The table of the page: a row an event, each cell as it is sorted and as it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.model import Event, Findings
from analyzer.report.lines import shorten
from analyzer.report.words import by_event, came_by, clock, day, volume
from traffic.model import Window
from traffic.text import length, si, visible


@dataclass(frozen=True)
class Row:
    """An event in the table; `cells` are pairs: what is sorted by, what is read."""

    id: str
    key: str
    window: Window
    direction: str
    filters: tuple[tuple[str, str], ...]
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Filter:
    """A choice above the table: `name` is the attribute of the rows that it looks at."""

    name: str
    label: str
    values: tuple[str, ...]


_BY = 48
"""Columns for what an event came by."""
_FILTERS = (
    ("class", "Class"),
    ("band", "Severity"),
    ("direction", "Direction"),
    ("verdict", "Verdict"),
    ("incident", "Incident"),
)


def columns(findings: Findings) -> list[str]:
    """The heads of the table after that of the series."""
    by = ["by"] if findings.contributors else []
    verdict = [] if findings.verdict is None else ["verdict"]
    return ["start (UTC)", "length", "peak", "× baseline", "volume", "severity", *by, "class", *verdict]


def rows(findings: Findings, events: Sequence[Event]) -> list[Row]:
    """The events in the order that they have."""
    several = {incident.id for incident in findings.incidents if incident.keys > 1}
    made_of = by_event(findings.contributors)
    incidents = [event.incident_id if event.incident_id in several else "" for event in events]
    return [
        _row(findings, event, incident, came_by(made_of.get(event.id, ())))
        for event, incident in zip(events, incidents, strict=True)
    ]


def filters(shown: Sequence[Row]) -> list[Filter]:
    """Only what tells rows apart can be chosen."""
    found = []
    for name, label in _FILTERS:
        values = tuple(sorted({value for row in shown for own, value in row.filters if own == name and value}))
        if len(values) > (name != "incident"):
            found.append(Filter(name, label, values))
    return found


def _row(findings: Findings, event: Event, incident: str, by: str) -> Row:
    metric = findings.metric
    verdict = "" if findings.verdict is None else findings.verdict.of_event.get(event.id, ("", ""))[0]
    cells = [
        (str(event.start), f"{day(event.start, year=True)} {clock(event.start)}"),
        (str(event.window.seconds), length(event.window.seconds)),
        (repr(event.peak), si(event.peak, metric.unit)),
        ("" if event.ratio is None else repr(event.ratio), "-" if event.ratio is None else f"{event.ratio:.3g}"),
        (repr(abs(event.excess)), volume(event, metric)),
        (repr(event.severity), f"{event.severity:.0f} {event.band}"),
        *([(by, shorten(by, _BY))] if findings.contributors else []),
        (event.event_class, event.event_class),
    ]
    if findings.verdict is not None:
        cells.append((verdict, verdict))
    told: dict[str, str] = {"class": event.event_class, "band": event.band, "direction": event.direction}
    told |= {"verdict": verdict, "incident": incident}
    return Row(event.id, visible(event.key), event.window, event.direction, tuple(told.items()), tuple(cells))
