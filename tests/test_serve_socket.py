"""The WebSocket of `./sl.py serve`: batches, actions, and messages that is not valid."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from socket import SHUT_RDWR
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.serving import Server, served

KINDS = "'error_spike', 'latency_degradation', 'security_threat', 'resource_exhaustion', 'service_outage'"
TOKEN = "0123456789abcdef-+/~"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served() as one:
        yield one


def open_socket(server: Server, **more: Any) -> ClientConnection:
    return connect(server.url.replace("http", "ws") + "/ws/logs", proxy=None, **more)


def told(socket: ClientConnection, kind: str) -> Any:
    """The next message of that type; batches of lines may come before it."""
    while True:
        message = json.loads(socket.recv(timeout=30))
        if message["type"] == kind:
            return message
        assert message["type"] == "logs", message


def say(socket: ClientConnection, **message: Any) -> None:
    socket.send(json.dumps(message))


def test_ws_logs_sends_batches_of_ten_lines_a_second(server: Server) -> None:
    with open_socket(server) as socket:
        batch = told(socket, "logs")
    assert set(batch) == {"type", "count", "anomaly_count", "logs"}
    assert batch["count"] == len(batch["logs"]) == 10
    assert {"timestamp", "level", "source", "service", "message", "_labels"} <= set(batch["logs"][0])


def test_ws_logs_configure_changes_what_comes_next(server: Server) -> None:
    config = {"batch_size": 5, "interval": 0.1, "anomaly_rate": 0.1, "include_labels": False}
    with open_socket(server) as socket:
        say(socket, action="configure", config=config)
        assert told(socket, "config_updated") == {"type": "config_updated", "config": config}
        for _ in range(3):
            batch = told(socket, "logs")
            assert batch["count"] == 5
            assert "_labels" not in batch["logs"][0]


def test_ws_logs_configure_of_a_part_takes_the_usual_for_the_rest(server: Server) -> None:
    with open_socket(server) as socket:
        say(socket, action="configure", config={"batch_size": 1000, "interval": 0.5})
        answer = told(socket, "config_updated")
        assert answer["config"] == {"batch_size": 1000, "interval": 0.5, "anomaly_rate": 0.05, "include_labels": True}
        assert told(socket, "logs")["count"] == 1000


def test_ws_logs_inject_anomaly_shows_in_the_stream_of_that_client_alone(server: Server) -> None:
    with open_socket(server) as one, open_socket(server) as other:
        for socket in (one, other):
            say(socket, action="configure", config={"batch_size": 100, "interval": 0.1, "anomaly_rate": 0})
            told(socket, "config_updated")
        say(one, action="inject_anomaly", anomaly_type="security_threat")
        assert told(one, "anomaly_injected") == {"type": "anomaly_injected", "anomaly_type": "security_threat"}
        kinds = {line["_labels"]["anomaly_type"] for _ in range(10) for line in told(one, "logs")["logs"]}
        assert kinds == {"none", "security_threat"}
        assert sum(told(other, "logs")["anomaly_count"] for _ in range(10)) == 0


BROKEN: list[tuple[str | bytes, str]] = [
    ("", "not valid JSON"),
    ("{", "not valid JSON"),
    ("[" * 30_000, "not valid JSON"),
    ("null", "a message must be a JSON object such"),
    ("[1]", "a message must be a JSON object such"),
    ('"configure"', "a message must be a JSON object such"),
    ("{}", "unknown action null; use configure, inject_anomaly"),
    ('{"action": "explode"}', 'unknown action "explode"; use configure, inject_anomaly'),
    ('{"action": ["configure"]}', "unknown action"),
    ('{"action": "configure", "config": 5}', "config: "),
    ('{"action": "configure", "config": null}', "config: "),
    ('{"action": "configure", "config": {"batch_size": 0}}', "batch_size: Input should be greater than or equal to 1"),
    ('{"action": "configure", "config": {"batch_size": 1001}}', "batch_size: Input should be less than or equal"),
    ('{"action": "configure", "config": {"batch_size": "ten"}}', "batch_size: Input should be a valid integer"),
    ('{"action": "configure", "config": {"interval": 0.01}}', "interval: Input should be greater than or equal to 0.1"),
    ('{"action": "configure", "config": {"interval": NaN}}', "interval: "),
    ('{"action": "configure", "config": {"anomaly_rate": 1e999}}', "anomaly_rate: "),
    ('{"action": "inject_anomaly", "anomaly_type": "earthquake"}', f"anomaly_type: Input should be {KINDS}"),
    ('{"action": "inject_anomaly", "anomaly_type": 7}', "anomaly_type: "),
    ('{"action": "inject_anomaly", "duration_logs": 1000000}', "duration_logs: "),
    (b"\x00\xff", "the message must be text, not bytes"),
]


def test_a_broken_message_gets_an_answer_and_the_socket_stays_open(server: Server) -> None:
    with open_socket(server) as socket:
        for sent, words in BROKEN:
            socket.send(sent)
            message = told(socket, "error")["message"]
            assert words in message, sent
            assert "\n" not in message
        say(socket, action="configure", config={"batch_size": 3})
        assert told(socket, "config_updated")["config"]["batch_size"] == 3
        assert told(socket, "logs")["count"] == 3


def test_a_huge_message_closes_the_socket_by_policy_and_nothing_else(server: Server) -> None:
    with open_socket(server) as socket:
        socket.send("x" * 70_000)
        with suppress(ConnectionClosed):
            for _ in socket:
                pass
        assert socket.close_code == 1009
    assert server.get("/health")["status"] == "healthy"


def test_a_socket_that_leaves_frees_its_stream(server: Server) -> None:
    server.until(0)
    with ExitStack() as opened:
        sockets = [opened.enter_context(open_socket(server)) for _ in range(20)]
        server.until(20)
        for socket in sockets[:10]:
            socket.close()
        for socket in sockets[10:]:
            socket.socket.shutdown(SHUT_RDWR)  # as a client that is killed
        server.until(0)


def test_a_client_that_says_much_and_reads_nothing_costs_bounded_memory(server: Server) -> None:
    before = server.memory()
    with open_socket(server, max_queue=1, close_timeout=0) as socket:
        socket.socket.settimeout(1)
        message = json.dumps({"action": "explode" * 1000})
        until = time.monotonic() + 5
        with suppress(OSError, ConnectionClosed):
            while time.monotonic() < until:
                socket.send(message)
        assert server.memory() - before < 20
    server.until(0)


def test_a_page_of_elsewhere_gets_no_socket(server: Server) -> None:
    for origin in ("http://evil.example", "null", server.url.replace("127.0.0.1", "localhost"), "http://127.0.0.1:1"):
        with pytest.raises(InvalidStatus) as caught:
            open_socket(server, origin=origin)
        assert caught.value.response.status_code == 403
    with open_socket(server, origin=server.url) as socket:
        told(socket, "logs")


def test_where_a_token_is_needed_a_socket_needs_it_by_header_or_by_protocol() -> None:
    import base64

    encoded = base64.urlsafe_b64encode(TOKEN.encode()).decode().rstrip("=")
    with served(SL_SERVE_TOKEN=TOKEN) as server:
        for wrong in ({}, {"additional_headers": {"Authorization": "Bearer wrong"}}, {"subprotocols": ["sl.token.eA"]}):
            with pytest.raises(InvalidStatus) as caught:
                open_socket(server, **wrong)
            assert caught.value.response.status_code == 401
        with open_socket(server, additional_headers={"Authorization": f"Bearer {TOKEN}"}) as socket:
            told(socket, "logs")
        with open_socket(server, subprotocols=["sl.logs", f"sl.token.{encoded}"]) as socket:
            assert socket.subprotocol == "sl.logs"
            told(socket, "logs")
