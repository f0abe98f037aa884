"""A user's rows, read once: parsed by DuckDB, numbered, and laid down in parts of a temporary file.

Text is parsed a single time, however often it is asked. Nothing is sorted and nothing joined: rows go to the part of
their key (by its hash, so that a block of keys reads one part or a few), together with what says which pieces of a part
a question can leave out. What several rows of a bucket come to does not depend on their order.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traffic.disk import storage
from traffic.errors import Failure, UsageFailure
from traffic.model import Floats, Grid, Ints, Statistic, Window, block_of
from traffic.store.base import Columns, NoSuchStore
from traffic.store.files.buckets import fill
from traffic.store.files.database import Database
from traffic.store.files.evidence import Instants
from traffic.store.files.look import Input
from traffic.store.files.rows import batches, refuse_odd_lines
from traffic.store.files.sql import NO_TIME

_BATCH = 500_000
"""Rows that are taken at once."""
_PART_BITS = 6
_AT_ONCE = 2_000_000
"""Rows that a question looks at together: what bounds its memory, at about 100 bytes each."""
_YEARS = (-62_135_596_800, 253_402_300_800)
"""Seconds of the years 1 to 9999."""

_RESET = "where a counter began anew"
REASONS = ("without a key", "without a time", "without a finite value", _RESET)
"""Why rows are not looked at."""

_Numbers = NDArray[np.uint32]


@dataclass(frozen=True)
class _Segment:
    """The rows of one batch that lie in one part: where they are, and what of time and keys they span."""

    offset: int
    """Of the batch in the file: its ids, then its times, then its values."""
    batch: int
    """Rows in the batch."""
    first: int
    rows: int
    times: tuple[int, int]
    ids: tuple[int, int]


class Staged:
    """The rows of some files that can be used, in a temporary file that goes with this object."""

    ids: dict[str, int]
    """Key -> its number."""
    first: Ints
    """When the first row of each key is, epoch seconds, by number."""
    last: Ints
    """When its last row is."""
    left_out: dict[str, int]
    """Reason -> rows that are not looked at."""
    rows: int
    """Rows that are."""
    seen: int
    """Rows that were read."""
    instants: Instants
    """How many rows series have at one time."""
    begun: int
    """Of counters: first rows, from which the next one is counted."""
    resets: int
    """Of counters: rows in which they fell."""
    odd_lines: int
    """Lines that are no rows, where a format has such."""

    def __init__(self, database: Database, name: str, inputs: Sequence[Input], columns: Columns) -> None:
        """Read all `inputs`.

        Raises:
            NoSuchStore: there is no row that can be used.
            UsageFailure: a column is missing, or holds what it cannot mean.
            DamagedStore: a file cannot be read.
            StorageFailure: the temporary folder is full.
        """
        # Unlinked from the start: it goes with the process, however that ends.
        with storage(tempfile.gettempdir()):
            self._file = tempfile.TemporaryFile(prefix="sl-")  # noqa: SIM115  # closed below
        self._counter = bool(columns.counter)
        # Without a warning where nobody closed it.
        self._remove = weakref.finalize(self, self._file.close)
        try:
            try:
                self._read_all(batches(database, inputs, columns, _BATCH, typed=True))
            except Failure:
                # Not all is what it seemed to be: once more as text, which copes with it or says where it cannot.
                database.rejected()
                self._read_all(batches(database, inputs, columns, _BATCH))
            self.odd_lines = refuse_odd_lines(database, inputs)
        except BaseException:
            self.close()
            raise
        self.left_out = {reason: count for reason, count in self._lost.items() if count}
        if not self.rows:
            self.close()
            why = ", ".join(f"{count:,} {reason}" for reason, count in self.left_out.items())
            raise NoSuchStore(
                f"{name} has {f'no row that can be used ({why})' if self.seen else 'a header but no rows'}"
            )
        if int(self.first.min()) < _YEARS[0] or int(self.last.max()) >= _YEARS[1]:
            self.close()
            raise UsageFailure(
                f"{name}: the times in {columns.time} reach from {int(self.first.min())} to {int(self.last.max())} "
                f"seconds since 1970, out of all years: name another column with --time"
            )

    def buckets(self, statistic: Statistic, ids: Ints, grid: Grid, values: Floats) -> None:
        """Fill the buckets that have a row.

        Args:
            statistic: what a bucket of several rows comes to.
            ids: of the keys, one for each row of `values`.
            grid: of the buckets.
            values: shape (keys, buckets); buckets without a row stay as they are.
        """
        place = np.full(len(self.ids), -1, dtype=np.int64)
        place[ids] = np.arange(len(ids))
        span, reach = (grid.start, grid.window.end), (int(ids.min()), int(ids.max()))
        segments = [
            one
            for part in np.unique(self._part_of[ids]).tolist()
            for one in self._segments[part]
            if one.times[0] < span[1] and one.times[1] >= span[0] and one.ids[0] <= reach[1] and one.ids[1] >= reach[0]
        ]
        pieces = -(-sum(one.rows for one in segments) // _AT_ONCE)
        width = -(-grid.count // max(1, pieces))
        for low in range(0, grid.count, width) if segments else ():
            part = Grid(grid.start + low * grid.step, grid.step, min(width, grid.count - low))
            found = [rows for one in segments if (rows := self._read(one, place, part)) is not None]
            if found:
                row, time, value = (np.concatenate(column) for column in zip(*found, strict=True))
                fill(values[:, low : low + part.count], row, (time - part.start) // part.step, value, statistic)

    def some(self, rows: int) -> tuple[Ints, Ints]:
        """Key and time of all rows of a few keys, about `rows` of them."""
        few = max(1, rows * len(self.ids) // max(1, self.rows))
        place = np.full(len(self.ids), -1, dtype=np.int64)
        place[:few] = np.arange(few)
        whole = Grid(int(self.first.min()), 1, int(self.last.max()) - int(self.first.min()) + 1)
        parts = np.unique(self._part_of[:few]).tolist()
        found = [self._read(one, place, whole) for part in parts for one in self._segments[part] if one.ids[0] < few]
        there = [one for one in found if one is not None]
        return np.concatenate([one[0] for one in there]), np.concatenate([one[1] for one in there])

    def inside(self, window: Window, only: Iterable[str] | None = None) -> int:
        """Rows in a window, of these keys (None: of all)."""
        found = 0
        chosen = np.zeros(len(self.ids), dtype=bool)
        chosen[[self.ids[key] for key in only or () if key in self.ids]] = True
        for one in (segment for part in self._segments for segment in part):
            if only is None and window.start <= one.times[0] and one.times[1] < window.end:
                found += one.rows
            elif one.times[0] < window.end and one.times[1] >= window.start:
                with storage(tempfile.gettempdir()):
                    self._file.flush()
                    time = self._column(one, np.dtype(np.int64), 4)
                    of_them = True if only is None else chosen[self._column(one, np.dtype(np.uint32), 0)]
                found += int((of_them & (time >= window.start) & (time < window.end)).sum())
        return found

    def close(self) -> None:
        """Remove the temporary file."""
        self._remove()

    def _read_all(self, rows: Iterable[Any]) -> None:
        """Lay down all batches, from nothing."""
        self.ids = {}
        self.first = self.last = np.zeros(0, dtype=np.int64)
        self.rows = self.begun = self.seen = 0
        self.instants = Instants()
        self._lost = dict.fromkeys(REASONS, 0)
        self._part_of = np.zeros(0, dtype=np.uint8)
        self._segments: list[list[_Segment]] = [[] for _ in range(1 << _PART_BITS)]
        with storage(tempfile.gettempdir()):
            self._file.seek(0)
            self._file.truncate()
        for batch in rows:
            self.seen += batch.num_rows
            self._take(batch)
        self.resets = self._lost[_RESET]

    def _take(self, batch: Any) -> None:
        """Lay down the rows of an Arrow record batch with the columns k, t and v."""
        encoded = batch.column(0).dictionary_encode()
        names = encoded.dictionary.to_pylist()
        codes, t, v = encoded.indices.to_numpy(), batch.column(1).to_numpy(), batch.column(2).to_numpy()
        blank = names.index("") if "" in names else -1
        no_key, no_time = codes == blank, t == NO_TIME
        bad = ~np.isfinite(v)
        if self._counter and bad.any():
            # The first row of a counter begins what the next ones tell of; where it fell nothing is known.
            self.begun += int(np.isneginf(v).sum())
            self._lost[_RESET] += int(np.isposinf(v).sum())
            kept = ~np.isinf(v)
            codes, t, v, bad = codes[kept], t[kept], v[kept], bad[kept]
            no_key, no_time = codes == blank, t == NO_TIME
        used = range(len(names))
        if no_key.any() or no_time.any() or bad.any():
            there = ~no_key & ~no_time & ~bad
            for reason, lost in zip(REASONS, (no_key, no_time & ~no_key, bad & ~no_key & ~no_time), strict=False):
                self._lost[reason] += int(lost.sum())
            codes, t, v = codes[there], t[there], v[there]
            used = np.unique(codes).tolist()
        if not len(t):
            return
        numbers = np.zeros(len(names), dtype=np.uint32)
        numbers[list(used)] = self._number([names[code] for code in used])
        ids = numbers[codes]
        # Numpy's own way to do this at any place that an array names is fast since 1.25.
        np.minimum.at(self.first, ids, t)
        np.maximum.at(self.last, ids, t)
        self.rows += len(t)
        self.instants.add(ids, t)
        self._lay_down(ids, t, v)

    def _number(self, names: Sequence[str]) -> list[int]:
        """The numbers of these keys; those that were not seen before get one."""
        found = [self.ids.setdefault(name, len(self.ids)) for name in names]
        new = len(self.ids) - len(self.first)
        if new:
            ends = np.iinfo(np.int64)
            self.first = np.concatenate([self.first, np.full(new, ends.max)])
            self.last = np.concatenate([self.last, np.full(new, ends.min)])
            keys = list(self.ids)[-new:]
            parts = np.array([block_of(key, _PART_BITS) for key in keys], dtype=np.uint8)
            self._part_of = np.concatenate([self._part_of, parts])
        return found

    def _lay_down(self, ids: _Numbers, t: Ints, v: Floats) -> None:
        parts = self._part_of[ids]
        if (parts[1:] < parts[:-1]).any():
            order = np.argsort(parts, kind="stable")  # of bytes: a radix sort
            ids, t, v = ids[order], t[order], v[order]
        counts = np.bincount(parts, minlength=1 << _PART_BITS)
        starts = np.cumsum(counts) - counts
        there = np.flatnonzero(counts)
        ends = [how.reduceat(column, starts[there]).tolist() for column in (t, ids) for how in (np.minimum, np.maximum)]
        with storage(tempfile.gettempdir()):
            offset = self._file.tell()
            for column in (ids, t, v):
                self._file.write(column.tobytes())
        for part, first, rows, low_t, high_t, low_id, high_id in zip(
            there.tolist(), starts[there].tolist(), counts[there].tolist(), *ends, strict=True
        ):
            segment = _Segment(offset, len(t), first, rows, (low_t, high_t), (low_id, high_id))
            self._segments[part].append(segment)

    def _read(self, segment: _Segment, place: Ints, grid: Grid) -> tuple[Ints, Ints, Floats] | None:
        """Of a segment the rows of some keys in a window: which row of the answer, time, value; None where none is."""
        if segment.times[0] >= grid.window.end or segment.times[1] < grid.start:
            return None
        with storage(tempfile.gettempdir()):
            self._file.flush()
            row = place[self._column(segment, np.dtype(np.uint32), 0)]
            time = self._column(segment, np.dtype(np.int64), 4)
            value = self._column(segment, np.dtype(np.float64), 12)
        inside = row >= 0
        if segment.times[0] < grid.start or segment.times[1] >= grid.window.end:
            inside &= (time >= grid.start) & (time < grid.window.end)
        if inside.all():
            return row, time, value
        return (row[inside], time[inside], value[inside]) if inside.any() else None

    def _column(self, segment: _Segment, kind: np.dtype[Any], before: int) -> NDArray[Any]:
        """One column of a segment; `before`: bytes a row of the columns before it."""
        start = segment.offset + before * segment.batch + kind.itemsize * segment.first
        return np.frombuffer(os.pread(self._file.fileno(), kind.itemsize * segment.rows, start), kind)
