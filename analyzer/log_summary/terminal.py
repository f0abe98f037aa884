"""An analysis on the terminal, and for another program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite, isnan
from textwrap import wrap
from typing import Any

from analyzer.log_summary.summary import EDGES, RULE, Analysis
from analyzer.log_summary.tables import ENDPOINTS, LATEST, NOT_FOUND, OUTLIERS, limit_of, moment
from analyzer.report.columns import rounded
from analyzer.report.lines import columns
from analyzer.report.words import clock, day, plural, stretch
from traffic.access_log import Line, Spread, Top
from traffic.text import si, visible
from traffic.times import iso

_ROWS = 10
_VALUES = 8
_LINES = 5
_BAR = 24
TITLES = {
    "service": "Services",
    "host": "Hosts",
    "status": "Status codes",
    "method": "Methods",
    "level": "Levels",
    "address": "Clients",
    "agent": "User agents, by family",
    "referrer": "Referrers, by host",
}
_BOLD, _END = "\x1b[1m", "\x1b[0m"
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_EIGHTHS_UP = " ▁▂▃▄▅▆▇█"


def summary(found: Analysis, width: int, colour: bool = False) -> str:
    """What a person reads: lines of at most `width` columns (but 80 at least), and a newline."""
    width = max(80, width)
    parts = [_head(found, width), _endpoints(found, width), _not_found(found, width)]
    parts += [_shares(found, role, top, width) for role, top in found.counted.items()]
    parts += [_latency(found, width), _outliers(found, width), _latest(found, width)]
    blocks = [list(part) for part in parts]
    titled = ["\n".join([_bold(block[0], colour), *block[1:]]) for block in blocks if block]
    return "\n\n".join(titled) + "\n"


def _bold(line: str, wanted: bool) -> str:
    return f"{_BOLD}{line}{_END}" if wanted else line


def _head(found: Analysis, width: int) -> Iterator[str]:
    """What fits on a page: how much, how wrong, how slow, when."""
    yield visible(f"{plural(found.requests, 'request')} in {found.store}")[:width]
    yield f"{stretch(found.window)} UTC".replace("–", "-")
    yield ""
    for name, text in facts(found):
        yield from wrap(visible(text), width, initial_indent=f"  {name:<9}  ", subsequent_indent=" " * 13)
    of_day = found.of_day()
    bars = "".join(_EIGHTHS_UP[round(8 * requests / max(1, of_day.max()))] for requests in of_day.tolist())
    yield f"  {'by hour':<9}  0 {bars[:6]} 6 {bars[6:12]} 12 {bars[12:18]} 18 {bars[18:]} 24  UTC"


def facts(found: Analysis) -> list[tuple[str, str]]:
    """What one wants to know first: how much, how wrong, how slow; a word for each, and what is said."""
    traffic = found.traffic
    busiest = int(traffic.requests.argmax())
    hour = int(traffic.grid.times()[busiest])
    mean = found.requests / max(1, traffic.grid.count)
    most = f"peak on {day(hour, weekday=True)} at {clock(hour)}: {traffic.requests[busiest]:,}"
    silent = int((traffic.requests == 0).sum())
    rows = [("an hour", f"{si(mean)} requests on average, {most}")]
    rows += [("silent", f"{plural(silent, 'hour')} without a request")] if silent else []
    if found.errors is None:
        rows.append(("errors", "not counted: no status or level field found (define errors with --errors)"))
    else:
        rows.append(("errors", f"{found.errors:,} ({percent(found.errors, found.requests)}): {found.told}"))
    if found.sent is not None:
        rows.append(("sent", f"{si(found.sent, pad=False)}B, {si(found.sent / found.requests, pad=False)}B a request"))
    if found.latency is not None and found.latency.requests:
        spread = found.latency
        rows.append(("took", f"p50 {ms(spread.p50)}, p95 {ms(spread.p95)}, p99 {ms(spread.p99)}"))
    rows += [("note", remark) for remark in found.remarks]
    return rows


def _not_found(found: Analysis, width: int) -> Iterator[str]:
    top = found.not_found
    if top is None or not top.counts:
        return
    total = sum(count.requests for count in top.counts) + top.others + top.without
    yield f"Not found (404): {total:,}"
    rows = [[count.value, f"{count.requests:,}", percent(count.requests, total)] for count in top.counts[:_VALUES]]
    yield from _table(["", "requests", "share"], rows, width)
    rest = total - sum(count.requests for count in top.counts[:_VALUES])
    if rest:
        yield f"  ... and {rest:,} more ({NOT_FOUND})"


def _shares(found: Analysis, role: str, top: Top, width: int) -> Iterator[str]:
    if not top.counts:
        return
    yield f"{TITLES[role]} ({found.roles[role]})"
    rows = [(count.value, count.requests) for count in top.counts[:_VALUES]]
    others = top.others + sum(count.requests for count in top.counts[_VALUES:])
    rows += [(name, requests) for name, requests in (("(others)", others), ("(none)", top.without)) if requests]
    name_width = min(max((columns(visible(name)) for name, _ in rows), default=1), width - 40)
    for name, requests in rows:
        share = requests / found.requests
        shown = _fit(name, name_width)
        yield f"  {shown}  {requests:>12,}  {percent(requests, found.requests):>7}  {_drawn(share)}".rstrip()


def _endpoints(found: Analysis, width: int) -> Iterator[str]:
    top = found.endpoints
    if top is None or not top.counts:
        return
    yield f"Endpoints ({found.roles['endpoint']})"
    head = ["", "requests", "share", "errors", "p50", "p95", "max"]
    rows = []
    for count in top.counts[:_ROWS]:
        spread = found.of_endpoint.get(count.value, Spread(0))
        errors = "-" if count.errors is None else percent(count.errors, count.requests)
        times = [ms(value) for value in (spread.p50, spread.p95, spread.most)]
        rows.append([count.value, f"{count.requests:,}", percent(count.requests, found.requests), errors, *times])
    if found.errors is None:
        head, rows = head[:3] + head[4:], [row[:3] + row[4:] for row in rows]
    if found.latency is None:
        head, rows = head[:-3], [row[:-3] for row in rows]
    yield from _table(head, rows, width)
    rest = top.others + sum(count.requests for count in top.counts[_ROWS:])
    if rest:
        yield f"  ... and {percent(rest, found.requests)} of the requests to other endpoints ({ENDPOINTS})"


def _latency(found: Analysis, width: int) -> Iterator[str]:
    spread = found.latency
    if spread is None:
        return
    yield f"Response times ({found.roles['latency']})"
    if not spread.requests:
        yield "  there are none"
        return
    near = "" if found.exact else "  (percentiles are approximate)"
    values = (("p50", spread.p50), ("p95", spread.p95), ("p99", spread.p99), ("max", spread.most))
    yield f"  {'  '.join(f'{name} {ms(value)}' for name, value in values)}{near}"[:width]
    bounds = ["0", *(f"{edge:g}" for edge in EDGES)]
    coarse: dict[tuple[int, int], int] = {}
    for place, requests in enumerate(found.histogram.tolist()):
        if requests:
            # Thirds of a decade: as many as a person reads.
            third = max(0, place - 1) // 3 if place else -1
            coarse[third, third] = coarse.get((third, third), 0) + requests
    most = max(coarse.values())
    for third in range(min(coarse)[0], max(coarse)[0] + 1):
        requests = coarse.get((third, third), 0)
        low = bounds[0] if third < 0 else bounds[1 + 3 * third]
        high = bounds[min(len(bounds) - 1, 4 + 3 * third)] if third >= 0 else bounds[1]
        yield f"  {low:>8} to {high:>8} ms  {requests:>12,}  {_drawn(requests / most)}".rstrip()


def _outliers(found: Analysis, width: int) -> Iterator[str]:
    if found.latency is None or not found.latency.requests:
        return
    total = sum(found.outliers.values())
    yield f"{plural(total, 'outlier')} among the response times"
    yield from (f"  {line}" for line in wrap(f"An outlier: {RULE}.", width - 2))
    if not total:
        return
    head = ["", "outliers", "limit"]
    worst = sorted(found.outliers.items(), key=lambda one: (-one[1], one[0]))
    rows = [
        [
            name or "(all others)",
            f"{count:,}",
            ms(limit_of(found, name) if name else found.fences.rest),
        ]
        for name, count in worst[:_LINES]
    ]
    yield from _table(head, rows, width)
    slowest = found.slowest[0]
    yield f"  the slowest: {ms(slowest.milliseconds)} at {moment(slowest.time)} ({OUTLIERS})"


def _latest(found: Analysis, width: int) -> Iterator[str]:
    if not found.latest:
        return
    yield f"The last {plural(min(_LINES, len(found.latest)), 'line')} ({LATEST} has {len(found.latest):,})"
    for line in found.latest[:_LINES]:
        taken = "" if isnan(line.milliseconds) else ms(line.milliseconds)
        parts = (moment(line.time), line.service, line.level, line.method, line.endpoint, line.status, taken)
        yield ("  " + "  ".join(visible(part) for part in parts if part))[:width]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    wide = [max(columns(visible(row[place])) for row in (head, *rows)) for place in range(len(head))]
    wide[0] = max(8, min(wide[0], width - sum(wide[1:]) - 2 * len(wide)))
    for row in (head, *rows):
        cells = (f"{cell:>{room}}" for cell, room in zip(row[1:], wide[1:], strict=True))
        yield f"  {_fit(row[0], wide[0])}  {'  '.join(cells)}"


def _fit(text: str, width: int) -> str:
    """A text in just that many columns, shortened at its end."""
    shown = visible(text)
    while columns(shown) > width:
        shown = shown[: max(0, len(shown) - (columns(shown) - width) - 3)] + "..."
        if len(shown) <= 3:
            break
    return shown + " " * (width - columns(shown))


def _drawn(share: float) -> str:
    eighths = round(share * _BAR * 8)
    return _EIGHTHS[8] * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def percent(part: float, whole: float) -> str:
    """A share in words: never 100 % of what is not all, and never 0 % of what is there."""
    share = 100 * part / whole if whole else 0.0
    return "<0.1 %" if 0 < share < 0.05 else f"{min(share, 99.9) if part < whole else share:.1f} %"


def ms(value: float) -> str:
    """A response time: `121 ms`, `3.83 s`; `-` where there is none."""
    if not isfinite(value):
        return "-"
    return f"{si(value)} ms" if abs(value) < 1000 else f"{si(value / 1000)} s"


def as_json(found: Analysis) -> dict[str, Any]:
    """The analysis as values for `json.dumps`, in the words of the CSV files."""
    traffic = found.traffic
    latency = found.latency
    return {
        "store": found.store,
        "window": {"start": iso(found.window.start), "end": iso(found.window.end)},
        "fields": dict(found.roles),
        "requests": found.requests,
        "errors": found.errors,
        "errors_told_by": found.told,
        "bytes": found.sent,
        "remarks": list(found.remarks),
        "requests_by_hour_of_day": found.of_day().tolist(),
        "hours": [
            {
                "hour": iso(hour),
                "requests": int(traffic.requests[place]),
                "errors": None if traffic.errors is None else int(traffic.errors[place]),
                "p95_ms": None if traffic.p95 is None else _number(float(traffic.p95[place])),
            }
            for place, hour in enumerate(traffic.grid.times().tolist())
        ],
        **{role: _top(top, role) for role, top in found.counted.items()},
        "endpoint": None if found.endpoints is None else _top(found.endpoints, "endpoint"),
        "not_found": None if found.not_found is None else _top(found.not_found, "endpoint"),
        "response_times": None
        if latency is None
        else {
            "requests": latency.requests,
            "exact": found.exact,
            **{f"{name}_ms": _number(value) for name, value in vars(latency).items() if name != "requests"},
            "histogram": [
                {"from_ms": low, "to_ms": high, "requests": requests}
                for low, high, requests in zip((None, *EDGES), (*EDGES, None), found.histogram.tolist(), strict=True)
                if requests
            ],
            "outliers": {
                "rule": RULE,
                "requests": sum(found.outliers.values()),
                "by_endpoint": [
                    {"endpoint": name or None, "requests": count, "limit_ms": _number(limit_of(found, name))}
                    for name, count in sorted(found.outliers.items(), key=lambda one: (-one[1], one[0]))
                ],
                "slowest": [_as_dict(line) for line in found.slowest],
            },
        },
        "latest": [_as_dict(line) for line in found.latest],
    }


def _top(top: Top, role: str) -> dict[str, Any]:
    values = [
        {role: one.value, "requests": one.requests, "errors": one.errors, "bytes": one.sent} for one in top.counts
    ]
    return {"values": values, "others": top.others, "without": top.without}


def _as_dict(line: Line) -> dict[str, Any]:
    said = {name: value for name, value in vars(line).items() if name not in ("time", "milliseconds") and value}
    return {"time": moment(line.time), **said, "ms": _number(line.milliseconds)}


def _number(value: float) -> float | None:
    return rounded(value) if isfinite(value) else None
