"""Pixels as a PNG file."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

_INCH = 0.0254


def png(pixels: NDArray[np.uint8], dpi: int) -> bytes:
    """The PNG of a picture, shape (height, width, 3).

    Areas of one colour pack best as they are. Pillow would try the format's filters on every row first, which takes
    four times as long and comes out larger.
    """
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + 3 * width), dtype=np.uint8)  # before each row: the number of its filter, 0 = none
    rows[:, 1:] = pixels.reshape(height, -1)
    per_metre = round(dpi / _INCH)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),  # 8 bits of each of RGB
            _chunk(b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1)),
            _chunk(b"IDAT", zlib.compress(rows.data, 3)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
