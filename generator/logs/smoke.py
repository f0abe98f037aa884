"""A steady series with one rise: a document every few seconds, and for half an hour ten times as many.

The simplest thing that a detector has to find: nothing but the number of documents changes, and when it does is known.
"""

from __future__ import annotations

import json

import numpy as np

from generator.logs.model import LogIncident
from generator.logs.sinks import Lines
from generator.rng import Rng
from traffic.errors import UsageFailure
from traffic.model import Ints
from traffic.text import length

EVERY = 5
"""Seconds between two documents."""
FACTOR = 10
"""How many there are instead of one while it lasts."""
LASTS = 1800
"""Seconds."""
INDEX = "smoke_event-%Y.%m.%d"

_REQUESTS = ("/index.html", "/cart", "/login", "/products/1", "/search?q=shoes")
_DOCUMENT = {
    "response": 200,
    "agent": "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "remote_ip": "192.168.1.1",
    "remote_user": "-",
    "bytes": 5120,
    "referrer": "https://www.example.com/",
}


class SmokeFeed:
    """The series from `start` to `end` (epoch seconds; `generator.logs.run.Feed`)."""

    def __init__(self, seed: int, start: int, end: int) -> None:
        """Choose when it rises, from the seed.

        Raises:
            UsageFailure: the window has no room for it.
        """
        if end - start < 3 * LASTS:
            raise UsageFailure(
                f"a window of {length(end - start)} is too short: the series needs at least {length(3 * LASTS)}"
            )
        start -= start % EVERY
        steps, wide = (end - start) // EVERY, LASTS // EVERY
        rng = Rng(seed, "smoke", 0, "")
        # Not at the very edge: before and after it there is something to compare it with.
        first = rng.whole(wide, steps - 2 * wide)
        self.rise = (start + first * EVERY, start + (first + wide) * EVERY)
        self._start, self._steps, self._first, self._wide = start, steps, first, wide
        self._run = f"smoke-{seed}-{start}-{end}"
        self._line = 0
        self._drained = False
        rest = json.dumps(_DOCUMENT)[1:]
        self._tails = [f'", "request": "{request}", {rest}' for request in _REQUESTS]

    @property
    def total(self) -> int:
        """Documents in all."""
        return self._steps + self._wide * (FACTOR - 1)

    @property
    def ended(self) -> bool:
        """Whether there are no more."""
        return self._line >= self.total

    @property
    def anomalous(self) -> int:
        """How many documents there were while it was risen."""
        return min(max(self._line - self._first, 0), self._wide * FACTOR)

    def take(self, count: int, now: int | None = None) -> Lines:
        """The next `count` documents. They have times of their own; `now` does not count."""
        del now
        first, last = self._line, min(self._line + count, self.total)
        self._line = last
        numbers = np.arange(first, last, dtype=np.int64)
        # Which step a document belongs to: those of the rise have ten.
        inside = np.clip(numbers - self._first, 0, self._wide * FACTOR)
        steps = numbers - inside + inside // FACTOR
        times = (self._start + steps * EVERY) * 1_000_000
        texts = [
            f'{{"@timestamp": "{time}", "timestamp": "{time}{self._tails[number % len(self._tails)]}'.encode()
            for time, number in zip(_iso(times), range(first, last), strict=True)
        ]
        return Lines(self._run, first, times, texts)

    def drain(self) -> tuple[LogIncident, ...]:
        """The rise, once it is over."""
        return () if self._drained or self._line < self._first + self._wide * FACTOR else self.close()

    def close(self) -> tuple[LogIncident, ...]:
        """The rise, if any of it was handed out."""
        lines = self.anomalous
        if self._drained or not lines:
            return ()
        self._drained = True
        steps = -(-lines // FACTOR)
        start = self.rise[0]
        rise = LogIncident(
            id=f"{self._run}-rise",
            type="rise",
            kind="rise",
            service="",
            shows_in=("requests",),
            factor=FACTOR,
            start=start * 1_000_000,
            end=(start + steps * EVERY) * 1_000_000,
            lines=lines,
        )
        return (rise,)


def _iso(times_us: Ints) -> list[str]:
    return [f"{text}Z" for text in np.datetime_as_string(times_us.view("M8[us]"), unit="s").tolist()]
