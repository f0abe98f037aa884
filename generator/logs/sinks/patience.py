"""How long a sink waits for an other side that is unreachable or busy: pauses that grow, and an end."""

from __future__ import annotations

import time
from collections.abc import Callable

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 2.0
MOMENT = 1.0


class Patience:
    """Waits between attempts, until nothing went well for `seconds`."""

    def __init__(
        self,
        seconds: float,
        note: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.seconds = seconds
        self._note = note
        self._clock = clock
        self._sleep = sleep
        self._since: float | None = None
        self._pause = FIRST_PAUSE
        self._noted = False

    @property
    def left(self) -> float:
        """Seconds until the end of it, at least 0."""
        return self.seconds if self._since is None else max(0.0, self._since + self.seconds - self._clock())

    def reset(self) -> None:
        """Something went well."""
        self._since = None
        self._noted = False
        self._pause = FIRST_PAUSE

    def wait(self, why: str, pause: Callable[[float], None] | None = None) -> bool:
        """Wait a while before the next attempt, by `pause` if that knows better; False, at once, if it is used up.

        `why` is said once, when it takes longer than a moment.
        """
        if self._since is None:
            self._since = self._clock()
        if self.left <= 0:
            return False
        if not self._noted and self.left < self.seconds - MOMENT:
            self._noted = True
            self._note(f"{why}: waiting up to {self.seconds:g} s")
        (pause or self._sleep)(min(self._pause, self.left))
        self._pause = min(LONGEST_PAUSE, 2 * self._pause)
        return True
