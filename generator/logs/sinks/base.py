"""The seam to where log lines go: what is handed over, what a sink promises, and what it says in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from traffic.errors import AccessDenied, Failure, StorageFailure, UsageFailure
from traffic.model import Ints

Guarantee = Literal["stored", "sent"]
"""`stored`: the other side said that it has the lines. `sent`: they left; nothing says what became of them there."""


@dataclass(frozen=True)
class Lines:
    """Lines of a run, in order."""

    run: str
    """Names the run: with the number of a line it names the line, wherever and whenever it is written."""
    first: int
    """Number of the first line in its run."""
    times_us: Ints
    """When each happened: microseconds since 1970, UTC; shape (lines,)."""
    texts: Sequence[bytes]
    """Each without a line end."""

    def __post_init__(self) -> None:
        if len(self.texts) != len(self.times_us):
            raise ValueError(f"{len(self.texts)} lines with {len(self.times_us)} times")

    def __len__(self) -> int:
        return len(self.texts)

    def part(self, start: int, stop: int) -> Lines:
        """The lines from `start` up to `stop`, counted within these."""
        return Lines(self.run, self.first + start, self.times_us[start:stop], self.texts[start:stop])


@dataclass(frozen=True)
class Counts:
    """What became of the lines that a sink was given: each is `sent` or `dropped`."""

    sent: int = 0
    """The other side has them, as far as that can be known."""
    stored: int = 0
    """Of these, those that it said it has, and that are still there; 0 where it says nothing."""
    dropped: int = 0
    """Refused, lost, or not known to have arrived."""

    @property
    def removed(self) -> int:
        """Stored, and taken away again by the rotation of files that was asked for; only where lines are stored."""
        return self.sent - self.stored


class LineSink(Protocol):
    """Where lines go. One thread writes to it."""

    name: str
    """How it is called in outputs: no secrets."""
    guarantee: Guarantee

    @property
    def counts(self) -> Counts:
        """What became of the lines as of now, without waiting for any."""
        ...

    def write(self, lines: Lines) -> None:
        """Hand lines over. It returns when the other side took them and keeps none for later: it is as slow as that.

        Raises:
            Failure: the other side does not take them, or was away for too long; the line says the exact counts.
        """
        ...

    def close(self) -> Counts:
        """All is written, or the run ends early. Says what became of the lines; a second call says it again.

        Raises:
            Failure: the other side refused lines, or what counted as stored could not be made to stay.
        """
        ...


class SinkFailure(Failure):
    """The other side does not take lines, or is away for too long."""

    counts = Counts()


class SinkStorage(SinkFailure, StorageFailure):
    """A disk that takes no more lines."""


class SinkRefused(SinkFailure, UsageFailure):
    """What is meant is there, but is nothing that lines could be written to."""


class SinkDenied(SinkFailure, AccessDenied):
    """Authentication, authorisation or TLS."""


def failed(kind: type[SinkFailure], what: str, counts: Counts, guarantee: Guarantee) -> SinkFailure:
    """An error of `kind` that says `what` happened, and what became of the lines."""
    error = kind(f"{what}; {describe(counts, guarantee)}")
    error.counts = counts
    return error


def describe(counts: Counts, guarantee: Guarantee) -> str:
    """The counts as people read them: `1,200 lines stored, 3 dropped`."""
    done = counts.stored if guarantee == "stored" else counts.sent
    parts = [f"{done:,} {'line' if done == 1 else 'lines'} {guarantee}"]
    parts += [f"{counts.removed:,} removed by rotation"] if guarantee == "stored" and counts.removed else []
    parts += [f"{counts.dropped:,} dropped"] if counts.dropped else []
    return ", ".join(parts)
