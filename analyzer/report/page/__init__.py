"""report.html: a run as one file that needs no network and no server."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analyzer.model import BANDS, Event, Findings, Trace
from analyzer.report.machine import LISTED, hours_not_judged
from analyzer.report.order import worst_first
from analyzer.report.table import as_written
from analyzer.report.weeks import other_weeks
from analyzer.report.words import (
    clock,
    day,
    limit_words,
    made,
    peak_words,
    plural,
    rule,
    special,
    stretch,
    volume,
    when,
)
from traffic.disk import write_atomic
from traffic.model import HOUR, Floats
from traffic.text import length, si, visible

PAGE = "report.html"
LANES, EVENTS = 60, 5000
"""Series that have a lane, and events that are in the page: a browser has to hold them."""
_MISSING = 65535
_WIDE, _FIRST = 820, 180
"""Of the lanes, in units of the picture: their length, and where they begin."""


@dataclass(frozen=True)
class _EventMark:
    """An event in its lane."""

    id: str
    direction: str
    band: str
    x: float
    width: float
    words: str


@dataclass(frozen=True)
class _SeriesEvents:
    """A series: its name as far as there is room, all of it, its events."""

    name: str
    key: str
    marks: tuple[_EventMark, ...]


@dataclass(frozen=True)
class _TableRow:
    """An event in the table; each cell as it is sorted, and as it is read."""

    id: str
    key: str
    band: str
    direction: str
    verdict: str
    cells: tuple[tuple[str, str], ...]


def write_page(findings: Findings, folder: Path, title: str = "") -> Path:
    """Write report.html; its path.

    Raises:
        StorageFailure: the folder cannot be written.
    """
    path = folder / PAGE
    write_atomic(path, page(findings, title))
    return path


def page(findings: Findings, title: str = "") -> bytes:
    """The file: the same findings give the same bytes. Every text is escaped, and no script but its own may run."""
    here = Path(__file__).parent
    environment = Environment(loader=FileSystemLoader(here), autoescape=True, undefined=StrictUndefined)
    style, script = (here.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    events = [as_written(event) for event in worst_first(findings.events)[:EVENTS]]
    found = f"{plural(len(findings.events), 'event')} in {visible(findings.store)}"
    lanes = list(_lanes(findings, events))
    text = environment.get_template("page.html.j2").render(
        heading=f"{visible(title)} · {found}" if title else found,
        facts=list(_facts(findings)),
        scores=list(_scores(findings)),
        lanes=lanes[:LANES],
        more_lanes=max(0, len(lanes) - LANES),
        ticks=list(_ticks(findings)),
        more_events=len(findings.events) - len(events),
        bands=[band for band, _ in BANDS],
        columns=_columns(findings),
        rows=[_table_row(findings, event) for event in events],
        missed=list(_missed(findings)),
        not_judged=list(_not_judged(findings)),
        data=_data(findings, events),
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
    )
    return text.encode("utf-8", "backslashreplace")


def _facts(findings: Findings) -> Iterator[str]:
    yield f"{stretch(findings.window)} UTC, {plural(len(findings.keys), 'series', 'series')}"
    if said := findings.coverage.sentence():
        yield f"{said[0].upper()}{said[1:]}."
    yield f"An event: {rule(findings)}."
    if said := special(findings.policy):
        yield f"{said}; times here are UTC."
    if not findings.not_judged:
        yield "Everything was judged." if findings.coverage.whole else "All that was read was judged."


def _scores(findings: Findings) -> Iterator[tuple[str, str]]:
    if (verdict := findings.verdict) is not None:
        shares = (("precision", verdict.precision), ("recall", verdict.recall), ("F1", verdict.f1))
        counts = (("hits", verdict.hits), ("missed", verdict.misses), ("false alarms", verdict.false_alarms))
        yield from ((name, f"{count:,}") for name, count in counts)
        yield from ((name, "-" if share is None else f"{share:.3f}") for name, share in shares)
        yield "labels not judged", f"{verdict.not_judged:,}"


def _lanes(findings: Findings, events: Sequence[Event]) -> Iterator[_SeriesEvents]:
    marks: dict[str, list[_EventMark]] = {}
    scale = _WIDE / findings.window.seconds
    for event in events:
        x = _FIRST + (event.start - findings.window.start) * scale
        width = max(4.0, event.window.seconds * scale)
        mark = _EventMark(event.id, event.direction, event.band, round(x, 1), round(width, 1), _about(findings, event))
        marks.setdefault(event.key, []).append(mark)
    for key, own in marks.items():
        name = visible(key)
        yield _SeriesEvents(name if len(name) <= 28 else f"{name[:14]}…{name[-13:]}", name, tuple(own))


def _ticks(findings: Findings) -> Iterator[tuple[float, str]]:
    for part in range(1, 7):
        time = findings.window.start + findings.window.seconds * part // 7
        yield round(_FIRST + _WIDE * part / 7, 1), day(time)


def _columns(findings: Findings) -> list[str]:
    names = ["series", "start (UTC)", "length", "peak", "× baseline", "volume", "severity"]
    return names if findings.verdict is None else [*names, "verdict"]


def _table_row(findings: Findings, event: Event) -> _TableRow:
    metric = findings.metric
    verdict = findings.verdict.of_event.get(event.id, ("", ""))[0] if findings.verdict is not None else ""
    cells = [
        (str(event.start), f"{day(event.start, year=True)} {clock(event.start)}"),
        (str(event.window.seconds), length(event.window.seconds)),
        (repr(event.peak), si(event.peak, metric.unit)),
        ("" if event.ratio is None else repr(event.ratio), "-" if event.ratio is None else f"{event.ratio:.3g}"),
        (repr(abs(event.excess)), volume(event, metric)),
        (repr(event.severity), f"{event.severity:.0f} {event.band}"),
    ]
    if findings.verdict is not None:
        cells.append((verdict, verdict))
    return _TableRow(event.id, visible(event.key), event.band, event.direction, verdict, tuple(cells))


def _about(findings: Findings, event: Event) -> str:
    """The sentence for whoever does not see the chart."""
    facts = [f"{visible(event.key)}: {when(event.window)} UTC", length(event.window.seconds)]
    facts += [
        peak_words(event, findings.metric),
        f"limit {limit_words(event, findings.policy.of(event.key), findings.metric)}",
    ]
    if amount := volume(event, findings.metric):
        facts.append(f"{amount} {'missing' if event.direction == 'below' else 'above the baseline in all'}")
    return f"{', '.join(facts)}; severity {event.severity:.0f}, {event.band}."


def _missed(findings: Findings) -> Iterator[str]:
    for outcome in findings.verdict.outcomes if findings.verdict is not None else ():
        if outcome.verdict == "miss":
            label = outcome.label
            words = [visible(label.key or "any series") + ":", when(label.window), "UTC", visible(made(label))]
            yield " ".join(filter(None, words))


def _not_judged(findings: Findings) -> Iterator[str]:
    worst = sorted(hours_not_judged(findings).items(), key=lambda one: (-sum(one[1].values()), one[0]))
    for key, reasons in worst[:LISTED]:
        said = ", ".join(f"{hours:g} h {visible(reason)}" for reason, hours in sorted(reasons.items()))
        yield f"{visible(key)}: {said}"
    if len(worst) > LISTED:
        yield f"and {len(worst) - LISTED:,} more series (not_judged.csv)"


def _data(findings: Findings, events: Sequence[Event]) -> str:
    traces = {trace.event_id: trace for trace in findings.traces}
    document = {
        "unit": {"bit/s": "b/s", "bit": "b"}.get(findings.metric.unit, findings.metric.unit),
        "about": {event.id: _about(findings, event) for event in events},
        "traces": {event.id: _trace(event, traces[event.id]) for event in events if event.id in traces},
    }
    # Neither the end of a script nor a comment can stand in it.
    return (
        json.dumps(document, separators=(",", ":"))
        .replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("&", "\\u0026")
    )


def _trace(event: Event, trace: Trace) -> dict[str, Any]:
    grid, per_hour = trace.grid, max(1, HOUR // trace.grid.step)
    lines = {"baseline": trace.baseline, "limit": trace.threshold}
    hourly = {name: [_line(grid.start, HOUR, values[::per_hour])] for name, values in lines.items()}
    return {
        "start": grid.start,
        "end": grid.window.end,
        "event": [event.start, event.end],
        "peak": event.peak_at,
        "values": [_line(grid.start, grid.step, np.where(np.isfinite(trace.values), trace.values, trace.usual))],
        "others": [_line(start, HOUR, hours) for start, hours in other_weeks(trace)],
        **hourly,
    }


def _line(start: int, width: int, values: Floats) -> dict[str, Any]:
    """A line in 65,535 levels, which is finer than any screen; the highest number is what is missing."""
    there = np.isfinite(values)
    low, high = (float(values[there].min()), float(values[there].max())) if there.any() else (0.0, 0.0)
    step = (high - low) / (_MISSING - 1) or 1.0
    levels = np.where(there, np.rint((np.where(there, values, low) - low) / step), _MISSING).astype("<u2")
    packed = base64.b64encode(levels.tobytes()).decode("ascii")
    return {"start": start, "width": width, "low": low, "step": step, "packed": packed}


def _hash(text: str) -> str:
    return base64.b64encode(sha256(text.encode()).digest()).decode("ascii")
