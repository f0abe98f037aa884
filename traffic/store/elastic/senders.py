"""Several bodies under way at once, so that a node always has the next one while it answers another."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from traffic.store.elastic.bulk import Loader

AT_ONCE = 3
"""Requests: one more than a small node works on, which would wait for us whenever it has answered."""


class Senders:
    """Threads that send bodies for all that load into a cluster. Safe to use from several threads."""

    def __init__(self, loader: Loader) -> None:
        """No thread is started yet."""
        self._loader = loader
        self._pool = ThreadPoolExecutor(AT_ONCE)

    def load(self, index: str, bodies: Iterable[tuple[int, bytes]]) -> int:
        """Create the documents of all bodies, with how many each creates, and answer how many were not there before.

        A body is made when there is a thread for it, or soon will be.

        Raises:
            Away, StoreError: as `Loader.load`; what was not sent by then is not.
        """
        stored = 0
        waiting: deque[Future[int]] = deque()
        try:
            for count, body in bodies:
                waiting.append(self._pool.submit(self._loader.load, index, count, body))
                if len(waiting) > AT_ONCE:
                    stored += waiting.popleft().result()
            return stored + sum(one.result() for one in waiting)
        finally:
            for one in waiting:
                one.cancel()

    def close(self) -> None:
        """Nothing more is sent."""
        self._pool.shutdown()
