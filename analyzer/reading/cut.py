"""A query cut into the requests that a store takes, and their answers put together again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from traffic.model import Counts, Grid, Hours, Matrix, Query, Rollup, Window, ceil_to
from traffic.store.base import Joined, Limits


@dataclass(frozen=True)
class Tree:
    """A query, and the two that it was cut into."""

    query: Query
    halves: tuple[Tree, ...] = ()

    def leaves(self) -> Iterator[Query]:
        """What is asked for, in the order of the answers."""
        if not self.halves:
            yield self.query
        for half in self.halves:
            yield from half.leaves()


def tree(query: Query, step: int, limits: Limits, filled: float = 1.0) -> Tree:
    """The requests that a query is cut into before any is sent.

    Args:
        query: that is cut.
        step: of the buckets that are asked for.
        limits: what the store takes at once.
        filled: share of these buckets that hold something.
    """
    cut = _cut(query, step, limits, filled)
    return Tree(query, () if cut is None else tuple(tree(half, step, limits, filled) for half in cut))


def halves(query: Query, step: int, keys_too: bool = True) -> tuple[Query, Query] | None:
    """Half of the keys each; of one key, or where that would not help, half of the time; None where neither goes."""
    keys, window = query.keys, query.window
    if keys_too and len(keys) > 1:
        return _by_keys(query, len(keys) // 2)
    return _by_time(query, ceil_to(window.start + window.seconds // 2, step))


def size_of(query: Query, step: int, filled: float = 1.0) -> float:
    """Buckets of an answer, about: a key is one too, and holds those of its times.

    Args:
        query: that is answered.
        step: of the buckets that are asked for.
        filled: share of these that hold something.
    """
    return len(query.keys) * (1 + filled * Grid.over(query.window, step).count)


def joined(parts: Iterable[Query], most: Joined, size: Callable[[Query], float]) -> Iterator[list[Query]]:
    """Queries in a row, in as few requests as a store lets one; of those that are left out, none takes one more."""
    group: list[Query] = []
    held = 0.0
    for part in parts:
        alike = group and (part.metric, part.resolution) == (group[0].metric, group[0].resolution)
        if group and not (alike and len(group) < most.queries and held + size(part) <= most.buckets):
            yield group
            group, held = [], 0.0
        group.append(part)
        held += size(part)
    if group:
        yield group


def join_series(a: Matrix, b: Matrix, query: Query) -> Matrix:
    """The answer to a query from those to its halves."""
    axis = 0 if a.keys != b.keys else 1
    values = np.concatenate([a.values, b.values], axis=axis)
    return Matrix(query.keys, Grid.over(query.window, a.grid.step), values, _join_rows(a.rows, b.rows, axis))


def join_rollups(a: Rollup, b: Rollup, query: Query) -> Rollup:
    """The same of roll-ups."""
    axis = 0 if a.keys != b.keys else 1
    joined = Hours.of(np.concatenate(both, axis=axis) for both in zip(a.hours, b.hours, strict=True))
    return Rollup(query.keys, Grid.over(query.window, a.grid.step), joined, _join_rows(a.rows, b.rows, axis))


def _join_rows(a: Counts | None, b: Counts | None, axis: int) -> Counts | None:
    return None if a is None or b is None else np.concatenate([a, b], axis=axis)


def _cut(query: Query, step: int, limits: Limits, filled: float) -> tuple[Query, Query] | None:
    """In two, each no smaller than what the store takes at once; None where it takes it as it is."""
    keys, window = query.keys, Grid.over(query.window, query.resolution).window
    if limits.keys is not None and len(keys) > limits.keys:
        return _by_keys(query, _middle(len(keys), limits.keys))
    if limits.seconds is not None and window.seconds > limits.seconds:
        return _by_time(query, window.start + _middle(window.seconds, limits.seconds))
    fits = limits.buckets is None or size_of(query, step, filled) <= limits.buckets
    return None if fits else halves(query, step)


def _by_keys(query: Query, middle: int) -> tuple[Query, Query]:
    return replace(query, keys=query.keys[:middle]), replace(query, keys=query.keys[middle:])


def _by_time(query: Query, middle: int) -> tuple[Query, Query] | None:
    window = query.window
    if not window.start < middle < window.end:
        return None
    return replace(query, window=Window(window.start, middle)), replace(query, window=Window(middle, window.end))


def _middle(whole: int, most: int) -> int:
    """Where to cut in two so that as few parts as can be, of `most` each, come out in the end."""
    parts = -(-whole // most)
    return (parts + 1) // 2 * most
