"""How often a table has a value: told from the gaps between the rows of its keys."""

from __future__ import annotations

import numpy as np

from traffic.model import DAY, HOUR, Ints

_REGULAR = 0.6
"""Share of gaps near the usual one that makes sampling of them. Where every row may lie anywhere in its step 3 in 4 are
near, where rows come at random (flows, log lines) 1 in 3."""
_NEAR = (0.5, 1.5)
_ROUND = 0.1
_STEPS = (*(step for step in range(1, HOUR + 1) if HOUR % step == 0), *(n * HOUR for n in (2, 3, 4, 6, 8, 12)), DAY)
_FEWEST = 5
_APART = 2
"""Times as long a step has to be to be another one."""


def own_step(row: Ints, time: Ints) -> int | None:
    """Seconds between the values of a key, the round number nearest to them; None where they follow no beat.

    Args:
        row: shape (n,), which key.
        time: shape (n,), epoch seconds, in any order.
    """
    order = np.lexsort((time, row))
    row, time = row[order], time[order]
    gaps = np.diff(time)[(row[1:] == row[:-1]) & (time[1:] > time[:-1])]
    if len(gaps) < _FEWEST:
        return None
    usual = float(np.median(gaps))
    near = (gaps >= _NEAR[0] * usual) & (gaps <= _NEAR[1] * usual)
    if near.mean() < _REGULAR:
        return None
    nearest = min(_STEPS, key=lambda step: abs(step - usual))
    return nearest if abs(nearest - usual) <= _ROUND * usual else round(usual)


def steps_apart(row: Ints, time: Ints, file: Ints) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Two files that hold values of one key for the same time, at different steps: number and step of each.

    Args:
        row: shape (n,), which key.
        time: shape (n,), epoch seconds.
        file: shape (n,), of which file.
    """
    known: list[tuple[int, int, Ints, int, int]] = []
    for number in np.unique(file).tolist():
        own = file == number
        step = own_step(row[own], time[own])
        if step is None:
            continue
        keys, first, last = np.unique(row[own]), int(time[own].min()), int(time[own].max())
        for other, other_step, other_keys, begin, end in known:
            apart = max(step, other_step) >= _APART * min(step, other_step)
            if apart and first <= end and begin <= last and np.isin(keys, other_keys).any():
                return (other, other_step), (number, step)
        known.append((number, step, keys, first, last))
    return None


def in_order(row: Ints, time: Ints) -> bool:
    """Whether the rows of every key stand in the order of time, so that the first of them tell how the rest goes on."""
    order = np.argsort(row, kind="stable")
    row, time = row[order], time[order]
    return bool(((time[1:] >= time[:-1]) | (row[1:] != row[:-1])).all())
