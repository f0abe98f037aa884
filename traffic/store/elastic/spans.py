"""All keys of an index, page by page, each with the time from its first to its last document; and where time ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from traffic.errors import UsageFailure
from traffic.model import WEEK, Window
from traffic.store.base import TooLarge
from traffic.store.elastic.answers import finite, text_of, total_of, understood, whole
from traffic.store.elastic.bodies import ENDS, LARGEST, LISTED, MANY, PAGE, WEEKS, Body, Fields
from traffic.store.elastic.client import Cluster

_PAGE = 1_000
_LATEST = 2**53
_APART = 5 * WEEK
"""Without a document for so long, what lies beyond does not belong to the rest ..."""
_FEW = 200
"""... if it is less than one in so many documents."""

Ends = tuple[int, int]
"""Milliseconds of a first and a last document."""


@dataclass
class _Listing:
    """What the pages of one list have come to."""

    ends: dict[str, Ends] = field(default_factory=dict)
    documents: int = 0
    """Of all keys; one of several keys counts for each."""
    totals: list[int] = field(default_factory=list)
    """What each page said there are in all: more than one where the index is written to meanwhile."""
    keyless: int = 0


@dataclass(frozen=True)
class Keys:
    """Every key, in order of name, with the times of its first and its last document."""

    ends: Mapping[str, Ends]
    several: bool
    """Whether a document has several of them."""
    documents: int
    """Of all keys."""


def list_keys(
    cluster: Cluster, fields: Fields, most: int, groups: Sequence[Sequence[str] | None], few: bool = False
) -> Keys:
    """Ask for all keys: a list of the largest ones would not do.

    Args:
        cluster: where they are.
        fields: what they are called.
        most: buckets that an answer may have.
        groups: indices that are asked together, as the key is of one type in them; (None,) for all.
        few: there are no more keys than a node can hold at once.

    Raises:
        StoreError: the list lacks documents that the cluster counts.
    """
    ends: dict[str, Ends] = {}
    several, documents = False, 0
    for indices in groups:
        found = (_list_at_once(cluster, fields, most) if few else None) or _list(cluster, fields, most, indices)
        for key, (first, last) in found.ends.items():
            before = ends.get(key, (first, last))
            ends[key] = min(first, before[0]), max(last, before[1])
        with understood(cluster.name):
            least, highest = min(found.totals), max(found.totals)
            if found.documents < least - found.keyless:
                raise ValueError(
                    f"{least - found.keyless:,} documents have a key, {found.documents:,} are of those listed"
                )
            several |= found.documents > highest - found.keyless
            documents += found.documents
    return Keys({key: ends[key] for key in sorted(ends)}, several, documents)


def ask_many(cluster: Cluster, fields: Fields) -> tuple[int, int]:
    """How many documents and, about, how many keys there are."""
    answer = cluster.search(fields.many(), MANY)
    with understood(cluster.name):
        return total_of(answer), max(1, whole(answer["aggregations"]["keys"]["value"]))


def ask_largest(cluster: Cluster, fields: Fields, window: Window, most: int, by_sum: bool) -> list[str]:
    """The keys that have most, by the sum of their values or by their documents."""
    answer = cluster.search(fields.largest(window, most, by_sum), LARGEST)
    with understood(cluster.name):
        return [text_of(one) for one in answer["aggregations"]["keys"]["buckets"]]


def _list_at_once(cluster: Cluster, fields: Fields, most: int) -> _Listing | None:
    """All keys by one request; None where it cannot hold them."""
    listing = _Listing()
    try:
        answer = cluster.search(fields.listed(max(1, most - 1)), LISTED)
    except TooLarge:
        return None
    with understood(cluster.name):
        listing.totals.append(total_of(answer))
        found = answer.get("aggregations", {})
        keys = found.get("keys", {})
        if keys.get("sum_other_doc_count") or keys.get("doc_count_error_upper_bound"):
            return None
        for bucket in keys.get("buckets", []):
            _add(listing, text_of(bucket), bucket, bucket["ends"]["min"], bucket["ends"]["max"])
    return listing


def _list(cluster: Cluster, fields: Fields, most: int, indices: Sequence[str] | None) -> _Listing:
    listing = _Listing()
    after: Body | None = None
    # The page itself counts as a bucket in some versions.
    size = max(1, min(_PAGE, most - 1))
    while True:
        try:
            answer = cluster.search(fields.page(size, after, indices), PAGE)
        except TooLarge:
            if size == 1:
                raise
            size = max(1, size // 2)
            continue
        with understood(cluster.name):
            following, count = _take(listing, answer, first=after is None)
            if following == after and count:
                raise ValueError("its pages do not go on")
        if following is None or count < size:
            return listing
        after = following


def _take(listing: _Listing, answer: Mapping[str, Any], first: bool) -> tuple[Body | None, int]:
    """Add a page; where the next one begins, and how many keys this one had."""
    listing.totals.append(total_of(answer))
    found = answer.get("aggregations", {})
    if first and listing.totals[0]:
        listing.keyless = whole(found["keyless"]["doc_count"])
    page = found.get("keys", {})
    buckets = page.get("buckets", [])
    for bucket in buckets:
        first, last = bucket["first"]["value"], bucket["last"]["value"]
        _add(listing, text_of({"key": bucket["key"]["key"]}), bucket, first, last)
    after = page.get("after_key")
    if after is not None and set(after) != {"key"}:
        raise ValueError("its pages do not go on")
    return after, len(buckets)


def _add(listing: _Listing, key: str, bucket: Mapping[str, Any], first: object, last: object) -> None:
    """A key of a list, with the times of its first and its last document."""
    if key in listing.ends:
        raise ValueError(f"the key {key!r} is listed twice")
    listing.documents += whole(bucket["doc_count"], 1)
    if key:
        listing.ends[key] = _ends(first, last)


def _ends(first: object, last: object) -> Ends:
    times = _time(first), _time(last)
    if times[1] < times[0]:
        raise ValueError("a last document before the first")
    return times


def _time(value: object) -> int:
    """Milliseconds; no date is beyond those that a float says exactly, which is what times are kept as."""
    time = finite(value)
    if abs(time) >= _LATEST:
        raise ValueError("an invalid time")
    return int(time)


def ask_ends(cluster: Cluster, fields: Fields) -> Ends | None:
    """The times of the first and the last document of all; None where there is none."""
    answer = cluster.search(fields.extent(), ENDS)
    with understood(cluster.name):
        if not total_of(answer):
            return None
        found = answer["aggregations"]
        return _ends(found["first"]["value"], found["last"]["value"])


def ask_bounds(cluster: Cluster, fields: Fields, now: int) -> Window | None:
    """Where the documents lie but for a few that lie far away, or in the future; None where that is all of them."""
    answer = cluster.search(fields.weeks(), WEEKS)
    with understood(cluster.name):
        weeks = [
            (_time(one["key"]) // 1000, whole(one["doc_count"], 1))
            for one in answer["aggregations"]["weeks"]["buckets"]
        ]
        counted, total = sum(count for _, count in weeks), total_of(answer)
        if counted > total:
            raise UsageFailure(
                f"{cluster.name} has documents that count more than once, because they stand for several (_doc_count, "
                "as in a downsampled index) or have several times: read the index that they were made of"
            )
        if counted != total:
            raise ValueError("its weeks do not contain all documents")
    return bounds_of(weeks, now)


def bounds_of(weeks: Sequence[tuple[int, int]], now: int) -> Window | None:
    """Where the documents lie but for a few that lie far away or in the future; None where that is all of them.

    A clock that was not set gives 1970, one that runs ahead the future: a document of such a time would be the first
    or the last of its key, and all between would be silence.

    Args:
        weeks: first second and number of documents of each that has some, in order.
        now: what is after it has not been yet.
    """
    total = sum(count for _, count in weeks)
    ahead = sum(count for start, count in weeks if start > now)
    known = [one for one in weeks if one[0] <= now] if 0 < ahead * _FEW < total else list(weeks)
    runs: list[list[tuple[int, int]]] = []
    for one in known:
        if runs and one[0] - (runs[-1][-1][0] + WEEK) < _APART:
            runs[-1].append(one)
        else:
            runs.append([one])
    kept = [run for run in runs if sum(count for _, count in run) * _FEW >= total]
    if not kept or (len(kept) == len(runs) and len(known) == len(weeks)):
        return None
    return Window(kept[0][0][0], kept[-1][-1][0] + WEEK)
