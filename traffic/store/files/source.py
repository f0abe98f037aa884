"""A user's own table, read as a store."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from threading import Lock

import numpy as np

from traffic.disk import storage
from traffic.model import Floats, Grid, Ints, Matrix, Query, Statistic, Window
from traffic.store.base import Columns, StoreError, TooLarge
from traffic.store.files.inputs import find_files, look_at, require_columns
from traffic.store.files.staged import Staged

_EXPRESSIONS: dict[Statistic, str] = {
    "avg": "avg(v)",
    "sum": "sum(v)",
    "count": "CAST(count(v) AS DOUBLE)",
    "max": "max(v)",
}


class FilesSource:
    """One row per time and key in files of a user's own (`traffic.store.base.Source`).

    Times may lie off any grid, a bucket may hold several rows, keys may have spans of their own. The files are read
    once, at the first question, and answered from a sorted copy in a temporary folder.
    """

    max_points = 50_000_000
    settling: int | None = None

    def __init__(self, pattern: str, columns: Columns) -> None:
        """Find the files that `pattern` names and look at how they begin.

        Raises:
            NoSuchStore: there is none, or it is empty.
            UsageFailure: a column is not there.
            DamagedStore: one is neither a CSV nor a Parquet file.
            StorageFailure: one cannot be read.
        """
        self.name = pattern
        self._columns = columns
        self.metric = columns.metric()
        wanted = {"--time": columns.time, "--key": columns.key, "--value": columns.value}
        self._files = find_files(pattern)
        self._stamps = self._stat()
        self._inputs = [look_at(path, [name for name in wanted.values() if name]) for path in self._files]
        for file in self._inputs:
            if file.kind == "csv":
                require_columns(file.path, file.columns, wanted)
        self._staged: Staged | None = None
        self._staging = Lock()

    @property
    def left_out(self) -> dict[str, int]:
        """Why rows are not looked at -> how many."""
        return self._rows().left_out

    def extent(self) -> Window:
        """From the first to a second after the last row: how long a value holds is not written in it."""
        rows = self._rows()
        return Window(int(rows.first.min()), int(rows.last.max()) + 1)

    def keys(self, window: Window) -> Mapping[str, Window]:
        """Every key whose first to last row reaches into `window`, in order of name, and that span."""
        rows = self._rows()
        spans = {
            key: Window(first, last + 1)
            for key, first, last in zip(rows.ids, rows.first.tolist(), rows.last.tolist(), strict=True)
        }
        return {key: spans[key] for key in sorted(spans) if spans[key].overlap(window)}

    def series(self, query: Query) -> Matrix:
        """The buckets of `query.keys`: the statistic over their rows, times the metric's factor."""
        grid = Grid.over(query.window, query.resolution)
        if query.metric.field != self.metric.field:
            raise StoreError(f"{self.name} is read for {self.metric.field}, not for {query.metric.field}")
        if len(query.keys) * grid.count > self.max_points:
            raise TooLarge(f"{len(query.keys)} keys x {grid.count} buckets are more than {self.max_points} at once")
        rows = self._rows()
        values = np.full((len(query.keys), grid.count), np.nan)
        known = sorted((rows.ids[key], row) for row, key in enumerate(query.keys) if key in rows.ids)
        if known and grid.count:
            ids = np.array([number for number, _ in known], dtype=np.int64)
            places = np.array([row for _, row in known], dtype=np.int64)
            if query.metric.empty == "zero":
                values[places] = _zeros(rows.first[ids], rows.last[ids], grid)
            expression = _EXPRESSIONS[query.metric.statistic]
            ids_found, buckets, found = rows.buckets(expression, ids, (grid.start, grid.window.end, grid.step))
            values[places[np.searchsorted(ids, ids_found)], buckets] = found * query.metric.factor(grid.step)
        return Matrix(query.keys, grid, values)

    def fingerprint(self, window: Window) -> str:  # noqa: ARG002
        """A hash over what is read, and name, size and time of change of each file when it was opened."""
        return blake2b(repr((self._columns, self._stamps)).encode(), digest_size=16).hexdigest()

    def identity(self) -> str | None:
        """None: the data is a user's own."""
        return None

    def close(self) -> None:
        """Remove the sorted copy."""
        if self._staged is not None:
            self._staged.close()
            self._staged = None

    def _rows(self) -> Staged:
        with self._staging:
            if self._staged is None:
                staged = Staged(self._inputs, self._columns)
                if self._stat() != self._stamps:
                    staged.close()
                    raise StoreError(f"{self.name} changed while it was read: run again when nothing writes to it")
                self._staged = staged
            return self._staged

    def _stat(self) -> list[tuple[str, int, int]]:
        stamps = []
        for path in self._files:
            with storage(path):
                status = Path(path).stat()
            stamps.append((path, status.st_size, status.st_mtime_ns))
        return stamps


def _zeros(first: Ints, last: Ints, grid: Grid) -> Floats:
    """Shape (keys, buckets): 0 from the bucket of a key's first row to that of its last, NaN outside."""
    buckets = np.arange(grid.count)
    low = (first - grid.start) // grid.step
    high = (last - grid.start) // grid.step
    return np.where((buckets >= low[:, None]) & (buckets <= high[:, None]), 0.0, np.nan)
