"""The picture of all events: one lane per series, worst on top, and below it how far each event went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analyzer.model import BANDS, Band, Event, Findings
from analyzer.outcome import EventVerdict, Outcome
from analyzer.report.chart.boxes import add_boxes
from analyzer.report.chart.letters import fit, plain
from analyzer.report.chart.style import (
    GREEN,
    GREY,
    INK,
    LEGEND,
    PALE,
    PURPLE,
    VERMILION,
    Sheet,
    name_beside,
    scale_x,
    value_ticks,
)
from analyzer.report.order import worst_first
from analyzer.report.words import plural, rule, stretch
from traffic.model import Floats
from traffic.text import si

WIDTH = 1200
_LEFT, _RIGHT, _TOP, _BOTTOM = 190, 204, 110, 60
_PEAKS, _BETWEEN = 190, 40
_LEAST_HEIGHT = 610
_LANE, _ALL_NAMED, _NAMED, _THIN = 18, 60, 40, (2, 6)
"""Pixels of a lane with a name; how many lanes all have one, and how many where there are more; pixels of the others,
at least and at most."""
_THINNEST = 700
"""Pixels for all lanes without a name, as long as each keeps its least."""
_LEAST_MARK, _LEAST_LABEL = 5, 11
"""Pixels that an event and a label are wide at least: five minutes of six weeks are a tenth of one."""
_BESIDE, _TRIED = 8, 30
"""How many of the worst have their name beside their peak, and among how many a free place is looked for."""
_CROWD = 400
"""From so many events on the marks of peaks are small."""
_LOWEST = 0.01
"""Of the ratios that are drawn: what fell further has its mark there."""

_WRONG: dict[str, Any] = {
    "linestyle": "none",
    "marker": "x",
    "markersize": 5,
    "markeredgecolor": INK,
    "markeredgewidth": 1.3,
    "zorder": 3,
}

# From light to dark with the severity; what falls is blue, and hangs from the middle of its lane.
_COLOURS: Mapping[str, Mapping[Band, str]] = {
    "above": {"critical": "#7A0C2E", "major": "#D1432B", "minor": "#F0902F", "warning": "#F5CF6B"},
    "below": {"critical": "#10206B", "major": "#2C5FB3", "minor": "#5AA0D0", "warning": "#A9D3E5"},
}
_HOLLOW: dict[str, Any] = {"facecolor": "none", "linewidth": 1.2}
"""What the policy does not raise, as on the page."""
_TRUTH = {"hit": GREEN, "miss": VERMILION, "not judged": GREY, "quiet": PURPLE, "fired": PURPLE, "neutral": GREY}
_WORDS = {"above": "rise", "below": "fall"}


@dataclass(frozen=True)
class _Lane:
    """Where a series is drawn: pixels from the top of all lanes."""

    key: str
    top: float
    height: float
    named: bool


def draw_lanes(findings: Findings, longer_than: int = 0, title: str = "") -> Sheet:
    """The picture of the events that last longer than `longer_than` seconds, and of the labels that do."""
    events = [event for event in findings.events if event.window.seconds > longer_than]
    outcomes = findings.verdict.outcomes if findings.verdict is not None else ()
    labels = [outcome for outcome in outcomes if outcome.label.key and outcome.label.window.seconds > longer_than]
    lanes = _lanes(events, labels)
    tall = int(sum(lane.height for lane in lanes)) or 120
    # Legends in the right margin need their room where there are few lanes.
    height = max(_TOP + tall + (_BETWEEN + _PEAKS if events else 0) + _BOTTOM, _LEAST_HEIGHT)
    below = height - _TOP - tall if events or labels else _BOTTOM
    sheet = Sheet(WIDTH, height, left=_LEFT, right=_RIGHT, top=_TOP, bottom=below)
    _write_title(sheet, findings, events, lanes, longer_than, title)
    scale_x(sheet, findings.window.start, findings.window.end)
    sheet.axes.set_ylim(tall, 0)
    sheet.axes.set_yticks([])
    sheet.axes.grid(axis="x", color=PALE, linewidth=0.8)
    _draw_lanes(sheet, findings, lanes, events, labels)
    if events:
        sheet.axes.tick_params(labelbottom=False)
        _draw_peaks(sheet, findings, events)
    elif not labels:
        words = f"no events{' longer than a minute' if longer_than else ''}"
        sheet.write(_LEFT + sheet.plot_width / 2, _TOP + tall / 2, words, size=16, color=GREY, ha="center", va="center")
    _draw_legends(sheet, findings, events, labels)
    return sheet


def _lanes(events: Sequence[Event], labels: Sequence[Outcome]) -> list[_Lane]:
    """A lane for every series that has an event or a missed label: the worst first, the first ones with a name."""
    keys = list(dict.fromkeys(event.key for event in worst_first(events)))
    keys += sorted({o.label.key for o in labels if o.verdict in ("miss", "not judged")} - set(keys))
    named = len(keys) if len(keys) <= _ALL_NAMED else _NAMED
    rest = len(keys) - named
    thin = max(_THIN[0], min(_THIN[1], _THINNEST // max(1, rest)))
    lanes, top = [], 0.0
    for index, key in enumerate(keys):
        height = _LANE if index < named else thin
        lanes.append(_Lane(key, top, height, index < named))
        top += height
    return lanes


def _draw_lanes(
    sheet: Sheet, findings: Findings, lanes: Sequence[_Lane], events: Sequence[Event], labels: Sequence[Outcome]
) -> None:
    place = {lane.key: lane for lane in lanes}
    axes = sheet.axes
    pixel = findings.window.seconds / sheet.plot_width
    for lane in lanes:
        if lane.named:
            name = fit(plain(lane.key, 60), _LEFT - 28, 9)
            sheet.write(_LEFT - 8, _TOP + lane.top + _LANE / 2, name, size=9, ha="right", va="center")
    _draw_grounds(axes, [lane.top + lane.height for lane in lanes if lane.named])
    if unnamed := [lane for lane in lanes if not lane.named]:
        top = _TOP + unnamed[0].top + 4
        sheet.write(_LEFT - 8, top, f"{len(unnamed):,} more series", size=9, color=GREY, ha="right")
        if labels:
            sheet.write(_LEFT - 8, top + 18, "(of the truth: what was missed)", size=8, color=GREY, ha="right")
    _boxes(axes, [gap for gap in findings.not_judged if gap.key in place], place, pixel, 1, facecolor=PALE, zorder=0.2)
    for verdict, colour in _TRUTH.items():
        look = _hatching(colour) | {"zorder": 0.8}
        # In a lane without a name there is only room for what was missed.
        shown = [o for o in labels if o.verdict == verdict and o.label.key in place]
        of_it = [o.label for o in shown if verdict == "miss" or place[o.label.key].named]
        _boxes(axes, of_it, place, pixel, _LEAST_LABEL, **look)
    apart = len({event.direction for event in events}) > 1
    mild_first = worst_first(events)[::-1]

    def half(event: Any, lane: _Lane) -> tuple[float, float]:
        edge = lane.height * (0.14 if lane.named else 0)
        top, bottom, middle = lane.top + edge, lane.top + lane.height - edge, lane.top + lane.height / 2
        if not (apart and lane.named):
            return top, bottom
        return (top, middle) if event.direction == "above" else (middle, bottom)

    for below in (True, False):
        these = [event for event in mild_first if (event.event_class != "policy") == below]
        colours = _colours(these)
        look = _HOLLOW | {"edgecolor": colours} if below else {"facecolor": colours}
        _boxes(axes, these, place, pixel, _LEAST_MARK, half, zorder=2, **look)
    verdicts = zip(events, _verdicts(findings, events), strict=True)
    wrong = [event for event, verdict in verdicts if verdict == "false alarm" and place[event.key].named]
    beside = [event.end + 5 * pixel for event in wrong]
    axes.plot(beside, [place[event.key].top + _LANE / 2 for event in wrong], **_WRONG)


def _draw_grounds(axes: Axes, heights: Sequence[float]) -> None:
    """A line under each lane, all of them in one go."""
    lines = [((0, height), (1, height)) for height in heights]
    look: dict[str, Any] = {"colors": PALE, "linewidths": 0.5, "zorder": 0.3, "capstyle": "projecting"}
    axes.add_collection(LineCollection(lines, transform=axes.get_yaxis_transform(), **look), autolim=False)


def _boxes(
    axes: Axes,
    stretches: Sequence[Any],
    place: Mapping[str, _Lane],
    pixel: float,
    least: float,
    span: Callable[[Any, _Lane], tuple[float, float]] = lambda _, lane: (lane.top, lane.top + lane.height),
    **look: Any,
) -> None:
    """A box for each stretch of a key's time in its lane, at least so many pixels wide."""
    boxes = np.empty((len(stretches), 4))
    for index, one in enumerate(stretches):
        wide = max(one.end - one.start, least * pixel)
        left = (one.start + one.end - wide) / 2
        top, bottom = span(one, place[one.key])
        boxes[index] = (left, top, left + wide, bottom)
    add_boxes(axes, boxes, pixel, **({"linewidth": 0} | look))


