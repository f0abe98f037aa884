"""What services of plain HTTP have in common: how an address is read, and bodies that are bounded in bytes and time."""

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
    """An address without a secret in it."""

    scheme: str
    host: str
    port: int | None
    path: str
    """Without a slash at its end."""

    @property
    def url(self) -> str:
        """As it is written."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{shown}" + (f":{self.port}" if self.port else "") + self.path

    @property
    def open(self) -> bool:
        """Whether what is sent there can be read on the way: plain HTTP to another machine."""
        return self.scheme == "http" and not is_loopback(self.host)


def web_address(text: str, wrong: str, credentials: str) -> WebAddress:
    """The address that `text` is.

    Args:
        text: what somebody wrote.
        wrong: what is said of what is none: it is not repeated, as a password may stand in it.
        credentials: what is said of one with a user or a password in it.

    Raises:
        UsageFailure: it is none, or holds credentials.
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
    """An answer whose body comes piece by piece."""

    def iter_content(self, chunk_size: int) -> Iterator[bytes]:
        """The pieces."""
        ...


def body_of(answer: Streamed, name: str, most: int, seconds: float) -> bytes:
    """The body of an answer.

    Args:
        answer: whose head has come.
        name: of who answers, for messages.
        most: bytes.
        seconds: until it has to be there.

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
