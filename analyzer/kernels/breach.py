"""Breaches to events."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Runs(NamedTuple):
    """Events as positions in the breaches they came from, shape (events,) each."""

    first: Ints
    """The first breach."""
    last: Ints
    """The last breach."""
    met: Ints
    """The breach with which the rule was met."""
    peak: Ints
    """The highest breach; the earliest of equals."""
    excess: Floats
    """The sum over the breaches of value - baseline."""


def runs(key: Ints, time: Ints, value: Floats, baseline: Floats, needed: int, within: int, resolution: int) -> Runs:
    """Join breaches into events.

    An event opens at the first of `needed` breaches whose starts lie less than `within` seconds apart, and goes on as
    long as the next breach starts less than `within` after the last, or is the next bucket.

    Args:
        key, time: shape (breaches,), in order of key, then start of the bucket in seconds; each pair once.
        value, baseline: shape (breaches,).
        needed: at least 1.
        within, resolution: seconds.

    Returns:
        The events, in the order of the breaches.
    """
    total = len(time)
    none = np.zeros(0, dtype=np.int64)
    if total == 0:
        return Runs(none, none, none, none, np.zeros(0))
    step = np.diff(time)
    linked = (np.diff(key) == 0) & ((step < within) | (step <= resolution))
    chain = np.concatenate([[0], np.cumsum(~linked)])
    chain_end = np.append(np.flatnonzero(~linked), total - 1)

    start = np.arange(total - needed + 1)
    meets = start[(key[start + needed - 1] == key[start]) & (time[start + needed - 1] - time[start] < within)]
    opened, index = np.unique(chain[meets], return_index=True)
    first = meets[index]
    last = chain_end[opened]
    if len(first) == 0:
        return Runs(none, none, none, none, np.zeros(0))

    # Segments first..last+1 and the breaches between two events, in turn: every second one is an event.
    edges = np.stack([first, last + 1], axis=1).ravel()
    bounds = edges[:-1] if edges[-1] == total else edges
    highest = np.maximum.reduceat(value, bounds)[::2]
    excess = np.add.reduceat(value - baseline, bounds)[::2]
    event = np.repeat(np.arange(len(first)), last - first + 1)
    member = np.arange(len(event)) - np.repeat(np.cumsum(last - first + 1) - (last - first + 1), last - first + 1)
    position = np.repeat(first, last - first + 1) + member
    tops = np.flatnonzero(value[position] == highest[event])
    _, earliest = np.unique(event[tops], return_index=True)
    return Runs(first, last, first + needed - 1, position[tops[earliest]], excess)
