"""A clock that only goes when somebody waits, so that an hour of limits passes in milliseconds."""

from __future__ import annotations

from threading import Lock


class Clock:
    """Seconds since 1970, moved by whoever sleeps. Two who wait for the same moment wait for it once."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._lock = Lock()

    def __call__(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let it pass."""
        self.until(self._now + seconds)

    def until(self, time: float) -> None:
        """Go on to a moment, if it is not past."""
        with self._lock:
            self._now = max(self._now, time)
