"""How live engines turn matches into alerts: number of matches in a window, quiet time, silence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from traffic.model import Bools, Floats, Ints


@dataclass(frozen=True, eq=False)
class Activated:
    """Alerts, as positions among the matches: arrays of shape (alerts,), in order of key, then time."""

    first: Ints
    """The first of the matches that activated it."""
    met: Ints
    """The match that did."""
    last: Ints
    """The last one before it was reset."""


def fired(key: Ints, time: Ints, step: int, needed: int, within: int, quiet: int) -> Activated:
    """An alert is activated by `needed` matches that start less than `within` apart, and reset by `quiet` seconds.

    Quiet time runs from the end of a match to the start of the next one. It also resets the count.

    Args:
        key: shape (matches,).
        time: start of each match, ascending for a key.
        step: seconds of a match.
    """
    none = np.zeros(0, dtype=np.int64)
    total = len(time)
    if total < needed:
        return Activated(none, none, none)
    linked = (key[1:] == key[:-1]) & (time[1:] - time[:-1] - step < max(1, quiet))
    chain = np.concatenate([[0], np.cumsum(~linked)])
    first = np.arange(total - needed + 1)
    met = first + needed - 1
    meets = (chain[first] == chain[met]) & (time[met] - time[first] < within)
    first, met = first[meets], met[meets]
    chains, soonest = np.unique(chain[first], return_index=True)
    ends = np.append(np.flatnonzero(~linked), total - 1)
    return Activated(first[soonest], met[soonest], ends[chains])


def thinned(key: Ints, time: Ints, silence: int) -> Bools:
    """Which matches are notified, if each notification silences its key for `silence` seconds: shape (matches,).

    Args:
        time: ascending for a key.
    """
    told = np.zeros(len(time), dtype=bool)
    borders = np.flatnonzero(np.diff(key)) + 1
    for part in np.split(np.arange(len(time)), borders):
        times, place = time[part], 0
        while place < len(part):
            told[part[place]] = True
            place = max(place + 1, int(np.searchsorted(times, times[place] + silence)))
    return told


def joined(key: Ints, start: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Which stretches of a key overlap: the order by key and start, and the group of each in that order."""
    order = np.lexsort((start, key))
    key, start, end = key[order], start[order], end[order]
    if not len(key):
        return order, np.zeros(0, dtype=np.int64)
    # The latest end so far of the same key: keys are set apart by more than any time.
    apart = np.concatenate([[0], np.cumsum(np.diff(key) != 0)]) * (1 << 40)
    latest = np.maximum.accumulate(end + apart)
    opens = np.concatenate([[True], (start + apart)[1:] >= latest[:-1]])
    return order, np.cumsum(opens) - 1


def looked_at(values: Floats, count: int) -> Bools:
    """The `count` largest values of each column, shape (keys, buckets); of equal ones the first, missing ones never."""
    there = ~np.isnan(values)
    if count >= len(values):
        return there
    ranked = np.argsort(-np.where(there, values, -np.inf), axis=0, kind="stable")[:count]
    chosen = np.zeros(values.shape, dtype=bool)
    np.put_along_axis(chosen, ranked, True, axis=0)
    return chosen & there
