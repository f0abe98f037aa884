"""Which columns or fields of a user's own data are read, and how."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from traffic.model import Empty, Metric, Statistic


@dataclass(frozen=True)
class Columns:
    """Which columns of a user's own table are meant, and what a bucket of several rows comes to.

    What is None and can be told from the table is guessed when it is opened.
    """

    time: str | None = None
    key: str | None = None
    """None after the table was opened: there is none, and each file is a series called like the file."""
    value: str | None = None
    """Of a file an expression in SQL as well; so may the key be, or several columns with commas between them."""
    statistic: Statistic | None = None
    """None: what the name of the values says (amounts are summed) and the values (counters become rates)."""
    unit: str = ""
    scale: float = 1.0
    empty: Empty | None = None
    """None: `zero` for sums and counts, where no row means nothing happened; `missing` for the others."""
    step: int | None = None
    """Seconds in which there is at most one document of a key: an index of metrics. None: any number, as of flows."""
    filter_file: Path | None = None
    """An Elasticsearch query that documents have to meet."""
    wide: bool = False
    """Whether every column but the time is a series of its own."""
    where: str | None = None
    """SQL condition on the columns: the rows that are read."""
    zone: str = "UTC"
    """What a time means that names no zone (IANA name)."""
    preset: str | None = None
    """A name of `log_fields.PRESETS`: what is not said is filled in from the fields that a log is known to have."""
    errors: str | None = None
    """Which lines are errors: a condition in SQL for files, in Lucene's query language for an index. What `share` is
    the share of; what `count` counts, where it is said."""
    skip_bad_lines: bool = False
    """Leave lines of a log out that are not recognised, however many they are."""
    total: bool = False
    """Whether all rows are one series."""
    delimiter: str | None = None
    """What parts the cells of a text file."""
    decimal: str | None = None
    """What parts the decimals of its numbers, a point or a comma; the other one parts thousands."""
    missing: tuple[float, ...] | None = None
    """Values that stand for none; None: those that the values themselves show to be so."""
    time_format: tuple[str, ...] | None = None
    """How its times are written, for strptime; None: ISO 8601 or a number."""
    counter: bool | None = None
    """Whether values only grow, so that their rate is what is looked at."""
    bits: bool = False
    """Whether values are bytes, and shown in bit/s."""
    format: str = ""
    """The export that the columns were recognised as."""

    def metric(self) -> Metric:
        """What is read with them, called like the column of the values."""
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
        """What a bucket of several rows comes to."""
        return self.statistic or "avg"
