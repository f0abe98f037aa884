"""The files of the cache: one checksummed file per answer, which may hold several pieces.

An answer's file is the commit point: temporary name, sync, rename. Layout, little-endian:

    8 bytes   magic and version
    4 bytes   length of the header
    16 bytes  BLAKE2b of the header
    header    JSON: what was asked, the pieces with shape and location, CRC-32 of the body
    body      float64 arrays, one after the other

A file that is damaged, cut short or of another version is a miss, never data. Before version 3 the body had a BLAKE2b,
which took five times as long to check; files of version 2 are still answers.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import prod
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from analyzer.reading.cache.names import piece_hash
from traffic.disk import make_folder, sweep, write_atomic
from traffic.model import Floats
from traffic.times import iso

MAGIC = b"slcache3"
_OLDER = b"slcache2"
_FIXED = struct.Struct("<8sI16s")
_SUFFIX = ".slc"
_CRC32 = 8
"""Hexadecimal digits of it; a BLAKE2b has 32."""


class Damaged(Exception):
    """A file that does not hold what its checksums promise."""


def _digest(part: bytes) -> bytes:
    return blake2b(part, digest_size=16).digest()


def _checksum(parts: Iterable[bytes | memoryview]) -> str:
    """Of the body: against damage, not against a forger, who would write the header anew as well."""
    found = 0
    for part in parts:
        found = crc32(part, found)
    return f"{found:08x}"


@dataclass(frozen=True)
class Use:
    """What was made of the answers in a folder."""

    used: frozenset[Path]
    """Files that were read or added."""
    damaged: frozenset[Path]
    """Files that were ignored."""

    def since(self, before: Use) -> Use:
        """What came after that."""
        return Use(self.used - before.used, self.damaged - before.damaged)


class AnswerFiles:
    """The answers in one folder, for the holder of its lock.

    Opening it reads the header of every file; bodies are read when they are asked for.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.damaged: list[Path] = []
        """Files that were ignored."""
        self._locations: dict[str, Path] = {}
        """Piece -> its file. There are hundreds of thousands: where in it they lie is read again with the file."""
        self._about: dict[Path, dict[str, Any]] = {}
        self._bodies: dict[Path, tuple[int, int, str]] = {}
        """Of each file where its body begins, how many bytes it has, and what they add up to."""
        self._loaded: tuple[Path | None, Mapping[str, Floats]] = (None, {})
        """The pieces of the file that was read last."""
        self._used: set[Path] = set()
        for part in folder.glob("*/"):
            sweep(part)
        for path in sorted(folder.glob(f"*/*{_SUFFIX}")):
            try:
                self._take(path, *_read_header(path))
            except (Damaged, OSError):
                self.damaged.append(path)

    def _take(self, path: Path, header: dict[str, Any], size: int, body: int) -> None:
        self._about[path] = {**header["about"], "bytes": size}
        self._bodies[path] = (size - body, body, header.get("crc32") or header["digest"])
        self._locations |= dict.fromkeys((name for name, *_ in header["pieces"]), path)

    def __contains__(self, name: str) -> bool:
        return name in self._locations

    def get(self, name: str) -> Floats | None:
        """The piece of that name, or None if it is not there or its file turns out to be damaged."""
        path = self._locations.get(name)
        if path is None:
            return None
        try:
            piece = self._load(path)[name]
        except (Damaged, OSError):
            self._forget(path)
            return None
        self._used.add(path)
        return piece

    def each(self, names: Iterable[str]) -> Iterator[tuple[str, Floats]]:
        """Those of these pieces that are there, file by file, so that each is read and checked once.

        What a store was asked for day after day lies in as many files; taken in the order of days and keys, nearly
        every piece would be in another one than the last.
        """
        there: dict[Path, list[str]] = {}
        for name in names:
            if name in self._locations:
                there.setdefault(self._locations[name], []).append(name)
        for path in sorted(there):
            for name in there[path]:
                if (piece := self.get(name)) is not None:
                    yield name, piece

    def put(self, pieces: Sequence[tuple[str, Floats]], about: Mapping[str, Any]) -> None:
        """Commit one answer: all its pieces, or nothing.

        Raises:
            StorageFailure: the disk is full or the folder cannot be written.
        """
        places, arrays, offset = [], [], 0
        for name, values in pieces:
            array = np.ascontiguousarray(values, dtype="<f8")
            places.append((name, offset, array.shape))
            arrays.append(array.data.cast("B") if array.size else b"")
            offset += array.size
        header = {"about": dict(about), "pieces": places, "crc32": _checksum(arrays)}
        encoded = json.dumps(header, separators=(",", ":")).encode()
        answer = _file_name([name for name, _ in pieces])
        path = self.folder / answer[:2] / f"{answer}{_SUFFIX}"
        make_folder(path.parent)
        write_atomic(path, [_FIXED.pack(MAGIC, len(encoded), _digest(encoded)), encoded, *arrays])
        if self._loaded[0] == path:
            self._loaded = (None, {})
        self._take(path, json.loads(encoded), _FIXED.size + len(encoded) + 8 * offset, 8 * offset)
        self._used.add(path)

    def doubt(self) -> None:
        """Remove every answer that was used or added: together they do not add up, and nobody knows which is wrong."""
        for path in self._used:
            path.unlink(missing_ok=True)
            self._about.pop(path, None)
        self._locations = {name: path for name, path in self._locations.items() if path not in self._used}
        self._used.clear()

    def use(self) -> Use:
        """Of which answers this process has made use so far."""
        return Use(frozenset(self._used), frozenset(self.damaged))

    def share(self, use: Use) -> None:
        """Take over what another process, which works for the same holder, has added and found."""
        for path in use.damaged - set(self.damaged):
            self._forget(path)
        for path in use.used - use.damaged - self._about.keys():
            self._take(path, *_read_header(path))
        self._used |= use.used

    def answers(self) -> list[dict[str, Any]]:
        """What was asked for, one entry per file, in order of file name; `file` and `bytes` say where it lies."""
        return [
            {"file": path.relative_to(self.folder).as_posix(), **about} for path, about in sorted(self._about.items())
        ]

    def clear(self) -> int:
        """Remove every answer; says how many there were."""
        paths = [*self._about, *self.damaged]
        for path in paths:
            path.unlink(missing_ok=True)
        for folder in sorted({path.parent for path in paths}):
            if not any(folder.iterdir()):
                folder.rmdir()
        self._locations.clear()
        self._about.clear()
        self.damaged.clear()
        return len(paths)

    def _load(self, path: Path) -> Mapping[str, Floats]:
        if self._loaded[0] != path:
            begin, size, expected = self._bodies[path]
            header, _, _ = _read_header(path)
            body = np.fromfile(path, dtype="<f8", offset=begin)
            raw = body.data.cast("B") if body.size else b""
            found = _checksum([raw]) if len(expected) == _CRC32 else blake2b(raw, digest_size=16).hexdigest()
            if body.nbytes != size or found != expected:
                raise Damaged(path)
            body.flags.writeable = False
            pieces = {
                name: body[offset : offset + prod(lengths)].reshape(lengths)
                for name, offset, lengths in header["pieces"]
            }
            self._loaded = (path, pieces)
        return self._loaded[1]

    def _forget(self, path: Path) -> None:
        self.damaged.append(path)
        self._about.pop(path, None)
        self._locations = {name: other for name, other in self._locations.items() if other != path}


