"""The seams to a store: all that one may offer. It translates; it does not split, cache, retry for ever or invent data.

A store inherits `Source`, or those of the Protocols below it whose abilities it has: what it forgets is then an error
of mypy, and of Python when it is made. What it can do is found with `isinstance`, never by the name of a method.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from traffic.coverage import Coverage
from traffic.errors import Failure, StorageFailure, UsageFailure
from traffic.flows import Catalogue, FlowAnswer, FlowQuery, Flows
from traffic.model import Empty, Grid, Ints, Matrix, Metric, Query, Rollup, Statistic, Window

SEVERAL = "\n"
"""What stands between the names of files, where a store is several."""


class StoreError(Failure):
    """Anything a store has to say that is not one of the cases below."""


class NoSuchStore(StoreError, UsageFailure):
    """There is nothing at that place, or nothing that can be read as a store."""


class ForeignStore(StoreError, UsageFailure):
    """The store holds something else than what is to be written to it."""


class DamagedStore(StoreError, StorageFailure):
    """A file of the store cannot be read or contradicts itself."""


class Away(StoreError):
    """The store cannot be reached, or has too much to do: the same may succeed later."""


class TooLarge(StoreError):
    """The request asks for more than the store answers at once: ask for less (the caller halves it)."""


class TooLong(TooLarge):
    """The window is too long to be answered so finely: ask for less time, of the same keys."""


POINTS = 20_000_000
"""Keys x buckets that are held in memory at once, as numbers of eight bytes."""


@dataclass(frozen=True)
class Limits:
    """What a store takes at once. A request is cut to it before it is sent; None: the store does not say."""

    keys: int | None = None
    seconds: int | None = None
    buckets: int | None = None
    """Of an answer, each key counted as one more."""
    points: int = POINTS
    """Keys x buckets that are worth asking for together: what bounds a block of keys, and joins windows into one."""
    at_once: int = 1
    """Requests that may be under way together; one where the machine itself does the work, so more are no quicker."""


def check_size(query: Query, grid: Grid, most: int = POINTS) -> None:
    """Whether keys x buckets are no more than a store answers at once.

    Raises:
        TooLarge: they are.
    """
    if len(query.keys) * grid.count > most:
        raise TooLarge(f"{len(query.keys)} keys x {grid.count} buckets are more than {most} at once")


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
    """Leave lines of a log out that are not understood, however many they are."""
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


class Source(Protocol):
    """Where traffic is read from: what every store says."""

    name: str
    """How the store is called in outputs: no secrets."""
    metric: Metric
    """What is read from it."""
    settling: int | None
    """Seconds after which an answer can no longer change; None where the fingerprint changes with any change."""

    def place(self) -> str:
        """Where it is: the same however it was named, and what its answers are kept by."""
        return self.name

    @abstractmethod
    def limits(self, resolution: int) -> Limits:
        """What it takes at once in buckets of `resolution` seconds. It may learn from its answers that it is less.

        Raises:
            UsageFailure: it has no such buckets.
        """

    @abstractmethod
    def step(self) -> int | None:
        """Seconds between the values of a key; None where they come as they like."""

    @abstractmethod
    def extent(self, since: int | None, resolution: int) -> Window:
        """From the first to the end of the last value that can be read in buckets of `resolution` seconds.

        Args:
            since: from when on one wants to look (None: from the first value). It counts only where a store cannot
                tell how far back it goes; one whose `settling` is None can, and answers the same whatever is said.
            resolution: some stores keep coarse values for longer than fine ones.

        Raises:
            NoSuchStore: there is nothing in it.
            UsageFailure: it has no such buckets.
        """

    @abstractmethod
    def keys(self, window: Window) -> Mapping[str, Window]:
        """Every key with data in `window`, in order of name, and the span outside of which it has none (a superset)."""

    @abstractmethod
    def series(self, query: Query) -> Matrix:
        """The buckets of `query.keys`, in that order, on `Grid.over(query.window, query.resolution)`.

        A key that the store does not know is a row of NaN. A bucket is NaN only if no native step in it is there.

        Raises:
            TooLarge: ask for less.
            DamagedStore: a part of the answer could not be read; there is no half answer.
        """

    @abstractmethod
    def fingerprint(self, window: Window) -> str:
        """Changes whenever an answer for that window could."""

    @abstractmethod
    def identity(self) -> str | None:
        """What was generated into it (scenario and window), or None where the data is a user's own."""

    @abstractmethod
    def coverage(self, window: Window, reach: Window, only: Sequence[str] | None = None) -> Coverage:
        """How many rows it holds, counted apart from the buckets, and which of them can be used.

        A store that cannot count says so (`traffic.coverage.uncounted`).

        Args:
            window: that is read.
            reach: its `extent`; rows that it left out of that are named.
            only: the keys that are read; None: all.
        """

    def notes(self) -> list[str]:
        """What a person should know before anything is read, such as which fields were taken for what."""
        return []

    def remarks(self) -> list[str]:
        """What a person should know of the answers, such as what was left out of them; known after they were read."""
        return []


@runtime_checkable
class RollupSource(Source, Protocol):
    """A store that can make hourly roll-ups itself."""

    @abstractmethod
    def rolls_up(self, resolution: int) -> bool:
        """Whether it can make them of buckets of `resolution` seconds."""

    @abstractmethod
    def rollup(self, query: Query) -> Rollup:
        """Hours of `query.window` (on whole hours), each rolled up from its buckets of `query.resolution` seconds."""


