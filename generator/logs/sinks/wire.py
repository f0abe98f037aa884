"""One TCP connection, and which of the lines given to it have been acknowledged by the other machine's kernel."""

from __future__ import annotations

import fcntl
import select
import socket
import ssl
import struct
import termios
import time
from contextlib import suppress

import numpy as np

from traffic.model import Ints

CONNECTING = 10.0
"""Seconds that an attempt to connect may take."""

GOODBYE = 2.0
"""Seconds that the other side has to end a connection after we did."""

_LATER = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Wire:
    """A connection. To make it, and to send, may raise OSError."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        plain = socket.create_connection((host, port), timeout=CONNECTING)
        try:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            self._socket = context.wrap_socket(plain, server_hostname=host) if context else plain
        except BaseException:
            plain.close()
            raise
        self._socket.setblocking(False)
        self._ends: Ints = np.empty(0, np.int64)
        """Where lines end that are not yet known to have arrived, counted in bytes of this connection."""
        self.given = 0
        """Bytes that the kernel took."""
        self.broken = False
        """Whether it ended otherwise than in order: the other side may not have read what its kernel had."""

    @property
    def waiting(self) -> int:
        """Lines given and not yet known to have arrived."""
        return len(self._ends)

    def send(self, body: memoryview) -> int:
        """Give the kernel as much as it takes; 0 while it takes nothing."""
        try:
            taken = self._socket.send(body)
        except _LATER:
            return 0
        except OSError:
            self.broken = True
            raise
        self.given += taken
        return taken

    def gave(self, ends: Ints) -> None:
        """Lines were given, whole or in part, that end there."""
        self._ends = np.concatenate([self._ends, ends])

    def arrived(self) -> int:
        """How many more lines are acknowledged; also after it broke."""
        # Over TLS the kernel counts more bytes than were given to it, so that fewer lines seem to have arrived.
        there = self.given - _unacknowledged(self._socket)
        count = int(np.searchsorted(self._ends, there, side="right"))
        self._ends = self._ends[count:]
        return count

    def hung_up(self) -> bool:
        """Whether the other side has ended the connection, in order or not. What it says is of no interest."""
        try:
            while self._socket.recv(65536):
                pass
        except _LATER:
            return False
        except OSError:
            self.broken = True
            return True
        return True

    def await_room(self, seconds: float) -> None:
        """Wait until the kernel takes more, or the other side has something to say."""
        poll = select.poll()
        poll.register(self._socket, select.POLLOUT | select.POLLIN)
        poll.poll(seconds * 1000)

    def part(self) -> None:
        """End it in order: what was given still arrives."""
        with suppress(OSError, ValueError):
            if isinstance(self._socket, ssl.SSLSocket):
                with suppress(*_LATER):
                    self._socket.unwrap()
            self._socket.shutdown(socket.SHUT_WR)
            deadline = time.monotonic() + GOODBYE
            # A connection that is closed before all of the other side's bytes were read is reset, and what it has not
            # read of ours is lost.
            while not self.hung_up() and (left := deadline - time.monotonic()) > 0:
                poll = select.poll()
                poll.register(self._socket, select.POLLIN)
                poll.poll(left * 1000)
        self.drop()

    def drop(self) -> None:
        """Let go of it."""
        with suppress(OSError):
            self._socket.close()


def _unacknowledged(connection: socket.socket) -> int:
    """Bytes that were given to the kernel and not acknowledged by the other side's."""
    return int(struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))[0])
