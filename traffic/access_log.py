"""The seam to a log of requests: what `analyze` asks, wherever the lines lie. Values and a protocol, no I/O."""

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
    """What a person said of a log; what is not said is told from the names of its fields."""

    named: Mapping[str, str] = field(default_factory=dict)
    """Role (`log_fields.ROLES`) -> field."""
    errors: str | None = None
    """Which lines are errors: SQL for files, Lucene's query language for an index."""
    where: str | None = None
    """SQL: the lines of a file that are read."""
    filter_file: Path | None = None
    """An Elasticsearch query that documents have to meet."""
    zone: str = "UTC"
    """What a time in a file means that names no zone."""
    scale: float | None = None
    """Milliseconds in a unit of the response times; None is told from the name of their field, or from the values."""
    skip_bad_lines: bool = False
    """Leave lines out that are not recognised, however many they are."""
    raw_paths: bool = False
    """Leave identifiers in paths: `/api/orders/4711` is no `/api/orders/{id}`."""


@dataclass(frozen=True, eq=False)
class Traffic:
    """Per hour, shape (hours,) each."""

    grid: Grid
    requests: Ints
    errors: Ints | None
    """None where nothing says which lines are errors."""
    p95: Floats | None
    """Of the response times in ms, NaN in an hour without any; None where the log has none."""
    sent: Ints | None = None
    """Bytes that were sent; None where the log does not say."""


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
    """Lines that have another value."""
    without: int
    """Lines that have none."""


@dataclass(frozen=True)
class Spread:
    """How response times lie, in ms; NaN where there are none."""

    requests: int
    mean: float = nan
    p25: float = nan
    p50: float = nan
    p75: float = nan
    p95: float = nan
    p99: float = nan
    most: float = nan


def percentiles(values: Iterable[float]) -> dict[str, float]:
    """The values of PERCENTS by their names in a Spread."""
    return {f"p{percent:g}": value for percent, value in zip(PERCENTS, values, strict=True)}


@dataclass(frozen=True)
class Line:
    """A line of the log, as far as its fields are known; a text that is not there is empty."""

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
    """Of all other endpoints."""


class AccessLog(Protocol):
    """A log of requests. All figures are made where the lines lie and are of all lines in the window, or an error."""

    name: str
    """How it is called in outputs: no secrets."""
    exact: bool
    """Whether percentiles are exact; else they are near (docs/log-discovery.md says how near)."""

    @property
    def errors_told(self) -> str | None:
        """How errors are told; None where nothing that is understood tells them."""
        ...

    def notes(self) -> list[str]:
        """What a person should know before anything is counted: how the lines are read."""
        ...

    @property
    def roles(self) -> Mapping[str, str]:
        """Role -> field, of those that the log has."""
        ...

    def extent(self) -> Window:
        """From the first line to a second after the last."""
        ...

    def traffic(self, window: Window) -> Traffic:
        """Lines per hour."""
        ...

    def top(self, role: str, window: Window, most: int, status: str | None = None) -> Top:
        """The most frequent values of a field: exact counts, however many values there are.

        Args:
            role: of the field.
            window: of the lines.
            most: values.
            status: only of lines with this one.
        """
        ...

    def spreads(self, window: Window, endpoints: Sequence[str]) -> tuple[Spread, dict[str, Spread]]:
        """Of all response times, and of those of some endpoints."""
        ...

    def histogram(self, window: Window, edges: Sequence[float]) -> Ints:
        """Response times (ms) below the first edge, from each to the next, and from the last on: edges + 1."""
        ...

    def beyond(self, window: Window, fences: Fences, most: int) -> tuple[dict[str, int], list[Line]]:
        """How many requests lie above their limit, by endpoint ("" the rest), and the slowest of them."""
        ...

    def latest(self, window: Window, most: int) -> list[Line]:
        """The last lines, newest first."""
        ...

    def remarks(self) -> list[str]:
        """What a person should know of lines that were not looked at."""
        ...
