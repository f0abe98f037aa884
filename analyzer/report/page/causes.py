"""What the page says of why: by what an event came, and which events are one incident."""

from __future__ import annotations

from collections.abc import Collection

from analyzer.contributors import OTHERS
from analyzer.model import Contributor, Findings
from analyzer.report.words import SPLIT_WORDS, part_amount, percent, short_list, when
from traffic.model import Window
from traffic.text import visible

PARTS = 5
"""Values of a dimension that an event shows; the rest are in contributors.csv."""
INCIDENTS = 50


def contributions(findings: Findings, events: Collection[str]) -> dict[str, list[list[str]]]:
    """By event: rows of dimension, value, share, excess, its usual share of all, and `new` if it was not there before.

    The largest values of each dimension, and what is left, so that each dimension adds up to all of the excess.
    """
    of: dict[str, list[Contributor]] = {event: [] for event in events}
    for row in findings.contributors:
        if row.event_id in of:
            of[row.event_id].append(row)
    return {event: [_told(row, findings) for row in short_list(rows, PARTS)] for event, rows in of.items() if rows}


def _told(row: Contributor, findings: Findings) -> list[str]:
    excess = "" if row.excess is None or row.value == OTHERS else part_amount(row.excess, row, findings.metric)
    usually = "" if row.weight is None or row.value == OTHERS else percent(row.weight)
    return [visible(row.dimension), visible(row.value), percent(row.share), excess, usually, row.new]


def told_split(findings: Findings) -> str:
    """What shares are those of, where that is not an amount."""
    kind = findings.contributors[0].split if findings.contributors else "excess"
    return "" if kind == "excess" else SPLIT_WORDS[kind].capitalize()


def incidents(findings: Findings) -> list[tuple[str, str]]:
    """The worst incidents of several keys: id, and a sentence."""
    several = [one for one in findings.incidents if one.keys > 1]
    found = []
    for one in sorted(several, key=lambda one: (-one.severity, one.start, one.id))[:INCIDENTS]:
        chance = "" if one.chance is None else f"; by chance as many begin together {one.chance:.1g} times"
        said = f"{when(Window(one.start, one.end))} UTC: {one.keys:,} series, severity {one.severity:.0f}"
        common = visible(one.common) or "time and direction"
        found.append((one.id, f"{said}, in common: {common}{chance}. First: {visible(one.onset[:200])}"))
    return found
