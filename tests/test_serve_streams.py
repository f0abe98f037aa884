"""Streams of `./sl.py serve` under readers that are many, slow, or gone: memory, files and streams stay bounded."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
import uvicorn
from uvicorn.server import ServerState

from generator.logs.server import live, run
from generator.logs.server.app import create_app
from generator.logs.server.engine import MOST_ANOMALIES, MOST_CLIENTS, Batch, Busy, Engine, Full
from generator.logs.server.guard import Rules
from generator.logs.server.ticker import Ticker
from generator.logs.settings import LogSettings
from generator.logs.stream import Stream
from generator.logs.types import TYPES
from tests.serving import Server, descriptors, events, served

START = 1_770_000_000_000_000


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served() as one:
        yield one


def reader(server: Server, query: str, room: int | None = None) -> socket.socket:
    """A connection that has asked for a stream, and reads nothing by itself."""
    connection = socket.socket()
    if room is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    connection.settimeout(30)
    connection.connect(("127.0.0.1", server.port))
    connection.sendall(f"GET {query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    return connection


@pytest.mark.parametrize("path", ["/api/stream", "/api/stream/ndjson"])
def test_a_client_that_leaves_frees_its_stream_and_its_connection(server: Server, path: str) -> None:
    server.until(0)
    before = descriptors(server)
    for how in ("close", "shutdown", "reset"):
        readers = [reader(server, f"{path}?interval=0.1") for _ in range(20)]
        server.until(20)
        assert server.get("/api/status")["is_running"] is True
        for one in readers:
            if how == "shutdown":
                one.shutdown(socket.SHUT_RDWR)
            elif how == "reset":
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            one.close()
        server.until(0)
    deadline = time.monotonic() + 30
    while descriptors(server) > before:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_stream_that_ends_by_itself_is_freed(server: Server) -> None:
    server.ask("GET", "/api/stream?interval=0.1&max_batches=2")
    server.until(0)


def test_a_request_that_is_gone_before_its_answer_leaves_no_stream(server: Server) -> None:
    for _ in range(50):
        reader(server, "/api/stream").close()
    server.until(0)


def test_readers_that_read_nothing_cost_bounded_memory_and_what_they_missed_is_counted(server: Server) -> None:
    server.told("POST", "/api/reset")
    with ExitStack() as stack:
        idle = [stack.enter_context(reader(server, "/api/stream?batch_size=100&interval=0.1", 4096)) for _ in range(20)]
        server.until(len(idle))
        deadline = time.monotonic() + 60
        # All of them full: the kernel holds what it holds, and nothing more is made.
        made = -1
        while made != (made := server.get("/api/status")["logs_generated"]):
            assert time.monotonic() < deadline
            time.sleep(0.5)
        full = server.memory()
        time.sleep(1)
        assert server.get("/api/status")["logs_generated"] == made
        assert server.memory() - full < 5
        # One that reads again gets what was kept for it, and hears how much it missed.
        text = b""
        while b'"skipped":' not in text[-200_000:]:
            said = idle[0].recv(1 << 16)
            assert said
            text += said
        missed = json.loads(b"{" + text[text.index(b'"skipped":') :].split(b",")[0] + b"}")["skipped"]
        assert missed >= 100
        assert missed % 100 == 0
        assert server.get("/api/status")["lines_skipped"] >= missed
        assert server.get("/health")["status"] == "healthy"
    server.until(0)


def test_others_are_served_while_one_reads_nothing(server: Server) -> None:
    with reader(server, "/api/stream?batch_size=100&interval=0.1", 4096):
        with server.ask("GET", "/api/stream?batch_size=5&interval=0.1", stream=True) as answer:
            assert len(events(answer, 10)) == 10
        assert server.told("POST", "/api/generate", {"count": 10_000})["count"] == 10_000
    server.until(0)


def test_there_are_no_more_streams_than_there_is_room_for() -> None:
    engine = Engine(LogSettings(), lambda: START)
    clients = [engine.join(0.05, labels=True) for _ in range(MOST_CLIENTS)]
    with pytest.raises(Full, match="500 streams are open, which is the limit"):
        engine.join(0.05, labels=True)
    engine.leave(clients[0])
    engine.leave(clients[0])
    engine.join(0.05, labels=True)


def test_no_more_anomalies_go_on_or_wait_than_there_is_room_for() -> None:
    now = [START]
    engine = Engine(LogSettings(), lambda: now[0])
    client, other = engine.join(0, labels=True), engine.join(0, labels=True)
    for _ in range(MOST_ANOMALIES):
        client.inject("error_spike", 100)
    with pytest.raises(Busy, match="wait until one of them ends"):
        client.inject("error_spike")
    for _ in range(3 * MOST_ANOMALIES):
        engine.inject("data_anomaly", 100)
    assert kinds_of(client.take(500, now[0])) == {"error_spike"}
    assert kinds_of(other.take(500, now[0])) == {"data_anomaly"}
    marked = [engine.generate(10_000, 0, labels=True, form="json").anomalous for _ in range(3)]
    assert 97 * MOST_ANOMALIES <= sum(marked) <= 120 * MOST_ANOMALIES


@pytest.mark.parametrize("kind", TYPES)
def test_an_anomaly_that_had_room_to_end_is_over_at_whatever_time_it_was_asked_for(kind: str) -> None:
    for hour in range(168):
        engine = Engine(LogSettings(), itertools.repeat(START + (3600 * hour + 1234) * 1_000_000).__next__)
        engine.inject(kind, 30)
        assert abs(engine.generate(3000, 0, labels=True, form="json").anomalous - 30) <= 3
        assert not engine.active


@pytest.mark.parametrize(("count", "rate"), [(10, 0.1), (100, 0.01), (100, 0.1), (100, 0.3), (1000, 0.1)])
def test_an_answer_holds_the_share_to_within_three_lines_an_incident(count: int, rate: float) -> None:
    now = [START]
    engine = Engine(LogSettings(), lambda: now[0])
    for _ in range(100):
        now[0] += 7_919_003_001
        batch = engine.generate(count, rate, labels=True, form="json")
        hit = [labels["incident_id"] for text in batch.texts if (labels := json.loads(text)["_labels"])["is_anomaly"]]
        assert batch.anomalous == len(hit)
        assert abs(len(hit) - rate * count) <= 3 * max(len(set(hit)), 1)


def kinds_of(batch: Batch) -> set[str]:
    return {json.loads(text)["_labels"]["anomaly_type"] for text in batch.texts} - {"none"}


def test_lines_of_a_live_stream_lie_between_the_last_batch_and_now() -> None:
    now = [START]
    engine = Engine(LogSettings(), lambda: now[0])
    client = engine.join(0.2, labels=True, interval=2.0)
    times: list[str] = []
    for _ in range(5):
        batch = client.take(10, now[0])
        times += [json.loads(text)["timestamp"] for text in batch.texts]
        now[0] += 2_000_000
    assert times == sorted(times)
    assert times[0] > "2026-02-02T02:39:58"
    assert times[9] == "2026-02-02T02:40:00.000000"
    assert times[-1] == "2026-02-02T02:40:08.000000"


def test_a_change_of_the_settings_reaches_streams_that_run() -> None:
    now = [START]
    engine = Engine(LogSettings(), lambda: now[0])
    client = engine.join(0.5, labels=True)
    found: list[set[str]] = []
    for kind in ("error_spike", "data_anomaly"):
        engine.configure(0.5, {one: one == kind for one in vars(LogSettings().anomalies.types)})
        kinds: set[str] = set()
        for _ in range(20):
            now[0] += 1_000_000
            labels = [json.loads(text)["_labels"] for text in client.take(50, now[0]).texts]
            kinds |= {label["anomaly_type"] for label in labels if label["is_anomaly"]}
        found.append(kinds)
    assert found == [{"error_spike"}, {"data_anomaly"}]


def test_two_servers_with_one_seed_and_one_clock_make_the_same_lines() -> None:
    made = []
    for seed in (1, 1, 2):
        engine = Engine(replace(LogSettings(), seed=seed), lambda: START)
        made.append([engine.generate(50, 0.1, labels=True, form="json").texts, engine.one(True, True)])
    assert made[0] == made[1] != made[2]


def test_streams_are_what_the_generator_makes() -> None:
    engine = Engine(LogSettings(), lambda: START)
    assert isinstance(engine.stream("any", 0.1, START), Stream)
    seeds = {engine.stream(f"client {number}", 0.1, START).seed for number in range(1000)}
    assert len(seeds) == 1000


def test_a_stream_of_events_says_that_it_is_there_while_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT", 0.05)
    engine = Engine(LogSettings(), lambda: START)

    async def first(count: int) -> list[bytes]:
        stream = live.events(engine, engine.join(0.05, labels=True), 1, 60.0, None)
        found = [await anext(stream) for _ in range(count)]
        engine.stopping = True
        assert [one async for one in stream] == []
        return found

    found = asyncio.run(first(3))
    assert found[0].startswith(b'data: {"batch":1,"count":1,')
    assert found[1:] == [b": still here\n\n"] * 2


def test_a_connection_on_which_nobody_asks_anything_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "HURRY", 0.3)
    engine = Engine(LogSettings(), lambda: START)
    config = uvicorn.Config(create_app(engine, Rules()), lifespan="off", log_config=None)
    config.load()

    async def answers(said: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        state = ServerState()
        listener = await loop.create_server(lambda: run.Punctual(config, state, {}), "127.0.0.1", 0)
        async with listener:
            reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
            writer.write(said)
            try:
                found = await asyncio.wait_for(reader.read(1 << 16), 30)
                if found.startswith(b"HTTP/1.1 200"):
                    # A stream that has begun goes on.
                    found += (await asyncio.wait_for(reader.readuntil(b'"batch":8'), 30))[:1]
                return found
            finally:
                engine.stopping = True
                writer.close()
                await asyncio.sleep(0.6)

    assert asyncio.run(answers(b"")) == b""
    assert asyncio.run(answers(b"GET /api/status HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")) == b""
    engine.stopping = False
    assert asyncio.run(answers(b"GET /api/stream?interval=0.1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")) != b""


def test_a_pace_counts_what_it_missed_and_does_not_make_up_for_it() -> None:
    now = [100.0]
    pace = Ticker(2.0, lambda: now[0])
    assert (pace.left, pace.tick()) == (0.0, 0)
    assert pace.left == 2.0
    now[0] = 102.5
    assert (pace.left, pace.tick()) == (0.0, 0)
    assert pace.left == 1.5
    now[0] = 113.0
    assert pace.tick() == 4
    assert pace.left == 1.0
    pace.change(0.5)
    assert pace.left == 0.5
