"""What a node alone needs: the requests of a run, noted once, are sent again over bare connections, and nothing is read
of their answers. No client can be faster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

import urllib3

from tests.between import Between

_TOGETHER = ("/_bulk", "/_search")


@dataclass(frozen=True)
class Noted:
    """A request, and the status of its answer."""

    method: str
    path: str
    kind: str | None
    """Of its body."""
    body: bytes
    status: int

    @property
    def together(self) -> bool:
        """Whether it may be sent beside others of its kind."""
        return self.path.partition("?")[0].endswith(_TOGETHER)


def note(url: str, work: Callable[[str], object]) -> list[Noted]:
    """The requests of `work` in their order; it is given the address of somebody who hands them on to `url`."""
    with Between(url) as between:
        work(between.url)
        return [
            Noted(asked.method, asked.path, asked.headers.get("content-type"), asked.body, told.status)
            for asked, told in between.log
        ]


def send(url: str, requests: Sequence[Noted], at_once: int) -> None:
    """Send them in that order; bodies and searches that follow each other so many at once.

    Raises:
        SystemExit: an answer has another status than before.
    """
    pool = urllib3.connection_from_url(url, maxsize=at_once)

    def one(noted: Noted) -> None:
        headers = {"accept": "application/json"} | ({"content-type": noted.kind} if noted.kind else {})
        answer = pool.urlopen(noted.method, noted.path, noted.body or None, headers, retries=False)
        if answer.status != noted.status:
            raise SystemExit(f"{noted.method} {noted.path} was answered {noted.status}, now {answer.status}.")

    with ThreadPoolExecutor(at_once) as threads:
        for together, some in groupby(requests, lambda noted: noted.together):
            for _ in threads.map(one, some) if together else map(one, some):
                pass
    pool.close()
