"""Lines over real TCP connections: whoever reads them is slow, goes away, comes back, or is not who it says."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from generator.logs.sinks import Counts, Opening, SinkFailure, open_log_sink
from generator.logs.sinks.base import SinkDenied
from tests.lines import lines, numbers
from traffic.store.access import Access

WAIT = 30.0


class Peer:
    """What Logstash's `tcp` input is to us: it accepts, reads lines, and says nothing."""

    def __init__(self, context: ssl.SSLContext | None = None, port: int = 0) -> None:
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", port), reuse_port=False)
        self._listener.settimeout(WAIT)
        self.port = int(self._listener.getsockname()[1])
        self.read = bytearray()

    def accept(self) -> socket.socket:
        plain, _ = self._listener.accept()
        plain.settimeout(WAIT)
        return self._context.wrap_socket(plain, server_side=True) if self._context else plain

    def take(self, connection: socket.socket, least: int | None = None) -> None:
        """Read to the end, or until at least so many bytes are there."""
        begun = len(self.read)
        while least is None or len(self.read) - begun < least:
            if not (received := connection.recv(1 << 16)):
                return
            self.read += received

    def close(self) -> None:
        self._listener.close()

    @property
    def numbers(self) -> list[int]:
        """The whole lines that were read."""
        return numbers([bytes(line) for line in self.read.splitlines(keepends=True) if line.endswith(b"\n")])


@pytest.fixture
def peer() -> Iterator[Peer]:
    one = Peer()
    yield one
    one.close()


def reading(peer: Peer) -> threading.Thread:
    """It accepts one connection, and reads it to its end."""

    def read() -> None:
        with peer.accept() as connection:
            peer.take(connection)

    thread = threading.Thread(target=read)
    thread.start()
    return thread


