"""Somebody between us and a server: hands requests and answers on, notes them, and changes what he is told to."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_KEPT = ("content-type", "x-elastic-product", "x-server-hostname", "location", "retry-after")


@dataclass(frozen=True)
class Asked:
    """A request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def fields(self) -> dict[str, str]:
        """Of a form, or of what stands behind the path."""
        return dict(parse_qsl(self.body.decode("latin-1") or urlsplit(self.path).query))


@dataclass(frozen=True)
class Told:
    """An answer on its way."""

    status: int
    content: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: float | None = None
    """The share of it after which the connection is reset."""
    wait: float = 0.0
    """Seconds until it is handed on."""

    def saying(self, content: bytes) -> Told:
        """The same with other words."""
        return replace(self, content=content)


Change = Callable[[Asked, Told], Told]


def unchanged(_: Asked, told: Told) -> Told:
    """As it is."""
    return told


class Between:
    """A proxy. What `change` makes of an answer is what is handed on."""

    def __init__(self, target: str, change: Change = unchanged) -> None:
        at = urlsplit(target)
        between = self
        self.change = change
        self.log: list[tuple[Asked, Told]] = []
        """What was asked, and what the server said."""

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body in one piece: the other side would wait before it says that it has the first of two.
            wbufsize = 1 << 20

            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name: value for name, value in self.headers.items() if name.lower() != "accept-encoding"}
                asked = Asked(self.command, self.path, headers, body)
                connection = HTTPConnection(at.hostname or "", at.port)
                connection.request(self.command, self.path, body or None, headers)
                answer = connection.getresponse()
                kept = {name: value for name, value in answer.headers.items() if name.lower() in _KEPT}
                told = Told(answer.status, answer.read(), kept)
                connection.close()
                between.log.append((asked, told))
                self.hand_on(between.change(asked, told))

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_one  # noqa: N815 - as the library calls them

            def hand_on(self, told: Told) -> None:
                time.sleep(told.wait)
                with suppress(OSError):
                    self.send_response(told.status)
                    for name, value in told.headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(told.content)))
                    self.end_headers()
                    self.wfile.write(told.content[: None if told.cut is None else int(len(told.content) * told.cut)])
                    self.wfile.flush()
                    if told.cut is not None:
                        # Reset, not closed: nothing is sent that would end the stream.
                        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        self.connection.close()
                        self.close_connection = True

            def log_message(self, *_: Any) -> None:
                """Nothing: the log is a list."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Between:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
