"""A user's rows, read once: parsed by DuckDB, numbered, and stored in parts of a temporary file.

Text is parsed only once, however many queries there are. Nothing is sorted or joined: rows go to the part of their key
(by its hash, so that a block of keys reads one part or a few), with an index of which pieces of a part a query can
skip. The value of a bucket with several rows does not depend on their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traffic.errors import Failure, UsageFailure
from traffic.model import Floats, Grid, Ints, Statistic, Window, block_of
from traffic.store.base import NoSuchStore
from traffic.store.columns import Columns
from traffic.store.files.amounts import kind_of_value
from traffic.store.files.buckets import fill, fill_alone
from traffic.store.files.database import Database
from traffic.store.files.evidence import Instants
from traffic.store.files.look import Input
from traffic.store.files.markers import Marker, Markers
from traffic.store.files.parts import PART_BITS, Parts
from traffic.store.files.rows import batches, odd_lines
from traffic.store.files.sql import NO_TIME

_BATCH = 500_000
"""Rows per batch."""
_AT_ONCE = 2_000_000
"""Rows that a query processes together, which bounds its memory: about 100 bytes each."""
_YEARS = (-62_135_596_800, 253_402_300_800)
"""Seconds of the years 1 to 9999."""

_RESET = "at a counter reset"
REASONS = ("without a key", "without a time", "without a finite value", _RESET)
"""Reasons why rows are left out."""

_Numbers = NDArray[np.uint32]


class Staged:
    """The usable rows of some files, in a temporary file that lives as long as this object."""

    ids: dict[str, int]
    """Key -> its number."""
    first: Ints
    """Time of the first row of each key, epoch seconds, by its number."""
    last: Ints
    """Time of its last row."""
    lost: dict[str, Ints]
    """Reason -> rows of each file that are left out."""
    used: Ints
    """Rows of each file that are used."""
    read: Ints
    """Rows of each file that were read."""
    begin: Ints
    """Time of the first used row of each file."""
    end: Ints
    """Time of the last one."""
    instants: Instants
    """How many rows series have at the same time."""
    begun: Ints
    """For counters: first rows of each file, from which the increase of the next is computed."""
    markers: list[Marker]
    """Values that stand for missing ones, or may do so."""
    odd_lines: Ints
    """Lines of each file that are not rows, in formats that have such lines."""

    def __init__(self, database: Database, name: str, inputs: Sequence[Input], columns: Columns) -> None:
        """Read all `inputs`.

        Raises:
            NoSuchStore: there is no usable row.
            UsageFailure: a column is missing, or its content is not valid.
            DamagedStore: a file cannot be read.
            StorageFailure: the temporary folder is full.
        """
        self._parts = Parts()
        self._files = len(inputs)
        self._counter = bool(columns.counter)
        self.markers = []
        try:
            self._read_in(database, inputs, columns)
            if columns.missing is None and not columns.counter:
                octets = columns.bits or kind_of_value(columns.value or "").octets
                self.markers = self._looked_at.found(octets)
                if out := tuple(one.value for one in self.markers if one.sure):
                    self._read_in(database, inputs, replace(columns, missing=out))
            self.odd_lines = odd_lines(database, inputs)
        except BaseException:
            self.close()
            raise
        if not self.rows:
            self.close()
            why = ", ".join(f"{count:,} {reason}" for reason, count in self.left_out.items())
            raise NoSuchStore(f"{name} has {f'no usable row ({why})' if self.seen else 'a header but no rows'}")
        if int(self.first.min()) < _YEARS[0] or int(self.last.max()) >= _YEARS[1]:
            self.close()
            raise UsageFailure(
                f"{name}: the times in {columns.time} reach from {int(self.first.min())} to {int(self.last.max())} "
                "seconds since 1970, outside any calendar year: use another column with --time"
            )

    def _read_in(self, database: Database, inputs: Sequence[Input], columns: Columns) -> None:
        try:
            self._read_all(batches(database, inputs, columns, _BATCH, typed=True))
        except Failure:
            # Not every cell has the guessed type: read all again as text, which copes with it or says where it cannot.
            database.rejected()
            self._read_all(batches(database, inputs, columns, _BATCH))

    @property
    def rows(self) -> int:
        """Number of rows that are used."""
        return int(self.used.sum())

    @property
    def seen(self) -> int:
        """Number of rows that were read."""
        return int(self.read.sum())

    @property
    def left_out(self) -> dict[str, int]:
        """Reason -> number of rows that are left out."""
        return {reason: int(rows.sum()) for reason, rows in self.lost.items() if rows.any()}

    @property
    def resets(self) -> int:
        """Number of rows in which a counter fell."""
        return int(self.lost[_RESET].sum())

    def buckets(self, statistic: Statistic, ids: Ints, grid: Grid, values: Floats) -> None:
        """Fill the buckets that have a row.

        Args:
            statistic: how several rows of a bucket are combined.
            ids: numbers of the keys, one per row of `values`.
            grid: of the buckets.
            values: is filled in, shape (keys, buckets); buckets without a row are not changed.
        """
        place = np.full(len(self.ids), -1, dtype=np.int64)
        place[ids] = np.arange(len(ids))
        low_id, high_id = int(ids.min()), int(ids.max())
        segments = [
            one
            for part in np.unique(self._part_of[ids]).tolist()
            for one in self._parts.of(part)
            if one.meets(grid.window) and one.keys[0] <= high_id and one.keys[1] >= low_id
        ]
        pieces = -(-sum(one.rows for one in segments) // _AT_ONCE)
        width = -(-grid.count // max(1, pieces))
        for low in range(0, grid.count, width) if segments else ():
            part = Grid(grid.start + low * grid.step, grid.step, min(width, grid.count - low))
            found = [rows for one in segments if (rows := self._parts.read(one, place, part)) is not None]
            placed = [(row, (time - part.start) // part.step, value) for row, time, value in found]
            there = values[:, low : low + part.count]
            if placed and not fill_alone(there, placed, statistic):
                row, bucket, value = (np.concatenate(column) for column in zip(*placed, strict=True))
                fill(there, row, bucket, value, statistic)

    def some(self, rows: int) -> tuple[Ints, Ints, Ints]:
        """Number of the key, time and number of the file of all rows of a few keys, about `rows` rows."""
        few = max(1, rows * len(self.ids) // max(1, self.rows))
        parts = np.unique(self._part_of[:few]).tolist()
        there = [one for part in parts for one in self._parts.of(part) if one.keys[0] < few]
        row, time, file = (
            np.concatenate([self._parts.column(one, column(one)).astype(np.int64) for one in there])
            for column in (attrgetter("ids"), attrgetter("time"), attrgetter("file"))
        )
        chosen = row < few
        return row[chosen], time[chosen], file[chosen]

    def inside(self, window: Window, only: Iterable[str] | None = None) -> Ints:
        """Number of rows in a window, of these keys (None: of all), by file: shape (files,)."""
        found = np.zeros(self._files, dtype=np.int64)
        chosen = np.zeros(len(self.ids), dtype=bool)
        chosen[[self.ids[key] for key in only or () if key in self.ids]] = True
        for one in self._parts:
            if not one.meets(window):
                continue
            if only is None and one.within(window) and one.files[0] == one.files[1]:
                found[one.files[0]] += one.rows
                continue
            there = np.ones(one.rows, dtype=bool)
            if not one.within(window):
                time = self._parts.column(one, one.time)
                there = (time >= window.start) & (time < window.end)
            if only is not None:
                there &= chosen[self._parts.column(one, one.ids)]
            found += np.bincount(self._parts.column(one, one.file)[there], minlength=self._files)
        return found

    def close(self) -> None:
        """Remove the temporary file."""
        self._parts.close()

    def _read_all(self, rows: Iterable[Any]) -> None:
        """Store all batches, starting with an empty file."""
        self.ids = {}
        self.first = self.last = np.zeros(0, dtype=np.int64)
        self.read, self.used, self.begun = (np.zeros(self._files, dtype=np.int64) for _ in range(3))
        self.lost = {reason: np.zeros(self._files, dtype=np.int64) for reason in REASONS}
        ends = np.iinfo(np.int64)
        self.begin, self.end = np.full(self._files, ends.max), np.full(self._files, ends.min)
        self.instants = Instants()
        self._looked_at = Markers()
        self._part_of = np.zeros(0, dtype=np.uint8)
        self._parts.clear()
        for batch in rows:
            self._take(batch)
        if self._files == 1 and len(self.first):
            self.begin, self.end = np.array([self.first.min()]), np.array([self.last.max()])

    def _take(self, batch: Any) -> None:
        """Store the rows of an Arrow record batch with the columns k, t and v, and f if there are several files."""
        encoded = batch.column(0).dictionary_encode()
        names = encoded.dictionary.to_pylist()
        codes, t, v = encoded.indices.to_numpy(), batch.column(1).to_numpy(), batch.column(2).to_numpy()
        file = batch.column(3).to_numpy() if self._files > 1 else np.zeros(len(t), dtype=np.int64)
        self.read += self._by_file(file)
        blank = names.index("") if "" in names else -1
        no_key, no_time = codes == blank, t == NO_TIME
        bad = ~np.isfinite(v)
        if self._counter and bad.any():
            # The first row of a counter only starts the increase of the next; where it was reset, nothing is known.
            self.begun += self._by_file(file[np.isneginf(v)])
            self.lost[_RESET] += self._by_file(file[np.isposinf(v)])
            kept = ~np.isinf(v)
            codes, t, v, bad, file = codes[kept], t[kept], v[kept], bad[kept], file[kept]
            no_key, no_time = codes == blank, t == NO_TIME
        used = range(len(names))
        if no_key.any() or no_time.any() or bad.any():
            there = ~no_key & ~no_time & ~bad
            for reason, lost in zip(REASONS, (no_key, no_time & ~no_key, bad & ~no_key & ~no_time), strict=False):
                self.lost[reason] += self._by_file(file[lost])
            codes, t, v, file = codes[there], t[there], v[there], file[there]
            used = np.unique(codes).tolist()
        if not len(t):
            return
        numbers = np.zeros(len(names), dtype=np.uint32)
        numbers[list(used)] = self._number([names[code] for code in used])
        ids = numbers[codes]
        # ufunc.at is fast since numpy 1.25.
        np.minimum.at(self.first, ids, t)
        np.maximum.at(self.last, ids, t)
        if self._files > 1:
            np.minimum.at(self.begin, file, t)
            np.maximum.at(self.end, file, t)
        self.used += self._by_file(file)
        self.instants.add(ids, t)
        self._looked_at.add(v)
        self._parts.add(self._part_of[ids], ids, t, v, file)

    def _by_file(self, file: Ints) -> Ints:
        """Number of rows of each file: shape (files,)."""
        if self._files == 1:
            return np.array([len(file)])
        return np.bincount(file, minlength=self._files)

    def _number(self, names: Sequence[str]) -> list[int]:
        """The numbers of these keys; new keys get one."""
        found = [self.ids.setdefault(name, len(self.ids)) for name in names]
        new = len(self.ids) - len(self.first)
        if new:
            ends = np.iinfo(np.int64)
            self.first = np.concatenate([self.first, np.full(new, ends.max)])
            self.last = np.concatenate([self.last, np.full(new, ends.min)])
            keys = list(self.ids)[-new:]
            parts = np.array([block_of(key, PART_BITS) for key in keys], dtype=np.uint8)
            self._part_of = np.concatenate([self._part_of, parts])
        return found
