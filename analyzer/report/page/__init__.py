"""report.html: a run as one file that needs no network and no server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from analyzer.model import Event, Findings, Trace
from analyzer.report.elsewhere import HEADS as POLICY_HEADS
from analyzer.report.elsewhere import policy_rows
from analyzer.report.machine import LISTED, hours_not_judged
from analyzer.report.order import worst_first
from analyzer.report.page.causes import contributions, incidents, told_split
from analyzer.report.page.file import HERE, rendered
from analyzer.report.page.lanes import SeriesMarks, lanes, outcomes, series, ticks
from analyzer.report.page.packed import packed
from analyzer.report.page.rows import columns, filters, rows
from analyzer.report.page.sentences import about, label_words
from analyzer.report.page.sliders import Sliders, sliders_document
from analyzer.report.table import as_written
from analyzer.report.weeks import other_weeks
from analyzer.report.words import FALLS, plural, rule, special, stretch
from traffic.disk import write_atomic
from traffic.heap import give_back
from traffic.model import HOUR
from traffic.text import visible

PAGE = "report.html"
LANES, EVENTS = 60, 5000
"""Series that have a lane, and events that are in the page: a browser has to hold them."""
_SCRIPTS = ("start.js", "sort.js", "table.js", "lanes.js", "chart.js", "begin.js", "sliders.js")


def write_page(
    findings: Findings,
    folder: Path,
    title: str = "",
    explained: Mapping[str, str] | None = None,
    sliders: Sliders | None = None,
) -> Path:
    """Write report.html; its path.

    Args:
        explained: what `explain` says of events, by their ids.
        sliders: what other policies raise.

    Raises:
        StorageFailure: the folder cannot be written.
    """
    path = folder / PAGE
    # What was sent to painters before, or written.
    give_back()
    write_atomic(path, page(findings, title, explained, sliders))
    return path


def page(
    findings: Findings, title: str = "", explained: Mapping[str, str] | None = None, sliders: Sliders | None = None
) -> bytes:
    """The file: the same findings give the same bytes. Every text is escaped, and no script but its own may run."""
    events = [as_written(event) for event in worst_first(findings.events)[:EVENTS]]
    all_rows, keys = rows(findings, events), series(findings, events)
    shown = lanes(findings, events, keys[:LANES])
    choices = filters(all_rows)
    return rendered(
        HERE / "page.html.j2",
        _SCRIPTS,
        heading=_heading(findings, title),
        facts=list(_facts(findings)),
        scores=list(_scores(findings)),
        lanes=shown,
        more_lanes=len(keys) - len(shown),
        looks=_looks(shown),
        ticks=list(ticks(findings)),
        more_events=len(findings.events) - len(events),
        columns=columns(findings),
        rows=all_rows,
        filters=choices,
        filtered={choice.name for choice in choices},
        missed=list(_missed(findings)),
        not_judged=list(_not_judged(findings)),
        policies=policy_rows(findings.elsewhere),
        policy_heads=POLICY_HEADS,
        incidents=incidents(findings),
        split=told_split(findings),
        data=_data(findings, events, explained or {}, sliders),
        sliders=sliders,
    )


def _heading(findings: Findings, title: str) -> str:
    stated = sum(event.event_class == "policy" for event in findings.events)
    found = plural(stated, "event") if stated else "No events"
    if others := len(findings.events) - stated:
        found += f" ({others:,} more, below your policy)"
    found += f" in {visible(findings.store)}"
    return f"{visible(title)} · {found}" if title else found


def _facts(findings: Findings) -> Iterator[str]:
    yield f"{stretch(findings.window)} UTC, {plural(len(findings.keys), 'series', 'series')}"
    if said := findings.coverage.sentence():
        yield f"{said[0].upper()}{said[1:]}."
    yield f"Rule: {rule(findings)}."
    if said := special(findings.policy):
        yield f"{said}; times here are UTC."
    if findings.policy.direction == "above":
        yield f"{FALLS}."
    if not findings.not_judged:
        yield "Everything was judged." if findings.coverage.whole else "All that was read was judged."


def _scores(findings: Findings) -> Iterator[tuple[str, str]]:
    if (verdict := findings.verdict) is not None:
        shares = (("precision", verdict.precision), ("recall", verdict.recall), ("F1", verdict.f1))
        counts = (("hits", verdict.hits), ("missed", verdict.misses), ("false alarms", verdict.false_alarms))
        yield from ((name, f"{count:,}") for name, count in counts)
        yield from ((name, "-" if share is None else f"{share:.3f}") for name, share in shares)
        yield "labels not judged", f"{verdict.not_judged:,}"


def _looks(shown: Sequence[SeriesMarks]) -> set[str]:
    """What the marks of the lanes are, so that only what is there is explained."""
    marks = [mark for lane in shown for mark in (*lane.events, *lane.labels)]
    labels = {"label"} if any(lane.labels for lane in shown) else set()
    return labels.union(*(mark.look.split() for mark in marks))


def _missed(findings: Findings) -> Iterator[tuple[str, str, str]]:
    for number, outcome in enumerate(outcomes(findings)):
        if outcome.verdict == "miss":
            yield f"label-{number}", label_words(outcome), visible(outcome.why)


def _not_judged(findings: Findings) -> Iterator[str]:
    worst = sorted(hours_not_judged(findings).items(), key=lambda one: (-sum(one[1].values()), one[0]))
    for key, reasons in worst[:LISTED]:
        said = ", ".join(f"{hours:g} h {visible(reason)}" for reason, hours in sorted(reasons.items()))
        yield f"{visible(key)}: {said}"
    if len(worst) > LISTED:
        yield f"and {len(worst) - LISTED:,} more series (not_judged.csv)"


def _data(findings: Findings, events: Sequence[Event], explained: Mapping[str, str], sliders: Sliders | None) -> str:
    traces = {trace.event_id: trace for trace in findings.traces}
    document = {
        "unit": {"bit/s": "b/s", "bit": "b"}.get(findings.metric.unit, findings.metric.unit),
        "window": [findings.window.start, findings.window.end],
        "about": {event.id: about(findings, event) for event in events},
        "parts": contributions(findings, {event.id for event in events}),
        "explained": dict(explained),
        "sliders": None if sliders is None else sliders_document(sliders, findings.metric, findings.window),
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
    hourly = {name: [packed(grid.start, HOUR, values[::per_hour])] for name, values in lines.items()}
    return {
        "start": grid.start,
        "end": grid.window.end,
        "event": [event.start, event.end],
        "peak": event.peak_at,
        "values": [packed(grid.start, grid.step, np.where(np.isfinite(trace.values), trace.values, trace.usual))],
        "others": [packed(start, HOUR, hours) for start, hours in other_weeks(trace)],
        **hourly,
    }
