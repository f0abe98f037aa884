"""The cache of a store whose every request counts."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.reading.cache.source import CachedSource
from analyzer.reading.kept import KeptBuckets
from traffic.model import Matrix, Query, Rollup


class CachedBuckets(CachedSource):
    """Keeps all buckets as they were answered, and rolls hours up from them each time.

    So that no bucket is asked for twice, whatever policy looks at it, and a run that is stopped loses the requests that
    were under way and no more. Pieces are (key, day); neighbouring days travel together, as many as the store lets.
    What cannot be kept yet is held as long as the run looks at its keys.
    """

    _kept: KeptBuckets | None = None

    def rollup(self, query: Query) -> Rollup:
        """Hours made by our own kernel."""
        # Those of the last block go before those of this one come.
        self._kept = None
        self._kept = KeptBuckets(self.series(query))
        return self._kept.rollup(query)

    def series_many(self, queries: Sequence[Query]) -> list[Matrix]:
        """From what the last roll-ups were made of, where that holds all of it."""
        held = self._kept
        if held is None or not all(map(held.has, queries)):
            return super().series_many(queries)
        return [held.series(query) for query in queries]

    def unanswered(self, query: Query) -> list[Query]:
        """The buckets of a query that the source would be asked for."""
        return super().unanswered_series([query])

    def unanswered_series(self, queries: Sequence[Query]) -> list[Query]:
        """None, of what the last roll-ups were made of."""
        held = self._kept
        return [] if held is not None and all(map(held.has, queries)) else super().unanswered_series(queries)
