"""A plot with two edges, ticks where one says and nothing automatic: what our pictures use of matplotlib's `Axes`.

Methods have the names and meanings that they have there, and the same pixels come of them. An `Axes` makes five objects
of every tick, and titles, locators and labels for any case, which was a third of the time of a picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeVar

import numpy as np
from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.collections import Collection, LineCollection, PathCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import TICKDOWN, TICKLEFT, MarkerStyle
from matplotlib.patches import Patch, Rectangle
from matplotlib.scale import LogTransform
from matplotlib.text import Text
from matplotlib.transforms import (
    Bbox,
    BboxTransformFrom,
    BboxTransformTo,
    IdentityTransform,
    ScaledTranslation,
    Transform,
    TransformedBbox,
    TransformWrapper,
    blended_transform_factory,
)
from numpy.typing import ArrayLike

One = TypeVar("One", bound=Artist)
Side = Literal["left", "bottom"]
_WIDE = 0.8
"""Points: edges and ticks."""
_TICK, _PAD = 3.0, 3.5
"""Points: the length of a tick, and from it to its label."""
_AXIS, _FRAME = 0.5, 2.5
"""Ticks and grid lie below all lines, edges above them."""


class Plot(Artist):
    """A plot in a figure; `box` is left, bottom, width and height, of the figure's."""

    def __init__(
        self,
        figure: Figure,
        box: tuple[float, float, float, float],
        grid: Sequence[Side] = ("left",),
        edges: Sequence[Side] = ("left", "bottom"),
    ) -> None:
        """`grid`: the sides whose ticks have a line across the plot; `edges`: those with a line of their own."""
        super().__init__()
        self._children: list[Artist] = []
        self._ticks: dict[Side, list[Artist]] = {"bottom": [], "left": []}
        self._grid = frozenset(grid)
        self._home = figure
        self.bbox = TransformedBbox(Bbox.from_bounds(*box), figure.transSubfigure)
        self._view = Bbox.unit()
        self.transAxes = BboxTransformTo(self.bbox)
        self._scale = TransformWrapper(IdentityTransform())
        self.transData: Transform = self._scale + (
            BboxTransformFrom(TransformedBbox(self._view, self._scale)) + self.transAxes
        )
        self._across: dict[Side, Transform] = {
            "bottom": blended_transform_factory(self.transData, self.transAxes),
            "left": blended_transform_factory(self.transAxes, self.transData),
        }
        self._inside = TransformedBbox(Bbox.unit(), self.transAxes)
        figure.add_artist(self)
        look: dict[str, Any] = {
            "color": rcParams["axes.edgecolor"],
            "linewidth": _WIDE,
            "solid_capstyle": "projecting",
            "zorder": _FRAME,
        }
        for edge in edges:
            end = (0, 1) if edge == "left" else (1, 0)
            self._add(Line2D(*zip((0, 0), end, strict=True), transform=self.transAxes, clip_on=False, **look))

    def get_children(self) -> list[Artist]:
        """All that is drawn, in the order in which it came."""
        return [*self._children, *self._ticks["bottom"], *self._ticks["left"]]

    def draw(self, renderer: Any) -> None:
        """Draw it, the lower ones first."""
        for artist in sorted(self.get_children(), key=Artist.get_zorder):
            artist.draw(renderer)

    def get_window_extent(self, renderer: Any = None) -> Bbox:
        """The box of the plot and of what stands beside it."""
        boxes = [artist.get_tightbbox(renderer) for artist in self.get_children()]
        # What is empty, or all clipped, has a box without a size.
        return Bbox.union([self.bbox, *(box for box in boxes if box is not None and 0 < box.width < np.inf)])

    @property
    def collections(self) -> list[Collection]:
        """What consists of many."""
        return [one for one in self._children if isinstance(one, Collection)]

    def set_xlim(self, left: float, right: float) -> None:
        """The values at the left and at the right edge."""
        self._view.intervalx = (left, right)

    def set_ylim(self, bottom: float, top: float) -> None:
        """The values at the bottom and at the top."""
        self._view.intervaly = (bottom, top)

    def get_ylim(self) -> tuple[float, float]:
        """The values at the bottom and at the top."""
        return self._view.y0, self._view.y1

    def set_yscale(self, value: Literal["linear", "log"]) -> None:
        """Whether equal differences are equally far apart, or equal factors."""
        scale = LogTransform(10, "clip") if value == "log" else IdentityTransform()
        self._scale.set(blended_transform_factory(IdentityTransform(), scale))

    def minorticks_off(self) -> None:
        """There are none."""

    def get_xaxis_transform(self) -> Transform:
        """From x values and shares of the height to pixels."""
        return self._across["bottom"]

    def get_yaxis_transform(self) -> Transform:
        """From shares of the width and y values to pixels."""
        return self._across["left"]

    def set_xticks(self, ticks: ArrayLike, labels: Sequence[str] | None = None) -> None:
        """Ticks below the plot."""
        self._set_ticks("bottom", ticks, labels)

    def set_yticks(self, ticks: ArrayLike, labels: Sequence[str] | None = None) -> None:
        """Ticks to the left of the plot."""
        self._set_ticks("left", ticks, labels)

    def plot(self, x: ArrayLike, y: ArrayLike, **look: Any) -> list[Line2D]:
        """A line, or marks."""
        return [self._add(Line2D(np.atleast_1d(x), np.atleast_1d(y), **look))]

    def axhline(self, y: float, **look: Any) -> None:
        """A line from edge to edge."""
        self._add(Line2D([0, 1], [y, y], transform=self.get_yaxis_transform(), **look))

    def axvspan(self, left: float, right: float, **look: Any) -> Patch:
        """A stretch of the x axis over the whole height."""
        return self._add(Rectangle((left, 0), right - left, 1, transform=self.get_xaxis_transform(), **look))

    def broken_barh(self, spans: Sequence[tuple[float, float]], **look: Any) -> None:
        """Stretches of the x axis over the whole height, each as its start and its width."""
        corners = [np.array([(a, 0), (a, 1), (a + wide, 1), (a + wide, 0)]) for a, wide in spans]
        self._add(PolyCollection(corners, transform=self.get_xaxis_transform(), **look))

    def scatter(self, x: ArrayLike, y: ArrayLike, marker: str, s: ArrayLike, **look: Any) -> None:
        """Marks, of one shape and each of its own size and colour."""
        style = MarkerStyle(marker)
        path = style.get_path().transformed(style.get_transform())
        marks = PathCollection(
            (path,), np.atleast_1d(s), offsets=np.column_stack([x, y]), offset_transform=self.transData, **look
        )
        marks.set_transform(IdentityTransform())
        self._add(marks)

    def add_patch(self, patch: Patch) -> Patch:
        """A shape."""
        return self._add(patch)

    def add_collection(self, collection: Collection) -> Collection:
        """Many shapes."""
        return self._add(collection)

    def _add(self, artist: One) -> One:
        self._children.append(self._owned(artist))
        artist.set_clip_box(self._inside)
        return artist

    def _owned(self, artist: One) -> One:
        artist.set_figure(self._home)
        if not artist.is_transform_set():
            artist.set_transform(self.transData)
        return artist

    def _set_ticks(self, side: Side, ticks: ArrayLike, labels: Sequence[str] | None) -> None:
        self._ticks[side] = []
        places = np.asarray(ticks, dtype=np.float64)
        if len(places):
            self._ticks[side] = [self._owned(artist) for artist in self._ticked(side, places, labels or ())]

    def _ticked(self, side: Side, places: Any, labels: Sequence[str]) -> Iterator[Artist]:
        ends = np.zeros((len(places), 2, 2))
        ends[:, 1] = (0, 1) if side == "bottom" else (1, 0)
        ends[:, :, 0 if side == "bottom" else 1] = places[:, np.newaxis]
        across = self._across[side]
        if side in self._grid:
            look: dict[str, Any] = {
                "colors": rcParams["grid.color"],
                "linewidths": rcParams["grid.linewidth"],
                "capstyle": "projecting",
            }
            lines = LineCollection(list(ends), transform=across, zorder=_AXIS, **look)
            lines.set_clip_box(self._inside)
            yield lines
        yield Line2D(
            *ends[:, 0].T,
            linestyle="none",
            marker=MarkerStyle(TICKDOWN if side == "bottom" else TICKLEFT),
            markersize=_TICK,
            markeredgecolor=rcParams["axes.edgecolor"],
            markeredgewidth=_WIDE,
            transform=across,
            zorder=_AXIS,
        )
        away = -(_TICK + _PAD) / 72
        right, up = (0.0, away) if side == "bottom" else (away, 0.0)
        beside = across + ScaledTranslation(right, up, self._home.dpi_scale_trans)
        align = ("center", "top") if side == "bottom" else ("right", "center_baseline")
        for (x, y), label in zip(ends[:, 0].tolist(), labels, strict=False):
            yield Text(
                x, y, label, ha=align[0], va=align[1], color=rcParams["xtick.color"], transform=beside, zorder=_AXIS
            )
