"""The picture of kentik_event_discovery: when events began, how high they rose, how long they lasted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib.lines import Line2D

from analyzer.model import Event, Findings
from analyzer.report.chart.letters import plain
from analyzer.report.chart.style import (
    GREY,
    LEGEND,
    PALE,
    Sheet,
    axis_name,
    name_beside,
    scale_x,
    scale_y,
)
from analyzer.report.order import worst_first
from analyzer.report.words import plural, rule, stretch
from traffic.model import Floats

WIDTH, HEIGHT = 1200, 640
_LEFT, _RIGHT, _TOP, _BOTTOM = 92, 210, 98, 60

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
# Beyond this many events the marks shrink, or they would hide each other.
_CROWD = 400
# How many keys are written beside their marks, and among how many of the worst a free place is looked for.
_NAMED, _TRIED = 5, 10


def draw_events(findings: Findings, longer_than: int = 0) -> Sheet:
    """The picture of the events that last longer than `longer_than` seconds."""
    sheet = Sheet(WIDTH, HEIGHT, left=_LEFT, right=_RIGHT, top=_TOP, bottom=_BOTTOM)
    events = [event for event in findings.events if event.window.seconds > longer_than]
    low, high, log = _range([event.peak for event in events])
    scale_x(sheet, findings.window.start, findings.window.end)
    scale_y(sheet, low, high, findings.metric.unit, log)
    sheet.axes.grid(axis="x", color=PALE, linewidth=0.8)
    shrink = min(1.0, max(0.25, (_CROWD / max(1, len(events))) ** 0.35))
    if events:
        marks = _draw_events(sheet, events, shrink)
        _name_worst(sheet, events, marks, shrink)
    else:
        sheet.axes.set_yticks([])
        words = f"no events{' longer than a minute' if longer_than else ''}"
        middle = _LEFT + sheet.plot_width / 2
        sheet.write(middle, _TOP + sheet.plot_height / 2, words, size=16, color=GREY, ha="center", va="center")
    _draw_legend(sheet, events)
    _write_title(sheet, findings, len(events), longer_than, log)
    return sheet


def size_class(seconds: float) -> int:
    """Which of the length classes an event of this length falls into."""
    return next(i for i, (most, *_) in enumerate(_CLASSES) if seconds <= most)


def _range(peaks: Sequence[float]) -> tuple[float, float, bool]:
    """The y axis: lowest and highest value, and whether it is logarithmic."""
    if not peaks:
        return 0.0, 1.0, False
    top, bottom = max(peaks), min(peaks)
    if bottom > 0 and top > 20 * bottom:
        span = top / bottom
        return bottom / span ** (0.05 / 0.95), top * span**0.09, True
    low = min(0.0, bottom * 1.1)
    return low, low + ((top - low) or 1.0) * 1.14, False


def _draw_events(sheet: Sheet, events: Sequence[Event], shrink: float) -> Floats:
    """Draw the marks; where they are, in pixels from the left and the bottom: shape (events, 2)."""
    at = np.array([(event.start, event.peak) for event in events], dtype=np.float64)
    classes = np.array([size_class(event.window.seconds) for event in events], dtype=np.intp)
    sizes = np.array([(diameter * shrink) ** 2 for *_, diameter in _CLASSES])
    colours = np.array([colour for _, _, colour, _ in _CLASSES])
    # Large ones first and small ones on top of them.
    order = np.argsort(-classes, kind="stable")
    sheet.axes.scatter(
        at[order, 0],
        at[order, 1],
        s=sizes[classes[order]],
        c=colours[classes[order]].tolist(),
        marker="o",
        edgecolors="white",
        linewidths=0.6 * shrink,
        zorder=3,
        clip_on=False,
    )
    pixels: Floats = sheet.axes.transData.transform(at)
    return pixels


def _name_worst(sheet: Sheet, events: Sequence[Event], marks: Floats, shrink: float) -> None:
    """The keys of the worst few beside their marks."""
    at = {event.id: place for event, place in zip(events, marks, strict=True)}
    names = [
        (plain(e.key, 28), at[e.id], _CLASSES[size_class(e.window.seconds)][3] * shrink * 0.7 + 5)
        for e in worst_first(events)[:_TRIED]
    ]
    name_beside(sheet, sheet.axes, names, marks, _NAMED)


def _draw_legend(sheet: Sheet, events: Sequence[Event]) -> None:
    """What the sizes mean, in the right margin."""
    counts = Counter(size_class(event.window.seconds) for event in events)
    handles = [
        Line2D(
            [],
            [],
            linestyle="none",
            marker="o",
            markerfacecolor=colour,
            markeredgecolor="white",
            markeredgewidth=0.6,
            markersize=diameter,
            label=f"{name} ({counts[index]:,})",
        )
        for index, (_, name, colour, diameter) in enumerate(_CLASSES)
    ]
    left = WIDTH - _RIGHT + 14
    sheet.write(left, _TOP, "length", size=9.5, color=GREY)
    place = (left / WIDTH, 1 - (_TOP + 20) / HEIGHT)
    sheet.figure.legend(handles=handles, loc="upper left", bbox_to_anchor=place, **LEGEND)


def _write_title(sheet: Sheet, findings: Findings, count: int, longer_than: int, log: bool) -> None:
    longer = " longer than a minute" if longer_than else ""
    title = f"{plural(count, 'event')}{longer} in {plain(findings.store, 48)}"
    sheet.write(20, 14, title, WIDTH - 40, size=14, weight="bold")
    series = plural(len(findings.keys), "series", "series")
    about = f"{stretch(findings.window)} UTC  ·  {series}  ·  {rule(findings, brief=True)}"
    sheet.write(20, 42, about, WIDTH - 40, size=10, color=GREY)
    if count:
        sheet.write(20, 74, f"peak  ·  {axis_name(findings.metric, log)}", size=9, color=GREY)
