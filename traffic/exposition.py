"""Figures in Prometheus' text format, and a small server that shows them: what `/metrics` answers with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Literal

from traffic.errors import UsageFailure

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PATIENCE = 10
"""Seconds that somebody who asks has to say what."""


@dataclass(frozen=True)
class Sample:
    """A figure, and by which labels it differs from the others of its name."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Family:
    """All figures of a name."""

    name: str
    kind: Literal["counter", "gauge"]
    meaning: str
    samples: tuple[Sample, ...]


def counter(name: str, meaning: str, samples: Sequence[Sample] | float) -> Family:
    """What only grows, until the process begins anew."""
    return Family(name, "counter", meaning, _samples(samples))


def gauge(name: str, meaning: str, samples: Sequence[Sample] | float) -> Family:
    """What goes up and down."""
    return Family(name, "gauge", meaning, _samples(samples))


def _samples(given: Sequence[Sample] | float) -> tuple[Sample, ...]:
    return (Sample(given),) if isinstance(given, int | float) else tuple(given)


def exposed(families: Sequence[Family]) -> bytes:
    """The text; names without a figure are left out."""
    lines = []
    for family in families:
        if not family.samples:
            continue
        lines += [f"# HELP {family.name} {_escaped(family.meaning)}", f"# TYPE {family.name} {family.kind}"]
        for sample in family.samples:
            inside = ",".join(f'{name}="{_quoted(value)}"' for name, value in sample.labels.items())
            lines.append(f"{family.name}{'{' + inside + '}' if inside else ''} {sample.value!r}")
    return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')


@contextmanager
def serving(where: str | None, families: Callable[[], Sequence[Family]]) -> Iterator[str | None]:
    """Show what `families` answers at http://HOST:PORT/metrics while it lasts; the address.

    Args:
        where: `PORT` of this machine alone, or `HOST:PORT`; None: nowhere.
        families: is asked for each time, from another thread.

    Raises:
        UsageFailure: it is no address, or it cannot be had.
    """
    if where is None:
        yield None
        return
    host, _, port = where.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise UsageFailure(f"{where!r} is not a valid address for /metrics: write 9108, or 0.0.0.0:9108")

    class Handler(BaseHTTPRequestHandler):
        timeout = _PATIENCE

        def do_GET(self) -> None:
            """Answer."""
            body = exposed(families()) if self.path.partition("?")[0] == "/metrics" else None
            self.send_response(404 if body is None else 200)
            self.send_header("content-type", CONTENT_TYPE)
            self.send_header("content-length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library calls it
            """Nobody has to know who asks."""

    try:
        server = ThreadingHTTPServer((host.strip("[]") or "127.0.0.1", int(port)), Handler)
    except OSError as error:
        raise UsageFailure(
            f"cannot listen on {where} ({error.strerror}): choose another address for /metrics"
        ) from None
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True, name="metrics").start()
    try:
        yield f"http://{host or '127.0.0.1'}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
