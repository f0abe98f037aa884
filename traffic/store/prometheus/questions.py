"""Queries to a server in PromQL. Pure functions.

Every query is evaluated at the end of its bucket, and each selector is shifted back by a millisecond: so a bucket
contains the samples of [t - width, t), and one at t falls into the next. A window excludes its left end in
VictoriaMetrics and Prometheus 3, but includes it in Prometheus 2, where it is made a millisecond shorter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from traffic.model import HOUR, second_percent
from traffic.store.prometheus.promql import Expression, Selector, one_of, quoted, with_matcher

FIELD = "sl_field"
"""The label that names the figure of a roll-up."""
ROOM = 4096
"""More than the buckets of an hour: the number of samples is multiplied by it, to pack both into one figure."""
TOTAL = "total"
"""The key of a series without labels."""
BETWEEN = " / "
"""Separator between the labels of a key, as for columns of a file."""
_NONE = "-"


@dataclass(frozen=True)
class Naming:
    """How a series becomes a key."""

    labels: tuple[str, ...] | None
    """The labels that form the key; None: all of them."""

    @property
    def clause(self) -> str:
        """The clause of an aggregation that leaves one series per key."""
        return "without (__name__)" if self.labels is None else f"by ({', '.join(self.labels)})"

    def key(self, found: dict[str, str]) -> str:
        """The key of a series with these labels; empty if it has none of the labels that form a key."""
        if self.labels is None:
            said = ",".join(
                f"{name}={quoted(found[name])}" for name in sorted(found) if name not in ("__name__", FIELD)
            )
            return said or TOTAL
        cells = [found.get(label, "") for label in self.labels]
        if len(cells) == 1 or not any(cells):
            return cells[0]
        return BETWEEN.join((cell or _NONE).replace(BETWEEN, BETWEEN.replace("/", "//")) for cell in cells)


class Question(Protocol):
    """How the buckets of a store are queried. `series`: the label sets of the wanted keys; None: all."""

    def bucket(self, series: Sequence[dict[str, str]] | None, width: int) -> str:
        """The value of each key in the `width` seconds before the time of evaluation."""
        ...

    def seen(self, seconds: int, series: Sequence[dict[str, str]] | None = None) -> str:
        """Number of samples, or of values of an expression, of each key in the time before."""
        ...

    def ranged(self, seconds: int) -> str:
        """All samples, or values of an expression, of the time before."""
        ...


@dataclass(frozen=True)
class Samples:
    """The samples of a selector: a bucket is a statistic of all samples in it."""

    selector: str
    naming: Naming
    statistic: str
    """`avg`, `sum`, `count`, `max`, `p95`, or `rate`: the increase of a counter per second."""
    closed: bool

    def bucket(self, series: Sequence[dict[str, str]] | None, width: int) -> str:
        """The statistic over the samples of each key."""
        x = self._chosen(series)
        by, within = self.naming.clause, span(width, closed=self.closed)
        if self.statistic == "rate":
            return f"sum {by} ({grown(x, width, closed=self.closed)}) / {width}"
        if self.statistic == "avg":
            counted = f"sum {by} (count_over_time({x}{within} offset 1ms))"
            return f"sum {by} (sum_over_time({x}{within} offset 1ms)) / {counted}"
        if self.statistic == "p95":
            return f"max {by} (quantile_over_time(0.95, {x}{within} offset 1ms))"
        outer = "max" if self.statistic == "max" else "sum"
        return f"{outer} {by} ({self.statistic}_over_time({x}{within} offset 1ms))"

    def seen(self, seconds: int, series: Sequence[dict[str, str]] | None = None) -> str:
        """Number of samples of each key."""
        within = span(seconds, closed=self.closed)
        return f"sum {self.naming.clause} (count_over_time({self._chosen(series)}{within} offset 1ms))"

    def ranged(self, seconds: int) -> str:
        """All samples of the time before, series by series."""
        return f"{self.selector}{span(seconds, closed=self.closed)} offset 1ms"

    def sharing(self, seconds: int) -> str:
        """Number of series of the key with the most."""
        within = span(seconds, closed=self.closed)
        return f"max(count {self.naming.clause} (count_over_time({self.selector}{within} offset 1ms)))"

    def only(self, labels: dict[str, str]) -> str:
        """A selector for exactly the series with these labels."""
        return self._chosen([labels]) if labels else self.selector

    def _chosen(self, series: Sequence[dict[str, str]] | None) -> str:
        found = self.selector
        if series is not None:
            # Each label is matched on its own, which may return other series too; these are dropped afterwards.
            for label in sorted({label for one in series for label in one}):
                found = with_matcher(found, one_of(label, sorted({one.get(label, "") for one in series})))
        return found


@dataclass(frozen=True)
class Evaluated:
    """An expression, evaluated at the end of every step: a bucket is a statistic of the values in it."""

    expression: Expression
    naming: Naming
    statistic: str
    """`avg`, `sum`, `max` or `p95`."""
    step: int
    """Seconds between two evaluations."""
    closed: bool

    def bucket(self, series: Sequence[dict[str, str]] | None, width: int) -> str:
        """The statistic over the evaluations of each key."""
        found = self._chosen(series)
        if width == self.step:
            return found
        function = "quantile_over_time(0.95, " if self.statistic == "p95" else f"{self.statistic}_over_time("
        return f"{function}({finite(found)}){every(width, self.step, closed=self.closed)})"

    def seen(self, seconds: int, series: Sequence[dict[str, str]] | None = None) -> str:
        """Number of values of each key."""
        return f"count_over_time(({finite(self._chosen(series))}){every(seconds, self.step, closed=self.closed)})"

    def ranged(self, seconds: int) -> str:
        """All values of the time before, of each of the vector's elements."""
        return f"({finite(self._moved())}){every(seconds, self.step, closed=self.closed)}"

    def _chosen(self, series: Sequence[dict[str, str]] | None) -> str:
        return self._moved() if series is None else f"({self._moved()}) {self._among(series)}"

    def _moved(self) -> str:
        """Each selector a millisecond earlier, and instant selectors limited to samples within the step."""

        def earlier(one: Selector) -> str:
            if one.fixed:
                return self.expression.text[one.start : one.end]
            offset = f"offset {one.offset + 1}ms" if one.offset >= 0 else f"offset -{-one.offset - 1}ms"
            if one.within:
                return f"{one.series}{one.within} {offset}"
            return f"last_over_time({one.series}{span(self.step, closed=self.closed)} {offset})"

        return self.expression.replaced(earlier)

    def _among(self, series: Sequence[dict[str, str]]) -> str:
        """A filter that leaves only these keys of a vector."""
        labels = self.naming.labels or tuple(sorted({label for one in series for label in one}))
        if not labels:
            return ""
        each = []
        for one in series:
            made = "vector(1)"
            for label in labels:
                if one.get(label):
                    made = f'label_replace({made}, "{label}", {quoted(one[label].replace("$", "$$"))}, "", "")'
            each.append(made)
        return f"and on ({', '.join(labels)}) ({' or '.join(each)})"


