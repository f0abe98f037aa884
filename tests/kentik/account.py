"""What the stand-in knows of an account, and how Kentik answers a query of it. No sockets here.

After what Kentik, its SDKs and its Grafana plugin say in public: two stores of data (Full and Fast), widths that follow
from the length of the window unless they are forced, rows with a series up to `topx` and bare ones behind.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from numpy.typing import NDArray

from traffic.model import DAY, HOUR, Floats, Ints, Query, Window
from traffic.store import open_source
from traffic.store.kentik.answers import asn_of

MINUTE = 60
FORCED = {1: 3 * DAY, 5: 14 * DAY, 10: 30 * DAY, 20: 60 * DAY}
"""Minutes of a forced width -> the longest window that it is granted for."""

_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(:00)?")
_AS = {"AS_dst": "dst_as", "AS_src": "src_as"}
_SERIES = {"packets": "both_pkts_per_sec", "fps": "fps"}
"""Metric -> what its series are called."""
TOTAL = ["Traffic"]
BETWEEN = " ---- "


class BadQuery(Exception):
    """Answered with 400."""


@dataclass(frozen=True)
class Flows:
    """Flow records of a customer, in order of time."""

    minutes: Ints
    bits: Floats
    """Bits per second over that minute."""
    values: dict[str, NDArray[np.str_]]
    """Dimension, as the API calls it -> the value of each flow."""

    def by(self, dimensions: list[str], window: Window) -> dict[str, Floats]:
        """Key of a row -> bits per second of each minute of the window."""
        part = slice(*np.searchsorted(self.minutes, [window.start // MINUTE, window.end // MINUTE]).tolist())
        keys = self.values[dimensions[0]][part]
        for name in dimensions[1:]:
            keys = np.char.add(np.char.add(keys, BETWEEN), self.values[name][part])
        names, rows = np.unique(keys, return_inverse=True)
        found = np.zeros((len(names), window.seconds // MINUTE))
        np.add.at(found, (rows, self.minutes[part] - window.start // MINUTE), self.bits[part])
        return dict(zip(names.tolist(), found, strict=True))


@dataclass
class Account:
    """Customers and their traffic, and what is peculiar to this account."""

    start: int
    series: dict[int, Floats]
    """AS number -> bits per second of each minute from `start`; NaN: nothing is known."""
    names: dict[int, str]
    """AS number -> the key of its row."""
    others: set[int] = field(default_factory=set)
    """AS numbers that are no customers."""
    full_retention: int | None = None
    """Days; None: for ever."""
    fast_retention: int | None = None
    fast: float = 0.97
    """What of a value is left in fast data, which are down-sampled."""
    topx: int | None = 40
    """Rows that get a series, however many are asked for; None: as many as are asked for."""
    depth: int | None = None
    """Rows of an answer, likewise."""
    forced: dict[int, int] = field(default_factory=lambda: dict(FORCED))
    coarsest: int | None = None
    """The width of all points, whatever is asked for."""
    off_grid: bool = True
    """Whether the last point of a series lies off the grid."""
    past_the_end: bool = False
    """Whether the point that begins where the window ends comes too."""
    nulls: bool = False
    """Whether a gap is a point of null; else there is no point."""
    nameless: tuple[str, ...] = ()
    """Keys of rows without an AS number."""
    renamed: dict[int, str] = field(default_factory=dict)
    """AS numbers with a second row, and its key."""
    flows: dict[int, Flows] = field(default_factory=dict)
    """AS number -> what its traffic is made of; by its dimensions it can then be asked for."""

    def answer(self, body: Any, now: float) -> dict[str, Any]:
        """What `query/topXdata` answers.

        Raises:
            BadQuery: the body is no such query.
        """
        queries = body.get("queries") if isinstance(body, dict) else None
        if not isinstance(queries, list) or not queries:
            raise BadQuery("queries is required")
        results = []
        for number, one in enumerate(queries):
            rows = self._rows(one.get("query") or {}, now)
            # Without data there is not even a bucket.
            if rows:
                results.append({"bucket": one.get("bucket", f"bucket {number}"), "data": rows})
        return {"results": results}

    def _rows(self, query: dict[str, Any], now: float) -> list[dict[str, Any]]:
        metric, dimension = _names(query, "metric"), _names(query, "dimension")
        dimensions: list[str] = query["dimension"] if isinstance(query["dimension"], list) else [dimension]
        aggregates = query.get("aggregates") or []
        if len(aggregates) > 1 and not query.get("outsort"):
            raise BadQuery("outsort is required with several aggregates")
        by_key = dimension in _AS and len(dimensions) == 1
        for name in [] if by_key or dimensions == TOTAL else dimensions:
            if not any(name in flows.values for flows in self.flows.values()):
                raise BadQuery(f"unknown dimension {name}")
        window = _window(query, now)
        fast = _is_fast(query.get("fastData", "Auto"), window.seconds)
        width = self._width(query, window.seconds)
        if fast:
            window = window.widen(HOUR)
        kept = self.fast_retention if fast else self.full_retention
        there = (
            window if kept is None else Window(max(window.start, min(window.end, int(now) - kept * DAY)), window.end)
        )
        found = []
        chosen = self._chosen(query.get("filters_obj") or query.get("filters") or {}, _AS.get(dimension, "dst_as"))
        if by_key:
            parts = [(self.names[asn], asn, self.series[asn], self.start) for asn in chosen]
        else:
            parts = [(key, 0, series, begin) for key, series, begin in self._parts(chosen, dimensions, there)]
        for key, asn, series, begin in parts:
            points = self._points(series, begin, there, width, fast)
            values = [value for _, value, _ in points if value is not None]
            if values:
                found.append((max(values), key, asn, points))
        found.sort(key=lambda row: (-row[0], row[2], row[1]))
        raw = any(aggregate.get("raw") is True for aggregate in aggregates) and not metric.startswith("total")
        name = aggregates[0]["name"] if aggregates else "value"
        rows = []
        depth = min(query.get("depth", 250), self.depth or 10**9)
        topx = min(query.get("topx", 40), self.topx or 10**9)
        for place, (largest, key, asn, points) in enumerate(found[:depth]):
            row: dict[str, Any] = {"key": key, **dict(zip(dimensions, key.split(BETWEEN), strict=False)), name: largest}
            if place < topx:
                row["timeSeries"] = {_SERIES.get(metric, "both_bits_per_sec"): {"flow": points}} if raw else {}
            rows.append(row)
            if asn in self.renamed:
                rows.append({**row, "key": self.renamed[asn]})
        return rows + [{"key": key, name: 0} for key in self.nameless if rows and not raw]

    def _width(self, query: dict[str, Any], seconds: int) -> int:
        if self.coarsest:
            return self.coarsest
        if query.get("forceMinsPolling"):
            minutes = query.get("minsPolling")
            if minutes not in FORCED:
                raise BadQuery("minsPolling has to be one of 1, 5, 10, 20")
            if seconds <= self.forced.get(minutes, 0):
                return minutes * MINUTE
        if seconds < 3 * HOUR:
            return MINUTE
        if seconds <= DAY:
            return 5 * MINUTE
        return 10 * MINUTE if seconds <= 3 * DAY else HOUR

    def _parts(self, asns: list[int], dimensions: list[str], window: Window) -> list[tuple[str, Floats, int]]:
        """What the traffic of some customers is made of: key, series, and its first second."""
        around = Window(window.start - HOUR, window.end + HOUR)
        if dimensions == TOTAL:
            whole = [self.series[asn] for asn in asns]
            return [("Total", np.sum(whole, axis=0), self.start)] if whole else []
        found: dict[str, Floats] = {}
        for asn in asns:
            for key, series in self.flows[asn].by(dimensions, around).items():
                found[key] = found.get(key, 0.0) + series
        return [(key, series, around.start) for key, series in found.items()]

    def _points(
        self, values: Floats, begin: int, window: Window, width: int, fast: bool
    ) -> list[tuple[int, float | None, int]]:
        first = window.start - window.start % width
        end = window.end + (width if self.past_the_end else 0)
        count = max(0, -(-(end - first) // width))
        if not window.seconds:
            return []
        minutes = np.full(count * (width // MINUTE), np.nan)
        lead = (first - begin) // MINUTE
        part = values[max(0, lead) : max(0, lead + len(minutes))]
        minutes[max(0, -lead) : max(0, -lead) + len(part)] = part
        cells = minutes.reshape(count, -1)
        there = ~np.isnan(cells)
        with np.errstate(invalid="ignore"):
            means = np.nansum(cells, axis=1) / there.sum(axis=1) if width > MINUTE else cells[:, 0]
        means = means * self.fast if fast else means
        times = ((first + width * np.arange(count)) * 1000).tolist()
        if self.off_grid and times:
            times[-1] += 37_000
        points = [
            (time, value, width)
            for time, value, known in zip(times, means.tolist(), there.any(axis=1).tolist(), strict=True)
            if known
        ]
        if self.nulls and points:
            known_at = {time: value for time, value, _ in points}
            return [(time, known_at.get(time), width) for time in times]
        return points

    def _chosen(self, filters: dict[str, Any], as_field: str) -> list[int]:
        return [asn for asn in self.series if self._passes(asn, filters, as_field)]

    def _passes(self, asn: int, group: dict[str, Any], as_field: str) -> bool:
        tests = [self._meets(asn, one, as_field) for one in group.get("filters", ())]
        tests += [self._passes(asn, inner, as_field) for inner in group.get("filterGroups", ())]
        met = any(tests) if group.get("connector") == "Any" else all(tests)
        return met != bool(group.get("not"))

    def _meets(self, asn: int, one: dict[str, Any], as_field: str) -> bool:
        name, value = one.get("filterField"), one.get("filterValue")
        if not isinstance(value, str):
            raise BadQuery("filterValue has to be a text")
        if name == as_field:
            return str(asn) in value.split(",")
        if str(name).endswith("_connect_type_name"):
            return (value == "customer") != (asn in self.others)
        raise BadQuery(f"unknown filterField {name}")


def account_of(store: str, start: int | None = None, end: int | None = None, **peculiar: Any) -> Account:
    """The customers of a store of ours whose keys are named like Kentik's, `NAME,CC (64500)`; all their traffic."""
    source = open_source(store)
    extent = source.extent(None, HOUR)
    window = Window(extent.start if start is None else start, extent.end if end is None else end)
    keys = tuple(source.keys(window))
    values = source.series(Query(source.metric, keys, window, MINUTE)).values
    names = {asn: key for key in keys if (asn := asn_of(key)) is not None}
    rows = {key: row for row, key in enumerate(keys)}
    return Account(window.start, {asn: values[rows[key]] for asn, key in names.items()}, names, **peculiar)


