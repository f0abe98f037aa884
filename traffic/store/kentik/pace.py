"""Keeps to the published limits in advance: requests at once, in any minute, and in any hour."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Lock, Semaphore

from traffic.errors import Failure
from traffic.store.base import TooLarge

AT_ONCE = 4
"""Number of queries that Kentik answers in parallel."""


@dataclass(frozen=True)
class Limit:
    """At most `count` requests in any `seconds`."""

    count: int
    seconds: float


# Kentik counts from receipt, we from sending: a second more keeps us inside whatever the network does in between.
# Above 30 queries a minute the server makes each wait a second, above 100 it refuses. 30 leave room for the portal and
# for a run that is started again at once, and cost nothing: a query in two seconds is what a busy account answers.
QUERIES = (Limit(30, 61.0), Limit(1_500, 3_605.0))
OTHERS = (Limit(20, 61.0), Limit(3_750, 3_605.0))


class Pace:
    """Lets requests through as the limits allow. Safe to use from several threads."""

    def __init__(
        self,
        limits: Sequence[Limit] = QUERIES,
        at_once: int = AT_ONCE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._limits = tuple(limits)
        self._clock = clock
        self._sleep = sleep
        self._room = Semaphore(at_once)
        self._turn = Lock()
        self._sent: deque[float] = deque(maxlen=max(limit.count for limit in limits))
        self._not_before = float("-inf")

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until one more request may be sent; it counts as in progress until the block ends."""
        with self._room:
            # One thread waits for all: those behind it could not go before it anyway.
            with self._turn:
                while (rest := self._next() - self._clock()) > 0:
                    self._sleep(rest)
                self._sent.append(self._clock())
            yield

    def hold(self, seconds: float) -> None:
        """The server asked for a pause."""
        self._not_before = max(self._not_before, self._clock() + seconds)

    def _next(self) -> float:
        return max([self._not_before, *earliest(self._sent, self._limits)])


class Together:
    """Requests that run in parallel: if one fails for good, those that wait fail with it.

    Their answers would not be used, and a wait can take an hour.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._under_way = 0
        self._failed = Event()
        self._why: Failure | None = None

    @contextmanager
    def one(self) -> Iterator[None]:
        """A request; any error in it, except that it was too large, fails all of them."""
        with self._lock:
            if not self._under_way:
                self._failed.clear()
            self._under_way += 1
        try:
            yield
        except TooLarge:
            raise
        except Failure as failure:
            self.abandon(failure)
            raise
        finally:
            with self._lock:
                self._under_way -= 1

    def abandon(self, why: Failure) -> None:
        """The answers are no longer needed."""
        self._why = why
        self._failed.set()

    def sleep(self, seconds: float) -> None:
        """Wait; if another request fails meanwhile, raise its error."""
        if self._failed.wait(seconds) and self._why is not None:
            raise self._why


def earliest(sent: Sequence[float], limits: Sequence[Limit]) -> Iterator[float]:
    """For each limit, when the next request may be sent, given the times of the last ones."""
    for limit in limits:
        if len(sent) >= limit.count:
            yield sent[-limit.count] + limit.seconds


def duration(requests: int, each: float, at_once: int = AT_ONCE, limits: Sequence[Limit] = QUERIES) -> float:
    """Seconds that a number of requests take within the limits, if the server needs `each` seconds for one."""
    sent: list[float] = []
    for number in range(requests):
        free = sent[number - at_once] + each if number >= at_once else 0.0
        sent.append(max([free, sent[-1] if sent else 0.0, *earliest(sent, limits)]))
    return sent[-1] + each if sent else 0.0
