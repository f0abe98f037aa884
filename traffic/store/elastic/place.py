"""What a name like `https://host:9200/INDEX` means: nodes, index, and how to call it without a secret in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from traffic.errors import UsageFailure
from traffic.store.access import URLS, first, is_loopback

SCHEME = "elasticsearch:"
"""Before an index whose cluster the environment names."""

_NAME = re.compile(r"(https?://[^/,\s]+(?:,(?:https?://)?[^/,\s]+)*)/(.*)", re.IGNORECASE)
_INDEX = re.compile(r"[^\s/\\?\"<>|#]+")


@dataclass(frozen=True)
class IndexAddress:
    """An index, alias or pattern in a cluster."""

    urls: tuple[str, ...]
    """Without user and password."""
    index: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """How it is called in outputs: no secrets."""
        return f"{','.join(self.urls)}/{self.index}"

    @property
    def local(self) -> bool:
        """Whether all of its nodes are on this machine, by their addresses."""
        return all(is_loopback(urlsplit(url).hostname or "") for url in self.urls)

    @property
    def remote(self) -> bool:
        """Whether a part of it lies in another cluster."""
        return ":" in self.index


def find_place(name: str) -> IndexAddress:
    """What `name` means: `http(s)://HOST:PORT/INDEX`, several hosts with commas between, or `elasticsearch:INDEX`.

    Raises:
        UsageFailure: it has no index, or no host.
    """
    if name.lower().startswith(SCHEME):
        hosts, index = first(URLS), name[len(SCHEME) :].strip("/")
        if hosts is None:
            raise UsageFailure(
                f"{name} takes the cluster from the environment: set {URLS[0]}, or specify it with --store"
            )
        name = f"{_under_one_path(hosts)}/{index}"
    match = _NAME.fullmatch(name)
    path = match[2].strip("/") if match else ""
    if match is None or not path:
        # The name is not repeated: a password may stand in it.
        raise UsageFailure("the store lacks an index: write https://HOST:9200/INDEX")
    prefix, _, index = path.rpartition("/")
    if not _INDEX.fullmatch(index):
        raise UsageFailure(f"{index!r} cannot be the name of an index: write https://HOST:9200/INDEX")
    return _place(match[1].split(","), prefix, index)


def _under_one_path(hosts: str) -> str:
    """`https://a/es,https://b/es` as `https://a,https://b/es`.

    Raises:
        UsageFailure: they lie under different paths.
    """
    parts = [host.strip().rstrip("/") for host in hosts.split(",") if host.strip()]
    paths = ["/" + path if (path := part.partition("://")[2].partition("/")[2]) else "" for part in parts]
    if len(set(paths[:-1]) - {""} | {paths[-1]}) > 1:
        raise UsageFailure(f"the hosts of {URLS[0]} have different paths: list those of one cluster")
    return ",".join(part.removesuffix(path) for part, path in zip(parts, paths, strict=True)) + paths[-1]


def _place(hosts: list[str], prefix: str, index: str) -> IndexAddress:
    urls, user, password = [], None, None
    scheme = hosts[0].partition("://")[0].lower()
    if any("://" in host and host.partition("://")[0].lower() != scheme for host in hosts):
        raise UsageFailure("the store mixes http and https hosts, which would expose the credentials; use https")
    for host in hosts:
        parts = urlsplit(host if "://" in host else f"{scheme}://{host}")
        try:
            name, port = parts.hostname, parts.port
        except ValueError:
            name, port = None, None
        if not name:
            raise UsageFailure("the store lacks a host, or its port is not a number: write https://HOST:9200/INDEX")
        if parts.username:
            user, password = unquote(parts.username), unquote(parts.password or "")
        known = port or (443 if parts.scheme == "https" else 80)
        shown = f"[{name}]" if ":" in name else name
        urls.append(f"{parts.scheme}://{shown}:{known}" + (f"/{prefix}" if prefix else ""))
    return IndexAddress(tuple(urls), index, user, password)
