"""The unit of response times, derived from the name of their field, the tool that wrote it, or the values. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from traffic.store.log_names import plain

UNITS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3}
"""Milliseconds in each."""

_ENDINGS = {
    "ns": ("ns", "nanos", "nsec", "nanoseconds"),
    "us": ("us", "micros", "usec", "microseconds"),
    "ms": ("ms", "millis", "msec", "milliseconds"),
    "s": ("s", "sec", "secs", "seconds"),
}
_UNIT_OF = {ending: unit for unit, endings in _ENDINGS.items() for ending in endings}
_NAMED = {
    "event.duration": "ns",  # the Elastic Common Schema
    "originresponsetime": "ns",  # Cloudflare
    "requesttime": "s",  # nginx
    "upstreamresponsetime": "s",
    "targetprocessingtime": "s",  # AWS
    "latencies.request": "ms",  # Kong
    "responselatency": "ms",  # AWS API Gateway
    "ta": "ms",  # HAProxy
    "tt": "ms",
}
_WRITERS: tuple[tuple[str, frozenset[str], str], ...] = (
    ("Traefik", frozenset({"downstreamstatus"}), "ns"),
    ("Caddy", frozenset({"request.uri", "request.remoteip"}), "s"),
    ("CloudFront", frozenset({"xedgelocation"}), "s"),
    ("IIS", frozenset({"scwin32status"}), "ms"),
    ("IIS", frozenset({"scsubstatus"}), "ms"),
    ("Envoy", frozenset({"responseflags"}), "ms"),
    ("lograge", frozenset({"controller", "action"}), "ms"),
    ("pino", frozenset({"req.method", "res.statuscode"}), "ms"),
    ("Serilog", frozenset({"@mt"}), "ms"),
    ("Serilog", frozenset({"@m"}), "ms"),
)
"""Tool that wrote a log, the fields that identify it, and its unit of durations."""


@dataclass(frozen=True)
class Unit:
    """A unit of response times."""

    name: str
    """One of `UNITS`."""
    why: str
    """How it was determined, for people."""

    @property
    def milliseconds(self) -> float:
        """Milliseconds in one unit."""
        return UNITS[self.name]


def unit_of_name(field: str, others: Collection[str]) -> Unit | None:
    """The unit of a field, from its name or the log that it is in; None if neither determines it.

    Args:
        field: the field with the response times.
        others: names of all fields of the log.
    """
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|µs|μs", field)]
    if len(words) > 1 and words[-1] in _UNIT_OF:
        return Unit(_UNIT_OF[words[-1]], "by its name")
    there = {plain(name) for name in others}
    for writer, signs, unit in _WRITERS:
        if signs <= there:
            return Unit(unit, f"as {writer} counts")
    name = plain(field)
    known = next((unit for known, unit in _NAMED.items() if name == known or name.endswith("." + known)), None)
    return Unit(known, "as that field usually is") if known else None


def unit_of_values(median: float, p99: float, whole: bool) -> Unit:
    """The most likely unit of values, if no name determines it.

    A median response does not take a second, and nobody counts whole seconds: small numbers with decimals are seconds.

    Args:
        median: of the values above 0.
        p99: of the same values.
        whole: whether all are whole numbers.
    """
    if whole:
        unit = "ns" if median >= 1e6 else "us" if median >= 1e5 else "ms"
    else:
        unit = "s" if median < 1 and p99 < 60 else "ms"
    return Unit(unit, f"by the values: half are below {median:.3g}")
