"""The seams to a store that is read. It translates; it does not split, cache, retry for ever or invent data.

A store inherits `Source`, or those of the Protocols below it whose abilities it has: what it forgets is then an error
of mypy, and of Python when it is made. What it can do is found with `isinstance`, never by the name of a method.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from traffic.coverage import Coverage
from traffic.errors import Failure, StorageFailure, UsageFailure
from traffic.flows import FlowAnswer, FlowQuery, split_of
from traffic.model import Grid, Matrix, Metric, Query, Rollup, Split, Window

SEVERAL = "\n"
"""Separator between file names in the name of a store that consists of several files."""


class StoreError(Failure):
    """An error of a store that is none of the cases below."""


class NoSuchStore(StoreError, UsageFailure):
    """Nothing exists there, or nothing that can be read as a store."""


class ForeignStore(StoreError, UsageFailure):
    """The store contains something other than what is to be written to it."""


class DamagedStore(StoreError, StorageFailure):
    """A file of the store cannot be read or contradicts itself."""


class Away(StoreError):
    """The store cannot be reached or is overloaded: the same request may succeed later."""


class TooLarge(StoreError):
    """The request asks for more than the store returns at once; the caller halves it."""


class TooLong(TooLarge):
    """The window is too long for this resolution; the caller asks for less time of the same keys."""


POINTS = 20_000_000
"""Keys x buckets that are held in memory at once, as numbers of eight bytes."""


@dataclass(frozen=True)
class Limits:
    """Limits of one request. Requests are cut to them before they are sent; None: no known limit."""

    keys: int | None = None
    seconds: int | None = None
    buckets: int | None = None
    """Buckets of an answer, plus one for each key."""
    points: int = POINTS
    """Keys x buckets that are worth requesting together: bounds a block of keys, and joins windows into one request."""
    at_once: int = 1
    """Parallel requests; 1 if this machine does the work, where more would not be faster."""
    hours: int | None = None
    """Buckets of roll-ups that the store makes which are best asked for at once: some are read while others are made.
    None: as many as it takes."""

    def of_hours(self) -> Limits:
        """What it takes at once in roll-ups."""
        found = [most for most in (self.buckets, self.hours) if most is not None]
        return replace(self, buckets=min(found, default=None))


@dataclass(frozen=True)
class Joined:
    """How much several queries that are one request may ask for together."""

    queries: int
    """One: each is asked for by itself."""
    buckets: int
    """Of the answer, each key counted as one more."""


def check_size(query: Query, grid: Grid) -> None:
    """Whether keys x buckets are no more than a store answers at once.

    Raises:
        TooLarge: they are.
    """
    if len(query.keys) * grid.count > POINTS:
        raise TooLarge(f"{len(query.keys)} keys x {grid.count} buckets are more than {POINTS} at once")


class Source(Protocol):
    """A store that is read: what every store implements."""

    name: str
    """Name of the store in outputs, without secrets."""
    metric: Metric
    """What is read from it."""
    settling: int | None
    """Seconds after which an answer no longer changes; None if every change also changes the fingerprint."""

    def place(self) -> str:
        """Where it is, however it was named: the key under which its answers are cached."""
        return self.name

    @abstractmethod
    def limits(self, resolution: int) -> Limits:
        """The limits for buckets of `resolution` seconds; they may shrink as answers show that less is possible.

        Raises:
            UsageFailure: it has no such buckets.
        """

    @abstractmethod
    def step(self) -> int | None:
        """Seconds between the values of a key; None if they are irregular."""

    @abstractmethod
    def extent(self, since: int | None, resolution: int) -> Window:
        """From the first value to the end of the last one that can be read in buckets of `resolution` seconds.

        Args:
            since: the start that is wanted (None: the first value). It matters only for a store that cannot tell how
                far back it goes; one whose `settling` is None can, and ignores it.
            resolution: some stores keep coarse values longer than fine ones.

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
        """The scenario and window that were generated into it, or None if the data are a user's own."""

    @abstractmethod
    def coverage(self, window: Window, reach: Window, only: Sequence[str] | None = None) -> Coverage:
        """How many rows it has, counted independently of the buckets, and which of them can be used.

        A store that cannot count says so (`traffic.coverage.uncounted`).

        Args:
            window: that is read.
            reach: its `extent`; rows outside of that are listed with a reason.
            only: the keys that are read; None: all.
        """

    def notes(self) -> list[str]:
        """Notes for a person before anything is read, such as which fields are used for what."""
        return []

    def remarks(self) -> list[str]:
        """Notes for a person about the answers, such as what was left out; complete after reading."""
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
    """A store with a small request budget: its answers are cached as they are."""

    @abstractmethod
    def duration(self, requests: int, at_once: int) -> float:
        """Seconds, about, that the list of keys and this many requests take within its rate limits."""

    @abstractmethod
    def abandon(self) -> None:
        """The answers to pending requests are no longer needed: do not wait for a turn to send them."""


