"""What a server can answer that is not an answer: none of it is used, each is a line and an exit code."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from traffic.errors import AccessDenied, Failure, PartialAnswer, UsageFailure
from traffic.store import Columns, open_source
from traffic.store.access import Access
from traffic.store.base import Away, StoreError, TooLarge, TooLong
from traffic.store.prometheus.client import Connection
from traffic.store.prometheus.place import find_place

SECRET = "t0p-s3cret"
DATA = {"resultType": "vector", "result": []}
GOOD = json.dumps({"status": "success", "data": DATA}).encode()


class Answering(ThreadingHTTPServer):
    """Answers the same to everybody, but for the first few."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[int, bytes, dict[str, str]]] = []
        self.heard: list[dict[str, str]] = []

    @property
    def store(self) -> str:
        return f"prometheus:http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Answering

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.heard.append(dict(self.headers))
        answers = self.server.answers
        status, content, headers = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def answering() -> Iterator[Answering]:
    with Answering() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()


def error(kind: str, text: str) -> bytes:
    return json.dumps({"status": "error", "errorType": kind, "error": text}).encode()


def success(**more: Any) -> bytes:
    return json.dumps({"status": "success", "data": DATA, **more}).encode()


BAD: list[tuple[int, bytes, type[Failure], str]] = [
    (200, success(warnings=["store 2 is not reachable"]), PartialAnswer, "store 2 is not reachable"),
    (200, success(isPartial=True), PartialAnswer, "partial answer"),
    (200, success(partial=True), PartialAnswer, "partial answer"),
    (200, b"[]", StoreError, "does not respond like Prometheus:"),
    (200, b'{"status": "error"}', StoreError, "does not respond like Prometheus:"),
    (301, b"", StoreError, "not followed"),
    (400, error("bad_data", "parse error: unexpected limit"), UsageFailure, "check --value"),
    (400, error("bad_data", "exceeded maximum resolution of 11,000 points"), TooLong, "maximum resolution"),
    (401, b"", AccessDenied, "check the login"),
    (403, b"", AccessDenied, "check the login"),
    (404, b"404 page not found", StoreError, "check the address"),
    (413, b"", TooLarge, "413"),
    (422, error("execution", "query processing would load too many samples into memory"), TooLarge, "too many"),
    (422, error("422", "too many points for the given step"), TooLong, "too many points"),
    (422, error("execution", "multiple matches for labels"), UsageFailure, "multiple matches"),
    (500, b"", Away, "is overloaded"),
    (503, error("timeout", "query timed out in query execution"), TooLarge, "timed out"),
    (504, b"", TooLarge, "504"),
]


@pytest.mark.parametrize(("status", "content", "kind", "line"), BAD, ids=lambda value: str(value)[:40])
def test_what_is_no_answer_is_refused_in_a_line(
    answering: Answering, status: int, content: bytes, kind: type[Failure], line: str
) -> None:
    answering.answers = [(status, content, {"Location": "http://elsewhere.example/"} if status == 301 else {})]
    connection = Connection(find_place(answering.store), Access("me", SECRET, wait=0.6))
    with pytest.raises(kind) as caught:
        connection.ask("query", query="up")
    assert type(caught.value) is kind
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)


def test_what_passes_is_asked_again(answering: Answering) -> None:
    answering.answers = [(503, b"", {"Retry-After": "0"}), (429, b"", {}), (200, GOOD, {})]
    assert Connection(find_place(answering.store), Access(wait=30)).ask("query", query="up") == DATA
    assert len(answering.heard) == 3


@pytest.mark.parametrize(
    ("access", "header", "value"),
    [
        (Access("me", "pässword"), "Authorization", "Basic bWU6cMOkc3N3b3Jk"),
        (Access(api_key="t0ken"), "Authorization", "Bearer t0ken"),
        (Access(tenant="team-a"), "X-Scope-OrgID", "team-a"),
        (Access(), "Authorization", None),
    ],
)
def test_who_asks_is_said_in_headers(answering: Answering, access: Access, header: str, value: str | None) -> None:
    answering.answers = [(200, GOOD, {})]
    Connection(find_place(answering.store), access).ask("query", query="up")
    assert answering.heard[0].get(header) == value


def counted(minutes: str) -> Callable[[], bytes]:
    return lambda: json.dumps(
        {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [0, minutes]}]}}
    ).encode()


def test_a_server_that_counts_otherwise_is_refused(answering: Answering) -> None:
    answering.answers = [(200, counted("4")(), {})]
    with pytest.raises(StoreError, match="does not respond like Prometheus"):
        open_source(answering.store, Columns(value="up"), Access())


def test_a_server_that_is_not_there_is_a_line() -> None:
    with pytest.raises(Away, match="cannot be reached"):
        open_source("prometheus:http://127.0.0.1:9", Columns(value="up"), Access())
