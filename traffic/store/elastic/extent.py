"""Which keys an index has, and when: asked for once, whoever wants to know."""

from __future__ import annotations

import time
from threading import Lock

from traffic.errors import UsageFailure
from traffic.model import WEEK, Window
from traffic.store.base import NoSuchStore
from traffic.store.elastic.client import Cluster
from traffic.store.elastic.opening import ReadAs
from traffic.store.elastic.spans import Ends, Keys, ask_bounds, ask_ends, ask_largest, ask_many, list_keys
from traffic.store.log_fields import SERIES_MOST

_FULLER = 4
"""How much fuller than the mean the buckets of some keys are taken to be."""


class Extent:
    """The keys of an index and their spans. Safe to use from several threads."""

    def __init__(self, cluster: Cluster, read: ReadAs, max_buckets: int) -> None:
        """Nothing is asked for yet.

        Args:
            cluster: that has the index.
            read: how it is understood; what is found out about its fields is kept in it.
            max_buckets: that an answer may have.
        """
        self._cluster = cluster
        self._read = read
        self._max_buckets = max_buckets
        self._spans: dict[str, Window] | None = None
        self._ends: Ends | None = None
        self._documents: tuple[int, int] | None = None
        self._asking = Lock()

    def whole(self) -> Window:
        """From the first to the end of the last document that counts; what lies far from all others does not."""
        return self._span(self.ends())

    def ends(self) -> Ends:
        """Milliseconds of the first and the last document that counts.

        Raises:
            NoSuchStore: there is none.
        """
        with self._asking:
            if self._ends is None:
                ends = self._of_keys() if self._read.ours else self._of_documents()
                if ends is None:
                    name = self._cluster.name
                    raise NoSuchStore(
                        f"{name} contains no matching documents: check --value and --filter, or load some"
                    )
                self._ends = ends
            return self._ends

    def _of_keys(self) -> Ends | None:
        """By the list of all keys, which is wanted next, and has each with its ends."""
        self._spans, keys = self._list()
        if not keys.ends:
            return None
        return min(first for first, _ in keys.ends.values()), max(last for _, last in keys.ends.values())

    def _of_documents(self) -> Ends | None:
        """Before any key is listed: where ends are those of clocks that are wrong, so would the keys be."""
        cluster, fields = self._cluster, self._read.fields
        ends = ask_ends(cluster, fields)
        if ends is None or ends[1] - ends[0] <= 1000 * WEEK:
            return ends
        fields.bounds = ask_bounds(cluster, fields, int(time.time()))
        return ends if fields.bounds is None else ask_ends(cluster, fields)

    def spans(self) -> dict[str, Window]:
        """Of every key, in order of name.

        Raises:
            UsageFailure: there are too many for a key that nobody named.
        """
        # Before the lock: the keys are those inside of these ends.
        self.ends()
        with self._asking:
            if self._spans is None:
                self._spans, _ = self._list()
            return self._spans

    def _list(self) -> tuple[dict[str, Window], Keys]:
        cluster, read = self._cluster, self._read
        found = list_keys(cluster, read.fields, self._max_buckets, read.groups, few=read.ours)
        if read.key_found and len(found.ends) > SERIES_MOST:
            raise UsageFailure(
                f"{cluster.name} has {len(found.ends):,} series by {read.fields.key}: specify a field with "
                f"fewer values with --key, or accept them all with --key {read.fields.key}"
            )
        read.fields.several |= found.several
        self._documents = found.documents, max(1, len(found.ends))
        return {key: self._span(ends) for key, ends in found.ends.items()}, found

    def filled(self, resolution: int) -> float:
        """By the documents that there are; some keys have many more than others, so four times as many."""
        if self._documents is None:
            self._documents = ask_many(self._cluster, self._read.fields)
        documents, keys = self._documents
        first, last = self.ends()
        there = keys * (1 + (last - first) // 1000 // resolution)
        return min(1.0, _FULLER * documents / max(1, there))

    def largest(self, window: Window, most: int) -> list[str]:
        """By one request: where the index has several shards, each tells of many more than are asked for."""
        fields = self._read.fields
        if fields.mixed:
            raise UsageFailure(f"{fields.key} has several types, which cannot be sorted together: leave out --top")
        return ask_largest(self._cluster, fields, window, most, self._read.metric.statistic == "sum")

    def _span(self, ends: Ends) -> Window:
        # How long a value holds is not written in a user's own documents.
        step = self._read.step or (self._read.told if self._read.ours else None) or 1
        return Window(ends[0] // 1000, ends[1] // 1000 + step)