def _draw_peaks(sheet: Sheet, findings: Findings, events: Sequence[Event]) -> None:
    """How many times the baseline each event went, on a logarithmic axis: a fall is as plain as a rise."""
    below = sheet.axes.bbox.y0
    box = (_LEFT / WIDTH, _BOTTOM / sheet.height, sheet.plot_width / WIDTH, (below - _BETWEEN - _BOTTOM) / sheet.height)
    axes = sheet.figure.add_axes(box)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=3, color="#9A9A9A")
    axes.set_yscale("log")
    axes.minorticks_off()
    known = [event.ratio for event in events if event.ratio is not None]
    high = max([2.0, *known]) * 1.6
    low = max(_LOWEST, min([1.0, *known])) / 1.6
    axes.set_ylim(low, high)
    axes.axhline(1, color=GREY, linewidth=0.9, linestyle=(0, (5, 2)))
    start, end = findings.window.start, findings.window.end
    scale_x(sheet, start, end, axes=axes)
    ticks = value_ticks(low, high, log=True)
    axes.set_yticks(ticks, [f"{si(tick, pad=False)}×".replace(" ", "") for tick in ticks])
    # The worst are drawn last.
    mild_first = worst_first(events)[::-1]
    ratios = [high / 1.3 if event.ratio is None else max(_LOWEST, event.ratio) for event in mild_first]
    at = np.array([(event.start, ratio) for event, ratio in zip(mild_first, ratios, strict=True)])
    size = 46 if len(events) < _CROWD else 20
    for direction, marker in (("above", "^"), ("below", "v")):
        for stated in (False, True):
            these = [
                index
                for index, event in enumerate(mild_first)
                if event.direction == direction and (event.event_class == "policy") == stated
            ]
            colours = _colours([mild_first[index] for index in these])
            look: dict[str, Any] = {"c": colours, "edgecolors": "white", "linewidths": 0.5}
            if not stated:
                look = {"facecolors": "none", "edgecolors": colours, "linewidths": 1.2}
            axes.scatter(at[these, 0], at[these, 1], marker=marker, s=size, zorder=2, **look)
    marks: Floats = axes.transData.transform(at)
    names = [(plain(event.key, 28), mark, 9.0) for event, mark in zip(mild_first, marks, strict=True)]
    name_beside(sheet, axes, names[: -_TRIED - 1 : -1], marks, _BESIDE)
    sheet.write(
        _LEFT,
        sheet.height - below + _BETWEEN - 18,
        "peak (for falls: low), times the baseline  ·  logarithmic scale",
        size=9,
        color=GREY,
    )


