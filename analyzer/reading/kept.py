"""The buckets that the last roll-ups were made of: what is held of a suspect needs no second read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analyzer.kernels.rollup import roll_up
from traffic.model import HOUR, Grid, Matrix, Query, Rollup


@dataclass(frozen=True, eq=False)
class KeptBuckets:
    """The answer to one query, kept until the next."""

    matrix: Matrix

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {key: row for row, key in enumerate(self.matrix.keys)}

    def rollup(self, query: Query) -> Rollup:
        """The hours of the query that it answers, made by our own kernel."""
        matrix, grid, each = self.matrix, Grid.over(query.window, HOUR), HOUR // query.resolution
        rows = None
        if matrix.rows is not None:
            rows = matrix.rows.reshape(len(matrix.keys), grid.count, each).sum(axis=2, dtype=np.uint32)
        return Rollup(query.keys, grid, roll_up(matrix.values, each, query.percent), rows)

    def has(self, query: Query) -> bool:
        """Whether it holds all that is asked for."""
        grid = self.matrix.grid
        return (
            grid.step == query.resolution
            and all(key in self._rows for key in query.keys)
            and query.window.clip(grid.window) == query.window
        )

    def series(self, query: Query) -> Matrix:
        """The answer to a query of which it has all."""
        rows = [self._rows[key] for key in query.keys]
        values = self.matrix.values[rows, self.matrix.grid.slice(query.window)]
        return Matrix(query.keys, Grid.over(query.window, query.resolution), values)
