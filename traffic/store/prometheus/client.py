"""The connection: requests to a server, and what can go wrong with them, in one line each."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import orjson
import requests

from traffic.errors import AccessDenied, Failure, PartialAnswer, UsageFailure
from traffic.store.access import Access
from traffic.store.base import Away, StoreError, TooLarge, TooLong
from traffic.store.prometheus.place import ServerAddress
from traffic.store.web import body_of

CONNECT, READ = 10.0, 125.0
"""Seconds to connect, and until an answer begins: a little more than the default limit of a query."""
_PASSING = (429, 500, 502, 503)
_LARGEST = 512 << 20
_MOST_SAID = 300
"""Maximum number of characters of a server's message that are shown."""
_PAGES = ("/metrics", "/flags")
"""Pages of VictoriaMetrics that are not part of the API."""
_LONGEST = 10.0
"""Longest pause between two attempts, in seconds."""
_POINTS = ("maximum resolution", "too many points")
"""Message of a server about too many points per series: a shorter window helps."""
_TOO_LARGE = ("too many", "cannot exceed", "exceed", "limit", "timed out", "timeout", "not enough memory", "too long")
"""Part of the messages of servers about queries that are too large."""


class _Unready(StoreError):
    """A problem that may be gone at the next attempt."""

    after: float = 0.0
    """Seconds to wait that the server asked for."""