def _colours(events: Sequence[Event]) -> Floats:
    """The colours of events as shares of red, green, blue and opacity, shape (events, 4)."""
    rgba = {direction: {band: to_rgba(one) for band, one in of.items()} for direction, of in _COLOURS.items()}
    return np.array([rgba[event.direction][event.band] for event in events]).reshape(-1, 4)


def _verdicts(findings: Findings, events: Sequence[Event]) -> list[EventVerdict]:
    of_event = findings.verdict.of_event if findings.verdict is not None else {}
    return [of_event.get(event.id, ("", ""))[0] for event in events]


def _draw_legends(sheet: Sheet, findings: Findings, events: Sequence[Event], labels: Sequence[Outcome]) -> None:
    top = float(_TOP)
    for direction, word in _WORDS.items():
        counts = Counter(event.band for event in events if event.direction == direction)
        if counts:
            bands = [Patch(color=_COLOURS[direction][band], label=f"{band} ({counts[band]:,})") for band, _ in BANDS]
            top = _draw_legend(sheet, f"severity of a {word}", bands, top) + 14
    if below := sum(event.event_class != "policy" for event in events):
        hollow = Patch(edgecolor=_COLOURS["above"]["minor"], label=f"other classes ({below:,})", **_HOLLOW)
        top = _draw_legend(sheet, "below your policy", [hollow], top) + 14
    if findings.not_judged:
        top = _draw_legend(sheet, "not judged", [Patch(color=PALE, label="time of a series")], top) + 14
    if findings.verdict is None:
        return
    verdicts, of_label = Counter(_verdicts(findings, events)), Counter(outcome.verdict for outcome in labels)
    marks: list[Artist] = [
        _hatched(GREEN, f"hit ({of_label['hit']:,})"),
        _hatched(VERMILION, f"missed ({of_label['miss']:,})"),
        _hatched(PURPLE, f"decoy ({of_label['quiet'] + of_label['fired']:,})"),
        _hatched(GREY, f"neutral ({of_label['neutral']:,})"),
        *([_hatched(GREY, f"not judged ({of_label['not judged']:,})")] if of_label["not judged"] else []),
        Line2D([], [], label=f"false alarm ({verdicts['false alarm']:,})", **_WRONG),
    ]
    _draw_legend(sheet, "truth", marks, top)


