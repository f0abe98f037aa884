"""What a customer's traffic in some windows consists of, by dimensions of the API: as many values as have a series.

A call contains several queries, the total and two dimensions: the vendor's own Grafana plugin sends three at most.
Series are requested, not sums: they can be cut to the windows exactly, even if Kentik answers in whole hours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

import numpy as np

from traffic.errors import UsageFailure
from traffic.flows import FlowAnswer, FlowQuery, beyond_the_first
from traffic.model import BITS, HOUR, Floats, Grid, Window, floor_to
from traffic.store.base import StoreError, TooLarge
from traffic.store.kentik.answers import Malformed, Row, asn_of, bucketed, flow_of, rows_by_bucket
from traffic.store.kentik.bodies import breakdown_body
from traffic.store.kentik.client import Client
from traffic.store.kentik.series import unreadable
from traffic.store.kentik.template import Template
from traffic.store.kentik.widths import asked_window
from traffic.times import iso

KNOWN: Mapping[str, str] = {
    "dst_port": "Port_dst",
    "src_port": "Port_src",
    "protocol": "Proto",
    "src_as": "AS_src",
    "dst_as": "AS_dst",
    "country": "Geography_src",
}
"""Common name of a dimension -> its name in the API."""
# As the vendor's SDK lists them (DimensionType), without what is no property of a single flow.
_PLACES = ("AS", "Geography", "InterfaceID", "Port", "VLAN", "IP")
_OF_EACH_END = (
    *("geo_region", "geo_city", "eth_mac", "route_prefix_len", "route_length", "bgp_community", "bgp_aspath"),
    *("nexthop_ip", "nexthop_asn", "second_asn", "third_asn", "proto_port"),
)
_OTHERS = ("Proto", "TOS", "tcp_flags", "inet_family", "i_device_id", "i_device_site_name", "i_output_interface_speed")
NAMES = frozenset(
    [f"{name}_{end}" for name in _PLACES for end in ("src", "dst")]
    + [f"{end}_{name}" for name in _OF_EACH_END for end in ("src", "dst")]
    + list(_OTHERS)
)
_CUSTOM = "c_"
"""Prefix of an account's own dimensions."""
IN_A_CALL = 3
_TOTAL = ("Traffic",)
_BETWEEN = " ---- "
"""Separator between the values of several dimensions in the key of a row."""
_ROUNDED = 1e-9


def api_name(name: str, store: str) -> str:
    """The name of a dimension in the API.

    Raises:
        UsageFailure: there is none of that name.
    """
    found = KNOWN.get(name, name)
    if found not in NAMES and not found.startswith(_CUSTOM):
        raise UsageFailure(
            f"{store} cannot break traffic down by {name!r}: use {', '.join(KNOWN)}, the API's own names, such as "
            f"IP_src or i_device_site_name, and custom dimensions, {_CUSTOM}..."
        )
    return found


