"""Log lines for tests, in the formats that are read, made without the code that is tested."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from tests.conformance import MONDAY
from traffic.model import HOUR


@dataclass(frozen=True)
class Line:
    """A request."""

    time: float
    service: str
    endpoint: str
    method: str
    status: int
    level: str
    milliseconds: float | None
    address: str


def make_lines(hours: int = 6, seed: int = 11) -> list[Line]:
    """A few hours of them, one hour quiet: a slow report, a health check that hangs four times, a formula."""
    chance = np.random.default_rng(seed)
    found = []
    for hour in range(hours):
        if hour == 3:
            continue
        for place in range(150 + 20 * hour):
            time = MONDAY + hour * HOUR + 3600 * place / (150 + 20 * hour)
            endpoint = ("/health", "/report", "/cart", "/search")[place % 4]
            took = float(
                np.round({"/health": 4.0, "/report": 4000.0}.get(endpoint, 90.0) * chance.lognormal(0, 0.2), 2)
            )
            status = int(chance.choice([200, 200, 200, 201, 404, 500, 503]))
            method = "POST" if place % 5 == 0 else "GET"
            found.append(_line(time, endpoint, method, status, took, place))
    found += [_line(MONDAY + 2 * HOUR + place, "/health", "GET", 200, 9000.0 + place, place) for place in range(4)]
    found += [_line(MONDAY + HOUR + place, "=cmd()", "GET", 200, None, place) for place in range(5)]
    return found


def _line(time: float, endpoint: str, method: str, status: int, took: float | None, place: int) -> Line:
    level = "ERROR" if status >= 500 else "INFO"
    return Line(
        round(time, 3), ("shop", "api")[place % 2], endpoint, method, status, level, took, f"10.0.0.{place % 9}"
    )


def _iso(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds")


def json_lines(lines: Sequence[Line]) -> str:
    """The fields of `./sl.py logs`."""
    return "".join(json.dumps(document(line)) + "\n" for line in lines)


def document(line: Line) -> dict[str, object]:
    """A line of `./sl.py logs`."""
    took = {} if line.milliseconds is None else {"response_time_ms": line.milliseconds}
    said = {"timestamp": _iso(line.time), "level": line.level, "source": "web", "service": line.service}
    asked = {"endpoint": line.endpoint, "method": line.method, "status_code": line.status}
    return {**said, **asked, "ip_address": line.address, **took}


def ecs_lines(lines: Sequence[Line]) -> str:
    """The Elastic Common Schema, with dotted names."""
    found = []
    for line in lines:
        said = {"@timestamp": _iso(line.time), "log.level": line.level.lower(), "service.name": line.service}
        asked = {"url.path": line.endpoint, "http.request.method": line.method, "source.ip": line.address}
        took = {} if line.milliseconds is None else {"event.duration": round(line.milliseconds * 1e6)}
        found.append(json.dumps({**said, **asked, "http.response.status_code": line.status, **took}) + "\n")
    return "".join(found)


def csv_lines(lines: Sequence[Line]) -> str:
    """The six fields of web traffic."""
    file = io.StringIO()
    rows = csv.writer(file)
    rows.writerow(["timestamp", "ip", "method", "endpoint", "response_code", "response_time"])
    for line in lines:
        took = "" if line.milliseconds is None else line.milliseconds
        rows.writerow([_iso(line.time), line.address, line.method, line.endpoint, line.status, took])
    return file.getvalue()


def combined_lines(lines: Sequence[Line]) -> str:
    """Apache's combined log format."""
    found = []
    for line in lines:
        time = datetime.fromtimestamp(line.time, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
        asked = f'"{line.method} {line.endpoint}?page=2 HTTP/1.1" {line.status} 512 "-" "Mozilla/5.0"'
        found.append(f"{line.address} - - [{time}] {asked}\n")
    return "".join(found)


def plain_lines(lines: Sequence[Line]) -> str:
    """The text of `./sl.py logs`; what a message holds must not be taken for a time or a status."""
    found = []
    for line in lines:
        took = "" if line.milliseconds is None else f" ({line.milliseconds:.2f}ms)"
        mark = " [ANOMALY:error_spike:0.85]" if line.status == 503 else ""
        said = f"[{_iso(line.time)[:-6]}] [{line.level:8}] [web/{line.service}] [0a1b2c3d] took (1.00ms) [999] or so"
        found.append(f"{said}{took} [{line.status}]{mark}\n")
    return "".join(found)