def reset(connection: socket.socket) -> None:
    """End it as a process that is killed with data unread does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_lines_arrive_once_in_order_and_count_as_sent_not_stored(peer: Peer) -> None:
    reader = reading(peer)
    sink = open_log_sink(f"tcp://127.0.0.1:{peer.port}")
    assert (sink.name, sink.guarantee) == (f"tcp://127.0.0.1:{peer.port}", "sent")
    for first in range(0, 20_000, 2000):
        sink.write(lines(2000, first, padding=100))
    sink.write(lines(0))
    assert sink.close() == Counts(20_000, 0, 0)
    reader.join()
    assert peer.numbers == list(range(20_000))
    assert sink.close() == Counts(20_000, 0, 0)


def test_a_reader_that_talks_back_loses_nothing(peer: Peer) -> None:
    """What is left unread at a close would reset the connection, and take with it what the other side has not read."""

    def talk() -> None:
        with peer.accept() as connection:
            for _ in range(50):
                connection.sendall(b"ok\n")
                peer.take(connection, 1000)
            peer.take(connection)

    reader = threading.Thread(target=talk)
    reader.start()
    sink = open_log_sink(f"tcp://127.0.0.1:{peer.port}")
    sink.write(lines(5000))
    assert sink.close().sent == 5000
    reader.join()
    assert peer.numbers == list(range(5000))


def test_a_slow_reader_makes_the_writer_wait_and_loses_nothing(peer: Peer) -> None:
    sink = open_log_sink(f"tcp://127.0.0.1:{peer.port}")
    connection = peer.accept()
    finished = threading.Event()

    def write() -> None:
        for first in range(0, 40_000, 4000):
            sink.write(lines(4000, first, padding=1000))
        finished.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert not finished.wait(0.5), "40 MB fit nowhere: somebody keeps them in memory"
    reader = threading.Thread(target=peer.take, args=(connection,))
    reader.start()
    writer.join()
    assert sink.close() == Counts(40_000, 0, 0)
    reader.join()
    connection.close()
    assert peer.numbers == list(range(40_000))


def test_a_reader_that_never_reads_is_one_line_with_the_counts(peer: Peer) -> None:
    sink = open_log_sink(f"tcp://127.0.0.1:{peer.port}", Opening(patience=0.2))
    with peer.accept() as connection:
        with pytest.raises(
            SinkFailure, match=r"has read nothing for 0.2 s: check whether it is stuck; [\d,]+ lines sent, "
        ) as caught:
            sink.write(lines(20_000, padding=1000))
        counts = sink.close()
        assert caught.value.counts == counts
        assert counts.sent + counts.dropped == 20_000
        peer.take(connection)
    # What the kernels had acknowledged can still be read; what they had not may be, or may not.
    assert counts.sent <= len(peer.numbers) <= 20_000
    assert peer.numbers == list(range(len(peer.numbers)))


def test_a_peer_that_is_restarted_gets_all_but_what_was_under_way(peer: Peer) -> None:
    """Each line is sent or dropped, none is there twice, and what was sent and read before the break is there."""
    notes: list[str] = []
    sink = open_log_sink(f"tcp://127.0.0.1:{peer.port}", Opening(note=notes.append))
    first = peer.accept()
    stopped = threading.Event()

    def kill_and_restart() -> None:
        peer.take(first, 2_000_000)
        reset(first)
        stopped.set()
        for _ in range(3):
            with peer.accept() as connection:
                peer.take(connection, 3_000_000)
                reset(connection)
        with peer.accept() as connection:
            peer.take(connection)

    other = threading.Thread(target=kill_and_restart)
    other.start()
    for start in range(0, 60_000, 1000):
        sink.write(lines(1000, start, padding=500))
    counts = sink.close()
    other.join()
    assert stopped.is_set()
    assert counts.sent + counts.dropped == 60_000
    assert 1 <= len(notes) <= 4
    assert all("closed the connection" in text and "may be lost" in text for text in notes)
    assert sum(int(text.split(": ")[1].split()[0].replace(",", "")) for text in notes) == counts.dropped
    # The peer's own reading ends in a piece of a line at every break.
    whole = [bytes(line) for line in peer.read.split(b"\n") if line.startswith(b'{"timestamp') and line.endswith(b'"}')]
    arrived = [number for line in whole if line.count(b"timestamp") == 1 for number in numbers([line])]
    assert arrived == sorted(set(arrived)), "a line is there twice"
    assert arrived[-1] == 59_999


def test_a_peer_that_ended_in_order_between_two_writes_costs_no_line(peer: Peer) -> None:
    notes: list[str] = []
    sink = open_log_sink(f"tcp://127.0.0.1:{peer.port}", Opening(note=notes.append))
    with peer.accept() as connection:
        sink.write(lines(10))
        peer.take(connection, 10)
    reader = reading(peer)
    sink.write(lines(10, 10))
    assert sink.close() == Counts(20, 0, 0)
    reader.join()
    assert peer.numbers == list(range(20))
    assert notes == []


def test_a_peer_that_stays_away_is_one_line_with_the_exact_counts(peer: Peer) -> None:
    sink = open_log_sink(f"tcp://127.0.0.1:{peer.port}", Opening(patience=0.3))
    with peer.accept() as connection:
        sink.write(lines(10))
        peer.take(connection, 10)
        peer.close()
    with pytest.raises(
        SinkFailure, match=r"has been unreachable for 0.3 s \(Connection refused\): start it, and run again"
    ) as caught:
        sink.write(lines(7, 10))
    assert str(caught.value).endswith("; 10 lines sent, 7 dropped")
    assert sink.close() == Counts(10, 0, 7)


def test_a_peer_that_comes_back_within_the_patience_gets_the_rest(peer: Peer) -> None:
    sink = open_log_sink(f"tcp://127.0.0.1:{peer.port}")
    with peer.accept() as connection:
        sink.write(lines(10))
        peer.take(connection, 10)
        peer.close()
    back: list[Peer] = []

    def restart() -> None:
        back.append(Peer(port=peer.port))
        with back[0].accept() as connection:
            back[0].take(connection)

    timer = threading.Timer(0.3, restart)
    timer.start()
    sink.write(lines(10, 10))
    assert sink.close() == Counts(20, 0, 0)
    timer.join()
    back[0].close()
    assert peer.numbers + back[0].numbers == list(range(20))


def test_nobody_there_is_one_line_at_once() -> None:
    with pytest.raises(SinkFailure, match=r"cannot connect to tcp://127.0.0.1:1 \(Connection refused\): check that it"):
        open_log_sink("tcp://127.0.0.1:1")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    ca = trustme.CA()
    file = tmp_path_factory.mktemp("tls") / "ca.pem"
    ca.cert_pem.write_to_path(str(file))
    return ca, file


def guarded(ca: trustme.CA, name: str = "127.0.0.1") -> Peer:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(name).configure_cert(context)
    return Peer(context)


def test_over_tls_all_lines_arrive(authority: tuple[trustme.CA, Path]) -> None:
    ca, file = authority
    peer = guarded(ca)
    reader = reading(peer)
    sink = open_log_sink(f"tls://127.0.0.1:{peer.port}", Opening(entry=Access(ca_file=str(file))))
    for first in range(0, 10_000, 2000):
        sink.write(lines(2000, first, padding=300))
    assert sink.close() == Counts(10_000, 0, 0)
    reader.join()
    peer.close()
    assert peer.numbers == list(range(10_000))


@pytest.mark.parametrize("wrong", ["authority", "host"])
def test_a_certificate_that_is_not_to_be_trusted_is_refused(authority: tuple[trustme.CA, Path], wrong: str) -> None:
    ca, file = authority
    peer = guarded(trustme.CA() if wrong == "authority" else ca, "127.0.0.1" if wrong == "authority" else "10.0.0.1")

    def accept() -> None:
        with pytest.raises(ssl.SSLError):
            peer.accept()

    other = threading.Thread(target=accept)
    other.start()
    with pytest.raises(SinkDenied, match=r"no secure connection to tls://.*: pass its CA with") as caught:
        open_log_sink(f"tls://127.0.0.1:{peer.port}", Opening(entry=Access(ca_file=str(file))))
    other.join()
    peer.close()
    assert caught.value.exit_code == 5
