"""Memory of a process and of all that it started, together: what they share counts once."""

from __future__ import annotations

import threading
from collections import defaultdict
from contextlib import suppress
from pathlib import Path


class Together:
    """The most that they had at any of the times at which was looked."""

    def __init__(self, process: int, seconds: float = 0.05) -> None:
        """`seconds`: between two looks."""
        self.mib = 0.0
        self._process, self._seconds = process, seconds
        self._over = threading.Event()
        self._looking = threading.Thread(target=self._look)

    def __enter__(self) -> Together:
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._looking.join()

    def _look(self) -> None:
        while not self._over.wait(self._seconds):
            self.mib = max(self.mib, sum(map(_share, _family(self._process))))


def _family(process: int) -> list[int]:
    """The process and its descendants."""
    children = defaultdict(list)
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            children[int((folder / "stat").read_text().rpartition(")")[2].split()[1])].append(int(folder.name))
    found = [process]
    for one in found:
        found += children[one]
    return found


def _share(process: int) -> float:
    """Its proportional set size in MiB: of a page that several processes share, its part."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0
