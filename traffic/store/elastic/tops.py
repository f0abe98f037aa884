"""The values that lines have in a role, and how many lines have each: of several fields, with paths folded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import nsmallest
from typing import Any

from traffic.access_log import Count, Top
from traffic.model import Window
from traffic.store.base import TooLarge
from traffic.store.elastic.answers import text_of
from traffic.store.elastic.bodies import Body
from traffic.store.log_names import plain
from traffic.store.log_paths import endpoints, path_of

_PAGE = 1_000
_TERMS = 60_000
"""Values that a query lists at once; the cluster allows 65,536."""
_REQUESTS = ("request", "requestline")
"""Fields that may hold the first line of a request."""
_BLANK = ("", "-")

Ask = Callable[[Window | None, Body, Sequence[Body]], Any]
"""The aggregations over the lines of a window that meet some queries."""


class Tops:
    """Of an index: what its lines say in each role, the first field that a line has counting."""

    def __init__(
        self, ask: Ask, fields: Mapping[str, tuple[str, ...]], types: Mapping[str, set[str]], raw_paths: bool
    ) -> None:
        """Nothing is asked yet.

        Args:
            ask: how.
            fields: role -> its fields, in order.
            types: of all fields.
            raw_paths: leave identifiers in paths.
        """
        self._ask = ask
        self._fields = fields
        self._types = types
        self._raw = raw_paths
        self._endpoints: dict[str, str] | None = None
        self._remarks: list[str] = []

    def top(self, role: str, window: Window, most: int, only: Sequence[Body], inner: Body) -> Top:
        """The most frequent values; `inner`: what is counted of the lines of each besides."""
        fields = self._fields[role]
        without: Body = {"bool": {"must_not": [{"exists": {"field": field}} for field in fields]}}
        about = self._ask(
            window, {"all": {"value_count": {"field": self._fields["time"][0]}}, "without": {"filter": without}}, only
        )
        if len(fields) == 1 and role != "endpoint":
            found = self._largest(fields[0], window, most, only, inner)
        else:
            found = self._summed(role, window, only, inner)
        blank = 0

        def named() -> Iterator[Count]:
            # They may come page by page, and only once.
            nonlocal blank
            for count in found:
                if count.value in _BLANK:
                    blank += count.requests
                else:
                    yield count

        counts = nsmallest(most, named(), key=lambda one: (-one.requests, one.value))
        none = about["without"]["doc_count"] + blank
        others = about["all"]["value"] - none - sum(count.requests for count in counts)
        return Top(tuple(counts), max(0, others), none)

    def endpoint_of(self, written: str) -> str:
        """The endpoint that a path belongs to."""
        return self._folding().get(written, written)

    def of_endpoints(self, names: Sequence[str]) -> dict[str, Body]:
        """For each of some endpoints, the query for its lines."""
        wanted = set(names)
        written: dict[str, list[str]] = {name: [] for name in names}
        for path, endpoint in self._folding().items():
            if endpoint in wanted:
                written[endpoint].append(path)
        return {name: self._one_of(paths) for name, paths in written.items()}

    def remarks(self) -> list[str]:
        """How many paths became how many endpoints."""
        return self._remarks

    def _folding(self) -> dict[str, str]:
        """As it is written -> endpoint, of all lines that there are: asked for once."""
        if self._endpoints is None:
            counts: dict[str, int] = {}
            for place in range(len(self._fields["endpoint"])):
                for bucket in self._every("endpoint", place, None, (), {}):
                    counts[text_of(bucket)] = counts.get(text_of(bucket), 0) + bucket["doc_count"]
            lines = any(plain(field.removesuffix(".keyword")) in _REQUESTS for field in self._fields["endpoint"])
            self._endpoints = endpoints(counts, lines, self._raw)
            self._remarks = _folded(counts, self._endpoints, lines)
        return self._endpoints

    def _one_of(self, written: Sequence[str]) -> Body:
        """Lines whose path is written as one of these."""
        ways: list[Body] = []
        for place, field in enumerate(self._fields["endpoint"]):
            for start in range(0, len(written), _TERMS):
                terms = {"terms": {field: list(written[start : start + _TERMS])}}
                ways.append({"bool": {"filter": [terms, *self._first("endpoint", place)]}})
        return {"bool": {"should": ways, "minimum_should_match": 1}} if ways else {"match_none": {}}

    def _largest(
        self, field: str, window: Window, most: int, only: Sequence[Body], inner: Body
    ) -> Iterator[Count] | list[Count]:
        """By one request where the shards agree on the order, else by reading all values, page by page."""
        # Blank ones are dropped afterwards, and one more tells whether there are ties at the end.
        size = most + len(_BLANK) + 1
        terms = {"field": field, "size": size, "shard_size": max(_PAGE, 10 * most)}
        try:
            found = self._ask(window, {"top": {"terms": terms, "aggs": inner}}, only)["top"]
        except TooLarge:
            found = None
        if found is not None and not found["doc_count_error_upper_bound"]:
            counts = [_count(text_of(one), one) for one in found["buckets"]]
            full = len(counts) == size
            # An address is in the order of numbers there: of several at the end the wrong ones may have been left out.
            tied = full and counts[-1].requests == counts[most - 1].requests and self._types.get(field) != {"keyword"}
            if not tied:
                return counts
        return (_count(text_of(one), one) for one in self._pages(field, window, only, inner))

    def _summed(self, role: str, window: Window, only: Sequence[Body], inner: Body) -> list[Count]:
        """All values of all fields of a role, each line counted once."""
        sums: dict[str, Count] = {}
        folding = self._folding() if role == "endpoint" else {}
        for place in range(len(self._fields[role])):
            for bucket in self._every(role, place, window, only, inner):
                written = text_of(bucket)
                count = _count(folding.get(written, written), bucket)
                before = sums.get(count.value)
                sums[count.value] = count if before is None else _added(before, count)
        return list(sums.values())

    def _every(
        self, role: str, place: int, window: Window | None, only: Sequence[Body], inner: Body
    ) -> Iterator[dict[str, Any]]:
        return self._pages(self._fields[role][place], window, (*only, *self._first(role, place)), inner)

    def _first(self, role: str, place: int) -> list[Body]:
        """Lines that say it in none of the fields before."""
        return [{"bool": {"must_not": [{"exists": {"field": field}}]}} for field in self._fields[role][:place]]

    def _pages(self, field: str, window: Window | None, only: Sequence[Body], inner: Body) -> Iterator[dict[str, Any]]:
        """A bucket for each value of a field, in pages that the cluster accepts."""
        size, after = _PAGE, None
        while True:
            composite: Body = {"size": size, "sources": [{"value": {"terms": {"field": field}}}]}
            if after is not None:
                composite["after"] = after
            try:
                found = self._ask(window, {"page": {"composite": composite, "aggs": inner}}, only)["page"]
            except TooLarge:
                if size == 1:
                    raise
                size //= 2
                continue
            yield from ({**bucket, "key": bucket["key"]["value"]} for bucket in found["buckets"])
            after = found.get("after_key")
            if after is None or len(found["buckets"]) < size:
                return


def _folded(lines: Mapping[str, int], found: Mapping[str, str], requests: bool) -> list[str]:
    """What is said of the folding, as of files.

    Args:
        lines: of each path as it is written.
        found: the endpoint of each.
        requests: whether they may be first lines of requests.
    """
    paths = {written: path_of(written, requests) for written in found}
    before, after = set(paths.values()) - {""}, set(found.values()) - {""}
    if len(before) <= len(after):
        return []
    most: dict[str, int] = {}
    for written, endpoint in found.items():
        if endpoint != paths[written]:
            most[endpoint] = most.get(endpoint, 0) + lines[written]
    ends = "1 endpoint" if len(after) == 1 else f"{len(after):,} endpoints"
    example = min(most, key=lambda one: (-most[one], one), default=None)
    return [f"{len(before):,} paths folded into {ends}" + (f", such as {example}" if example else "")]


def _count(value: str, bucket: Mapping[str, Any]) -> Count:
    errors = int(bucket["errors"]["doc_count"]) if "errors" in bucket else None
    sent = int(bucket["sent"]["value"]) if "sent" in bucket else None
    return Count(value, int(bucket["doc_count"]), errors, sent)


def _added(one: Count, other: Count) -> Count:
    errors = None if one.errors is None or other.errors is None else one.errors + other.errors
    sent = None if one.sent is None or other.sent is None else one.sent + other.sent
    return Count(one.value, one.requests + other.requests, errors, sent)
