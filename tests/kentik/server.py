"""A stand-in for Kentik on a real socket: who may ask, how often, and what goes wrong on the way."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from tests.kentik.account import Account, BadQuery
from tests.kentik.clock import Clock

USER, TOKEN = "netops@example.com", "5up3r-s3cr3t-t0k3n"  # made up
QUERY_PATHS = ("/api/v5/query/topXdata", "/api/next/v5/query/topXdata")

ALERTING_PATHS = {"/v202505/policies/list": "policies", "/v202505/alerts": "alerts"}


@dataclass(frozen=True)
class Limits:
    """Requests at once; in a minute, before each is delayed and before they are refused; in an hour."""

    at_once: int = 4
    soft: int = 30
    delay: float = 1.0
    hard: int = 100
    hour: int = 1_500


QUERIES = Limits()
OTHERS = Limits(1, 20, 1.5, 60, 3_750)
NONE = Limits(10**9, 10**9, 0.0, 10**9, 10**9)


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong instead of an answer to a query."""

    status: int = 200
    body: bytes | None = None
    """None: the right one."""
    headers: dict[str, str] = field(default_factory=dict)
    cut: float | None = None
    """The share of the answer after which the connection is reset."""
    wait: float = 0.0
    """Seconds, of the real clock, until it answers."""
    short: bool = False
    """Whether the last fifth of the JSON is missing, in an answer that is whole as HTTP."""


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    path: str
    at: float
    status: int
    body: Any = None

    @property
    def query(self) -> dict[str, Any]:
        """Its first query."""
        found: dict[str, Any] = self.body["queries"][0]["query"]
        return found

    @property
    def customers(self) -> list[int]:
        """The AS numbers that were asked for; none where it asks which there are."""
        groups = self.query["filters_obj"]["filterGroups"]
        chosen = [one for group in groups for one in group["filters"] if one["filterField"] == "dst_as"]
        return [int(asn) for asn in chosen[0]["filterValue"].split(",")] if chosen else []

    @property
    def times(self) -> tuple[str, str]:
        """From when to when."""
        return self.query["starting_time"], self.query["ending_time"]


class Counter:
    """Sliding windows of requests, as they are received."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._came: deque[float] = deque()
        self._under_way = 0
        self._lock = threading.Lock()
        self.most_at_once = 0

    @contextmanager
    def admitted(self, now: float) -> Iterator[float | None]:
        """Seconds by which to delay it, or None to refuse it."""
        with self._lock:
            while self._came and self._came[0] <= now - 3600:
                self._came.popleft()
            self._came.append(now)
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
            minute = sum(1 for time in self._came if time > now - 60)
            limits = self.limits
            refused = self._under_way > limits.at_once or minute > limits.hard or len(self._came) > limits.hour
            delay = None if refused else limits.delay if minute > limits.soft else 0.0
        try:
            yield delay
        finally:
            with self._lock:
                self._under_way -= 1


class Kentik:
    """The stand-in. `with Kentik(account) as fake:` listens at `fake.store`, the name that `--store` takes."""

    def __init__(
        self,
        account: Account,
        limits: Limits = NONE,
        clock: Clock | None = None,
        latency: float = 0.0,
        retry_after: Callable[[float], str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Args:
        clock: what limits, delays and retention go by; None is the real one.
        latency: seconds of that clock that every answer takes.
        retry_after: the header of a 429 by the limits, given the time; None is none.
        tls: what it proves itself with; None is plain HTTP.
        """
        self.account = account
        self.clock: Callable[[], float] = clock or time.time
        self._until = clock.until if clock else self._really_until
        self.latency = latency
        self.retry_after = retry_after
        self.queries, self.others = Counter(limits), Counter(NONE if limits is NONE else OTHERS)
        self.faults: deque[Fault] = deque()
        self.forbidden: set[str] = set()
        """Paths that this user may not see."""
        self.policies: list[dict[str, Any]] = []
        """Alert policies of the account, as the v202505 API tells them."""
        self.fired: list[dict[str, Any]] = []
        """Alerts that fired, as it tells them."""
        self.log: list[Asked] = []
        fake = self

        class Handler(_Handler):
            kentik = fake

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._scheme = "https" if tls else "http"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Kentik:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    @property
    def store(self) -> str:
        """Its name for `--store`."""
        return f"kentik:{self.url}"

    @property
    def environment(self) -> dict[str, str]:
        """Credentials that it knows."""
        return {"KENTIK_API_USER": USER, "KENTIK_API_PASSWORD": TOKEN}

    @property
    def series_asked(self) -> list[Asked]:
        """Requests for series that were answered."""
        return [asked for asked in self.log if asked.status == 200 and asked.path in QUERY_PATHS and asked.customers]

    def fail(self, fault: Fault, times: int = 1) -> None:
        """The next queries fail like that."""
        self.faults.extend([fault] * times)

    def finish(self, at: float) -> None:
        """Let time pass until then."""
        self._until(at)

    def listed(self, name: str) -> Any:
        """What a GET of this path answers; None: there is no such path."""
        return {
            "/api/v5/devices": {"devices": [_device(number) for number in (1, 2)]},
            "/api/v5/plans": {"plans": [self._plan()]},
            "/api/v5/sites": {"sites": [{"id": 1, "site_name": "Sydney"}]},
            "/api/v5/mykentik/tenants": [{"id": 1, "name": "tenant", "users": []}],
            "/api/v5/users": {"users": [{"id": "1", "user_email": USER}]},
        }.get(name)

    def told(self, path: str, body: Any) -> dict[str, Any]:
        """A page of policies, or of alerts that started in a window: what is empty is left out, as by the gateway."""
        name = ALERTING_PATHS[path]
        rows = self.policies if name == "policies" else self.fired
        between = body.get("filters", {}).get("startedAt")
        if between:
            rows = [row for row in rows if between["start"] <= row["startTimeAt"] < between["end"]]
        page = body.get("pagination", {})
        first, most = int(page.get("offset", 0)), int(page.get("limit", 100))
        part = rows[first : first + most]
        return ({name: part} if part else {}) | {"pagination": {"totalCount": str(len(rows))}}

    def _plan(self) -> dict[str, Any]:
        keeps = {"full_retention": self.account.full_retention, "fast_retention": self.account.fast_retention}
        return {"id": 1, "name": "Free Trial", "max_fps": 1000, **keeps}

    @staticmethod
    def _really_until(at: float) -> None:
        time.sleep(max(0.0, at - time.time()))


