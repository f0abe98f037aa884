"""How long a window may be to be answered in points of a certain width, and from which of the two kinds of data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from traffic.model import DAY, HOUR, Window

FULL, FAST = "Full", "Fast"
FULL_REACH = 72 * HOUR
"""The longest window that is answered from full data."""
FAST_LEAST = 3 * HOUR
"""The shortest window that is answered from fast data."""


@dataclass(frozen=True)
class Width:
    """How buckets of a resolution are requested."""

    minutes: int
    """The requested polling width ..."""
    forced: bool
    """... and whether it is enforced; otherwise the width follows from the length of the window."""
    reach: int
    """The longest window, in seconds, that is answered at this resolution."""
    data: str
    """Full, or Fast: down-sampled, on whole hours, and much quicker over long windows."""


WIDTHS: Mapping[int, Width] = {
    60: Width(1, True, 3 * DAY, FULL),
    300: Width(5, True, 14 * DAY, FAST),
    600: Width(10, True, 30 * DAY, FAST),
    1200: Width(20, True, 60 * DAY, FAST),
    # Windows of more than three days are answered by the hour; shorter ones in finer steps, which are averaged.
    3600: Width(20, False, 60 * DAY, FAST),
}
"""Seconds of a bucket -> how it is requested. Sources: docs/kentik.md."""


def asked_window(window: Window, width: Width) -> Window:
    """The window to request so that `window` is answered: fast data come in whole hours, at least three of them."""
    if width.data != FAST:
        return window
    wide = window.widen(HOUR)
    return Window(min(wide.start, wide.end - FAST_LEAST), wide.end)
