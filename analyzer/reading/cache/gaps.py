"""What a cached source is wrapped around, and the parts of an answer that no file holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from traffic.model import Floats, Grid, Matrix, Query, Rollup, Window
from traffic.store.base import Source


class Reader(Protocol):
    """What a `CachedSource` is wrapped around."""

    store: Source
    """The store that is read."""

    def series(self, query: Query) -> Matrix:
        """As `Source`."""
        ...

    def rollup(self, query: Query) -> Rollup:
        """As `RollupSource`."""
        ...

    def series_many(self, queries: Sequence[Query]) -> Iterator[list[Matrix]]:
        """A `series` for each query, in that order, as they arrive: a list contains those that arrived together."""
        ...

    def holds(self, query: Query) -> bool:
        """Whether `series` can answer without asking the store."""
        ...


@dataclass(frozen=True, eq=False)
class Gap:
    """A part of an answer that has to be requested, and where it goes: some keys of a day, or of consecutive days."""

    asked: Query
    days: list[tuple[Window, list[str]]]
    """Each day, and the names of its pieces, one for each key."""
    result: Floats
    grid: Grid
    rows: list[int]

    def and_then(self, later: Gap, reach: int) -> Gap | None:
        """Both as one, if they adjoin, have the same keys and are not longer than `reach` seconds; otherwise None."""
        whole = self.asked.window.hull(later.asked.window)
        meets = self.asked.window.end == later.asked.window.start and whole.seconds <= reach
        if self.result is not later.result or self.rows != later.rows or not meets:
            return None
        return replace(self, asked=replace(self.asked, window=whole), days=self.days + later.days)
