"""Which columns or fields of a user's own data are read, and how."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from traffic.model import Empty, Metric, Statistic


@dataclass(frozen=True)
class Columns:
    """Which columns of a user's own table to read, and how several rows in a bucket are combined.

    A value of None is guessed from the table when the store is opened, where that is possible.
    """

    time: str | None = None
    key: str | None = None
    """None after the table was opened: there is no key column, and each file is a series named after the file."""
    value: str | None = None
    """For files, this and `key` may also be SQL expressions; `key` may list several columns, separated by commas."""
    statistic: Statistic | None = None
    """None: derived from the column's name (amounts are summed) and its values (counters become rates)."""
    unit: str = ""
    scale: float = 1.0
    empty: Empty | None = None
    """What an empty bucket is. None: `zero` for sums and counts, otherwise `missing`."""
    step: int | None = None
    """Seconds within which a key has at most one document (an index of metrics). None: any number (flow records)."""
    filter_file: Path | None = None
    """File with an Elasticsearch query that documents must match."""
    wide: bool = False
    """Whether every column except the time is a series."""
    where: str | None = None
    """SQL condition; only rows that meet it are read."""
    zone: str = "UTC"
    """Time zone (IANA name) of times without one."""
    preset: str | None = None
    """A name of `log_fields.PRESETS`; what is None is then filled in from the recognised fields of the log."""
    errors: str | None = None
    """Which lines are errors: a condition in SQL for files, in Lucene's query language for an index. `share` is the
    share of these; `count` counts only these, if it is set."""
    skip_bad_lines: bool = False
    """Skip lines of a log that are not recognised, however many there are."""
    total: bool = False
    """Whether all rows are one series."""
    delimiter: str | None = None
    """Separator between the cells of a text file."""
    decimal: str | None = None
    """Decimal separator, a point or a comma; the other one separates thousands."""
    missing: tuple[float, ...] | None = None
    """Values that stand for none; None: those that the values themselves show to be so."""
    time_format: tuple[str, ...] | None = None
    """Formats of the times for strptime; None: ISO 8601 or a number."""
    counter: bool | None = None
    """Whether the values are counters, of which the rate is used."""
    bits: bool = False
    """Whether the values are bytes, shown in bit/s."""
    format: str = ""
    """Name of the export format that was recognised; "" if none was."""

    def metric(self) -> Metric:
        """The metric that these columns give, named after the column of the values."""
        statistic = self.how
        empty = self.empty or ("zero" if statistic in ("sum", "count") else "missing")
        counted = {"count": "rows" if self.errors is None else "errors", "share": "errors"}.get(statistic, "")
        field = self.value or self.preset or ("value" if self.wide else counted)
        scale, unit = (8.0 * self.scale, "bit/s") if self.bits else (self.scale, self.unit)
        rate = self.bits and not self.counter
        name = self.preset or (f"{field} in bit/s" if self.bits else field)
        return Metric(name, field, statistic, scale=scale, unit=unit, empty=empty, rate=rate)

    @property
    def how(self) -> Statistic:
        """How several rows in a bucket are combined."""
        return self.statistic or "avg"
