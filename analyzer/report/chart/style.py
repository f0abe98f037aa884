"""How every picture looks: its size, colours, texts, ticks and bytes. What the other chart modules share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from math import ceil, floor, log10
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from analyzer.report.chart.letters import DPI, FONT, plain, text_width, wrapped
from analyzer.report.chart.letters import fit as fitted
from analyzer.report.chart.png import png
from analyzer.report.words import clock, day
from traffic.model import DAY, FIRST_MONDAY, HOUR, WEEK, Floats, Metric
from traffic.text import si

# Okabe and Ito's palette, which the colour-blind can tell apart; nothing is said by colour alone.
BLUE, SKY, GREEN = "#0072B2", "#56B4E9", "#009E73"
ORANGE, VERMILION, PURPLE = "#E69F00", "#D55E00", "#A0527F"
INK, GREY, PALE = "#222222", "#6B6B6B", "#E4E4E4"

# How words stay readable where lines and hatches run behind them.
BOXED: dict[str, Any] = {
    "weight": "bold",
    "bbox": {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": "none", "alpha": 0.88},
    "zorder": 6,
}

_RC: dict[Any, Any] = {
    "font.family": [FONT],
    "font.size": 9.5,
    "text.color": INK,
    "text.parse_math": False,  # a key may hold a $
    "axes.edgecolor": "#9A9A9A",
    "axes.labelcolor": GREY,
    "axes.linewidth": 0.8,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "hatch.linewidth": 0.9,
    "path.simplify": True,
}

_DATES, _VALUES = 9, 6
"""Ticks on an axis: at most so many dates, and about so many values."""

LEGEND: dict[str, Any] = {
    "frameon": False,
    "borderpad": 0,
    "borderaxespad": 0,
    "handlelength": 1.9,
    "handletextpad": 0.6,
    "labelspacing": 0.6,
}

_STEPS = (
    *(60, 120, 300, 600, 900, 1800, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR),
    *(DAY, 2 * DAY, WEEK, 2 * WEEK, 4 * WEEK),
)


@contextmanager
def style() -> Iterator[None]:
    """Our own settings and nothing of the user's matplotlibrc, so that a picture does not depend on who draws it."""
    with mpl.rc_context():
        ours = _settings()
        mpl.rcParams.update({name: value for name, value in ours.items() if mpl.rcParams[name] != value})
        yield


