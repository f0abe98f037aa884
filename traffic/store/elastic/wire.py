"""The wire: what comes back is bounded, in bytes and in time, whoever answers; and how long one waits for a cluster."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from elastic_transport import NodeConfig, Urllib3HttpNode

MOST_BYTES = 256 << 20
"""Of the body of an answer, unpacked."""
MOST_RATIO = 200
"""Bytes of a body for each that came over the wire; what is smaller than a megabyte may be packed as it likes."""
MOST_SECONDS = 300.0
"""From the first byte of a body to its last."""
_CHUNK = 1 << 16
_SAID_AFTER = 5.0
"""Seconds after which a person is told that one waits."""
_LONGEST = 15.0


class Unbounded(Exception):
    """An answer that is not read to its end, or that sends one elsewhere."""


class BoundedNode(Urllib3HttpNode):
    """A node whose answers are read piece by piece, and no further than the bounds."""

    def __init__(self, config: NodeConfig) -> None:
        super().__init__(config)
        ask: Callable[..., Any] = self.pool.urlopen

        def urlopen(method: str, target: str, **settings: Any) -> _Answer:
            response = ask(method, target, preload_content=False, **settings)
            try:
                if 300 <= response.status < 400:
                    raise Unbounded(f"it redirects to {response.headers.get('location', 'another address')}")
                return _Answer(response.status, response.headers, b"".join(bounded(response)))
            except BaseException:
                # What is left of it is nothing that another request should find.
                response.close()
                raise
            finally:
                response.release_conn()

        self.pool.urlopen = urlopen  # type: ignore[method-assign,assignment]


@dataclass(frozen=True)
class _Answer:
    """What the client looks at of an answer."""

    status: int
    headers: Any
    data: bytes = field(repr=False)


def bounded(response: Any) -> Iterator[bytes]:
    """The body of an answer of urllib3, as it comes.

    Raises:
        Unbounded: it is larger, packed tighter or slower than any answer should be.
    """
    begun, size = time.monotonic(), 0
    while chunk := response.read1(_CHUNK, decode_content=True):
        size += len(chunk)
        if size > MOST_BYTES:
            raise Unbounded(f"its answer is larger than {MOST_BYTES >> 20} MiB")
        if size > 1 << 20 and size > MOST_RATIO * max(1, response.tell()):
            raise Unbounded(f"its answer unpacks to more than {MOST_RATIO} times its size")
        if time.monotonic() - begun > MOST_SECONDS:
            raise Unbounded(f"its answer takes longer than {MOST_SECONDS:.0f} s")
        yield chunk


class Waiting:
    """How long one goes on asking a cluster that has too much to do or is not there for the moment.

    Of one request: the seconds are counted from its first failure.
    """

    def __init__(self, name: str, seconds: float) -> None:
        self._name = name
        self._seconds = seconds
        self._since: float | None = None
        self._tries = 0
        self._said = False

    def longer(self, why: str, after: str | None) -> bool:
        """Wait a while; False at once where that would be too long in all.

        Args:
            why: what a person is told.
            after: what the server said of when to come again (`Retry-After`).
        """
        now = time.monotonic()
        since = self._since = now if self._since is None else self._since
        left = since + self._seconds - now
        # A different while for each, so that those who were sent away do not come back together.
        pause = random.uniform(0.5, 1.0) * min(_LONGEST, 0.5 * 2**self._tries)  # noqa: S311 - no secret
        pause = max(pause, seconds_of(after) or 0.0)
        if pause > left:
            return False
        if not self._said and now + pause - since > _SAID_AFTER:
            self._said = True
            sys.stderr.write(f"sl: {self._name}: {why}; waiting up to {self._seconds:.0f} s\n")
        self._tries += 1
        time.sleep(pause)
        return True


def seconds_of(after: str | None) -> float | None:
    """How long a `Retry-After` says to wait: seconds, or a date."""
    if after is None:
        return None
    with suppress(ValueError):
        return max(0.0, float(after))
    with suppress(ValueError, TypeError):
        return max(0.0, parsedate_to_datetime(after).timestamp() - time.time())
    return None
