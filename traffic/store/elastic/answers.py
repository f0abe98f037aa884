"""Pure: what a search answered, as arrays. An answer is held against itself, and believed only where it agrees.

Each search asks for some figures twice: how many documents there are in all, of each key and in each bucket; the first
and last time of a key; the least, the highest and the sum of all values. An answer from which a part was lost on the
way, or that is of another question, contradicts itself in one of them. Documents are counted here, their values read in
figures.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from traffic.model import Grid, Ints
from traffic.store.base import StoreError

Answer = Mapping[str, Any]


@contextmanager
def understood(name: str) -> Iterator[None]:
    """Whatever is wrong with the form of an answer inside becomes one line.

    Raises:
        StoreError: always and only, besides what is raised inside.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, AssertionError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise StoreError(
            f"{name} sent an inconsistent answer ({reason[:150]}); nothing was used: check the address and any proxy "
            "in between, and try again"
        ) from None


def whole(value: object, least: int = 0) -> int:
    """A count.

    Raises:
        ValueError: it is none, or less than `least`.
    """
    if type(value) is not int or value < least:
        raise ValueError(f"{value!r} is not a count from {least}")
    return value


def finite(value: object) -> float:
    """A number.

    Raises:
        ValueError: it is none.
    """
    if type(value) not in (int, float) or not np.isfinite(value):  # type: ignore[call-overload]
        raise ValueError(f"{value!r} is not a number")
    return float(value)  # type: ignore[arg-type]


def total_of(answer: Answer) -> int:
    """How many documents a search met."""
    hits = answer["hits"]["total"]
    if hits["relation"] != "eq":
        raise ValueError("its number of documents is not exact")
    return whole(hits["value"])


class SeveralKeys(StoreError):
    """Documents have several keys, so that those of other keys were met: each key has to be asked for by itself."""


@dataclass(frozen=True, eq=False)
class Cells:
    """The buckets of an answer by key and time: arrays of shape (buckets,)."""

    rows: Ints
    columns: Ints
    documents: Ints
    buckets: list[Answer]
    total: int
    """Documents that the search met; one of several keys falls into a bucket of each."""


def cells(answer: Answer, keys: Sequence[str], grid: Grid, name: str, each: bool = False) -> Cells:
    """The buckets of an answer to `Fields.buckets` or `Fields.hours`.

    Args:
        answer: what was answered.
        keys: that were asked for; where `each` was, the answer has a bucket for each, in that order.
        grid: of the times.
        name: of the store, for messages.
        each: whether each key was requested by itself, as a document may have several.

    Raises:
        SeveralKeys: documents have several, and not each was requested by itself.
        StoreError: it holds fewer keys or documents than there are, or what was not asked for.
    """
    with understood(name):
        total = total_of(answer)
        found = answer.get("aggregations", {}).get("keys", {})
        # Of no documents a list may be left out; what there is all the same does not fit their number.
        outer = found["buckets"] if total or each else found.get("buckets", [])
        assert isinstance(outer, list), "its keys are not a list"
        rows = np.array(_rows(outer, keys, name, each), dtype=np.int64)
        if found.get("sum_other_doc_count") or found.get("doc_count_error_upper_bound"):
            raise SeveralKeys(f"{name} left out keys; nothing was used")
        counts = np.array([whole(one["doc_count"], 0 if each else 1) for one in outer], dtype=np.int64)
        if not each and int(counts.sum()) > total:
            raise SeveralKeys(f"{name} has documents of several keys")
        inner = [one["time"]["buckets"] if one["doc_count"] else [] for one in outer]
        buckets = [bucket for some in inner for bucket in some]
        documents, times = _counts(buckets), _times(buckets)
        row_of = np.repeat(rows, [len(some) for some in inner])
        columns, apart = np.divmod(times - grid.start * 1000, grid.step * 1000)
        if apart.any() or (columns < 0).any() or (columns >= grid.count).any():
            raise ValueError("times that were not requested")
        # In order already, but for keys that come in another one: sorted in a moment.
        places = np.sort(row_of * grid.count + columns, kind="stable")
        if (places[1:] == places[:-1]).any():
            raise ValueError("a time of a key appears twice")
        result = Cells(row_of, columns, documents, buckets, total)
        per_key = np.bincount(row_of, documents, len(keys)).astype(np.int64)
        if (per_key[rows] != counts).any():
            raise ValueError(f"{counts.sum():,} documents of its keys, {documents.sum():,} in their buckets")
        if (int(counts.sum()) < total or counts.max(initial=0) > total) if each else int(counts.sum()) != total:
            raise ValueError(f"{total:,} documents, {counts.sum():,} in its keys")
        _check_times(outer, rows, result, grid)
    return result


