"""The picture of one event: the series, what was normal, where the line was, what rose over it and what was true."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from analyzer.model import Event, Findings, NotJudged, Trace
from analyzer.outcome import EventVerdict, Outcome
from analyzer.report.chart.letters import plain, text_width, wrapped
from analyzer.report.chart.style import (
    BLUE,
    BOXED,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    PURPLE,
    SKY,
    VERMILION,
    Sheet,
    axis_name,
    scale_x,
    scale_y,
)
from analyzer.report.weeks import other_weeks
from analyzer.report.words import (
    LABEL_WORDS,
    by_event,
    came_by,
    known,
    limit_words,
    local,
    made,
    peak_words,
    plural,
    usual,
    volume,
    when,
)
from traffic.model import HOUR, WEEK, Bools, Floats, Kind, Window
from traffic.text import length, si

WIDTH, HEIGHT = 1200, 520
_MARGIN = {"left": 92, "right": 24, "top": 94, "bottom": 100}
_STRIP = 146
"""Pixels of the six weeks below, with what stands above them."""
# Above this multiple of the threshold a linear axis would press baseline and threshold flat on the ground.
_LOG_FROM = 12.0

# Kind: name in the legend, hatch, colour; those of what a detector owes most come first.
_TRUTH: dict[Kind, tuple[str, str, str]] = {
    "required": ("truth: {known}", "///", GREEN),
    "optional": ("truth: {known}", "///", GREEN),
    "decoy": ("truth: decoy", "\\\\\\", PURPLE),
    "ignore": ("truth: neutral time", "...", GREY),
}
_VERDICT_COLOURS: dict[EventVerdict, str] = {"hit": GREEN, "false alarm": VERMILION, "neutral": GREY}


def draw_event(findings: Findings, event: Event, trace: Trace, outcomes: Sequence[Outcome], title: str = "") -> Sheet:
    """The picture of `event` with its `trace`; `outcomes` are the labels of its key, drawn as far as in sight."""
    name = f"{plain(title, 120)}  ·  {plain(event.key, 240)}" if title else plain(event.key, 240)
    heading = _heading(name, _facts(findings, event))
    strip = _STRIP if np.isfinite(trace.hourly).any() else 0
    margin = {**_MARGIN, "top": _MARGIN["top"] + heading.more, "bottom": _MARGIN["bottom"] + strip}
    sheet = Sheet(WIDTH, HEIGHT + heading.more + strip, **margin)
    window = trace.grid.window
    outcomes = [outcome for outcome in outcomes if outcome.label.window.overlap(window) > 0]
    others = list(other_weeks(trace))
    low, high, log = _range(event, trace, others, room=0.25 if outcomes else 0.16)
    scale_x(sheet, window.start, window.end)
    scale_y(sheet, low, high, findings.metric.unit, log)
    handles = [
        *_draw_other_weeks(sheet, others, low),
        *_draw_series(sheet, findings, event, trace, low),
        *_draw_event(sheet, findings, event),
        *_draw_truth(sheet, outcomes),
        *_draw_missing(sheet, trace),
        *_draw_not_judged(sheet, [gap for gap in findings.not_judged if gap.key == event.key], window),
    ]
    sheet.legend_below(handles)
    _write_heading(sheet, findings, event, log, heading)
    if strip:
        _draw_strip(sheet, findings, event, trace)
    return sheet


def steps(start: int, step: int, values: Floats, pixels: int) -> tuple[Floats, Floats]:
    """A series as a line of steps: a bucket is as wide as its time, a missing one (NaN) a gap.

    Where there are more than two buckets a pixel, every column of pixels goes from its lowest to its highest bucket
    instead, which looks the same and costs a fraction. Times (epoch seconds) and values, of one length.
    """
    group = len(values) // (2 * pixels)
    if group < 2:
        edges = start + step * np.arange(len(values) + 1, dtype=np.float64)
        return np.repeat(edges, 2)[1:-1], np.repeat(values, 2)
    columns = np.concatenate([values, np.full(-len(values) % group, np.nan)]).reshape(-1, group)
    present = np.isfinite(columns)
    lowest = np.where(present, columns, np.inf).min(axis=1)
    highest = np.where(present, columns, -np.inf).max(axis=1)
    both = np.stack([lowest, highest], axis=1)
    both[~present.any(axis=1)] = np.nan
    middle = start + step * group * (np.arange(len(columns)) + 0.5)
    return np.repeat(middle, 2), both.ravel()


def asked(trace: Trace) -> Bools:
    """Which buckets lie in an hour whose values were asked for: one that has at least one. Shape (buckets,)."""
    _, place = np.unique(trace.grid.times() // HOUR, return_inverse=True)
    present = np.bincount(place, weights=np.isfinite(trace.values)) > 0
    shared: Bools = present[place]
    return shared


def _draw_other_weeks(sheet: Sheet, others: Sequence[tuple[int, Floats]], low: float) -> Iterator[Artist]:
    name, lines = f"other weeks ({len(others)})", list[Line2D]()
    for start, hours in others:
        x, y = steps(start, HOUR, np.where(hours < low, low, hours), sheet.plot_width)
        lines = sheet.axes.plot(x, y, color="#BDBDBD", linewidth=0.9, zorder=1.2, label=name)
    if others:
        yield lines[0]


def _draw_strip(sheet: Sheet, findings: Findings, event: Event, trace: Trace) -> None:
    """Six weeks of the key in hourly means, with the event marked."""
    place = (_MARGIN["left"] / WIDTH, 46 / sheet.height, sheet.plot_width / WIDTH, 58 / sheet.height)
    axes = sheet.strip(place)
    scale_x(sheet, trace.weeks.start, trace.weeks.end, axes=axes)
    # One large event must not press all the days flat.
    top = float(min(np.nanmax(trace.hourly), 3 * np.nanpercentile(trace.hourly, 95))) or 1.0
    axes.set_ylim(min(0.0, float(np.nanmin(trace.hourly))), top * 1.05)
    axes.plot(
        *steps(trace.weeks.start, HOUR, trace.hourly.astype(np.float64), sheet.plot_width), color=SKY, linewidth=1.0
    )
    least = 3 * trace.weeks.seconds / sheet.plot_width
    wide = max(least, event.end - event.start)
    middle = (event.start + event.end) / 2
    axes.axvspan(middle - wide / 2, middle + wide / 2, color=ORANGE, linewidth=0, zorder=3)
    weeks = plural(round(trace.weeks.seconds / WEEK), "week")
    about = f"{weeks}, hourly mean, shown up to {si(top, findings.metric.unit)}; the event in orange"
    sheet.write(_MARGIN["left"], sheet.height - 122, about, size=9, color=GREY)


def _range(event: Event, trace: Trace, others: Sequence[tuple[int, Floats]], room: float) -> tuple[float, float, bool]:
    """The y axis: lowest and highest value, and whether it is logarithmic. The share `room` stays free at the top."""
    lines = [trace.values, trace.usual, trace.baseline, trace.threshold, *(hours for _, hours in others)]
    shown = np.concatenate([*lines, [event.peak, event.threshold]])
    shown = shown[np.isfinite(shown)]
    top, bottom = float(shown.max()), float(shown.min())
    if event.peak > _LOG_FROM * event.threshold > 0 and bottom >= 0:
        low = max(float(shown[shown > 0].min()), event.threshold / 1000) / 1.5
        return low, top * (top / low) ** (room / (1 - room)), True
    low = min(0.0, bottom * 1.05)
    return low, low + ((top - low) or 1.0) / (1 - room), False


def _draw_series(sheet: Sheet, findings: Findings, event: Event, trace: Trace, low: float) -> Iterator[Artist]:
    grid, policy = trace.grid, findings.policy.of(event.key)
    falls = event.direction == "below"
    baseline = f"usual low ({usual(policy, of='p20')})" if falls else f"baseline ({usual(policy)})"
    threshold = f"limit ({limit_words(event, policy, findings.metric)})"
    what = "traffic" if findings.metric.rate else plain(findings.metric.name, 30)
    lines: tuple[tuple[Floats, str, dict[str, Any]], ...] = (
        (np.where(asked(trace), np.nan, trace.usual), "hourly mean", {"color": SKY, "linewidth": 1.6}),
        (trace.values, f"{what}, {length(grid.step)}", {"color": BLUE, "linewidth": 1.1}),
        (trace.baseline, baseline, {"color": INK, "linewidth": 1.4, "linestyle": (0, (5, 2))}),
        (trace.threshold, threshold, {"color": VERMILION, "linewidth": 1.7}),
    )
    for values, name, look in lines:
        if np.isfinite(values).any():
            # A zero has no place on a logarithmic axis: it is drawn at its lower end.
            x, y = steps(grid.start, grid.step, np.where(values < low, low, values), sheet.plot_width)
            yield from sheet.axes.plot(x, y, label=name, solid_joinstyle="miter", **look)


def _draw_event(sheet: Sheet, findings: Findings, event: Event) -> Iterator[Artist]:
    axes = sheet.axes
    yield axes.axvspan(event.start, event.end, color=ORANGE, alpha=0.22, linewidth=0, zorder=0.5, label="event")
    middle = event.peak_at + findings.resolution / 2
    at = (middle, max(event.peak, axes.get_ylim()[0]))
    marker = "^" if event.direction == "below" else "v"
    axes.plot(*at, marker=marker, color=INK, markersize=8, markeredgecolor="white", zorder=5)
    words = peak_words(event, findings.metric)
    x, y = axes.transData.transform(at)
    if event.direction == "below":
        # Beside a low lie the lines that it fell below: the middle of the shaded time is free.
        x, y = axes.transData.transform(((event.start + event.end) / 2, 0))[0], axes.bbox.y0 + 0.55 * axes.bbox.height
    x = sheet.keep_inside(x, text_width(words, 10, "bold") / 2 + 6)
    sheet.write(x, sheet.height - y - 9, words, size=10, ha="center", va="bottom", **BOXED)


def _draw_truth(sheet: Sheet, outcomes: Sequence[Outcome]) -> Iterator[Artist]:
    """Every label hatched over the whole height, with its outcome at the top, in two rows, where there is room."""
    axes = sheet.axes
    across = axes.get_xaxis_transform()
    taken: list[tuple[int, float, float]] = []
    named: set[str] = set()
    # Words that do not fit are left out: those of the first kinds stay.
    for outcome in sorted(outcomes, key=lambda o: (list(_TRUTH).index(o.label.kind), o.label.start)):
        label = outcome.label
        name, hatch, colour = _TRUTH[label.kind]
        name = name.format(known=known(label))
        look: dict[str, Any] = {"facecolor": "none", "edgecolor": colour, "hatch": hatch, "alpha": 0.5}
        box = Rectangle(
            (label.start, 0), label.end - label.start, 1, transform=across, linewidth=0.8, zorder=0.8, **look
        )
        axes.add_patch(box)
        if name not in named:
            named.add(name)
            yield Patch(label=name, **look)
        start, end = (axes.transData.transform((time, 1))[0] for time in (label.start, label.end))
        result = LABEL_WORDS[outcome.verdict]
        what = plain(made(label), 30)
        for words, row in product((f"{what}: {result}" if what else result, result), (0, 1)):
            half = text_width(words, 9, "bold") / 2 + 6
            middle = sheet.keep_inside((max(start, axes.bbox.x0) + min(end, axes.bbox.x1)) / 2, half)
            if all(row != other or middle + half < a or middle - half > b for other, a, b in taken):
                taken.append((row, middle - half, middle + half))
                top = sheet.height - axes.bbox.y1 + 7 + 20 * row
                sheet.write(middle, top, words, size=9, color=colour, ha="center", **BOXED)
                break


def _draw_missing(sheet: Sheet, trace: Trace) -> Iterator[Artist]:
    gone = ~np.isfinite(trace.values) & (asked(trace) | ~np.isfinite(trace.usual))
    if not gone.any():
        return
    change = np.flatnonzero(np.diff(np.concatenate([[False], gone, [False]]).astype(np.int8)))
    starts = trace.grid.start + trace.grid.step * change[::2]
    lengths = trace.grid.step * (change[1::2] - change[::2])
    spans = list(zip(starts.tolist(), lengths.tolist(), strict=True))
    across = sheet.axes.get_xaxis_transform()
    sheet.axes.broken_barh(spans, (0, 1), transform=across, facecolor=PALE, linewidth=0, zorder=0)
    yield Patch(facecolor=PALE, label="no data")


def _draw_not_judged(sheet: Sheet, gaps: Sequence[NotJudged], window: Window) -> Iterator[Artist]:
    """The stretches that were not judged; why, where that is one reason."""
    gaps = [gap for gap in gaps if gap.start < window.end and gap.end > window.start]
    if not gaps:
        return
    look: dict[str, Any] = {"facecolor": "none", "edgecolor": GREY, "hatch": "xx", "alpha": 0.35, "linewidth": 0}
    spans = [(gap.start, gap.end - gap.start) for gap in gaps]
    sheet.axes.broken_barh(spans, (0, 1), transform=sheet.axes.get_xaxis_transform(), zorder=0.1, **look)
    reasons = {gap.reason for gap in gaps}
    yield Patch(label="not judged" + (f" ({plain(gaps[0].reason, 30)})" if len(reasons) == 1 else ""), **look)


@dataclass(frozen=True)
class _Heading:
    """What stands above the plot: the key in up to two lines, the facts in up to two."""

    name: list[str]
    facts: list[str]

    @property
    def more(self) -> int:
        """Pixels that it needs beyond a line of each."""
        return 24 * (len(self.name) - 1) + 18 * (len(self.facts) - 1)


def _heading(name: str, facts: str) -> _Heading:
    """Broken to the picture's width; beside the key stands the verdict."""
    return _Heading(wrapped(name, WIDTH - 190, 14, "bold"), wrapped(facts, WIDTH - 40, 10, between="  ·  "))