@cache
def _settings() -> dict[Any, Any]:
    """All settings but for windows; to compare them and to set those that differ takes a tenth of the time."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC)
        return {name: mpl.rcParams[name] for name in mpl.rcParams if name != "backend"}


_KINDS = 4
"""Blank figures that are kept; most pictures of a run are of one kind."""
_BLANK: dict[tuple[Any, ...], Figure] = {}


class Sheet:
    """A picture of `width` x `height` pixels: one plot, `left`, `right`, `top` and `bottom` pixels from the edges."""

    def __init__(self, width: int, height: int, *, left: int, right: int, top: int, bottom: int) -> None:
        self.width, self.height = width, height
        self.plot_width, self.plot_height = width - left - right, height - top - bottom
        # Of ticks, and of all that a figure begins with, the font is the one of its time.
        self._kind = (width, height, left, right, top, bottom, *mpl.rcParams["font.family"])
        blank = _BLANK.pop(self._kind, None)
        if blank is not None:
            self.figure, self.axes = blank, blank.axes[0]
            self.canvas: Any = blank.canvas
            return
        self.figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
        self.canvas = _Canvas(self.figure)
        box = (left / width, bottom / height, self.plot_width / width, self.plot_height / height)
        self.axes = self.figure.add_axes(box)
        self.axes.spines[["top", "right"]].set_visible(False)
        self.axes.grid(axis="y", color=PALE, linewidth=0.8)
        self.axes.set_axisbelow(True)
        self.axes.tick_params(length=3, color="#9A9A9A")

    def strip(self, box: tuple[float, float, float, float]) -> Axes:
        """Axes with nothing but dates below them, at a place of this kind of picture."""
        if len(self.figure.axes) > 1:
            return self.figure.axes[1]
        axes = self.figure.add_axes(box)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(length=3, color="#9A9A9A")
        axes.set_yticks([])
        return axes

    def wipe(self) -> None:
        """Leave the figure to the next picture of this kind, without what was drawn; this one is done for.

        Axes and ticks are a fifth of the time of a picture. An axis that was made logarithmic is not undone.
        """
        if any(axes.get_yscale() != "linear" for axes in self.figure.axes):
            return
        drawn = [artist for axes in self.figure.axes for artist in (*axes.lines, *axes.patches, *axes.collections)]
        for artist in (*drawn, *self.figure.texts, *self.figure.legends):
            artist.remove()
        while len(_BLANK) >= _KINDS:
            del _BLANK[next(iter(_BLANK))]
        _BLANK[self._kind] = self.figure

    def write(self, x: float, y: float, text: str, fit: float = 0, **look: Any) -> None:
        """Text at a place in pixels from the left and from the top; shortened to `fit` pixels if it is wider."""
        if fit:
            text = fitted(text, fit, look.get("size", _RC["font.size"]), look.get("weight", "normal"))
        self.figure.text(x / self.width, 1 - y / self.height, text, **({"va": "top"} | look))

    def write_lines(self, x: float, y: float, text: str, width: float, between: str = " ", **look: Any) -> float:
        """Text in up to two lines of a width in pixels; where it ends, in pixels from the top."""
        size = look.get("size", _RC["font.size"])
        for line in wrapped(text, width, size, look.get("weight", "normal"), between=between):
            self.write(x, y, line, **look)
            y += round(size * 1.75)
        return y

    def keep_inside(self, x: float, half: float) -> float:
        """The middle nearest to `x`, in pixels, of something `2 * half` wide that stays over the plot."""
        return float(min(max(x, self.axes.bbox.x0 + half), self.axes.bbox.x1 - half))

    def legend_below(self, handles: Sequence[Artist]) -> None:
        """A legend under the plot's dates, in as few rows as it fits in, three at the most."""
        wide = [text_width(str(handle.get_label()), 9.5) + 60 for handle in handles]
        rows = 1
        while rows < 3 and sum(max(wide[i : i + rows]) for i in range(0, len(wide), rows)) > self.width - 24:
            rows += 1
        self.figure.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(12 / self.width, (self.axes.bbox.y0 - 48) / self.height),
            ncols=ceil(len(handles) / rows),
            **LEGEND,
            columnspacing=1.8,
        )

    def png(self, **about: str) -> bytes:
        """The picture, without a clock or a version in it; `about` are texts that it carries."""
        self.canvas.draw()
        return png(np.asarray(self.canvas.buffer_rgba())[:, :, :3], DPI, about)


class _Canvas(FigureCanvasAgg):
    """Every picture of a size is drawn by one renderer, which knows how wide its words were in the one before."""

    def get_renderer(self) -> RendererAgg:
        return _renderer(*self.figure.bbox.size)


@cache
def _renderer(width: float, height: float) -> RendererAgg:
    return RendererAgg(width, height, DPI)  # type: ignore[no-untyped-call]


def axis_name(metric: Metric, log: bool) -> str:
    """What stands above a y axis: the metric, its unit, and whether equal steps are equal factors."""
    name = f"{plain(metric.name, 30)} [{plain(metric.unit, 30)}]" if metric.unit else plain(metric.name, 30)
    return name + ("  ·  logarithmic scale" if log else "")


def name_beside(sheet: Sheet, axes: Axes, names: Sequence[tuple[str, Floats, float]], marks: Floats, most: int) -> None:
    """Write names beside their marks, at most so many; one that would touch a mark, a word or the edge is left out.

    Args:
        names: a text, where its mark is (pixels from the left and the bottom), and how far from it the text begins.
        marks: all marks, shape (marks, 2).
    """
    box = axes.bbox
    taken: list[tuple[float, float, float, float]] = []
    for words, (x, y), away in names:
        if len(taken) == most:
            break
        width = text_width(words, 9)
        beside, above = y - 6, y + away
        for left, base in ((x + away, beside), (x - away - width, beside), (x - width / 2, above)):
            x0, y0, x1, y1 = left - 3, base - 3, left + width + 3, base + 14
            if not (box.x0 < x0 and x1 < box.x1 and box.y0 < y0 and y1 < box.y1):
                continue
            covered = (marks[:, 0] > x0 - 3) & (marks[:, 0] < x1 + 3) & (marks[:, 1] > y0 - 3) & (marks[:, 1] < y1 + 3)
            if not covered.any() and all(x1 < a or x0 > c or y1 < b or y0 > d for a, b, c, d in taken):
                taken.append((x0, y0, x1, y1))
                sheet.write(left, sheet.height - base, words, size=9, color=INK, va="baseline", zorder=8)
                break


