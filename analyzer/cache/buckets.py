"""The cache of a store whose every request counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analyzer.cache.source import CachedSource
from analyzer.kernels.rollup import roll_up
from traffic.model import HOUR, Grid, Matrix, Query, Rollup


class CachedBuckets(CachedSource):
    """Keeps all buckets as they were answered, and rolls hours up from them each time.

    So that no bucket is asked for twice, whatever policy looks at it, and a run that is stopped loses the requests that
    were under way and no more. Pieces are (key, day); neighbouring days travel together, as many as the store lets.
    What cannot be kept yet is held as long as the run looks at its keys.
    """

    _held: Matrix | None = None

    def rollup(self, query: Query) -> Rollup:
        """Hours made by our own kernel."""
        self._held = matrix = self.series(query)
        return Rollup(query.keys, Grid.over(query.window, HOUR), *roll_up(matrix.values, HOUR // query.resolution))

    def gather(self, queries: Sequence[Query]) -> list[Matrix]:
        """From what the last roll-ups were made of, where that holds all of it."""
        answers = [self._from_held(query) for query in queries]
        if any(answer is None for answer in answers):
            return super().gather(queries)
        return [answer for answer in answers if answer is not None]

    def unanswered(self, query: Query) -> list[Query]:
        """The buckets of a query that the source would be asked for."""
        grid = Grid.over(query.window, query.resolution)
        return [gap.asked for gap in self._gaps(query, grid, np.empty((len(query.keys), grid.count)))]

    def _from_held(self, query: Query) -> Matrix | None:
        held = self._held
        if held is None or held.grid.step != query.resolution or not set(query.keys) <= set(held.keys):
            return None
        if query.window.clip(held.grid.window) != query.window:
            return None
        rows = [held.keys.index(key) for key in query.keys]
        values = held.values[rows, held.grid.slice(query.window)]
        return Matrix(query.keys, Grid.over(query.window, query.resolution), values)
