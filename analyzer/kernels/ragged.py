"""Rows of different lengths, one after the other in one array."""

from __future__ import annotations

import numpy as np

from traffic.model import Ints


def portions(total: Ints, most: int) -> list[Ints]:
    """Indices split into portions of about `most` each, by their running total."""
    return np.split(np.arange(len(total)), np.flatnonzero(np.diff(total // most)) + 1)


def ragged(counts: Ints) -> tuple[Ints, Ints]:
    """The row of each place, and its position in that row, for consecutive rows with `counts` places each."""
    row = np.repeat(np.arange(len(counts)), counts)
    return row, np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
