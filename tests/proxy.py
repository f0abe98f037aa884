"""A TCP proxy on loopback that cuts a connection at a chosen word, before or after the server has it."""

from __future__ import annotations

import contextlib
import select
import socket
import threading


class Proxy:
    """It forwards bytes as they come, a thread a connection."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._word: bytes | None = None
        self._after = False
        self.cuts = 0
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, word: bytes, after: bool) -> None:
        """Cut the next connection on which the client says `word`, before the server has it or once it answered."""
        self._word, self._after = word, after

    def end(self) -> None:
        """Nobody is there any more."""
        for connection in (self._listener, *self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._connections += [client, server]
                threading.Thread(target=self._forward, args=(client, server), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        cutting = False
        with client, server, contextlib.suppress(OSError):
            while True:
                for source in select.select([client, server], [], [])[0]:
                    said = source.recv(1 << 20)
                    if source is client and self._word is not None and self._word in said:
                        self._word = None
                        self.cuts += 1
                        cutting = True
                    if not said or (cutting and (source is server or not self._after)):
                        return
                    (server if source is client else client).sendall(said)

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
