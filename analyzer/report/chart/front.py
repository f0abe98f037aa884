"""The front of a sweep: what is found against what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FrontPicture:
    """Policies as points: alerts a week, and the share of the incidents that is found."""

    points: Sequence[tuple[float, float]]
    front: Sequence[tuple[float, float]]
    present: tuple[float, float]
    chosen: tuple[float, float] | None
    incidents: int
    title: str

    def png(self) -> bytes:
        """Draw it."""
        from analyzer.report.chart.style import style

        with style():
            return _drawn(self)


def _drawn(said: FrontPicture) -> bytes:
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from analyzer.report.chart.letters import DPI
    from analyzer.report.chart.png import png
    from analyzer.report.chart.style import BLUE, GREEN, GREY, INK, PALE, VERMILION

    figure = Figure(figsize=(9, 5.2), dpi=DPI, facecolor="white")
    canvas: Any = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.09, 0.13, 0.87, 0.74))
    look: dict[str, Any] = {"linestyle": "none", "clip_on": False}
    axes.plot(*zip(*said.points, strict=True), marker="o", markersize=4, color=GREY, alpha=0.45, label="policy", **look)
    if said.front:
        axes.step(
            *zip(*said.front, strict=True),
            where="post",
            color=BLUE,
            linewidth=1.6,
            marker="o",
            markersize=5,
            label="front",
        )
    axes.plot(*said.present, marker="D", markersize=9, color=VERMILION, label="current policy", zorder=5, **look)
    if said.chosen is not None:
        axes.plot(*said.chosen, marker="*", markersize=15, color=GREEN, label="recommended", zorder=6, **look)
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("alerts a week, all series together")
    axes.set_ylabel(f"share of the {said.incidents} incidents found")
    axes.grid(color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    figure.text(0.09, 0.93, said.title, size=12, weight="bold", color=INK)
    canvas.draw()
    return png(np.asarray(canvas.buffer_rgba())[:, :, :3], DPI)
