"""The lines of a stream in one of the formats, as a run takes them."""

from __future__ import annotations

from generator.logs.formats import encode
from generator.logs.model import LogIncident
from generator.logs.sinks import Lines
from generator.logs.stream import Stream


class LogFeed:
    """A stream in a format (`generator.logs.run.Feed`)."""

    def __init__(self, stream: Stream, form: str, labels: bool) -> None:
        self.stream = stream
        self._form, self._labels = form, labels
        self._run = f"{stream.name}-{form}" + ("" if labels else "-plain")

    @property
    def ended(self) -> bool:
        """Whether there are no more lines."""
        return self.stream.ended

    @property
    def anomalous(self) -> int:
        """How many of the lines that were taken belong to an incident."""
        return self.stream.stats.anomalous

    def take(self, count: int, now: int | None = None) -> Lines:
        """The next `count` lines, or what is left of them."""
        block = self.stream.take(count, now)
        return Lines(self._run, block.first, block.time_us, encode(block, self._form, self._labels))

    def drain(self) -> tuple[LogIncident, ...]:
        """Incidents that are over and were not handed out before."""
        return self.stream.drain()

    def close(self) -> tuple[LogIncident, ...]:
        """The incidents that are left."""
        return self.stream.close()
