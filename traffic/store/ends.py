"""Pure: values that stand for none, told from how often the lowest and the highest of all occur and what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from traffic.store.files.markers import Marker, Markers

_ENOUGH = 2
"""Of a value that occurs more often, it is not needed how often."""


def may_be_marks(low: float, high: float) -> bool:
    """Whether the lowest or the highest of all values can be one that stands for none."""
    return low < 0 or bool(_found([float(np.nextafter(0.0, 1.0)), high, high]))


def marks_at_ends(counts: Mapping[float, int], rest: Sequence[float], octets: bool) -> list[Marker]:
    """Which of them do.

    Args:
        counts: the lowest and the highest value -> how often each occurs.
        rest: the lowest and the highest of all others.
        octets: whether they are bytes.
    """
    ends = [value for value, count in counts.items() for _ in range(min(count, _ENOUGH))]
    return [Marker(one.value, counts[one.value], one.sure) for one in _found([*ends, *rest], octets)]


def _found(values: Sequence[float], octets: bool = False) -> list[Marker]:
    markers = Markers()
    markers.add(np.array(values))
    return markers.found(octets)
