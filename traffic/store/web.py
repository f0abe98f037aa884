"""Shared by clients of plain HTTP: addresses, and bodies that are bounded in bytes and time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from traffic.errors import UsageFailure
from traffic.store.access import is_loopback
from traffic.store.base import TooLarge

_CHUNK = 1 << 20


@dataclass(frozen=True)
class WebAddress:
    """An address without secrets."""

    scheme: str
    host: str
    port: int | None
    path: str
    """Without a slash at its end."""

    @property
    def url(self) -> str:
        """The address as a URL."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{shown}" + (f":{self.port}" if self.port else "") + self.path

    @property
    def open(self) -> bool:
        """Whether what is sent there can be read in transit: plain HTTP to another machine."""
        return self.scheme == "http" and not is_loopback(self.host)


def web_address(text: str, wrong: str, credentials: str) -> WebAddress:
    """Read an address.

    Args:
        text: as the user wrote it.
        wrong: message if it is not an address; it is not repeated, since it may contain a password.
        credentials: message if it contains a user or a password.

    Raises:
        UsageFailure: it is not an address, or contains credentials.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageFailure(wrong) from None
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise UsageFailure(wrong)
    if parts.username or parts.password:
        raise UsageFailure(credentials)
    return WebAddress(parts.scheme, host, port, parts.path.rstrip("/"))


class Streamed(Protocol):
    """A response whose body arrives in pieces."""

    def iter_content(self, chunk_size: int) -> Iterator[bytes]:
        """The pieces."""
        ...


def body_of(answer: Streamed, name: str, most: int, seconds: float) -> bytes:
    """Read the body of a response.

    Args:
        answer: the response, after its headers.
        name: of the server, for messages.
        most: maximum size in bytes.
        seconds: time limit.

    Raises:
        TooLarge: it is larger.
        TimeoutError: it takes longer.
    """
    chunks, size, begun = [], 0, time.monotonic()
    for chunk in answer.iter_content(_CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > most:
            raise TooLarge(f"{name} answers more than {most >> 20} MiB")
        if time.monotonic() - begun > seconds:
            raise TimeoutError(f"{name} does not come to an end")
    return b"".join(chunks)
