"""What the traffic of a key consists of, by labels: sums of the same expression by the key and one more label.

The windows of an event and of other weeks are whole weeks apart, so that one query covers all of them; the hour before
is part of the same query, with another offset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np

from traffic.errors import UsageFailure
from traffic.flows import MORE, MOST, FlowAnswer, FlowQuery
from traffic.model import DAY, WEEK, Floats, Metric, Split, Window
from traffic.store.base import StoreError, TooLarge
from traffic.store.prometheus.answers import NoPromAnswer
from traffic.store.prometheus.asking import Asking, Labels, halves
from traffic.store.prometheus.history import SampleHistory
from traffic.store.prometheus.promql import LABEL, read, summed
from traffic.store.prometheus.questions import FIELD, Evaluated, Naming, Question, Samples, every, finite, told_apart
from traffic.store.prometheus.reading import PromReading

_AMOUNT, _ROWS, _ALL, _ALL_ROWS = "amount", "rows", "total", "total_rows"

_Places = Sequence[tuple[int, Window]]
"""Windows, each with its index among those of a query."""
_Told = tuple[str, tuple[str, ...], int, float]
"""Name of the figure, values of the dimensions, index of the window, and value."""


@dataclass(frozen=True)
class LabelParts:
    """A server whose labels break traffic down."""

    asking: Asking
    reading: PromReading
    history: SampleHistory
    metric: Metric

    @property
    def split(self) -> Split:
        """A rate or a sum has parts that add up; averaged samples are split by their mean."""
        means = self.reading.plain is not None and self.reading.statistic == "avg"
        return "mean" if means else "excess"

    def dimensions(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """The labels that were asked for, if traffic can be broken down by each.

        Raises:
            UsageFailure: one is not a label of these series, or the metric has no parts.
        """
        name = self.asking.name
        if self.reading.statistic in ("max", "p95"):
            raise UsageFailure(f"{name}: a {self.reading.statistic} cannot be broken down: leave out --by")
        if self.reading.plain is None:
            self._expression((), 60)
        there = self.asking.labels([one.series for one in self.reading.expression.selectors], self._lately())
        own = self.reading.naming.labels
        for label in wanted:
            if not LABEL.fullmatch(label) or label not in there:
                known = ", ".join(sorted(there - set(own or ()))) or "none"
                raise UsageFailure(f"{name} has no label {label!r:.60} to break traffic down by (labels: {known})")
            if own is not None and label in own:
                raise UsageFailure(f"--by {label}: it is a part of the key already: name another label")
        return tuple(wanted)

    def answer(self, query: FlowQuery) -> FlowAnswer:
        """The answer to a query, in one request, or in several if that is too large."""
        labels = self.history.days().get(query.key, (None, None))[0]
        count = len(query.windows)
        found: dict[tuple[str, ...], dict[str, Floats]] = {}
        totals = {_ALL: np.zeros(count), _ALL_ROWS: np.zeros(count)}
        if labels is not None:
            windows = [(place, window) for place, window in enumerate(query.windows) if window.seconds]
            for field, cells, place, value in self._asked(query, labels, windows) if windows else ():
                if field in totals:
                    totals[field][place] += value
                    continue
                if query.only is not None and cells != query.only:
                    continue
                found.setdefault(cells, {name: np.zeros(count) for name in (_AMOUNT, _ROWS)})[field][place] += value
        scale = np.full(len(query.windows), self.metric.scale)
        if self.split == "excess" and not self.metric.adds_up and not self.metric.per_second:
            # For what is not an amount per second: how much of it there was at a time.
            scale /= [max(1, window.seconds) for window in query.windows]
        amounts, rows = (
            np.array([one[name] for one in found.values()]).reshape(len(found), count) for name in (_AMOUNT, _ROWS)
        )
        names, amounts, rows = _most(tuple(found), amounts * scale, rows, len(query.by))
        means = self.split == "mean"
        there = totals[_ALL_ROWS] > 0
        return FlowAnswer(
            names, amounts, totals[_ALL] * scale, there, rows if means else None, totals[_ALL_ROWS] if means else None
        )

    def _asked(self, query: FlowQuery, labels: Labels, windows: _Places) -> Iterator[_Told]:
        """The values of each window, or of its halves if it is too large; the caller sums them up."""
        step = self._step([window for _, window in windows])
        try:
            yield from list(self._once(query, labels, windows, step))
        except TooLarge:
            try:
                parts = [[(place, half) for half in halves(window, step)] for place, window in windows]
            except ValueError:
                raise StoreError(
                    f"{self.asking.name}: {query.key!r:.80} has more values of {' and '.join(query.by)} than it "
                    f"answers with: leave out --by"
                ) from None
            for part in zip(*parts, strict=True):
                yield from self._asked(query, labels, part)

    def _once(self, query: FlowQuery, labels: Labels, windows: _Places, step: int) -> Iterator[_Told]:
        anchor = windows[0][1].end
        # A kind of window is how long it is, and how long before the moments of the first one it ends.
        kinds: dict[tuple[int, int], int] = {}
        places: dict[tuple[int, int], list[int]] = {}
        moments = [window.end + (anchor - window.end) % WEEK for _, window in windows]
        first, count = min(moments), (max(moments) - min(moments)) // WEEK + 1
        for (place, window), moment in zip(windows, moments, strict=True):
            number = kinds.setdefault((window.seconds, moment - window.end), len(kinds))
            places.setdefault((number, (moment - first) // WEEK), []).append(place)
        figures: dict[str, str] = {}
        for (seconds, before), number in kinds.items():
            for name, (function, question) in self._questions(query.by, step).items():
                held = f"({finite(question.bucket([labels], step))}){every(seconds, step, closed=self.asking.closed)}"
                further = f" offset {before}s" if before else ""
                figures[f"{name} {number}"] = f"{function}_over_time({held}{further})"
        lasts = self._seconds(step)
        for line in self.asking.weekly(told_apart(figures), first, count):
            field, _, number_of = line.labels.get(FIELD, "").partition(" ")
            if not number_of.isdecimal() or not np.isfinite(line.values).all():
                raise NoPromAnswer(f"{self.asking.name} returned a figure that was not requested")
            cells = tuple(line.labels.get(name, "") for name in query.by)
            for column, value in zip(line.columns.tolist(), line.values.tolist(), strict=True):
                for place in places.get((int(number_of), column), ()):
                    yield field, cells, place, value * (lasts if field in (_AMOUNT, _ALL) else 1)

    def _questions(self, by: Sequence[str], step: int) -> Mapping[str, tuple[str, Question]]:
        """For each figure: its buckets, by the dimensions or overall, and whether buckets are summed up or counted."""
        naming, closed, plain = self.reading.naming, self.asking.closed, self.reading.plain
        if plain is None:
            whole: Question = Evaluated(self.reading.expression, naming, "avg", step, closed)
            return {_AMOUNT: ("sum", self._expression(by, step)), _ALL: ("sum", whole), _ALL_ROWS: ("count", whole)}
        apart = naming if naming.labels is None else Naming((*naming.labels, *by))
        statistic = "sum" if self.split == "mean" else self.reading.statistic
        split, whole = Samples(plain, apart, statistic, closed), Samples(plain, naming, statistic, closed)
        found: dict[str, tuple[str, Question]] = {_AMOUNT: ("sum", split), _ALL: ("sum", whole)}
        if self.split != "mean":
            return {**found, _ALL_ROWS: ("count", whole)}
        rows, all_rows = Samples(plain, apart, "count", closed), Samples(plain, naming, "count", closed)
        return {**found, _ROWS: ("sum", rows), _ALL_ROWS: ("sum", all_rows)}

    def _expression(self, by: Sequence[str], step: int) -> Evaluated:
        """The expression, summed by some additional labels.

        Raises:
            UsageFailure: it is not a sum.
        """
        text = summed(self.reading.expression, by)
        if text is None:
            raise UsageFailure(
                f"{self.asking.name}: the parts of this --value would not add up to it: --by needs "
                "'sum by (...) (...)', at most multiplied by a number"
            )
        return Evaluated(read(text), self.reading.naming, "avg", step, self.asking.closed)

    def _step(self, windows: Sequence[Window]) -> int:
        """Width in seconds of the buckets that are summed up: one that samples fill, and that divides the windows."""
        step = self.history.evaluated if self.reading.plain is None else max(60, self.history.step() or 60)
        return gcd(step, *(bound for window in windows for bound in (window.start, window.end)))

    def _seconds(self, step: int) -> int:
        """Seconds that a bucket counts for: how long a rate lasts."""
        return 1 if self.metric.adds_up or self.split == "mean" else step

    def _lately(self) -> Window:
        end = self.history.extent().end
        return Window(end - DAY, end)


def _most(
    values: tuple[tuple[str, ...], ...], amounts: Floats, rows: Floats, width: int
) -> tuple[tuple[tuple[str, ...], ...], Floats, Floats]:
    """The values that differ most between the first window and the others; all others together are one more."""
    if len(values) <= MOST:
        return values, amounts, rows
    weights = np.full(amounts.shape[1], -1.0 / max(1, amounts.shape[1] - 1))
    weights[0] = 1.0
    order = np.argsort(-np.abs(amounts @ weights), kind="stable")
    first, others = order[:MOST], order[MOST:]
    whole = [np.concatenate([array[first], array[others].sum(axis=0, keepdims=True)]) for array in (amounts, rows)]
    return (*(values[place] for place in first.tolist()), (MORE,) * width), whole[0], whole[1]
