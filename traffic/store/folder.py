"""How the folder of the embedded store is laid out: `store.json`, METRIC/WEEK/BLOCK.parquet, and what of it is ours.

`store.json` says what the block files have in common. A run announces in it what it is about to write (`begun`) and
states at its end what is there as a whole (`window`): a run that was killed leaves a store that says so.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from traffic.disk import storage, sweep, write_atomic
from traffic.model import WEEK, Window, week_start
from traffic.store.base import DamagedStore, ForeignStore

STORE = "store.json"
NOTE = "labels.json"
"""What `generate` knows of the traffic besides: what it would find out again in the next run."""
FORMAT = 1
"""Of a store in which every row of a block file has room for a whole week; what other stores call theirs too."""
SHORT_ROWS = 2
"""Of a store in which the rows of a block file end with the last value of the file: new ones are made so."""
READABLE = (FORMAT, SHORT_ROWS)

WAY_OUT = "run ./sl.py generate --replace to recreate it"

_METRIC = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_WEEK = re.compile(r"\d{4}-\d{2}-\d{2}")
_BLOCK = re.compile(r"(\d{4,10})\.parquet")


@dataclass(frozen=True)
class Manifest:
    """What `store.json` says."""

    format: int
    field: str
    step: int
    bits: int
    """Of a key's hash, that choose its block."""
    scenario: str
    window: Window | None = None
    """What is there as a whole; None while that is being changed."""
    begun: Window | None = None
    """What will be there when the run that writes ends."""
    dropping: bool = False
    """Whether block files of before have yet to go."""

    @property
    def whole_weeks(self) -> bool:
        """Whether each row of a block file has room for a whole week; else they end with the last value of the file."""
        return self.format == FORMAT

    @property
    def identity(self) -> str | None:
        """Of what was generated; None before it is there as a whole."""
        return None if self.window is None else f"{self.scenario[:16]}:{self.window.start}-{self.window.end}"


@dataclass(frozen=True)
class BlockFile:
    """One block file by its place: the week that it holds (its first second), and which keys."""

    path: Path
    week: int
    block: int

    @property
    def name(self) -> str:
        """Its place in the store, the same wherever the store is."""
        return "/".join(self.path.parts[-3:])


def is_store(folder: Path) -> bool:
    """Whether `folder` is one of ours, whole or damaged."""
    return (folder / STORE).is_file()


def read_manifest(folder: Path) -> Manifest:
    """What the store in `folder` says of itself.

    Raises:
        DamagedStore: it makes no sense.
    """
    path = folder / STORE
    with storage(path):
        text = path.read_bytes()
    try:
        manifest = _parse(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamagedStore(f"{path} is damaged ({error}): {WAY_OUT}") from error
    if manifest.format not in READABLE:
        known = " or ".join(map(str, READABLE))
        raise ForeignStore(
            f"{path} has the format {manifest.format}, not {known}: use the version that made it, or {WAY_OUT}"
        )
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Say in `folder` what the store holds, at once or not at all."""
    fields = asdict(manifest)
    for name in ("window", "begun"):
        window = getattr(manifest, name)
        fields[name] = None if window is None else [window.start, window.end]
    write_atomic(folder / STORE, (json.dumps(fields, indent=1) + "\n").encode())


def block_path(folder: Path, field: str, week: int, block: int) -> Path:
    """Where a block of a week (its first second) is."""
    return folder / field / datetime.fromtimestamp(week, UTC).date().isoformat() / f"{block:04d}.parquet"


def block_files(folder: Path, field: str, window: Window | None = None) -> list[BlockFile]:
    """The block files of the weeks that `window` touches (None: all), by week and block; other files are left out."""
    found = []
    with storage(folder):
        for week in (folder / field).iterdir() if (folder / field).is_dir() else ():
            start = _week_of(week.name)
            if start is None or (window is not None and not Window(start, start + WEEK).overlap(window)):
                continue
            for path in week.iterdir() if week.is_dir() else ():
                match = _BLOCK.fullmatch(path.name)
                if match:
                    found.append(BlockFile(path, start, int(match[1])))
    return sorted(found, key=lambda file: (file.week, file.block))


def sweep_store(folder: Path, field: str) -> None:
    """Remove the temporary files of killed runs; for the holder of the lock."""
    sweep(folder)
    if (folder / field).is_dir():
        for week in (folder / field).iterdir():
            if week.is_dir() and _week_of(week.name) is not None:
                sweep(week)


def drop(folder: Path, field: str) -> None:
    """Remove the block files of `field`, and the folders that this leaves empty; nothing that is not ours."""
    for file in block_files(folder, field):
        with storage(file.path):
            file.path.unlink(missing_ok=True)
    sweep_store(folder, field)
    with storage(folder):
        for week in (folder / field).iterdir() if (folder / field).is_dir() else ():
            if _week_of(week.name) is not None:
                with suppress(OSError):  # somebody else's files are in it
                    week.rmdir()
    with suppress(OSError):
        (folder / field).rmdir()


def refuse_foreign(folder: Path) -> None:
    """Stop before a folder in which something else lives; names with a leading dot do not count.

    Raises:
        ForeignStore: it is not empty, and no store.
        StorageFailure: it is a file, or cannot be read.
    """
    with storage(folder):
        if not folder.exists() or is_store(folder):
            return
        others = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if others:
        raise ForeignStore(f"{folder} is not a store but contains {others[0]}: use an empty or new folder with --store")


def _week_of(name: str) -> int | None:
    """The first second of the week that a folder is named after, or None."""
    if not _WEEK.fullmatch(name):
        return None
    try:
        day = date.fromisoformat(name)
    except ValueError:
        return None
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    return start if week_start(start) == start else None


def _parse(fields: Any) -> Manifest:
    """The manifest, checked as far as anything relies on it."""
    if not isinstance(fields, dict) or not isinstance(fields.get("format"), int):
        raise ValueError("it has no format")
    if fields["format"] not in READABLE:
        return Manifest(fields["format"], "", 0, 0, "")
    manifest = Manifest(**fields)
    for name, kind in (("field", str), ("step", int), ("bits", int), ("scenario", str), ("dropping", bool)):
        if not isinstance(getattr(manifest, name), kind):
            raise ValueError(f"{name} is {getattr(manifest, name)!r}")
    if not _METRIC.fullmatch(manifest.field):
        raise ValueError(f"the field {manifest.field!r} cannot be the name of a folder")
    if not 0 < manifest.step <= 3600 or 3600 % manifest.step or not 0 <= manifest.bits <= 32:
        raise ValueError(f"step {manifest.step}, bits {manifest.bits}")
    window, begun = (None if fields[name] is None else Window(*map(int, fields[name])) for name in ("window", "begun"))
    return replace(manifest, window=window, begun=begun)
