"""The CSV files of an analysis: the same bytes for the same log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from math import isnan, nan
from pathlib import Path

from analyzer.log_summary.summary import EDGES, Analysis
from analyzer.report.columns import encode, number
from analyzer.report.table import remove
from traffic.access_log import Line, Spread, Top
from traffic.disk import write_atomic
from traffic.text import quoted
from traffic.times import iso

TRAFFIC, ENDPOINTS, LATENCY = "traffic.csv", "endpoints.csv", "response_times.csv"
OUTLIERS, LATEST = "outliers.csv", "latest.csv"
NOT_FOUND, OF_DAY = "not_found.csv", "time_of_day.csv"
NAMES = {
    "service": "services.csv",
    "host": "hosts.csv",
    "status": "statuses.csv",
    "method": "methods.csv",
    "level": "levels.csv",
    "address": "clients.csv",
    "agent": "agents.csv",
    "referrer": "referrers.csv",
}

COUNT_COLUMNS = ("requests", "share", "errors", "bytes")
TRAFFIC_COLUMNS = ("hour", "requests", "errors", "p95_ms", "bytes")
DAY_COLUMNS = ("hour_of_day", "requests", "share")
ENDPOINT_COLUMNS = (
    "endpoint",
    *COUNT_COLUMNS,
    "mean_ms",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "max_ms",
    "limit_ms",
    "outliers",
)
LATENCY_COLUMNS = ("from_ms", "to_ms", "requests")
LINE_COLUMNS = ("time", "service", "level", "method", "endpoint", "status", "ms", "address")


def write_tables(found: Analysis, folder: Path) -> list[Path]:
    """Write a file for each part that the log has, and remove those of an earlier run that it has not; their paths.

    Raises:
        StorageFailure: the folder cannot be written.
    """
    timed = found.latency is not None
    files: dict[str, bytes | None] = {
        TRAFFIC: encode(TRAFFIC_COLUMNS, _hours(found)),
        ENDPOINTS: encode(ENDPOINT_COLUMNS, _endpoints(found, found.endpoints)) if found.endpoints else None,
        NOT_FOUND: encode(("endpoint", *COUNT_COLUMNS), _counts(found, found.not_found)) if found.not_found else None,
        OF_DAY: encode(DAY_COLUMNS, _of_day(found)),
        LATENCY: encode(LATENCY_COLUMNS, _bins(found)) if timed else None,
        OUTLIERS: encode((*LINE_COLUMNS, "limit_ms"), _outliers(found)) if timed else None,
        LATEST: encode(LINE_COLUMNS, map(_line, found.latest)),
    }
    for role, name in NAMES.items():
        top = found.counted.get(role)
        files[name] = encode((role, *COUNT_COLUMNS), _counts(found, top)) if top else None
    for name, data in files.items():
        if data is None:
            remove(folder / name)
        else:
            write_atomic(folder / name, data)
    return [folder / name for name, data in files.items() if data is not None]


def limit_of(found: Analysis, endpoint: str) -> float:
    """Above what response time a request to `endpoint` is an outlier."""
    return found.fences.own.get(endpoint, found.fences.rest)


def moment(time: float) -> str:
    """Epoch seconds as ISO 8601 with milliseconds."""
    return datetime.fromtimestamp(int(time * 1000) / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _hours(found: Analysis) -> Iterator[str]:
    traffic = found.traffic
    for place, hour in enumerate(traffic.grid.times().tolist()):
        errors = "" if traffic.errors is None else str(traffic.errors[place])
        p95 = "" if traffic.p95 is None else number(traffic.p95[place])
        sent = "" if traffic.sent is None else str(traffic.sent[place])
        yield f"{iso(hour)},{traffic.requests[place]},{errors},{p95},{sent}"


def _of_day(found: Analysis) -> Iterator[str]:
    for hour, requests in enumerate(found.of_day().tolist()):
        yield f"{hour},{requests},{number(requests / found.requests)}"


def _counts(found: Analysis, top: Top) -> Iterator[str]:
    for count in top.counts:
        errors = "" if count.errors is None else str(count.errors)
        sent = "" if count.sent is None else str(count.sent)
        yield f"{quoted(count.value)},{count.requests},{number(count.requests / found.requests)},{errors},{sent}"


def _endpoints(found: Analysis, top: Top) -> Iterator[str]:
    for row, count in zip(_counts(found, top), top.counts, strict=True):
        spread = found.of_endpoint.get(count.value, Spread(0))
        times = (spread.mean, spread.p50, spread.p95, spread.p99, spread.most)
        limit = limit_of(found, count.value) if spread.requests else nan
        # Endpoints without a limit of their own share one, and are counted together.
        outliers = str(found.outliers.get(count.value, 0)) if count.value in found.fences.own else ""
        yield f"{row},{','.join(map(number, times))},{number(limit)},{outliers}"


def _bins(found: Analysis) -> Iterator[str]:
    bounds = ["", *map(number, EDGES), ""]
    for low, high, requests in zip(bounds, bounds[1:], found.histogram.tolist(), strict=False):
        yield f"{low},{high},{requests}"


def _outliers(found: Analysis) -> Iterable[str]:
    return (f"{_line(line)},{number(limit_of(found, line.endpoint))}" for line in found.slowest)


def _line(line: Line) -> str:
    texts = map(quoted, (line.service, line.level, line.method, line.endpoint, line.status))
    taken = "" if isnan(line.milliseconds) else number(line.milliseconds)
    return f"{moment(line.time)},{','.join(texts)},{taken},{quoted(line.address)}"
