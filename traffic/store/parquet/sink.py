"""The embedded store, written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace as changed
from pathlib import Path

import numpy as np

from traffic.disk import lock, make_folder, storage, write_atomic
from traffic.flows import Catalogue, Flows
from traffic.model import WEEK, Grid, Ints, Window, block_bits, block_of, blocks, week_start
from traffic.store.base import DamagedStore, ForeignStore
from traffic.store.folder import (
    NOTE,
    SHORT_ROWS,
    STORE,
    BlockFile,
    Manifest,
    block_path,
    drop,
    is_store,
    read_manifest,
    refuse_foreign,
    sweep_store,
    write_manifest,
)
from traffic.store.parquet.block import GROUP, encode, read_head, read_rows, row_order, whole_weeks
from traffic.store.parquet.flows import FLOWS, encode_flows
from traffic.store.sinks import FlowSink, LastingSink

BLOCK = 64
"""Keys a block, about: enough to make files of megabytes, few enough to hold several weeks of one in memory."""


class ParquetSink(FlowSink, LastingSink):
    """A folder that generated traffic is written to. Held from its making to `finish()`."""

    writers = 2
    """Blocks that may be written at once, each by a thread: they share no file, and packing and syncing let go of
    Python's lock."""

    def __init__(self, folder: Path, field: str, step: int, scenario: str, keys: int, replace: bool) -> None:
        """Open the store in `folder` for one scenario, made if need be.

        Args:
            folder: empty, not there yet, or a store.
            field: what the amounts are, as `network.bytes`.
            step: seconds of a native step.
            scenario: hash of what will be written.
            keys: how many there will be; decides, for a new store, how they are cut into blocks.
            replace: drop what it holds first.

        Raises:
            ForeignStore: it holds another scenario, or is no store.
            LockedFailure: another run writes to it.
            StorageFailure: it cannot be written, or is damaged.
        """
        self.name = str(folder)
        self._folder = folder
        refuse_foreign(folder)
        make_folder(folder)
        self._held = ExitStack()
        self._held.enter_context(lock(folder, option="--store"))
        try:
            wanted = Manifest(SHORT_ROWS, field, step, block_bits(keys, BLOCK), scenario)
            self._manifest = self._opened(wanted, replace)
            sweep_store(folder, field)
            sweep_store(folder, FLOWS)
            self._whole = self._manifest.window
        except BaseException:
            self.close()
            raise

    def begin(self, window: Window) -> Window:
        """Announce what will be written; the answer is the hull of it and of what is there or was announced."""
        whole = window.widen(self._manifest.step)
        for known in (self._manifest.window, self._manifest.begun):
            whole = whole if known is None else whole.hull(known)
        if whole != self._manifest.window:
            self._say(changed(self._manifest, window=None, begun=whole))
        return whole

    def blocks(self, keys: Sequence[str]) -> list[tuple[str, ...]]:
        """The keys in the groups that share a file."""
        return blocks(keys, self._manifest.bits)

    def holds(self, keys: tuple[str, ...], grid: Grid, sample: Ints | None, flows: bool) -> bool:
        """Whether its manifest said so when it was opened, and the files are there."""
        if self._whole is None or grid.window.clip(self._whole) != grid.window:
            return False
        step, week, block = self._manifest.step, week_start(grid.start), block_of(keys[0], self._manifest.bits)
        path = block_path(self._folder, self._manifest.field, week, block)
        if not path.exists() or (flows and not block_path(self._folder, FLOWS, week, block).exists()):
            # A block without a value has no file, but there is no telling that from one that is gone.
            return False
        file = BlockFile(path, week, block)
        head = read_head(file, self._manifest)
        if sample is None:
            return True
        if keys[0] not in head.rows:
            return bool((sample < 0).all())
        group, row = divmod(head.rows[keys[0]], GROUP)
        first = (grid.start - week) // step
        there = whole_weeks(read_rows(file, head, step, [group]), step)[row, first : first + grid.count]
        return np.array_equal(there, sample)

    def remembered(self) -> bytes | None:
        """From a file beside the manifest."""
        path = self._folder / NOTE
        with storage(path):
            return path.read_bytes() if path.is_file() else None

    def remember(self, note: bytes) -> None:
        """In a file beside the manifest."""
        write_atomic(self._folder / NOTE, note)

    def write(self, keys: tuple[str, ...], grid: Grid, amounts: Ints) -> int:
        """Store amounts, shape (keys, steps), -1 = missing, and answer how many were not there before.

        What is there already stays where `amounts` has nothing. A file that would not change is not touched.

        Raises:
            DamagedStore: a file that is there cannot be read.
            StorageFailure: it could not be written; what was there before still is.
        """
        week = week_start(grid.start)
        if grid.step != self._manifest.step or grid.window.end > week + WEEK:
            raise ValueError(f"{grid} is not within one week in steps of {self._manifest.step} s")
        if amounts.shape != (len(keys), grid.count) or amounts.min(initial=0) < -1:
            raise ValueError(f"{amounts.shape} amounts for {len(keys)} keys x {grid.count} steps, or some below -1")
        rows: dict[int, list[int]] = {}
        for row in np.flatnonzero((amounts >= 0).any(axis=1)).tolist():
            rows.setdefault(block_of(keys[row], self._manifest.bits), []).append(row)
        first = (grid.start - week) // grid.step
        new = 0
        for block, chosen in rows.items():
            # All of them in one block is what `blocks` leads to: no copy then.
            mine = amounts if len(chosen) == len(keys) else amounts[chosen]
            new += self._merge(week, block, [keys[row] for row in chosen], first, mine)
        return new

    def write_flows(self, keys: tuple[str, ...], grid: Grid, flows: Iterable[Flows], catalogue: Catalogue) -> None:
        """Store flow records in flows/WEEK/BLOCK.parquet."""
        week, block = week_start(grid.start), block_of(keys[0], self._manifest.bits)
        path = block_path(self._folder, FLOWS, week, block)
        make_folder(path.parent)
        write_atomic(path, encode_flows(keys, grid, flows, catalogue))

    def finish(self) -> str:
        """State that all that was announced is there, let go of the store, and answer its identity."""
        if self._manifest.window is None:
            self._say(changed(self._manifest, window=self._manifest.begun, begun=None))
        self.close()
        identity = self._manifest.identity
        if identity is None:
            raise ValueError("nothing was begun")
        return identity

    def close(self) -> None:
        """Let go of the store; without `finish` before, it says of itself that it is not whole."""
        self._held.close()

    def _opened(self, wanted: Manifest, replace: bool) -> Manifest:
        """What the store says of itself once it fits `wanted`."""
        folder = self._folder
        if not is_store(folder):
            write_manifest(folder, wanted)
            return wanted
        fields = [wanted.field, FLOWS]
        try:
            found = read_manifest(folder)
        except (DamagedStore, ForeignStore):
            if not replace:
                raise
        else:
            fields.append(found.field)
            _refuse_other(folder, found, wanted, replace)
            if not replace and not found.dropping:
                return found
        # Said first: a run that is killed while it drops leaves a store that the next one goes on dropping, not one
        # whose files contradict it.
        write_manifest(folder, changed(wanted, dropping=True))
        for field in dict.fromkeys(fields):
            drop(folder, field)
        with storage(folder / NOTE):
            (folder / NOTE).unlink(missing_ok=True)
        write_manifest(folder, wanted)
        return wanted

    def _merge(self, week: int, block: int, keys: list[str], first: int, amounts: Ints) -> int:
        """Bring amounts that start `first` steps into the week into one block's file; answers how many are new."""
        manifest = self._manifest
        file = BlockFile(block_path(self._folder, manifest.field, week, block), week, block)
        old_keys: Sequence[str] = ()
        old = None
        if file.path.exists():
            head = read_head(file, manifest)
            old_keys, old = head.keys, read_rows(file, head, manifest.step)
        merged_keys = row_order({*old_keys, *keys})
        place = {key: row for row, key in enumerate(merged_keys)}
        rows, columns = [place[key] for key in keys], slice(first, first + amounts.shape[1])
        there = 0 if old is None else old.shape[1]
        steps = WEEK // manifest.step if manifest.whole_weeks else max(there, columns.stop)
        merged = np.full((len(merged_keys), steps), -1, dtype=np.int64)
        if old is None:
            merged[rows, columns] = amounts
            new = int(np.count_nonzero(amounts >= 0))
        else:
            merged[[place[key] for key in old_keys], :there] = old
            before = merged[rows, columns]
            after = np.where(amounts >= 0, amounts, before)
            if np.array_equal(before, after):
                return 0
            merged[rows, columns] = after
            new = int(np.count_nonzero((before < 0) & (after >= 0)))
        make_folder(file.path.parent)
        write_atomic(file.path, encode(merged_keys, merged, manifest, week))
        return new

    def _say(self, manifest: Manifest) -> None:
        write_manifest(self._folder, manifest)
        self._manifest = manifest


def _refuse_other(folder: Path, found: Manifest, wanted: Manifest, replace: bool) -> None:
    if replace:
        return
    if found.scenario != wanted.scenario:
        raise ForeignStore(
            f"{folder} contains another scenario or seed ({found.scenario[:8]}, not {wanted.scenario[:8]}): use "
            "another folder with --store, or delete its contents with --replace"
        )
    if (found.field, found.step) != (wanted.field, wanted.step):
        raise ForeignStore(
            f"{folder / STORE} says {found.field} every {found.step} s, not {wanted.field} every {wanted.step} s: use "
            "another folder with --store, or delete its contents with --replace"
        )
