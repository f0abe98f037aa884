"""What a name like `prometheus:http://HOST:9090` means: where its API lies, and how to call it in outputs."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from traffic.errors import UsageFailure
from traffic.store.access import PROMETHEUS_URLS, first, is_loopback

SCHEME = "prometheus:"
_FORM = "write prometheus:http://HOST:9090"


@dataclass(frozen=True)
class ServerAddress:
    """A server that speaks the HTTP API of Prometheus."""

    base: str
    """What stands before `/api/v1/query`: where a path was named, with it."""

    @property
    def name(self) -> str:
        """How it is called in outputs: no secrets."""
        return SCHEME + self.base

    @property
    def open(self) -> bool:
        """Whether what is sent to it can be read on the way: plain HTTP to another machine."""
        parts = urlsplit(self.base)
        return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def is_address(name: str) -> bool:
    """Whether `name` is that of a server, and not of a folder that one may be filled from."""
    rest = name[len(SCHEME) :].strip()
    return not rest or "://" in rest


def find_place(name: str) -> ServerAddress:
    """What `name` means: `prometheus:http(s)://HOST:PORT`, a path behind it where there is one, or `prometheus:`.

    Raises:
        UsageFailure: it is none of these, or holds a password.
    """
    rest = name[len(SCHEME) :].strip()
    if not rest:
        rest = first(PROMETHEUS_URLS) or ""
        if not rest:
            raise UsageFailure(f"{SCHEME} leaves the server to the environment: set {PROMETHEUS_URLS[0]}, or {_FORM}")
    try:
        parts = urlsplit(rest)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    # The name is not repeated: a password may stand in it.
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise UsageFailure(f"that is no address of a Prometheus server: {_FORM}")
    if parts.username or parts.password:
        raise UsageFailure("the address of a Prometheus server holds no credentials: use --user and --password-file")
    shown = f"[{host}]" if ":" in host else host
    path = parts.path.rstrip("/").removesuffix("/api/v1")
    return ServerAddress(f"{parts.scheme}://{shown}" + (f":{port}" if port else "") + path)