def calls(dimensions: int, windows: int) -> int:
    """Maximum number of calls for an event, including pairs of its dimensions; the hour before needs none."""
    pairs = dimensions * (dimensions - 1) // 2
    rounds = -(-(1 + dimensions) // IN_A_CALL) + (-(-(1 + pairs) // IN_A_CALL) if pairs else 0)
    return rounds * (windows - 1)


@dataclass(frozen=True, eq=False)
class _Listed:
    """What the rows of a query list."""

    series: Mapping[tuple[str, ...], Floats]
    """The buckets of each value that has a series, NaN where there is no point."""
    cut: bool
    """Whether there are other values."""


class Breakdown:
    """Queries an account for what the traffic of its customers consists of."""

    def __init__(self, client: Client, template: Template) -> None:
        """Sends nothing yet."""
        self._client = client
        self._template = template

    def answers(self, queries: Sequence[FlowQuery]) -> Iterator[FlowAnswer]:
        """An answer for each query; consecutive queries for the same customer and windows share their calls.

        Raises:
            StoreError: Kentik cannot answer, or sent an answer that cannot be read.
        """
        for _, group in groupby(queries, key=lambda one: (one.key, one.windows, one.resolution)):
            yield from self._alike(list(group))

    def _alike(self, queries: Sequence[FlowQuery]) -> Iterator[FlowAnswer]:
        asn, windows, step = asn_of(queries[0].key), queries[0].windows, queries[0].resolution
        by = [_TOTAL, *(tuple(api_name(name, self._client.name) for name in query.by) for query in queries)]
        sums: list[dict[tuple[str, ...], Floats]] = [{} for _ in by]
        known, cut = np.zeros(len(windows)), np.zeros((len(by), len(windows)), dtype=np.bool_)
        for span in _spans(windows, self._template.width(step).reach, step) if asn is not None else ():
            grid = Grid.over(span, step)
            inside = [place for place, window in enumerate(windows) if window.overlap(span)]
            for number, listed in enumerate(self._asked(int(asn or 0), grid, by)):
                cut[number, inside] |= listed.cut
                for value, series in listed.series.items():
                    row = sums[number].setdefault(value, np.zeros(len(windows)))
                    for place in inside:
                        part = series[grid.slice(windows[place].clip(span))]
                        row[place] += step * np.nansum(part)
                        # The total is requested first.
                        known[place] += 0 if number else np.count_nonzero(~np.isnan(part))
        totals = sum(sums[0].values(), np.zeros(len(windows)))
        # A week with less than half as much data as the event's own, such as the first one, is not a reference.
        there = (known > 0) & (2 * known >= known[0])
        for query, found, partly in zip(queries, sums[1:], cut[1:], strict=True):
            left = totals - sum(found.values(), np.zeros(len(windows)))
            left[~partly | (np.abs(left) <= _ROUNDED * np.abs(totals))] = 0
            if left.any():
                found[(beyond_the_first(self._template.most),) * len(query.by)] = left
            amounts = np.array(list(found.values())).reshape(len(found), len(windows))
            yield FlowAnswer(tuple(found), amounts, totals, there, cut=partly)

    def _asked(self, asn: int, grid: Grid, by: Sequence[tuple[str, ...]]) -> list[_Listed]:
        """What each query lists in a window, with a few queries per call."""
        rest, found = iter(by), list[_Listed]()
        while some := list(islice(rest, IN_A_CALL)):
            found += self._call(asn, grid, some)
        return found

    def _call(self, asn: int, grid: Grid, by: Sequence[tuple[str, ...]]) -> list[_Listed]:
        """One call, or one for each half of the window if that is too large."""
        width = self._template.width(grid.step)
        window = asked_window(grid.window, width)
        what = f"AS{asn} by {' and '.join(' & '.join(one) for one in by)}, {iso(window.start)} to {iso(window.end)}"
        body = breakdown_body(self._template, by, asn, window, width)
        try:
            rows = rows_by_bucket(self._client.query(body, what), [one["bucket"] for one in body["queries"]])
            return [self._listed(one, names, grid) for one, names in zip(rows, by, strict=True)]
        except Malformed as error:
            raise unreadable(self._client, error, what) from None
        except TooLarge as error:
            middle = grid.start + floor_to(grid.window.seconds // 2, HOUR)
            if not grid.start < middle < grid.window.end:
                raise StoreError(f"{self._client.name}: {error}, even in so short a window ({what})") from None
        halves = [Grid.over(part, grid.step) for part in (Window(grid.start, middle), Window(middle, grid.window.end))]
        parts = [self._call(asn, half, by) for half in halves]
        return [_joined(both, [half.count for half in halves]) for both in zip(*parts, strict=True)]

    def _listed(self, rows: Sequence[Row], names: tuple[str, ...], grid: Grid) -> _Listed:
        series: dict[tuple[str, ...], Floats] = {}
        whole = [row for row in rows if row.get("timeSeries")]
        for row in whole:
            value = tuple(row["key"].split(_BETWEEN)) if len(names) > 1 else (row["key"],)
            if len(value) != len(names):
                raise Malformed(f"the key {row['key']!r:.80} does not say a value of each of {', '.join(names)}")
            points = bucketed(flow_of(row, BITS.unit)[1], grid)
            series[value] = np.nansum([series[value], points], axis=0) if value in series else points
        listed_all = len(whole) == len(rows) and len(whole) < self._template.most
        return _Listed(series, cut=names != _TOTAL and not listed_all)


def _joined(parts: Sequence[_Listed], counts: Sequence[int]) -> _Listed:
    """The series of consecutive windows, with these numbers of buckets, joined into one."""
    series = {
        value: np.concatenate(
            [one.series.get(value, np.full(count, np.nan)) for one, count in zip(parts, counts, strict=True)]
        )
        for value in dict.fromkeys(value for one in parts for value in one.series)
    }
    return _Listed(series, any(one.cut for one in parts))


def _spans(windows: Sequence[Window], reach: int, step: int) -> Iterator[Window]:
    """The windows, joined if they touch, in parts that are short enough for this resolution."""
    whole: list[Window] = []
    for window in sorted(window for window in windows if window.seconds):
        if whole and window.start <= whole[-1].end:
            whole[-1] = whole[-1].hull(window)
        else:
            whole.append(window)
    for window in whole:
        yield from window.pieces(max(step, floor_to(reach, step)), window.start)


def dimensions(wanted: Sequence[str] | None, store: str, adds_up: bool) -> tuple[str, ...]:
    """The dimensions that are asked for; none by default, since each costs calls.

    Raises:
        UsageFailure: the API has none of that name, or the metric has no parts.
    """
    if wanted and not adds_up:
        raise UsageFailure(f"{store} is read for what does not add up: only bytes have parts; leave out --by")
    for name in wanted or ():
        api_name(name, store)
    return tuple(wanted or ())
