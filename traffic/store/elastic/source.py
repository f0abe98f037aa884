"""Elasticsearch, read: our own weekly indices, or any index or pattern of a user's own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Any

import numpy as np
from typing_extensions import override

from traffic.coverage import LOAD_UNFINISHED, OTHER_KEYS, UNFINISHED, Coverage, Holding, LeftOut
from traffic.errors import UsageFailure
from traffic.flows import FlowAnswer, FlowQuery, like_dimensions
from traffic.model import (
    BITS,
    HOUR,
    HOUR_FIELDS,
    WEEK,
    Floats,
    Grid,
    Hours,
    Matrix,
    Metric,
    Query,
    Rollup,
    Window,
)
from traffic.store.access import Access
from traffic.store.base import (
    Columns,
    FlowSource,
    Limits,
    NoSuchStore,
    RankedSource,
    RollupSource,
    SharedSource,
    SparseSource,
    StoreError,
    check_size,
)
from traffic.store.elastic.answers import Cells, SeveralKeys, cells, hours_of, keys_of, times_of, values_of
from traffic.store.elastic.bodies import BUCKETS, COVERAGE, HOURS, KEY, TIME, Body, Fields
from traffic.store.elastic.client import Cluster
from traffic.store.elastic.counts import covered
from traffic.store.elastic.fields import (
    KeyField,
    check_fields,
    field_types,
    read_filter,
    readable,
    said_errors,
)
from traffic.store.elastic.flow_index import FIELDS, FlowIndex
from traffic.store.elastic.flows import WANTED, FlowTold, flow_answer, flow_body
from traffic.store.elastic.layout import FLOW_META, META, Layout, look
from traffic.store.elastic.percentiles import Percents, roll_up_percents
from traffic.store.elastic.place import find_place
from traffic.store.elastic.rates import LEAD, rates
from traffic.store.elastic.roles import log_roles
from traffic.store.elastic.sample import sample, with_evidence
from traffic.store.elastic.spans import ask_bounds, ask_ends, ask_largest, ask_many, list_keys
from traffic.store.elastic.stamps import Stamps
from traffic.store.elastic.view import view_of
from traffic.store.folder import Manifest
from traffic.store.kinds import FOLDER, refuse_options
from traffic.store.log_fields import PRESETS, SERIES_MOST, LogFields, asks_errors, understood

NEVER = 2**40
"""Seconds after which an answer is kept that tomorrow may be another: more than there are."""
_FIRST_YEAR = 315_532_800
"""1980: no store holds documents of before, but many that were stamped by a clock or a unit that was wrong."""
_MATCHES = 1_000
"""Keys of several types that one query may name."""
_FULLER = 4
"""How much fuller than the mean the buckets of some keys are taken to be."""
_OTHER_P95 = "p95 as OpenSearch has it: of few values up to half a value higher than that of Elasticsearch and of files"
AT_ONCE = 16
"""Requests under way together that a node still queues, and does not refuse."""


class ElasticSource(RollupSource, SharedSource, SparseSource, RankedSource, FlowSource):
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
        self._records: FlowIndex | None = None
        records = look(self._cluster, FLOW_META) if layout.ours is None and layout.others else None
        if layout.ours is None and not layout.others:
            raise NoSuchStore(f"there is no index {self.name}: check its name, or run ./sl.py generate to make it")
        self._layout = layout
        self._groups: Sequence[Sequence[str] | None] = (None,)
        self._told_errors = ""
        self._chosen = False
        self._notes: list[str] = []
        if layout.ours is not None and not layout.others:
            self._open_ours(columns, layout.ours)
            self._records = FlowIndex.of(self._cluster, access, layout.ours, self._fields, self.metric)
        elif records is not None and records.ours is not None:
            self._open_records(columns, records)
        else:
            self._open_foreign(columns, layout)
        self._max_buckets = self._cluster.max_buckets()
        self._stamps = Stamps(self._cluster, self._fields, weekly=self._ours, expected=layout.shards)
        # The stamps are taken here, before anything is asked.
        self.settling = self._stamps.settling if self._view.steady else NEVER
        self._spans: dict[str, Window] | None = None
        self._ends: tuple[int, int] | None = None
        self._documents: tuple[int, int] | None = None
        self._asking = Lock()
        self._groupable: dict[str, str] = {}

    def limits(self, resolution: int) -> Limits:  # noqa: ARG002 - the same for all
        """As many buckets as the cluster lets an answer have."""
        return Limits(buckets=self._max_buckets, at_once=AT_ONCE)

    def filled(self, resolution: int) -> float:
        """By the documents that there are; some keys have many more than others, so four times as many."""
        if self._documents is None:
            self._documents = ask_many(self._cluster, self._fields)
        documents, keys = self._documents
        first, last = self._all_ends()
        there = keys * (1 + (last - first) // 1000 // resolution)
        return min(1.0, _FULLER * documents / max(1, there))

    def largest(self, window: Window, most: int) -> list[str]:
        """By one request: where the index has several shards, each tells of many more than are asked for."""
        if self._fields.mixed:
            raise UsageFailure(f"{self._fields.key} is of several types, which have no common order: leave out --top")
        return ask_largest(self._cluster, self._fields, window, most, self.metric.statistic == "sum")

    def rolls_up(self, resolution: int) -> bool:
        """Whether the cluster can make roll-ups of such buckets: where each is one document, as it is."""
        if self._fields.counter:
            return False
        return self._step == resolution and self.metric.statistic not in ("count", "share") and self.metric.scale > 0

    @override
    def notes(self) -> list[str]:
        """What a person should know before anything is read: which fields were taken for what."""
        unfinished = [LOAD_UNFINISHED] if self._ours and self._layout.identity is None else []
        other = [_OTHER_P95] if self.metric.statistic == "p95" and not self._cluster.product.linear else []
        return [*self._notes, *other, *unfinished]

    def step(self) -> int | None:
        """Seconds between the documents of a key, as said or as the newest tell; None where they come as they like."""
        return self._step or self._told

    def extent(self, since: int | None, resolution: int) -> Window:  # noqa: ARG002 - the same for all
        """From the first to the end of the last document that counts; what lies far from all others does not."""
        first, last = self._all_ends()
        return self._span(first, last)

    def keys(self, window: Window) -> Mapping[str, Window]:
        """Every key that has data from before the end to after the start of `window`, in order, and its whole span."""
        return {key: span for key, span in self._all_spans().items() if span.overlap(window)}

    def series(self, query: Query) -> Matrix:
        """The buckets of `query.keys`: the statistic over their documents, times the metric's factor."""
        grid = Grid.over(query.window, query.resolution)
        self._check(query, grid)
        if self._fields.counter and query.keys and grid.count:
            return self._rates(query, grid)
        values = np.full((len(query.keys), grid.count), np.nan)
        rows = np.zeros(values.shape, dtype=np.uint32)
        if query.keys and grid.count:
            if query.metric.empty == "zero" and self._step is None and not self._ours:
                self._fill_zeros(values, query, grid)
            answer, found = self._asked(query, grid, BUCKETS, self._buckets(query))
            if self._step is not None and len(found.documents) and found.documents.max() > grid.step // self._step:
                raise self._crowded()
            values[found.rows, found.columns] = self._found(answer, found) * query.metric.factor(grid.step)
            rows[found.rows, found.columns] = found.documents
        return Matrix(query.keys, grid, values, rows)

    def _rates(self, query: Query, grid: Grid) -> Matrix:
        """How fast counters grow, which begins a while before the first bucket."""
        lead = LEAD // grid.step
        wide = Grid(grid.start - LEAD, grid.step, grid.count + lead)
        answer, found = self._asked(query, wide, BUCKETS, self._buckets(query))
        totals, times = np.full((2, len(query.keys), wide.count), np.nan)
        rows = np.zeros(totals.shape, dtype=np.uint32)
        totals[found.rows, found.columns] = values_of(answer, found, "max", self.name, self._fields.each)
        times[found.rows, found.columns] = times_of(found, wide, self.name)
        rows[found.rows, found.columns] = found.documents
        values = rates(totals, times) * query.metric.factor(grid.step)
        return Matrix(query.keys, grid, values[:, lead:], rows[:, lead:].copy())

    def rollup(self, query: Query) -> Rollup:
        """Hours of documents, rolled up by the cluster; percentiles of so few values are exact."""
        if not self.rolls_up(query.resolution):
            raise StoreError(f"{self.name} cannot make roll-ups of buckets of {query.resolution} s")
        grid = Grid.over(query.window, HOUR)
        self._check(query, grid)
        shape = (len(query.keys), grid.count)
        rolled = {name: np.full(shape, np.nan) for name in HOUR_FIELDS} | {"count": np.zeros(shape)}
        rows = np.zeros(shape, dtype=np.uint32)
        if query.keys and grid.count:
            answer, found, percents = self._hours(query, grid)
            rolled["count"][found.rows, found.columns] = rows[found.rows, found.columns] = found.documents
            factor = query.metric.factor(query.resolution)
            for name, values in hours_of(answer, found, percents, self.name, factor).items():
                rolled[name][found.rows, found.columns] = values
        return Rollup(query.keys, grid, Hours(**rolled), rows)

    def _hours(self, query: Query, grid: Grid) -> tuple[Mapping[str, Any], Cells, Percents]:
        """The answer to a query of hours, its cells, and which percentiles it holds."""
        most = HOUR // query.resolution
        wanted = roll_up_percents(query.resolution, query.percent)
        # Most hours are full; what the others need is known when it is seen how many values they have.
        counts = None if self._cluster.product.linear else frozenset({most})
        percents = Percents(wanted, counts, whole=self._ours)
        while True:
            body = partial(self._fields.hours, percents=percents.asked, digest=percents.digest)
            answer, found = self._asked(query, grid, HOURS, body)
            crowded = any(one.get("crowded", {}).get("buckets") for one in keys_of(answer))
            if crowded or (len(found.documents) and found.documents.max() > most):
                raise self._crowded()
            numbers = frozenset(found.documents.tolist())
            if percents.covers(numbers):
                return answer, found, percents
            percents = replace(percents, counts=numbers | (percents.counts or frozenset()))

    def _buckets(self, query: Query) -> Callable[[Sequence[str], Window], Body]:
        return partial(self._fields.buckets, step=query.resolution)

    def _asked(
        self, query: Query, grid: Grid, wanted: str, body: Callable[[Sequence[str], Window], Body]
    ) -> tuple[Mapping[str, Any], Cells]:
        """The answer to a query, and its cells; asked again key by key where documents turn out to have several."""
        while True:
            each = self._fields.each
            answer = self._cluster.search(body(query.keys, grid.window), wanted)
            try:
                return answer, cells(answer, query.keys, grid, self.name, each)
            except SeveralKeys:
                if each:
                    raise
                self._fields.several = True

    def fingerprint(self, window: Window) -> str:
        """A hash over what could answer for that window (`stamps.py`), and over how it is read."""
        records = () if self._records is None else (self._records.fingerprint(window),)
        return self._stamps.fingerprint(window, repr((self._reading, self._view.told, *records)))

    def identity(self) -> str | None:
        """What was generated into it, or None while that is not there as a whole, or the data is a user's own."""
        if not self._ours:
            return None
        return look(self._cluster, META if self._step is not None else FLOW_META).identity

    @override
    def coverage(self, window: Window, reach: Window, only: Sequence[str] | None = None) -> Coverage:
        """Its documents in that window and those that no window holds, by index: counted in one search."""
        apart = only if not self._fields.mixed or len(only or ()) <= _MATCHES else None
        answer = self._cluster.search(self._fields.coverage(window, reach, apart), COVERAGE)
        found = covered(
            answer, self._fields, self._layout.closed, self.name, some=apart is not None, told=self._told_errors
        )
        if apart is not only:
            others = Holding(self.name, None, None, (LeftOut(OTHER_KEYS, None),))
            found = replace(found, parts=(*found.parts, others), held=None)
        means = self.metric.statistic == "avg" and self._step is None and not self._fields.counter
        found = replace(found, averaged=means and not self._lines)
        if reach.end < _FIRST_YEAR:
            seconds = f"all {self._fields.time} lie before 1980: seconds where the mapping means milliseconds?"
            found = replace(found, notes=(*found.notes, f"{seconds} Map it with the format epoch_second"))
        if self._ours and self._layout.identity is None:
            missing = Holding(self.name, None, None, (LeftOut(UNFINISHED, None),))
            found = replace(found, parts=(*found.parts, missing))
        return found

    def dimensions(self, wanted: Sequence[str] | None = None) -> tuple[str, ...]:
        """Fields that are called like ports, protocols, ASs ...; any other where it is asked for."""
        if self._ours:
            return self._own_dimensions(wanted)
        if self._fields.counter:
            if wanted:
                raise UsageFailure(f"{self.name}: counters have no parts: leave out --by")
            return ()
        self._groupable = readable(field_types(self._cluster))
        for name in wanted or ():
            if name not in self._groupable:
                raise UsageFailure(f"{self.name} has no field {name!r} to tell traffic apart by that can be grouped by")
        if wanted is not None:
            return tuple(wanted)
        used = {self._fields.time, self._fields.key, self._fields.value}
        others = [name for name, field in self._groupable.items() if not used & {name, field}]
        # Most values that are averaged, and are those of no lines, are states, such as a temperature.
        return like_dimensions(others) if self.metric.adds_up or self._lines else ()

    def _own_dimensions(self, wanted: Sequence[str] | None) -> tuple[str, ...]:
        ours = self._layout.ours
        there = self._step is None or (self._records is not None and ours is not None and self._records.whole(ours))
        self._groupable = dict(FIELDS)
        for name in wanted or ():
            if name not in FIELDS or not there:
                known = f"it knows {', '.join(FIELDS)}" if there else "it holds no flow records (generate --flows)"
                raise UsageFailure(f"{self.name} cannot tell traffic apart by {name!r}: {known}")
        return tuple(wanted if wanted is not None else FIELDS) if there else ()

    def flows(self, queries: Sequence[FlowQuery]) -> Iterator[FlowAnswer]:
        """A search for each, and one more where a field has more values than an answer lists."""
        if self._records is not None:
            yield from self._records.flows(queries)
            return
        for query in queries:
            told = self._flows(query)
            yield self._flows(query, told.named).answer if told.named else told.answer

    @override
    def flow_requests(self) -> int:
        """One, and one more where the field has many values."""
        return 2

    def _flows(self, query: FlowQuery, named: Sequence[str] = ()) -> FlowTold:
        body = flow_body(self._fields, query, self._groupable, self.metric, named)
        answer = self._cluster.search(body, WANTED)
        return flow_answer(query, answer, self.metric, self.name, named)

    def changes(self) -> int | None:
        """Operations of all kinds, by the numbers that the indices give to them."""
        return self._stamps.changes()

    def _open_records(self, columns: Columns, layout: Layout) -> None:
        """Flow records of ours: several documents of a key and step, which add up to the totals beside them."""
        assert layout.ours is not None
        if layout.others:
            raise UsageFailure(f"{self.name} mixes flow records of ours with {layout.others[0]}: name one of them")
        self._open_ours(columns, layout.ours, several=True)
        self._layout = layout

    def _open_ours(self, columns: Columns, ours: Manifest, several: bool = False) -> None:
        refuse_options(columns, FOLDER.takes | {"filter_file"}, FOLDER.instead)
        field = ours.field
        self._ours, self._lines = True, False
        self._step: int | None = None if several else ours.step
        self._told: int | None = ours.step if several else None
        self.metric = BITS if field == BITS.field else Metric(field, field, "sum")
        also = read_filter(columns.filter_file)
        self._reading = repr((field, self._step, ours.scenario, also))
        self._view = view_of(self._cluster, also)
        self._fields = Fields(TIME, KEY, field, "sum", also)

    def _open_foreign(self, columns: Columns, layout: Layout) -> None:
        if layout.ours is not None:
            raise UsageFailure(f"{self.name} mixes stores of ours with {layout.others[0]}: name one of them")
        types = field_types(self._cluster) if columns.preset or columns.errors else {}
        errors = None if columns.errors is None else said_errors(self._cluster, columns.errors, types)
        also = read_filter(columns.filter_file)
        self._told_errors = columns.errors or ""
        if columns.preset is not None:
            preset = PRESETS[columns.preset]
            roles = log_roles(self._cluster, types, {}, also, preset.errors or preset.latency)
            self._chosen = columns.key is None
            if asks_errors(columns):
                errors, self._told_errors = roles.errors, roles.told or ""
                self._notes += roles.remarks
            self._notes += roles.notes if preset.latency and columns.value is None else ()
            columns = understood(columns, roles.known, self.name)
        else:
            columns = understood(columns, LogFields(), self.name)
        time, key = columns.time or TIME, columns.key
        if key is None or (columns.value is None and columns.how not in ("count", "share")):
            raise UsageFailure(
                f"{self.name} is an index of your own: say which field names the series with --key, and which holds "
                f"the values with --value (or --statistic count, or for log lines --metric)"
            )
        self._ours = False
        self._step = columns.step
        about = check_fields(self._cluster, time, key, columns.value, columns.how)
        self._told = None
        self._lines = columns.preset is not None or columns.errors is not None
        if not self._lines:
            # Log lines come as they like, however regular they may look.
            newest = sample(self._cluster, _fields_of(time, key, columns, about, also, errors))
            self._told = newest.step
            if columns.value is not None:
                columns, notes = with_evidence(columns, about.counter, newest)
                self._notes += notes
        self.metric = columns.metric()
        if columns.value is None and errors is None and columns.preset is None:
            self.metric = replace(self.metric, name="documents", field="documents")
        if columns.step is not None:
            # One document a step: a step without one was not measured.
            self.metric = replace(self.metric, empty="missing")
        self._reading = repr((time, key, columns.value, columns.how, columns.step, also, errors, columns.counter))
        self._view = view_of(self._cluster, also)
        self._fields = _fields_of(time, key, columns, about, also, errors)
        self._groups = about.groups
        self._notes += [about.remark] if about.remark else []
        if columns.preset is not None:
            value = "" if columns.value is None else f", {columns.value}"
            self._notes.append(f"using {time}, {key}{value}")
            if errors is not None:
                self._notes.append(f"errors: {self._told_errors}")

    def _found(self, answer: Mapping[str, Any], found: Cells) -> Floats:
        """The statistic of each bucket, before its factor."""
        documents = found.documents
        if self.metric.statistic == "count" and self._fields.errors is None:
            return documents.astype(float)
        values = values_of(answer, found, self.metric.statistic, self.name, self._fields.each)
        if self.metric.statistic == "share":
            return np.where(documents < self.metric.least, np.nan, values / documents)
        return values

    def _check(self, query: Query, grid: Grid) -> None:
        if (query.metric.field, query.metric.statistic) != (self.metric.field, self.metric.statistic):
            raise StoreError(
                f"{self.name} is read for {self.metric.statistic} of {self.metric.field}, "
                f"not for {query.metric.statistic} of {query.metric.field}"
            )
        if self._step is not None and query.resolution % self._step:
            raise UsageFailure(
                f"{self.name} holds a value every {self._step} s: a resolution of {query.resolution} s cannot be made "
                f"of it; ask for a multiple that divides an hour"
            )
        check_size(query, grid)

    def _crowded(self) -> StoreError:
        return StoreError(
            f"{self.name} holds several documents of a key in {self._step} s: leave out --document-step, "
            f"so that they are added up first"
        )

    def _fill_zeros(self, values: Floats, query: Query, grid: Grid) -> None:
        spans = self._all_spans()
        buckets = np.arange(grid.count)
        for row, key in enumerate(query.keys):
            if span := spans.get(key):
                values[row, (buckets >= grid.index(span.start)) & (buckets <= grid.index(span.end - 1))] = 0.0

    def _all_spans(self) -> dict[str, Window]:
        """Of every key, in order of name; asked for once."""
        # Before the lock: the keys are those inside of these ends.
        self._all_ends()
        with self._asking:
            if self._spans is None:
                found = list_keys(self._cluster, self._fields, self._max_buckets, self._groups)
                if self._chosen and len(found.ends) > SERIES_MOST:
                    raise UsageFailure(
                        f"{self.name} has {len(found.ends):,} series by {self._fields.key}: name a field with fewer "
                        f"values with --key, or take them all with --key {self._fields.key}"
                    )
                self._fields.several |= found.several
                self._documents = found.documents, max(1, len(found.ends))
                self._spans = {key: self._span(*ends) for key, ends in found.ends.items()}
            return self._spans

    def _all_ends(self) -> tuple[int, int]:
        """Milliseconds of the first and the last document that counts."""
        with self._asking:
            if self._ends is None:
                ends = ask_ends(self._cluster, self._fields)
                if ends is not None and not self._ours and ends[1] - ends[0] > 1000 * WEEK:
                    self._fields.bounds = ask_bounds(self._cluster, self._fields, int(time.time()))
                    ends = ends if self._fields.bounds is None else ask_ends(self._cluster, self._fields)
                if ends is None:
                    raise NoSuchStore(
                        f"{self.name} holds no documents that count: check --value and --filter, or load some"
                    )
                self._ends = ends
            return self._ends

    def _span(self, first: int, last: int) -> Window:
        # How long a value holds is not written in a user's own documents.
        step = self._step or (self._told if self._ours else None) or 1
        return Window(first // 1000, last // 1000 + step)


def _fields_of(
    time: str, key: str, columns: Columns, about: KeyField, also: Body | None, errors: Body | None
) -> Fields:
    """How the documents of a user's own are asked for."""
    fields = Fields(time, key, columns.value, columns.how, also, errors)
    fields.names, fields.mixed, fields.checked = about.names, about.mixed, columns.step
    fields.blank, fields.doubles, fields.counter = about.blank, about.doubles, bool(columns.counter)
    return fields
