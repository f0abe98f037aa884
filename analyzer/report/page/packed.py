"""Numbers of a chart as text of a page: few bytes, and as fine as a screen."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np

from traffic.model import Floats

MISSING, LEVELS = 65535, 16384


def packed(start: int, width: int, values: Floats) -> dict[str, Any]:
    """A line in 16,384 levels, and a number for what is missing.

    Neighbours are near each other: of their differences (modulo 65,536) the low bytes of all, and then the high ones,
    are what deflates well.

    Args:
        start: of the first bucket.
        width: of a bucket, in seconds.
        values: shape (buckets,), NaN where one is missing.
    """
    there = np.isfinite(values)
    low, high = (float(values[there].min()), float(values[there].max())) if there.any() else (0.0, 0.0)
    step = (high - low) / (LEVELS - 1) or 1.0
    levels = np.where(there, np.rint((np.where(there, values, low) - low) / step), MISSING).astype("<u2")
    steps = np.diff(levels, prepend=np.zeros(1, "<u2")).astype("<u2")
    planes = steps.view(np.uint8).reshape(-1, 2).T.tobytes()
    deflate = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    text = base64.b64encode(deflate.compress(planes) + deflate.flush()).decode("ascii")
    return {"start": start, "width": width, "low": low, "step": step, "packed": text}


def unpacked(line: dict[str, Any]) -> Floats:
    """What `packed` was given, to half a level; the page's script does the same."""
    planes = np.frombuffer(zlib.decompress(base64.b64decode(line["packed"]), wbits=-zlib.MAX_WBITS), np.uint8)
    steps = np.ascontiguousarray(planes.reshape(2, -1).T).view("<u2").ravel()
    levels = np.cumsum(steps, dtype=np.uint16)
    return np.where(levels == MISSING, np.nan, line["low"] + line["step"] * levels)
