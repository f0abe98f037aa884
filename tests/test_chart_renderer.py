"""The renderer that remembers words and letters draws what matplotlib's own draws, pixel by pixel."""

from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure

from analyzer.report.chart import renderer
from analyzer.report.chart.letters import DPI, plain
from analyzer.report.chart.renderer import Renderer
from analyzer.report.chart.style import style

WORDS = (
    "customer-0074",
    "5.06 Gb/s, 14.7× baseline",
    "16 Oct\n2026",
    "AVAToy fi",
    "Zürich …",
    "日本語 🙂",
    "\\alpha_1^2",
)
LOOKS: tuple[dict[str, Any], ...] = (
    {"size": 9},
    {"size": 9.5, "ha": "center", "va": "center"},
    {"size": 14, "weight": "bold", "ha": "right", "va": "top"},
    {"size": 10, "alpha": 0.4, "color": "#D55E00", "va": "bottom"},
    {"size": 9, "bbox": {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": "none", "alpha": 0.88}},
    {"size": 11, "rotation": 30},
    {"size": 11, "antialiased": False},
    {"size": 12, "fontfamily": "DejaVu Sans Mono", "style": "italic"},
    {"size": 12, "parse_math": True},
)


def drawn(kind: type[RendererAgg], shift: float) -> np.ndarray:
    figure = Figure(figsize=(9, 6), dpi=DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.renderer = kind(900, 600, DPI)
    canvas.get_renderer = lambda: canvas.renderer  # type: ignore[method-assign]
    for row, look in enumerate(LOOKS):
        for column, words in enumerate(WORDS):
            at = ((40 + 120 * column + shift) / 900, (40 + 61.3 * row + shift / 3) / 600)
            figure.text(*at, words if "\n" in words else plain(words, 60), **look)
    figure.text(0.5, 0.97, "$x^2$ and more", parse_math=True)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()


@pytest.mark.parametrize("shift", [0, 0.25, 0.37, 1 / 3, 7.999])
def test_words_are_drawn_as_matplotlib_draws_them_for_the_first_time_and_again(shift: float) -> None:
    with style():
        theirs = drawn(RendererAgg, shift)
        assert (theirs != 255).any()
        for _ in range(2):
            assert np.array_equal(drawn(Renderer, shift), theirs)


def test_a_word_that_was_drawn_is_not_laid_out_again() -> None:
    with style():
        drawn(Renderer, 0)
        before = renderer._layout.cache_info(), renderer._letter.cache_info(), renderer._size.cache_info()
        drawn(Renderer, 0)
        after = renderer._layout.cache_info(), renderer._letter.cache_info(), renderer._size.cache_info()
    assert all(was.hits < now.hits and was.misses == now.misses for was, now in zip(before, after, strict=True))


def test_a_changed_font_is_not_taken_for_the_one_before() -> None:
    with style():
        ours, theirs = (kind(200, 50, DPI) for kind in (Renderer, RendererAgg))
        text = Figure().text(0, 0, "changed")
        prop = text.get_fontproperties()
        sizes = []
        for size in (9, 14):
            prop.set_size(size)
            sizes.append(ours.get_text_width_height_descent("changed", prop, False))
            assert sizes[-1] == theirs.get_text_width_height_descent("changed", prop, False)
        assert sizes[0] != sizes[1]
