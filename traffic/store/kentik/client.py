"""The connection: requests to Kentik within its limits, and what can go wrong with them, in one line each."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from traffic.errors import AccessDenied, Failure
from traffic.store.access import Access
from traffic.store.base import Away, StoreError, TooLarge
from traffic.store.kentik.pace import OTHERS, Pace, Together
from traffic.store.kentik.place import ApiAddress
from traffic.store.web import body_of

CONNECT, READ = 10.0, 120.0
"""Seconds to connect, and until an answer begins or continues."""
TRIES = 6
PATIENCE = 3700.0
"""The longest wait in seconds that a server may ask for: its longest window is an hour."""

_PASSING = (429, 502, 503, 504)
_LARGEST = 256 << 20
_SILENT = 6
"""After this many rounds of time-outs, the size of queries is not the reason."""


class Refused(StoreError):
    """An error that repeating the request cannot change."""


class _Passing(StoreError):
    """A problem that may be gone at the next attempt."""

    after: float | None = None
    """Seconds to wait that the server asked for."""


class _Silence(_Passing):
    """No answer in time."""


class _Staying(requests.Session):
    """Never reads the target of a redirect, which may not even be an address."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere."""


class Client:
    """An account at Kentik. Safe to use from several threads."""

    def __init__(
        self,
        place: ApiAddress,
        access: Access,
        pace: Pace | None = None,
        sleep: Callable[[float], None] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Sends nothing yet.

        Args:
            pace: limits on requests; None: as published.
            sleep: how to wait between attempts; None: at most until another request fails for good.
            now: the clock.
        """
        self.name = place.name
        self._base = place.base
        self._access = access
        self._together = Together()
        self._queries = pace or Pace(sleep=self._together.sleep)
        self._others = pace or Pace(OTHERS, 1)
        self._sleep = sleep or self._together.sleep
        self._now = now
        self._verify: str | bool = access.ca_file or True
        self._session = _Staying()
        # A .netrc must not add credentials of its own, and what goes in clear to this machine must not take a proxy.
        self._session.auth = lambda request: request
        self._session.trust_env = place.base.startswith("https:")
        self._lock = Lock()
        self._silent = 0
        self._heard_out = 0
        self.slowed = 0
        """How often the server asked to slow down."""
        self.sent = 0
        """Number of requests sent, including repeated ones."""

    def query(self, body: object, what: str) -> dict[str, Any]:
        """The answer to `query/topXdata`.

        Args:
            what: window and customers of the query, for messages.

        Raises:
            AccessDenied: not logged in, not allowed, or TLS fails.
            TooLarge: it asks for too much, or takes too long.
            Away: it cannot be reached, or is overloaded for too long.
            StoreError: anything else.
        """
        with self._together.one():
            answer = self._asked("POST", "/query/topXdata", body, what, self._queries)
            if not isinstance(answer, dict):
                raise StoreError(f"{self.name} does not respond like Kentik ({what}): check the address")
            return answer

    def get(self, path: str) -> Any:
        """The answer to a GET request that is not a query. Raises like `query`."""
        return self._asked("GET", path, None, path.strip("/"), self._others)

    def post(self, path: str, body: object, what: str) -> Any:
        """The answer to a POST request that is not a query. Raises like `query`."""
        return self._asked("POST", path, body, what, self._others)

    def abandon(self) -> None:
        """Stop waiting: the answers are no longer needed."""
        self._together.abandon(StoreError(f"{self.name} receives no more requests"))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _asked(self, method: str, path: str, body: object, what: str, pace: Pace) -> Any:
        retrying = Retrying(
            retry=retry_if_exception_type(_Passing),
            stop=self._enough,
            wait=_pause,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._once, method, path, body, what, pace)
        except _Silence as error:
            if self._silent < _SILENT:
                raise TooLarge(str(error)) from None
            raise Away(f"{error}, nor to the previous requests: try again later") from None
        except _Passing as error:
            raise Away(f"{error}; tried {TRIES} times: try again later, the run resumes where it stopped") from None

    def _enough(self, state: RetryCallState) -> bool:
        """A query that timed out would time out again: have it split instead of repeating it."""
        error = state.outcome.exception() if state.outcome else None
        return state.attempt_number >= (2 if isinstance(error, _Silence) else TRIES) or self._silent >= _SILENT

    def _once(self, method: str, path: str, body: object, what: str, pace: Pace) -> Any:
        with pace.turn():
            with self._lock:
                self.sent += 1
                number = self.sent
            try:
                status, headers, content = self._exchange(method, path, body)
            except requests.exceptions.SSLError as error:
                raise AccessDenied(
                    f"no secure connection to {self.name} ({_short(error)}): pass its CA with --ca-file"
                ) from None
            except requests.exceptions.ConnectTimeout:
                raise _Passing(f"{self.name} cannot be reached (no connection in {CONNECT:.0f} s; {what})") from None
            except (requests.exceptions.Timeout, TimeoutError):
                self._unanswered(number)
                raise _Silence(f"{self.name} did not answer within {READ:.0f} s ({what})") from None
            except ValueError as error:
                # What the library raises for an address, or a proxy from the environment, that it cannot use.
                raise Refused(
                    f"{self.name} cannot be queried ({_short(error)}): check the address and HTTPS_PROXY"
                ) from None
            except requests.exceptions.RequestException as error:
                raise _Passing(f"{self.name} cannot be reached ({_short(error)}; {what})") from None
        if status == 504:
            self._unanswered(number)
            raise _Silence(f"{self.name} timed out on its side (504; {what})")
        with self._lock:
            self._silent = 0
        if status in _PASSING:
            raise self._passing(status, headers, what, pace)
        if not 200 <= status < 300:
            raise self._refusal(status, headers, content, what)
        try:
            return json.loads(content, parse_constant=_no_number)
        except (ValueError, RecursionError):
            begin = content[:40].decode("ascii", "replace").strip()
            raise _Passing(f"{self.name} sent an answer that is not JSON ({begin!r}; {what})") from None

    def _unanswered(self, number: int) -> None:
        """Request `number` timed out. Requests that were sent before an earlier time-out belong to the same round."""
        with self._lock:
            if number > self._heard_out:
                self._silent += 1
                self._heard_out = self.sent

    def _exchange(self, method: str, path: str, body: object) -> tuple[int, Mapping[str, str], bytes]:
        """Send one request; redirects are not followed, since they would take the credentials along."""
        headers = {
            "X-CH-Auth-Email": self._access.user or "",
            "X-CH-Auth-API-Token": self._access.password or "",
            "Content-Type": "application/json",
        }
        data = None if body is None else json.dumps(body).encode()
        with self._session.request(
            method,
            self._base + path,
            data=data,
            headers=headers,
            timeout=(CONNECT, READ),
            allow_redirects=False,
            verify=self._verify,
            stream=True,
        ) as answer:
            return answer.status_code, answer.headers, body_of(answer, self.name, _LARGEST, 3 * READ)

    def _passing(self, status: int, headers: Mapping[str, str], what: str, pace: Pace) -> StoreError:
        busy = status == 429
        reason = "received too many requests" if busy else "is not ready"
        failure = _Passing(f"{self.name} {reason} ({status}; {what})")
        failure.after = retry_after(headers.get("Retry-After", ""), self._now())
        if busy:
            self.slowed += 1
        if failure.after is not None:
            if failure.after > PATIENCE:
                return StoreError(
                    f"{self.name} asks for a pause of {failure.after / 3600:,.1f} h ({status}; {what}): run "
                    "again then; the run resumes where it stopped"
                )
            pace.hold(failure.after)
        return failure

    def _refusal(self, status: int, headers: Mapping[str, str], content: bytes, what: str) -> Failure:
        if status in (401, 403):
            why = "does not accept this user and token" if status == 401 else "does not allow this user to query"
            return AccessDenied(
                f"{self.name} {why} ({status}): check KENTIK_API_USER and KENTIK_API_PASSWORD; "
                f"an account in the EU is kentik:eu"
            )
        if 300 <= status < 400:
            host = _host(headers.get("Location", "")) or "another place"
            return StoreError(
                f"{self.name} redirects to {host[:80]} ({status}), which is not followed: use the right address"
            )
        if status == 404:
            return Refused(f"{self.name} has no query API (404): check the address")
        if status == 413:
            return TooLarge(f"{self.name} rejects the request as too large ({what})")
        reason = _reason(content)
        told = f": {reason}" if reason else ""
        advice = "; check input/kentik_query_*.json" if status == 400 else ""
        return Refused(f"{self.name} rejects the query ({status}; {what}){told}{advice}")


def retry_after(text: str, now: float) -> float | None:
    """Seconds that `Retry-After` asks for, as a number or as a date; None if it is neither."""
    text = text.strip()
    if text.isdecimal():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now)


def _pause(state: RetryCallState) -> float:
    """The pause that the server asked for and a random part; otherwise 1 to 2 s, doubled each time up to a minute."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.after if isinstance(error, _Passing) else None
    spread = random.random()  # noqa: S311  # so that two clients do not come back at the same moment
    return asked + spread if asked is not None else min(60.0, 2.0 ** (state.attempt_number - 1) * (1 + spread))


def _host(address: str) -> str | None:
    """The host of an address; None if it is not valid."""
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _reason(content: bytes) -> str:
    """The message of an error response in Kentik's form; else empty."""
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    found = said.get("error") or said.get("message") if isinstance(said, dict) else None
    return " ".join(found.split())[:200] if isinstance(found, str) else ""


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is not a valid JSON number")


def _short(error: Exception) -> str:
    """The innermost message of an error, without the objects that the library wraps around it."""
    quoted = re.findall(r"'([^']+)'|\"([^\"]+)\"", str(error))
    text = "".join(quoted[-1]) if quoted else str(error)
    # A proxy's address may hold a password.
    text = re.sub(r"\S*@", "", text.rpartition(": ")[2])
    return text.strip("()")[:120] or type(error).__name__
