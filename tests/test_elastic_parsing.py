"""While answers are read Python's collector of cycles rests, and afterwards it is as it was."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from threading import Barrier, Thread

import pytest
from elastic_transport import SerializationError

from traffic.store.elastic.parsing import Parser, uncollected


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    yield
    gc.enable()


@pytest.mark.parametrize("before", [True, False])
def test_the_collector_rests_inside_and_is_as_before_afterwards_also_after_an_error(before: bool) -> None:
    (gc.enable if before else gc.disable)()
    with uncollected():
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled() is before
    assert Parser().loads(b'{"a": [1]}') == {"a": [1]}
    with pytest.raises(SerializationError):
        Parser().loads(b'{"a": ')
    assert gc.isenabled() is before


def test_it_rests_until_the_last_of_several_threads_is_done() -> None:
    entered, first_left = Barrier(2), Barrier(2)
    seen = []

    def second() -> None:
        with uncollected():
            entered.wait(5)
            first_left.wait(5)
            seen.append(gc.isenabled())

    thread = Thread(target=second)
    thread.start()
    with uncollected():
        entered.wait(5)
    first_left.wait(5)
    thread.join(5)
    assert seen == [False]
    assert gc.isenabled()
