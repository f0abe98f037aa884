"""Processes that draw: they load matplotlib while the run is still searching, and then share the pictures.

Only one is started; once it has loaded everything it divides into the others. A painter is sent what is to be drawn and
answers with the bytes of a PNG. It touches no file: writing, and all that can go wrong with it, stays with the run.
It ends when its line to the run is cut, so it outlives no run, however that ended, and it leaves Ctrl-C to the run.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import TYPE_CHECKING

from traffic.processors import processors

if TYPE_CHECKING:
    from analyzer.report.chart.picture import Picture

_MOST = 4
"""Painters; each takes the memory of a Python with matplotlib in it."""

_ROOT = Path(__file__).resolve().parent.parent.parent
_PROGRAM = """
import gc, sys
gc.disable()
sys.path[0] = sys.argv[1]
from analyzer.report.painters import be_painters
be_painters([int(line) for line in sys.argv[2:]])
"""


def painters(wanted: bool, likely: bool = True) -> AbstractContextManager[Painters | None]:
    """Painters, until the end of the context; None where there is only one processor to share.

    Args:
        wanted: whether pictures are drawn at all.
        likely: they load from now on; else when there turns out to be something to draw.
    """
    count = min(_MOST, processors())
    if wanted and count > 1:
        # Without painters the run draws by itself.
        with suppress(OSError):
            return closing(Painters(count, at_once=likely))
    return nullcontext()


class Painters:
    """Some painters, from their start to `close()`."""

    def __init__(self, count: int, at_once: bool = True) -> None:
        """Start them, or leave that to whoever has the first picture for them."""
        self._count = count
        self._lines: list[Connection] = []
        self._process: subprocess.Popen[bytes] | None = None
        if at_once:
            self._start()

    def _start(self) -> None:
        pairs = [Pipe() for _ in range(self._count)]
        self._lines = [ours for ours, _ in pairs]
        theirs = [line.fileno() for _, line in pairs]
        self._process = subprocess.Popen(  # noqa: S603 - a program of our own
            [sys.executable, "-c", _PROGRAM, str(_ROOT), *map(str, theirs)],
            pass_fds=theirs,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Threads of numpy's would be lost when a painter divides.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        for _, line in pairs:
            line.close()

    def paint(self, pictures: Sequence[Picture]) -> Iterator[tuple[int, bytes]]:
        """The PNGs, each with its place in `pictures`, in the order in which they get done.

        Every painter has its first picture when this returns, and the next one as soon as its answer is read.
        What a painter could not finish is left out: whoever draws it anew will see why.
        """
        if self._process is None:
            with suppress(OSError):
                self._start()
        todo = deque(range(len(pictures)))
        doing: dict[Connection, int] = {}

        def hand(line: Connection) -> None:
            if todo:
                # A painter that is gone shows when its answer is read.
                with suppress(OSError):
                    doing[line] = todo.popleft()
                    line.send(pictures[doing[line]])

        def painted() -> Iterator[tuple[int, bytes]]:
            while doing:
                ready = wait(list(doing))
                for line in [one for one in doing if one in ready]:
                    place = doing.pop(line)
                    try:
                        png = line.recv_bytes()
                    except (EOFError, OSError):
                        continue
                    hand(line)
                    yield place, png

        for line in self._lines:
            hand(line)
        return painted()

    def close(self) -> None:
        """Send them away, also from the middle of a picture."""
        for line in self._lines:
            line.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def be_painters(lines: Sequence[int]) -> None:
    """What the started process does: load, divide into one painter for each of these file descriptors, draw."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from analyzer.report.chart.picture import rehearse

    rehearse()
    # What is loaded is no garbage: it is not looked through, and pages of it stay shared between painters.
    gc.freeze()
    gc.enable()
    mine, others = lines[0], lines[1:]
    for place, other in enumerate(others):
        if os.fork() == 0:
            os.close(mine)
            mine, others = other, others[place + 1 :]
            break
    for other in others:
        with suppress(OSError):
            os.close(other)
    line: Connection = Connection(mine)
    with suppress(EOFError, OSError):
        while True:
            picture: Picture = line.recv()
            line.send_bytes(picture.png())
