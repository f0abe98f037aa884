"""A server that speaks PromQL, read: a metric or an expression, its labels as keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from math import comb

import numpy as np
from typing_extensions import override

from traffic.coverage import Coverage
from traffic.errors import Contradiction, UsageFailure
from traffic.flows import FlowAnswer, FlowQuery
from traffic.model import HOUR, HOUR_FIELDS, Floats, Grid, Hours, Matrix, Query, Rollup, Split, Window
from traffic.store.access import Access
from traffic.store.base import FlowSource, Limits, RollupSource, ServedSource, StoreError, check_size
from traffic.store.columns import Columns
from traffic.store.prometheus.answers import Answered, NoPromAnswer, adds_up, agrees
from traffic.store.prometheus.asking import Asking, Labels
from traffic.store.prometheus.client import Connection
from traffic.store.prometheus.flows import LabelParts
from traffic.store.prometheus.history import SampleHistory, several
from traffic.store.prometheus.place import find_place
from traffic.store.prometheus.questions import FIELD, ROOM, checks, rollup
from traffic.store.prometheus.reading import reading_of
from traffic.store.prometheus.servers import facts_of, flavour_of

AT_ONCE = 4
"""Parallel requests: a fifth of what Prometheus evaluates at once by default."""
_BUCKETS = 1_000_000
"""Buckets per answer: about 30 MB."""
_SETTLING = HOUR // 4
_TRIES = 3
"""How often buckets that do not add up are requested: samples may have arrived between two queries."""


class PrometheusSource(RollupSource, ServedSource, FlowSource):
    """The history of a metric or an expression."""

    settling: int | None = _SETTLING

    def __init__(self, name: str, columns: Columns, access: Access, now: Callable[[], float] = time.time) -> None:
        """Find out what kind of server it is.

        Args:
            name: `prometheus:http://HOST:9090`.
            columns: `value` is PromQL; `key` lists labels, separated by commas; without it, every series is a key.
            access: credentials and trust.
            now: the clock.

        Raises:
            UsageFailure: value or key is not valid.
            AccessDenied, Away, StoreError: the server denies access, or is not such a server.
        """
        place = find_place(name)
        self.name = place.name
        self._connection = Connection(place, access)
        self._reading = reading_of(self._connection, columns)
        self._asking = Asking(self._connection, flavour_of(self._connection))
        self._now = now
        self._history = SampleHistory(self._asking, self._reading, int(now()))
        if self._reading.ours is None:
            self._reading = self._history.look(columns)
        self.metric = self._reading.metric
        self._parts = LabelParts(self._asking, self._reading, self._history, self.metric)
        self._infinite = 0

    def limits(self, resolution: int) -> Limits:
        """Limited by the points per series that the server returns."""
        # A roll-up reads as many samples as the buckets do, and some before them.
        seconds = max(HOUR, self._asking.flavour.points * resolution // HOUR * HOUR - 2 * HOUR)
        return Limits(seconds=seconds, buckets=_BUCKETS, at_once=AT_ONCE)

    def step(self) -> int | None:
        """Seconds between two samples, from the newest ones; for an expression at least a minute."""
        return self._history.step()

    def rolls_up(self, resolution: int) -> bool:
        """Whether the server can make roll-ups: from any buckets that it can make."""
        return HOUR % resolution == 0 and resolution % self._history.evaluated == 0

    @override
    def notes(self) -> list[str]:
        """The kind of server, and what is used for what."""
        return [f"{self._asking.flavour}", *self._reading.notes]

    @override
    def remarks(self) -> list[str]:
        """What became of series that share a key, and of NaN or infinite values."""
        found = list(self._history.remarks)
        if self._infinite:
            found.append(f"{self._infinite} values are NaN or infinite and count as missing")
        return found

    def facts(self) -> list[str]:
        """Version, retention, scrape interval and number of series, as far as the server reports them."""
        count = self._history.series()
        read = f"{count:,} series {'is' if count == 1 else 'are'} read, as of their last day"
        return [*facts_of(self._connection, self._asking.flavour), read]

    def extent(self, since: int | None, resolution: int) -> Window:  # noqa: ARG002 - the same for all
        """From the hour of the first sample to that of the last."""
        return self._history.extent()

    def keys(self, window: Window) -> Mapping[str, Window]:
        """Every key with data on a day of `window`, in order of name, with the span from its first to its last day."""
        found = self._history.days()
        return {key: found[key][1] for key in sorted(found) if found[key][1].overlap(window)}

    def series(self, query: Query) -> Matrix:
        """The buckets of `query.keys`, each computed by the server from its samples.

        Raises:
            Contradiction: they do not match what the server counts.
        """
        grid = Grid.over(query.window, query.resolution)
        self._check(query, grid)
        values = np.full((len(query.keys), grid.count), np.nan)
        known = self._known(query, grid)
        for _ in range(_TRIES if known else 0):
            values = self._buckets(query, known, grid)
            if self._adds_up(query, known, grid, values):
                break
        else:
            if known:
                raise Contradiction(
                    f"{self.name} answers with other buckets than it counts, {_TRIES} times; nothing was used: "
                    "check any proxy between here and the server, and try again"
                )
        return Matrix(query.keys, grid, values * query.metric.factor(query.resolution))

    def rollup(self, query: Query) -> Rollup:
        """Hourly roll-ups, made by the server from buckets; with the number of samples in each.

        Raises:
            NoPromAnswer: figures of an hour are missing, or contradict each other.
        """
        if not self.rolls_up(query.resolution):
            raise StoreError(f"{self.name} cannot make roll-ups of buckets of {query.resolution} s")
        grid = Grid.over(query.window, HOUR)
        self._check(query, grid)
        shape = (len(query.keys), grid.count)
        rolled: dict[str, Floats] = {name: np.full(shape, np.nan) for name in HOUR_FIELDS} | {"count": np.zeros(shape)}
        rows = np.zeros(shape, dtype=np.uint32)
        if known := self._known(query, grid):
            width, closed = query.resolution, self._asking.closed
            promql = rollup(self._history.question(), known, width, percent=query.percent, closed=closed)
            for row, line in self._rows(query, promql, grid):
                name = line.labels.get(FIELD, "")
                if name not in rolled:
                    raise NoPromAnswer(f"{self.name} returned a figure {name!r:.40} that was not requested")
                rolled[name][row, line.columns] = line.values
            if (rolled["count"] != np.floor(rolled["count"])).any() or not (rolled["count"] < ROOM * 2**32).all():
                raise NoPromAnswer(f"{self.name} returned an invalid number of buckets")
            samples, rolled["count"] = np.divmod(rolled["count"], ROOM)
            rows = samples.astype(np.uint32)
            there = rolled["count"] > 0
            some = {name: rolled[name][there] for name in HOUR_FIELDS}
            others = any((~np.isnan(rolled[name][~there])).any() for name in HOUR_FIELDS if name != "count")
            if others or not agrees(some, HOUR // width):
                raise NoPromAnswer(f"{self.name} answers with figures of an hour that contradict each other")
            factor = query.metric.factor(query.resolution)
            rolled = {name: values if name == "count" else values * factor for name, values in rolled.items()}
        return Rollup(query.keys, grid, Hours(**rolled), rows)

    def fingerprint(self, window: Window) -> str:  # noqa: ARG002
        """A hash of whose data it is, and of what is queried."""
        reading = self._reading
        told = (self.name, self._connection.identity, reading.expression.text, reading.naming, reading.statistic)
        return blake2b(repr((*told, self._history.evaluated)).encode(), digest_size=16).hexdigest()

    def identity(self) -> str | None:
        """What was generated into it; None if the data are a user's own."""
        return None if self._reading.ours is None else self._reading.ours.identity

    def coverage(self, window: Window, reach: Window, only: Sequence[str] | None = None) -> Coverage:  # noqa: ARG002
        """Its samples in that window, or the values of an expression, counted by a separate query."""
        return self._history.coverage(window, only)

    def dimensions(self, wanted: Sequence[str] | None = None) -> tuple[str, ...]:
        """The labels that are asked for; none by default, since it is not known which of them matter."""
        return self._parts.dimensions(wanted) if wanted else ()

    def flows(self, queries: Sequence[FlowQuery]) -> Iterator[FlowAnswer]:
        """One request for each query, or for its halves if it is too large."""
        return map(self._parts.answer, queries)

    @override
    def split_into(self) -> Split:
        """Rates and sums have parts that add up."""
        return self._parts.split

    @override
    def lasting(self, resolution: int) -> int:
        """Rates are summed up over their duration."""
        return super().lasting(resolution) if self.metric.adds_up else 1

    @override
    def flow_requests(self, dimensions: int, windows: int, events: int = 1) -> int:
        """One for each dimension of an event, and one for each pair."""
        return events * (dimensions + comb(dimensions, 2))

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def _check(self, query: Query, grid: Grid) -> None:
        if (query.metric.field, query.metric.statistic) != (self.metric.field, self.metric.statistic):
            raise StoreError(f"{self.name} was opened for {self.metric.field}, not for {query.metric.field}")
        if query.resolution % (evaluated := self._history.evaluated):
            raise UsageFailure(
                f"{self.name} is evaluated every {evaluated} s, which does not allow a resolution of "
                f"{query.resolution} s: change --document-step"
            )
        check_size(query, grid)

    def _known(self, query: Query, grid: Grid) -> list[Labels]:
        """The labels of the known keys; none if nothing has to be queried."""
        if not query.keys or not grid.count:
            return []
        found = self._history.days()
        return [found[key][0] for key in query.keys if key in found]

    def _buckets(self, query: Query, known: Sequence[Labels], grid: Grid) -> Floats:
        """Buckets, shape (keys, buckets), NaN where there is no value."""
        values = np.full((len(query.keys), grid.count), np.nan)
        promql = self._history.question().bucket(known, query.resolution)
        for row, line in self._rows(query, promql, grid):
            values[row, line.columns] = line.values
        bad = np.isinf(values)
        self._infinite += int(bad.sum())
        values[bad] = np.nan
        return values

    def _adds_up(self, query: Query, known: Sequence[Labels], grid: Grid, values: Floats) -> bool:
        """Whether buckets have the number and the sum that the server computes separately.

        Buckets that may still change are not checked.
        """
        settled = int(self._now()) - _SETTLING
        count = max(0, min(grid.count, grid.index(settled)))
        if not count:
            return True
        window = Grid(grid.start, grid.step, count).window
        promql = checks(self._history.question(), known, grid.step, window.seconds, closed=self._asking.closed)
        told: dict[tuple[str, str], float] = {}
        for labels, value in self._asking.at(promql, window.end):
            told[self._reading.naming.key(labels), labels.get(FIELD, "")] = value
        return all(
            adds_up(row[:count], told.get((key, "count"), 0.0), told.get((key, "sum"), 0.0))
            for key, row in zip(query.keys, values, strict=True)
        )

    def _rows(self, query: Query, promql: str, grid: Grid) -> Iterator[tuple[int, Answered]]:
        """The requested series, each with the row of its key."""
        naming, place = self._reading.naming, {key: row for row, key in enumerate(query.keys)}
        seen: set[tuple[str, str]] = set()
        for line in self._asking.over(promql, grid):
            key = naming.key(line.labels)
            if key not in place:
                continue
            if (key, line.labels.get(FIELD, "")) in seen:
                raise several(self.name, naming, key)
            seen.add((key, line.labels.get(FIELD, "")))
            yield place[key], line
