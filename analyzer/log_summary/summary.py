"""analyse(): traffic per hour, what is asked for most, how long it takes, and what takes far too long."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf

import numpy as np

from analyzer.log_summary.groups import RAW, by_family, by_host
from traffic.access_log import AccessLog, Fences, Line, Spread, Top, Traffic
from traffic.errors import UsageFailure
from traffic.model import HOUR, Ints, Window
from traffic.times import iso

COUNTED = ("service", "host", "status", "method", "level", "address")
"""Roles whose values are counted as they are, besides endpoints."""
GROUPED: Mapping[str, Callable[[Top, int], Top]] = {"agent": by_family, "referrer": by_host}
"""Roles whose values are counted by what they have in common."""
NOT_FOUND = "404"
VALUES = 20
"""Values of these that are listed."""
FENCED = 100
"""Endpoints that have a limit of their own: the most requested ones."""
FEWEST = 20
"""Requests with a response time that an endpoint needs for it."""
OUTLIERS = 100
"""The slowest requests that are listed."""

# Ten a decade, from 0.1 ms to 1,000 s, in round numbers.
_DIGITS = (1.0, 1.25, 1.6, 2.0, 2.5, 3.15, 4.0, 5.0, 6.3, 8.0)
EDGES = (*(round(digit * 10.0**power, 6) for power in range(-1, 6) for digit in _DIGITS), 1e6)
"""Of the histogram, in ms."""

RULE = "slower than p75 x (p75 / p25)^3 of its endpoint, and than 2 x p75"
"""What an outlier is: on a logarithmic scale, beyond the quartile by three times the distance of the quartiles.

Medians and quartiles are not moved by the outliers themselves, and each endpoint has its own: a report that always
takes seconds is none, a health check that takes one is. `fence` has the rest.
"""


@dataclass(frozen=True, eq=False)
class Analysis:
    """What was found. Response times are in ms."""

    store: str
    window: Window
    roles: Mapping[str, str]
    """Role -> field."""
    traffic: Traffic
    counted: Mapping[str, Top]
    """Role -> its values, for those of `COUNTED` that the log has."""
    endpoints: Top | None
    not_found: Top | None
    """Endpoints that were asked for and are not there; None where the log has no status or no endpoints."""
    latency: Spread | None
    of_endpoint: Mapping[str, Spread]
    histogram: Ints
    """Response times below the first of `EDGES`, from each to the next, and from the last on."""
    fences: Fences
    outliers: Mapping[str, int]
    """Endpoint ("" all without a limit of their own) -> how many requests lie above its limit."""
    slowest: tuple[Line, ...]
    """Of the outliers."""
    latest: tuple[Line, ...]
    exact: bool
    """Whether percentiles are exact."""
    told: str | None
    """How errors are told; None where nothing tells them."""
    remarks: tuple[str, ...]
    """What of the log was not looked at, and what was not understood."""

    @property
    def requests(self) -> int:
        """Lines in the window."""
        return int(self.traffic.requests.sum())

    @property
    def errors(self) -> int | None:
        """Those of them that are errors; None where nothing says so."""
        return None if self.traffic.errors is None else int(self.traffic.errors.sum())

    @property
    def sent(self) -> int | None:
        """Bytes of the answers; None where the log does not say."""
        return None if self.traffic.sent is None else int(self.traffic.sent.sum())

    def of_day(self) -> Ints:
        """Requests by hour of the day (UTC), shape (24,)."""
        hours = self.traffic.grid.times() // HOUR % 24
        return np.bincount(hours, weights=self.traffic.requests, minlength=24).astype(np.int64)


def analyse(log: AccessLog, start: int | None, end: int | None, top: int, latest: int) -> Analysis:
    """Ask the log for everything.

    Args:
        log: to look at.
        start: epoch seconds; None is its first line.
        end: None is its last.
        top: endpoints that are listed.
        latest: last lines that are listed.

    Raises:
        UsageFailure: there is nothing in that window.
        StoreError: the store cannot answer in full.
    """
    extent = log.extent()
    window = Window(extent.start if start is None else start, max(start or 0, extent.end if end is None else end))
    if not window.overlap(extent):
        raise UsageFailure(
            f"{log.name} has no data from {iso(window.start)} to {iso(window.end)}: it has data from "
            f"{iso(extent.start)} to {iso(extent.end)}"
        )
    window = window.clip(extent)
    roles = log.roles
    endpoints = log.top("endpoint", window, max(top, FENCED)) if "endpoint" in roles else None
    latency: Spread | None = None
    each: dict[str, Spread] = {}
    histogram = np.zeros(len(EDGES) + 1, dtype=np.int64)
    fences = Fences({}, inf)
    outliers: dict[str, int] = {}
    slowest: list[Line] = []
    if "latency" in roles:
        names = [count.value for count in endpoints.counts] if endpoints else []
        latency, each = log.spreads(window, names)
        histogram = log.histogram(window, EDGES)
        own = {name: fence(each[name]) for name in names[:FENCED] if name in each and each[name].requests >= FEWEST}
        fences = Fences(own, fence(latency))
        outliers, slowest = log.beyond(window, fences, OUTLIERS)
    counted = {role: log.top(role, window, VALUES) for role in COUNTED if role in roles}
    for role, group in GROUPED.items():
        if role in roles:
            counted[role] = group(log.top(role, window, RAW), VALUES)
    asked = "endpoint" in roles and "status" in roles
    return Analysis(
        store=log.name,
        window=window,
        roles=roles,
        traffic=log.traffic(window),
        counted=counted,
        endpoints=None if endpoints is None else _first(endpoints, top),
        not_found=log.top("endpoint", window, VALUES, NOT_FOUND) if asked else None,
        latency=latency,
        of_endpoint=each,
        histogram=histogram,
        fences=fences,
        outliers=outliers,
        slowest=tuple(slowest),
        latest=tuple(log.latest(window, latest)),
        exact=log.exact,
        told=log.errors_told,
        remarks=tuple(log.remarks()),
    )


def fence(spread: Spread) -> float:
    """Above what response time a request is an outlier; infinite where a quarter of them took no time at all."""
    if not spread.p25 > 0:
        return inf
    return spread.p75 * max(2.0, (spread.p75 / spread.p25) ** 3)


def _first(found: Top, most: int) -> Top:
    return Top(found.counts[:most], found.others + sum(count.requests for count in found.counts[most:]), found.without)
