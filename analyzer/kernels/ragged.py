"""Rows of different lengths, one after the other in one array."""

from __future__ import annotations

import numpy as np

from traffic.model import Ints


def portions(total: Ints, most: int) -> list[Ints]:
    """The places of what comes to `total`, added up, in portions that come to about `most` each."""
    return np.split(np.arange(len(total)), np.flatnonzero(np.diff(total // most)) + 1)


def ragged(counts: Ints) -> tuple[Ints, Ints]:
    """Rows of so many places each, one after the other: the row of each place, and which one of the row it is."""
    row = np.repeat(np.arange(len(counts)), counts)
    return row, np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
