"""Lines to files that are rotated by size."""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from generator.logs.sinks.base import Counts, Guarantee, Lines, SinkStorage, failed
from generator.logs.sinks.descriptor import ends_of, put, whole, why
from traffic.disk import make_folder, storage
from traffic.errors import StorageFailure

SIZE = 10 << 20
KEPT = 5


class RotatingFile:
    """Files `STEM_YYYYMMDD_HHMMSS_N.SUFFIX` (`generator.logs.sinks.base.LineSink`), N = 0, 1, ... within the run.

    A file holds whole lines and at most `size` bytes, but for a line that is longer. The newest `kept` files of the
    run stay; files of other runs are never touched.
    """

    guarantee: Guarantee = "stored"

    def __init__(self, path: Path, suffix: str = ".json", size: int = SIZE, kept: int = KEPT) -> None:
        """Make the folder and the first file.

        Args:
            path: folder and stem of the names, as `output/logs`.
            suffix: of the names.
            size: bytes of a file, at least 1.
            kept: files that stay; 0 is all of them.

        Raises:
            StorageFailure: they cannot be made.
        """
        make_folder(path.parent)
        self.name = str(path)
        self._suffix, self._size, self._kept = suffix, size, kept
        self._stored = self._removed = self._dropped = 0
        self._older: deque[tuple[Path, int]] = deque()
        """Files of this run that are full and still there, with their lines."""
        self._bytes = self._lines = 0
        self._descriptor: int | None = None
        self._base, self._descriptor = self._first(path)
        self._number = 0

    @property
    def path(self) -> Path:
        """The file that is written to."""
        return self._numbered(self._base, self._number)

    def write(self, lines: Lines) -> None:
        """Append them, to as many files as they need.

        Raises:
            SinkStorage: the disk is full or fails. What was written of a line that did not fit is taken back.
        """
        ends = ends_of(lines.texts)
        start = 0
        while start < len(lines):
            before = int(ends[start - 1]) if start else 0
            stop = int(np.searchsorted(ends, before + self._size - self._bytes, side="right"))
            if stop <= start and self._bytes:
                self._rotate(len(lines) - start)
                continue
            stop = max(stop, start + 1)  # a line longer than a file gets one of its own
            body = b"\n".join(lines.texts[start:stop]) + b"\n"
            done, error = put(self._opened(), body)
            taken = whole(ends[start:stop] - before, done)
            self._bytes += int(ends[start + taken - 1]) - before if taken else 0
            self._lines += taken
            self._stored += taken
            start += taken
            if error is not None:
                # Half a line would be taken for a broken one.
                with suppress(OSError):
                    os.ftruncate(self._opened(), self._bytes)
                self._fail(error, len(lines) - start)

    def close(self) -> Counts:
        """Make the last file outlive a crash of the machine.

        Raises:
            SinkStorage: the disk does not keep it.
        """
        self._seal(0)
        return self.counts

    @property
    def counts(self) -> Counts:
        """As of now."""
        return Counts(self._stored + self._removed, self._stored, self._dropped)

    def _opened(self) -> int:
        if self._descriptor is None:
            raise ValueError(f"{self.name} is closed")
        return self._descriptor

    def _rotate(self, rest: int) -> None:
        """The next file. `rest`: lines that are lost if there is none."""
        self._seal(rest)
        self._older.append((self.path, self._lines))
        self._number += 1
        try:
            self._descriptor = self._create(self.path)
            self._bytes = self._lines = 0
            while self._kept and len(self._older) >= self._kept:
                oldest, held = self._older.popleft()
                oldest.unlink(missing_ok=True)
                self._stored -= held
                self._removed += held
        except OSError as error:
            self._fail(error, rest)

    def _seal(self, rest: int) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        try:
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            # Nobody knows which of them the disk has.
            self._stored -= self._lines
            self._fail(error, rest + self._lines)

    def _fail(self, error: OSError, lost: int) -> None:
        self._dropped += lost
        raise failed(SinkStorage, why(str(self.path), error), self.counts, self.guarantee) from error

    def _first(self, path: Path) -> tuple[Path, int]:
        """A name that no other run has: where one began in the same second, the next second's."""
        moment = datetime.now(UTC)
        while True:
            base = path.with_name(f"{path.stem}_{moment:%Y%m%d_%H%M%S}")
            first = self._numbered(base, 0)
            try:
                with storage(first):
                    return base, self._create(first)
            except StorageFailure as failure:
                if not isinstance(failure.__cause__, FileExistsError):
                    raise
            moment += timedelta(seconds=1)

    def _numbered(self, base: Path, number: int) -> Path:
        return base.with_name(f"{base.name}_{number}{self._suffix}")

    @staticmethod
    def _create(path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_APPEND, 0o666)
