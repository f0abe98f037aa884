"""Buckets and hours of an index: asked for, held against each other, and laid on a grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial, reduce
from typing import Any

import numpy as np

from traffic.errors import UsageFailure
from traffic.model import HOUR, HOUR_FIELDS, Counts, Floats, Grid, Hours, Matrix, Query, Rollup, Window
from traffic.store.base import Joined, StoreError, check_size
from traffic.store.elastic.answers import Cells, SeveralKeys, cells, is_crossed, is_full, keys_of, understood
from traffic.store.elastic.bodies import BUCKETS, HOURS, Body
from traffic.store.elastic.client import Cluster
from traffic.store.elastic.extent import Extent
from traffic.store.elastic.figures import hours_of, times_of, values_of
from traffic.store.elastic.opening import ReadAs
from traffic.store.elastic.parsing import uncollected
from traffic.store.elastic.percentiles import Percents, roll_up_percents
from traffic.store.elastic.rates import LEAD, rates

AT_BEST = 16_384
"""Buckets of an answer: enough that its way does not count, few enough to be read while the cluster makes others."""
_JOINED = 64
"""Queries that are one request: each is two clauses of it, and no cluster refuses some hundreds."""


class BucketReader:
    """Asks a cluster for what lies in buckets of time. Safe to use from several threads."""

    def __init__(self, cluster: Cluster, read: ReadAs, extent: Extent, max_buckets: int) -> None:
        """What an answer tells of the fields is kept in `read`.

        Args:
            cluster: that has the index.
            read: how it is understood.
            extent: when its keys have something.
            max_buckets: that an answer may have.
        """
        self.name = cluster.name
        self._cluster = cluster
        self._read = read
        self._fields, self._metric, self._step = read.fields, read.metric, read.step
        self._extent = extent
        self._best = min(AT_BEST, max_buckets)

    def rolls_up(self, resolution: int) -> bool:
        """Whether the cluster can make roll-ups of such buckets: where each is one document, as it is."""
        if self._fields.counter:
            return False
        return self._step == resolution and self._metric.statistic not in ("count", "share") and self._metric.scale > 0

    def series(self, query: Query) -> Matrix:
        """The buckets of `query.keys`: the statistic over their documents, times the metric's factor."""
        grid = Grid.over(query.window, query.resolution)
        self._check(query, grid)
        if self._fields.counter and query.keys and grid.count:
            return self._rates(query, grid)
        values, rows = self._blank(query, grid)
        if query.keys and grid.count:
            answer, found = self._asked(query.keys, grid, BUCKETS, self._buckets(query, grid))
            values[found.rows, found.columns] = self._values(answer, found, query)
            rows[found.rows, found.columns] = found.documents
        return Matrix(query.keys, grid, values, rows)

    def joins(self) -> Joined:
        """Where documents have several keys, or a value needs the one before it, each query is a request of its own."""
        apart = self._fields.each or self._fields.counter
        return Joined(1 if apart else _JOINED, self._best)

    def series_joined(self, queries: Sequence[Query]) -> list[Matrix]:
        """A `series` for each, by one request; by one for each where documents turn out to have several keys."""
        grids = [Grid.over(query.window, query.resolution) for query in queries]
        for query, grid in zip(queries, grids, strict=True):
            self._check(query, grid)
        keys = tuple(dict.fromkeys(key for query in queries for key in query.keys))
        whole = Grid.over(reduce(Window.hull, (grid.window for grid in grids)), queries[0].resolution)
        parts = [(query.keys, grid.window) for query, grid in zip(queries, grids, strict=True)]
        try:
            body = partial(self._fields.joined, parts, whole.step)
            answer, found = self._asked(keys, whole, BUCKETS, body, alone=False)
        except SeveralKeys:
            return [self.series(query) for query in queries]
        values = self._values(answer, found, queries[0])
        left = np.ones(len(values), dtype=bool)
        places = {key: place for place, key in enumerate(keys)}
        answers = []
        for query, grid in zip(queries, grids, strict=True):
            row_of = np.full(len(keys), -1)
            row_of[[places[key] for key in query.keys]] = np.arange(len(query.keys))
            rows, columns = row_of[found.rows], found.columns - whole.index(grid.start)
            here = (rows >= 0) & (columns >= 0) & (columns < grid.count)
            at, left = (rows[here], columns[here]), left & ~here
            matrix, documents = self._blank(query, grid)
            matrix[at], documents[at] = values[here], found.documents[here]
            answers.append(Matrix(query.keys, grid, matrix, documents))
        with understood(self.name):
            if left.any():
                raise ValueError("times of a key that were not asked for")
        return answers

    def rollup(self, query: Query) -> Rollup:
        """Hours of documents, rolled up by the cluster; percentiles of so few values are exact."""
        if not self.rolls_up(query.resolution):
            raise StoreError(f"{self.name} cannot make roll-ups of buckets of {query.resolution} s")
        grid = Grid.over(query.window, HOUR)
        self._check(query, grid)
        shape = (len(query.keys), grid.count)
        rolled = {name: np.full(shape, np.nan) for name in HOUR_FIELDS} | {"count": np.zeros(shape)}
        rows = np.zeros(shape, dtype=np.uint32)
        if query.keys and grid.count:
            answer, found, percents = self._hours(query, grid)
            rolled["count"][found.rows, found.columns] = rows[found.rows, found.columns] = found.documents
            factor = query.metric.factor(query.resolution)
            with uncollected():
                hours = hours_of(answer, found, percents, self.name, factor)
            for name, values in hours.items():
                rolled[name][found.rows, found.columns] = values
        return Rollup(query.keys, grid, Hours(**rolled), rows)

    def _rates(self, query: Query, grid: Grid) -> Matrix:
        """How fast counters grow, which begins a while before the first bucket."""
        lead = LEAD // grid.step
        wide = Grid(grid.start - LEAD, grid.step, grid.count + lead)
        answer, found = self._asked(query.keys, wide, BUCKETS, self._buckets(query, wide))
        totals, times = np.full((2, len(query.keys), wide.count), np.nan)
        rows = np.zeros(totals.shape, dtype=np.uint32)
        totals[found.rows, found.columns] = values_of(answer, found, "max", self.name, self._fields.each)
        times[found.rows, found.columns] = times_of(found, wide, self.name)
        rows[found.rows, found.columns] = found.documents
        values = rates(totals, times) * query.metric.factor(grid.step)
        return Matrix(query.keys, grid, values[:, lead:], rows[:, lead:].copy())

    def _hours(self, query: Query, grid: Grid) -> tuple[Mapping[str, Any], Cells, Percents]:
        """The answer to a query of hours, its cells, and which percentiles it holds."""
        most = HOUR // query.resolution
        wanted = roll_up_percents(query.resolution, query.percent)
        # Most hours are full; what the others need is known when it is seen how many values they have.
        counts = None if self._cluster.product.linear else frozenset({most})
        percents = Percents(wanted, counts, whole=self._read.ours)
        while True:
            body = partial(self._fields.hours, query.keys, grid.window, percents.asked, percents.digest)
            answer, found = self._asked(query.keys, grid, HOURS, body)
            crowded = any(one.get("crowded", {}).get("buckets") for one in keys_of(answer))
            if crowded or (len(found.documents) and found.documents.max() > most):
                raise self._crowded()
            numbers = frozenset(found.documents.tolist())
            if percents.covers(numbers):
                return answer, found, percents
            percents = replace(percents, counts=numbers | (percents.counts or frozenset()))

    def _buckets(self, query: Query, grid: Grid) -> Callable[[], Body]:
        return partial(self._fields.buckets, query.keys, grid.window, query.resolution)

    def _asked(
        self, keys: Sequence[str], grid: Grid, wanted: str, body: Callable[[], Body], *, alone: bool = True
    ) -> tuple[Mapping[str, Any], Cells]:
        """The answer to a request, and its cells; asked again where documents turn out to be others than one thought.

        Args:
            keys: that are asked for.
            grid: of their buckets.
            wanted: paths in the answer.
            body: the request, of documents as they are known to be.
            alone: whether it can be put key by key.

        Raises:
            SeveralKeys: documents have several, and it cannot.
        """
        while True:
            each, full = self._fields.each, self._fields.full
            if each and not alone:
                raise SeveralKeys(f"{self.name} has documents of several keys")
            answer = self._cluster.search(body(), wanted)
            try:
                with uncollected():
                    found = cells(answer, keys, grid, self.name, each)
            except SeveralKeys:
                if each:
                    raise
                self._fields.several = True
                continue
            if each and is_crossed(answer, found, self.name):
                key, value = self._fields.key, self._fields.value
                raise UsageFailure(
                    f"{self.name} has documents with several {key} and several {value}, as lists of objects become: "
                    "which value belongs to which is not kept: index each object as a document of its own"
                )
            if not full or is_full(answer, found, self.name):
                return answer, found
            self._fields.full = False

    def _blank(self, query: Query, grid: Grid) -> tuple[Floats, Counts]:
        """What the buckets of a query are where no document is."""
        values = np.full((len(query.keys), grid.count), np.nan)
        if query.metric.empty == "zero" and self._step is None and not self._read.ours and values.size:
            self._fill_zeros(values, query, grid)
        return values, np.zeros(values.shape, dtype=np.uint32)

    def _values(self, answer: Mapping[str, Any], found: Cells, query: Query) -> Floats:
        """The statistic of each bucket, times its factor."""
        documents, statistic = found.documents, self._metric.statistic
        if self._step is not None and documents.max(initial=0) > query.resolution // self._step:
            raise self._crowded()
        if statistic == "count" and self._fields.errors is None:
            return documents.astype(float) * query.metric.factor(query.resolution)
        with uncollected():
            values = values_of(answer, found, statistic, self.name, self._fields.each)
        if statistic == "share":
            values = np.where(documents < self._metric.least, np.nan, values / documents)
        return values * query.metric.factor(query.resolution)

    def _check(self, query: Query, grid: Grid) -> None:
        if (query.metric.field, query.metric.statistic) != (self._metric.field, self._metric.statistic):
            raise StoreError(
                f"{self.name} is read for {self._metric.statistic} of {self._metric.field}, "
                f"not for {query.metric.statistic} of {query.metric.field}"
            )
        if self._step is not None and query.resolution % self._step:
            raise UsageFailure(
                f"{self.name} holds a value every {self._step} s, which does not allow a resolution of "
                f"{query.resolution} s; use a multiple that divides an hour"
            )
        check_size(query, grid)

    def _crowded(self) -> StoreError:
        return StoreError(
            f"{self.name} holds several documents of a series in {self._step} s: leave out --document-step, so that "
            "they are added up first"
        )

    def _fill_zeros(self, values: Floats, query: Query, grid: Grid) -> None:
        spans = self._extent.spans()
        buckets = np.arange(grid.count)
        for row, key in enumerate(query.keys):
            if span := spans.get(key):
                values[row, (buckets >= grid.index(span.start)) & (buckets <= grid.index(span.end - 1))] = 0.0
