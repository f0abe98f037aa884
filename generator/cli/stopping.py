"""Ctrl-C and SIGTERM for a run that has no end of its own: it finishes what it is at, and says what it did."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

GRACE = 5.0
"""Seconds that a run has to finish what it is at, before it is stopped in the middle of that."""
AGAIN = 2.0
"""Seconds for each thing that is still to be done then."""


class Stop:
    """Whether the run was asked to end, and by which signal."""

    def __init__(self) -> None:
        self.number: int | None = None
        self._asked = threading.Event()

    def asked(self) -> bool:
        """Whether it was asked to end."""
        return self._asked.is_set()

    def wait(self, seconds: float) -> None:
        """Wait so long, or until it is asked to end."""
        self._asked.wait(max(seconds, 0.0))

    def ask(self, number: int) -> None:
        """Ask it to end."""
        self.number = number
        self._asked.set()


@contextmanager
def stopping() -> Iterator[Stop]:
    """While it lasts, the first signal asks the run to end; a second, or GRACE, does what the door does."""
    stop = Stop()
    before: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, _frame: FrameType | None) -> None:
        stop.ask(number)
        signal.signal(number, before[number])
        signal.setitimer(signal.ITIMER_REAL, GRACE)

    def insist(_number: int, frame: FrameType | None) -> None:
        assert stop.number is not None
        handler = before[stop.number]
        # What it is stopped in may be followed by something that waits as well.
        signal.setitimer(signal.ITIMER_REAL, AGAIN)
        if callable(handler):
            handler(stop.number, frame)

    alarm = signal.signal(signal.SIGALRM, insist)
    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, alarm)
        for number, handler in before.items():
            signal.signal(number, handler)
