"""Who may ask, and how much: host, origin, token and size of a request, before anything else sees it."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import ipaddress
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from generator.logs.server.pages import PAGES

LARGEST_BODY = 1 << 20
SLOWEST_BODY = 10.0
"""Seconds between two parts of a body."""
PROTOCOL = "sl.logs"
"""Subprotocol of the WebSocket; a browser, which cannot set headers there, offers it and `TOKEN_PREFIX` + token."""
TOKEN_PREFIX = "sl.token."  # noqa: S105 - what stands before a token is none
OPEN = ("/health", "/openapi.json", *PAGES)
"""What needs no token: pages without data, and whether the server lives."""

_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SECURE = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", _POLICY),
]


@dataclass(frozen=True)
class Rules:
    """Who may ask."""

    token: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()
    """Names the server is known by, besides numbers and localhost."""
    origins: tuple[str, ...] = ()
    """Pages of elsewhere that may ask, as `https://dashboard.example`."""


class NotAllowed(Exception):
    """A request that is not answered, with the status and the reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Guard:
    """An ASGI application round another one."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer why not."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            check(self._rules, scope)
        except NotAllowed as refused:
            await _refuse(scope, receive, send, refused)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
        else:
            await self._app(scope, _limited(receive), _secured(send))


def check(rules: Rules, scope: Scope) -> None:
    """Pure: whether a request may be answered.

    Raises:
        Refused: it may not.
    """
    headers = _headers(scope["headers"])
    hosts = headers.get("host", [])
    if len(hosts) != 1 or not known_host(hosts[0], rules.hosts):
        # A name that somebody has pointed at this machine, so that pages of theirs count as ours.
        raise NotAllowed(400, "unknown host name for this server: use its address, or allow the name with --allow-host")
    closed = scope["path"] not in OPEN
    if closed and _from_elsewhere(rules, headers, hosts[0]):
        # Also where it only reads: it would not see the answer, but a stream would be made for it.
        raise NotAllowed(403, "requests from other origins are not allowed: see --allow-origin")
    if closed and rules.token is None and not _on_this_machine(scope):
        # `serve` does not even listen there; another server that runs this application may.
        raise NotAllowed(403, "this server is reachable from other machines: set SL_SERVE_TOKEN")
    # A browser asks by OPTIONS whether it may send a header such as the one with the token.
    free = rules.token is None or scope.get("method") == "OPTIONS"
    if closed and not free and not _has_token(str(rules.token), headers):
        raise NotAllowed(401, "this needs the header Authorization: Bearer TOKEN")
    if scope["type"] == "http" and _too_long(headers):
        raise NotAllowed(413, f"the body of a request is limited to {LARGEST_BODY:,} bytes")


def known_host(host: str, names: Iterable[str]) -> bool:
    """Whether the header Host names this server: by a number, as localhost, or by one of `names`."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    if name == "localhost" or name in {one.lower() for one in names}:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def same_origin(origin: str, host: str) -> bool:
    """Whether a page of that origin came from this server. Which scheme is left open: TLS may end before us."""
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def protocol_of(scope: Scope) -> str | None:
    """The WebSocket subprotocol to answer with: ours where the client offers it."""
    return PROTOCOL if PROTOCOL in scope.get("subprotocols", ()) else None


def _on_this_machine(scope: Scope) -> bool:
    """Whether it came in at an address that only this machine can reach."""
    at = scope.get("server")
    return at is None or (known := str(at[0])) == "localhost" or ipaddress.ip_address(known).is_loopback


def _from_elsewhere(rules: Rules, headers: dict[str, list[str]], host: str) -> bool:
    """Whether a page asks that did not come from this server. What is no browser says nothing of pages."""
    origins = headers.get("origin", [])
    if origins:
        return not all(same_origin(origin, host) or origin in rules.origins for origin in origins)
    return headers.get("sec-fetch-site", ["none"])[0] in ("cross-site", "same-site")


def _has_token(token: str, headers: dict[str, list[str]]) -> bool:
    offered = [text[7:] for text in headers.get("authorization", []) if text[:7].lower() == "bearer "]
    protocols = ",".join(headers.get("sec-websocket-protocol", [])).split(",")
    texts = [protocol.strip() for protocol in protocols]
    offered += [_decoded(text.removeprefix(TOKEN_PREFIX)) for text in texts if text.startswith(TOKEN_PREFIX)]
    return any(hmac.compare_digest(one.strip().encode(), token.encode()) for one in offered)


def _decoded(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):
        return ""


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in raw:
        found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return found


def _too_long(headers: dict[str, list[str]]) -> bool:
    """Whether a request says that more follows than it may have."""
    lengths = headers.get("content-length", [])
    return any(not text.isdecimal() or int(text) > LARGEST_BODY for text in lengths)


def _limited(receive: Receive) -> Receive:
    """Bodies without a length count as well, and one that never ends is not waited for."""
    size = 0
    whole = False

    async def limited() -> Message:
        nonlocal size, whole
        try:
            # After the body it is waited for the end of the connection, for as long as an answer takes.
            message = await asyncio.wait_for(receive(), None if whole else SLOWEST_BODY)
        except TimeoutError:
            raise HTTPException(408, "the body of the request did not arrive", {"connection": "close"}) from None
        whole = not message.get("more_body", False)
        size += len(message.get("body", b""))
        if size > LARGEST_BODY:
            raise HTTPException(
                413, f"the body of a request is limited to {LARGEST_BODY:,} bytes", {"connection": "close"}
            )
        return message

    return limited


def _secured(send: Send) -> Send:
    async def secured(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *_SECURE]}
        await send(message)

    return secured


async def _refuse(scope: Scope, receive: Receive, send: Send, refused: NotAllowed) -> None:
    body = json.dumps({"detail": refused.reason}).encode()
    headers: list[Any] = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *_SECURE]
    asked = _headers(scope["headers"])
    # What follows a short request is still taken, and thrown away: a connection that is closed before all of it was
    # read is reset, and the answer may be lost with it.
    if _too_long(asked) or "transfer-encoding" in asked:
        headers.append((b"connection", b"close"))
    if refused.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    kind = "http.response"
    if scope["type"] == "websocket":
        await receive()
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008, "reason": refused.reason[:120]})
            return
        kind = "websocket.http.response"
    await send({"type": f"{kind}.start", "status": refused.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})
