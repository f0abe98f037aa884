"""Lines for a terminal: tables that fit its width, names that are cut, figures, colours."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from analyzer.model import Findings
from analyzer.report.words import clock, day
from traffic.model import DAY, HOUR
from traffic.text import visible

BOLD, RED, GREEN, DIM, _END = "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[2m", "\x1b[0m"
LISTED = 5
"""Lines of a list; the files have the rest."""
# Characters that some terminals draw two columns wide, or not at all.
PLAIN = str.maketrans({"×": "x", "–": "-"})
_LEAST_KEY = 8


def table(rows: Sequence[tuple[str, ...]], align: str, width: int) -> Iterator[str]:
    """Rows as lines of at most `width` columns: the first cell to the left and as wide as the others leave it.

    `align` holds "<" or ">" for every other cell.
    """
    rows = [(visible(row[0]), *row[1:]) for row in rows]
    wide = [max(columns(row[i]) for row in rows) for i in range(len(rows[0]))]
    wide[0] = max(_LEAST_KEY, min(wide[0], width - sum(wide[1:]) - 2 * (len(wide) - 1)))
    for name, *others in rows:
        first = shorten(name, wide[0])
        cells = [first + " " * (wide[0] - columns(first))]
        cells += [f"{cell:{way}{room}}" for cell, way, room in zip(others, align, wide[1:], strict=False)]
        yield "  ".join(cells).rstrip()


def columns(text: str) -> int:
    """How many columns of a terminal a printable text takes: two a wide East Asian letter, none a combining mark."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def shorten(text: str, width: int) -> str:
    """At most `width` columns; what is left out is in the middle, because both ends of a key tell more."""
    if columns(text) <= width:
        return text
    tail = (width - 3) // 2
    head = width - 3 - tail
    return _first(text, head) + "..." + _first(text[::-1], tail)[::-1]


def _first(text: str, width: int) -> str:
    end = 0
    for end, character in enumerate(text):
        width -= _columns(character)
        if width < 0:
            return text[:end]
    return text[: end + 1]


def started(findings: Findings, time: int) -> str:
    """When something starts: `12 Oct 14:05`, with the year if the window is long."""
    return f"{day(time, year=findings.window.seconds > 300 * DAY)} {clock(time)}"


def brief(seconds: float) -> str:
    """A length of time in at most eight columns, so that the keys have room: `45 s`, `43 min`, `2.1 h`, `3.2 d`."""
    for below, size, unit in ((60, 1, "s"), (HOUR, 60, "min"), (2 * DAY, HOUR, "h")):
        if seconds < below:
            return f"{seconds / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds / DAY:.1f}".removesuffix(".0") + " d"


def share(value: float | None) -> str:
    """A score with three digits, or "-"."""
    if value is None:
        return "-"
    # Only what is perfect is called 1.000.
    return f"{min(value, 0.999) if value < 1 else value:.3f}"


def percent_of(part: float, whole: float) -> str:
    """A part of a whole, with one digit."""
    # What is there is never called 0 %, and what is not all is never called 100 %.
    percent = 100 * part / whole
    if 0 < percent < 0.05:
        return "<0.1 %"
    return f"{min(percent, 99.9) if part < whole else percent:.1f} %"


def paint(line: str, colour: str, wanted: bool) -> str:
    """The line in a colour, where colours are wanted."""
    return f"{colour}{line}{_END}" if wanted and colour else line
