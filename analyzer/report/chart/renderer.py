"""matplotlib's renderer with a memory: for all pictures of a process, a word is laid out once and a letter drawn once.

Letters took two thirds of the time of a picture, and pictures of a run have most of their words in common.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import RendererAgg, get_hinting_flag
from matplotlib.font_manager import FontProperties, fontManager, get_font

_KNOWN = mpl.__version_info__[:2] == (3, 11)
"""How letters are drawn is no interface of matplotlib's: other versions draw them as they always did."""
_ONE = 0x10000
"""1, as FreeType counts in a matrix; it counts 64 to a pixel in a vector."""

_HEIGHTS = {
    "OS/2": ("sTypoAscender", "sTypoDescender", "sTypoLineGap"),
    "hhea": ("ascent", "descent", "lineGap"),
}
"""The tables of a font that say how high its letters are, as matplotlib asks them."""


class Renderer(RendererAgg):
    """Draws the same pixels as `RendererAgg`."""

    def draw_text(
        self,
        gc: Any,
        x: float,
        y: float,
        s: str,
        prop: FontProperties,
        angle: float,
        ismath: Any = False,
        mtext: Any = None,
    ) -> None:
        """Draw a line of text; `y` counts from the top."""
        if not _KNOWN or ismath or angle or not gc.get_antialiased():
            super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)  # type: ignore[no-untyped-call]
            return
        features = None if mtext is None else mtext.get_fontfeatures()
        language = None if mtext is None else mtext.get_language()
        flags, size, height = _hinting(), prop.get_size_in_points(), int(self.height)
        for font, glyph, right, up in _layout(s, prop, self.dpi, flags, features, language):
            column, across = divmod(round(64 * (x + right)), 64)
            row, upwards = divmod(round(64 * (self.height - y + up)), 64)
            picture, left, top = _letter(font, glyph, size, self.dpi, flags, across, upwards)
            self._renderer.draw_text_image(picture, column + left, height - row - top + len(picture), 0, gc)

    def get_text_width_height_descent(self, s: str, prop: FontProperties, ismath: Any) -> tuple[float, float, float]:
        """How large a line of text is, in pixels."""
        if not _KNOWN or ismath:
            return super().get_text_width_height_descent(s, prop, ismath)  # type: ignore[no-any-return, no-untyped-call]
        return _size(s, prop, self.dpi, _hinting())

    if _KNOWN:

        def _get_font_height_metrics(self, prop: FontProperties) -> tuple[float | None, float | None, float | None]:
            """Ascent, descent and line gap of a font, in pixels; `Text` would ask its file for every line."""
            return _heights(prop, self.dpi)


# Font properties can be changed, and then equal nothing that was remembered of them.
@lru_cache(maxsize=4096)
def _layout(
    text: str, prop: FontProperties, dpi: float, flags: Any, features: Any, language: Any
) -> tuple[tuple[Any, int, float, float], ...]:
    """The letters of a line: font, number in it, pixels to the right of the line's beginning and above its base."""
    items = _font(prop, dpi)._layout(text, flags=flags, features=features, language=language)  # noqa: SLF001
    return tuple((item.ft_object, item.glyph_index, item.x, item.y) for item in items)


@lru_cache(maxsize=8192)
def _letter(
    font: Any, glyph: int, size: float, dpi: float, flags: Any, across: int, upwards: int
) -> tuple[Any, int, int]:
    """A letter that begins so many 64ths of a pixel off a whole one: its grey values, its left and its upper edge."""
    from matplotlib.ft2font import RenderMode

    font.set_size(size, dpi)
    font._set_transform([[_ONE, 0], [0, _ONE]], [across, upwards])  # noqa: SLF001
    bitmap = font._render_glyph(glyph, flags, RenderMode.NORMAL)  # noqa: SLF001
    return bitmap.buffer.copy(), bitmap.left, bitmap.top


@lru_cache(maxsize=4096)
def _size(text: str, prop: FontProperties, dpi: float, flags: Any) -> tuple[float, float, float]:
    font = _font(prop, dpi)
    font.set_text(text, 0.0, flags=flags)
    width, height = font.get_width_height()
    return width / 64, height / 64, font.get_descent() / 64


@lru_cache(maxsize=256)
def _heights(prop: FontProperties, dpi: float) -> tuple[float | None, float | None, float | None]:
    font = _font(prop, dpi)
    for name, columns in _HEIGHTS.items():
        if (table := font.get_sfnt_table(name)) is not None:
            scale = 1 / font.get_sfnt_table("head")["unitsPerEm"] * prop.get_size_in_points() * dpi / 72
            ascent, descent, gap = (table[column] * scale for column in columns)
            return ascent, -descent, gap
    return None, None, None


def _hinting() -> Any:
    return get_hinting_flag()  # type: ignore[no-untyped-call]


def _font(prop: FontProperties, dpi: float) -> Any:
    font: Any = get_font(fontManager._find_fonts_by_props(prop))  # noqa: SLF001 - what `Text` asks: fonts to fall back on, too
    font.clear()
    font.set_size(prop.get_size_in_points(), dpi)
    return font
