"""Boxes that are drawn together: the same pixels as one by one, and none over another one that came later."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from analyzer.report.chart.boxes import add_boxes, layers
from analyzer.report.chart.style import Sheet, style
from traffic.model import Floats

WIDTH, HEIGHT, PIXEL = 240, 180, 3600.0


def sheet() -> Sheet:
    made = Sheet(WIDTH + 20, HEIGHT + 20, left=10, right=10, top=10, bottom=10)
    made.axes.set_xlim(0, WIDTH * PIXEL)
    made.axes.set_ylim(HEIGHT, 0)
    return made


def scattered(count: int, seed: int) -> Floats:
    """In lanes that touch, with places between two pixels."""
    rng = np.random.default_rng(seed)
    left, lane = rng.uniform(-10, WIDTH, count), rng.integers(0, 10, count)
    right = left + rng.uniform(0.5, 40, count)
    return np.stack([left * PIXEL, lane * 18.0, right * PIXEL, lane * 18.0 + 18], axis=1)


@pytest.mark.parametrize(("count", "seed"), [(1, 0), (12, 1), (80, 2), (230, 3), (900, 4)])
def test_hatched_boxes_have_the_pixels_of_boxes_that_are_drawn_one_by_one(count: int, seed: int) -> None:
    look: dict[str, Any] = {"facecolor": "none", "hatch": "//////", "linewidth": 0.6, "alpha": 0.55}
    boxes = scattered(count, seed)
    with style():
        together, one_by_one = sheet(), sheet()
        add_boxes(together.axes, boxes, PIXEL, edgecolor="#009E73", **look)
        for left, top, right, bottom in boxes:
            corners = [[(left, top), (right, top), (right, bottom), (left, bottom)]]
            one_by_one.axes.add_collection(PolyCollection(corners, edgecolor="#009E73", **look), autolim=False)
        blank, first = sheet().png(), one_by_one.png()
        assert together.png() == first != blank


@pytest.mark.parametrize("seed", range(5))
def test_of_boxes_that_touch_the_later_one_lies_higher(seed: int) -> None:
    boxes = scattered(120, seed) / [PIXEL, 1, PIXEL, 1]
    layer = layers(boxes)
    for late, (left, top, right, bottom) in enumerate(boxes):
        for early, (other_left, other_top, other_right, other_bottom) in enumerate(boxes[:late]):
            apart = max(other_left - right, left - other_right, other_top - bottom, top - other_bottom)
            if apart <= 3:
                assert layer[late] > layer[early]
    # No box lies higher than it has to.
    assert layer.max() < 120
    assert set(range(layer.max() + 1)) == set(layer.tolist())


def test_no_boxes_are_no_failure() -> None:
    with style():
        add_boxes(sheet().axes, np.empty((0, 4)), PIXEL, hatch="/")
