"""Generated traffic for Prometheus (a folder of blocks) or VictoriaMetrics (its import API)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace as changed
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from traffic.disk import lock, make_folder, storage, write_atomic
from traffic.errors import StorageFailure, UsageFailure
from traffic.model import Grid, Ints, Window, block_bits, blocks, week_start
from traffic.store.access import Access
from traffic.store.base import DamagedStore, ForeignStore, StoreError
from traffic.store.folder import FORMAT, Manifest
from traffic.store.prometheus.answers import pairs
from traffic.store.prometheus.client import Connection
from traffic.store.prometheus.openmetrics import END, INFO, info_of, manifest_of, metric_name, text_of
from traffic.store.prometheus.place import SCHEME, find_place
from traffic.store.prometheus.servers import FRESH, flavour_of
from traffic.store.sinks import Sink

BLOCK = 64
"""Keys per block, approximately."""
_TEXTS, _MADE, _SAYS = "openmetrics", ".blocks", "sl.json"


class _Whole(Sink):
    """Sinks that are written as a whole each time: neither can tell what it already contains."""

    writers = 1

    def __init__(self, field: str, step: int, scenario: str, keys: int) -> None:
        self._manifest = Manifest(FORMAT, field, step, block_bits(keys, BLOCK), scenario)
        self._samples = 0

    def blocks(self, keys: Sequence[str]) -> list[tuple[str, ...]]:
        """The keys in groups."""
        return blocks(keys, self._manifest.bits)

    def _hull(self, window: Window) -> Window:
        whole = window.widen(self._manifest.step)
        known = self._manifest.window
        self._manifest = changed(self._manifest, window=whole if known is None else whole.hull(known))
        assert self._manifest.window is not None
        return self._manifest.window

    def _take(self, found: Manifest, replace: bool) -> None:
        """What it already contains: its window is extended, unless it is replaced or of another scenario."""
        wanted = self._manifest
        if replace:
            return
        if (found.scenario, found.field, found.step) != (wanted.scenario, wanted.field, wanted.step):
            raise ForeignStore(
                f"{self.name} contains another scenario or seed ({found.scenario[:8]}, not {wanted.scenario[:8]}): "
                "use another one with --store, or delete its contents with --replace"
            )
        self._manifest = changed(wanted, window=found.window)

    @property
    def _identity(self) -> str:
        identity = self._manifest.identity
        if identity is None:
            raise ValueError("nothing was begun")
        return identity


class BlocksSink(_Whole):
    """A folder of blocks, the data of a Prometheus: made by promtool, or without it left as OpenMetrics."""

    def __init__(self, folder: Path, field: str, step: int, scenario: str, keys: int, replace: bool) -> None:
        """Open the folder, which is created if needed.

        Raises:
            ForeignStore: it contains another scenario, or something else.
            LockedFailure: another run writes to it.
            StorageFailure: it cannot be written.
        """
        super().__init__(field, step, scenario, keys)
        self.name = f"{SCHEME}{folder}"
        self._folder = folder
        self._own: tuple[str, ...] = ()
        make_folder(folder)
        self._held = ExitStack()
        self._held.enter_context(lock(folder, option="--store"))
        try:
            self._look(replace)
        except BaseException:
            self._held.close()
            raise

    def begin(self, window: Window) -> Window:
        """Start from the beginning; returns the hull of the requested window and the stored one."""
        with storage(self._folder):
            for name in (_TEXTS, _MADE):
                shutil.rmtree(self._folder / name, ignore_errors=True)
        make_folder(self._folder / _TEXTS)
        return self._hull(window)

    def write(self, keys: tuple[str, ...], grid: Grid, amounts: Ints) -> int:
        """Append to the text of a week."""
        path = self._text(grid.start)
        with storage(path), path.open("ab") as file:
            file.write(text_of(self._manifest.field, keys, grid, amounts, ticks=1))
        return int(np.count_nonzero(amounts >= 0))

    def finish(self) -> str:
        """Convert the texts to blocks if promtool is available, and return the identity.

        Raises:
            StoreError: promtool does not accept them.
        """
        window = self._manifest.window
        if window is None:
            raise ValueError("nothing was begun")
        first = self._text(window.start)
        with storage(self._folder):
            with first.open("ab") as file:
                file.write(info_of(self._manifest, ticks=1))
            texts = sorted((self._folder / _TEXTS).glob("*.metrics"))
            for path in texts:
                with path.open("ab") as file:
                    file.write(END)
        promtool = shutil.which("promtool")
        if promtool is None:
            sys.stderr.write(
                f"sl: promtool is not installed: {self._folder / _TEXTS} contains OpenMetrics to make blocks from\n"
            )
            made: list[str] = []
        else:
            made = self._blocks(promtool, texts)
        said = {**_plain(self._manifest), "blocks": made}
        write_atomic(self._folder / _SAYS, (json.dumps(said, indent=1) + "\n").encode())
        self._held.close()
        return self._identity

    def _text(self, time: int) -> Path:
        week = datetime.fromtimestamp(week_start(time), UTC).date().isoformat()
        return self._folder / _TEXTS / f"{week}.metrics"

    def _blocks(self, promtool: str, texts: list[Path]) -> list[str]:
        """Replace earlier blocks with those of the texts, and delete the texts."""
        made = self._folder / _MADE
        for path in texts:
            command = [promtool, "tsdb", "create-blocks-from", "--max-block-duration=1000h", "-q", "openmetrics"]
            done = subprocess.run([*command, path, made], check=False, capture_output=True, text=True)  # noqa: S603
            if done.returncode:
                reason = " ".join(done.stderr.split())[-200:]
                raise StoreError(
                    f"promtool could not make blocks from {path} ({reason}): check whether the disk is full"
                )
        with storage(self._folder):
            for name in self._own:
                shutil.rmtree(self._folder / name, ignore_errors=True)
            names = sorted(path.name for path in made.iterdir() if path.is_dir())
            for name in names:
                (made / name).rename(self._folder / name)
            shutil.rmtree(made)
            shutil.rmtree(self._folder / _TEXTS)
        return names

    def _look(self, replace: bool) -> None:
        """The manifest in the folder, if it contains anything made here."""
        path = self._folder / _SAYS
        with storage(self._folder):
            there = {one.name for one in self._folder.iterdir() if not one.name.startswith(".")}
            text = path.read_bytes() if path.is_file() else None
        if text is not None:
            try:
                said: dict[str, Any] = json.loads(text)
                found, self._own = manifest_of(said), tuple(map(str, said["blocks"]))
            except (ValueError, TypeError, KeyError) as error:
                raise DamagedStore(f"{path} is damaged ({error}): use another folder") from None
            self._take(found, replace)
        if others := sorted(there - {_SAYS, _TEXTS, *self._own}):
            raise ForeignStore(
                f"{self._folder} holds {others[0]}, which sl did not create, or a server has run on it: use an empty "
                "or new folder with --store"
            )


class ImportSink(_Whole):
    """A VictoriaMetrics, through its import API. What was generated into it before is deleted first."""

    def __init__(
        self, name: str, field: str, step: int, scenario: str, keys: int, replace: bool, access: Access
    ) -> None:
        """Query what it contains.

        Raises:
            UsageFailure: it is a Prometheus, which accepts no samples of the past.
            ForeignStore: it contains another scenario.
        """
        super().__init__(field, step, scenario, keys)
        place = find_place(name)
        self.name = place.name
        self._connection = Connection(place, access)
        if not (flavour := flavour_of(self._connection)).imports:
            raise UsageFailure(
                f"{self.name} is {flavour.name}, which accepts no past samples: use --store {SCHEME}FOLDER to make "
                "blocks for it"
            )
        if (found := held(self._connection)) is not None:
            self._take(found, replace)

    def begin(self, window: Window) -> Window:
        """Delete what was generated before; returns the hull of its window and the requested one."""
        for metric in (INFO, metric_name(self._manifest.field)):
            self._connection.send(f"/api/v1/admin/tsdb/delete_series?match[]={metric}", b"")
        return self._hull(window)

    def write(self, keys: tuple[str, ...], grid: Grid, amounts: Ints) -> int:
        """Send a block."""
        count = int(np.count_nonzero(amounts >= 0))
        if count:
            self._import(text_of(self._manifest.field, keys, grid, amounts, ticks=1000))
        self._samples += count
        return count

    def finish(self) -> str:
        """Make it searchable, count it, write the manifest, and return the identity.

        Raises:
            StoreError: it does not contain exactly what was sent.
        """
        window = self._manifest.window
        if window is None:
            raise ValueError("nothing was begun")
        self._connection.send("/internal/force_flush", b"")
        metric, seconds = metric_name(self._manifest.field), window.seconds
        promql = f"sum(count_over_time({metric}[{seconds}s] offset 1ms))"
        answer = self._connection.ask("query", query=promql, time=window.end, **FRESH)
        there = sum(value for _, found in pairs(answer, "vector") for value in found.values())
        if there != self._samples:
            raise StoreError(
                f"{self.name} holds {there:,.0f} samples of {metric}, not the {self._samples:,} that were sent: "
                f"run again"
            )
        self._import(info_of(self._manifest, ticks=1000))
        self._connection.send("/internal/force_flush", b"")
        self._connection.close()
        return self._identity

    def _import(self, text: bytes) -> None:
        self._connection.send("/api/v1/import/prometheus", text)


def held(connection: Connection) -> Manifest | None:
    """The manifest of what was generated into a server; None if there is none.

    Raises:
        StoreError: there are several, or it cannot be read.
    """
    # VictoriaMetrics ignores a start of 0 and then looks at the last five minutes.
    found = connection.ask("series", **{"match[]": INFO, "start": 1, "end": 4_102_444_800})
    try:
        said = [manifest_of(labels) for labels in found]
    except (ValueError, TypeError, KeyError):
        raise StoreError(f"{connection.name} contains a series {INFO} without information: delete it") from None
    if len(said) > 1:
        raise StoreError(f"{connection.name} holds {len(said)} generated data sets: delete all but one")
    return said[0] if said else None


def _plain(manifest: Manifest) -> dict[str, Any]:
    if manifest.window is None:
        raise StorageFailure("nothing was begun")
    window = manifest.window
    said = {"scenario": manifest.scenario, "field": manifest.field, "step": manifest.step}
    return {**said, "start": window.start, "end": window.end}
