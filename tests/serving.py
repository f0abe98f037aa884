"""A real server for tests: `./sl.py serve` on a free port, and small clients of it."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.commands import start

PATIENCE = 30.0


@dataclass
class Server:
    """A running server, and what it is asked."""

    process: subprocess.Popen[str]
    url: str

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port is not None
        return port

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        return requests.request(method, self.url + path, json=body, timeout=PATIENCE, **more)

    def get(self, path: str, **more: Any) -> Any:
        return self.told("GET", path, **more)

    def told(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = self.ask(method, path, body, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def streams(self) -> int:
        found: int = self.get("/api/status")["streams"]
        return found

    def until(self, streams: int) -> None:
        """Wait until so many streams are open."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.streams()) != streams:
            assert time.monotonic() < deadline, f"{found} streams are open, not {streams}"
            time.sleep(0.05)

    def memory(self) -> float:
        """Resident, in MiB."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found is not None
        return int(found[1]) / 1024

    def stop(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Exit code, and all it said."""
        self.process.send_signal(how)
        _, said = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said


@contextmanager
def served(*options: str, **environment: str) -> Iterator[Server]:
    """`./sl.py serve OPTIONS`."""
    process = start("serve", "--port", "0", *options, **environment)
    assert process.stderr is not None
    line = process.stderr.readline()
    found = re.match(r"sl: serving at (http://\S+)/ui; Ctrl-C stops it", line)
    if found is None:
        process.kill()
        raise AssertionError(f"{line}{process.communicate()[1]}")
    try:
        yield Server(process, found[1])
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


class Events:
    """The events of a stream, one after the other."""

    def __init__(self, answer: requests.Response) -> None:
        self._lines = answer.iter_lines()

    def take(self, count: int) -> list[Any]:
        """The next ones."""
        data = (json.loads(line[6:]) for line in self._lines if line.startswith(b"data: "))
        return list(islice(data, count))


def events(answer: requests.Response, count: int) -> list[Any]:
    """The first events of a stream that nobody reads on."""
    return Events(answer).take(count)


def raw(server: Server, request: bytes, close: bool = False) -> bytes:
    """What comes back for these very bytes, up to the end of the connection or the first silence."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(request)
        if close:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while b"\r\n\r\n" not in answer or not _whole(answer):
            said = connection.recv(1 << 16)
            if not said:
                break
            answer += said
    return answer


def _whole(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    return length is not None and len(body) >= int(length[1])


def descriptors(server: Server) -> int:
    """Files and sockets that the server has open."""
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
