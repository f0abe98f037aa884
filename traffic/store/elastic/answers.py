"""Pure: what a search answered, as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from traffic.model import Floats, Grid, Ints, Statistic
from traffic.store.base import StoreError

Answer = Mapping[str, Any]


def cells(answer: Answer, keys: Sequence[str], grid: Grid, name: str) -> tuple[Ints, Ints, Ints, list[Answer]]:
    """The buckets of an answer by key and time: row and column of each, how many documents it holds, and itself.

    Args:
        answer: of `Fields.buckets` or `Fields.hours`.
        name: of the store, for messages.

    Raises:
        StoreError: it holds fewer keys than there are, or buckets that were not asked for.
    """
    found = answer.get("aggregations", {}).get("keys", {})
    if found.get("sum_other_doc_count") or found.get("doc_count_error_upper_bound"):
        raise StoreError(f"{name} left out keys (documents may have several of them): no part of it was used")
    rows = {key: row for row, key in enumerate(keys)}
    buckets: list[Answer] = []
    places, counts = [], []
    for one in found.get("buckets", ()):
        row = rows.get(text_of(one))
        if row is None:
            raise StoreError(f"{name} answered with a key that was not asked for: {text_of(one)!r}")
        inner = one.get("time", {}).get("buckets", ())
        buckets += inner
        places.append(row)
        counts.append(len(inner))
    row_of = np.repeat(np.array(places, dtype=np.int64), counts)
    times = np.fromiter((bucket["key"] for bucket in buckets), dtype=np.int64, count=len(buckets))
    columns = (times // 1000 - grid.start) // grid.step
    if len(columns) and not 0 <= int(columns.min()) <= int(columns.max()) < grid.count:
        raise StoreError(f"{name} answered with times that were not asked for")
    documents = np.fromiter((bucket["doc_count"] for bucket in buckets), dtype=np.int64, count=len(buckets))
    return row_of, columns, documents, buckets


def text_of(bucket: Answer) -> str:
    """The key of a bucket as text; of a number, an address or a truth value as the server writes it."""
    key = bucket.get("key_as_string", bucket["key"])
    return key if isinstance(key, str) else str(key)


def values_of(buckets: Sequence[Answer], statistic: Statistic) -> Floats:
    """The statistic of each bucket; NaN where there is none. Of a bucket with errors in it, their number."""
    if statistic == "p95":
        found = [bucket["value"]["values"][0].get("value") for bucket in buckets]
    elif statistic in ("share", "count"):
        found = [bucket["value"]["doc_count"] for bucket in buckets]
    else:
        found = [bucket["value"].get("value") for bucket in buckets]
    return np.array([np.nan if value is None else value for value in found], dtype=float)


def hours_of(buckets: Sequence[Answer], percents: Sequence[float]) -> dict[str, Floats]:
    """What `Fields.hours` asked for, by the names of a roll-up, shape (buckets,) each.

    Args:
        percents: p95, second, p50 and p20.
    """
    found = np.array(
        [
            [one["value"] for one in bucket["percents"]["values"]]
            + [(stats := bucket["stats"])["max"], stats["min"], stats["avg"]]
            for bucket in buckets
        ],
        dtype=float,
    )
    # The server answers in order, whatever order was asked for, and each only once.
    order = sorted(set(percents))
    columns = found.reshape(len(buckets), len(order) + 3).T
    named = zip(("p95", "second", "p50", "p20"), percents, strict=True)
    ends = zip(("maximum", "minimum", "mean"), columns[-3:], strict=True)
    return {name: columns[order.index(percent)] for name, percent in named} | dict(ends)
