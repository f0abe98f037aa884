"""Events against labels, one to one."""

from __future__ import annotations

import numpy as np

from traffic.model import Ints


def overlaps(a: Ints, b: Ints) -> Ints:
    """Seconds that each interval of `a`, shape (n, 2), shares with each of `b`, shape (m, 2): shape (n, m)."""
    first = np.maximum(a[:, None, 0], b[None, :, 0])
    last = np.minimum(a[:, None, 1], b[None, :, 1])
    result: Ints = np.maximum(last - first, 0)
    return result


def one_to_one(events: Ints, labels: Ints, tolerance: int, longest_extra: int) -> list[tuple[int, int]]:
    """Pair events with labels of the same key, the largest overlap first, each at most once.

    An event may be off by `tolerance` seconds on either side, and at most `longest_extra` seconds longer than its
    label, so that an alarm of a day does not "find" a spike.

    Args:
        events, labels: shape (n, 2) and (m, 2), start and end in seconds.

    Returns:
        Pairs (event, label) of positions.
    """
    wide = events + np.array([-tolerance, tolerance])
    shared = overlaps(wide, labels)
    too_long = (events[:, 1] - events[:, 0])[:, None] > (labels[:, 1] - labels[:, 0])[None, :] + longest_extra
    i, j = np.nonzero((shared > 0) & ~too_long)
    return greedily(i, j, shared[i, j])


def greedily(i: Ints, j: Ints, shared: Ints) -> list[tuple[int, int]]:
    """Select from pairs (event, label) those with the largest overlap, each event and each label at most once.

    Args:
        i, j: the pairs, shape (pairs,).
        shared: their overlap.
    """
    order = np.lexsort((j, i, -shared))
    used_events: set[int] = set()
    used_labels: set[int] = set()
    pairs = []
    for event, label in zip(i[order].tolist(), j[order].tolist(), strict=True):
        if event not in used_events and label not in used_labels:
            used_events.add(event)
            used_labels.add(label)
            pairs.append((event, label))
    return pairs


def covered(interval: tuple[int, int], others: Ints) -> int:
    """Seconds of `interval` that are covered by at least one of `others`, shape (n, 2)."""
    total, reached = 0, interval[0]
    for start, end in sorted(others.tolist()):
        first, last = max(start, reached), min(end, interval[1])
        if last > first:
            total += last - first
            reached = last
    return total
