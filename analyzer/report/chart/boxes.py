"""Boxes, many of one look, at the price of few."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.path import Path

from traffic.model import Floats, Ints

_APART = 3.0
"""Pixels between boxes that have no pixel in common: they are moved to whole ones, and have an edge."""
_MOST = 200
"""Boxes of a path: one of more than 1,024 points would not be moved to whole pixels."""


def add_boxes(axes: Axes, boxes: Floats, pixel: float, **look: Any) -> None:
    """Draw boxes in their order.

    Args:
        boxes: left, top, right and bottom, shape (boxes, 4); upwards they count pixels.
        pixel: how wide one is.
        look: what all of them share, or a list of it for each.
    """
    if not len(boxes):
        return
    corners = boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
    if "hatch" in look:
        axes.add_collection(
            PathCollection(_joined(corners, layers(boxes / [pixel, 1, pixel, 1])), **look), autolim=False
        )
    else:
        # An array is taken at once: `PolyCollection` would look at every one of a list.
        axes.add_collection(PolyCollection(corners, **look), autolim=False)  # type: ignore[arg-type]


def layers(boxes: Floats) -> Ints:
    """The layer of each box, in pixels: no two of a layer touch, and of two that do, the later one lies higher."""
    found = np.zeros(len(boxes), dtype=np.int64)
    for place, (left, top, right, bottom) in enumerate(boxes):
        before = boxes[:place]
        beside = (before[:, 2] + _APART < left) | (right + _APART < before[:, 0])
        above = (before[:, 3] + _APART < top) | (bottom + _APART < before[:, 1])
        found[place] = found[:place][~(beside | above)].max(initial=-1) + 1
    return found


def _joined(corners: Floats, layer: Ints) -> list[Path]:
    """The boxes of a layer as one path: of every path a hatching is drawn anew, a millisecond for the smallest."""
    paths = []
    for one in range(int(layer.max()) + 1):
        those = corners[layer == one]
        for some in np.array_split(those, -(-len(those) // _MOST)):
            closed = np.concatenate([some, some[:, :1]], axis=1).reshape(-1, 2)
            paths.append(Path(closed, np.tile(_CODES, len(some))))
    return paths


_CODES = np.array([Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY], dtype=Path.code_type)
