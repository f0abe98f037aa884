"""A user's own table, read as a store."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from threading import Lock

import numpy as np
from typing_extensions import override

from traffic.coverage import Coverage
from traffic.errors import Failure
from traffic.flows import FlowAnswer, FlowQuery
from traffic.model import Floats, Grid, Ints, Matrix, Query, Window
from traffic.store.base import FlowSource, ForkableSource, Limits, SizedSource, StoreError, check_size
from traffic.store.columns import Columns
from traffic.store.files.account import coverage_of
from traffic.store.files.amounts import kind_of_value
from traffic.store.files.buckets import zeros
from traffic.store.files.checks import check_all
from traffic.store.files.copies import Copies
from traffic.store.files.database import Database
from traffic.store.files.evidence import Evidence, evidence_of
from traffic.store.files.flows import check_dimensions, default_dimensions, split
from traffic.store.files.inputs import STDIN, STDIN_SHOWN, find_files, shown, spool, stamps_of
from traffic.store.files.lasting import going_on, lasting
from traffic.store.files.opening import (
    HEAD,
    head_of,
    open_files,
    told_apart,
    values_called,
    with_evidence,
    without_markers,
)
from traffic.store.files.said import dated, doubts, how_read, of_several, tried
from traffic.store.files.staged import Staged
from traffic.store.files.step import in_order, own_step
from traffic.store.files.whole import NotUtf8


class FilesSource(ForkableSource, SizedSource, FlowSource):
    """A user's own files with one row per time and key, or per time.

    Times need not be on a grid, a bucket may contain several rows, and keys may cover different spans. The files are
    read once, when they are first needed, and queries are answered from a copy in a temporary file.
    """

    settling: int | None = None

    def __init__(self, pattern: str, columns: Columns) -> None:
        """Find the files that `pattern` names and look at how they begin.

        Args:
            pattern: a file, a glob of files, or `-` for what is piped in.
            columns: which of their columns to use; those that are not specified are guessed.

        Raises:
            NoSuchStore: there is none, or it is empty.
            UsageFailure: a column is missing, or it is not clear which one to use.
            DamagedStore: one is not a table.
            StorageFailure: one cannot be read.
        """
        self.name = STDIN_SHOWN if pattern == STDIN else shown(pattern)
        self._piped = None
        if pattern == STDIN:
            self._piped, digest = spool()
            weakref.finalize(self, self._piped.close)
            self._files, self._stamps = [self._piped.name], [(STDIN, digest, 0)]
        else:
            self._files = find_files(pattern)
            self._stamps = stamps_of(self._files)
        self._database_opened: Database | None = None
        self._said = columns
        self._copies = Copies()
        try:
            self._open()
        except NotUtf8:
            if not self._copies.make(self._files):
                raise
            self._open()
        self.metric = self._columns.metric()
        self._staged: Staged | None = None
        self._checked: list[str] = []
        self._staging = Lock()

    def _open(self) -> None:
        """Inspect the files, guess their columns, and check the guess on the first rows."""
        piped = STDIN_SHOWN if self._piped else None
        names = ({self._files[0]: piped} if piped else {}) | self._copies.names(piped)
        opened = open_files([*map(self._copies.path, self._files)], self._said, self._database(), names)
        self._inputs, self._table, self._empty = opened.inputs, opened.table, opened.empty
        for document in opened.kept:
            weakref.finalize(self, document.close)
        self._kept = opened.kept
        self._columns = opened.columns
        self._database().reads(opened.columns)
        self._first_rows: tuple[Ints, Ints, Floats] | None = None
        self._evidence: Evidence | None = None
        self._apart: list[str] = []
        self._try_guess()

    @property
    def columns(self) -> Columns:
        """The columns that are read, including guessed ones."""
        return self._columns

    @property
    def left_out(self) -> dict[str, int]:
        """Reason -> number of rows that are left out."""
        return self._rows().left_out

    @override
    def place(self) -> str:
        """The same for all files: the fingerprint contains their location, whatever path, link or glob leads there."""
        return STDIN_SHOWN if self._piped else "files"

    def limits(self, resolution: int) -> Limits:  # noqa: ARG002 - the same for all
        """No limits except what fits into memory."""
        return Limits()

    @override
    def notes(self) -> list[str]:
        """Notes for a person before anything is read: which columns are used for what."""
        found = [f"{name} is empty: left out" for name in self._empty]
        found += how_read(self._table, self._columns, self._said)
        found += doubts(self._table, self._columns, self._said)
        found += of_several(self._inputs, self._columns)
        found += tried(self._columns, self._said, self._evidence) if self._evidence else []
        found += going_on(self._table, self._columns, self._said)
        found += lasting(self._table, self._columns, self._evidence.step if self._evidence else None)
        return found + self._apart

    @override
    def remarks(self) -> list[str]:
        """Notes for a person about the rows; none if no rows were read because all answers were cached."""
        if (rows := self._staged) is None:
            return []
        lost = rows.left_out.items()
        return [*(f"{n:,} {'row' if n == 1 else 'rows'} left out: {reason}" for reason, n in lost), *self._doubts()]

    def _doubts(self) -> list[str]:
        """Notes on what may not be what it seems."""
        rows = self._rows()
        return [*dated(self._columns.time, int(rows.first.min()), int(rows.last.max())), *self._checked]

    def step(self) -> int | None:
        """Seconds between the values of a key, from the first rows; None if they are irregular."""
        row, times, _ = self._head()
        if len(row) >= HEAD and not in_order(row, times):
            # The file is not in order of time, so its first rows say little: take some whole series instead.
            row, times, _ = self._rows().some(HEAD)
        return own_step(row, times)

    def glimpse(self) -> tuple[int, int, Window]:
        """For the first rows, without reading the rest: their number, the number of their keys, and their time span."""
        row, times, _ = self._head()
        span = Window(int(times.min()), int(times.max()) + 1) if len(times) else Window(0, 0)
        return len(row), len(np.unique(row)), span

    def extent(self, since: int | None, resolution: int) -> Window:  # noqa: ARG002 - the same for all
        """From the first row to a second after the last: rows do not say how long a value is valid."""
        rows = self._rows()
        return Window(int(rows.first.min()), int(rows.last.max()) + 1)

    def keys(self, window: Window) -> Mapping[str, Window]:
        """Every key with its span from first to last row, if that overlaps `window`, in order of name."""
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
            raise StoreError(f"{self.name} was opened for {self.metric.field}, not for {query.metric.field}")
        check_size(query, grid)
        rows = self._rows()
        values = np.full((len(query.keys), grid.count), np.nan)
        known = [(row, rows.ids[key]) for row, key in enumerate(query.keys) if key in rows.ids]
        if known and grid.count:
            places, ids = np.array(known, dtype=np.int64).T
            found = np.full((len(ids), grid.count), np.nan)
            if query.metric.empty == "zero":
                found[:] = zeros(rows.first[ids], rows.last[ids], grid)
            # If a 1 marks an error, the sum of the marks is the number of errors.
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
        """A hash of the columns, the names of files as series, and location, size and modification time of each file.

        For standard input, of its content.
        """
        piped = self._piped is not None
        stamps = [(path if piped else os.path.realpath(path), size, time) for path, size, time in self._stamps]
        text = repr((self._columns, [file.series for file in self._inputs], stamps))
        return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()

    def identity(self) -> str | None:
        """None: the data are a user's own."""
        return None

    def coverage(self, window: Window, reach: Window, only: Sequence[str] | None = None) -> Coverage:  # noqa: ARG002 - all was read
        """All rows of each file; used are those in the window that have a key, a time and a value."""
        return coverage_of(self._inputs, self._empty, self._rows(), window, only, self._doubts())

    def dimensions(self, wanted: Sequence[str] | None = None) -> tuple[str, ...]:
        """Columns named like ports, protocols, ASs and the like; any other column if it is asked for."""
        if wanted is not None:
            check_dimensions(self.name, wanted, self._inputs, self._columns)
            return tuple(wanted)
        return default_dimensions(self._inputs, self._columns, self.metric)

    def flows(self, queries: Sequence[FlowQuery]) -> Iterator[FlowAnswer]:
        """Answers from the files, which are read once more for all queries together."""
        if not queries:
            return
        if self._piped is None and stamps_of(self._files) != self._stamps:
            raise StoreError(f"{self.name} changed while it was read: run again when nothing is writing to it")
        # Which values stand for a missing one can only be told from all rows.
        out = tuple(one.value for one in self._rows().markers if one.sure)
        columns = replace(self._columns, missing=out) if out else self._columns
        database = self._database()
        database.reads(columns)
        try:
            yield from split(database, self._inputs, columns, self.metric, queries)
        finally:
            self._close_database()

    def forkable(self) -> bool:
        """Once the rows are copied: from then on they are read from places in a file that are named each time."""
        return self._staged is not None

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

    def _database(self) -> Database:
        if self._database_opened is None:
            self._database_opened = Database(self.name, self._said)
        return self._database_opened

    def _head(self) -> tuple[Ints, Ints, Floats]:
        """The first rows: index of the series, epoch seconds, value, shape (n,) each."""
        if self._first_rows is None:
            self._first_rows = head_of(self._database(), self._inputs, self._columns)
        return self._first_rows

    def _rows(self) -> Staged:
        with self._staging:
            if self._staged is None:
                staged = self._stage()
                try:
                    if self._piped is None and stamps_of(self._files) != self._stamps:
                        raise StoreError(
                            f"{self.name} changed while it was read: run again when nothing is writing to it"
                        )
                    self._checked = self._check(staged)
                except BaseException:
                    staged.close()
                    raise
                self._staged = staged
                # Its memory is needed for the answers now.
                self._close_database()
            return self._staged

    def _stage(self) -> Staged:
        try:
            return Staged(self._database(), self.name, self._inputs, self._columns)
        except NotUtf8:
            # The bytes that are not UTF-8 lie beyond the part that was inspected.
            if not self._copies.make(self._files):
                raise
            self._inputs = self._copies.of(self._inputs)
            return Staged(self._database(), self.name, self._inputs, self._columns)

    def _check(self, rows: Staged) -> list[str]:
        """Check the guesses on all rows."""
        regular = self._evidence is not None and self._evidence.step is not None
        found = self._copies.remarks(STDIN_SHOWN if self._piped else None)
        return found + check_all(
            self.name, self._database(), self._inputs, self._columns, self._said, rows, regular=regular
        )

    def _try_guess(self) -> None:
        """Check the guess on the first rows.

        Raises:
            UsageFailure: rows of one series differ in a column that makes a series of each of its values.
        """
        used, said = self._columns, self._said
        if used.how in ("count", "share") or (said.statistic and used.counter is None):
            return
        names = values_called(self._inputs, self._table, used)
        try:
            if said.missing is None:
                row, times, values = self._head()
                self._first_rows = row, times, without_markers(values)
            self._evidence = evidence_of(*self._head(), all(kind_of_value(name).counter for name in names))
        except NotUtf8:
            raise
        except Failure:
            # What cannot be read is reported with its row when all rows are read.
            return
        self._columns = used = with_evidence(used, said, self._evidence, names)
        if not used.wide and not used.counter and said.statistic is None:
            self._apart = told_apart(self._database(), self._inputs, self._table, used, self._said)