def _hatched(colour: str, label: str) -> Patch:
    return Patch(label=label, **_hatching(colour))


def _hatching(colour: str) -> dict[str, Any]:
    return {"facecolor": "none", "edgecolor": colour, "hatch": "//////", "linewidth": 0.6, "alpha": 0.55}


def _draw_legend(sheet: Sheet, title: str, handles: Sequence[Artist], top: float) -> float:
    """A legend in the right margin, `top` pixels from the top; where it ends."""
    left = WIDTH - _RIGHT + 24
    sheet.write(left, top, title, size=9.5, color=GREY)
    place = (left / WIDTH, 1 - (top + 20) / sheet.height)
    sheet.figure.legend(handles=list(handles), loc="upper left", bbox_to_anchor=place, **LEGEND)
    return top + 20 + 22 * len(handles)


def _write_title(
    sheet: Sheet, findings: Findings, events: Sequence[Event], lanes: Sequence[_Lane], longer_than: int, title: str
) -> None:
    longer = " longer than a minute" if longer_than else ""
    stated = sum(event.event_class == "policy" for event in events)
    more = f" ({len(events) - stated:,} more, below your policy)" if len(events) > stated else ""
    found = f"{plural(stated, 'event')}{longer}{more} in {plain(findings.store, 48)}"
    sheet.write(20, 14, f"{plain(title, 100)}  ·  {found}" if title else found, WIDTH - 40, size=14, weight="bold")
    quiet = len(findings.keys) - len({event.key for event in events})
    series = plural(len(findings.keys), "series", "series") + (f", {quiet:,} without an event" if quiet else "")
    about = f"{stretch(findings.window)} UTC  ·  {series}"
    sheet.write_lines(20, 42, f"{about}  ·  {rule(findings, brief=True)}", WIDTH - 40, "  ·  ", size=10, color=GREY)
    if lanes:
        sheet.write(_LEFT, _TOP - 19, "one lane per series, worst on top", size=9, color=GREY)
