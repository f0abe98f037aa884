"""What the servers that speak PromQL differ in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from traffic.errors import AccessDenied
from traffic.store.base import StoreError
from traffic.store.prometheus.answers import NoPromAnswer, pairs
from traffic.store.prometheus.client import Connection

# VictoriaMetrics keeps answers of its own, and moves times to multiples of the step for them; others do not know it.
FRESH = {"nocache": "1"}
_NOON = 1_736_164_800
_POINTS = {"Prometheus": 11_000, "VictoriaMetrics": 30_000}


@dataclass(frozen=True)
class Flavour:
    """Which server it is."""

    name: str
    version: str
    closed: bool
    """Whether a window holds the sample at its left end too, as in Prometheus 2."""
    kept: str = ""
    """For how long it keeps samples, as it says it."""

    @property
    def imports(self) -> bool:
        """Whether it takes samples of the past."""
        return self.name == "VictoriaMetrics"

    @property
    def points(self) -> int:
        """Of a series in an answer, at the most, unless it was set up otherwise."""
        return _POINTS[self.name]

    def __str__(self) -> str:
        kept = f", keeps {self.kept}" if self.kept else ""
        return f"{self.name} {self.version}".rstrip() + kept


def flavour_of(connection: Connection) -> Flavour:
    """Asks: how wide a window is by an expression of no series, the rest by what it says of itself."""
    answer = connection.ask("query", query="count_over_time(vector(1)[2m:1m])", time=_NOON, **FRESH)
    found = [value for _, values in pairs(answer, "vector") for value in values.values()]
    if found not in ([2.0], [3.0]):
        raise NoPromAnswer(f"{connection.name} counts {found} minutes in two: it does not answer like Prometheus")
    # The header is on every answer of VictoriaMetrics, and nobody else's.
    victoria = "X-Server-Hostname" in connection.headers
    version, kept = (str(_said(connection, path).get(name, "")) for path, name in _SAYS)
    name = "VictoriaMetrics" if victoria else "Prometheus"
    return Flavour(name, "" if victoria else version, found == [3.0], kept)


_SAYS = (("status/buildinfo", "version"), ("status/runtimeinfo", "storageRetention"))


def _said(connection: Connection, path: str) -> dict[str, Any]:
    """Of itself; nothing where it has no such page, or we may not see it."""
    try:
        data = connection.ask(path)
    except (StoreError, AccessDenied):
        return {}
    return data if isinstance(data, dict) else {}
