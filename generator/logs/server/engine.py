"""What the server makes lines with: settings, a stream for each client, and counts. Knows nothing of HTTP."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from typing import Any

from generator.logs.formats import encode
from generator.logs.settings import LogSettings
from generator.logs.stream import Stream
from generator.logs.types import TYPES
from generator.logs.vocabulary import NONE
from traffic.errors import Failure, UsageFailure

MOST_CLIENTS = 500
"""Streams at once. Each costs a few kilobytes, and what the kernel keeps for its connection."""
MOST_ANOMALIES = 50
"""Anomalies that go on at once in a stream into which one more is injected, and that wait for `generate`."""
SEARCHED = 4096
"""Lines that are looked through for an anomalous one."""


class Full(Failure):
    """More clients than the server has room for."""


class Busy(UsageFailure):
    """More anomalies at once than there is room for."""


def now_us() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


@dataclass(frozen=True)
class Batch:
    """Lines as texts, and how many of them are anomalous."""

    texts: list[bytes]
    anomalous: int
    skipped: int = 0
    """Lines that were not made because the client, or the server, was too slow for them."""


@dataclass
class Wanted:
    """An anomaly that was asked for, and how many lines of it `generate` has still to make."""

    kind: str
    left: int


class StreamClient:
    """One reader of a live stream: it has a stream of its own, and nothing that another does changes its lines."""

    def __init__(self, engine: Engine, number: int, rate: float, labels: bool, start: int) -> None:
        self._engine = engine
        self._number = number
        self.rate = rate
        self.labels = labels
        self._start = start
        self._made_for: tuple[int, float] | None = None
        self._stream: Stream | None = None

    @property
    def active(self) -> bool:
        """Whether an anomaly goes on."""
        return self._stream is not None and bool(self._stream.active)

    @property
    def clock(self) -> int:
        """Time of the last line, in microseconds."""
        return self._start if self._stream is None else self._stream.clock

    def take(self, count: int, until: int, skipped: int = 0) -> Batch:
        """The next `count` lines, from the last one's time up to `until`, in microseconds."""
        stream = self._current()
        block = stream.take(count, until)
        # Nobody asks for them here, and there is no end to them.
        stream.drain()
        return self._engine.counted(Batch(encode(block, "json", self.labels), block.anomalous, skipped))

    def inject(self, kind: str, lines: int | None = None) -> None:
        """Begin an anomaly with the next line.

        Raises:
            UsageFailure: there is no such type.
            Busy: too many go on already.
        """
        _inject(self._current(), kind, lines)

    def _current(self) -> Stream:
        """The stream; a new one, that goes on from the old one's time, when the settings were changed."""
        wanted = (self._engine.version, self.rate)
        if self._stream is None or self._made_for != wanted:
            self._stream = self._engine.stream(f"client {self._number} {wanted}", self.rate, self.clock)
            self._made_for = wanted
        return self._stream


