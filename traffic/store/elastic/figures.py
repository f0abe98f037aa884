"""Pure: the statistics that a search answered, of each bucket, held against those of all documents (answers.py)."""

from __future__ import annotations

from typing import Any

import numpy as np

from traffic.model import Floats, Grid, Statistic
from traffic.store.base import StoreError
from traffic.store.elastic.answers import Answer, Cells, finite, understood, whole
from traffic.store.elastic.percentiles import Percents

_NEAR = 1e-9
"""How far a value may lie beside those that it lies between, relative to their sizes."""
_ROUNDED = 1e-12
"""How far sums may differ that were added up in another order, relative to the largest that they could be."""


def values_of(answer: Answer, found: Cells, statistic: Statistic, name: str, each: bool = False) -> Floats:
    """The statistic of each bucket. Of a bucket with errors in it, their number.

    Raises:
        StoreError: they do not agree with the figures over all documents.
    """
    with understood(name):
        if not found.buckets:
            return np.zeros(0)
        around = answer["aggregations"]["all"]
        if statistic in ("share", "count"):
            return _errors(found, whole(around["doc_count"]), each)
        if statistic == "p95":
            got = [bucket["value"]["values"] for bucket in found.buckets]
            values = _numbers([one["value"] for (one,) in got])
        else:
            values = _numbers([bucket["value"]["value"] for bucket in found.buckets])
        single = whole(around["count"], found.total) == found.total
        if statistic != "sum":
            _check_ends(values, values, around, exact=statistic == "max")
        if not each and (statistic == "sum" or (single and statistic == "avg")):
            _check_sum(values if statistic == "sum" else values * found.documents, around, found)
    return values


def times_of(found: Cells, grid: Grid, name: str) -> Floats:
    """When the last document of each bucket was, epoch seconds.

    Raises:
        StoreError: outside of its bucket.
    """
    with understood(name):
        times = _numbers([bucket["at"]["value"] for bucket in found.buckets]) / 1000
        starts = grid.start + grid.step * found.columns
        # A time of nanoseconds is rounded to the next millisecond.
        if ((times < starts) | (times > starts + grid.step)).any():
            raise ValueError("a last document that is not in its bucket")
    return times


def _errors(found: Cells, outer: int, each: bool) -> Floats:
    counts = [whole(bucket["value"]["doc_count"]) for bucket in found.buckets]
    values = np.array(counts, dtype=np.int64)
    if (values > found.documents).any() or (sum(counts) < outer if each else sum(counts) != outer):
        raise ValueError(f"{outer:,} errors, {sum(counts):,} in its buckets")
    return values.astype(float)


def hours_of(answer: Answer, found: Cells, percents: Percents, name: str, factor: float = 1.0) -> dict[str, Floats]:
    """What `Fields.hours` asked for, by the names of a roll-up, shape (buckets,) each.

    Args:
        answer: of which `found` are the cells.
        found: its buckets.
        percents: high, second, p50 and p20, and what was asked for them.
        name: of the store, for messages.
        factor: what all of them are times.

    Raises:
        StoreError: they do not agree with each other, or with the figures over all documents.
    """
    order = percents.asked
    with understood(name):
        listed = [bucket["percents"]["values"].values() for bucket in found.buckets]
        if set(map(len, listed)) - {len(order)}:
            raise ValueError("a percentile is missing")
        stats = [bucket["stats"] for bucket in found.buckets]
        ends = [one[name] for name in ("min", "max", "avg") for one in stats]
        values = np.empty((len(order) + 3, len(listed)))
        values[:-3] = _numbers([one for some in listed for one in some]).reshape(len(listed), len(order)).T
        values[-3:] = _numbers(ends).reshape(3, len(listed))
        values[:-3] = percents.exactly(values[:-3])
        least, most, mean = values[-3:]
        if found.buckets:
            # An interpolation may end a bit of a float beside the values that it lies between.
            slack = _NEAR * np.abs(values).max(axis=0)
            steps = np.diff(np.concatenate([least[None], values[:-3], most[None]]), axis=0)
            if (steps < -slack).any() or (mean < least - slack).any() or (mean > most + slack).any():
                raise ValueError("percentiles that are not in order")
            around = answer["aggregations"]["all"]
            if whole(around["count"]) != found.total:
                raise StoreError(f"{name} has documents with several values in one: leave out --document-step")
            _check_ends(least, most, around, exact=True)
            _check_sum(mean * found.documents, around, found)
    # What lies between two values is made of them as our kernel makes it: times the factor first.
    told = percents.told(values[:-3] * factor, found.documents)
    named = dict(zip(("high", "second", "p50", "p20"), told, strict=True))
    return named | {"maximum": most * factor, "minimum": least * factor, "mean": mean * factor}


def _numbers(values: list[Any]) -> Floats:
    if set(map(type, values)) - {int, float}:
        raise ValueError("a value that is not a number")
    found = np.array(values, dtype=float)
    if not np.isfinite(found).all():
        raise ValueError("a value that is not finite")
    return found


def _check_ends(least: Floats, most: Floats, around: Answer, exact: bool) -> None:
    """No value lies outside of those of all documents; where the ends are among them, both are there."""
    low, high = finite(around["min"]), finite(around["max"])
    slack = _NEAR * max(abs(low), abs(high))
    if least.min() < low - slack or most.max() > high + slack or (exact and most.max() < high - slack):
        raise ValueError("its values are not those of its documents")


def _check_sum(values: Floats, around: Answer, found: Cells) -> None:
    """The sums of all buckets are those of no more than their values, and add up to that of all documents."""
    largest = max(abs(finite(around["min"])), abs(finite(around["max"])))
    most = found.documents + whole(around["count"]) - found.total
    if (np.abs(values) > (1 + _NEAR) * largest * most).any():
        raise ValueError("its values are not those of its documents")
    # Added up in another order, whole numbers beyond 2**53 and fractions differ in their last bits.
    if abs(float(values.sum()) - finite(around["sum"])) > _ROUNDED * largest * around["count"]:
        raise ValueError("its values do not add up to the sum of its documents")