DIMENSIONS = {"dst_port": "Port_dst", "protocol": "Proto", "src_as": "AS_src", "country": "Geography_src"}


def flows_of(store: Path) -> dict[int, Flows]:
    """What the traffic of those customers is made of, by the flow records of a store of ours."""
    table = pa.concat_tables([pq.read_table(path) for path in sorted((store / "flows").rglob("*.parquet"))])
    minutes = table.column("time").cast(pa.int64()).to_numpy() // (1000 * MINUTE)
    bits = table.column("bytes").to_numpy() * 8 / MINUTE
    texts = {name: _texts(table.column(name)) for name in ("customer", *DIMENSIONS)}
    found = {}
    for key in np.unique(texts["customer"]):
        rows = np.flatnonzero(texts["customer"] == key)
        rows = rows[np.argsort(minutes[rows], kind="stable")]
        values = {name: texts[column][rows] for column, name in DIMENSIONS.items()}
        asn = asn_of(str(key))
        assert asn is not None
        found[asn] = Flows(minutes[rows], bits[rows], values)
    return found


def _texts(column: pa.ChunkedArray) -> NDArray[np.str_]:
    coded = column.combine_chunks().dictionary_encode()
    names = np.array([str(value) for value in coded.dictionary.to_pylist()])
    found: NDArray[np.str_] = names[coded.indices.to_numpy()]
    return found


