"""Our plot makes the pixels that matplotlib's `Axes` makes of the same calls."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from analyzer.report.chart.letters import DPI
from analyzer.report.chart.plot import Plot, Side
from analyzer.report.chart.style import PALE, style

WIDTH, HEIGHT = 401, 300
BOX = (61 / WIDTH, 50 / HEIGHT, 313 / WIDTH, 201 / HEIGHT)


def of_matplotlib(figure: Figure, grid: tuple[Side, ...]) -> Axes:
    axes = figure.add_axes(BOX)
    axes.spines[["top", "right"]].set_visible(False)
    for side in grid:
        axes.grid(axis="x" if side == "bottom" else "y", color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=3, color="#9A9A9A")
    return axes


def filled(plot: Any, seed: int, log: bool) -> None:
    """What our pictures draw; `plot` is of either kind."""
    rng = np.random.default_rng(seed)
    if log:
        plot.set_yscale("log")
        plot.minorticks_off()
    start, end = 1_700_000_000, 1_700_000_000 + int(rng.integers(3_600, 9_000_000))
    plot.set_xlim(start, end)
    plot.set_ylim(0.3, 4_000) if log else plot.set_ylim(*rng.choice([(0.0, 91.7), (-3.3, 9e9), (500, 0)]))
    low, high = sorted(plot.get_ylim())
    times, values = np.sort(rng.uniform(start, end, 700)), rng.uniform(low, high, 700)
    values[rng.integers(0, 700, 40)] = np.nan
    plot.plot(times, values, color="#0072B2", linewidth=1.1, solid_joinstyle="miter", label="a line")
    plot.plot(times[::30], values[::30], color="#222222", linewidth=1.4, linestyle=(0, (5, 2)), zorder=1.2)
    plot.plot((start + end) / 2, np.sqrt(low + high), marker="v", color="#222222", markersize=8, zorder=5)
    plot.axhline(low + (high - low) / 3, color="#6B6B6B", linewidth=0.9)
    plot.axvspan(times[100], times[200], color="#E69F00", alpha=0.22, linewidth=0, zorder=0.5)
    across = plot.get_xaxis_transform()
    look: dict[str, Any] = {"facecolor": "none", "edgecolor": "#009E73", "hatch": "///", "alpha": 0.5}
    plot.add_patch(Rectangle((times[300], 0), 0.1 * (end - start), 1, transform=across, linewidth=0.8, **look))
    lines = [((0, value), (1, value)) for value in values[:5]]
    plot.add_collection(LineCollection(lines, transform=plot.get_yaxis_transform(), colors=PALE, linewidths=0.5))
    colours = rng.choice(["#7A0C2E", "#F0902F"], 60).tolist()
    plot.scatter(times[:60], values[:60], marker="^", s=46, facecolors=colours, edgecolors="white", linewidths=0.5)
    hollow: dict[str, Any] = {"facecolors": "none", "edgecolors": colours, "linewidths": 1.2, "clip_on": False}
    plot.scatter(times[:60], values[60:120], marker="v", s=rng.uniform(9, 90, 60), **hollow)
    plot.set_xticks(np.linspace(start, end, 5), ["1", "2 Oct\n2026", "3", "4\n ", "5"])
    ticks = [1, 10, 100, 1_000] if log else np.linspace(low, high, 5)[1:]
    plot.set_yticks(ticks, ["a", "20 Gb/s", "", "4×"])


def pixels(figure: Figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("grid", [("left",), ("bottom",), ("left", "bottom")])
@pytest.mark.parametrize("seed", range(4))
def test_the_pixels_are_those_of_an_axes(seed: int, grid: tuple[Side, ...], log: bool) -> None:
    with style():
        ours, theirs = (Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI) for _ in range(2))
        filled(Plot(ours, BOX, grid), seed, log)
        filled(of_matplotlib(theirs, grid), seed, log)
        drawn = pixels(theirs)
        assert np.array_equal(pixels(ours), drawn)
        assert len(np.unique(drawn.reshape(-1, 4), axis=0)) > 50


def test_stretches_are_those_of_an_axes() -> None:
    look: dict[str, Any] = {"facecolor": "none", "edgecolor": "#6B6B6B", "hatch": "xx", "alpha": 0.35, "linewidth": 0}
    with style():
        ours, theirs = (Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI) for _ in range(2))
        plot, axes = Plot(ours, BOX), of_matplotlib(theirs, ("left",))
        for one in (plot, axes):
            one.set_xlim(0, 100)
            one.set_xticks([])
            one.set_yticks([])
        spans = [(3.0, 11.5), (40.25, 70.0)]
        plot.broken_barh(spans, **look)
        axes.broken_barh(spans, (0, 1), transform=axes.get_xaxis_transform(), **look)
        assert np.array_equal(pixels(ours), pixels(theirs))


def test_what_stands_beside_a_plot_is_kept_when_a_figure_is_cut_to_its_contents() -> None:
    """As notebooks show figures."""
    with style():
        ours, theirs = (Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI) for _ in range(2))
        filled(Plot(ours, BOX), 0, log=False)
        filled(of_matplotlib(theirs, ("left",)), 0, log=False)
        assert np.array_equal(cut(ours), cut(theirs))


def cut(figure: Figure) -> np.ndarray:
    figure.savefig(into := io.BytesIO(), bbox_inches="tight", dpi=DPI)
    with Image.open(into) as picture:
        return np.asarray(picture)
