"""Breaches to events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from analyzer.kernels.ragged import ragged
from traffic.model import Bools, Floats, Ints


class Runs(NamedTuple):
    """Events, as positions among the breaches that they consist of: arrays of shape (events,)."""

    first: Ints
    """The first breach."""
    last: Ints
    """The last breach."""
    met: Ints
    """The breach with which the rule was met."""
    opened: Ints
    """Which of the criteria was met first, the earlier one of equals."""
    peak: Ints
    """The highest breach; the earliest of equals."""
    excess: Floats
    """The sum over the breaches of value - baseline."""


class Criterion(NamedTuple):
    """One way to meet the rule: `needed` of the breaches that are `over`, starting less than `within` seconds apart."""

    over: Bools
    """Shape (breaches,)."""
    needed: int
    """At least 1."""
    within: int


def runs(
    key: Ints,
    time: Ints,
    value: Floats,
    baseline: Floats,
    ways: Sequence[Criterion],
    merge: int,
    resolution: int,
) -> Runs:
    """Join breaches into events.

    An event opens at the first of the breaches that meet the rule in any of its ways, and continues while the next
    breach starts less than `merge` seconds after the last, or is the next bucket.

    Args:
        key, time: shape (breaches,), in order of key, then start of the bucket in seconds; each pair once.
        value, baseline: shape (breaches,).
        merge: seconds.
        resolution: seconds.

    Returns:
        The events, in the order of the breaches.
    """
    total = len(time)
    none = np.zeros(0, dtype=np.int64)
    firsts, mets = zip(*(_meets(key, time, way) for way in ways), strict=True)
    meets, met = np.concatenate(firsts), np.concatenate(mets)
    which = np.repeat(np.arange(len(ways)), [len(one) for one in firsts])
    step = np.diff(time)
    linked = (np.diff(key) == 0) & ((step < merge) | (step <= resolution))
    chain = np.concatenate([[0], np.cumsum(~linked)])
    chain_end = np.append(np.flatnonzero(~linked), total - 1)
    # What is held for longer than `merge` may reach over a gap; then it is no one event that meets the rule.
    whole = chain[meets] == chain[met]
    meets, met, which = meets[whole], met[whole], which[whole]
    if len(meets) == 0:
        return Runs(first=none, last=none, met=none, opened=none, peak=none, excess=np.zeros(0))

    opened, index = np.unique(chain[meets], return_inverse=True)
    first, soonest = np.full(len(opened), total), np.full(len(opened), total)
    np.minimum.at(first, index, meets)
    np.minimum.at(soonest, index, met)
    last = chain_end[opened]
    way_of = np.full(len(opened), len(ways))
    soon = met == soonest[index]
    np.minimum.at(way_of, index[soon], which[soon])

    # Segments first..last+1 and the breaches between two events, in turn: every second one is an event.
    edges = np.stack([first, last + 1], axis=1).ravel()
    bounds = edges[:-1] if edges[-1] == total else edges
    highest = np.maximum.reduceat(value, bounds)[::2]
    excess = np.add.reduceat(value - baseline, bounds)[::2]
    event, member = ragged(last - first + 1)
    position = first[event] + member
    tops = np.flatnonzero(value[position] == highest[event])
    _, earliest = np.unique(event[tops], return_index=True)
    return Runs(first=first, last=last, met=soonest, opened=way_of, peak=position[tops[earliest]], excess=excess)


def _meets(key: Ints, time: Ints, way: Criterion) -> tuple[Ints, Ints]:
    """The first and the last of every `needed` neighbouring breaches that meet the rule in this way."""
    index = np.flatnonzero(way.over)
    first, last = index[: max(0, len(index) - way.needed + 1)], index[way.needed - 1 :]
    meets = (key[last] == key[first]) & (time[last] - time[first] < way.within)
    return first[meets], last[meets]


def held(values: Floats, needed: int, inside: int) -> int | None:
    """The highest level that `needed` values reach within `inside` neighbours: the position of the lowest of them.

    None if there are nowhere that many values.

    Args:
        values: shape (buckets,), NaN = missing.
    """
    whole = np.array([len(values)])
    place = int(held_in_each(values, np.zeros_like(whole), whole, needed, inside)[0])
    return None if place < 0 else place


def held_in_each(values: Floats, starts: Ints, counts: Ints, needed: int, inside: int) -> Ints:
    """The same of several stretches of values, each by itself.

    Args:
        values: shape (buckets,), NaN = missing.
        starts, counts: shape (stretches,), which of the values are neighbours: those of each stretch, in order.

    Returns:
        Of each stretch the place among the values; -1 where nowhere so many are there.
    """
    nowhere = np.full(len(starts), -1, dtype=np.int64)
    if inside < needed or not counts.sum():
        return nowhere
    # Each stretch with as much behind it that is lower than anything, so that no neighbours are those of another one.
    wide = counts + inside - 1
    begins = np.cumsum(wide) - wide
    stretch, offset = ragged(wide)
    there = offset < counts[stretch]
    padded = np.full(len(stretch) + inside - 1, -np.inf)
    taken = values[(starts[stretch] + offset)[there]]
    padded[np.flatnonzero(there)] = np.where(np.isnan(taken), -np.inf, taken)
    views = np.lib.stride_tricks.sliding_window_view(padded, inside)
    some = np.flatnonzero(counts)
    lowest, most = np.full(len(stretch), -np.inf), np.full(len(starts), -np.inf)
    # What places so far apart hold is a bound: those with fewer values that high hold less.
    few = np.flatnonzero(there & (offset % inside == 0))
    lowest[few] = np.partition(views[few], inside - needed, axis=1)[:, inside - needed]
    most[some] = np.maximum.reduceat(lowest, begins[some])
    high = np.cumsum(np.append(False, padded >= np.append(most[stretch], np.full(inside - 1, np.inf))))
    left = np.flatnonzero(there & (high[inside:] - high[:-inside] >= needed))
    lowest[left] = np.partition(views[left], inside - needed, axis=1)[:, inside - needed]
    most[some] = np.maximum.reduceat(lowest, begins[some])
    best = np.flatnonzero(there & (lowest == most[stretch]) & ~np.isneginf(lowest))
    found, place = np.unique(stretch[best], return_index=True)
    at = best[place]
    within = np.argsort(views[at], axis=1, kind="stable")[:, inside - needed]
    nowhere[found] = starts[found] + offset[at] + within
    return nowhere
