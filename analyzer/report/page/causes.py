"""What the page says of why: by what an event came, and which events are one incident."""

from __future__ import annotations

from collections.abc import Collection
from math import isnan

from analyzer.contributors import OTHERS, UNEXPLAINED
from analyzer.model import Findings
from analyzer.report.words import amount, when
from traffic.model import Window
from traffic.text import visible

PARTS = 5
"""Values of a dimension that an event shows; the rest are in contributors.csv."""
INCIDENTS = 50


def contributions(findings: Findings, events: Collection[str]) -> dict[str, list[list[str]]]:
    """By event: rows of dimension, value, its share, its excess, and `new` where it was never there before.

    The largest values of each dimension, and what is left, so that each dimension adds up to all of the excess.
    """
    found: dict[str, list[list[str]]] = {}
    shown: dict[tuple[str, str], int] = {}
    rest: dict[tuple[str, str], float] = {}
    for row in findings.contributors:
        if row.event_id not in events:
            continue
        rows, of = found.setdefault(row.event_id, []), (row.event_id, row.dimension)
        if row.value not in (OTHERS, UNEXPLAINED):
            shown[of] = shown.get(of, 0) + 1
            if shown[of] > PARTS:
                rest[of] = rest.get(of, 0.0) + (0.0 if isnan(row.share) else row.share)
                continue
        share = row.share + rest.pop(of, 0.0) if row.value == OTHERS else row.share
        if isnan(share) or (row.value in (OTHERS, UNEXPLAINED) and abs(share) < 0.0005):
            continue
        excess = "" if row.excess is None or row.value == OTHERS else amount(row.excess, findings.metric)
        rows.append([visible(row.dimension), visible(row.value), f"{share:.1%}".replace("%", " %"), excess, row.new])
    return found


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