def _device(number: int) -> dict[str, Any]:
    return {
        "id": str(number),
        "company_id": "1",
        "device_name": f"edge_{number}",
        "device_type": "router",
        "device_status": "V",
        "device_sample_rate": "1000",
        "site": {"id": 1, "site_name": "Sydney"},
        "plan": {"id": 1, "name": "Free Trial"},
        "labels": [],
        "sending_ips": [f"192.0.2.{number}"],
        "all_interfaces": [],
        "created_date": "2019-01-01T00:00:00.000Z",
    }


class _Handler(BaseHTTPRequestHandler):
    kentik: Kentik
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        kentik, at = self.kentik, self.kentik.clock()
        with kentik.others.admitted(at) as delay:
            if self._refused(at, None) or self._limited(at, delay, None):
                return
            found = kentik.listed(self.path)
            if found is None:
                self._say(404, {"error": "Not found"}, at)
            else:
                self._say(200, found, at)

    def do_POST(self) -> None:
        kentik, at = self.kentik, self.kentik.clock()
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with kentik.queries.admitted(at) as delay:
            try:
                body = json.loads(content)
            except ValueError:
                self._say(400, {"error": "Unexpected token in JSON"}, at)
                return
            if self._refused(at, body):
                return
            if self.path in ALERTING_PATHS:
                self._say(200, kentik.told(self.path, body), at, body)
                return
            if self.path not in QUERY_PATHS:
                self._say(404, {"error": "Not found"}, at, body)
                return
            if self._limited(at, delay, body):
                return
            kentik.finish(at + kentik.latency + (delay or 0.0))
            self._answer(body, at)

    def _answer(self, body: Any, at: float) -> None:
        kentik = self.kentik
        fault = kentik.faults.popleft() if kentik.faults else Fault()
        if fault.wait:
            time.sleep(fault.wait)
        if fault.status != 200 or fault.body is not None:
            content = b'{"error": "as ordered"}' if fault.body is None else fault.body
            self._send(fault.status, content, at, body, fault)
            return
        try:
            answer = kentik.account.answer(body, kentik.clock())
        except BadQuery as error:
            self._say(400, {"error": str(error)}, at, body)
            return
        self._send(200, orjson.dumps(answer), at, body, fault)

    def _refused(self, at: float, body: Any) -> bool:
        user, token = self.headers.get("X-CH-Auth-Email"), self.headers.get("X-CH-Auth-API-Token")
        if (user, token) != (USER, TOKEN):
            self._say(401, {"error": "Unauthorized"}, at, body)
        elif self.path in self.kentik.forbidden:
            self._say(403, {"error": "Forbidden"}, at, body)
        else:
            return False
        return True

    def _limited(self, at: float, delay: float | None, body: Any) -> bool:
        if delay is not None:
            return False
        told = self.kentik.retry_after
        headers = {"Retry-After": told(at)} if told else {}
        self._send(429, b'{"error": "Too Many Requests"}', at, body, Fault(headers=headers))
        return True

    def _say(self, status: int, answer: Any, at: float, body: Any = None) -> None:
        self._send(status, orjson.dumps(answer), at, body, Fault())

    def _send(self, status: int, content: bytes, at: float, body: Any, fault: Fault) -> None:
        broken = fault.cut is not None or fault.short
        self.kentik.log.append(Asked(self.path, at, 0 if broken else status, body))
        if fault.short:
            content = content[: len(content) * 4 // 5]
        with suppress(OSError):
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **fault.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if fault.cut is None:
                self.wfile.write(content)
                return
            self.wfile.write(content[: int(len(content) * fault.cut)])
            self.wfile.flush()
            # Reset, not closed: nothing is sent that would end the stream.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing: the log is a list."""


def http_date(at: float) -> str:
    """`Retry-After` as a date."""
    return formatdate(at, usegmt=True)
