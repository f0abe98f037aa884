"""Events against labels, one to one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analyzer.kernels.ragged import portions, ragged
from traffic.model import Bools, Ints

TOGETHER = 1_000_000
"""Pairs of an event and a label that are looked at at once."""


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
    shared = fitting(events[:, None], labels[None], tolerance, longest_extra)
    i, j = np.nonzero(shared)
    return greedily(i, j, shared[i, j])


def fitting(events: Ints, labels: Ints, tolerance: int, longest_extra: int) -> Ints:
    """Seconds that events share with labels, 0 where one does not fit: the last axis of both is start and end."""
    first = np.maximum(events[..., 0] - tolerance, labels[..., 0])
    last = np.minimum(events[..., 1] + tolerance, labels[..., 1])
    too_long = events[..., 1] - events[..., 0] > labels[..., 1] - labels[..., 0] + longest_extra
    result: Ints = np.where(too_long, 0, np.maximum(last - first, 0))
    return result


def last_is_met(group: Ints, events: Ints, labels: Sequence[Ints], tolerance: int, longest_extra: int) -> Bools:
    """Whether the last label of each group is met if the group is paired by `one_to_one`: shape (groups,).

    Args:
        group: which one each event belongs to, ascending: shape (events,).
        labels: those of each group, at least one.
    """
    met = np.zeros(len(labels), dtype=bool)
    # Most labels fit no event at all: nothing has to be paired to know that.
    last = np.array([some[-1] for some in labels], dtype=np.int64).reshape(-1, 2)
    fits = fitting(events, last[group], tolerance, longest_extra) > 0
    able = np.unique(group[fits])
    own = np.isin(group, able)
    some = [labels[one] for one in able.tolist()]
    met[able] = _last_is_paired(np.searchsorted(able, group[own]), events[own], some, tolerance, longest_extra)
    return met


def each_last(intervals: Ints) -> Ints:
    """Intervals, shape (n, 2), once for each of them: in their order, but that one last. Shape (n, n, 2)."""
    place = np.arange(len(intervals))
    others = place[:-1] + (place[:-1] >= place[:, None])
    found: Ints = intervals[np.concatenate([others, place[:, None]], axis=1)]
    return found


def _last_is_paired(group: Ints, events: Ints, labels: Sequence[Ints], tolerance: int, longest_extra: int) -> Bools:
    met = np.zeros(len(labels), dtype=bool)
    counts = np.array([len(some) for some in labels], dtype=np.int64)
    pairs = np.cumsum(np.bincount(group, minlength=len(labels)) * counts)
    for groups in portions(pairs, TOGETHER) if len(group) else ():
        own = slice(*np.searchsorted(group, (groups[0], groups[-1] + 1)).tolist())
        there = np.concatenate([labels[one] for one in groups])
        last = np.cumsum(counts[groups]) - 1
        of_event = group[own] - groups[0]
        event, within = ragged(counts[groups][of_event])
        label = (last - counts[groups] + 1)[of_event[event]] + within
        shared = fitting(events[own][event], there[label], tolerance, longest_extra)
        fits = np.flatnonzero(shared)
        paired = greedily(event[fits], label[fits], shared[fits])
        met[groups] = np.isin(last, [place for _, place in paired])
    return met


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
