"""The embedded store, read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from threading import Lock

import numpy as np
from typing_extensions import override

from traffic.coverage import LOAD_UNFINISHED, OTHER_KEYS, UNFINISHED, Coverage, Holding, LeftOut, uncounted
from traffic.disk import storage
from traffic.errors import UsageFailure
from traffic.filled import metric_of
from traffic.flows import DIMENSIONS, FlowAnswer, FlowQuery
from traffic.model import DAY, WEEK, Floats, Grid, Ints, Matrix, Query, Statistic, Window, block_of, week_start
from traffic.store.base import FlowSource, ForkableSource, Limits, NoSuchStore, StoreError, check_size
from traffic.store.folder import BlockFile, block_files, read_manifest
from traffic.store.parquet.block import GROUP, Head, read_head, read_rows, release_memory, whole_weeks
from traffic.store.parquet.flows import FLOWS, FlowFiles

_HELD = {"sum": "sums", "avg": "means", "max": "maxima"}
_FILES_KEPT = 2
_READERS = 2
"""Weeks that are decoded at once; each costs the memory of a file."""

Stamp = tuple[str, int, int]
"""Name in the store, size and time of the last change: another stamp is another content."""


class ParquetSource(ForkableSource, FlowSource):
    """Traffic in a folder that `generate` filled."""

    settling: int | None = None

    def __init__(self, folder: Path) -> None:
        """Open the store in `folder`.

        Raises:
            DamagedStore: what it says of itself makes no sense.
        """
        self.name = str(folder)
        self._folder = folder
        self._manifest = read_manifest(folder)
        self.metric = metric_of(self._manifest.field)
        self._heads: dict[Stamp, Head] = {}
        self._decoded: OrderedDict[Stamp, dict[int, Ints]] = OrderedDict()
        self._keeping = Lock()
        self._flows = FlowFiles(folder, self._manifest.bits, self.metric.scale)

    @override
    def place(self) -> str:
        """The folder itself, whatever path or link leads to it."""
        with storage(self._folder):
            return str(self._folder.resolve())

    def limits(self, resolution: int) -> Limits:  # noqa: ARG002 - the same for all
        """What is held in memory, and nothing else."""
        return Limits()

    def extent(self, since: int | None, resolution: int) -> Window:  # noqa: ARG002 - the same for all
        """From the first to the end of the last value that is there."""
        files = self._files()
        if not files:
            raise NoSuchStore(f"{self.name} contains no traffic yet: run ./sl.py generate")
        # A file without a value is never written, so the outer weeks hold the ends.
        ends = [file for file in files if file.week in (files[0].week, files[-1].week)]
        spans = [span for file in ends for span in self._head(file).spans]
        return Window(min(span.start for span in spans), max(span.end for span in spans))

    def forkable(self) -> bool:
        """Always: its files are opened anew for whatever is read."""
        return True

    def step(self) -> int:
        """Seconds of a native step."""
        return self._manifest.step

    @override
    def notes(self) -> list[str]:
        """Whether what was to be written is there."""
        return [] if self.identity() is not None else [LOAD_UNFINISHED]

    def keys(self, window: Window) -> Mapping[str, Window]:
        """Every key with data in `window`, in order of name, and the span of all its data."""
        whole: dict[str, Window] = {}
        inside = set()
        for file in self._files():
            head = self._head(file)
            for key, span in zip(head.keys, head.spans, strict=True):
                whole[key] = whole[key].hull(span) if key in whole else span
                if span.overlap(window):
                    inside.add(key)
        return {key: whole[key] for key in sorted(inside)}

    def series(self, query: Query) -> Matrix:
        """The buckets of `query.keys`: exact sums of integers, then times the metric's factor."""
        grid = Grid.over(query.window, query.resolution)
        self._check(query, grid)
        values = np.empty((len(query.keys), grid.count))
        rows: dict[int, list[int]] = {}
        for row, key in enumerate(query.keys):
            rows.setdefault(block_of(key, self._manifest.bits), []).append(row)
        files = [file for file in self._files(grid.window) if file.block in rows]

        def fill(part: Window) -> None:
            values[:, grid.slice(part)] = np.nan
            for file in files:
                if file.week == week_start(part.start):
                    self._fill(values, grid, query, file, rows[file.block])

        weeks = list(grid.window.weeks())
        if len(weeks) == 1:
            fill(weeks[0])
        else:
            # Each week has columns of its own, and decoding lets go of Python's lock.
            with ThreadPoolExecutor(_READERS) as readers:
                list(readers.map(fill, weeks))
            release_memory()
        return Matrix(query.keys, grid, values)

    def fingerprint(self, window: Window) -> str:
        """A hash over the identity of the files of the weeks that `window` touches."""
        # Whole days are as wide as a bucket can be, and a bucket that reaches out of the window is read as a whole.
        stamps = [self._stamp(file) for file in self._files(window.widen(DAY))]
        stamps += [self._stamp(file) for file in block_files(self._folder, FLOWS, window.widen(DAY))]
        text = repr((self._manifest.format, self._manifest.scenario, self._manifest.field, self._manifest.step, stamps))
        return blake2b(text.encode(), digest_size=16).hexdigest()

    def dimensions(self, wanted: Sequence[str] | None = None) -> tuple[str, ...]:
        """What its flow records say, where it has some."""
        known = DIMENSIONS if self._flows.there else ()
        for name in wanted or ():
            if name not in known:
                there = f"use {', '.join(known)}" if known else "it contains no flow records (generate --flows)"
                raise UsageFailure(f"{self.name} cannot break traffic down by {name!r}: {there}")
        return known if wanted is None else tuple(wanted)

    def flows(self, queries: Sequence[FlowQuery]) -> Iterator[FlowAnswer]:
        """From its flow records; the totals are those of the store itself, which these have to add up to."""
        totals = self._volumes({(query.key, window) for query in queries for window in query.windows})
        for query, answer in zip(queries, self._flows.answers(queries), strict=True):
            yield replace(answer, totals=np.array([totals[query.key, window] for window in query.windows]))

    def _volumes(self, asked: Collection[tuple[str, Window]]) -> dict[tuple[str, Window], float]:
        """All of some keys in a window each, as `FlowAnswer` says it: every file is read once."""
        step, bits = self._manifest.step, self._manifest.bits
        parts: dict[tuple[int, Window], list[tuple[str, Window, Window]]] = {}
        for key, window in asked:
            for part in window.weeks():
                whole = Window(week_start(part.start), week_start(part.start) + WEEK)
                parts.setdefault((block_of(key, bits), whole), []).append((key, window, part))
        found = dict.fromkeys(asked, 0.0)
        for (_, week), wanted in parts.items():
            keys = tuple(sorted({key for key, _, _ in wanted}))
            matrix = self.series(Query(self.metric, keys, week, step))
            rows = {key: row for row, key in enumerate(keys)}
            for key, window, part in wanted:
                found[key, window] += float(np.nansum(matrix.values[rows[key], matrix.grid.slice(part)]))
        factor = step if self.metric.rate else 1
        return {one: volume * factor for one, volume in found.items()}

    def identity(self) -> str | None:
        """What was generated into it, or None while that is not there as a whole."""
        return read_manifest(self._folder).identity

    def coverage(self, window: Window, reach: Window, only: Sequence[str] | None = None) -> Coverage:  # noqa: ARG002 - nothing is astray
        """The values of its native steps, as its files count them: each of those keys is used."""
        files = self._files(window)
        if any(self._head(file).counts is None for file in files):
            return uncounted(self.name, "values")
        rows = sum(self._count(file, self._head(file), window) for file in files)
        used = rows if only is None else sum(self._count(file, self._head(file), window, set(only)) for file in files)
        others = (LeftOut(OTHER_KEYS, rows - used),) if used < rows else ()
        spans = [span.clip(window) for file in files for span in self._head(file).spans if span.overlap(window)]
        first = min((span.start for span in spans), default=None)
        last = max((span.end - self._manifest.step for span in spans), default=None)
        unfinished = (LeftOut(UNFINISHED, None),) if self.identity() is None else ()
        whole = Holding(self.name, rows, used, (*others, *unfinished), first=first, last=last)
        return Coverage((whole,), "values", (used, used))

    def _count(self, file: BlockFile, head: Head, window: Window, only: Container[str] | None = None) -> int:
        """The values of a file in `window`; only a week that it cuts has to be read for that."""
        assert head.counts is not None
        chosen = [only is None or key in only for key in head.keys]
        if all(span.clip(window) == span for span in head.spans):
            return sum(count for count, one in zip(head.counts, chosen, strict=True) if one)
        step = self._manifest.step
        part = Window(file.week, file.week + WEEK).clip(window)
        native = slice(*(-((file.week - time) // step) for time in (part.start, part.end)))
        return int((read_rows(file, head, step)[chosen, native] >= 0).sum())

    def _files(self, window: Window | None = None) -> list[BlockFile]:
        return block_files(self._folder, self._manifest.field, window)

    def _check(self, query: Query, grid: Grid) -> None:
        step = self._manifest.step
        own = self.metric
        if (query.metric.field, query.metric.statistic) != (own.field, own.statistic):
            raise StoreError(
                f"{self.name} contains {_HELD[own.statistic]} of {own.field}, not the {query.metric.statistic} of "
                f"{query.metric.field}"
            )
        if query.resolution % step or DAY % query.resolution:
            raise UsageFailure(
                f"{self.name} holds a value every {step} s, which does not allow a resolution of {query.resolution} "
                "s; use a multiple that divides an hour"
            )
        check_size(query, grid)

    def _fill(self, values: Floats, grid: Grid, query: Query, file: BlockFile, rows: Sequence[int]) -> None:
        """Put what `file` knows of these rows of the answer in its place."""
        part = Window(file.week, file.week + WEEK).clip(grid.window)
        head = self._head(file)
        found = [
            (head.rows[key], row)
            for key, row in ((query.keys[row], row) for row in rows)
            if key in head.rows and head.spans[head.rows[key]].overlap(part)
        ]
        if not found:
            return
        step = self._manifest.step
        native = slice((part.start - file.week) // step, (part.end - file.week) // step)
        factor = query.metric.factor(grid.step)
        wanted: dict[int, list[tuple[int, int]]] = {}
        for inner, outer in found:
            wanted.setdefault(inner // GROUP, []).append((inner % GROUP, outer))
        decoded = self._decode(file, sorted(wanted))
        for group, pairs in wanted.items():
            amounts = decoded[group][[inner for inner, _ in pairs], native]
            buckets = _buckets(amounts, grid.step // step, factor, query.metric.statistic)
            values[[outer for _, outer in pairs], grid.slice(part)] = buckets

    def _decode(self, file: BlockFile, groups: list[int]) -> Mapping[int, Ints]:
        """At least these groups of rows of `file`; the last files are kept, as one week is often asked for again."""
        stamp = self._stamp(file)
        decoded = self._decoded.get(stamp, {})
        missing = [group for group in groups if group not in decoded]
        if missing:
            head = self._head(file)
            step = self._manifest.step
            amounts = whole_weeks(read_rows(file, head, step, missing), step)
            sizes = [len(head.keys[group * GROUP : (group + 1) * GROUP]) for group in missing]
            decoded = decoded | dict(zip(missing, np.split(amounts, np.cumsum(sizes)[:-1]), strict=True))
        with self._keeping:
            self._decoded[stamp] = decoded
            self._decoded.move_to_end(stamp)
            while len(self._decoded) > _FILES_KEPT:
                self._decoded.popitem(last=False)
        return decoded

    def _head(self, file: BlockFile) -> Head:
        stamp = self._stamp(file)
        if stamp not in self._heads:
            self._heads[stamp] = read_head(file, self._manifest)
        return self._heads[stamp]

    def _stamp(self, file: BlockFile) -> Stamp:
        with storage(file.path):
            status = file.path.stat()
        return file.name, status.st_size, status.st_mtime_ns


def _buckets(amounts: Ints, per: int, factor: float, statistic: Statistic) -> Floats:
    """Of `per` native steps each the sum, or the statistic, times `factor`: shape (keys, steps / per).

    NaN where no step is there.
    """
    there = amounts >= 0 if amounts.min() < 0 else None
    if per == 1:
        values = amounts.astype(np.float64)
    else:
        whole = amounts if there is None else np.where(there, amounts, 0)
        cubes = whole.reshape(len(amounts), -1, per)
        # np.sum is several times slower along a short axis.
        values = (cubes.max(axis=2) if statistic == "max" else np.einsum("ijk->ij", cubes)).astype(np.float64)
        if statistic == "avg":
            values /= per if there is None else np.maximum(there.reshape(cubes.shape).sum(axis=2), 1)
    if there is not None:
        empty = ~there if per == 1 else ~there.reshape(len(amounts), -1, per).any(axis=2)
        values[empty] = np.nan
    values *= factor
    return values
