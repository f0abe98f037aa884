"""The server's process: its socket, its signals, its end."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from generator.logs.server.app import create_app
from generator.logs.server.engine import Engine
from generator.logs.server.guard import Rules
from generator.logs.settings import LogSettings, read_settings
from traffic.disk import storage
from traffic.errors import UsageFailure

SHORTEST_TOKEN = 16
LARGEST_MESSAGE = 64 << 10
"""Bytes of a WebSocket message."""
STALLED = 60
"""Seconds after which the kernel gives up a connection whose other end takes nothing."""
WAITING = 128 << 10
"""Bytes that may wait in the kernel for a client."""
HURRY = 10.0
"""Seconds that a new connection has to say what it wants."""
FAREWELL = 3
"""Seconds that clients have to end after the server was told to."""
CONNECTIONS = 1000


@dataclass(frozen=True)
class ListenAddress:
    """Where the server listens, and who may ask."""

    host: str = "127.0.0.1"
    port: int = 8000
    rules: Rules = field(default_factory=Rules)


def read_token(file: Path | None, environment: str | None) -> str | None:
    """The token from a file, or else what the environment says.

    Raises:
        UsageFailure: it is too short to be a secret, or cannot stand in a header.
        StorageFailure: the file cannot be read.
    """
    text = environment
    if file is not None:
        with storage(file):
            text = file.read_text(encoding="utf-8", errors="replace")
    if text is None:
        return None
    token = text.strip()
    if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageFailure(
            f"the token must have at least {SHORTEST_TOKEN} characters and no spaces: make one with: openssl rand "
            "-hex 24"
        )
    return token


def listen(where: ListenAddress) -> socket.socket:
    """A socket that listens there.

    Raises:
        UsageFailure: others could reach it and there is no token, or the address cannot be had.
    """
    try:
        found = socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        if where.rules.token is None and not _loopback(str(address[0])):
            raise UsageFailure(
                f"{where.host} is reachable from other machines: set a token with SL_SERVE_TOKEN or --token-file, or "
                "leave out --host"
            )
        listener = socket.create_server(address[:2], family=family, backlog=1024)
    except OSError as error:
        reason = os.strerror(error.errno) if isinstance(error.errno, int) and error.errno > 0 else error.strerror
        raise UsageFailure(
            f"cannot listen on {where.host} port {where.port} ({reason}): choose another --port or --host"
        ) from None
    # Both are taken over by the connections. Who reads nothing for so long is gone, or might as well be; and as much as
    # this, not the megabytes that the kernel would grow to, waits for a reader that is slow.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, WAITING)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux alone has it
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED * 1000)
    return listener


def application() -> FastAPI:
    """What `serve` serves, for a server of one's own: the settings of input/logs.yaml, the token of the environment.

    Without a token it answers this machine alone.
    """
    return create_app(Engine(read_settings()), Rules(read_token(None, os.environ.get("SL_SERVE_TOKEN"))))


def serve(
    settings: LogSettings, where: ListenAddress, ready: Callable[[str], None], complain: Callable[[str], None]
) -> int:
    """Answer until SIGINT or SIGTERM comes, and all streams have ended; its number.

    Args:
        settings: what the lines are like.
        ready: is told the address.
        complain: is told what went wrong with a request, one line each.

    Raises:
        UsageFailure: the address cannot be had.
    """
    with listen(where) as listener:
        engine = Engine(settings)
        # What this makes of the settings is what every stream needs; if it cannot be made, it is said here.
        engine.stream("trial", settings.anomalies.probability, engine.now()).take(1)
        config = uvicorn.Config(
            create_app(engine, where.rules),
            http=Punctual,
            log_config=None,
            access_log=False,
            server_header=False,
            ws_max_size=LARGEST_MESSAGE,
            # A few bytes that unpack to a message of the largest size, thousands of them in one read, would be memory.
            ws_per_message_deflate=False,
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=FAREWELL,
            lifespan="off",
        )
        _quiet(complain)
        host, port = listener.getsockname()[:2]
        ready(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
        server = _Server(config, engine)
        server.run(sockets=[listener])
        return server.number


class Punctual(H11Protocol):
    """Gives up a connection on which nobody asks anything: there is room for only so many."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the request."""
        super().connection_made(transport)
        self.loop.call_later(HURRY, self._hurry)

    def _hurry(self) -> None:
        # A connection that has become a WebSocket has another protocol by now.
        waiting = self.cycle is None and self.transport.get_protocol() is self
        if waiting and not self.transport.is_closing():
            self.transport.close()


class _Server(uvicorn.Server):
    """Tells the streams to end when it is told to."""

    def __init__(self, config: uvicorn.Config, engine: Engine) -> None:
        super().__init__(config)
        self._engine = engine
        self.number = 0

    def handle_exit(self, sig: int, _frame: FrameType | None) -> None:
        # Once is a request, twice is an order.
        self.force_exit = self.should_exit
        self.should_exit = self._engine.stopping = True
        self.number = sig


class _ErrorLines(logging.Handler):
    """A line for what the server's own log says, and no traceback."""

    def __init__(self, complain: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._complain = complain

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        # Streams that are cut when the server ends, and clients that were refused a WebSocket: neither is an error of
        # the server's, and anybody could fill its log with them.
        if isinstance(error, asyncio.CancelledError) or "without completing handshake" in record.getMessage():
            return
        text = record.getMessage().splitlines()
        what = f": {type(error).__name__}: {error}" if error is not None else ""
        self._complain(" ".join(f"{text[0] if text else ''}{what}".split()))


def _quiet(complain: Callable[[str], None]) -> None:
    for name in ("uvicorn", "websockets", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers = [_ErrorLines(complain)]
        logger.propagate = False


def _loopback(address: str) -> bool:
    return address == "::1" or address.startswith("127.")