@runtime_checkable
class ForkableSource(Source, Protocol):
    """A store that forks of this process can read as well."""

    def forkable(self) -> bool:
        """Whether they can now: a fork shares no connection, no thread and no place in a file with this process."""
        ...


@runtime_checkable
class SharedSource(Source, Protocol):
    """A store that others may write to while it is read, and that can tell how much they wrote."""

    @abstractmethod
    def changes(self) -> int | None:
        """Upper bound of the rows that were added, changed or removed since it was opened; None: unknown."""


@runtime_checkable
class SparseSource(Source, Protocol):
    """A store that tells how full its buckets are: requests are cut by values that exist, not that could."""

    @abstractmethod
    def filled(self, resolution: int) -> float:
        """Share of the buckets of `resolution` seconds with a value, over all keys: an upper estimate, at most 1."""


@runtime_checkable
class JoiningSource(Source, Protocol):
    """A store that answers several queries by one request, where its way costs more than its answer."""

    @abstractmethod
    def joins(self) -> Joined:
        """How much of that is worth asking for together, and no more than it takes."""

    @abstractmethod
    def series_joined(self, queries: Sequence[Query]) -> list[Matrix]:
        """A `series` for each of some queries of one metric and resolution, in that order.

        Raises:
            TooLarge: ask for fewer of them.
        """


@runtime_checkable
class RankedSource(Source, Protocol):
    """A store that can tell which keys are the largest without reading all of them."""

    @abstractmethod
    def largest(self, window: Window, most: int) -> list[str]:
        """The `most` largest keys in that window, largest first: by the sum of their values, or else by their rows."""


@runtime_checkable
class SizedSource(Source, Protocol):
    """A store that has to be read completely before its first answer, which may take long."""

    @abstractmethod
    def size(self) -> int:
        """Bytes that are read."""

    @abstractmethod
    def glimpse(self) -> tuple[int, int, Window]:
        """For its first rows: their number, the number of keys in them, and their time span."""


@runtime_checkable
class FlowSource(Source, Protocol):
    """A store that can break traffic down by dimensions."""

    @abstractmethod
    def dimensions(self, wanted: Sequence[str] | None = None) -> tuple[str, ...]:
        """Its dimensions: what its records contain besides time, key and amount; empty if it has no such records.

        Args:
            wanted: the requested dimensions; None: all that it knows.

        Raises:
            UsageFailure: it cannot tell traffic apart by one of these.
        """

    @abstractmethod
    def flows(self, queries: Sequence[FlowQuery]) -> Iterator[FlowAnswer]:
        """An answer for each query, in that order. Queries in one call cost less than separate ones.

        Raises:
            DamagedStore: a part of the answer could not be read; there is no half answer.
        """

    def split_into(self) -> Split:
        """What of what is read can be split: amounts, what they are the mean of, or rows."""
        return split_of(self.metric)

    def lasting(self, resolution: int) -> int:
        """Seconds that a bucket's amount lasts, where it is so much a second and was summed up as it is; else 1."""
        # What becomes a rate only here (`Metric.rate`) is still an amount in the store.
        return resolution if self.metric.per_second and not self.metric.rate else 1

    def flow_requests(self, dimensions: int, windows: int, events: int = 1) -> int:  # noqa: ARG002
        """How many requests to a service some events take at the most; 0 of what lies on this machine.

        Args:
            dimensions: that it is told apart by; pairs of them are looked at as well.
            windows: of each event its own, those of other weeks, and last the hour before.
            events: that are asked for together.
        """
        return 0
