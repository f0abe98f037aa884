"""Buckets and hours of an index: asked for, held against each other, and laid on a grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from traffic.errors import UsageFailure
from traffic.model import HOUR, HOUR_FIELDS, Floats, Grid, Hours, Matrix, Query, Rollup, Window
from traffic.store.base import StoreError, check_size
from traffic.store.elastic.answers import Cells, SeveralKeys, cells, hours_of, keys_of, times_of, values_of
from traffic.store.elastic.bodies import BUCKETS, HOURS, Body
from traffic.store.elastic.client import Cluster
from traffic.store.elastic.extent import Extent
from traffic.store.elastic.opening import ReadAs
from traffic.store.elastic.percentiles import Percents, roll_up_percents
from traffic.store.elastic.rates import LEAD, rates


class BucketReader:
    """Asks a cluster for what lies in buckets of time. Safe to use from several threads."""

    def __init__(self, cluster: Cluster, read: ReadAs, extent: Extent) -> None:
        """What an answer tells of the fields is kept in `read`."""
        self.name = cluster.name
        self._cluster = cluster
        self._read = read
        self._fields, self._metric, self._step = read.fields, read.metric, read.step
        self._extent = extent

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
        values = np.full((len(query.keys), grid.count), np.nan)
        rows = np.zeros(values.shape, dtype=np.uint32)
        if query.keys and grid.count:
            if query.metric.empty == "zero" and self._step is None and not self._read.ours:
                self._fill_zeros(values, query, grid)
            answer, found = self._asked(query, grid, BUCKETS, self._buckets(query))
            if self._step is not None and len(found.documents) and found.documents.max() > grid.step // self._step:
                raise self._crowded()
            values[found.rows, found.columns] = self._found(answer, found) * query.metric.factor(grid.step)
            rows[found.rows, found.columns] = found.documents
        return Matrix(query.keys, grid, values, rows)

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
            for name, values in hours_of(answer, found, percents, self.name, factor).items():
                rolled[name][found.rows, found.columns] = values
        return Rollup(query.keys, grid, Hours(**rolled), rows)

    def _rates(self, query: Query, grid: Grid) -> Matrix:
        """How fast counters grow, which begins a while before the first bucket."""
        lead = LEAD // grid.step
        wide = Grid(grid.start - LEAD, grid.step, grid.count + lead)
        answer, found = self._asked(query, wide, BUCKETS, self._buckets(query))
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
            body = partial(self._fields.hours, percents=percents.asked, digest=percents.digest)
            answer, found = self._asked(query, grid, HOURS, body)
            crowded = any(one.get("crowded", {}).get("buckets") for one in keys_of(answer))
            if crowded or (len(found.documents) and found.documents.max() > most):
                raise self._crowded()
            numbers = frozenset(found.documents.tolist())
            if percents.covers(numbers):
                return answer, found, percents
            percents = replace(percents, counts=numbers | (percents.counts or frozenset()))

    def _buckets(self, query: Query) -> Callable[[Sequence[str], Window], Body]:
        return partial(self._fields.buckets, step=query.resolution)

    def _asked(
        self, query: Query, grid: Grid, wanted: str, body: Callable[[Sequence[str], Window], Body]
    ) -> tuple[Mapping[str, Any], Cells]:
        """The answer to a query, and its cells; asked again key by key where documents turn out to have several."""
        while True:
            each = self._fields.each
            answer = self._cluster.search(body(query.keys, grid.window), wanted)
            try:
                return answer, cells(answer, query.keys, grid, self.name, each)
            except SeveralKeys:
                if each:
                    raise
                self._fields.several = True

    def _found(self, answer: Mapping[str, Any], found: Cells) -> Floats:
        """The statistic of each bucket, before its factor."""
        documents = found.documents
        if self._metric.statistic == "count" and self._fields.errors is None:
            return documents.astype(float)
        values = values_of(answer, found, self._metric.statistic, self.name, self._fields.each)
        if self._metric.statistic == "share":
            return np.where(documents < self._metric.least, np.nan, values / documents)
        return values

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
