"""Letters: how wide a text will be, where it breaks, and which font has a character that ours has not."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties, findfont, findSystemFonts, fontManager, get_font

from traffic.text import visible

DPI = 100
FONT = "DejaVu Sans"  # comes with matplotlib: the same letters on every machine

_LIKED = ("Noto Sans CJK", "Noto Sans", "Source Han Sans", "IPA", "WenQuanYi", "Noto Emoji", "Symbola")
"""Fonts that are asked first, by how their names begin."""
_USELESS = ("Last Resort", "Adobe Blank")
"""They have a sign for everything, and it tells nothing."""


@cache
def _measure() -> Any:
    return RendererAgg(1, 1, DPI)  # type: ignore[no-untyped-call]


@cache
def _font_with(character: str) -> str:
    """The font that has a character: ours, one of this machine, or "" where there is none."""
    if get_font(findfont(FONT)).get_char_index(ord(character)):
        return FONT
    return next((name for name, path in _others() if get_font(path).get_char_index(ord(character))), "")


@cache
def _others() -> tuple[tuple[str, str], ...]:
    """Names and paths of the machine's other fonts whose letters can be of any size, the liked ones first."""
    for path in findSystemFonts():
        # matplotlib's own list is as old as its cache.
        if path not in {font.fname for font in fontManager.ttflist}:
            try:
                fontManager.addfont(path)
            except (OSError, RuntimeError):
                continue
    found = [font for font in fontManager.ttflist if not font.name.startswith(_USELESS) and font.size == "scalable"]
    order = sorted(found, key=lambda font: (not font.name.startswith(_LIKED), abs(int(font.weight) - 400), font.name))
    return tuple({font.name: (font.name, font.fname) for font in reversed(order)}.values())[::-1]


def plain(text: str, most: int) -> str:
    """A text of the user's, fit for a picture: one line, of letters that some font has (others escaped), shortened.

    What is written from here on in this picture may use the fonts that it takes.
    """
    # What only says how the character before it is drawn is no sign of its own.
    text = visible(text.replace("\ufe0f", "").replace("\ufe0e", ""))
    if text.isascii():
        # Our own font has all of it.
        return shorten(text, most)
    shown = []
    for character in text:
        font = _font_with(character)
        if font and font not in mpl.rcParams["font.family"]:
            mpl.rcParams["font.family"] = [*mpl.rcParams["font.family"], font]
        shown.append(character if font else character.encode("unicode_escape").decode())
    return shorten("".join(shown), most)


def shorten(text: str, most: int) -> str:
    """At most `most` characters, left out in the middle: both ends of a key or a path tell more."""
    if len(text) <= most:
        return text
    tail = (most - 1) // 2
    return text[: most - 1 - tail] + "…" + text[len(text) - tail :]


def text_width(text: str, size: float, weight: str = "normal") -> float:
    """How wide a text will be, in pixels."""
    return _width(text, size, weight, tuple(mpl.rcParams["font.family"]))


# The next picture has much the same words: names of days, of values, of what is drawn.
@lru_cache(maxsize=4096)
def _width(text: str, size: float, weight: str, family: tuple[str, ...]) -> float:
    font = FontProperties(family=list(family), weight=weight, size=size)
    return float(_measure().get_text_width_height_descent(text, font, ismath=False)[0])


def fit(text: str, width: float, size: float, weight: str = "normal") -> str:
    """The text, shortened to a width in pixels."""
    most = len(text)
    while (shown := shorten(text, most)) and most > 1 and (wide := text_width(shown, size, weight)) > width:
        most = min(most - 1, int(most * width / wide) + 2)
    return shown


def wrapped(text: str, width: float, size: float, weight: str = "normal", between: str = " ") -> list[str]:
    """The text in one or two lines of a width in pixels: the second is shortened. A long word is broken."""
    if text_width(text, size, weight) <= width:
        return [text]
    end = len(text)
    while end > 1 and text_width(text[:end], size, weight) > width:
        end = min(end - 1, int(end * width / text_width(text[:end], size, weight)) + 1)
    at = text.rfind(between, end // 3, end + len(between))
    first, rest = (text[:at], text[at + len(between) :]) if at > 0 else (text[:end], text[end:])
    return [first, fit(rest, width, size, weight)]
