"""Rows laid down in parts of a temporary file, in as few bytes as they need.

The file has no name: it goes with the process, however that ends. Rows come in batches; those of a part lie together in
each batch, with what of time, keys and files they span, so that a question leaves out what it does not need.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traffic.disk import storage
from traffic.model import Floats, Grid, Ints, Window

PART_BITS = 6
_SMALL = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.uint32))


@dataclass(frozen=True)
class _Laid:
    """A column of a batch: where it is in the file, and as what. `base` is added to what is written there."""

    offset: int
    kind: np.dtype[Any]
    base: int = 0


@dataclass(frozen=True)
class Segment:
    """The rows of one batch that lie in one part: where they are, and what of time, keys and files they span."""

    ids: _Laid
    time: _Laid
    value: _Laid
    file: _Laid
    first: int
    """Of the rows in their batch."""
    rows: int
    times: tuple[int, int]
    keys: tuple[int, int]
    files: tuple[int, int]

    def within(self, window: Window) -> bool:
        """Whether all of its rows lie in a window."""
        return window.start <= self.times[0] and self.times[1] < window.end

    def meets(self, window: Window) -> bool:
        """Whether some of its rows may lie in a window."""
        return self.times[0] < window.end and self.times[1] >= window.start


class Parts:
    """The rows of some files: which key (a number), when, what, and of which file."""

    def __init__(self) -> None:
        """Open the file.

        Raises:
            StorageFailure: the temporary folder is full, or cannot be written to.
        """
        # Unlinked right away, so that nothing is left behind if the process is killed.
        with storage(tempfile.gettempdir()):
            self._file = tempfile.TemporaryFile(prefix="sl-")  # noqa: SIM115  # closed below
        # Closes it without a ResourceWarning if nobody else did.
        self._remove = weakref.finalize(self, self._file.close)
        self._segments: list[list[Segment]] = [[] for _ in range(1 << PART_BITS)]

    def __iter__(self) -> Iterator[Segment]:
        """All that was laid down, part by part."""
        return (segment for part in self._segments for segment in part)

    def of(self, part: int) -> list[Segment]:
        """What was laid down in a part."""
        return self._segments[part]

    def clear(self) -> None:
        """Forget all rows."""
        self._segments = [[] for _ in range(1 << PART_BITS)]
        with storage(tempfile.gettempdir()):
            self._file.seek(0)
            self._file.truncate()

    def close(self) -> None:
        """Remove the file."""
        self._remove()

    def add(self, parts: NDArray[np.uint8], ids: NDArray[np.uint32], time: Ints, value: Floats, file: Ints) -> None:
        """Lay rows down: shape (n,) each, n > 0."""
        # Made small before they are sorted: fewer bytes to move.
        small = [_whole(ids), _whole(time), _value(value), _whole(file)]
        if (parts[1:] < parts[:-1]).any():
            order = np.argsort(parts, kind="stable")  # of bytes: a radix sort
            small = [(column[order] if column.dtype.itemsize else column, base) for column, base in small]
        counts = np.bincount(parts, minlength=1 << PART_BITS)
        starts = np.cumsum(counts) - counts
        there = np.flatnonzero(counts)
        spans = [_spans(*small[place], starts[there]) for place in (1, 0, 3)]
        laid = dict(zip(("ids", "time", "value", "file"), (self._write(*one) for one in small), strict=True))
        for part, first, rows, times, keys, files in zip(
            there.tolist(), starts[there].tolist(), counts[there].tolist(), *spans, strict=True
        ):
            self._segments[part].append(Segment(**laid, first=first, rows=rows, times=times, keys=keys, files=files))

    def read(self, segment: Segment, place: Ints, grid: Grid) -> tuple[Ints, Ints, Floats] | None:
        """Of a segment the rows of some keys in a window.

        Args:
            segment: of these parts.
            place: key -> row of the answer; -1 for keys that nobody asks for.
            grid: the window.

        Returns:
            Row of the answer, time, value; None where there is none.
        """
        if not segment.meets(grid.window):
            return None
        row = place[self.column(segment, segment.ids)]
        time = self.column(segment, segment.time)
        value = self.column(segment, segment.value)
        inside = row >= 0
        if not segment.within(grid.window):
            inside &= (time >= grid.start) & (time < grid.window.end)
        if inside.all():
            return row, time, value.astype(np.float64)
        return (row[inside], time[inside], value[inside].astype(np.float64)) if inside.any() else None

    def column(self, segment: Segment, of: _Laid) -> NDArray[Any]:
        """One column of a segment."""
        if of.kind.itemsize == 0:
            return np.full(segment.rows, of.base)
        start = of.offset + of.kind.itemsize * segment.first
        with storage(tempfile.gettempdir()):
            self._file.flush()
            found = np.frombuffer(os.pread(self._file.fileno(), of.kind.itemsize * segment.rows, start), of.kind)
        return found + np.int64(of.base) if of.base else found

    def _write(self, column: NDArray[Any], base: int) -> _Laid:
        if column.dtype.itemsize == 0:
            return _Laid(0, column.dtype, base)
        with storage(tempfile.gettempdir()):
            offset = self._file.tell()
            self._file.write(column.tobytes())
        return _Laid(offset, column.dtype, base)


_NOTHING = np.zeros(0, dtype="V0")


def _whole(column: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """Whole numbers as their distance from the least, in as few bytes as that needs; none where all are the same."""
    low, high = int(column.min()), int(column.max())
    if low == high:
        return _NOTHING, low
    kind = next((kind for kind in _SMALL if high - low <= np.iinfo(kind).max), None)
    if kind is None:
        return column.astype(np.int64), 0
    return (column - low if low else column).astype(kind), low


def _spans(column: NDArray[Any], base: int, starts: Ints) -> list[tuple[int, int]]:
    """The least and the largest of each run of rows that begins at `starts`."""
    if not column.dtype.itemsize:
        return [(base, base)] * len(starts)
    ends = ((how.reduceat(column, starts).astype(np.int64) + base).tolist() for how in (np.minimum, np.maximum))
    return list(zip(*ends, strict=True))


def _value(column: Floats) -> tuple[NDArray[Any], int]:
    """Values as whole numbers of 32 bits where they are such, else as they are."""
    if column.min() >= 0 and column.max() <= np.iinfo(np.uint32).max:
        whole = column.astype(np.uint32)
        if (whole == column).all() and not np.signbit(column).any():
            return whole, 0
    return column, 0