def time_ticks(start: int, end: int) -> list[tuple[int, str]]:
    """Where to put at most `_DATES` ticks on `[start, end]` and what to write there: round instants, UTC.

    The day (or the year) stands in a second line, at the first tick and wherever it changes.
    """
    step = next((step for step in _STEPS if (end - start) / step <= _DATES), 0)
    times = _months(start, end) if not step else _multiples(start, end, step)
    ticks = []
    last = ""
    for time in times:
        if 0 < step < DAY:
            first, second = clock(time), day(time, weekday=True)
        else:
            first, second = day(time), day(time, year=True)[-4:]
        # Two lines in any case, or the labels would not stand on one line. At the very end a day has no room, and
        # nothing of it is to be seen.
        ticks.append((time, f"{first}\n{second if second != last and time < end else ' '}"))
        last = second
    return ticks


def _multiples(start: int, end: int, step: int) -> list[int]:
    offset = FIRST_MONDAY if step % WEEK == 0 else 0
    return list(range(start + (offset - start) % step, end + 1, step))


def _months(start: int, end: int) -> list[int]:
    months = (end - start) / (30 * DAY)
    step = next(step for step in (2, 3, 6, 12, 24, 60, 120, 1200, 12000) if months / step <= _DATES)
    first = datetime.fromtimestamp(start, UTC)
    last = datetime.fromtimestamp(end, UTC)
    count = range(first.year * 12 // step * step, last.year * 12 + last.month, step)
    times = (int(datetime(n // 12, n % 12 + 1, 1, tzinfo=UTC).timestamp()) for n in count if n >= 12)
    return [time for time in times if start <= time <= end]


def value_ticks(low: float, high: float, log: bool) -> list[float]:
    """Round values in `[low, high]`: multiples of 1, 2, 2.5 or 5 times a power of ten, or 1-2-5 steps on a log axis."""
    if log:
        decades = log10(high / low)
        digits = (1, 2, 5) if decades <= 2.2 else (1, 3) if decades <= 3.5 else (1,)
        every = max(1, ceil(decades / 9))
        powers = range(floor(log10(low)), ceil(log10(high)) + 1, every)
        return [tick for power in powers for digit in digits if low <= (tick := digit * 10.0**power) <= high]
    raw = (high - low) / _VALUES
    power = 10.0 ** floor(log10(raw))
    step = next(digit * power for digit in (1, 2, 2.5, 5, 10) if digit * power >= raw * 0.999)
    return [step * n for n in range(ceil(low / step), floor(high / step) + 1)]


def scale_x(sheet: Sheet, start: int, end: int, axes: Axes | None = None) -> None:
    """Dates on the x axis of the plot, or of another one of the picture; it counts epoch seconds."""
    axes = axes or sheet.axes
    ticks = time_ticks(start, end)
    axes.set_xlim(start, end)
    axes.set_xticks([time for time, _ in ticks], [label for _, label in ticks])


def scale_y(sheet: Sheet, low: float, high: float, unit: str, log: bool = False) -> None:
    """Values with SI prefixes on the y axis; a long unit is left to the axis' title."""
    if log:
        sheet.axes.set_yscale("log")
        sheet.axes.yaxis.set_minor_locator(NullLocator())
    sheet.axes.set_ylim(low, high)
    ticks = value_ticks(low, high, log)
    shown = unit if len(unit) <= 6 else ""
    labels = [si(tick, shown, pad=False) for tick in ticks]
    if any(text_width(label, _RC["font.size"]) > sheet.axes.bbox.x0 - 10 for label in labels):
        # A unit that takes no prefix leaves long numbers: they stand alone, and the axis' title has the unit.
        labels = [label.removesuffix(f" {shown}") for label in labels]
    sheet.axes.set_yticks(ticks, labels)
