"""The pictures of an analysis: traffic, shares and endpoints, response times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from analyzer.log_summary.summary import EDGES, Analysis
from analyzer.report.chart.letters import plain, text_width
from analyzer.report.chart.style import (
    BLUE,
    BOXED,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    SKY,
    VERMILION,
    Sheet,
    scale_x,
    scale_y,
    style,
    time_ticks,
    value_ticks,
)
from analyzer.report.table import remove
from analyzer.report.words import plural, stretch
from traffic.access_log import Top
from traffic.disk import write_atomic
from traffic.text import si

TRAFFIC, SHARES, TIMES = "traffic.png", "shares.png", "response_times.png"
_WIDTH = 1200
_BARS = 8
_TITLES = {"status": "Status codes", "method": "Methods", "service": "Services", "endpoint": "Endpoints"}


def write_pictures(found: Analysis, folder: Path) -> list[Path]:
    """Draw what the log has, and remove pictures of an earlier run that it has not; their paths.

    Raises:
        StorageFailure: the folder cannot be written.
    """
    shares = _shares(found)
    pictures: Mapping[str, Sheet | None]
    with style():
        pictures = {
            TRAFFIC: draw_traffic(found),
            SHARES: draw_shares(found, shares) if shares else None,
            TIMES: draw_times(found) if found.latency is not None and found.latency.requests else None,
        }
        for name, sheet in pictures.items():
            if sheet is None:
                remove(folder / name)
            else:
                write_atomic(folder / name, sheet.png())
    return [folder / name for name, sheet in pictures.items() if sheet is not None]


def draw_traffic(found: Analysis) -> Sheet:
    """Requests and errors per hour, and how long requests took; hours as steps, for that is what was counted."""
    traffic = found.traffic
    timed = traffic.p95 is not None and bool(np.isfinite(traffic.p95).any())
    sheet = Sheet(_WIDTH, 760 if timed else 480, left=84, right=30, top=106, bottom=340 if timed else 60)
    errors = "" if found.errors is None else f"  ·  {plural(found.errors, 'error')}"
    _title(sheet, found, f"{plural(found.requests, 'request')}", errors)
    edges = np.append(traffic.grid.times(), traffic.grid.window.end)
    axes = sheet.axes
    axes.stairs(traffic.requests, edges, fill=True, color=SKY, alpha=0.55, linewidth=0)
    axes.stairs(traffic.requests, edges, color=BLUE, linewidth=1.0, label="requests")
    if traffic.errors is not None:
        axes.stairs(traffic.errors, edges, color=VERMILION, linewidth=1.1, label="errors")
    sheet.write(
        84, 82, "requests an hour" + (" (blue) and errors among them (red)" if errors else ""), size=9, color=GREY
    )
    scale_x(sheet, int(edges[0]), int(edges[-1]))
    scale_y(sheet, 0, max(1.0, float(traffic.requests.max())) * 1.06, "")
    if timed:
        assert traffic.p95 is not None
        below = sheet.figure.add_axes((84 / _WIDTH, 60 / 760, (_WIDTH - 114) / _WIDTH, 200 / 760))
        _plain_axes(below)
        below.stairs(traffic.p95, edges, color=GREEN, linewidth=1.1, baseline=None)
        high = float(np.nanmax(traffic.p95))
        low = float(np.nanmin(traffic.p95))
        log = low > 0 and high > 20 * low
        _scale_times(below, low / 1.2 if log else 0.0, high * (1.3 if log else 1.08), log)
        ticks = time_ticks(int(edges[0]), int(edges[-1]))
        below.set_xlim(edges[0], edges[-1])
        below.set_xticks([time for time, _ in ticks], [label for _, label in ticks])
        about = "p95 of the response times of each hour" + ("  ·  logarithmic scale" if log else "")
        sheet.write(84, 476, about, size=9, color=GREY)
    return sheet


def draw_shares(found: Analysis, shares: Sequence[tuple[str, list[tuple[str, int]]]]) -> Sheet:
    """Who takes what share: bars, whose lengths can be compared as angles of a pie cannot."""
    height = 110 + sum(62 + 24 * len(rows) for _, rows in shares)
    sheet = Sheet(_WIDTH, height, left=10, right=10, top=90, bottom=10)
    sheet.axes.remove()
    _title(sheet, found, "Requested endpoints", "")
    top = 92
    for role, rows in shares:
        sheet.write(20, top, _TITLES[role], size=10.5, weight="bold", color=INK)
        beside = 30 + text_width(_TITLES[role], 10.5, "bold")
        sheet.write(beside, top + 1, plain(found.roles[role], 60), size=9, color=GREY)
        tall = 24 * len(rows)
        axes = sheet.figure.add_axes((300 / _WIDTH, 1 - (top + 24 + tall) / height, 640 / _WIDTH, tall / height))
        _plain_axes(axes)
        axes.spines[:].set_visible(False)
        axes.grid(visible=False)
        amounts = [requests / found.requests for _, requests in rows]
        axes.barh(range(len(rows)), amounts, height=0.68, color=[_colour(role, name) for name, _ in rows])
        axes.set_xlim(0, max(amounts))
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xticks([])
        axes.set_yticks(range(len(rows)), [plain(name, 42) for name, _ in rows], color=INK)
        axes.tick_params(length=0)
        for place, (_, requests) in enumerate(rows):
            share = 100 * requests / found.requests
            shown = "<0.1 %" if share < 0.05 else f"{share:.1f} %"
            sheet.write(1010, top + 36 + 24 * place, shown, va="center", ha="right", size=9.5)
            sheet.write(1130, top + 36 + 24 * place, f"{requests:,}", va="center", ha="right", size=9.5, color=GREY)
        top += 62 + tall
    return sheet


def draw_times(found: Analysis) -> Sheet:
    """A histogram with equal factors for equal widths: response times spread over decades."""
    assert found.latency is not None
    spread = found.latency
    there = np.flatnonzero(found.histogram)
    first, last = max(1, int(there[0])), min(len(EDGES) - 1, int(there[-1]))
    first, last = min(first, last), max(first, last)
    edges = np.array(EDGES[first - 1 : last + 1])
    counts = found.histogram[first : last + 1]
    sheet = Sheet(_WIDTH, 560, left=84, right=30, top=120, bottom=70)
    outliers = f"  ·  {plural(sum(found.outliers.values()), 'outlier')}"
    _title(sheet, found, f"Response times of {plural(spread.requests, 'request')}", outliers)
    axes = sheet.axes
    axes.set_xscale("log")
    axes.stairs(counts, edges, fill=True, color=SKY)
    axes.stairs(counts, edges, color=BLUE, linewidth=0.8)
    axes.set_xlim(edges[0], edges[-1])
    ticks = value_ticks(float(edges[0]), float(edges[-1]), log=True)
    axes.set_xticks(ticks, [_milliseconds(tick) for tick in ticks])
    axes.minorticks_off()
    high = float(counts.max()) * 1.12
    scale_y(sheet, 0, max(1.0, high), "")
    sheet.write(84, 98, "requests  ·  logarithmic scale of time", size=9, color=GREY)
    # Side by side where they would stand on each other.
    marks = [("p50", spread.p50, GREEN), ("p95", spread.p95, ORANGE), ("p99", spread.p99, VERMILION)]
    if isfinite(found.fences.rest):
        marks.append(("outliers above" if not found.fences.own else "outliers above about", found.fences.rest, GREY))
    for place, (name, value, colour) in enumerate(marks):
        if edges[0] <= value <= edges[-1]:
            axes.axvline(value, color=colour, linewidth=1.2, linestyle="--")
            side = "right" if np.log(value / edges[0]) > 0.8 * np.log(edges[-1] / edges[0]) else "left"
            text = f"{name} {_milliseconds(value)}"
            level = high * (0.97 - 0.075 * place)
            axes.text(value, level, f" {text} ", color=colour, ha=side, va="top", size=9, **BOXED)
    beyond = int(found.histogram[last + 1 :].sum() + found.histogram[:first].sum())
    if beyond:
        sheet.write(84, 544, f"{plural(beyond, 'request')} outside this range", size=9, color=GREY, va="bottom")
    return sheet


def _title(sheet: Sheet, found: Analysis, text: str, more: str) -> None:
    sheet.write(20, 14, text, _WIDTH - 40, size=14, weight="bold")
    about = f"{plain(found.store, 90)}  ·  {stretch(found.window)} UTC{more}"
    sheet.write(20, 44, about, _WIDTH - 40, size=10, color=GREY)


def _shares(found: Analysis) -> list[tuple[str, list[tuple[str, int]]]]:
    """Role -> its most frequent values, the rest as one."""
    tops: dict[str, Top | None] = {role: found.counted.get(role) for role in ("status", "method", "service")}
    tops["endpoint"] = found.endpoints
    shares = []
    for role, top in tops.items():
        if top is None or not top.counts:
            continue
        rows = [(count.value, count.requests) for count in top.counts[:_BARS]]
        others = top.others + sum(count.requests for count in top.counts[_BARS:])
        rows += [(name, requests) for name, requests in (("(others)", others), ("(none)", top.without)) if requests]
        shares.append((role, rows))
    return shares


def _colour(role: str, name: str) -> str:
    if role == "status":
        return {"5": VERMILION, "4": ORANGE, "3": SKY, "2": GREEN}.get(name[:1], GREY)
    return "#9A9A9A" if name in ("(others)", "(none)") else BLUE


def _plain_axes(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=3, color="#9A9A9A")


def _scale_times(axes: Axes, low: float, high: float, log: bool) -> None:
    if log:
        axes.set_yscale("log")
        axes.minorticks_off()
    axes.set_ylim(low, high)
    ticks = value_ticks(low, high, log)
    axes.set_yticks(ticks, [_milliseconds(tick) if tick else "0" for tick in ticks])


def _milliseconds(value: float) -> str:
    return f"{si(value, pad=False)} ms" if value < 1000 else f"{si(value / 1000, pad=False)} s"
