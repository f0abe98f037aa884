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
from traffic.store.base import FlowSource, Limits, SizedSource, StoreError, check_size
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


class FilesSource(SizedSource, FlowSource):
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
        """Look at the files, guess, and hold the guess against the first rows."""
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
        """Which columns are read, the guessed ones too."""
        return self._columns

    @property
    def left_out(self) -> dict[str, int]:
        """Why rows are not looked at -> how many."""
        return self._rows().left_out

    @override
    def place(self) -> str:
        """Of files their fingerprint says where they lie, whatever path, link or glob leads to them."""
        return STDIN_SHOWN if self._piped else "files"

    def limits(self, resolution: int) -> Limits:  # noqa: ARG002 - the same for all
        """What is held in memory, and nothing else."""
        return Limits()

    @override
    def notes(self) -> list[str]:
        """What a person should know before anything is read: which columns were taken for what."""
        found = [f"{name} is empty: left out" for name in self._empty]
        found += how_read(self._table, self._columns, self._said)
        found += doubts(self._table, self._columns, self._said)
        found += of_several(self._inputs, self._columns)
        found += tried(self._columns, self._said, self._evidence) if self._evidence else []
        return found + self._apart

    @override
    def remarks(self) -> list[str]:
        """What a person should know of the rows; nothing where none were read, for the answers were known already."""
        if (rows := self._staged) is None:
            return []
        lost = rows.left_out.items()
        return [*(f"{n:,} {'row' if n == 1 else 'rows'} left out: {reason}" for reason, n in lost), *self._doubts()]

    def _doubts(self) -> list[str]:
        """What may not be what it seems."""
        rows = self._rows()
        return [*dated(self._columns.time, int(rows.first.min()), int(rows.last.max())), *self._checked]

    def step(self) -> int | None:
        """Seconds between the values of a key; None where rows come as they like. Told from the first rows."""
        row, times, _ = self._head()
        if len(row) >= HEAD and not in_order(row, times):
            # The file is not in order of time, so its first rows say little: take some whole series instead.
            row, times = self._rows().some(HEAD)
        return own_step(row, times)

    def glimpse(self) -> tuple[int, int, Window]:
        """Of the first rows at once: how many they are, how many keys they have, and from when to when they are."""
        row, times, _ = self._head()
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
        """A hash over what is read, what the files are called as series, and place, size and time of change of each.

        Of what was piped in, over its content.
        """
        piped = self._piped is not None
        stamps = [(path if piped else os.path.realpath(path), size, time) for path, size, time in self._stamps]
        text = repr((self._columns, [file.series for file in self._inputs], stamps))
        return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()

    def identity(self) -> str | None:
        """None: the data is a user's own."""
        return None

    def coverage(self, window: Window, reach: Window, only: Sequence[str] | None = None) -> Coverage:  # noqa: ARG002 - all was read
        """All rows of each file, of which those in the window that have a key, a time and a value are used."""
        return coverage_of(self._inputs, self._empty, self._rows(), window, only, self._doubts())

    def dimensions(self, wanted: Sequence[str] | None = None) -> tuple[str, ...]:
        """Columns that are called like ports, protocols, ASs ...; any other where it is asked for."""
        if wanted is not None:
            check_dimensions(self.name, wanted, self._inputs, self._columns)
            return tuple(wanted)
        return default_dimensions(self._inputs, self._columns, self.metric)

    def flows(self, queries: Sequence[FlowQuery]) -> Iterator[FlowAnswer]:
        """From the files, which are read once more for all queries together."""
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
        """Of the first rows: which series, when, what."""
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
        """Hold the guesses against all rows."""
        regular = self._evidence is not None and self._evidence.step is not None
        found = self._copies.remarks(STDIN_SHOWN if self._piped else None)
        return found + check_all(
            self.name, self._database(), self._inputs, self._columns, self._said, rows, regular=regular
        )

    def _try_guess(self) -> None:
        """Hold the guess against the first rows.

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
