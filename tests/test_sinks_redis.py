"""Lines to a list in a real Redis: stored once each, whatever happens to the server meanwhile."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from generator.logs.sinks import Counts, Opening, SinkFailure, open_log_sink
from generator.logs.sinks.base import SinkDenied, SinkRefused
from tests.lines import lines, numbers
from tests.proxy import Proxy
from tests.redis import RedisServer
from traffic.store.access import Access

NAME = "smoke_event"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    redis = RedisServer(tmp_path, "--appendonly", "yes", "--appendfsync", "always").start()
    yield redis
    redis.close()


def address(server: RedisServer, tail: str = "") -> str:
    return f"redis://127.0.0.1:{server.port}/0/{NAME}{tail}"


def test_lines_arrive_once_and_in_order_and_nothing_else_is_left(server: RedisServer) -> None:
    sink = open_log_sink(address(server))
    assert (sink.name, sink.guarantee) == (address(server), "stored")
    sink.write(lines(2500))
    sink.write(lines(0))
    sink.write(lines(1, 2500))
    assert sink.close() == Counts(2501, 2501, 0)
    assert numbers(server.texts(NAME)) == list(range(2501))
    assert server.client.keys() == [NAME.encode()]


@pytest.mark.parametrize("form", ["redis://127.0.0.1:{}/smoke_event", "redis://127.0.0.1:{}?key=smoke_event"])
def test_a_list_is_named_with_or_without_its_database(server: RedisServer, form: str) -> None:
    sink = open_log_sink(form.format(server.port))
    sink.write(lines(3))
    sink.close()
    assert sink.name == address(server)
    assert numbers(server.texts(NAME)) == [0, 1, 2]


def test_what_is_in_the_list_stays_before_what_is_new(server: RedisServer) -> None:
    server.client.rpush(NAME, '{"number": -1}')
    sink = open_log_sink(address(server))
    sink.write(lines(2))
    sink.close()
    assert numbers(server.texts(NAME)) == [-1, 0, 1]


def test_a_server_that_is_killed_and_comes_back_has_every_line_once(server: RedisServer) -> None:
    sink = open_log_sink(address(server))
    done = threading.Event()

    def disturb() -> None:
        while not done.is_set():
            time.sleep(0.05)
            server.kill()
            server.start()

    other = threading.Thread(target=disturb)
    other.start()
    try:
        for first in range(0, 60_000, 3000):
            sink.write(lines(3000, first))
    finally:
        done.set()
        other.join()
    assert sink.close() == Counts(60_000, 60_000, 0)
    assert numbers(server.texts(NAME)) == list(range(60_000))


@pytest.mark.parametrize("after", [False, True])
def test_an_answer_that_is_lost_costs_no_line_and_repeats_none(server: RedisServer, after: bool) -> None:
    """The connection is cut at the transaction: before the server has it, or after it is done and before the answer."""
    with Proxy(server.port) as proxy:
        sink = open_log_sink(f"redis://127.0.0.1:{proxy.port}/0/{NAME}")
        sink.write(lines(10))
        proxy.cut(b"EXEC", after=after)
        sink.write(lines(10, 10))
        sink.write(lines(10, 20))
        assert proxy.cuts == 1
        assert sink.close() == Counts(30, 30, 0)
    assert numbers(server.texts(NAME)) == list(range(30))


def test_a_server_that_comes_back_empty_is_said(server: RedisServer) -> None:
    notes: list[str] = []
    sink = open_log_sink(address(server), Opening(note=notes.append))
    sink.write(lines(10))
    server.kill()
    shutil.rmtree(server.folder / "appendonlydir")
    server.start()
    sink.write(lines(10, 10))
    assert sink.close() == Counts(20, 20, 0)
    assert numbers(server.texts(NAME)) == list(range(10, 20))
    assert len(notes) == 1
    assert notes[0].startswith(f"{sink.name} restarted without its data: up to 10 of the lines")


def test_a_server_that_stays_away_is_one_line_with_the_exact_counts(server: RedisServer) -> None:
    sink = open_log_sink(address(server), Opening(patience=0.3))
    sink.write(lines(10))
    server.kill()
    with pytest.raises(SinkFailure, match=r"has not accepted lines for 0.3 s \(.*\): start it") as caught:
        sink.write(lines(5, 10))
    assert str(caught.value).endswith("run again; 10 lines stored, 5 dropped")
    assert "\n" not in str(caught.value)
    assert sink.close() == caught.value.counts == Counts(10, 10, 5)


def test_no_more_lines_wait_in_the_list_than_may_and_it_goes_on_when_some_are_taken(server: RedisServer) -> None:
    sink = open_log_sink(address(server, "?limit=100"))
    taken: list[bytes] = []
    longest = 0
    done = threading.Event()

    def take() -> None:
        nonlocal longest
        while not (done.is_set() and len(taken) == 1000):
            longest = max(longest, int(server.client.llen(NAME)))
            some: Any = server.client.lpop(NAME, 37)
            taken.extend(some or ())

    reader = threading.Thread(target=take)
    reader.start()
    sink.write(lines(1000))
    counts = sink.close()
    done.set()
    reader.join()
    assert counts == Counts(1000, 1000, 0)
    assert numbers(taken) == list(range(1000))
    assert longest <= 100


def test_a_full_list_that_nobody_reads_is_one_line_with_the_exact_counts(server: RedisServer) -> None:
    sink = open_log_sink(address(server, "?limit=100"), Opening(patience=0.2))
    with pytest.raises(SinkFailure, match=r"holds 100 lines, and none was taken for 0.2 s") as caught:
        sink.write(lines(130))
    assert str(caught.value).endswith("100 lines stored, 30 dropped")
    assert server.client.llen(NAME) == 100


def test_a_server_without_memory_is_waited_for(server: RedisServer) -> None:
    sink = open_log_sink(address(server), Opening(patience=0.2))
    server.client.config_set("maxmemory", 1)
    with pytest.raises(SinkFailure, match="has not accepted lines"):
        sink.write(lines(3))
    server.client.config_set("maxmemory", 0)
    sink.write(lines(3, 3))
    assert sink.close() == Counts(3, 3, 3)
    assert numbers(server.texts(NAME)) == [3, 4, 5]


def test_a_name_that_holds_something_else_is_refused_and_stays(server: RedisServer) -> None:
    server.client.set(NAME, "mine")
    with pytest.raises(SinkRefused, match=r"smoke_event in redis://.* is a string, not a list: use another key"):
        open_log_sink(address(server))
    assert server.client.get(NAME) == b"mine"


@contextmanager
def locked(folder: Path) -> Iterator[RedisServer]:
    server = RedisServer(folder, "--requirepass", "open sesame").start()
    try:
        yield server
    finally:
        server.close()


def test_a_password_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with locked(tmp_path) as server:
        with pytest.raises(SinkDenied, match=r"denies access .* set REDISCLI_AUTH to its password") as caught:
            open_log_sink(address(server))
        assert caught.value.exit_code == 5
        monkeypatch.setenv("REDISCLI_AUTH", "wrong")
        with pytest.raises(SinkDenied, match="denies access"):
            open_log_sink(address(server))
        monkeypatch.setenv("REDISCLI_AUTH", "open sesame")
        sink = open_log_sink(address(server))
        sink.write(lines(2))
        assert sink.close().stored == 2


def certificates(folder: Path, name: str) -> Path:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate = authority.issue_cert(name)
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    return folder


def test_over_tls_lines_are_stored_and_who_is_not_to_be_trusted_gets_none(tmp_path: Path) -> None:
    tls = certificates(tmp_path, "127.0.0.1")
    server = RedisServer(tmp_path, tls=tls).start()
    try:
        name = address(server).replace("redis:", "rediss:")
        with pytest.raises(SinkDenied, match=r"no secure connection to rediss:.*: pass its CA with") as caught:
            open_log_sink(name)
        assert caught.value.exit_code == 5
        sink = open_log_sink(name, Opening(entry=Access(ca_file=str(tls / "ca.pem"))))
        sink.write(lines(10))
        assert sink.close() == Counts(10, 10, 0)
        assert numbers(server.texts(NAME)) == list(range(10))
    finally:
        server.close()


def test_nobody_there_is_one_line_at_once() -> None:
    with pytest.raises(
        SinkFailure, match=r"cannot connect to redis://127.0.0.1:1/0/x .*: check the address and that Redis is running"
    ):
        open_log_sink("redis://127.0.0.1:1/0/x")