class Connection:
    """A server and the connection to it. Safe to use from several threads."""

    def __init__(self, place: ServerAddress, access: Access) -> None:
        """Sends nothing yet.

        Raises:
            AccessDenied: credentials would be sent unencrypted to another machine.
        """
        self.name = place.name
        self._base = place.base
        self.who = "the bearer token" if access.api_key else access.who
        if place.address.open and (access.api_key or access.user) and not access.allow_http:
            raise AccessDenied(
                f"{self.name} is another machine, and http would expose {self.who}: use https, or --allow-http to "
                "send it anyway"
            )
        told = (access.user, access.api_key, access.tenant)
        self.identity = blake2b(repr(told).encode(), digest_size=16).hexdigest()
        self._wait = access.wait
        self._answered = False
        self.headers: Mapping[str, str] = {}
        """Headers of the last answer."""
        self._session = requests.Session()
        # A .netrc must not add credentials of its own, and what goes in clear to this machine must not take a proxy.
        self._session.trust_env = place.base.startswith("https:")
        self._session.auth = _no_other
        if access.api_key:
            self._session.headers["Authorization"] = f"Bearer {access.api_key}"
        elif access.user:
            login = requests.auth.HTTPBasicAuth(access.user.encode(), (access.password or "").encode())
            self._session.auth = login
        if access.tenant:
            self._session.headers["X-Scope-OrgID"] = access.tenant
        self._verify: str | bool = access.ca_file or True

    def ask(self, path: str, **fields: object) -> Any:
        """The data of the answer from `/api/v1/PATH`; temporary problems are retried for a while.

        Raises:
            AccessDenied: not logged in, not allowed, or TLS fails.
            UsageFailure: the server does not understand the query.
            TooLarge: it asks for too much, or takes too long.
            PartialAnswer: the server says that it answered in part.
            Away: it cannot be reached, or is overloaded.
            StoreError: anything else.
        """
        since, tries = time.monotonic(), 0
        while True:
            try:
                return self._once(path, fields)
            except _Unready as error:
                tries += 1
                # A random pause, so that clients that were turned away do not all return at once.
                pause = random.uniform(0.5, 1.0) * min(_LONGEST, 0.5 * 2.0**tries)  # noqa: S311 - no secret
                pause = max(pause, error.after)
                if time.monotonic() + pause - since > self._wait or not self._answered:
                    raise Away(f"{error}: check that it runs, and the address") from None
                time.sleep(pause)

    def page(self, path: str) -> str:
        """The content of a page of the server; empty if it is not available to us."""
        try:
            status, content = self._answer(path, b"")
        except (StoreError, AccessDenied):
            return ""
        return content.decode("utf-8", "replace") if status == 200 else ""

    def send(self, path: str, body: bytes) -> None:
        """Send data to a path of the server, whose answer is empty.

        Raises:
            AccessDenied, TooLarge: as `ask`.
            Away, StoreError: the server does not accept it.
        """
        try:
            status, _ = self._answer(path, body)
        except _Unready as error:
            raise Away(f"{error}: check that it runs, and the address") from None
        if status in (401, 403):
            raise AccessDenied(f"{self.name} rejects {self.who} ({status}): check the login")
        if not 200 <= status < 300:
            raise StoreError(f"{self.name} does not accept data at {path} ({status}): check the address")

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _once(self, path: str, fields: Mapping[str, object]) -> Any:
        status, content = self._answer(f"/api/v1/{path}", fields)
        if status in (401, 403):
            raise AccessDenied(f"{self.name} rejects {self.who} ({status}): check the login")
        if 300 <= status < 400:
            raise StoreError(
                f"{self.name} redirects elsewhere ({status}), which is not followed: use the right address"
            )
        try:
            answer = orjson.loads(content)
        except ValueError:
            answer = None
        if status != 200:
            raise self._refusal(status, answer)
        if not isinstance(answer, dict) or answer.get("status") != "success" or "data" not in answer:
            raise StoreError(f"{self.name} does not respond like Prometheus: check the address")
        self._answered = True
        if told := answer.get("warnings"):
            raise PartialAnswer(f"{self.name} answered with a warning ({_line(told)}); nothing was used")
        if answer.get("isPartial") or answer.get("partial"):
            raise PartialAnswer(f"{self.name} sent a partial answer; nothing was used: try again when it has recovered")
        return answer["data"]

    def _answer(self, path: str, fields: Mapping[str, object] | bytes) -> tuple[int, bytes]:
        """Status and body, or the error of the connection."""
        try:
            return self._exchange(path, fields)
        except requests.exceptions.SSLError:
            raise AccessDenied(f"no secure connection to {self.name}: pass its CA with --ca-file") from None
        except requests.exceptions.ConnectTimeout:
            raise _Unready(f"{self.name} cannot be reached (no connection in {CONNECT:.0f} s)") from None
        except (requests.exceptions.Timeout, TimeoutError):
            raise TooLarge(f"{self.name} did not answer within {READ:.0f} s") from None
        except (requests.exceptions.InvalidHeader, UnicodeError):
            raise AccessDenied(
                "the credentials contain characters that are not allowed in a header: set them again"
            ) from None
        except requests.exceptions.ConnectionError:
            raise _Unready(f"{self.name} cannot be reached") from None
        except requests.exceptions.RequestException as error:
            raise _Unready(f"{self.name} closed the connection during its answer ({type(error).__name__})") from None

    def _exchange(self, path: str, fields: Mapping[str, object] | bytes) -> tuple[int, bytes]:
        """Send one request; redirects are not followed, since they would take the credentials along."""
        with self._session.request(
            "GET" if path.startswith("/api/v1/status/") or path in _PAGES else "POST",
            f"{self._base}{path}",
            data=fields or None,
            timeout=(CONNECT, READ),
            allow_redirects=False,
            verify=self._verify,
            stream=True,
        ) as answer:
            content = body_of(answer, self.name, _LARGEST, 3 * READ)
            self.headers = answer.headers
            return answer.status_code, content

    def _refusal(self, status: int, answer: Any) -> Failure:
        said = answer if isinstance(answer, dict) else {}
        kind, words = str(said.get("errorType", "")), str(said.get("error", ""))
        reason, words = _line(words), words.lower()
        if any(part in words for part in _POINTS):
            return TooLong(f"{self.name}: {reason}")
        if kind in ("timeout", "canceled") or status in (413, 504):
            return TooLarge(f"{self.name}: {reason or f'status {status}'}")
        if status in (400, 422) and "parse error" not in words and any(part in words for part in _TOO_LARGE):
            return TooLarge(f"{self.name}: {reason}")
        if status in (400, 422) and kind:
            return UsageFailure(f"{self.name} rejects the query ({reason}): check --value and --key")
        if status in _PASSING:
            failure = _Unready(f"{self.name} is overloaded or not ready ({status})")
            after = self.headers.get("Retry-After", "")
            failure.after = float(after) if after.isdecimal() else 0.0
            self._answered = True
            return failure
        return StoreError(f"{self.name} rejects the request ({status}): check the address")


def _no_other(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _line(told: Any) -> str:
    """A message of a server, as part of a line."""
    text = " ".join(("; ".join(map(str, told)) if isinstance(told, list) else str(told)).split())
    # VictoriaMetrics quotes the query before it says what is wrong.
    return text if len(text) <= _MOST_SAID else f"... {text[-_MOST_SAID:]}"
