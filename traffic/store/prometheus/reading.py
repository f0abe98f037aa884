"""How a server is read: which expression, by which labels, as which metric."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from traffic.errors import UsageFailure
from traffic.filled import metric_of
from traffic.model import HOUR, Metric
from traffic.store.columns import Columns
from traffic.store.files.amounts import kind_of_value
from traffic.store.folder import Manifest
from traffic.store.kinds import FOLDER, refuse_options
from traffic.store.prometheus.client import Connection
from traffic.store.prometheus.moves import Moves
from traffic.store.prometheus.openmetrics import KEY, metric_name
from traffic.store.prometheus.promql import LABEL, Expression, read
from traffic.store.prometheus.questions import Evaluated, Naming, Question, Samples
from traffic.store.prometheus.sink import held

_COUNTER = re.compile(r"_(total|count|sum|bucket)$|^if(HC)?(In|Out)\w*(Octets|Pkts|Errors|Discards)$")
_NUMBER_OF = re.compile(r"_(count|bucket)$")
"""What these count is observations, whatever it is that was observed."""


@dataclass(frozen=True)
class PromReading:
    """What is read from a server."""

    expression: Expression
    naming: Naming
    statistic: str
    """`avg`, `sum`, `count`, `max`, `p95`, or `rate`: the increase of a counter per second."""
    metric: Metric
    step: int | None
    """Seconds between two values, if specified."""
    notes: tuple[str, ...] = ()
    ours: Manifest | None = None
    """What was generated into the server, if that is read."""

    @property
    def plain(self) -> str | None:
        """The selector, if the expression is nothing else."""
        return self.expression.plain

    def question(self, evaluated: int, *, closed: bool) -> Question:
        """How buckets are queried.

        Args:
            evaluated: seconds between two evaluations of an expression.
            closed: whether a window includes its left end.
        """
        if self.plain is not None:
            return Samples(self.plain, self.naming, self.statistic, closed)
        return Evaluated(self.expression, self.naming, self.statistic, evaluated, closed)


def reading_of(connection: Connection, columns: Columns) -> PromReading:
    """How a server is read: as specified, or else by the manifest of what was generated into it.

    Raises:
        UsageFailure: value or key is not valid; or nothing was specified, and nothing generated.
    """
    if columns.value is None:
        ours = _generated(connection, columns)
        metric = metric_of(ours.field)
        return PromReading(read(metric_name(ours.field)), Naming((KEY,)), "sum", metric, ours.step, ours=ours)
    expression = read(columns.value)
    naming = Naming(_labels_of(columns.key))
    columns, notes = _fitted(columns, expression)
    statistic = "rate" if columns.counter else columns.how
    return PromReading(expression, naming, statistic, replace(columns.metric(), empty="missing"), columns.step, notes)


def _generated(connection: Connection, columns: Columns) -> Manifest:
    """The manifest of what was generated into a server.

    Raises:
        UsageFailure: nothing was generated, or an option was given that does not apply to it.
    """
    found = held(connection)
    if found is None:
        raise UsageFailure(f"{connection.name}: add --value with a metric name or a PromQL expression")
    refuse_options(columns, FOLDER.takes, FOLDER.instead)
    return found


def _fitted(columns: Columns, expression: Expression) -> tuple[Columns, tuple[str, ...]]:
    """The columns, completed by what the name of a metric implies, and notes for a person on that."""
    plain, notes = expression.plain, []
    if columns.step is not None and HOUR % columns.step:
        raise UsageFailure("--document-step must divide an hour")
    if plain is None:
        if columns.counter or columns.how == "count":
            raise UsageFailure("--statistic rate and count need a plain metric; in PromQL, use rate() and count()")
        return columns, ()
    name = expression.metric
    if columns.how == "share":
        raise UsageFailure("--statistic share is for log lines: divide in --value, as in 'sum(errors) / sum(all)'")
    if columns.statistic is None and columns.counter is None and _COUNTER.search(name):
        notes.append(f"{name} is read as a counter and its rate is used (--statistic avg: use it as it is)")
        columns = replace(columns, counter=True)
    if columns.counter:
        columns, shown = _in_bits(columns, name)
        notes += shown
    return columns, tuple(notes)


def fitted_to_samples(reading: PromReading, said: Columns, moves: Moves, name: str) -> PromReading:
    """How a server is read, after a look at its samples.

    Args:
        reading: by the name of the metric.
        said: as specified by options.
        moves: what the newest samples do.
        name: of the store, for messages.

    Raises:
        UsageFailure: a metric is named like a counter, and is none.
    """
    metric = reading.expression.metric
    if reading.statistic == "rate":
        if not said.counter and moves.fall_often:
            raise UsageFailure(
                f"{name}: {metric} is named like a counter, but fell {moves.falls:,} times in {moves.samples:,} "
                "samples: use --statistic avg for the values as they are, or --statistic rate"
            )
        return reading
    if not moves.only_grow or kind_of_value(metric).level:
        return reading
    if reading.plain is None or said.statistic is not None:
        way = "use rate() in --value" if reading.plain is None else "--statistic rate uses their rate"
        note = (
            f"the values of all {moves.growing:,} series only grow, as counters do: a rise in what they count does not "
            f"show as a high value and is not found; {way}"
        )
        return replace(reading, notes=(*reading.notes, note))
    note = f"{metric or reading.plain} only grows, so its rate is used (--statistic avg: as it is)"
    columns, shown = _in_bits(replace(said, counter=True), metric)
    found = replace(columns.metric(), empty="missing")
    return replace(reading, statistic="rate", metric=found, notes=(*reading.notes, note, *shown))


def _in_bits(columns: Columns, name: str) -> tuple[Columns, list[str]]:
    """A counter in bit/s if it counts bytes, and a note on that."""
    if not kind_of_value(name).octets or _NUMBER_OF.search(name) or columns.unit or columns.scale != 1.0:
        return columns, []
    return replace(columns, bits=True), [f"{name} counts bytes, and is shown in bit/s (--unit B/s: as it is)"]


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
            raise UsageFailure(f"--key {label!r:.60} is not a valid label: list labels separated by commas")
    return labels
