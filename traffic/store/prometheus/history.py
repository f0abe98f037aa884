"""What a server contains for an expression: time span, keys by day, interval, number of samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from threading import Lock

import numpy as np

from traffic.coverage import OTHER_KEYS, Coverage, Holding, LeftOut
from traffic.errors import UsageFailure
from traffic.model import DAY, HOUR, Grid, Window
from traffic.store.base import NoSuchStore, StoreError, TooLarge
from traffic.store.columns import Columns
from traffic.store.files.step import own_step
from traffic.store.prometheus.asking import Asking, Labels, halves
from traffic.store.prometheus.moves import copies, marks_of, moves_of, refuse_histogram
from traffic.store.prometheus.promql import Selector
from traffic.store.prometheus.questions import Naming, Question, Samples, odd, span
from traffic.store.prometheus.reading import PromReading, fitted_to_samples
from traffic.store.remarks import alike
from traffic.times import fitting

LOOK = 3650 * DAY
"""How far back to look for the first sample."""
_ASKED_OF = 8
"""Number of series from which the interval of samples is determined."""


class SampleHistory:
    """Each of these is queried once. Safe to use from several threads."""

    def __init__(self, asking: Asking, reading: PromReading, now: int) -> None:
        self._asking = asking
        self._reading = reading
        self._now = now
        self._lock = Lock()
        self._extent: Window | None = None if reading.ours is None else reading.ours.window
        self._told: int | None = reading.step
        self._question: Question | None = None
        self._days: dict[str, tuple[Labels, Window]] = {}
        self.remarks: list[str] = []
        """Notes for a person about the series."""

    def look(self, said: Columns) -> PromReading:
        """How it is read after a look at the newest samples.

        Raises:
            UsageFailure: they are not what they are called.
        """
        try:
            end = self.extent().end
        except NoSuchStore:
            # Whoever wants to read something is told.
            return self._reading
        question = self._reading.question(self.evaluated, closed=self._asking.closed)
        moves = moves_of(self._asking, question, end)
        self._reading = fitted_to_samples(self._reading, said, moves, self._asking.name)
        return self._reading

    @property
    def evaluated(self) -> int:
        """Seconds between two evaluations of an expression; 1 for a selector, of which all samples are used."""
        if self._reading.plain is not None:
            return 1
        return self._reading.step or fitting(max(60, self.step() or 60), 1, adds_up=False)

    def step(self) -> int | None:
        """Seconds between two samples, from the newest ones; for an expression at least a minute."""
        if self._told is None:
            self._told = self._ask_step() or 0
        return self._told or None

    def question(self) -> Question:
        """How buckets are queried.

        Raises:
            UsageFailure: several series of one key cannot be combined.
        """
        if self._question is None:
            found = self._reading.question(self.evaluated, closed=self._asking.closed)
            if isinstance(found, Samples):
                self._look_at_sharing(found)
            self._question = found
        return self._question

    def extent(self) -> Window:
        """The time span: found by days, then by the hours of the first and the last day.

        Raises:
            NoSuchStore: there are no samples.
        """
        if self._extent is None:
            days = self._hull(Grid.over(Window(max(0, self._now - LOOK), self._now + DAY), DAY))
            if days is None:
                text = self._reading.expression.text[:200]
                raise NoSuchStore(f"{self._asking.name} has no sample of {text}: check its name")
            first, last = (self._hull(Grid(at, HOUR, 24)) for at in (days.start, days.end - DAY))
            if first is None or last is None:
                raise StoreError(f"{self._asking.name} contradicts itself: a day has samples, and no hour of it has")
            self._extent = Window(first.start, last.end)
        return self._extent

    def days(self) -> Mapping[str, tuple[Labels, Window]]:
        """For every key its labels, and the span from its first to its last day."""
        whole, question, naming = self.extent(), self.question(), self._reading.naming
        with self._lock:
            if not self._days:
                for grid, line in self._asking.parts(question.seen(DAY), Grid.over(whole, DAY)):
                    key = naming.key(line.labels)
                    if not key:
                        # Already counted among the samples.
                        continue
                    days = grid.start + DAY * line.columns
                    found = Window(int(days.min()), int(days.max()) + DAY)
                    before = self._days.get(key)
                    if before is not None and before[0] != line.labels:
                        raise several(self._asking.name, naming, key)
                    self._days[key] = (line.labels, found if before is None else found.hull(before[1]))
            return self._days

    def coverage(self, window: Window, only: Sequence[str] | None) -> Coverage:
        """The samples of a window, counted by a separate query, by what became of them."""
        counts = self._counts(window)
        chosen = None if only is None else frozenset(only)
        naming, noun = self._reading.naming, "samples" if self._reading.plain is not None else "values"
        used = sum(count for key, count in counts.items() if key and (chosen is None or key in chosen))
        others = sum(count for key, count in counts.items() if key and chosen is not None and key not in chosen)
        without = f"have no {' and no '.join(naming.labels or ())}"
        left = [LeftOut(why, count) for why, count in ((without, counts.get("", 0)), (OTHER_KEYS, others)) if count]
        rows = used + sum(one.rows or 0 for one in left)
        part = Holding(self._asking.name, rows, used, tuple(left), window.start, window.end)
        notes = () if self._reading.plain is None else self._odd(window)
        notes += () if naming.labels is None else tuple(alike([key for key in counts if key]))
        return Coverage((part,), noun, (used, used), notes=notes)

    def series(self) -> int:
        """Number of series that were read on the last day, for all selectors."""
        within = span(DAY, closed=self._asking.closed)
        each = {one.series for one in self._reading.expression.selectors}
        promql = [f"count(count_over_time({one}{within} offset 1ms))" for one in sorted(each)]
        end = self.extent().end
        return sum(int(value) for one in promql for _, value in self._asking.at(one, end))

    def _counts(self, window: Window) -> dict[str, int]:
        """Key -> number of samples, split in two if that is too large; "" for series without a key."""
        if not window.seconds:
            return {}
        found: dict[str, int] = {}
        question = self.question()
        try:
            answer = list(self._asking.at(question.seen(window.seconds), window.end))
        except TooLarge:
            try:
                parts = halves(window, HOUR)
            except ValueError:
                raise StoreError(f"{self._asking.name} cannot count the samples of one hour: ask for fewer") from None
            for part in parts:
                for key, count in self._counts(part).items():
                    found[key] = found.get(key, 0) + count
            return found
        for labels, value in answer:
            key = self._reading.naming.key(labels)
            if value < 0 or not float(value).is_integer():
                raise StoreError(f"{self._asking.name} counts {value} samples of {key!r:.80}: nothing was used")
            found[key] = found.get(key, 0) + int(value)
        return found

    def _odd(self, window: Window) -> tuple[str, ...]:
        """A note if some values are not numbers; how many cannot be counted."""
        assert self._reading.plain is not None
        promql = odd(self._reading.plain, window.seconds, closed=self._asking.closed)
        try:
            count = int(sum(value for _, value in self._asking.at(promql, window.end)))
        except TooLarge:
            return ()
        if count:
            return (f"{count} series {'has' if count == 1 else 'have'} NaN or infinite values, which count as missing",)
        if self._reading.ours is not None or self._reading.statistic in ("count", "rate"):
            return ()
        return tuple(marks_of(self._asking, self._reading.plain, window, self.step() or 60))

    def _look_at_sharing(self, question: Samples) -> None:
        """Note what becomes of several series of one key.

        Raises:
            UsageFailure: they cannot be combined.
        """
        naming, statistic = self._reading.naming, self._reading.statistic
        if naming.labels is None or self._reading.ours is not None:
            return
        end = self.extent().end
        refuse_histogram(self._asking, question.selector, naming.labels, Window(end - DAY, end))
        if statistic in ("sum", "count", "rate"):
            day = Window(end - DAY, end)
            self.remarks += copies(self._asking, question.selector, naming.labels, day, question.sharing(DAY))
        if statistic not in ("avg", "p95"):
            return
        found = self._asking.at(question.sharing(DAY), self.extent().end)
        most = max((value for _, value in found), default=1.0)
        if most > 1:
            labels = ", ".join(naming.labels)
            if statistic == "p95":
                raise UsageFailure(f"{most:.0f} series have one {labels}, which allows no p95: add more labels")
            instead = f"--value 'sum by ({labels}) ({self._reading.expression.text})'"
            self.remarks.append(
                f"up to {most:.0f} series have one {labels}: their mean is used (for their sum: {instead})"
            )

    def _hull(self, grid: Grid) -> Window | None:
        """The buckets from the first to the last in which anything was recorded."""
        within = span(grid.step, closed=self._asking.closed)
        each = (f"count(count_over_time({one.series}{within} offset 1ms))" for one in self._selectors)
        promql = " or ".join(dict.fromkeys(each))
        found = [
            part.start + part.step * int(column)
            for part, line in self._asking.parts(promql, grid)
            for column in line.columns
        ]
        return Window(min(found), max(found) + grid.step) if found else None

    @property
    def _selectors(self) -> Sequence[Selector]:
        return self._reading.expression.selectors

    def _ask_step(self) -> int | None:
        """Seconds between the newest samples of a few series; the longest of all selectors."""
        found, end = [], self.extent().end
        within = span(HOUR, closed=self._asking.closed)
        for one in self._selectors:
            chosen = f"topk({_ASKED_OF}, count_over_time({one.series}{within} offset 1ms))"
            rows, times = [], []
            for row, (labels, _) in enumerate(self._asking.at(chosen, end)):
                for at in self._stamps(one.series, labels, end):
                    rows.append(row)
                    times.append(at)
            told = own_step(np.array(rows, dtype=np.int64), np.array(times, dtype=np.int64))
            found += [told] if told else []
        step = max(found, default=None)
        return step if step is None or self._reading.plain is not None else max(60, step)

    def _stamps(self, series: str, labels: Labels, end: int) -> Iterator[int]:
        """The times of the samples of one series in the last hour."""
        one = Samples(series, Naming(tuple(sorted(labels))), "avg", self._asking.closed)
        within = span(HOUR, closed=self._asking.closed)
        for _, times in self._asking.raw(f"{one.only(labels)}{within} offset 1ms", end):
            yield from map(int, times)


def several(name: str, naming: Naming, key: str) -> StoreError:
    """The note on several series of one key."""
    labels = ", ".join(naming.labels or ())
    return StoreError(
        f"{name} answers with several series of {key!r:.80}: make one of them in the expression, as with "
        f"sum by ({labels}) (...), or name more labels with --key"
    )
