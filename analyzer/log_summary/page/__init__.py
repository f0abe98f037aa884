"""analysis.html: a log of requests as one file that needs no network and no server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np

from analyzer.log_summary.summary import EDGES, RULE, Analysis
from analyzer.log_summary.tables import limit_of, moment
from analyzer.log_summary.terminal import TITLES, facts, ms, percent
from analyzer.report.page.file import rendered
from analyzer.report.words import clock, day, plural, stretch
from traffic.access_log import Line, Spread, Top
from traffic.disk import write_atomic
from traffic.model import DAY, Floats
from traffic.text import si, visible

PAGE = "analysis.html"
WIDE, HIGH = 820, 120
"""Of a drawing, in its own units."""
_SHOWN = 20


@dataclass(frozen=True)
class Drawing:
    """A curve over the window: its outline, what lies on top of it, its highest value, and all of it in words."""

    title: str
    area: str
    over: str
    most: str
    words: str


@dataclass(frozen=True)
class SortedTable:
    """A table: heads, and rows whose cells are pairs: what is sorted by, what is read."""

    title: str
    note: str
    heads: tuple[str, ...]
    rows: tuple[tuple[tuple[str, str], ...], ...]


def write_page(found: Analysis, folder: Path) -> Path:
    """Write analysis.html; its path.

    Raises:
        StorageFailure: the folder cannot be written.
    """
    path = folder / PAGE
    write_atomic(path, page(found))
    return path


def page(found: Analysis) -> bytes:
    """The file; every text is escaped."""
    window = found.window
    return rendered(
        Path(__file__).parent / "analysis.html.j2",
        ("sort.js",),
        heading=visible(f"{plural(found.requests, 'request')} in {found.store}"),
        facts=[f"{stretch(window)} UTC", *(visible(f"{name}: {text}") for name, text in facts(found))],
        drawings=list(_drawings(found)),
        ticks=[(WIDE * part / 7, day(window.start + window.seconds * part // 7)) for part in range(1, 7)],
        wide=WIDE,
        high=HIGH,
        tables=[table for table in _tables(found) if table.rows],
    )


def _drawings(found: Analysis) -> Iterator[Drawing]:
    traffic = found.traffic
    times = traffic.grid.times()

    def peak(values: Floats) -> str:
        at = int(times[int(np.nanargmax(values))])
        return f"on {day(at, weekday=True)} at {clock(at)}"

    requests = traffic.requests.astype(np.float64)
    errors = None if traffic.errors is None else traffic.errors.astype(np.float64)
    told = "" if errors is None else f", of errors (red) {si(errors.max())}"
    yield Drawing(
        "Requests an hour" + ("" if errors is None else ", and errors among them"),
        _outline(requests, requests.max()),
        "" if errors is None else _outline(errors, requests.max()),
        si(requests.max()),
        f"Most requests in an hour: {si(requests.max())} {peak(requests)}{told}.",
    )
    if traffic.p95 is not None and np.isfinite(traffic.p95).any():
        slow = float(np.nanmax(traffic.p95))
        words = f"The highest: {ms(slow)} {peak(traffic.p95)}."
        yield Drawing("p95 of the response times, by the hour", _outline(traffic.p95, slow), "", ms(slow), words)


def _outline(values: Floats, most: float) -> str:
    """Steps as points of a polygon; of hours that share a column the highest, and nothing where there is none."""
    count = min(len(values), WIDE)
    edges = np.linspace(0, len(values), count + 1).astype(int)[:-1]
    columns = np.maximum.reduceat(np.where(np.isfinite(values), values, 0.0), edges)
    x = np.linspace(0, WIDE, count + 1)
    y = HIGH - HIGH * columns / (most or 1.0)
    points = [f"0,{HIGH}"]
    for left, right, top in zip(x[:-1].tolist(), x[1:].tolist(), y.tolist(), strict=True):
        points.append(f"{left:.1f},{top:.1f} {right:.1f},{top:.1f}")
    return " ".join([*points, f"{WIDE},{HIGH}"])


def _tables(found: Analysis) -> Iterator[SortedTable]:
    if found.endpoints is not None:
        yield _endpoints(found, found.endpoints)
    if found.not_found is not None:
        yield _counts(found, "Not found (404)", "endpoint", found.not_found)
    for role, top in found.counted.items():
        yield _counts(found, TITLES[role], found.roles[role], top)
    if found.latency is not None and found.latency.requests:
        yield _histogram(found)
        yield SortedTable(
            "Outliers",
            f"{plural(sum(found.outliers.values()), 'request')}: {RULE}. The slowest of them:",
            ("time (UTC)", "endpoint", "status", "took", "limit"),
            tuple(_slow(found, line) for line in found.slowest[:_SHOWN]),
        )
    yield _days(found)


def _cell(value: float, words: str) -> tuple[str, str]:
    return (repr(value) if isfinite(value) else "", words)


def _text(value: str) -> tuple[str, str]:
    return (visible(value), visible(value))


def _endpoints(found: Analysis, top: Top) -> SortedTable:
    timed, counted = found.latency is not None, found.errors is not None
    heads = ["endpoint", "requests", "share", *(["errors"] if counted else [])]
    heads += ["p50", "p95", "max"] if timed else []
    rows = []
    for count in top.counts[:_SHOWN]:
        cells = [_text(count.value), _cell(count.requests, f"{count.requests:,}")]
        cells.append(_cell(count.requests / found.requests, percent(count.requests, found.requests)))
        if counted and count.errors is not None:
            cells.append(_cell(count.errors / count.requests, percent(count.errors, count.requests)))
        if timed:
            spread = found.of_endpoint.get(count.value, Spread(0))
            cells += [_cell(value, ms(value)) for value in (spread.p50, spread.p95, spread.most)]
        rows.append(tuple(cells))
    rest = top.others + sum(count.requests for count in top.counts[_SHOWN:])
    note = f"{percent(rest, found.requests)} of the requests went to other endpoints." if rest else ""
    return SortedTable("Endpoints", note, tuple(heads), tuple(rows))


def _counts(found: Analysis, title: str, head: str, top: Top) -> SortedTable:
    total = sum(count.requests for count in top.counts) + top.others + top.without
    counted = found.errors is not None and all(count.errors is not None for count in top.counts)
    rows = []
    for count in top.counts[:_SHOWN]:
        cells = [_text(count.value), _cell(count.requests, f"{count.requests:,}")]
        cells.append(_cell(count.requests / total, percent(count.requests, total)))
        if counted:
            cells.append(_cell(count.errors or 0, percent(count.errors or 0, count.requests)))
        rows.append(tuple(cells))
    rest = top.others + sum(count.requests for count in top.counts[_SHOWN:])
    notes = [f"{rest:,} requests with other values" if rest else "", f"{top.without:,} without" if top.without else ""]
    heads = (head, "requests", "share", *(("errors",) if counted else ()))
    return SortedTable(title, ", ".join(filter(None, notes)), heads, tuple(rows))


def _histogram(found: Analysis) -> SortedTable:
    """Thirds of a decade: as many as a person reads."""
    bounds = (0.0, *EDGES)
    rows = []
    for first in range(0, len(found.histogram), 3):
        requests = int(found.histogram[first : first + 3].sum())
        if requests:
            low, high = bounds[first], bounds[min(first + 3, len(bounds) - 1)]
            shown = f"from {ms(low)}" if first + 3 >= len(bounds) else f"{ms(low)} to {ms(high)}"
            rows.append((_cell(low, shown), _cell(requests, f"{requests:,}"), _share(requests, found.requests)))
    near = "" if found.exact else "percentiles are approximate"
    return SortedTable("Response times", near, ("took", "requests", "share"), tuple(rows))


def _share(part: int, whole: int) -> tuple[str, str]:
    return _cell(part / whole, percent(part, whole))


def _slow(found: Analysis, line: Line) -> tuple[tuple[str, str], ...]:
    limit = limit_of(found, line.endpoint)
    times = (_cell(line.milliseconds, ms(line.milliseconds)), _cell(limit, ms(limit)))
    return (_text(moment(line.time)), _text(line.endpoint), _text(line.status), *times)


def _days(found: Analysis) -> SortedTable:
    """What the drawings show, for whoever reads."""
    traffic = found.traffic
    days = traffic.grid.times() // DAY
    heads = ["day (UTC)", "requests", *(["errors"] if traffic.errors is not None else [])]
    heads += ["p95, highest hour"] if traffic.p95 is not None else []
    rows = []
    for number in np.unique(days).tolist():
        own = days == number
        requests = int(traffic.requests[own].sum())
        cells = [(str(number), day(number * DAY, weekday=True, year=True)), _cell(requests, f"{requests:,}")]
        if traffic.errors is not None:
            errors = int(traffic.errors[own].sum())
            cells.append(_cell(errors, f"{errors:,}"))
        if traffic.p95 is not None:
            there = traffic.p95[own][np.isfinite(traffic.p95[own])]
            slow = float(there.max()) if len(there) else float("nan")
            cells.append(_cell(slow, ms(slow)))
        rows.append(tuple(cells))
    return SortedTable("By day", "", tuple(heads), tuple(rows))
