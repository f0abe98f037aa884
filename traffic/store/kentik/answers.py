"""Answers of Kentik as arrays. Pure functions: JSON in, keys and buckets out, or an error of one line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from traffic.model import Floats, Grid
from traffic.store.base import StoreError, TooLong
from traffic.store.kentik.widths import FAST_LEAST

Row = Mapping[str, Any]

_ASN = re.compile(r"\((\d{1,10})\)\s*$")
_MOST = 2**32
_UNITS = (
    *(("bits", "bit/s"), ("bytes", "byte/s")),
    *(("pkts", "packet/s"), ("packets", "packet/s"), ("fps", "flow/s"), ("flows", "flow/s")),
)
"""Part of the name of a series -> what it is in."""
_ABSURD = 1e18
"""More than any network carries: an exabit per second."""


class Malformed(StoreError):
    """An answer that does not have the documented form."""


@dataclass(frozen=True)
class Customers:
    """The content of a list of customers."""

    keys: Mapping[int, str]
    """AS number -> key of the row, as Kentik writes it."""
    nameless: tuple[str, ...]
    """Keys without an AS number."""
    doubled: tuple[str, ...]
    """Keys whose AS number another row had before."""


def asn_of(key: str) -> int | None:
    """The AS number of a key like `NAME,CC (64500)`; None if there is none."""
    match = _ASN.search(key)
    return int(match[1]) if match and int(match[1]) < _MOST else None


def rows_of(answer: Mapping[str, Any], bucket: str) -> list[Row]:
    """The rows of a query's bucket; none if the bucket is missing, which means no data.

    Raises:
        Malformed: the answer does not have the form of Kentik's.
    """
    results = _results(answer)
    ours = [result for result in results if result.get("bucket", bucket) == bucket]
    if results and not ours:
        # Only one was requested: without an error, a missing answer would look like missing data.
        raise Malformed(f"its bucket is {results[0]['bucket']!r:.40}, not {bucket!r:.40}")
    return [row for result in ours for row in _data(result)]


def rows_by_bucket(answer: Mapping[str, Any], buckets: Sequence[str]) -> list[list[Row]]:
    """The rows of each of several queries in one call; none for a missing bucket.

    Raises:
        Malformed: the answer does not have the form of Kentik's, or contains a bucket that was not requested.
    """
    rows: dict[str, list[Row]] = {bucket: [] for bucket in buckets}
    for result in _results(answer):
        bucket = result.get("bucket")
        if not isinstance(bucket, str) or bucket not in rows:
            raise Malformed(f"its bucket is {bucket!r:.40}, none of {', '.join(buckets)}")
        rows[bucket] += _data(result)
    return list(rows.values())


def _results(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    results = answer.get("results")
    if not isinstance(results, list) or not all(isinstance(result, dict) for result in results):
        raise Malformed("no list of results in it")
    return results


def _data(result: Mapping[str, Any]) -> list[Row]:
    data = result.get("data") or []
    if not isinstance(data, list) or not all(isinstance(r, dict) and isinstance(r.get("key"), str) for r in data):
        raise Malformed("its rows have no keys")
    return data


def customers_of(rows: Iterable[Row]) -> Customers:
    """The customers in the order of their rows, the largest first; of two rows with one AS number, the first."""
    keys: dict[int, str] = {}
    nameless: dict[str, None] = {}
    doubled: dict[str, None] = {}
    for row in rows:
        key, asn = row["key"], asn_of(row["key"])
        if asn is None:
            nameless[key] = None
        elif keys.setdefault(asn, key) != key:
            doubled[key] = None
    return Customers(keys, tuple(nameless), tuple(doubled))


def without_series(rows: Iterable[Row], asns: Sequence[int]) -> list[int]:
    """Requested AS numbers whose rows have no series."""
    wanted = set(asns)
    return [asn for row in rows if (asn := asn_of(row["key"])) in wanted and not row.get("timeSeries")]


def series_of(rows: Iterable[Row], asns: Sequence[int], grid: Grid, unit: str = "") -> tuple[Floats, set[int]]:
    """The buckets of the requested customers, and which of them were in the answer.

    A point belongs to a bucket by its own time. Several points in a bucket are averaged, weighted by their widths; null
    is not a point. Two rows of one AS number (it was renamed meanwhile) are added up.

    Args:
        rows: of the answer.
        asns: that were requested.
        grid: of the buckets.
        unit: that the series must be in; empty: any.

    Returns:
        values of shape (asns, buckets), NaN where there is no point; the AS numbers that had a series.

    Raises:
        TooLong: a point is wider than a bucket: the window was too long for this resolution.
        Malformed: a series is not valid, or was not requested.
    """
    values = np.full((len(asns), grid.count), np.nan)
    place = {asn: number for number, asn in enumerate(asns)}
    came: set[int] = set()
    names: set[str] = set()
    for row in rows:
        asn = asn_of(row["key"])
        if asn is None or not row.get("timeSeries"):
            continue
        if asn not in place:
            raise Malformed(f"its answer contains {row['key']!r:.80}, which was not requested")
        name, flow = flow_of(row, unit)
        names.add(name)
        if len(names) > 1:
            raise Malformed(f"its series are of different kinds, {' and '.join(sorted(names))}")
        found = bucketed(flow, grid)
        old = values[place[asn]]
        values[place[asn]] = np.where(np.isnan(old), found, old + np.nan_to_num(found)) if asn in came else found
        came.add(asn)
    return values, came


def flow_of(row: Row, unit: str = "") -> tuple[str, Floats]:
    """The name of a row's series, and its points: shape (points, 3) of milliseconds, value (or NaN) and seconds.

    Raises:
        Malformed: it has none, or several, or one in another unit than `unit` by its name.
    """
    series = row["timeSeries"]
    if not isinstance(series, dict):
        raise Malformed(f"the series of {row['key']!r:.80} is not valid")
    if len(series) > 1:
        several = " and ".join(map(repr, sorted(series)))
        raise Malformed(f'{row["key"]!r:.80} has the series {several:.80}: let only one of "aggregates" be "raw"')
    name, held = next(iter(series.items()))
    told = next((one for part, one in _UNITS if part in str(name).lower()), "")
    if unit and told and told != unit:
        raise Malformed(f'its series {name!r:.40} are {told}, not {unit}: let "metric" and "aggregates" name the same')
    flow = held.get("flow") if isinstance(held, dict) else None
    try:
        # numpy turns None into NaN.
        points = np.array(flow or np.zeros((0, 3)), dtype=np.float64)
    except (TypeError, ValueError):
        points = np.zeros(0)
    if not isinstance(flow, list) or points.ndim != 2 or points.shape[1] != 3:
        raise Malformed(f"the series of {row['key']!r:.80} has no points of time, value and width")
    if np.isinf(points).any() or np.isnan(points[:, [0, 2]]).any() or (points[:, 2] <= 0).any():
        raise Malformed(f"a point of {row['key']!r:.80} has no time, no width, or an infinite value")
    if (points[:, 1] < 0).any():
        raise Malformed(f"a point of {row['key']!r:.80} is below 0, which no traffic is")
    if (points[:, 1] > _ABSURD).any():
        raise Malformed(f"a point of {row['key']!r:.80} is more than any network carries")
    return name, points


def bucketed(flow: Floats, grid: Grid) -> Floats:
    """The points of a series as buckets, shape (buckets,), NaN where there is none.

    Raises:
        TooLong: a point is wider than a bucket.
    """
    widest = flow[:, 2].max(initial=0)
    if widest > grid.step:
        raise TooLong(f"points are {widest:,.0f} s wide, not {grid.step}")
    # Hourly data are answered in whole hours, at least three of them; the last point may start at the end.
    around = max(FAST_LEAST, grid.step) * 1000
    if (flow[:, 0] < grid.start * 1000 - around).any() or (flow[:, 0] > grid.window.end * 1000 + around).any():
        raise Malformed("its answer is for other times than requested")
    cell = np.floor((flow[:, 0] / 1000 - grid.start) / grid.step)
    there = (cell >= 0) & (cell < grid.count) & ~np.isnan(flow[:, 1])
    bucket, value, width = cell[there].astype(np.int64), flow[there, 1], flow[there, 2]
    count = np.bincount(bucket, minlength=grid.count)
    total = np.bincount(bucket, value * width, grid.count)
    seconds = np.bincount(bucket, width, grid.count)
    # A bucket of a single point equals that point exactly, so it is not averaged.
    alone = np.bincount(bucket, value, grid.count)
    with np.errstate(invalid="ignore"):
        mean = total / seconds
    return np.where(count == 0, np.nan, np.where(count == 1, alone, mean))
