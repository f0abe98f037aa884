"""Elasticsearch, read: our own weekly indices, or any index or pattern of a user's own.

What an index is read as is found out in opening.py, its keys and ends in extent.py, its buckets in reading.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from typing_extensions import override

from traffic.coverage import LOAD_UNFINISHED, OTHER_KEYS, UNFINISHED, Coverage, Holding, LeftOut
from traffic.errors import UsageFailure
from traffic.flows import FlowAnswer, FlowQuery, like_dimensions
from traffic.model import Matrix, Query, Rollup, Window
from traffic.store.access import Access
from traffic.store.base import (
    FlowSource,
    Joined,
    JoiningSource,
    Limits,
    NoSuchStore,
    RankedSource,
    RollupSource,
    SharedSource,
    SparseSource,
)
from traffic.store.columns import Columns
from traffic.store.elastic.bodies import COVERAGE
from traffic.store.elastic.client import Cluster
from traffic.store.elastic.counts import covered, leaves_out
from traffic.store.elastic.extent import Extent
from traffic.store.elastic.fields import field_types, readable
from traffic.store.elastic.flow_index import FIELDS, FlowIndex
from traffic.store.elastic.flow_search import ask_flows, requests_of
from traffic.store.elastic.layout import FLOW_META, META, look
from traffic.store.elastic.opening import as_named, as_ours
from traffic.store.elastic.place import find_place
from traffic.store.elastic.reading import AT_BEST, BucketReader
from traffic.store.elastic.stamps import Stamps
from traffic.store.remarks import ahead, alike

NEVER = 2**40
"""Seconds after which an answer is kept that tomorrow may be another: more than there are."""
_FIRST_YEAR = 315_532_800
"""1980: no store holds documents of before, but many that were stamped by a clock or a unit that was wrong."""
_MATCHES = 1_000
"""Keys of several types that one query may name."""
_OTHER_P95 = "p95 as OpenSearch computes it: with few values, up to half a value higher than in Elasticsearch and files"
AT_ONCE = 16
"""Requests under way together that a node still queues, and does not refuse."""


class ElasticSource(RollupSource, JoiningSource, SharedSource, SparseSource, RankedSource, FlowSource):
    """An index, alias or pattern in a cluster.

    Where there is one document a key and step, and the step is the asked resolution, the cluster makes the roll-ups;
    anywhere else it makes the buckets, and the caller rolls them up.
    """

    def __init__(self, name: str, columns: Columns, access: Access) -> None:
        """Connect, and look at what is there.

        Args:
            name: `https://HOST:9200/INDEX`, or `elasticsearch:INDEX` with the host from the environment.
            columns: the fields of a user's own documents; an index of ours needs none.

        Raises:
            NoSuchStore: there is no such index.
            UsageFailure: the fields are not valid.
            AccessDenied: not logged in, not allowed, or TLS fails.
        """
        place = find_place(name)
        self.name = place.name
        self._cluster = Cluster(place, access)
        layout = look(self._cluster)
        records = look(self._cluster, FLOW_META) if layout.ours is None and layout.others else None
        if layout.ours is None and not layout.others:
            raise NoSuchStore(f"no index {self.name}: check its name, or run ./sl.py generate to make it")
        self._records: FlowIndex | None = None
        if layout.ours is not None and not layout.others:
            read = as_ours(self._cluster, columns, layout.ours)
            self._records = FlowIndex.of(self._cluster, access, layout.ours, read.fields, read.metric)
        elif records is not None and records.ours is not None:
            # Flow records of ours: several documents of a key and step, which add up to the totals beside them.
            if records.others:
                raise UsageFailure(
                    f"{self.name} mixes flow records of sl with {records.others[0]}: use only one of them"
                )
            read, layout = as_ours(self._cluster, columns, records.ours, several=True), records
        else:
            read = as_named(self._cluster, columns, layout)
        self._layout, self._read, self._fields, self.metric = layout, read, read.fields, read.metric
        self._max_buckets = self._cluster.max_buckets()
        self._stamps = Stamps(self._cluster, self._fields, weekly=read.ours, expected=layout.shards)
        # The stamps are taken here, before anything is asked.
        self.settling = self._stamps.settling if read.view.steady else NEVER
        self._extent = Extent(self._cluster, read, self._max_buckets)
        self._reader = BucketReader(self._cluster, read, self._extent, self._max_buckets)
        self._groupable: dict[str, str] = {}

    def limits(self, resolution: int) -> Limits:  # noqa: ARG002 - the same for all
        """As many buckets as the cluster lets an answer have; of hours, as many as are best read at once."""
        return Limits(buckets=self._max_buckets, at_once=AT_ONCE, hours=AT_BEST)

    def filled(self, resolution: int) -> float:
        """By the documents that there are; some keys have many more than others, so four times as many."""
        return self._extent.filled(resolution)

    def largest(self, window: Window, most: int) -> list[str]:
        """By one request: where the index has several shards, each tells of many more than are asked for."""
        return self._extent.largest(window, most)

    def rolls_up(self, resolution: int) -> bool:
        """Whether the cluster can make roll-ups of such buckets: where each is one document, as it is."""
        return self._reader.rolls_up(resolution)

    @override
    def notes(self) -> list[str]:
        """What a person should know before anything is read: which fields were taken for what."""
        unfinished = [LOAD_UNFINISHED] if self._read.ours and self._layout.identity is None else []
        other = [_OTHER_P95] if self.metric.statistic == "p95" and not self._cluster.product.linear else []
        return [*self._read.notes, *other, *unfinished]

    def step(self) -> int | None:
        """Seconds between the documents of a key, as said or as the newest tell; None where they come as they like."""
        return self._read.step or self._read.told

    def extent(self, since: int | None, resolution: int) -> Window:  # noqa: ARG002 - the same for all
        """From the first to the end of the last document that counts; what lies far from all others does not."""
        return self._extent.whole()

    def keys(self, window: Window) -> Mapping[str, Window]:
        """Every key that has data from before the end to after the start of `window`, in order, and its whole span."""
        return {key: span for key, span in self._extent.spans().items() if span.overlap(window)}

    def series(self, query: Query) -> Matrix:
        """The buckets of `query.keys`: the statistic over their documents, times the metric's factor."""
        return self._reader.series(query)

    def joins(self) -> Joined:
        """As many days of keys as are best read at once."""
        return self._reader.joins()

    def series_joined(self, queries: Sequence[Query]) -> list[Matrix]:
        """A `series` for each, by one request."""
        return self._reader.series_joined(queries)

    def rollup(self, query: Query) -> Rollup:
        """Hours of documents, rolled up by the cluster; percentiles of so few values are exact."""
        return self._reader.rollup(query)

    def fingerprint(self, window: Window) -> str:
        """A hash over what could answer for that window (`stamps.py`), and over how it is read."""
        records = () if self._records is None else (self._records.fingerprint(window),)
        return self._stamps.fingerprint(window, repr((self._read.said, self._read.view.told, *records)))

    def identity(self) -> str | None:
        """What was generated into it, or None while that is not there as a whole, or the data is a user's own."""
        if not self._read.ours:
            return None
        return look(self._cluster, META if self._read.step is not None else FLOW_META).identity

    @override
    def coverage(self, window: Window, reach: Window, only: Sequence[str] | None = None) -> Coverage:
        """Its documents in that window and those that no window holds, by index: one search, or two to say why."""
        apart = only if not self._fields.mixed or len(only or ()) <= _MATCHES else None
        asked = partial(self._fields.coverage, window, reach, apart)
        answer = self._cluster.search(asked(reasons=False), COVERAGE)
        if leaves_out(answer, self.name):
            answer = self._cluster.search(asked(reasons=True), COVERAGE)
        found = covered(
            answer, self._fields, self._layout.closed, self.name, some=apart is not None, told=self._read.errors
        )
        if apart is not only:
            others = Holding(self.name, None, None, (LeftOut(OTHER_KEYS, None),))
            found = replace(found, parts=(*found.parts, others), held=None)
        means = self.metric.statistic == "avg" and self._read.step is None and not self._fields.counter
        found = replace(found, averaged=means and not self._read.lines)
        if reach.end < _FIRST_YEAR:
            seconds = (
                f"all {self._fields.time} lie before 1980: are these seconds, while the mapping expects milliseconds?"
            )
            found = replace(found, notes=(*found.notes, f"{seconds} Map it with the format epoch_second"))
        elif not self._read.ours:
            found = replace(found, notes=(*found.notes, *ahead(reach, self._fields.time), *alike(self._extent.spans())))
        if self._read.ours and self._layout.identity is None:
            missing = Holding(self.name, None, None, (LeftOut(UNFINISHED, None),))
            found = replace(found, parts=(*found.parts, missing))
        return found

    def dimensions(self, wanted: Sequence[str] | None = None) -> tuple[str, ...]:
        """Fields that are called like ports, protocols, ASs ...; any other where it is asked for."""
        if self._read.ours:
            return self._own_dimensions(wanted)
        if self._fields.counter:
            if wanted:
                raise UsageFailure(f"{self.name}: counters cannot be broken down: leave out --by")
            return ()
        self._groupable = readable(field_types(self._cluster))
        for name in wanted or ():
            if name not in self._groupable:
                raise UsageFailure(f"{self.name} has no field {name!r} that traffic can be broken down by")
        if wanted is not None:
            return tuple(wanted)
        used = {self._fields.time, self._fields.key, self._fields.value}
        others = [name for name, field in self._groupable.items() if not used & {name, field}]
        # Most values that are averaged, and are those of no lines, are states, such as a temperature.
        return like_dimensions(others) if self.metric.adds_up or self._read.lines else ()

    def _own_dimensions(self, wanted: Sequence[str] | None) -> tuple[str, ...]:
        ours = self._layout.ours
        there = self._read.step is None or (
            self._records is not None and ours is not None and self._records.whole(ours)
        )
        self._groupable = dict(FIELDS)
        for name in wanted or ():
            if name not in FIELDS or not there:
                known = f"use {', '.join(FIELDS)}" if there else "it contains no flow records (generate --flows)"
                raise UsageFailure(f"{self.name} cannot break traffic down by {name!r}: {known}")
        return tuple(wanted if wanted is not None else FIELDS) if there else ()

    def flows(self, queries: Sequence[FlowQuery]) -> Iterator[FlowAnswer]:
        """A search for each, or two, many of them in a request."""
        if self._records is not None:
            return self._records.flows(queries)
        return ask_flows(self._cluster, self._fields, self._groupable, self.metric, queries, self._max_buckets)

    @override
    def flow_requests(self, dimensions: int, windows: int, events: int = 1) -> int:
        """Many searches in each."""
        return requests_of(events, dimensions)

    def changes(self) -> int | None:
        """Operations of all kinds, by the numbers that the indices give to them."""
        return self._stamps.changes()
