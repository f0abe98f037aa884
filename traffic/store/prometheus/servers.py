"""The differences between servers that speak PromQL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from traffic.errors import AccessDenied, UsageFailure
from traffic.store.base import StoreError
from traffic.store.prometheus.answers import NoPromAnswer, pairs
from traffic.store.prometheus.client import Connection

# VictoriaMetrics keeps answers of its own, and moves times to multiples of the step for them; others do not know it.
FRESH = {"nocache": "1"}
_NOON = 1_736_164_800
PROMETHEUS, VICTORIA = "Prometheus", "VictoriaMetrics"
_POINTS = {PROMETHEUS: 11_000, VICTORIA: 30_000}
_VERSION = re.compile(r'^vm_app_version\{[^}]*short_version="v?([^"]+)"', re.MULTILINE)
_RETENTION = re.compile(r'^-retentionPeriod="([^"]+)"', re.MULTILINE)
_SCRAPES = re.compile(r"^  scrape_interval: (\w+)$", re.MULTILINE)


@dataclass(frozen=True)
class Flavour:
    """The kind of a server."""

    name: str
    version: str
    closed: bool
    """Whether a window includes the sample at its left end, as in Prometheus 2."""
    kept: str = ""
    """Its retention, as it reports it."""

    @property
    def imports(self) -> bool:
        """Whether it accepts samples of the past."""
        return self.name == VICTORIA

    @property
    def points(self) -> int:
        """Maximum number of points per series in an answer, unless configured otherwise."""
        return _POINTS[self.name]

    def __str__(self) -> str:
        kept = f", keeps {self.kept}" if self.kept else ""
        return f"{self.name} {self.version}".rstrip() + kept


def flavour_of(connection: Connection) -> Flavour:
    """Query it: the width of a window by an expression without series, the rest from what it reports about itself."""
    answer = connection.ask("query", query="count_over_time(vector(1)[2m:1m])", time=_NOON, **FRESH)
    found = [value for _, values in pairs(answer, "vector") for value in values.values()]
    if found not in ([2.0], [3.0]):
        raise NoPromAnswer(f"{connection.name} counts {found} minutes in two: it does not respond like Prometheus")
    # Every answer of VictoriaMetrics has this header, and no other server sends it.
    if "X-Server-Hostname" in connection.headers:
        told = _VERSION.search(connection.page("/metrics"))
        return Flavour(VICTORIA, told[1] if told else "", found == [3.0], kept_of(connection.page("/flags")))
    version = str(_said(connection, "status/buildinfo").get("version", ""))
    kept = str(_said(connection, "status/runtimeinfo").get("storageRetention", ""))
    return Flavour(PROMETHEUS, version, found == [3.0], kept)


def facts_of(connection: Connection, flavour: Flavour) -> list[str]:
    """What a server reports about itself, for a person; without what it does not report."""
    found = [f"{flavour.name} {flavour.version or 'of an unknown version'}"]
    if flavour.kept:
        found.append(f"it keeps samples for {flavour.kept}")
    if interval := _SCRAPES.search(str(_said(connection, "status/config").get("yaml", ""))):
        found.append(f"it scrapes every {interval[1]}, unless a job says otherwise")
    told = _said(connection, "status/tsdb")
    # Prometheus counts the series of the last hours, which are in memory; VictoriaMetrics those of the day.
    head = told.get("headStats")
    number = head.get("numSeries") if isinstance(head, dict) else told.get("totalSeries")
    if isinstance(number, int) and number > 0:
        found.append(f"{number:,} series in total, as of {'today' if flavour.imports else 'the last hours'}")
    return found


def kept_of(flags: str) -> str:
    """The retention of VictoriaMetrics: a number without unit means months, and the default is one month."""
    if not flags:
        return ""
    found = _RETENTION.search(flags)
    text = found[1] if found else "1"
    if not text.isdecimal():
        return text
    return "1 month" if text == "1" else f"{text} months"


def _said(connection: Connection, path: str) -> dict[str, Any]:
    """A page of the server about itself; empty if there is none, or we may not see it."""
    try:
        data = connection.ask(path)
    except (StoreError, AccessDenied, UsageFailure):
        return {}
    return data if isinstance(data, dict) else {}
