"""Lines over TCP, one JSON document each: what Logstash's `tcp` input reads with the codec `json_lines`.

Nothing comes back over such a connection. The kernel knows which bytes the other machine's kernel has acknowledged;
whether the program behind it read them, nobody does. So a line is `sent` once it is acknowledged. At a break, those
that were not count as dropped and are not sent again: some of them may have arrived, and nobody could tell them apart.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence

import numpy as np

from generator.logs.sinks.address import Address
from generator.logs.sinks.base import Counts, Guarantee, Lines, SinkDenied, SinkFailure, failed
from generator.logs.sinks.descriptor import ends_of
from generator.logs.sinks.patience import Patience
from generator.logs.sinks.wire import Wire
from traffic.model import Ints

PIECE = 1 << 18
"""Bytes that are handed to the kernel at once."""


class Tcp:
    """A connection that lines are written to (`generator.logs.sinks.base.LineSink`)."""

    guarantee: Guarantee = "sent"

    def __init__(
        self, address: Address, patience: float, note: Callable[[str], None], context: ssl.SSLContext | None = None
    ) -> None:
        """Connect.

        Args:
            address: host and port.
            patience: seconds without any progress that are borne.
            note: is told what a person should know.
            context: for TLS.

        Raises:
            SinkFailure: nobody listens there.
            SinkDenied: TLS fails.
        """
        self.name = address.name
        self._address, self._context, self._note = address, context, note
        self._patience = Patience(patience, note)
        self._total = self._sent = 0
        self._wire: Wire | None = None
        try:
            self._wire = self._connect()
        except OSError as error:
            raise SinkFailure(f"cannot connect to {self.name} ({_short(error)}): check that it listens there") from None

    def write(self, lines: Lines) -> None:
        """Send them; it waits while the other side does not read.

        Raises:
            SinkFailure: it was away, or read nothing, for longer than the patience.
            SinkDenied: TLS fails.
        """
        self._total += len(lines)
        ends = ends_of(lines.texts)
        at = 0
        try:
            while at < len(lines):
                before = int(ends[at - 1]) if at else 0
                stop = max(at + 1, int(np.searchsorted(ends, before + PIECE, side="right")))
                at += self._attempt(self._there(), lines.texts[at:stop], ends[at:stop] - before)
        except SinkFailure as failure:
            self._break()
            raise failed(type(failure), str(failure), self.counts, self.guarantee) from failure

    def close(self) -> Counts:
        """Wait until all is acknowledged, and end the connection in order."""
        if (wire := self._wire) is not None:
            self._patience.reset()
            waiting = self._settle(wire)
            while waiting and not wire.hung_up() and self._patience.wait(f"{self.name} does not read"):
                before, waiting = waiting, self._settle(wire)
                if waiting < before:
                    self._patience.reset()
            self._break(Wire.part)
        return self.counts

    @property
    def counts(self) -> Counts:
        """Once nothing is under way any more."""
        return Counts(sent=self._sent, dropped=self._total - self._sent)

    def _attempt(self, wire: Wire, texts: Sequence[bytes], ends: Ints) -> int:
        """Send some lines; how many of them are done with: all, or those that were begun when it broke off."""
        before = wire.given
        body = memoryview(b"\n".join(texts) + b"\n")
        begun, broken = 0, False
        try:
            while (offset := wire.given - before) < len(body):
                if wire.send(body[offset:]):
                    self._patience.reset()
                elif wire.hung_up():
                    raise ConnectionResetError
                elif not self._patience.wait(f"{self.name} does not read", wire.await_room):
                    raise SinkFailure(
                        f"{self.name} has read nothing for {self._patience.seconds:g} s: check whether it is stuck"
                    )
        except OSError:
            broken = True
        finally:
            # Also when a person stops the run here: what went out still counts.
            if done := wire.given - before:
                begun = int(np.searchsorted(ends, done, side="left")) + 1
                wire.gave(before + ends[:begun])
        if broken:
            self._break()
        else:
            self._settle(wire)
        return begun

    def _there(self) -> Wire:
        """A connection that has not been hung up; made anew while the patience lasts."""
        if self._wire is not None and self._wire.hung_up():
            self._break()
        while self._wire is None:
            try:
                self._wire = self._connect()
            except OSError as error:
                if not self._patience.wait(f"{self.name} is unreachable"):
                    what = f"{self.name} has been unreachable for {self._patience.seconds:g} s ({_short(error)})"
                    raise SinkFailure(f"{what}: start it, and run again") from error
        return self._wire

    def _connect(self) -> Wire:
        try:
            return Wire(self._address.host, self._address.port, self._context)
        except ssl.SSLError as error:
            what = f"no secure connection to {self.name} ({_short(error)})"
            raise SinkDenied(f"{what}: pass its CA with --ca-file") from error

    def _settle(self, wire: Wire) -> int:
        """Count what has arrived; how many lines have not yet."""
        self._sent += wire.arrived()
        return wire.waiting

    def _break(self, end: Callable[[Wire], None] = Wire.drop) -> None:
        """The connection is over: what has not arrived is not sent again."""
        wire, self._wire = self._wire, None
        if wire is None:
            return
        lost = self._settle(wire)
        end(wire)
        if lost or wire.broken:
            under_way = f"{lost:,} lines were in transit and may be lost"
            self._note(f"{self.name} closed the connection: {under_way}, and so may whatever it had not read yet")


def _short(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return error.strerror or error.__class__.__name__
