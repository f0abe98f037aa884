"""The lanes of the page: a series each, with its events and the labels of the truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analyzer.model import Event, Findings
from analyzer.outcome import Outcome
from analyzer.report.page.sentences import label_words
from analyzer.report.words import day
from traffic.model import Window
from traffic.text import visible

WIDE, FIRST = 820, 180
"""In units of the picture: how long a lane is, and where it begins."""
_LEAST = 4.0
_SHORT = 28


@dataclass(frozen=True)
class Mark:
    """An event or a label in its lane: where it is, when it was, what is said of a label."""

    id: str
    look: str
    window: Window
    x: float
    width: float
    words: str


@dataclass(frozen=True)
class SeriesMarks:
    """A series: its name as far as there is room, all of it, its events, the labels on it."""

    name: str
    key: str
    events: tuple[Mark, ...]
    labels: tuple[Mark, ...]


def series(findings: Findings, events: Sequence[Event]) -> list[str]:
    """Those with an event or a missed label, in the order of `events`, then of the misses."""
    missed = (outcome.label.key for outcome in outcomes(findings) if outcome.verdict == "miss")
    return list(dict.fromkeys([*(event.key for event in events), *missed]))


def lanes(findings: Findings, events: Sequence[Event], keys: Sequence[str]) -> list[SeriesMarks]:
    """A lane for each of these series."""
    marks: dict[str, list[Mark]] = {key: [] for key in keys}
    labels: dict[str, list[Mark]] = {key: [] for key in keys}
    for event in events:
        if event.key in marks:
            look = f"{event.direction} {event.band} {event.event_class}"
            # What is said of an event stands in the page once, beside its chart.
            marks[event.key].append(_mark(findings, event.id, look, event.window, ""))
    for number, outcome in enumerate(outcomes(findings)):
        if outcome.label.key in labels:
            window = outcome.label.window.clip(findings.window)
            words = f"{label_words(outcome)}: {outcome.verdict}"
            look = outcome.verdict.replace(" ", "-")
            labels[outcome.label.key].append(_mark(findings, f"label-{number}", look, window, words))
    return [SeriesMarks(_short(key), visible(key), tuple(marks[key]), tuple(labels[key])) for key in keys]


def outcomes(findings: Findings) -> tuple[Outcome, ...]:
    """What became of each label; none where there is no truth."""
    return () if findings.verdict is None else findings.verdict.outcomes


def ticks(findings: Findings) -> Iterator[tuple[float, str]]:
    """Where a day is named below the lanes, before anybody zooms."""
    for part in range(1, 7):
        time = findings.window.start + findings.window.seconds * part // 7
        yield round(FIRST + WIDE * part / 7, 1), day(time)


def _mark(findings: Findings, name: str, look: str, window: Window, words: str) -> Mark:
    scale = WIDE / findings.window.seconds
    x = FIRST + (window.start - findings.window.start) * scale
    return Mark(name, look, window, round(x, 1), round(max(_LEAST, window.seconds * scale), 1), words)


def _short(key: str) -> str:
    name = visible(key) or "any series"
    return name if len(name) <= _SHORT else f"{name[:14]}…{name[-13:]}"
