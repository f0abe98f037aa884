"""Bodies that are sent several at a time: each once, never too many at once, none after one that failed."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Barrier, Lock
from typing import cast

import pytest

from traffic.store.base import StoreError
from traffic.store.elastic.bulk import Loader
from traffic.store.elastic.senders import AT_ONCE, Senders


class _Loader:
    """Takes what it is sent, and counts how much of it is under way."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.bodies: list[bytes] = []
        self.now = self.most = 0

    def load(self, _index: str, count: int, body: bytes) -> int:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
            self.bodies.append(body)
        try:
            return self.answer(count, body)
        finally:
            with self._lock:
                self.now -= 1

    def answer(self, count: int, _body: bytes) -> int:
        return count


def _sending(loader: _Loader) -> Senders:
    return Senders(cast(Loader, loader))


def test_each_body_is_sent_once() -> None:
    loader = _Loader()
    senders = _sending(loader)
    assert senders.load("traffic", ((count, b"%d" % count) for count in range(50))) == sum(range(50))
    senders.close()
    assert sorted(loader.bodies, key=int) == [b"%d" % count for count in range(50)]
    assert loader.most <= AT_ONCE


def test_as_many_as_can_be_are_under_way_together() -> None:
    class Together(_Loader):
        barrier = Barrier(AT_ONCE)

        def answer(self, count: int, _body: bytes) -> int:
            # Fewer at once would wait for ever.
            self.barrier.wait(timeout=30)
            return count

    loader = Together()
    senders = _sending(loader)
    assert senders.load("traffic", [(1, b"one")] * 2 * AT_ONCE) == 2 * AT_ONCE
    senders.close()
    assert loader.most == AT_ONCE


def test_nothing_more_is_made_once_a_body_failed() -> None:
    class Refusing(_Loader):
        def answer(self, _count: int, body: bytes) -> int:
            raise StoreError(body.decode())

    made = []

    def bodies() -> Iterator[tuple[int, bytes]]:
        for count in range(50):
            made.append(count)
            yield 1, b"%d" % count

    senders = _sending(Refusing())
    with pytest.raises(StoreError, match=r"^0$"):
        senders.load("traffic", bodies())
    senders.close()
    assert len(made) == AT_ONCE + 1
