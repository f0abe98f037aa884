"""A user's own table, read as a store."""

from __future__ import annotations

import time
import weakref
from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from threading import Lock

import numpy as np
from typing_extensions import override

from traffic.coverage import Coverage, uncounted
from traffic.disk import storage
from traffic.model import DAY, Floats, Grid, Ints, Matrix, Query, Window
from traffic.store.base import Columns, Limits, SizedSource, StoreError, check_size
from traffic.store.files.database import Database
from traffic.store.files.guess import complete, series_of
from traffic.store.files.inputs import STDIN, STDIN_SHOWN, find_files, spool
from traffic.store.files.look import Input, listed, look_at, require_columns
from traffic.store.files.rows import batches
from traffic.store.files.sql import NO_TIME, error_condition
from traffic.store.files.staged import Staged
from traffic.store.files.step import in_order, own_step
from traffic.store.log_fields import asks_errors, recognise, understood
from traffic.times import iso

_HEAD = 200_000
"""Rows from which the step is told."""


class FilesSource(SizedSource):
    """One row per time and key, or per time, in files of a user's own.

    Times may lie off any grid, a bucket may hold several rows, keys may have spans of their own. The files are read
    once, at the first question, and answered from a copy in a temporary file.
    """

    settling: int | None = None

    def __init__(self, pattern: str, columns: Columns) -> None:
        """Find the files that `pattern` names and look at how they begin.

        Args:
            pattern: a file, a glob of files, or `-` for what is piped in.
            columns: which of their columns are meant; those that are not said are guessed.

        Raises:
            NoSuchStore: there is none, or it is empty.
            UsageFailure: a column is not there, or it is not clear which is meant.
            DamagedStore: one is no table.
            StorageFailure: one cannot be read.
        """
        self.name = STDIN_SHOWN if pattern == STDIN else pattern
        self._piped = None
        if pattern == STDIN:
            self._piped, digest = spool()
            weakref.finalize(self, self._piped.close)
            self._files, self._stamps = [self._piped.name], [(STDIN, digest, 0)]
        else:
            self._files = find_files(pattern)
            self._stamps = self._stat()
        self._database_opened: Database | None = None
        self._said = columns
        wanted = [name for name in (columns.time, columns.key, columns.value) if name]
        self._inputs = [self._look(path, wanted) for path in self._files]
        first = self._inputs[0]
        known = recognise(first.columns)
        said = understood(columns, known, first.name)
        if asks_errors(columns):
            said = replace(said, errors=error_condition(known))
        self._columns = complete(first.name, first.columns, first.sample, said)
        chosen = {"--time": self._columns.time, "--key": self._columns.key, "--value": self._columns.value}
        for file in self._inputs[1:]:
            require_columns(file.name, file.columns, chosen)
        self.metric = self._columns.metric()
        self._staged: Staged | None = None
        self._staging = Lock()

    @property
    def columns(self) -> Columns:
        """Which columns are read, the guessed ones too."""
        return self._columns

    @property
    def left_out(self) -> dict[str, int]:
        """Why rows are not looked at -> how many."""
        return self._rows().left_out

    def limits(self, resolution: int) -> Limits:  # noqa: ARG002 - the same for all
        """What is held in memory, and nothing else."""
        return Limits()

    @override
    def notes(self) -> list[str]:
        """What a person should know before anything is read: which columns were taken for what."""
        said, used = self._said, self._columns
        found = []
        if said.time is None or (not said.wide and (said.value is None or said.key is None)):
            if used.wide:
                series = series_of(self._inputs[0].columns, self._inputs[0].sample, used.time or "")[0]
                found.append(f"using {used.time}, and {len(series)} columns as series: {listed(series)}")
            else:
                key = used.key or ("the name of the file" if len(self._inputs) == 1 else "the names of the files")
                found.append(f"using {', '.join(filter(None, (used.time, key, used.value)))}")
        if used.wide:
            others = series_of(self._inputs[0].columns, self._inputs[0].sample, used.time or "")[1]
            if others:
                found.append(f"no series, for they hold no numbers: {listed(others)}")
        return found

    @override
    def remarks(self) -> list[str]:
        """What a person should know of the rows; nothing where none were read, for the answers were known already."""
        rows = self._staged
        if rows is None:
            return []
        found = [
            f"{count:,} {'row' if count == 1 else 'rows'} left out: {reason}" for reason, count in rows.left_out.items()
        ]
        last = int(rows.last.max())
        if last > time.time() + DAY:
            found.append(f"the last row is of {iso(last)}, which has not been yet: check {self._columns.time}")
        return found

    def step(self) -> int | None:
        """Seconds between the values of a key; None where rows come as they like. Told from the first rows."""
        if self._columns.preset is not None:
            # Log lines, however regular they may look.
            return None
        row, times = self._head()
        return own_step(row, times)

    def glimpse(self) -> tuple[int, int, Window]:
        """Of the first rows: how many they are, how many keys they have, and from when to when they are.

        What can be said at once of files that take long to read.
        """
        row, times = self._head()
        span = Window(int(times.min()), int(times.max()) + 1) if len(times) else Window(0, 0)
        return len(row), len(np.unique(row)), span

    def extent(self, since: int | None, resolution: int) -> Window:  # noqa: ARG002 - the same for all
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
        check_size(query, grid)
        rows = self._rows()
        values = np.full((len(query.keys), grid.count), np.nan)
        known = [(row, rows.ids[key]) for row, key in enumerate(query.keys) if key in rows.ids]
        if known and grid.count:
            places, ids = np.array(known, dtype=np.int64).T
            found = np.full((len(ids), grid.count), np.nan)
            if query.metric.empty == "zero":
                found[:] = _zeros(rows.first[ids], rows.last[ids], grid)
            # Of lines that are marked as errors with a 1 the sum is their number.
            marked = query.metric.statistic == "count" and self._columns.errors is not None
            rows.buckets("sum" if marked else query.metric.statistic, ids, grid, found)
            if query.metric.least > 1:
                lines = np.zeros(found.shape)
                rows.buckets("count", ids, grid, lines)
                found[lines < query.metric.least] = np.nan
            found *= query.metric.factor(grid.step)
            values[places] = found
        return Matrix(query.keys, grid, values)

    def fingerprint(self, window: Window) -> str:  # noqa: ARG002
        """A hash over what is read, and name, size and time of change of each file when it was opened.

        Of what was piped in, over its content.
        """
        return blake2b(repr((self._columns, self._stamps)).encode(), digest_size=16).hexdigest()

    def identity(self) -> str | None:
        """None: the data is a user's own."""
        return None

    def coverage(self, window: Window, reach: Window) -> Coverage:  # noqa: ARG002 - of none
        """Not counted."""
        return uncounted(self.name)

    def size(self) -> int:
        """Bytes of the files."""
        return sum(Path(path).stat().st_size for path in self._files)

    def close(self) -> None:
        """Remove the copy."""
        if self._staged is not None:
            self._staged.close()
            self._staged = None
        self._close_database()

    def _close_database(self) -> None:
        if self._database_opened is not None:
            self._database_opened.close()
            self._database_opened = None

    def _look(self, path: str, wanted: list[str]) -> Input:
        file = look_at(path, wanted, STDIN_SHOWN if self._piped else None)
        if file.kind == "parquet":
            names, sample = self._database().sample(file)
            file = replace(file, columns=names, sample=sample)
        return file

    def _database(self) -> Database:
        if self._database_opened is None:
            self._database_opened = Database(self.name, self._said)
        return self._database_opened

    def _head(self) -> tuple[Ints, Ints]:
        """Which key and when: of the first rows where these stand in order, else of some keys' rows."""
        codes: list[Ints] = []
        times: list[Ints] = []
        names: dict[str, int] = {}
        for batch in batches(self._database(), self._inputs, self._columns, _HEAD, limit=_HEAD):
            encoded = batch.column(0).dictionary_encode()
            numbers = np.array([names.setdefault(name, len(names)) for name in encoded.dictionary.to_pylist()])
            there = batch.column(1).to_numpy() != NO_TIME
            codes.append(numbers[encoded.indices.to_numpy()][there])
            times.append(batch.column(1).to_numpy()[there])
        row, time_of = (np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64) for parts in (codes, times))
        if len(row) < _HEAD or in_order(row, time_of):
            return row, time_of
        return self._rows().some(_HEAD)

    def _rows(self) -> Staged:
        with self._staging:
            if self._staged is None:
                staged = Staged(self._database(), self.name, self._inputs, self._columns)
                if self._piped is None and self._stat() != self._stamps:
                    staged.close()
                    raise StoreError(f"{self.name} changed while it was read: run again when nothing writes to it")
                self._staged = staged
                # What it holds of memory is needed for answers now.
                self._close_database()
            return self._staged

    def _stat(self) -> list[tuple[str, str, int]]:
        stamps = []
        for path in self._files:
            with storage(path):
                status = Path(path).stat()
            stamps.append((path, str(status.st_size), status.st_mtime_ns))
        return stamps


def _zeros(first: Ints, last: Ints, grid: Grid) -> Floats:
    """Shape (keys, buckets): 0 from the bucket of a key's first row to that of its last, NaN outside."""
    buckets = np.arange(grid.count)
    low = (first - grid.start) // grid.step
    high = (last - grid.start) // grid.step
    return np.where((buckets >= low[:, None]) & (buckets <= high[:, None]), 0.0, np.nan)
