"""Who is told: an Alertmanager, or a webhook that takes JSON. At least once, each thing under a name of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests

from analyzer.model import Band
from analyzer.watching.news import News, Told
from traffic.errors import AccessDenied, Failure, UsageFailure
from traffic.store.access import is_loopback
from traffic.text import visible

ALERTMANAGER = "alertmanager:"
CONNECT, READ = 5.0, 15.0
"""Seconds until a connection stands, and until an answer begins."""
PAUSES = (0.5, 2.0)
"""Seconds between the tries of one round."""
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_CLOSING = ("over", "withdrawn")
_LEAST = 300
"""Seconds for which an alert is said to last at least, so that no receiver lets go of it between two rounds."""


class Unheard(Failure):
    """A receiver does not take what it is told; the next round tells it again."""


class Receiver(Protocol):
    """Somebody who is told."""

    @property
    def name(self) -> str:
        """Without path, user and password, which may be secrets; two addresses of one host differ in a hash."""
        ...

    def tell(self, news: Sequence[News], now: int) -> Iterator[set[str]]:
        """Tell all of it; the ids of what was heard, as it is heard.

        Raises:
            Unheard: it takes no more; what was not answered with was not heard.
        """
        ...

    def remind(self, told: Sequence[Told], now: int) -> None:
        """Say again which events go on, where it forgets what is not said again.

        Raises:
            Unheard: it does not take it.
        """
        ...


@dataclass(frozen=True)
class Endpoint:
    """How a receiver is reached."""

    url: str
    token: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    sleep: Callable[[float], None] = time.sleep

    def post(self, name: str, body: object, **headers: str) -> None:
        """Send JSON; again where what is wrong may pass.

        Raises:
            Unheard: it was not taken.
        """
        why = ""
        for pause in (*PAUSES, None):
            try:
                why = self._once(body, headers)
            except requests.exceptions.SSLError:
                raise Unheard(f"no secure connection to {name}: pass its CA with --notify-ca-file") from None
            except requests.exceptions.RequestException as error:
                why = f"cannot be reached ({type(error).__name__})"
            if not why:
                return
            if pause is None or why.startswith("refuses"):
                break
            self.sleep(pause)
        raise Unheard(f"{name} {why}")

    def _once(self, body: object, headers: dict[str, str]) -> str:
        """What is wrong; nothing where it was taken."""
        more = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        with requests.Session() as session:
            # A .netrc must not add credentials of its own, and what goes in clear to this machine takes no proxy.
            session.auth = lambda request: request
            session.trust_env = self.url.startswith("https:")
            with session.post(
                self.url,
                data=json.dumps(body).encode(),
                headers={"Content-Type": "application/json", **headers, **more},
                timeout=(CONNECT, READ),
                allow_redirects=False,
                verify=self.ca_file or True,
                stream=True,
            ) as answer:
                if 200 <= answer.status_code < 300:
                    return ""
                said = visible(answer.raw.read(200, decode_content=True).decode("utf-8", "replace").strip())
        what = f"({answer.status_code}{': ' if said else ''}{said})"
        return f"is overloaded or failing {what}" if answer.status_code in _PASSING else f"rejects it {what}"


@dataclass(frozen=True)
class Webhook:
    """Takes each thing by a POST of its own; the header Idempotency-Key is its name."""

    name: str
    endpoint: Endpoint

    def tell(self, news: Sequence[News], now: int) -> Iterator[set[str]]:
        """As `Receiver`; what it refuses keeps nothing else from being told."""
        refused: Unheard | None = None
        for one in news:
            body = {"id": one.id, "what": one.kind, "at": _rfc(now), "was": one.was}
            body |= {"event": {**one.event, "event_id": one.event_id}}
            try:
                self.endpoint.post(self.name, body, **{"Idempotency-Key": one.id})
            except Unheard as error:
                if "rejects it" not in str(error):
                    raise
                refused = error
            else:
                yield {one.id}
        if refused is not None:
            raise refused

    def remind(self, told: Sequence[Told], now: int) -> None:
        """It remembers by itself."""


@dataclass(frozen=True)
class Alertmanager:
    """Takes alerts by its API (v2). The labels name an alert, so that saying it twice is saying it once."""

    name: str
    endpoint: Endpoint
    every: int
    """Seconds between two rounds."""

    def tell(self, news: Sequence[News], now: int) -> Iterator[set[str]]:
        """As `Receiver`, all at once."""
        if news:
            self.endpoint.post(self.name, [alert for one in news for alert in self.alerts(one, now)])
            yield {one.id for one in news}

    def remind(self, told: Sequence[Told], now: int) -> None:
        """It takes for over what it has not heard of for a while."""
        going = [one for one in told if one.standing == "open"]
        if going:
            until = now + self._lasting
            said = [alert({**one.event, "event_id": one.id}, one.event_class, one.band, until) for one in going]
            self.endpoint.post(self.name, said)

    def alerts(self, news: News, now: int) -> list[dict[str, Any]]:
        """The alerts that begin, and those that end: class and severity are labels, so another one is another alert."""
        event = {**news.event, "event_id": news.event_id}
        before = [alert(event, news.was["class"], news.was["band"], now)] if news.was else []
        if news.kind in _CLOSING:
            return before
        begun = alert(event, event["class"], event["band"], now + self._lasting)
        return [*(one for one in before if one["labels"] != begun["labels"]), begun]

    @property
    def _lasting(self) -> int:
        return max(3 * self.every, _LEAST)


def alert(event: dict[str, Any], event_class: str, band: Band | str, until: int) -> dict[str, Any]:
    """An event as Alertmanager takes it.

    Args:
        event: in the words of events.csv.
        event_class: as it was told.
        band: as it was told.
        until: end of the alert, epoch seconds: behind the clock, it is over.
    """
    named = ("event_id", "key", "metric", "direction", "store")
    labels = {"alertname": "TrafficEvent", **{name: _text(event[name]) for name in named}}
    labels |= {"class": event_class, "severity": band}
    ratio = "" if event["ratio"] is None else f", {event['ratio']:.3g} times the baseline"
    peak = f"{event['peak']:.4g} {event['unit'] or ''}".rstrip()
    summary = f"{_text(event['key'])} is {event['direction']} its threshold: {peak}{ratio}"
    figures = ("start", "end", "minutes", "peak", "baseline", "threshold", "ratio", "unit", "incident_id")
    annotations = {name: str(event[name]) for name in figures if event[name] not in (None, "")}
    return {
        "labels": labels,
        "annotations": {"summary": summary, **annotations},
        "startsAt": event["start"],
        "endsAt": _rfc(until),
    }


def receiver(said: str, every: int, token: str | None, ca_file: str | None, allow_http: bool) -> Receiver:
    """Who is meant by `alertmanager:URL`, or the URL of a webhook.

    Raises:
        UsageFailure: it is no address.
        AccessDenied: the token would be sent in clear to another machine.
    """
    manager = said.lower().startswith(ALERTMANAGER)
    url = said[len(ALERTMANAGER) :] if manager else said
    try:
        parts = urlsplit(url)
        known = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        parts, known = urlsplit(""), 0
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or not url.isprintable():
        # What was said is not repeated: it may hold a secret.
        raise UsageFailure(
            "--notify needs alertmanager:http://HOST:9093 or the URL of a webhook, without credentials: these belong "
            "in --notify-token-file or SL_NOTIFY_TOKEN"
        )
    digest = blake2b(said.encode(), digest_size=3).hexdigest()
    name = f"{ALERTMANAGER if manager else ''}{parts.scheme}://{parts.hostname}:{known} ({digest})"
    if token and parts.scheme == "http" and not is_loopback(parts.hostname) and not allow_http:
        raise AccessDenied(f"{name} is another machine, and http would expose the token: use https, or --allow-http")
    if not manager:
        return Webhook(name, Endpoint(url, token, ca_file))
    return Alertmanager(name, Endpoint(f"{url.rstrip('/')}/api/v2/alerts", token, ca_file), every)


def _rfc(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def _text(text: object) -> str:
    return str(text).encode("utf-8", "backslashreplace").decode()