def customers_named(count: int, first: int = 64512) -> list[str]:
    """As many customers, named as Kentik names them."""
    return [f"CUSTOMER-{number:03d} Example {number} Ltd.,US ({first + number})" for number in range(count)]


def scenario_text(names: list[str], **settings: object) -> str:
    """A scenario of the generator with just these customers."""
    named = "\n".join(f'    - {{name: "{name}"}}' for name in names)
    rest = "\n".join(f"{name}: {value}" for name, value in settings.items())
    return f"{rest}\ncustomers:\n  count: 0\n  named:\n{named}\n"


def _names(query: dict[str, Any], name: str) -> str:
    said = query.get(name)
    found = said if isinstance(said, str) else said[0] if isinstance(said, list) and said else None
    if not isinstance(found, str):
        raise BadQuery(f"{name} is required")
    return found


def _window(query: dict[str, Any], now: float) -> Window:
    # Absent counts as an hour, and only 0 lets the times stand.
    if lookback := query.get("lookback_seconds", 3600):
        return Window(int(now) - lookback, int(now))
    times = []
    for name in ("starting_time", "ending_time"):
        text = query.get(name)
        if not isinstance(text, str) or not _TIME.fullmatch(text):
            raise BadQuery(f"{name} is not of the form YYYY-MM-DD HH:mm:00")
        times.append(int(datetime.strptime(text[:16], "%Y-%m-%d %H:%M").replace(tzinfo=UTC).timestamp()))
    if times[1] <= times[0]:
        raise BadQuery("ending_time has to be after starting_time")
    return Window(*times)


def _is_fast(said: str, seconds: int) -> bool:
    if said == "Full":
        return seconds > 72 * HOUR
    if said == "Fast":
        return seconds >= 3 * HOUR
    if said != "Auto":
        raise BadQuery("fastData has to be Auto, Fast or Full")
    return seconds >= DAY
