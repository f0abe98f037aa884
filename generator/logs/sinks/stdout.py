"""Lines to standard output."""

from __future__ import annotations

import sys

from generator.logs.sinks.base import Counts, Guarantee, Lines, SinkStorage, failed
from generator.logs.sinks.descriptor import ends_of, put, whole, why


class Stdout:
    """Standard output (`generator.logs.sinks.base.LineSink`). Who reads it is not known, so nothing is `stored`."""

    guarantee: Guarantee = "sent"
    name = "standard output"

    def __init__(self, descriptor: int = 1) -> None:
        self._descriptor = descriptor
        self._sent = self._dropped = 0

    def write(self, lines: Lines) -> None:
        """Write them out at once.

        Raises:
            BrokenPipeError: whoever read has seen enough.
            SinkStorage: standard output is a file on a full disk.
        """
        if not len(lines):
            return
        sys.stdout.flush()
        done, error = put(self._descriptor, b"\n".join(lines.texts) + b"\n")
        taken = whole(ends_of(lines.texts), done)
        self._sent += taken
        self._dropped += len(lines) - taken
        if isinstance(error, BrokenPipeError):
            raise error
        if error is not None:
            raise failed(SinkStorage, why(self.name, error), self.close(), self.guarantee) from error

    def close(self) -> Counts:
        """Nothing waits to be written."""
        return self.counts

    @property
    def counts(self) -> Counts:
        """As of now."""
        return Counts(sent=self._sent, dropped=self._dropped)
