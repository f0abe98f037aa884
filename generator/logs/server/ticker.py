"""When the next batch of a stream is due, and how many were missed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class Ticker:
    """A tick every `interval` seconds. Whoever is late misses ticks; they are counted, and not made up for."""

    def __init__(self, interval: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.interval = interval
        self._clock = clock
        self._due = clock()

    @property
    def left(self) -> float:
        """Seconds until the next tick, at least 0."""
        return max(0.0, self._due - self._clock())

    def tick(self) -> int:
        """The tick that was due has come; how many more had to be left out before it."""
        late = self._clock() - self._due
        missed = int(late / self.interval) if late > 0 else 0
        self._due += (missed + 1) * self.interval
        return missed

    def change(self, interval: float) -> None:
        """From now on another interval."""
        self.interval = interval
        self._due = min(self._due, self._clock() + interval)

    async def wait(self, stopped: Callable[[], bool], longest: float) -> bool:
        """Wait for the next tick, for `longest` seconds at the most; whether it has come. Ends early when stopped."""
        until = self._clock() + longest
        while (left := self.left) > 0 and not stopped():
            if self._clock() >= until:
                return False
            await asyncio.sleep(min(left, LOOK))
        return not stopped()


LOOK = 0.5
"""Seconds after which a sleeper looks whether it is to stop."""
