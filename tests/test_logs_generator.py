"""The commands of the original log generator as its users write them."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from generator.logs.server.guard import NotAllowed, Rules, check
from tests.commands import ROOT, environment
from tests.serving import events


def original(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done
    return done


def test_a_thousand_lines_to_a_file(tmp_path: Path) -> None:
    original("logs_generator", "--output-path", str(tmp_path / "logs"))
    (path,) = tmp_path.glob("logs_*.json")
    assert len(path.read_text().splitlines()) == 1000


@pytest.mark.parametrize(
    ("options", "first"),
    [
        (("--total", "50", "--output", "stdout"), r'\{"timestamp": '),
        (("-n", "50", "-o", "stdout", "-f", "text"), r"\[\d{4}-\d\d-\d\dT"),
        (("-n", "50", "-o", "stdout", "-a", "0.2", "--no-labels", "-b", "10"), r'\{"timestamp": (?!.*_labels)'),
    ],
)
def test_its_options_are_those_of_logs(options: tuple[str, ...], first: str, tmp_path: Path) -> None:
    done = original("logs_generator", *options, SL_OUTPUT_PATH=str(tmp_path / "logs"))
    lines = done.stdout.splitlines()
    assert len(lines) == 50
    assert all(re.match(first, line) for line in lines)


@contextmanager
def listening(*words: str, **variables: str) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", *words, "--port", str(port)],
        cwd=ROOT,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    try:
        while True:
            try:
                requests.get(f"{url}/health", timeout=5)
                break
            except requests.ConnectionError:
                assert process.poll() is None, process.communicate()[0]
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.communicate(timeout=60)


SERVERS = (("logs_generator.server",), ("uvicorn", "logs_generator.server:app", "--log-level", "error"))


@pytest.mark.parametrize("words", SERVERS, ids=["python -m", "uvicorn"])
def test_its_server_answers_as_it_did(words: tuple[str, ...]) -> None:
    with listening(*words) as url:
        made = requests.post(f"{url}/api/generate", json={"count": 100, "anomaly_rate": 0.1}, timeout=30).json()
        assert (made["count"], len(made["logs"])) == (100, 100)
        incidents = [line["_labels"]["incident_id"] for line in made["logs"] if line["_labels"]["is_anomaly"]]
        assert made["anomaly_count"] == len(incidents)
        # It begins now, whatever the time is: just how many of 100 are hit depends on where the incident lies.
        assert abs(len(incidents) - 10) <= 3 * len(set(incidents))
        kind: dict[str, Any] = {"anomaly_type": "error_spike", "duration_logs": 30}
        assert requests.post(f"{url}/api/inject-anomaly", json=kind, timeout=30).json()["duration_logs"] == 30
        kind["anomaly_type"] = "earthquake"
        assert requests.post(f"{url}/api/inject-anomaly", json=kind, timeout=30).status_code == 400
        with requests.get(f"{url}/api/stream?batch_size=10&interval=0.1", stream=True, timeout=30) as stream:
            assert [batch["count"] for batch in events(stream, 2)] == [10, 10]
        assert "swagger-ui" in requests.get(f"{url}/docs", timeout=30).text


def test_a_server_of_ones_own_takes_the_token_of_the_environment() -> None:
    token = "0123456789abcdef"
    with listening(*SERVERS[1], SL_SERVE_TOKEN=token) as url:
        assert requests.get(f"{url}/api/status", timeout=30).status_code == 401
        told = requests.get(f"{url}/api/status", headers={"Authorization": f"Bearer {token}"}, timeout=30)
        assert told.json()["logs_generated"] == 0


@pytest.mark.parametrize(
    ("address", "token", "status"),
    [
        (("127.0.0.1", 8000), None, None),
        (("127.9.9.9", 8000), None, None),
        (("::1", 8000), None, None),
        (None, None, None),
        (("10.0.0.7", 8000), None, 403),
        (("fe80::1", 8000), None, 403),
        (("10.0.0.7", 8000), "0123456789abcdef", 401),
    ],
)
def test_without_a_token_only_this_machine_is_answered(
    address: tuple[str, int] | None, token: str | None, status: int | None
) -> None:
    scope = {"type": "http", "method": "GET", "path": "/api/status", "headers": [(b"host", b"localhost")]}
    scope["server"] = address  # type: ignore[assignment]
    if status is None:
        check(Rules(token), scope)
    else:
        with pytest.raises(NotAllowed) as caught:
            check(Rules(token), scope)
        assert caught.value.status == status


def test_it_is_named_nowhere_twice() -> None:
    """Two thin files: what they do is elsewhere."""
    lines = [path.read_text().splitlines() for path in (ROOT / "logs_generator").glob("*.py")]
    assert sum(map(len, lines)) < 50
    assert json.dumps(lines).count("argparse") == 0
