"""Who is talked to, and as whom: certificates, versions of TLS and logins, on real sockets, of each of our clients.

A server that is not to be trusted hears no request, so no credentials: what it heard is counted.
"""

from __future__ import annotations

import base64
import json
import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import trustme

from analyzer.watching.receivers import Unheard, receiver
from tests.commands import refused, sl
from traffic.errors import AccessDenied, Failure
from traffic.store.access import Access
from traffic.store.base import StoreError
from traffic.store.elastic import place as elastic_place
from traffic.store.elastic.client import Cluster
from traffic.store.kentik import place as kentik_place
from traffic.store.kentik.client import Client
from traffic.store.prometheus import place as prometheus_place
from traffic.store.prometheus.client import Connection

SECRET = "canary-7Jq5"
DAY = timedelta(days=1)
Answer = Callable[[dict[str, str]], tuple[int, Any]]


@dataclass
class Listener:
    """A server that proves itself in some way, and what it heard by it."""

    url: str
    heard: list[dict[str, str]] = field(default_factory=list)


def welcome(_: dict[str, str]) -> tuple[int, Any]:
    """What each client is content with."""
    return 200, {"status": "success", "data": [], "version": {"number": "9.0.0"}, "tagline": "You Know, for Search"}


@contextmanager
def listening(context: ssl.SSLContext | None, answer: Answer = welcome) -> Iterator[Listener]:
    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            if context is not None:
                self.request.settimeout(10)
                self.request = context.wrap_socket(self.request, server_side=True)
            super().setup()

        def finish(self) -> None:
            super().finish()
            self.request.close()

        def reply(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            found.heard.append(headers)
            status, said = answer(headers)
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("x-elastic-product", "Elasticsearch")
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_HEAD = reply  # noqa: N815 - as the library calls them

        def log_message(self, *_: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """Clients break off: that is what is tried here."""

    server = Quiet(("127.0.0.1", 0), Handler)
    found = Listener(f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}")
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True)
class World:
    """An authority that is trusted, its file, and another one that is not."""

    authority: trustme.CA
    file: str
    other: trustme.CA


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    authority, path = trustme.CA(), tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return World(authority, str(path), trustme.CA())


def context_of(cert: trustme.LeafCert, newest: str = "") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    cert.configure_cert(context)
    if newest:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = ssl.TLSVersion[newest]
        context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def right(world: World) -> ssl.SSLContext:
    return context_of(world.authority.issue_cert("127.0.0.1"))


def self_signed(_: World) -> ssl.SSLContext:
    """As openssl req -x509 makes one: it vouches for itself."""
    own = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.issue_cert("127.0.0.1").configure_cert(context)
    return context


def dated(world: World, begin: timedelta, end: timedelta) -> ssl.SSLContext:
    now = datetime.now(UTC)
    return context_of(world.authority.issue_cert("127.0.0.1", not_before=now + begin, not_after=now + end))


BAD: dict[str, Callable[[World], ssl.SSLContext | None]] = {
    "another authority": lambda world: context_of(world.other.issue_cert("127.0.0.1")),
    "an authority of its own": self_signed,
    "expired": lambda world: dated(world, -2 * DAY, -DAY),
    "expired this minute": lambda world: dated(world, -2 * DAY, -timedelta(seconds=2)),
    "not valid yet": lambda world: dated(world, DAY, 2 * DAY),
    "another host": lambda world: context_of(world.authority.issue_cert("es.example")),
    "another address": lambda world: context_of(world.authority.issue_cert("127.0.0.2")),
    "a name where an address is asked for": lambda world: context_of(world.authority.issue_cert("localhost")),
    "a name below ours": lambda world: context_of(world.authority.issue_cert("*.0.0.1")),
    "TLS 1.0": lambda world: context_of(world.authority.issue_cert("127.0.0.1"), "TLSv1"),
    "TLS 1.1": lambda world: context_of(world.authority.issue_cert("127.0.0.1"), "TLSv1_1"),
    "no TLS": lambda _: None,
}
"""Servers that nobody may be sent to, twelve of them."""


def by_elastic(url: str, access: Access) -> None:
    Cluster(elastic_place.find_place(f"{url}/index"), access).ask("GET", "/")


def by_kentik(url: str, access: Access) -> None:
    client = Client(kentik_place.find_place(f"kentik:{url}"), access, sleep=lambda _: None)
    client.get("/devices")


def by_prometheus(url: str, access: Access) -> None:
    Connection(prometheus_place.find_place(f"prometheus:{url}"), access).ask("labels")


def by_webhook(url: str, access: Access) -> None:
    who = receiver(f"alertmanager:{url}", 60, access.password, access.ca_file, allow_http=False)
    event: dict[str, Any] = {
        "event_id": "e",
        "key": "a",
        "metric": "bits",
        "direction": "above",
        "store": "s",
        "class": "policy",
    }
    event |= {"band": "minor", "ratio": None, "peak": 1.0, "unit": "", "start": "2026-01-01T00:00:00Z", "end": ""}
    event |= dict.fromkeys(("minutes", "baseline", "threshold", "incident_id"), "")
    from analyzer.watching.news import News

    assert list(who.tell([News("e-1-new", "new", "e", event, {})], 0)) == [{"e-1-new"}]


CLIENTS = {"elasticsearch": by_elastic, "kentik": by_kentik, "prometheus": by_prometheus, "alertmanager": by_webhook}


def login(**more: Any) -> Access:
    return Access("me@example.com", SECRET, wait=0.5, **more)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_server_that_the_authority_vouches_for_is_talked_to(world: World, client: str) -> None:
    with listening(right(world)) as server:
        CLIENTS[client](server.url, login(ca_file=world.file))
    assert server.heard
    assert any(SECRET in str(one) or encoded() in str(one) for one in server.heard)


def encoded(user: str = "me@example.com", password: str = SECRET) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("kind", BAD)
def test_a_server_that_nobody_vouches_for_hears_nothing(world: World, kind: str, client: str) -> None:
    with listening(BAD[kind](world)) as server:
        url = server.url.replace("http://", "https://")
        with pytest.raises(Failure) as caught:
            CLIENTS[client](url, login(ca_file=world.file))
    assert server.heard == []
    said = str(caught.value)
    assert isinstance(caught.value, AccessDenied | Unheard), said
    assert "\n" not in said
    assert "no secure connection to" in said
    assert SECRET not in said


@pytest.mark.parametrize("kind", ["TLS 1.0", "TLS 1.1"])
def test_the_old_servers_of_these_tests_do_answer_whoever_lets_them(world: World, kind: str) -> None:
    context = ssl.create_default_context(cafile=world.file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with listening(BAD[kind](world)) as server:
        address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        with (
            socket.create_connection(address, 10) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as line,
        ):
            assert line.version() in ("TLSv1", "TLSv1.1")


# -- Elasticsearch alone: fingerprints, keys -------------------------------------------------------


def fingerprint(cert: trustme.LeafCert | trustme.CA) -> str:
    pem = cert.cert_pem if isinstance(cert, trustme.CA) else cert.cert_chain_pems[0]
    return sha256(ssl.PEM_cert_to_DER_cert(pem.bytes().decode())).hexdigest()


def test_a_fingerprint_stands_for_the_certificate_and_another_one_does_not(world: World) -> None:
    cert = world.other.issue_cert(
        "es.example", not_after=datetime.now(UTC) - DAY, not_before=datetime.now(UTC) - 2 * DAY
    )
    with listening(context_of(cert)) as server:
        by_elastic(server.url, login(fingerprint=fingerprint(cert)))
        assert len(server.heard) == 1
        for wrong in (fingerprint(world.authority), "0" * 64, fingerprint(world.other.issue_cert("es.example"))):
            with pytest.raises(AccessDenied, match="no secure connection to"):
                by_elastic(server.url, login(fingerprint=wrong))
    assert len(server.heard) == 1


@pytest.mark.parametrize("digits", [32, 40, 63, 65])
def test_only_a_sha_256_is_a_fingerprint(digits: int, tmp_path: Path) -> None:
    told = sl("doctor", "--store", "https://127.0.0.1:9/x", "--ca-fingerprint", "a" * digits, "--output", tmp_path)
    assert "SHA-256" in refused(told, 2)


NO_ENTRY = "unable to authenticate with provided credentials and anonymous access is not allowed for this request"


def secured(headers: dict[str, str]) -> tuple[int, Any]:
    """As Elasticsearch answers: what was wrong with a key stands beside the reason."""
    who = headers.get("authorization", "")
    if who in (f"ApiKey {SECRET}", f"Basic {encoded('me@example.com')}"):
        return welcome(headers)
    reason = {"type": "security_exception", "reason": NO_ENTRY}
    if who.startswith("ApiKey expired"):
        reason["additional_unsuccessful_credentials"] = "API key: api key is expired"
    elif who.startswith("ApiKey gone"):
        reason["additional_unsuccessful_credentials"] = "API key: api key [gone] has been invalidated"
    elif who.startswith("Basic"):
        reason["reason"] = "unable to authenticate user [me@example.com] for REST request [/]"
    return 401, {"error": {"root_cause": [reason], **reason}, "status": 401}


@pytest.mark.parametrize(
    ("access", "why"),
    [
        (Access(), "a visitor without credentials"),
        (Access(api_key="expired-canary-7Jq5"), "the API key (401, " + NO_ENTRY + ": API key: api key is expired)"),
        (Access(api_key="gone-canary-7Jq5"), "has been invalidated"),
        (Access(api_key="wrong-canary-7Jq5"), "the API key (401, unable to authenticate"),
        (Access("me@example.com", "wrong-canary-7Jq5"), "user me@example.com (401, unable to authenticate user"),
        (Access("somebody", "canary-7Jq5"), "user somebody (401"),
    ],
)
def test_who_is_not_let_in_is_told_why_and_no_secret_is_repeated(world: World, access: Access, why: str) -> None:
    from dataclasses import replace

    with listening(right(world), secured) as server, pytest.raises(AccessDenied) as caught:
        by_elastic(server.url, replace(access, ca_file=world.file))
    assert why in str(caught.value)
    assert "check the login" in str(caught.value)
    assert "canary" not in str(caught.value).replace("user somebody", "")


@pytest.mark.parametrize("access", [Access(api_key=SECRET), Access("me@example.com", SECRET)])
def test_who_is_let_in_is_answered(world: World, access: Access) -> None:
    from dataclasses import replace

    with listening(right(world), secured) as server:
        by_elastic(server.url, replace(access, ca_file=world.file))
    assert len(server.heard) == 1


def test_an_error_that_is_a_text_is_said(world: World) -> None:
    known = listening(right(world), lambda _: (400, {"error": "no handler found for uri [/x]"}))
    with known as server, pytest.raises(StoreError, match="no handler found"):
        by_elastic(server.url, login(ca_file=world.file))


def test_the_command_ends_with_5_and_one_line(world: World, tmp_path: Path) -> None:
    with listening(BAD["another host"](world)) as server:
        told = sl("doctor", "--store", f"{server.url}/x", "--ca-file", world.file, "--output", tmp_path)
    assert "no secure connection to" in told.out + told.err
    assert told.code == 5
