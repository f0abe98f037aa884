"""The meaning of a name like `prometheus:http://HOST:9090`: the address of its API, and its name in outputs."""

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
    """What precedes `/api/v1/query`, including the path if there is one."""

    @property
    def base(self) -> str:
        """The address as a URL."""
        return self.address.url

    @property
    def name(self) -> str:
        """Its name in outputs, without secrets."""
        return SCHEME + self.base


def is_address(name: str) -> bool:
    """Whether `name` is a server, rather than a folder from which one can be filled."""
    rest = name[len(SCHEME) :].strip()
    return not rest or "://" in rest


def find_place(name: str) -> ServerAddress:
    """Parse `name`: `prometheus:http(s)://HOST:PORT`, optionally with a path, or `prometheus:`.

    Raises:
        UsageFailure: it is not one of these, or contains a password.
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
