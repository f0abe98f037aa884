"""A run's findings on the terminal: the worst events, the verdict, and what was not judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from textwrap import wrap

from analyzer.model import CLASSES, Event, Findings
from analyzer.report.elsewhere import elsewhere
from analyzer.report.lines import BOLD, DIM, GREEN, LISTED, PLAIN, RED, brief, paint, shorten, started, table
from analyzer.report.order import worst_first
from analyzer.report.scored import scored
from analyzer.report.table import COVERAGE, EVENTS, INCIDENTS, as_written
from analyzer.report.unjudged import not_judged, not_raised
from analyzer.report.words import FALLS, SPLIT_WORDS, by_event, came_by, plural, rule, special, stretch, times
from traffic.text import length, si, visible

ROWS = 20
_LEAST_WIDTH = 80
_BY = 28
"""Columns for what an event came by."""
_COLOURS: dict[str, str] = {"hit": GREEN, "false alarm": RED, "neutral": DIM}


def summary(findings: Findings, width: int = _LEAST_WIDTH, colour: bool = False) -> str:
    """What a person reads at the end of a run: lines of at most `width` columns (but 80 at least), and a newline.

    Without `colour` it holds no escape sequence, whatever the keys hold.
    """
    width = max(_LEAST_WIDTH, width)
    parts = (_head(findings, width, colour), _events(findings, width, colour), scored(findings, width, colour))
    blocks = [
        "\n".join(part)
        for part in (
            *parts[:2],
            _incidents(findings, width),
            *parts[2:],
            not_judged(findings, width),
            not_raised(findings, width),
            elsewhere(findings.elsewhere, width),
        )
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _head(findings: Findings, width: int, colour: bool) -> Iterator[str]:
    stated = sum(event.event_class == "policy" for event in findings.events)
    count = plural(stated, "event") if stated else "No events"
    if others := len(findings.events) - stated:
        count += f" ({others:,} more, below your policy)"
    yield paint(shorten(f"{count} in {visible(findings.store)}", width), BOLD, colour)
    yield f"{stretch(findings.window)} UTC, {plural(len(findings.keys), 'series', 'series')}".translate(PLAIN)
    if said := findings.coverage.sentence():
        yield from wrap(visible(f"{said[0].upper()}{said[1:]} ({COVERAGE.file})."), width)
    yield from wrap(f"Rule: {rule(findings)}.".translate(PLAIN), width)
    if said := special(findings.policy):
        yield from wrap(f"{said}; times here are UTC.", width)
    policy = findings.policy
    if policy.direction == "above":
        yield f"{FALLS} (--direction both)."
    if policy.needed(findings.resolution) < policy.matches:
        reason = f"{length(policy.within)} contain fewer than {policy.matches} buckets of {length(findings.resolution)}"
        yield from wrap(f"({policy.matches} matches were requested, but {reason}.)", width)


def _events(findings: Findings, width: int, colour: bool) -> Iterator[str]:
    """What the stated policy raises, and apart from it what else is worth a look."""
    stated = [event for event in findings.events if event.event_class == "policy"]
    others = [event for event in findings.events if event.event_class != "policy"]
    yield from _event_table(findings, stated, ROWS, width, colour)
    if others:
        kinds = Counter(event.event_class for event in others)
        said = ", ".join(f"{kinds[kind]:,} {kind}" for kind in CLASSES if kinds[kind])
        yield from ([""] if stated else [])
        yield f"Below your policy: {said}"
        yield from _event_table(findings, others, LISTED, width, colour)


def _event_table(findings: Findings, events: Sequence[Event], most: int, width: int, colour: bool) -> Iterator[str]:
    if not events:
        return
    worst = worst_first(events)
    unit = findings.metric.unit
    rows: list[tuple[str, ...]] = [("series", "start", "length", "peak", "ratio", "sev", "verdict")]
    of_event = findings.verdict.of_event if findings.verdict is not None else {}
    for event in map(as_written, worst[:most]):
        ratio = times(event.ratio).translate(PLAIN)
        figures = (brief(event.window.seconds), si(event.peak, unit), ratio, f"{event.severity:.0f}")
        rows.append((event.key, started(findings, event.start), *figures, of_event.get(event.id, ("", ""))[0]))
    aligned = ">>>>><"
    if findings.verdict is None:
        rows, aligned = [row[:-1] for row in rows], aligned[:-1]
    if findings.contributors:
        made_of = by_event(findings.contributors)
        words = ["by", *(_brief_cause(came_by(made_of.get(event.id, ()))) for event in worst[:most])]
        # Before the verdict, by which a line is painted.
        rows = [(*row[:6], by, *row[6:]) for row, by in zip(rows, words, strict=True)]
        aligned = f"{aligned[:5]}<{aligned[5:]}"
    for i, line in enumerate(table(rows, aligned, width - 2)):
        verdict = rows[i][-1]
        yield "  " + paint(line, DIM if i == 0 else _COLOURS.get(verdict, ""), colour)
    if len(worst) > most:
        yield f"  ... and {len(worst) - most:,} more in {EVENTS.file}"
    if findings.contributors and (kind := findings.contributors[0].split) != "excess":
        yield f"  by: {SPLIT_WORDS[kind]}"


def _brief_cause(words: str) -> str:
    """What an event came by in a narrow column: the values rather than how much of it they are."""
    return words if len(words) <= _BY else shorten(words.rpartition(" ")[0].rpartition(" ")[0] or words, _BY)


def _incidents(findings: Findings, width: int) -> Iterator[str]:
    """How many incidents the events are, and those of several keys."""
    several = [one for one in findings.incidents if one.keys > 1]
    if not several:
        return
    count = plural(len(findings.incidents), "incident")
    yield f"{count}, {len(several):,} of several series ({INCIDENTS.file})"
    rows: list[tuple[str, ...]] = [("start", "length", "series", "sev", "by chance", "in common")]
    for one in sorted(several, key=lambda one: (-one.severity, one.start, one.id))[:LISTED]:
        chance = "-" if one.chance is None else f"{one.chance:.1g}"
        figures = (brief(one.end - one.start), f"{one.keys:,}", f"{one.severity:.0f}", chance)
        rows.append((started(findings, one.start), *figures, visible(one.common) or "time and direction"))
    yield from ("  " + line for line in table(rows, "<>>>><", width - 2))
