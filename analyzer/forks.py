"""Work on items that have nothing to do with each other, shared among forks of the run.

A fork has all that the run has, and hands back what it made. It outlives no run, however that ended, and leaves signals
to it. What a fork did not finish, the run does itself, and so shows why.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from multiprocessing.connection import Connection, Pipe, wait
from typing import Generic, TypeVar

from traffic.processors import processors

_MOST = 2
"""Forks; each holds an item in memory."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1

Item = TypeVar("Item")
Made = TypeVar("Made")


def forks_here() -> int:
    """How many forks pay on this machine: none where there is one processor, or no safe way to fork."""
    count = min(_MOST, processors()) if sys.platform == "linux" else 0
    return count if count > 1 else 0


def made_of(items: Sequence[Item], make: Callable[[Item], Made], forks: int) -> Iterator[tuple[Made, bool]]:
    """What `make` makes of each item, in their order, and whether a fork made it.

    Args:
        make: what it remembers from item to item, each process remembers of its own. What it returns is pickled.
        forks: processes besides this one; none, or a single item: this one does all.
    """
    count = min(forks, len(items))
    if count < 2:
        yield from ((make(item), False) for item in items)
        return
    with closing(_Forks(items, make, count)) as those:
        yield from those.made()


class _Forks(Generic[Item, Made]):
    """Some forks, from their start to `close()`."""

    def __init__(self, items: Sequence[Item], make: Callable[[Item], Made], count: int) -> None:
        self._items, self._make = items, make
        self._lines: list[Connection] = []
        self._processes: list[int] = []
        # Without forks, the run does all by itself.
        with suppress(OSError):
            for _ in range(count):
                self._fork()

    def made(self) -> Iterator[tuple[Made, bool]]:
        """As `made_of`; a fork has its next item as soon as its last one is taken from it."""
        todo = deque(range(len(self._items)))
        doing: dict[Connection, int] = {}
        done: dict[int, tuple[Made, bool]] = {}

        def hand(line: Connection) -> None:
            if todo:
                doing[line] = todo.popleft()
                # A fork that is gone shows when it is listened to.
                with suppress(OSError):
                    line.send(doing[line])

        for line in self._lines:
            hand(line)
        for place in range(len(self._items)):
            while place not in done:
                if not doing:
                    mine = todo.popleft()
                    done[mine] = self._make(self._items[mine]), False
                    continue
                for line in [one for one in wait(list(doing)) if isinstance(one, Connection)]:
                    item = doing.pop(line)
                    try:
                        done[item] = line.recv(), True
                    except (EOFError, OSError):
                        done[item] = self._make(self._items[item]), False
                    else:
                        hand(line)
            yield done.pop(place)

    def close(self) -> None:
        """Send them away, also from the middle of an item."""
        for line in self._lines:
            line.close()
        for process in self._processes:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)

    def _fork(self) -> None:
        ours, theirs = Pipe()
        run = os.getpid()
        # A signal before the fork lets go of the run's way of ending would unwind the run a second time.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            process = os.fork()
            if not process:
                self._work(theirs, run)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        self._lines.append(ours)
        self._processes.append(process)

    def _work(self, line: Connection, run: int) -> None:
        """What a fork does; it never returns, for behind it lies the run's unfinished business."""
        try:
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            # What the run has is no garbage here.
            gc.freeze()
            while os.getppid() == run:
                line.send(self._make(self._items[line.recv()]))
        finally:
            os._exit(0)