def is_full(answer: Answer, found: Cells, name: str) -> bool:
    """Whether there are as many values as documents."""
    with understood(name):
        return not found.total or whole(answer["aggregations"]["all"]["count"]) >= found.total


def is_crossed(answer: Answer, found: Cells, name: str) -> bool:
    """Whether there are documents of several keys, and of several values: which value is of which key is not kept."""
    with understood(name):
        count = answer.get("aggregations", {}).get("all", {}).get("count")
        return count is not None and whole(count) > found.total and int(found.documents.sum()) > found.total


def keys_of(answer: Answer) -> list[Answer]:
    """The outer buckets of an answer to `Fields.buckets` or `Fields.hours`."""
    found: list[Answer] = answer.get("aggregations", {}).get("keys", {}).get("buckets", [])
    return found


def _rows(outer: list[Answer], keys: Sequence[str], name: str, each: bool) -> list[int]:
    """The row of each key of an answer."""
    if each:
        if len(outer) != len(keys):
            raise ValueError(f"{len(outer)} of {len(keys)} keys")
        return list(range(len(keys)))
    places = {key: row for row, key in enumerate(keys)}
    rows = [places.get(text_of(one), -1) for one in outer]
    if -1 in rows:
        stranger = text_of(outer[rows.index(-1)])
        # Documents of several keys show all of them, unless only some were asked for.
        raise SeveralKeys(f"{name} answered with a key that was not requested: {stranger!r}")
    if len(set(rows)) != len(rows):
        raise ValueError("a key appears twice")
    return rows


def _check_times(outer: list[Answer], rows: Ints, found: Cells, grid: Grid) -> None:
    """The first and the last bucket of each key hold its first and last document."""
    ends = np.full((2, int(rows.max(initial=-1)) + 1), -1, dtype=np.int64)
    ends[0] = grid.count
    np.minimum.at(ends[0], found.rows, found.columns)
    np.maximum.at(ends[1], found.rows, found.columns)
    for row, one in zip(rows.tolist(), outer, strict=True):
        for end, name in enumerate(("first", "last") if one["doc_count"] else ()):
            time = int(finite(one[name]["value"])) - grid.start * 1000
            # A time of nanoseconds is rounded to the next millisecond, which may be in the next bucket.
            if int(ends[end, row]) not in {time // (grid.step * 1000), (time - 1) // (grid.step * 1000)}:
                raise ValueError(f"the {name} bucket of a key is not that of its {name} document")


def _counts(buckets: Sequence[Answer]) -> Ints:
    counts = [bucket["doc_count"] for bucket in buckets]
    if set(map(type, counts)) - {int} or min(counts, default=1) < 1:
        raise ValueError("an invalid number of documents")
    return np.array(counts, dtype=np.int64)


def _times(buckets: Sequence[Answer]) -> Ints:
    times = [bucket["key"] for bucket in buckets]
    if set(map(type, times)) - {int, float}:
        raise ValueError("an invalid time")
    return np.array(times, dtype=np.int64)


def text_of(bucket: Answer) -> str:
    """The key of a bucket as text; of a number, an address or a truth value as the server writes it."""
    key = bucket.get("key_as_string", bucket["key"])
    if isinstance(key, bool):
        return str(key).lower()
    if not isinstance(key, str | int):
        raise TypeError(f"an invalid key: {key!r}")
    return str(key)
