"""The same hours of the other weeks: what a picture and the page show beside an event."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analyzer.model import Trace
from traffic.model import HOUR, WEEK, Floats, Window

_WEEKS = 6


def other_weeks(trace: Trace) -> Iterator[tuple[int, Floats]]:
    """The same hours of the other weeks that are known: from when on, moved to the event's week, and hourly means."""
    view = trace.grid.window.widen(HOUR)
    for apart in range(-_WEEKS, _WEEKS + 1):
        there = Window(view.start + apart * WEEK, view.end + apart * WEEK).clip(trace.weeks)
        first = (there.start - trace.weeks.start) // HOUR
        hours = trace.hourly[first : first + there.seconds // HOUR].astype(np.float64)
        if apart and np.isfinite(hours).any():
            yield there.start - apart * WEEK, hours
