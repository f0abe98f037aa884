"""The server under requests that nobody in their right mind sends: it answers, lives on, and keeps its log short."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.exceptions import HTTPException

from generator.logs.server import guard
from tests.serving import Server, raw, served

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served() as server:
        yield server


@pytest.mark.slow
def test_what_the_schema_allows_and_what_it_does_not_get_answers_that_the_schema_knows(
    server: Server, tmp_path: Path
) -> None:
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
    options = [
        "--phases",
        "fuzzing",
        "--max-examples",
        "20",
        "--seed",
        "1",
        "--request-timeout",
        "20",
        "--checks",
        checks,
        "--no-color",
    ]
    # Streams have no end: tests/test_serve_streams.py reads them.
    command = [
        str(SCHEMATHESIS),
        "run",
        f"{server.url}/openapi.json",
        "--exclude-path-regex",
        "/api/stream.*",
        *options,
    ]
    before = server.memory()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout[-4000:]
    # All but the two streams.
    assert "Tested: 11" in done.stdout
    assert server.memory() - before < 100
    assert server.get("/health")["status"] == "healthy"


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("PUT /api/config/generator", b"application/json", b'{"total_logs":"\\ud800"}'),
        ("PUT /api/config/anomalies", b"application/json", b'{"probability":NaN}'),
        ("POST /api/generate", b"text/plain", b'{"count":\x86}'),
        ("POST /api/generate", b"application/json", b'{"count":\x86}'),
        ("POST /api/inject-anomaly", b"application/json", b'{"anomaly_type":"\\ud800"}'),
        ("POST /api/inject-anomaly", b"application/x-www-form-urlencoded", b"\xff\xfe=\x00"),
        ("POST /api/generate", b"application/json", b"[" * 100_000),
    ],
)
def test_text_that_is_no_text_is_refused_as_what_is_not_valid_is(
    server: Server, path: str, kind: bytes, body: bytes
) -> None:
    head = b"%s HTTP/1.1\r\nhost: localhost\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n"
    answer = raw(server, head % (path.encode(), kind, len(body)) + body)
    assert answer.split(b"\r\n")[0].split()[1] in (b"400", b"422"), answer
    assert b"content-security-policy" in answer


def test_a_body_that_never_comes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "SLOWEST_BODY", 0.2)
    import asyncio

    async def silent() -> dict[str, object]:
        await asyncio.sleep(60)
        raise AssertionError

    async def asked() -> None:
        with pytest.raises(HTTPException) as refused:
            await guard._limited(silent)()
        assert refused.value.status_code == 408

    asyncio.run(asked())


def test_readers_and_refused_sockets_leave_no_lines_in_the_log() -> None:
    with served(SL_SERVE_TOKEN="t" * 24) as server, ExitStack() as stack:
        upgrade = (
            "GET /ws/logs HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            "sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        for _ in range(5):
            assert b" 401 " in raw(server, upgrade.encode())
        stream = f"GET /api/stream HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {'t' * 24}\r\n\r\n"
        for _ in range(40):
            reader = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            reader.sendall(stream.encode())
        headers = {"authorization": "Bearer " + "t" * 24}
        while server.ask("GET", "/api/status", headers=headers).json()["streams"] < 40:
            pass
        code, said = server.stop(signal.SIGINT)
    assert code == 130
    assert said == ""
