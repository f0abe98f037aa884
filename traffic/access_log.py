"""The interface to a log of requests that `analyze` uses, wherever the lines are. Values and a protocol, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from typing import Protocol

from traffic.model import Floats, Grid, Ints, Window

PERCENTS = (25.0, 50.0, 75.0, 95.0, 99.0)
"""Which percentiles a `Spread` has."""


@dataclass(frozen=True)
class LogColumns:
    """What the user specified about a log; the rest is recognised from the names of its fields."""

    named: Mapping[str, str] = field(default_factory=dict)
    """Role (`log_fields.ROLES`) -> field."""
    errors: str | None = None
    """Which lines are errors: SQL for files, Lucene's query language for an index."""
    where: str | None = None
    """SQL condition: only lines of a file that meet it are read."""
    filter_file: Path | None = None
    """File with an Elasticsearch query that documents must match."""
    zone: str = "UTC"
    """Time zone of times in a file that name none."""
    scale: float | None = None
    """Milliseconds in a unit of the response times; None: derived from the name of their field, or from the values."""
    skip_bad_lines: bool = False
    """Leave out lines that are not recognised, however many there are."""
    raw_paths: bool = False
    """Keep identifiers in paths: `/api/orders/4711` does not become `/api/orders/{id}`."""


@dataclass(frozen=True, eq=False)
class Traffic:
    """Per hour, shape (hours,) each."""

    grid: Grid
    requests: Ints
    errors: Ints | None
    """None if it is not known which lines are errors."""
    p95: Floats | None
    """p95 of the response times in ms, NaN in an hour without any; None if the log has none."""
    sent: Ints | None = None
    """Bytes sent; None if the log does not contain them."""


@dataclass(frozen=True)
class Count:
    """How often a value occurs."""

    value: str
    requests: int
    errors: int | None
    sent: int | None = None
    """Bytes."""


@dataclass(frozen=True)
class Top:
    """The most frequent values of a field."""

    counts: tuple[Count, ...]
    """Most frequent first, then by name."""
    others: int
    """Lines with another value."""
    without: int
    """Lines without a value."""


@dataclass(frozen=True)
class Spread:
    """The distribution of response times in ms; NaN if there are none."""

    requests: int
    mean: float = nan
    p25: float = nan
    p50: float = nan
    p75: float = nan
    p95: float = nan
    p99: float = nan
    most: float = nan


def percentiles(values: Iterable[float]) -> dict[str, float]:
    """Values for PERCENTS, by their names in a `Spread`."""
    return {f"p{percent:g}": value for percent, value in zip(PERCENTS, values, strict=True)}


@dataclass(frozen=True)
class Line:
    """A line of the log, as far as its fields are known; a missing text is empty."""

    time: float
    """Epoch seconds."""
    milliseconds: float
    service: str = ""
    endpoint: str = ""
    method: str = ""
    status: str = ""
    level: str = ""
    address: str = ""


@dataclass(frozen=True)
class Fences:
    """Response times in ms above which a request is an outlier."""

    own: Mapping[str, float]
    """Endpoint -> its limit."""
    rest: float
    """Limit of all other endpoints."""


class AccessLog(Protocol):
    """A log of requests. Figures are computed where the lines are, from all lines in the window, or are an error."""

    name: str
    """Its name in outputs, without secrets."""
    exact: bool
    """Whether percentiles are exact; otherwise they are approximate (docs/log-discovery.md says how close)."""

    @property
    def errors_told(self) -> str | None:
        """How errors are recognised; None if they cannot be."""
        ...

    def notes(self) -> list[str]:
        """Notes for a person before anything is counted: how the lines are read."""
        ...

    @property
    def roles(self) -> Mapping[str, str]:
        """Role -> field, for the roles that the log has."""
        ...

    def extent(self) -> Window:
        """From the first line to a second after the last."""
        ...

    def traffic(self, window: Window) -> Traffic:
        """Lines per hour."""
        ...

    def top(self, role: str, window: Window, most: int, status: str | None = None) -> Top:
        """The most frequent values of a field, with exact counts, however many values there are.

        Args:
            role: role of the field.
            window: window of the lines.
            most: maximum number of values.
            status: count only lines with this status.
        """
        ...

    def spreads(self, window: Window, endpoints: Sequence[str]) -> tuple[Spread, dict[str, Spread]]:
        """The distribution of all response times, and of those of some endpoints."""
        ...

    def histogram(self, window: Window, edges: Sequence[float]) -> Ints:
        """Requests by response time (ms): below the first edge, between edges, from the last on, shape (edges + 1,)."""
        ...

    def beyond(self, window: Window, fences: Fences, most: int) -> tuple[dict[str, int], list[Line]]:
        """Number of requests above their limit, by endpoint ("" for the rest), and the slowest of them."""
        ...

    def latest(self, window: Window, most: int) -> list[Line]:
        """The last lines, newest first."""
        ...

    def remarks(self) -> list[str]:
        """Notes for a person about lines that were left out."""
        ...