def rollup(
    question: Question, series: Sequence[dict[str, str]] | None, width: int, *, percent: float, closed: bool
) -> str:
    """The figures of the hour before, from its buckets of `width` seconds: one series per key and figure (`FIELD`).

    `count` is the number of buckets plus `ROOM` times the number of samples: so samples that form no bucket are counted
    too, without more points in the answer.

    Args:
        question: how a bucket is queried.
        series: the label sets of the wanted keys; None: all.
        width: seconds of a bucket.
        percent: which percentile `high` is.
        closed: whether a window holds its left end.
    """
    buckets = f"({finite(question.bucket(series, width))}){every(HOUR, width, closed=closed)}"
    second = second_percent(HOUR // width) / 100
    samples = question.seen(HOUR, series)
    figures = {
        "high": f"quantile_over_time({percent / 100!r}, {buckets})",
        "maximum": f"max_over_time({buckets})",
        "minimum": f"min_over_time({buckets})",
        "mean": f"avg_over_time({buckets})",
        "count": f"(count_over_time({buckets}) or 0 * {samples}) + {ROOM} * {samples}",
        "second": f"quantile_over_time({second!r}, {buckets})",
        "p50": f"quantile_over_time(0.5, {buckets})",
        "p20": f"quantile_over_time(0.2, {buckets})",
    }
    return told_apart(figures)


def checks(question: Question, series: Sequence[dict[str, str]], width: int, seconds: int, *, closed: bool) -> str:
    """Number of buckets of `width` seconds of each key in the time before, and their sum, by `FIELD`."""
    buckets = f"({finite(question.bucket(series, width))}){every(seconds, width, closed=closed)}"
    return told_apart({"count": f"count_over_time({buckets})", "sum": f"sum_over_time({buckets})"})


def odd(selector: str, seconds: int, *, closed: bool) -> str:
    """Number of series with NaN or infinite values: for these, a sum minus itself is not 0."""
    window = f"({selector}{span(seconds, closed=closed)} offset 1ms)"
    total = f"sum_over_time{window}"
    return f"count(count_over_time{window} unless ({total} - {total}) == 0)"


def told_apart(figures: Mapping[str, str]) -> str:
    """Several expressions as one, each with its name as a label."""
    return " or ".join(f'label_replace({text}, "{FIELD}", "{name}", "", "")' for name, text in figures.items())


def span(seconds: int, *, closed: bool) -> str:
    """The range of a selector that looks a millisecond back: [t - seconds, t)."""
    return f"[{seconds * 1000 - closed}ms]"


def every(seconds: int, step: int, *, closed: bool) -> str:
    """The range of a subquery: the multiples of `step` in (t - seconds, t]."""
    return f"[{seconds * 1000 - closed}ms:{step}s]"


def finite(text: str) -> str:
    """An expression without NaN and infinite values, which count as missing."""
    return f"(({text}) > -Inf) < Inf"


def grown(x: str, width: int, *, closed: bool) -> str:
    """The increase of a counter from its last sample before the bucket to its last in it; nothing if either is missing.

    Nothing is extrapolated, and an increase between two buckets is in one of them. If the counter was reset between the
    two samples, it counts from 0; if within the bucket, the increase is what `increase` returns for the bucket alone.
    """
    within = span(width, closed=closed)
    last = f"last_over_time({x}{within} offset 1ms)"
    more = f"({last} - last_over_time({x}{within} offset {width * 1000 + 1}ms))"
    anew = f"(resets({x}{within} offset 1ms) > 0)"
    return (
        f"(({more} >= 0) unless {anew}) or (increase({x}{within} offset 1ms) and {anew}) or ({last} and ({more} < 0))"
    )
