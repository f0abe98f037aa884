"""Lines made whole before they are read: bytes that are not UTF-8, and lines that a container runtime has cut.

The database takes neither. A file that has them is copied once, mended; any other is read where it is.
"""

from __future__ import annotations

import codecs
import gzip
import json
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from traffic.disk import storage
from traffic.errors import UsageFailure


class NotUtf8(UsageFailure):
    """A file has bytes that are no text."""


_BLOCK = 1 << 22
_LONGEST = 1 << 25
"""Bytes without a line break after which a block ends in the midst of a line."""
_CUT = re.compile(rb"^\S+ std(?:out|err) P ", re.MULTILINE)
_CRI = re.compile(rb"(\S+) (stdout|stderr) ([FP]) (.*)", re.DOTALL)
_OVER = b'\\n"'
"""How Docker ends a line that is whole."""
_ENDED = 0.02
"""Share of its lines that end so, below which whoever wrote them leaves it out."""


def _in_json(error: UnicodeError) -> tuple[str, int]:
    """A byte as a backslash and its number, as `backslashreplace` writes it, inside of a JSON text."""
    assert isinstance(error, UnicodeDecodeError)
    return "".join(f"\\\\x{byte:02x}" for byte in error.object[error.start : error.end]), error.end


codecs.register_error("sl.json", _in_json)


@dataclass(frozen=True)
class Mended:
    """What became of a file."""

    path: str
    """Where it is read: itself, or a copy."""
    odd: int = 0
    """Lines with bytes that are not UTF-8: each such byte is read as `\\xe9` and the like, so none is taken for
    another."""
    joined: int = 0
    """Pieces of lines that were put together."""
    lines: int = 0
    """That it has."""


def made_whole(path: str, packed: bool, frame: str, in_json: bool, copy: Path) -> Mended:
    """A file of text that can be read line by line.

    Args:
        path: of the file.
        packed: whether it is gzipped.
        frame: of `frames.FRAMES`, in which its lines stand.
        in_json: whether its lines are JSON objects.
        copy: where to write a copy, should one be needed; it gets the file's time of change.

    Raises:
        StorageFailure: it cannot be read, or the copy cannot be written.
    """
    with storage(path):
        odd, cut, lines = _needs(path, packed, frame)
    if not odd and not cut:
        return Mended(path, lines=lines)
    joining = _Joining(frame if cut else "")
    with storage(path), _opened(path, packed) as file, storage(str(copy)):
        with gzip.open(copy, "wb", compresslevel=1) if packed else copy.open("wb") as mended:
            for block in _blocks(file):
                mended.write(joining.take(_as_utf8(block, in_json)))
            mended.write(joining.rest())
        times = Path(path).stat()
        os.utime(copy, ns=(times.st_atime_ns, times.st_mtime_ns))
    return Mended(str(copy), odd, joining.joined, lines)


def _needs(path: str, packed: bool, frame: str) -> tuple[int, bool, int]:
    """How many lines are not UTF-8, whether some are in pieces, and how many there are."""
    odd = pieces = ended = lines = 0
    try:
        with _opened(path, packed) as file:
            for block in _blocks(file):
                odd += _odd_lines(block)
                lines += block.count(b"\n")
                if frame == "cri":
                    pieces += _CUT.search(block) is not None
                elif frame == "docker":
                    over = sum(_OVER in line for line in block.splitlines())
                    ended += over
                    pieces += block.count(b"\n") - over
    except (EOFError, gzip.BadGzipFile, zlib.error):
        # Damage is reported when it is read.
        return 0, False, lines
    return odd, pieces > 0 and (frame == "cri" or ended >= _ENDED * pieces), lines


def beginning_of(path: str, packed: bool = False) -> bytes:
    """The first bytes of a file; `packed`: of what is in it.

    Raises:
        StorageFailure: it cannot be read.
    """
    with storage(path), _opened(path, packed) as file:
        return file.read(100)


def joined(begins: str) -> str:
    """How a log begins, with the lines put together that a container runtime has cut."""
    first = begins.encode(errors="replace")
    frame = "cri" if _CUT.search(first) else "docker" if first.startswith(b"{") and b'"log":' in first[:_BLOCK] else ""
    if frame == "docker":
        lines = first.splitlines()
        ended = sum(_OVER in line for line in lines)
        frame = "docker" if len(lines) > ended >= _ENDED * (len(lines) - ended) else ""
    if not frame:
        return begins
    joining = _Joining(frame)
    return (joining.take(first) + joining.rest()).decode()


def _odd_lines(block: bytes) -> int:
    if block.isascii():
        return 0
    try:
        block.decode()
    except UnicodeDecodeError:
        return sum(_is_odd(line) for line in block.splitlines())
    return 0


def _is_odd(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return True
    return False


def _as_utf8(block: bytes, in_json: bool) -> bytes:
    return block.decode(errors="sl.json" if in_json else "backslashreplace").encode()


class _Joining:
    """Puts lines together that were cut, stream by stream: stdout and stderr are told apart."""

    def __init__(self, frame: str) -> None:
        """`frame`: of the lines; an empty one: nothing is cut."""
        self._frame = frame
        self._open: dict[Any, tuple[Any, list[Any]]] = {}
        self.joined = 0

    def take(self, block: bytes) -> bytes:
        """What can be written after this block."""
        if not self._frame or (self._frame == "cri" and not self._open and not _CUT.search(block)):
            return block
        one = self._of_cri if self._frame == "cri" else self._of_docker
        return b"".join(map(one, block.splitlines(keepends=True)))

    def rest(self) -> bytes:
        """What has no end, as lines that have."""
        found = [self._written(stream, *self._open[stream]) for stream in list(self._open)]
        self._open.clear()
        return b"".join(found)

    def _of_cri(self, line: bytes) -> bytes:
        parts = _CRI.match(line)
        if parts is None:
            return line
        time, stream, tag, content = parts.groups()
        if tag == b"F" and stream not in self._open:
            return line
        return self._piece(stream, time, content.rstrip(b"\r\n"), tag == b"F")

    def _of_docker(self, line: bytes) -> bytes:
        try:
            found = json.loads(line)
            said, stream = found["log"], found.get("stream")
            over = said.endswith("\n")
        except (ValueError, TypeError, KeyError, AttributeError):
            return line
        if over and stream not in self._open:
            return line
        return self._piece(stream, found, said, over)

    def _piece(self, stream: Any, head: Any, content: Any, over: bool) -> bytes:
        """Of a line: the first of its pieces says when it was written."""
        head, contents = self._open.pop(stream, (head, []))
        contents.append(content)
        self.joined += 1
        if over:
            return self._written(stream, head, contents)
        self._open[stream] = head, contents
        return b""

    def _written(self, stream: Any, head: Any, contents: list[Any]) -> bytes:
        if self._frame == "cri":
            return b"%b %b F %b\n" % (head, stream, b"".join(contents))
        return json.dumps({**head, "log": "".join(contents)}, ensure_ascii=False).encode() + b"\n"


def _opened(path: str, packed: bool) -> IO[bytes]:
    # The caller closes it.
    return gzip.open(path, "rb") if packed else Path(path).open("rb")  # type: ignore[return-value]


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    """The file in blocks of whole lines."""
    rest: list[bytes] = []
    held = 0
    while data := file.read(_BLOCK):
        cut = data.rfind(b"\n") + 1
        if not cut and held < _LONGEST:
            rest.append(data)
            held += len(data)
            continue
        yield b"".join((*rest, data[:cut] or data))
        rest, held = ([data[cut:]], len(data) - cut) if cut else ([], 0)
    if any(rest):
        yield b"".join(rest)