@runtime_checkable
class ServedSource(Source, Protocol):
    """A store on a server that says of itself what a person looks at when something is wrong."""

    @abstractmethod
    def facts(self) -> list[str]:
        """Such as its version, and for how long it keeps what."""


@runtime_checkable
class ScarceSource(Source, Protocol):
    """A store whose requests are few: what it answered is worth keeping as it is."""

    @abstractmethod
    def duration(self, requests: int, at_once: int) -> float:
        """About how many seconds the list of keys and so many requests take, as fast as its limits allow."""

    @abstractmethod
    def abandon(self) -> None:
        """Nobody wants the answers of what is under way any more: do not wait for a turn to ask for them."""


@runtime_checkable
class SharedSource(Source, Protocol):
    """A store that others may write to while it is read, and that says how much they did."""

    @abstractmethod
    def changes(self) -> int | None:
        """At most so many rows were added, changed or removed since it was opened; None: it cannot say."""


@runtime_checkable
class SparseSource(Source, Protocol):
    """A store that says how full its buckets are: requests are cut by what there is, and not by what could be."""

    @abstractmethod
    def filled(self, resolution: int) -> float:
        """Share of the buckets of `resolution` seconds that hold something, of all keys: at most 1, rather too much."""


@runtime_checkable
class RankedSource(Source, Protocol):
    """A store that can tell which keys have most, without reading all of them."""

    @abstractmethod
    def largest(self, window: Window, most: int) -> list[str]:
        """So many keys, those with most in that window first: by the sum of their values, else by their rows."""


@runtime_checkable
class SizedSource(Source, Protocol):
    """A store that has to be read as a whole before it answers anything, which may take long."""

    @abstractmethod
    def size(self) -> int:
        """Bytes that are read."""

    @abstractmethod
    def glimpse(self) -> tuple[int, int, Window]:
        """Of its first rows: how many they are, how many keys they have, and from when to when they are."""


@runtime_checkable
class FlowSource(Source, Protocol):
    """A store that can say what traffic is made of."""

    @abstractmethod
    def dimensions(self, wanted: Sequence[str] | None = None) -> tuple[str, ...]:
        """What its records say besides time, key and amount; none where it holds no such records.

        Args:
            wanted: what is asked for; None: what it knows for dimensions.

        Raises:
            UsageFailure: it cannot tell traffic apart by one of these.
        """

    @abstractmethod
    def flows(self, queries: Sequence[FlowQuery]) -> Iterator[FlowAnswer]:
        """An answer for each query, in that order. Those that are asked together cost least.

        Raises:
            DamagedStore: a part of the answer could not be read; there is no half answer.
        """

    def flow_requests(self) -> int:
        """How many requests to a service a query takes at the most; 0 of what lies on this machine."""
        return 0


class Sink(Protocol):
    """Where generated traffic is written to. It is opened for one scenario; a store that holds another is refused."""

    name: str
    writers: int
    """Blocks that may be written at once, each by a thread."""

    @abstractmethod
    def begin(self, window: Window) -> Window:
        """Announce that `window` will be written; the answer is the window that the store will then hold as a whole.

        It is the hull of what is there and what is asked, so that a store never has a hole between two runs.
        """

    @abstractmethod
    def blocks(self, keys: Sequence[str]) -> list[tuple[str, ...]]:
        """The keys in the groups in which they are best written."""

    @abstractmethod
    def write(self, keys: tuple[str, ...], grid: Grid, amounts: Ints) -> int:
        """Store native amounts, shape (keys, steps), -1 = missing; answers how many were not there before.

        Idempotent: writing the same again changes nothing. `grid` lies within one week (Monday to Monday, UTC).
        """

    @abstractmethod
    def finish(self) -> str:
        """All is written: make it known, and answer the identity of what the store now holds (`Source.identity`)."""


@runtime_checkable
class LastingSink(Sink, Protocol):
    """A store that can tell what earlier runs completed in it."""

    @abstractmethod
    def holds(self, keys: tuple[str, ...], grid: Grid, sample: Ints | None, flows: bool) -> bool:
        """Whether a group of `blocks` was written for that time by a run that ended well, and is still there.

        Args:
            sample: amounts of the first key, shape (steps,), -1 = missing: what is there is compared with them; None
                where whoever wrote it is known to have made the same.
            flows: whether their flow records have to be there as well.

        Raises:
            DamagedStore: what is there cannot be read.
        """

    @abstractmethod
    def remembered(self) -> bytes | None:
        """What an earlier run left for the next one (`remember`); None where there is nothing."""

    @abstractmethod
    def remember(self, note: bytes) -> None:
        """Leave this for the next run, in place of what was left before."""


@runtime_checkable
class FlowSink(Sink, Protocol):
    """A store that takes flow records beside the totals that they add up to."""

    @abstractmethod
    def write_flows(self, keys: tuple[str, ...], grid: Grid, flows: Iterable[Flows], catalogue: Catalogue) -> None:
        """Store what the amounts of a group of `blocks` are made of, in place of what was there for that week.

        Idempotent: writing the same again changes nothing.
        """
