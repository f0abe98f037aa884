"""Keys that fall silent: where no row means that nothing happened, the last row of a key is not its end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analyzer.judging.presence import Presence
from traffic.model import HOUR, Bools, Grid, Ints, Metric, Window

_NEVER = 2**62


def until_the_end(keys: Sequence[str], presence: Presence, metric: Metric) -> dict[str, Window]:
    """The spans of `keys`, up to the end of what is looked at for those that fell silent in it for good."""
    spans, end = presence.spans, presence.looked.end
    return {
        key: Window(spans[key].start, end) if _fell_silent(spans[key], presence, metric) else spans[key] for key in keys
    }


def silences(keys: Sequence[str], presence: Presence, metric: Metric) -> Ints | None:
    """From when on each key is silent up to the end, shape (keys,); None where none is.

    Where no row means that nothing happened, the last row of a key is not its end: silence is what it then has. A key
    that ended before what is looked at is gone, and one that was silent for less than an hour may go on yet.
    """
    spans = presence.spans
    silent = [_fell_silent(spans[key], presence, metric) for key in keys]
    if not any(silent):
        return None
    return np.array([spans[key].end if one else _NEVER for key, one in zip(keys, silent, strict=True)], dtype=np.int64)


def _fell_silent(span: Window, presence: Presence, metric: Metric) -> bool:
    looked, end = presence.looked, presence.end
    return metric.empty == "zero" and end is not None and looked.start < span.end <= min(end, looked.end) - HOUR


def is_silent(grid: Grid, silent: Ints | None) -> Bools:
    """Whether an hour ends after a key fell silent for good: shape (keys, hours); (1, 1) where none did."""
    if silent is None:
        return np.zeros((1, 1), dtype=bool)
    result: Bools = grid.times() + HOUR > silent[:, None]
    return result
