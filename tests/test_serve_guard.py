"""Who may ask `./sl.py serve`, and how much: host, origin, token, size."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from http.client import HTTPResponse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.logs.server.guard import LARGEST_BODY, OPEN, known_host, same_origin
from tests.serving import PATIENCE, Server, raw, served

TOKEN = "0123456789abcdef0123456789abcdef"
WRONG = [None, "Bearer wrong", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN, "Bearer ä"]
PATHS = [
    ("GET", "/"),
    ("GET", "/api/status"),
    ("GET", "/api/config"),
    ("PUT", "/api/config/generator"),
    ("PUT", "/api/config/anomalies"),
    ("POST", "/api/generate"),
    ("POST", "/api/generate/single"),
    ("POST", "/api/inject-anomaly"),
    ("GET", "/api/stream"),
    ("GET", "/api/stream/ndjson"),
    ("POST", "/api/reset"),
    ("GET", "/no/such/path"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served() as one:
        yield one


@pytest.fixture(scope="module")
def guarded() -> Iterator[Server]:
    # All addresses: others could ask, so that there has to be a token.
    options = ("--host", "0.0.0.0", "--allow-host", "Logs.example", "--allow-origin", "https://board.example")
    with served(*options, SL_SERVE_TOKEN=TOKEN) as one:
        one.url = f"http://127.0.0.1:{one.port}"
        yield one


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("127.0.0.1:8000", True),
        ("127.0.0.1", True),
        ("[::1]:8000", True),
        ("localhost:8000", True),
        ("LOCALHOST", True),
        ("10.1.2.3:8000", True),
        ("logs.example:443", True),
        ("logs.example.:443", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1@evil.example", False),
        ("", False),
        (":8000", False),
        ("[::1", False),
        ("2130706433", False),
    ],
)
def test_a_host_is_known_by_its_number_as_localhost_or_by_a_name_that_was_allowed(host: str, known: bool) -> None:
    assert known_host(host, ("Logs.example",)) is known


@given(st.text(max_size=30))
def test_no_text_is_taken_for_a_name_of_ours_by_accident(text: str) -> None:
    if known_host(text, ()):
        name = re.sub(r":\d*$", "", text.rpartition("@")[2]).strip("[]").rstrip(".").lower()
        assert name == "localhost" or re.fullmatch(r"[0-9.]+|[0-9a-f:.]+(%.*)?", name)


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1:8000", True),
        ("https://logs.example", "logs.example", True),
        ("http://127.0.0.1:8001", "127.0.0.1:8000", False),
        ("http://localhost:8000", "127.0.0.1:8000", False),
        ("null", "127.0.0.1:8000", False),
        ("file://", "", False),
        ("", "", False),
    ],
)
def test_an_origin_is_ours_only_with_the_same_name_and_port(origin: str, host: str, same: bool) -> None:
    assert same_origin(origin, host) is same


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_a_name_that_somebody_pointed_here_gets_nothing(server: Server, method: str, path: str) -> None:
    answer = server.ask(method, path, headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert "unknown host name" in answer.json()["detail"]


def test_no_host_and_two_hosts_get_nothing(server: Server) -> None:
    for hosts in (b"", b"Host: 127.0.0.1\r\nHost: evil.example\r\n"):
        answer = raw(server, b"GET /api/status HTTP/1.1\r\n" + hosts + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 400 "), answer


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:8000", "http://127.0.0.1"])
@pytest.mark.parametrize(("method", "path"), PATHS)
def test_a_page_of_elsewhere_gets_nothing(server: Server, origin: str, method: str, path: str) -> None:
    assert server.ask(method, path, {}, headers={"Origin": origin}).status_code == 403
    assert server.get("/api/status")["logs_generated"] == 0


def test_who_is_refused_hears_it_although_nobody_reads_what_was_sent(server: Server) -> None:
    """A connection that is closed before its bytes were read is reset, and the answer may be lost with it."""
    head = b"POST /api/generate HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://evil.example\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        for size in (100_000, 100_000, 10_000_000):
            connection.sendall(head + b"Content-Length: %d\r\n\r\n" % size)
            answer = HTTPResponse(connection)
            answer.begin()
            assert (answer.status, "other origins" in answer.read().decode()) == (403, True)
            assert (answer.headers["connection"] == "close") is (size > LARGEST_BODY)
            if size <= LARGEST_BODY:
                connection.sendall(b" " * size)


def test_a_page_of_ours_may_ask(server: Server) -> None:
    for headers in ({"Origin": server.url}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {}):
        assert server.ask("POST", "/api/reset", headers=headers).status_code == 200
        assert server.ask("GET", "/api/status", headers=headers).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_picture_or_a_link_of_elsewhere_gets_the_pages_and_nothing_else(server: Server, site: str) -> None:
    headers = {"Sec-Fetch-Site": site}
    assert server.ask("GET", "/api/stream", headers=headers).status_code == 403
    answer = server.ask("GET", "/ui", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize("header", WRONG)
def test_without_the_token_nothing_is_answered(guarded: Server, method: str, path: str, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.encode("utf-8")}
    answer = guarded.ask(method, path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in answer.text


def test_a_token_in_the_address_is_none(guarded: Server) -> None:
    assert guarded.ask("GET", f"/api/status?token={TOKEN}&access_token={TOKEN}").status_code == 401


def test_with_the_token_everything_is_answered(guarded: Server) -> None:
    known = {"Authorization": f"Bearer {TOKEN}"}
    assert guarded.ask("GET", "/api/status", headers=known).status_code == 200
    assert guarded.ask("POST", "/api/generate", {"count": 5}, headers=known).json()["count"] == 5
    assert guarded.ask("GET", "/no/such/path", headers=known).status_code == 404


def test_pages_without_data_and_the_health_need_no_token(guarded: Server) -> None:
    for path in OPEN:
        answer = guarded.ask("GET", path)
        assert answer.status_code == 200, path
        assert TOKEN not in answer.text


def test_names_and_pages_that_were_allowed_may_ask(guarded: Server) -> None:
    known = {"Authorization": f"Bearer {TOKEN}", "Host": "logs.example"}
    assert guarded.ask("GET", "/api/status", headers=known).status_code == 200
    board = known | {"Origin": "https://board.example"}
    answer = guarded.ask("POST", "/api/reset", headers=board)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://board.example"
    preflight = {"Origin": "https://board.example", "Access-Control-Request-Method": "POST"}
    preflight["Access-Control-Request-Headers"] = "authorization,content-type"
    answer = guarded.ask("OPTIONS", "/api/generate", headers=preflight)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://board.example"
    preflight["Origin"] = "https://evil.example"
    answer = guarded.ask("OPTIONS", "/api/generate", headers=preflight)
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("size", [(1 << 20) + 1, 1 << 40])
def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_read(server: Server, size: int) -> None:
    head = f"POST /api/generate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {size}"
    assert raw(server, head.encode() + b"\r\n\r\n").startswith(b"HTTP/1.1 413 ")


def test_a_body_in_chunks_is_refused_once_it_is_too_large(server: Server) -> None:
    before = server.memory()
    head = b"POST /api/generate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    answer = raw(server, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 17)
    assert answer.startswith(b"HTTP/1.1 413 "), answer
    assert server.memory() - before < 20
    small = raw(server, head + b'Transfer-Encoding: chunked\r\n\r\nb\r\n{"count":1}\r\n0\r\n\r\n')
    assert small.startswith(b"HTTP/1.1 200 "), small


def test_what_is_not_http_at_all_does_not_disturb(server: Server) -> None:
    for request in (b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 100, b"A" * 100_000):
        raw(server, request, close=True)
    assert server.get("/health")["status"] == "healthy"


def test_nothing_of_the_server_names_what_it_is_made_of(server: Server) -> None:
    answer = server.ask("GET", "/api/status")
    assert "server" not in answer.headers
