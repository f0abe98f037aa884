"""A server that speaks PromQL, read: a metric or an expression, its labels as keys."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import chain
from threading import Lock

import numpy as np
from typing_extensions import override

from traffic.coverage import Coverage, uncounted
from traffic.errors import UsageFailure
from traffic.model import BITS, DAY, HOUR, HOUR_FIELDS, Floats, Grid, Hours, Matrix, Metric, Query, Rollup, Window
from traffic.store.access import Access
from traffic.store.base import Columns, Limits, NoSuchStore, RollupSource, StoreError, TooLarge, check_size
from traffic.store.files.step import own_step
from traffic.store.folder import Manifest
from traffic.store.kinds import FOLDER, refuse_options
from traffic.store.prometheus.answers import Answered, NoPromAnswer, lines, pairs
from traffic.store.prometheus.client import Connection
from traffic.store.prometheus.openmetrics import KEY, metric_name
from traffic.store.prometheus.place import find_place
from traffic.store.prometheus.promql import LABEL, read
from traffic.store.prometheus.questions import FIELD, Evaluated, Naming, Question, Samples, rollup, span
from traffic.store.prometheus.servers import FRESH, flavour_of
from traffic.store.prometheus.sink import held
from traffic.times import fitting

LOOK = 3650 * DAY
"""How far back the first sample is looked for."""
AT_ONCE = 4
"""Requests under way together: a fifth of what Prometheus evaluates at once by default."""
_BUCKETS = 1_000_000
"""Of an answer: about 30 MB."""
_COUNTER = re.compile(r"_(total|count|sum|bucket)$|^if(HC)?(In|Out)\w*(Octets|Pkts|Errors|Discards)$")
_OCTETS = re.compile(r"bytes|octets", re.IGNORECASE)
_ASKED_OF = 8
"""Series that are looked at to see how often there is a sample."""


class PrometheusSource(RollupSource):
    """What a metric, or an expression, was."""

    settling: int | None = HOUR // 4

    def __init__(self, name: str, columns: Columns, access: Access, now: Callable[[], float] = time.time) -> None:
        """Ask which server it is.

        Args:
            name: `prometheus:http://HOST:9090`.
            columns: `value` is PromQL; `key` are labels with commas between, else every series is a key.
            access: who one is.
            now: the clock of the day.

        Raises:
            UsageFailure: value or key is not valid.
            AccessDenied, Away, StoreError: the server does not let us, or is none.
        """
        place = find_place(name)
        self.name = place.name
        self._notes: list[str] = []
        self._connection = Connection(place, access)
        self._extent: Window | None = None
        self._ours: Manifest | None = None
        if columns.value is None:
            columns = self._open_ours(columns)
        self._expression = read(columns.value or "")
        self._naming = Naming(_labels_of(columns.key))
        if self._ours is None:
            columns = self._fitted(columns)
            self.metric = replace(columns.metric(), empty="missing")
        self._statistic = "rate" if columns.counter else columns.how
        self._flavour = flavour_of(self._connection)
        self._now = now
        self._asking = Lock()
        self._told: int | None = columns.step
        self._said_step = columns.step
        self._question: Question | None = None
        self._days: dict[str, tuple[dict[str, str], Window]] = {}
        self._averaged: list[str] = []
        self._nameless = 0
        self._infinite = 0

    def limits(self, resolution: int) -> Limits:
        """As many points of a series as the server answers with."""
        # A roll-up is made of that many too, and of some before them.
        seconds = max(HOUR, self._flavour.points * resolution // HOUR * HOUR - 2 * HOUR)
        return Limits(seconds=seconds, buckets=_BUCKETS, at_once=AT_ONCE)

    def step(self) -> int | None:
        """Seconds between two samples, as the newest tell; of an expression no less than a minute."""
        if self._told is None:
            self._told = self._ask_step() or 0
        return self._told or None

    def rolls_up(self, resolution: int) -> bool:
        """Whether the server makes roll-ups: of any buckets that it can make."""
        return HOUR % resolution == 0 and resolution % self._evaluated == 0

    @override
    def notes(self) -> list[str]:
        """Which server it is, and what was taken for what."""
        return [f"{self._flavour}", *self._notes]

    @override
    def remarks(self) -> list[str]:
        """What was left out."""
        found = list(self._averaged)
        if self._nameless:
            label = ", ".join(self._naming.labels or ())
            found.append(f"{self._nameless} series have no {label}: left out")
        if self._infinite:
            found.append(f"{self._infinite} values are no number or infinite, and count as missing")
        return found

    def extent(self, since: int | None, resolution: int) -> Window:  # noqa: ARG002 - the same for all
        """The hours from the first sample to the last one."""
        if self._extent is None:
            self._extent = self._find_extent()
        return self._extent

    def keys(self, window: Window) -> Mapping[str, Window]:
        """Every key with data on a day of `window`, in order of name, from its first day to its last."""
        found = self._all_days()
        return {key: found[key][1] for key in sorted(found) if found[key][1].overlap(window)}

    def series(self, query: Query) -> Matrix:
        """The buckets of `query.keys`, each made by the server of the samples in it."""
        grid = Grid.over(query.window, query.resolution)
        self._check(query, grid)
        values = np.full((len(query.keys), grid.count), np.nan)
        if known := self._known(query):
            question = self._asked()
            promql = question.bucket(known, query.resolution)
            for row, line in self._rows(query, promql, grid):
                values[row, line.columns] = line.values
            bad = np.isinf(values)
            self._infinite += int(bad.sum())
            values[bad] = np.nan
            values *= query.metric.factor(query.resolution)
        return Matrix(query.keys, grid, values)

    def rollup(self, query: Query) -> Rollup:
        """Hours of buckets, rolled up by the server from buckets that it makes for that."""
        if not self.rolls_up(query.resolution):
            raise StoreError(f"{self.name} cannot make roll-ups of buckets of {query.resolution} s")
        grid = Grid.over(query.window, HOUR)
        self._check(query, grid)
        shape = (len(query.keys), grid.count)
        rolled: dict[str, Floats] = {name: np.full(shape, np.nan) for name in HOUR_FIELDS} | {"count": np.zeros(shape)}
        if known := self._known(query):
            width, closed = query.resolution, self._flavour.closed
            promql = rollup(self._asked(), known, width, percent=query.percent, closed=closed)
            factor = query.metric.factor(query.resolution)
            for row, line in self._rows(query, promql, grid):
                name = line.labels.get(FIELD, "")
                if name not in rolled:
                    raise NoPromAnswer(f"{self.name} answers with a figure {name!r:.40} that nobody asked for")
                rolled[name][row, line.columns] = line.values * (1.0 if name == "count" else factor)
            there = rolled["count"] > 0
            if any((np.isnan(rolled[name]) == there).any() for name in HOUR_FIELDS if name != "count"):
                raise NoPromAnswer(f"{self.name} answers with some figures of an hour and not with the others")
        return Rollup(query.keys, grid, Hours(**rolled))

    def fingerprint(self, window: Window) -> str:  # noqa: ARG002
        """A hash over whose data it is, and what is asked."""
        told = (self.name, self._connection.identity, self._expression.text, self._naming, self._statistic)
        return blake2b(repr((*told, self._evaluated)).encode(), digest_size=16).hexdigest()

    def identity(self) -> str | None:
        """What was generated into it; None where the data is a user's own."""
        return None if self._ours is None else self._ours.identity

    def coverage(self, window: Window, reach: Window, only: Sequence[str] | None = None) -> Coverage:  # noqa: ARG002
        """Not counted."""
        return uncounted(self.name, "samples")

    def close(self) -> None:
        """Let go of the connections."""
        self._connection.close()

    @property
    def _evaluated(self) -> int:
        """Seconds between two evaluations of an expression; 1 of a selector, whose samples are all looked at."""
        if self._expression.plain is not None:
            return 1
        step = max(60, self.step() or 60) if self._said_step is None else self._said_step
        return fitting(step, 1, adds_up=False)

    def _open_ours(self, columns: Columns) -> Columns:
        """How what was generated into the server is read.

        Raises:
            UsageFailure: nothing was, or an option was given that it does not take.
        """
        self._ours = found = held(self._connection)
        if found is None:
            raise UsageFailure(f"{self.name}: say with --value what is looked at: a metric, or an expression in PromQL")
        refuse_options(columns, FOLDER.takes, FOLDER.instead)
        self.metric = BITS if found.field == BITS.field else Metric(found.field, found.field, "sum")
        self._extent = found.window
        return Columns(key=KEY, value=metric_name(found.field), statistic="sum", step=found.step)

    def _fitted(self, columns: Columns) -> Columns:
        """What the name of a metric says that nobody else did."""
        plain = self._expression.plain
        if columns.step is not None and HOUR % columns.step:
            raise UsageFailure("--document-step has to divide an hour")
        if plain is None:
            if columns.counter or columns.how == "count":
                raise UsageFailure("--statistic rate and count are of a metric: an expression has rate() and count()")
            return columns
        name = plain.partition("{")[0]
        if columns.how == "share":
            raise UsageFailure("--statistic share is of log lines: divide in --value, as in 'sum(errors) / sum(all)'")
        if columns.statistic is None and columns.counter is None and _COUNTER.search(name):
            self._notes.append(f"{name} is read as a counter: how fast it grows (--statistic avg: as it is)")
            columns = replace(columns, counter=True)
        if columns.counter and _OCTETS.search(name) and not columns.unit and columns.scale == 1.0:
            self._notes.append(f"{name} counts bytes, and is shown in bit/s (--unit B/s: as it is)")
            columns = replace(columns, bits=True)
        return columns

    def _asked(self) -> Question:
        if self._question is None:
            closed, plain = self._flavour.closed, self._expression.plain
            if plain is not None:
                self._question = found = Samples(plain, self._naming, self._statistic, closed)
                self._look_at_sharing(found)
            else:
                self._question = Evaluated(
                    self._expression, self._naming, self._statistic, self._evaluated, closed=closed
                )
        return self._question

    def _look_at_sharing(self, question: Samples) -> None:
        """Say what becomes of several series of one key.

        Raises:
            UsageFailure: nothing can.
        """
        if self._naming.labels is None or self._statistic not in ("avg", "p95"):
            return
        answer = self._connection.ask("query", query=question.sharing(DAY), time=self._find().end, **FRESH)
        most = max((value for _, found in pairs(answer, "vector") for value in found.values()), default=1.0)
        if most > 1:
            labels = ", ".join(self._naming.labels)
            if self._statistic == "p95":
                raise UsageFailure(
                    f"{most:.0f} series have one {labels}, of which no p95 can be made: name more labels"
                )
            instead = f"--value 'sum by ({labels}) ({self._expression.text})'"
            self._averaged.append(
                f"up to {most:.0f} series have one {labels}: their mean is looked at (their sum: {instead})"
            )

    def _check(self, query: Query, grid: Grid) -> None:
        if (query.metric.field, query.metric.statistic) != (self.metric.field, self.metric.statistic):
            raise StoreError(f"{self.name} is read for {self.metric.field}, not for {query.metric.field}")
        if query.resolution % self._evaluated:
            raise UsageFailure(
                f"{self.name} is evaluated every {self._evaluated} s: a resolution of {query.resolution} s cannot be "
                f"made of it; --document-step says how often"
            )
        check_size(query, grid)

    def _known(self, query: Query) -> list[dict[str, str]]:
        """The labels of the keys that are there; none where nothing is to be asked."""
        if not query.keys or not query.window.seconds:
            return []
        found = self._all_days()
        return [found[key][0] for key in query.keys if key in found]

    def _rows(self, query: Query, promql: str, grid: Grid) -> Iterator[tuple[int, Answered]]:
        """The series that were asked for, each with the row of its key."""
        place = {key: row for row, key in enumerate(query.keys)}
        seen: set[tuple[str, str]] = set()
        for line in self._range(promql, grid):
            key = self._naming.key(line.labels)
            if key not in place:
                continue
            if (key, line.labels.get(FIELD, "")) in seen:
                raise self._several(key)
            seen.add((key, line.labels.get(FIELD, "")))
            yield place[key], line

    def _range(self, promql: str, grid: Grid) -> Iterator[Answered]:
        """The series of an expression, asked for at the end of each bucket."""
        first = grid.start + grid.step
        fields = {"query": promql, "start": first, "end": grid.window.end, "step": grid.step, **FRESH}
        return lines(self._connection.ask("query_range", **fields), first, grid.step, grid.count)

    def _ranges(self, promql: str, grid: Grid) -> Iterator[tuple[Grid, Answered]]:
        """The same, in halves where it is too much."""
        try:
            if grid.count > self._flavour.points:
                raise TooLarge("more points than a series may have")
            found = list(self._range(promql, grid))
        except TooLarge as error:
            if grid.count < 2:
                raise StoreError(f"even one day is too much ({error})") from None
            half = grid.count // 2
            yield from self._ranges(promql, Grid(grid.start, grid.step, half))
            yield from self._ranges(promql, Grid(grid.start + half * grid.step, grid.step, grid.count - half))
        else:
            yield from ((grid, line) for line in found)

    def _several(self, key: str) -> StoreError:
        labels = ", ".join(self._naming.labels or ())
        return StoreError(
            f"{self.name} answers with several series of {key!r:.80}: make one of them in the expression, as with "
            f"sum by ({labels}) (...), or name more labels with --key"
        )

    def _find(self) -> Window:
        return self.extent(None, 60)

    def _find_extent(self) -> Window:
        """By days, then by the hours of the first and of the last of them.

        Raises:
            NoSuchStore: there is no sample.
        """
        now = int(self._now())
        days = self._hull(Grid.over(Window(max(0, now - LOOK), now + DAY), DAY))
        if days is None:
            raise NoSuchStore(f"{self.name} has no sample of {self._expression.text[:200]}: check its name")
        first, last = (self._hull(Grid(at, HOUR, 24)) for at in (days.start, days.end - DAY))
        if first is None or last is None:
            raise StoreError(f"{self.name} contradicts itself: a day has samples, and none of its hours has")
        return Window(first.start, last.end)

    def _hull(self, grid: Grid) -> Window | None:
        """The buckets from the first to the last in which anything was recorded."""
        within = span(grid.step, closed=self._flavour.closed)
        each = (f"count(count_over_time({one.series}{within} offset 1ms))" for one in self._expression.selectors)
        promql = " or ".join(dict.fromkeys(each))
        found = [
            part.start + part.step * int(column) for part, line in self._ranges(promql, grid) for column in line.columns
        ]
        return Window(min(found), max(found) + grid.step) if found else None

    def _all_days(self) -> Mapping[str, tuple[dict[str, str], Window]]:
        """Of every key its labels, and the days from its first to its last; asked for once."""
        whole = self._find()
        question = self._asked()
        with self._asking:
            if not self._days:
                for grid, line in self._ranges(question.seen(DAY), Grid.over(whole, DAY)):
                    key = self._naming.key(line.labels)
                    if not key:
                        self._nameless += 1
                        continue
                    labels, days = line.labels, grid.start + DAY * line.columns
                    found = Window(int(days.min()), int(days.max()) + DAY)
                    before = self._days.get(key)
                    if before is not None and before[0] != labels:
                        raise self._several(key)
                    self._days[key] = (labels, found if before is None else found.hull(before[1]))
            return self._days

    def _ask_step(self) -> int | None:
        """Seconds between the newest samples of a few series; the longest of several selectors."""
        found, end = [], self._find().end
        for one in self._expression.selectors:
            within = span(HOUR, closed=self._flavour.closed)
            chosen = f"topk({_ASKED_OF}, count_over_time({one.series}{within} offset 1ms))"
            answer = self._connection.ask("query", query=chosen, time=end, **FRESH)
            rows, times = [], []
            for row, (labels, _) in enumerate(pairs(answer, "vector")):
                for at in self._stamps(one.series, labels, end):
                    rows.append(row)
                    times.append(at)
            told = own_step(np.array(rows, dtype=np.int64), np.array(times, dtype=np.int64))
            found += [told] if told else []
        step = max(found, default=None)
        return step if step is None or self._expression.plain is not None else max(60, step)

    def _stamps(self, series: str, labels: dict[str, str], end: int) -> Iterator[int]:
        """The times of the samples of one series in the last hour."""
        one = Samples(series, Naming(tuple(sorted(labels))), "avg", self._flavour.closed)
        within = span(HOUR, closed=self._flavour.closed)
        promql = f"{one.only(labels)}{within} offset 1ms"
        answer = self._connection.ask("query", query=promql, time=end, **FRESH)
        return chain.from_iterable(map(int, values) for _, values in pairs(answer, "matrix"))


def _labels_of(text: str | None) -> tuple[str, ...] | None:
    """The labels that `--key` names.

    Raises:
        UsageFailure: one of them cannot be a label.
    """
    if text is None:
        return None
    labels = tuple(part.strip() for part in text.split(","))
    for label in labels:
        if not LABEL.fullmatch(label):
            raise UsageFailure(f"--key {label!r:.60} is no label: name labels of the series with commas between")
    return labels
