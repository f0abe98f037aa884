"""Pixels as a PNG file."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

_INCH = 0.0254
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_AFTER_SIZE = len(_SIGNATURE) + 25
"""Where the first chunk, which says how large the picture is, ends."""
_PLAIN_TEXT = b"\0" * 5
"""Between keyword and text: not compressed, of no language."""


def png(pixels: NDArray[np.uint8], dpi: int, about: Mapping[str, str] | None = None) -> bytes:
    """The PNG of a picture, shape (height, width, 3); `about` are texts that it carries, by a keyword of ASCII.

    Areas of one colour pack best as they are. Pillow would try the format's filters on every row first, which takes
    four times as long and comes out larger.
    """
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + 3 * width), dtype=np.uint8)  # before each row: the number of its filter, 0 = none
    rows[:, 1:] = pixels.reshape(height, -1)
    per_metre = round(dpi / _INCH)
    return _SIGNATURE + b"".join(
        (
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),  # 8 bits of each of RGB
            _chunk(b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1)),
            *(_chunk(b"iTXt", _text(name, text)) for name, text in (about or {}).items()),
            _chunk(b"IDAT", zlib.compress(rows.data, 3)),
            _chunk(b"IEND", b""),
        )
    )


def with_text(picture: bytes, keyword: str, text: str) -> bytes:
    """A picture that `png` made, which carries one more text."""
    return picture[:_AFTER_SIZE] + _chunk(b"iTXt", _text(keyword, text)) + picture[_AFTER_SIZE:]


def texts(picture: bytes) -> dict[str, str]:
    """What a picture that `png` made carries; nothing of any other."""
    found = {}
    at = len(_SIGNATURE) if picture.startswith(_SIGNATURE) else len(picture)
    while (name := picture[at + 4 : at + 8]) not in (b"", b"IDAT"):
        size = int.from_bytes(picture[at : at + 4], "big")
        if name == b"iTXt":
            keyword, _, text = picture[at + 8 : at + 8 + size].partition(_PLAIN_TEXT)
            found[keyword.decode("ascii", "replace")] = text.decode("utf-8", "replace")
        at += size + 12
    return found


def _text(keyword: str, text: str) -> bytes:
    return keyword.encode("ascii") + _PLAIN_TEXT + text.encode("utf-8", "backslashreplace")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
