"""The picture of all events: when they began, how high they rose, how long they lasted and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from analyzer.model import Event, EventVerdict, Findings
from analyzer.report.chart.style import (
    GREY,
    INK,
    LEGEND,
    PALE,
    VERMILION,
    Sheet,
    axis_name,
    plain,
    scale_x,
    scale_y,
    text_width,
)
from analyzer.report.order import worst_first
from analyzer.report.words import plural, rule, stretch
from traffic.model import Floats

WIDTH, HEIGHT = 1200, 640
_LEFT, _RIGHT, _TOP, _BOTTOM = 92, 210, 98, 60
_LANE = 0.056  # share of the plot's height, at its foot, in which the missed labels are marked

# Length classes: up to how many seconds, name, colour, diameter in points. Light to dark and small to large, so that
# the hue only says again what the size says.
_CLASSES = (
    (300.0, "up to 5 min", "#8FCFBC", 5.5),
    (900.0, "5 to 15 min", "#59B9C9", 7.0),
    (1800.0, "15 to 30 min", "#3A98C7", 8.5),
    (3600.0, "30 min to 1 h", "#2B6CB2", 10.5),
    (10800.0, "1 to 3 h", "#2B4294", 13.0),
    (float("inf"), "over 3 h", "#1F1A54", 16.0),
)
# Verdict: marker, colour and width of its edge.
_MARKS: dict[EventVerdict, tuple[str, str, float]] = {
    "": ("o", "white", 0.6),
    "hit": ("o", "white", 0.6),
    "neutral": ("s", "white", 0.6),
    "false alarm": ("X", VERMILION, 1.3),
}
# Beyond this many events the marks shrink, or they would hide each other.
_CROWD = 400
# How many keys are written beside their marks, and among how many of the worst a free place is looked for.
_NAMED, _TRIED = 5, 10


def draw_events(findings: Findings, longer_than: int = 0) -> Sheet:
    """The picture of the events that last longer than `longer_than` seconds, and of the missed labels that do."""
    sheet = Sheet(WIDTH, HEIGHT, left=_LEFT, right=_RIGHT, top=_TOP, bottom=_BOTTOM)
    events = [event for event in findings.events if event.window.seconds > longer_than]
    outcomes = findings.verdict.outcomes if findings.verdict is not None else ()
    missed = [o.label.start for o in outcomes if o.verdict == "miss" and o.label.window.seconds > longer_than]
    low, high, log = _range([event.peak for event in events], lane=bool(missed))
    scale_x(sheet, findings.window.start, findings.window.end)
    scale_y(sheet, low, high, findings.metric.unit, log)
    sheet.axes.grid(axis="x", color=PALE, linewidth=0.8)
    shrink = min(1.0, max(0.25, (_CROWD / max(1, len(events))) ** 0.35))
    miss_marker = "v" if len(missed) <= 60 else "|"
    if missed:
        _draw_missed(sheet, missed, miss_marker)
    if events:
        marks = _draw_events(sheet, findings, events, shrink)
        _name_worst(sheet, events, marks, shrink)
    else:
        sheet.axes.set_yticks([])
        words = f"no events{' longer than a minute' if longer_than else ''}"
        middle = _LEFT + sheet.plot_width / 2
        sheet.write(middle, _TOP + sheet.plot_height / 2, words, size=16, color=GREY, ha="center", va="center")
    _draw_legends(sheet, findings, events, len(missed), miss_marker)
    _write_title(sheet, findings, len(events), longer_than, log)
    return sheet


def size_class(seconds: float) -> int:
    """Which of the length classes an event of this length falls into."""
    return next(i for i, (most, *_) in enumerate(_CLASSES) if seconds <= most)


def _range(peaks: Sequence[float], lane: bool) -> tuple[float, float, bool]:
    """The y axis: lowest and highest value, and whether it is logarithmic; `lane` leaves the foot of the plot free."""
    if not peaks:
        return 0.0, 1.0, False
    top, bottom = max(peaks), min(peaks)
    below = _LANE + 0.03 if lane else 0.05
    if bottom > 0 and top > 20 * bottom:
        span = top / bottom
        return bottom / span ** (below / (1 - below)), top * span**0.09, True
    low = min(0.0, bottom * 1.1)
    span = (top - low) or 1.0
    return low - below * span if lane else low, low + span * 1.14, False


def _verdicts(findings: Findings, events: Sequence[Event]) -> list[EventVerdict]:
    of_event = findings.verdict.of_event if findings.verdict is not None else {}
    return [of_event.get(event.id, ("", ""))[0] for event in events]


def _draw_events(sheet: Sheet, findings: Findings, events: Sequence[Event], shrink: float) -> Floats:
    """Draw the marks; where they are, in pixels from the left and the bottom: shape (events, 2)."""
    at = np.array([(event.start, event.peak) for event in events], dtype=np.float64)
    classes = np.array([size_class(event.window.seconds) for event in events], dtype=np.intp)
    verdicts = np.array(_verdicts(findings, events), dtype=object)
    sizes = np.array([(diameter * shrink) ** 2 for *_, diameter in _CLASSES])
    colours = np.array([colour for _, _, colour, _ in _CLASSES])
    # Large ones first and small ones on top of them; false alarms, which want a look, on top of all.
    for rank, (verdict, (marker, edge, width)) in enumerate(_MARKS.items()):
        chosen = np.flatnonzero(verdicts == verdict)
        chosen = chosen[np.argsort(-classes[chosen], kind="stable")]
        sheet.axes.scatter(
            at[chosen, 0],
            at[chosen, 1],
            s=sizes[classes[chosen]],
            c=colours[classes[chosen]].tolist(),
            marker=marker,
            edgecolors=edge,
            linewidths=width * shrink,
            zorder=3 + rank,
            clip_on=False,
        )
    pixels: Floats = sheet.axes.transData.transform(at)
    return pixels


def _draw_missed(sheet: Sheet, starts: Sequence[int], marker: str) -> None:
    across = sheet.axes.get_xaxis_transform()
    lane = Rectangle((0, 0), 1, _LANE, transform=sheet.axes.transAxes, facecolor="#FBEFE6", linewidth=0, zorder=0.4)
    sheet.axes.add_patch(lane)
    look: dict[str, Any] = {"markerfacecolor": "none", "markeredgecolor": VERMILION, "markeredgewidth": 1.4}
    heights = [_LANE / 2] * len(starts)
    sheet.axes.plot(starts, heights, marker, markersize=7.5, transform=across, clip_on=False, zorder=2.5, **look)


def _name_worst(sheet: Sheet, events: Sequence[Event], marks: Floats, shrink: float) -> None:
    """The keys of the worst few beside their marks; one that would touch a mark, a word or the edge stays unnamed."""
    box = sheet.axes.bbox
    taken: list[tuple[float, float, float, float]] = []
    for event in worst_first(events)[:_TRIED]:
        if len(taken) == _NAMED:
            break
        x, y = sheet.axes.transData.transform((event.start, event.peak))
        away = _CLASSES[size_class(event.window.seconds)][3] * shrink * 0.7 + 5
        words = plain(event.key, 28)
        width = text_width(words, 9)
        beside, above = y - 6, y + away
        for left, base in ((x + away, beside), (x - away - width, beside), (x - width / 2, above)):
            x0, y0, x1, y1 = left - 3, base - 3, left + width + 3, base + 14
            if not (box.x0 < x0 and x1 < box.x1 and box.y0 < y0 and y1 < box.y1):
                continue
            covered = (marks[:, 0] > x0 - 3) & (marks[:, 0] < x1 + 3) & (marks[:, 1] > y0 - 3) & (marks[:, 1] < y1 + 3)
            if not covered.any() and all(x1 < a or x0 > c or y1 < b or y0 > d for a, b, c, d in taken):
                taken.append((x0, y0, x1, y1))
                sheet.write(left, HEIGHT - base, words, size=9, color=INK, va="baseline", zorder=8)
                break


def _draw_legends(sheet: Sheet, findings: Findings, events: Sequence[Event], missed: int, miss_marker: str) -> None:
    counts = [0] * len(_CLASSES)
    for event in events:
        counts[size_class(event.window.seconds)] += 1
    lengths = [
        _mark("o", colour, "white", 0.6, diameter, f"{name} ({count:,})")
        for (_, name, colour, diameter), count in zip(_CLASSES, counts, strict=True)
    ]
    foot = _draw_legend(sheet, "length", lengths, _TOP)
    if findings.verdict is None:
        return
    verdicts = _verdicts(findings, events)
    kinds: tuple[EventVerdict, ...] = ("hit", "false alarm", "neutral")
    marks = [_mark(_MARKS[k][0], "#7FA6C4", *_MARKS[k][1:], 9, f"{k} ({verdicts.count(k):,})") for k in kinds]
    marks.append(_mark(miss_marker, "none", VERMILION, 1.4, 7.5, f"missed ({missed:,})"))
    _draw_legend(sheet, "verdict", marks, foot + 24)


def _mark(marker: str, face: str, edge: str, width: float, size: float, label: str) -> Line2D:
    look: dict[str, Any] = {
        "markerfacecolor": face,
        "markeredgecolor": edge,
        "markeredgewidth": width,
        "markersize": size,
    }
    return Line2D([], [], linestyle="none", marker=marker, label=label, **look)


def _draw_legend(sheet: Sheet, title: str, handles: list[Line2D], top: float) -> float:
    """A legend in the right margin, `top` pixels from the top; where it ends."""
    left = WIDTH - _RIGHT + 14
    sheet.write(left, top, title, size=9.5, color=GREY)
    sheet.figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(left / WIDTH, 1 - (top + 20) / HEIGHT),
        **LEGEND,
    )
    return top + 20 + 22 * len(handles)


def _write_title(sheet: Sheet, findings: Findings, count: int, longer_than: int, log: bool) -> None:
    longer = " longer than a minute" if longer_than else ""
    title = f"{plural(count, 'event')}{longer} in {plain(findings.store, 48)}"
    sheet.write(20, 14, title, WIDTH - 40, size=14, weight="bold")
    about = f"{stretch(findings.window)} UTC  ·  {plural(len(findings.keys), 'key')}  ·  {rule(findings, brief=True)}"
    sheet.write(20, 42, about, WIDTH - 40, size=10, color=GREY)
    if count:
        sheet.write(20, 74, f"peak  ·  {axis_name(findings.metric, log)}", size=9, color=GREY)
