"""The seams to a store that is written to: a store inherits `Sink`, or those below it whose abilities it has."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

from traffic.flows import Catalogue, Flows
from traffic.model import Grid, Ints, Window


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