class Engine:
    """Everything that the server's answers are made of. Used by one thread."""

    def __init__(self, settings: LogSettings, now: Callable[[], int] = now_us) -> None:
        self.now = now
        self.settings = settings
        self.version = 0
        """Counts changes of the settings."""
        self.paced = False
        """Whether somebody has set batch size and interval since the start."""
        self.clients: set[StreamClient] = set()
        self.stopping = False
        self._joined = self._calls = 0
        self._wanted: deque[Wanted] = deque(maxlen=MOST_ANOMALIES)
        self._single: Stream | None = None
        self.reset()

    def reset(self) -> None:
        """Count from 0, and forget anomalies that were asked for and not yet seen."""
        self.lines = self.anomalous = self.skipped = 0
        self.started_us = self.now()
        self._wanted.clear()
        self._single = None

    @property
    def active(self) -> bool:
        """Whether an anomaly goes on anywhere."""
        single = self._single is not None and bool(self._single.active)
        return single or bool(self._wanted) or any(client.active for client in self.clients)

    def document(self) -> dict[str, Any]:
        """The settings as JSON can say them."""
        return asdict(self.settings)

    def pace(self, batch_size: int, total: int, interval: float) -> None:
        """How many lines new streams get, and how often, where their clients do not say it."""
        pace = replace(self.settings.generator, batch_size=batch_size, total_logs=total, interval=interval)
        self.settings = replace(self.settings, generator=pace)
        self.paced = True

    def configure(self, probability: float, enabled: dict[str, bool]) -> None:
        """Which anomalies there are from now on, in streams that run as well.

        Raises:
            BadSetting: none is enabled, but some are wanted.
        """
        old = self.settings.anomalies
        types = replace(
            old.types, **{kind: replace(getattr(old.types, kind), enabled=on) for kind, on in enabled.items()}
        )
        self.settings = replace(self.settings, anomalies=replace(old, probability=probability, types=types))
        self.version += 1
        self._single = None

    def join(self, rate: float, labels: bool, interval: float = 1.0) -> StreamClient:
        """A new reader, whose first lines are those of the last `interval` seconds; `leave` has to be called for it.

        Raises:
            Full: there are too many.
        """
        if len(self.clients) >= MOST_CLIENTS:
            raise Full(f"{len(self.clients)} streams are open, which is the limit: try again later")
        self._joined += 1
        client = StreamClient(self, self._joined, rate, labels, self.now() - round(interval * 1e6))
        self.clients.add(client)
        return client

    def leave(self, client: StreamClient) -> None:
        """A reader has gone."""
        self.clients.discard(client)

    def generate(self, count: int, rate: float, labels: bool, form: str) -> Batch:
        """Lines that follow upon now, with that share of anomalies, and with those that were asked for on top.

        The share is met to within three lines an incident, as long as a service is free for the next one.
        """
        self._calls += 1
        stream = self.stream(f"generate {self._calls}", rate, self.now(), count)
        ordered = [(wanted, stream.inject(wanted.kind, duration_logs=wanted.left).id) for wanted in self._wanted]
        block = stream.take(count)
        over = stream.drain()
        ended = {incident.id for incident in over}
        made = {incident.id: incident.lines for incident in (*over, *stream.close())}
        for wanted, name in ordered:
            wanted.left -= made.get(name, 0)
            # Lines are shared out to within two an incident: what one that ended lacks is not made up for in another.
            if name in ended and wanted.left <= 2:
                wanted.left = 0
        self._wanted = deque((wanted for wanted in self._wanted if wanted.left > 0), MOST_ANOMALIES)
        return self.counted(Batch(encode(block, form, labels), block.anomalous))

    def one(self, labels: bool, anomalous: bool) -> bytes:
        """The next line of a stream that only such calls take from; an anomalous one if that is asked for."""
        if self._single is None:
            self._calls += 1
            self._single = self.stream(f"single {self._calls}", self.settings.anomalies.probability, self.now())
            for wanted in self._wanted:
                self._single.inject(wanted.kind, duration_logs=wanted.left)
        stream = self._single
        stream.drain()
        if not anomalous:
            block = stream.take(1)
            return self.counted(Batch(encode(block, "json", labels), block.anomalous)).texts[0]
        if not stream.active:
            self._start_any(stream)
        for _ in range(0, SEARCHED, 64):
            block = stream.take(64)
            found = (block.incident != NONE).nonzero()[0]
            if len(found):
                return self.counted(Batch([encode(block, "json", labels)[int(found[0])]], 1)).texts[0]
        raise Failure("the running anomaly generates no lines: reset, or request another one")

    def inject(self, kind: str, lines: int) -> None:
        """Begin an anomaly in every live stream that has room for one, and in what is generated next.

        Raises:
            UsageFailure: there is no such type.
        """
        for client in self.clients:
            with suppress(Busy):
                client.inject(kind, lines)
        if self._single is not None:
            with suppress(Busy):
                _inject(self._single, kind, lines)
        self._wanted.append(Wanted(kind, lines))

    def stream(self, purpose: str, rate: float, start: int, total: int | None = None) -> Stream:
        """A stream with a seed of its own, which depends on the settings' seed and on nothing else but `purpose`."""
        seed = blake2b(f"{self.settings.seed}\0{purpose}".encode(), digest_size=7)
        types = self.settings.anomalies.types
        possible = rate if sum(types.weights()) else 0.0
        settings = replace(self.settings, anomalies=replace(self.settings.anomalies, probability=possible))
        return Stream(settings, int.from_bytes(seed.digest(), "big"), start, total=total)

    def counted(self, batch: Batch) -> Batch:
        """Count it."""
        self.lines += len(batch.texts)
        self.anomalous += batch.anomalous
        self.skipped += batch.skipped
        return batch

    def _start_any(self, stream: Stream) -> None:
        """An anomaly of one of the types that are enabled, of each in its turn."""
        weights = self.settings.anomalies.types.weights()
        some = [kind for kind, weight in zip(TYPES, weights, strict=True) if weight] or list(TYPES)
        self._calls += 1
        stream.inject(some[self._calls % len(some)])


def _inject(stream: Stream, kind: str, lines: int | None) -> None:
    # Each of them costs every batch a little, and those that a client asks for have no other bound.
    if stream.due >= MOST_ANOMALIES:
        raise Busy(f"{stream.due} anomalies are already running: wait until one of them ends")
    stream.inject(kind, duration_logs=lines)
