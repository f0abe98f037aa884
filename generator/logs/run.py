"""A run: lines from a feed to sinks, at a pace, with the incidents written down. Readable as one paragraph."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from generator.logs.model import LogIncident
from generator.logs.sinks import Counts, Guarantee, Lines, LineSink
from generator.logs.truth import IncidentFile
from traffic.errors import Failure

PORTION = 8192
"""Lines that are made at once where nobody waits between batches."""
FEW = 3


class Feed(Protocol):
    """Where lines come from."""

    @property
    def ended(self) -> bool:
        """Whether there are no more."""
        ...

    @property
    def anomalous(self) -> int:
        """How many of the lines that were taken belong to an incident."""
        ...

    def take(self, count: int, now: int | None = None) -> Lines:
        """The next `count` lines, or what is left of them. `now`: the real time in microseconds, where it counts."""
        ...

    def drain(self) -> tuple[LogIncident, ...]:
        """Incidents that are over and were not handed out before."""
        ...

    def close(self) -> tuple[LogIncident, ...]:
        """No line will be taken any more: the incidents that are left."""
        ...


@dataclass(frozen=True)
class Batching:
    """`total`: lines in all, None for all that the feed has. `interval`: seconds between batches; 0: nobody waits."""

    total: int | None
    batch: int = PORTION
    interval: float = 0.0


@dataclass(frozen=True)
class SinkResult:
    """What a sink said when it was closed."""

    name: str
    guarantee: Guarantee
    counts: Counts


@dataclass
class RunResult:
    """What came of a run, and what each sink made of its lines."""

    lines: int = 0
    anomalous: int = 0
    incidents: list[LogIncident] = field(default_factory=list)
    """The first FEW of them."""
    happened: int = 0
    """How many incidents there are in all."""
    seconds: float = 0.0
    ends: list[SinkResult] = field(default_factory=list)


@dataclass(frozen=True)
class Clock:
    """The real time in microseconds, and a wait for so many seconds that may end early."""

    now: Callable[[], int] = lambda: time.time_ns() // 1000
    wait: Callable[[float], object] = time.sleep
    stopped: Callable[[], bool] = lambda: False


def run(
    feed: Feed,
    sinks: Sequence[LineSink],
    pace: Batching,
    truth: IncidentFile,
    ran: RunResult,
    clock: Clock = Clock(),
    progress: Callable[[int], None] = lambda _done: None,
) -> None:
    """Hand the lines of a feed to every sink until there are enough, or somebody stops it.

    Whatever happens, every sink is closed and the incidents that are over are written down; `ran` says how far it came.

    Raises:
        Failure: a sink or the file of incidents fails: the first failure of all that there are.
    """
    begun = time.monotonic()
    failures: list[BaseException] = []
    _tried(failures, lambda: _hand_over(feed, sinks, pace, truth, ran, clock, progress))
    # What is at hand comes before what may have to wait. A disk that is full for the one is full for the other, and a
    # person who stops one thing means all of them; each is tried all the same.
    _tried(failures, lambda: _happened(feed.close(), truth, ran))
    _tried(failures, truth.write)
    for sink in sinks:
        _tried(failures, partial(_close, sink, ran))
    ran.seconds = time.monotonic() - begun
    if failures:
        first = failures[0]
        if truth.missing and isinstance(first, Failure):
            first.args = (f"{first}; {truth.missing:,} incidents are not in {truth.path}",)
        raise first


def _hand_over(
    feed: Feed,
    sinks: Sequence[LineSink],
    pace: Batching,
    truth: IncidentFile,
    ran: RunResult,
    clock: Clock,
    progress: Callable[[int], None],
) -> None:
    for count in _portions(pace, clock, feed):
        lines = feed.take(count, clock.now() if pace.interval else None)
        for sink in sinks:
            sink.write(lines)
        ran.lines += len(lines)
        ran.anomalous = feed.anomalous
        _happened(feed.drain(), truth, ran)
        progress(ran.lines)


def _close(sink: LineSink, ran: RunResult) -> None:
    try:
        sink.close()
    finally:
        ran.ends.append(SinkResult(sink.name, sink.guarantee, sink.counts))


def _tried(failures: list[BaseException], work: Callable[[], object]) -> None:
    try:
        work()
    except BaseException as failure:  # noqa: BLE001 - the first of them is raised in the end
        failures.append(failure)


def _happened(begun: tuple[LogIncident, ...], truth: IncidentFile, ran: RunResult) -> None:
    # One that began as the run ended may have no line: then nothing happened. A silent one is made of missing lines.
    incidents = tuple(one for one in begun if one.lines or one.kind == "silent")
    ran.incidents += incidents[: FEW - len(ran.incidents)]
    ran.happened += len(incidents)
    truth.add(incidents)


def _portions(pace: Batching, clock: Clock, feed: Feed) -> Iterator[int]:
    """How many lines to take next, when it is time for them."""
    left = pace.total
    due = time.monotonic()
    while not (clock.stopped() or feed.ended or left == 0):
        count = pace.batch if left is None else min(pace.batch, left)
        yield count
        left = None if left is None else left - count
        if pace.interval and left != 0:
            # Whoever is late goes on from there, and does not try to catch up.
            due = max(due + pace.interval, time.monotonic())
            clock.wait(due - time.monotonic())
