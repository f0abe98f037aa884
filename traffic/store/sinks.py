"""The seams to a store that is written to: a store inherits `Sink`, or those below it whose abilities it has."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

from traffic.flows import Catalogue, Flows
from traffic.model import Grid, Ints, Window


class Sink(Protocol):
    """A store that generated traffic is written to. It is opened for one scenario; a store with another is refused."""

    name: str
    writers: int
    """Number of blocks that may be written in parallel, each by a thread."""

    @abstractmethod
    def begin(self, window: Window) -> Window:
        """Announce that `window` will be written; returns the window that the store will then cover.

        That is the hull of the stored and the new window, so a store never has a hole between two runs.
        """

    @abstractmethod
    def blocks(self, keys: Sequence[str]) -> list[tuple[str, ...]]:
        """The keys in the groups in which they should be written."""

    @abstractmethod
    def write(self, keys: tuple[str, ...], grid: Grid, amounts: Ints) -> int:
        """Store native amounts, shape (keys, steps), -1 = missing; returns how many are new.

        Idempotent: writing the same again changes nothing. `grid` lies within one week (Monday to Monday, UTC).
        """

    @abstractmethod
    def finish(self) -> str:
        """Complete the load; returns the identity of what the store now contains (`Source.identity`)."""


@runtime_checkable
class LastingSink(Sink, Protocol):
    """A store that can tell what earlier runs completed in it."""

    @abstractmethod
    def holds(self, keys: tuple[str, ...], grid: Grid, sample: Ints | None, flows: bool) -> bool:
        """Whether a completed run wrote this group of `blocks` for that time, and it is still there.

        Args:
            sample: amounts of the first key, shape (steps,), -1 = missing, to compare with what is stored; None
                if the writer is known to have made the same.
            flows: whether their flow records must be there too.

        Raises:
            DamagedStore: what is there cannot be read.
        """

    @abstractmethod
    def remembered(self) -> bytes | None:
        """What an earlier run left for this one (`remember`); None if nothing."""

    @abstractmethod
    def remember(self, note: bytes) -> None:
        """Leave this note for the next run, replacing an earlier one."""


@runtime_checkable
class FlowSink(Sink, Protocol):
    """A store that accepts flow records beside the totals that they add up to."""

    @abstractmethod
    def write_flows(self, keys: tuple[str, ...], grid: Grid, flows: Iterable[Flows], catalogue: Catalogue) -> None:
        """Store the flow records of a group of `blocks`, replacing those of that week.

        Idempotent: writing the same again changes nothing.
        """
