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


def check_size(query: Query, grid: Grid, most: int = POINTS) -> None:
    """Whether keys x buckets are no more than a store answers at once.

    Raises:
        TooLarge: they are.
    """
    if len(query.keys) * grid.count > most:
        raise TooLarge(f"{len(query.keys)} keys x {grid.count} buckets are more than {most} at once")


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

    def split_into(self) -> Split:
        """What of what is read can be split: amounts, what they are the mean of, or rows."""
        return split_of(self.metric)

    def lasting(self, resolution: int) -> int:
        """Seconds that a bucket's amount lasts, where it is so much a second and was summed up as it is; else 1."""
        # What is made a rate of here is summed up as it is.
        return resolution if self.metric.per_second and not self.metric.rate else 1

    def flow_requests(self, dimensions: int, windows: int, events: int = 1) -> int:  # noqa: ARG002
        """How many requests to a service some events take at the most; 0 of what lies on this machine.

        Args:
            dimensions: that it is told apart by; pairs of them are looked at as well.
            windows: of each event its own, those of other weeks, and last the hour before.
            events: that are asked for together.
        """
        return 0
        return 0
