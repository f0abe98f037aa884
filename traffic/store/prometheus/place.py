"""What a name like `prometheus:http://HOST:9090` means: where its API lies, and how to call it in outputs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from traffic.errors import UsageFailure
from traffic.store.access import PROMETHEUS_URLS, first
from traffic.store.web import WebAddress, web_address

SCHEME = "prometheus:"
_FORM = "write prometheus:http://HOST:9090"


@dataclass(frozen=True)
class ServerAddress:
    """A server that speaks the HTTP API of Prometheus."""

    address: WebAddress
    """What stands before `/api/v1/query`: where a path was named, with it."""

    @property
    def base(self) -> str:
        """As it is written."""
        return self.address.url

    @property
    def name(self) -> str:
        """How it is called in outputs: no secrets."""
        return SCHEME + self.base


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
            raise UsageFailure(f"{SCHEME} takes the server from the environment: set {PROMETHEUS_URLS[0]}, or {_FORM}")
    wrong = f"not a valid address of a Prometheus server: {_FORM}"
    with_login = "the address of a Prometheus server must not contain credentials: use --user and --password-file"
    found = web_address(rest, wrong, with_login)
    return ServerAddress(replace(found, path=found.path.removesuffix("/api/v1")))