def _facts(findings: Findings, event: Event) -> str:
    metric = findings.metric
    baseline = f"{'usual low' if event.direction == 'below' else 'baseline'} {si(event.baseline, metric.unit)}"
    facts = [f"{when(event.window)} UTC", length(event.window.seconds), peak_words(event, metric), baseline]
    if event.event_class != "policy":
        facts.append(f"below your policy ({event.event_class})")
    if amount := volume(event, metric):
        facts.append(f"{amount} missing" if event.direction == "below" else f"{amount} above it in total")
    if by := came_by(by_event(findings.contributors).get(event.id, ())):
        facts.append(f"by {plain(by, 80)}")
    timezone = findings.policy.of(event.key).timezone
    if timezone != "UTC":
        facts.append(f"starts {local(event.start, timezone)} in {timezone}")
    return "  ·  ".join(facts)


def _write_heading(sheet: Sheet, findings: Findings, event: Event, log: bool, heading: _Heading) -> None:
    for index, line in enumerate(heading.name):
        sheet.write(20, 14 + 24 * index, line, size=14, weight="bold")
    below = 42 + 24 * (len(heading.name) - 1)
    for index, line in enumerate(heading.facts):
        sheet.write(20, below + 18 * index, line, size=10, color=GREY)
    sheet.write(20, 66 + heading.more, axis_name(findings.metric, log), size=9, color=GREY)
    severity = f"severity {event.severity:.0f}, {event.band}"
    sheet.write(WIDTH - 24, 66 + heading.more, severity, size=9, color=GREY, ha="right")
    verdict = findings.verdict.of_event.get(event.id, ("", ""))[0] if findings.verdict is not None else ""
    if verdict:
        sheet.write(WIDTH - 24, 16, verdict, size=12, weight="bold", color=_VERDICT_COLOURS[verdict], ha="right")