def _file_name(pieces: Sequence[str]) -> str:
    """What a file with these pieces is called, without its ending."""
    return piece_hash({"pieces": list(pieces)})


def _body_bytes(header: Mapping[str, Any]) -> int:
    return 8 * sum(int(prod(shape)) for _, _, shape in header["pieces"])


def _read_header(path: Path) -> tuple[dict[str, Any], int, int]:
    """The header, and the bytes of the file and of its body."""
    with path.open("rb") as file:
        fixed = file.read(_FIXED.size)
        if len(fixed) < _FIXED.size:
            raise Damaged(path)
        magic, length, digest = _FIXED.unpack(fixed)
        encoded = file.read(length) if magic in (MAGIC, _OLDER) else b""
    if magic not in (MAGIC, _OLDER) or _digest(encoded) != digest:
        raise Damaged(path)
    header: dict[str, Any] = json.loads(encoded)
    # A whole file under the name of another answers what nobody asked.
    if path.stem != _file_name([name for name, *_ in header["pieces"]]):
        raise Damaged(path)
    size, body = path.stat().st_size, _body_bytes(header)
    if size != _FIXED.size + length + body:
        raise Damaged(path)
    return header, size, body


def readable(about: Mapping[str, Any]) -> dict[str, Any]:
    """What the log of answers shows of a query."""
    start, end = about["window"]
    return {
        "kind": about["kind"],
        "store": about["store"],
        "metric": about["metric"]["name"],
        "start": iso(start),
        "end": iso(end),
    }
