"""What is looked at of a file before it is read: how it begins, and blocks from all over it."""

from __future__ import annotations

import gzip
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from traffic.disk import storage
from traffic.store.base import DamagedStore

BEGINNING = 1 << 20
_BLOCK = 1 << 15
_UNPACKED = 1 << 26
"""Bytes of a gzipped file that are unpacked to look at it."""
GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Excerpt:
    """Bytes of a file."""

    beginning: bytes
    whole: bool
    """Whether that is all of it."""
    blocks: tuple[bytes, ...] = ()
    """From further on; each starts and ends somewhere in a line."""
    last: bool = False
    """Whether the last block reaches to the end of the file."""


def excerpt(path: str, name: str, blocks: int) -> tuple[Excerpt, bool]:
    """How a file begins and `blocks` of what comes later; and whether it is gzipped.

    Raises:
        DamagedStore: it is gzipped and damaged.
        StorageFailure: it cannot be read.
    """
    with storage(name), Path(path).open("rb") as file:
        beginning = file.read(BEGINNING)
        packed = beginning.startswith(GZIP)
        if not packed:
            size = Path(path).stat().st_size
            rest = size - len(beginning)
            if rest <= 0:
                return Excerpt(beginning, whole=True), False
            places = [len(beginning) + max(0, rest - _BLOCK) * place // max(1, blocks - 1) for place in range(blocks)]
            places[-1:] = [max(len(beginning), size - _BLOCK)]
            found = []
            for place in dict.fromkeys(places):
                file.seek(place)
                found.append(file.read(_BLOCK))
            return Excerpt(beginning, whole=False, blocks=tuple(found), last=True), False
    try:
        with storage(name), gzip.open(path) as unpacked:
            beginning = unpacked.read(BEGINNING)
            found = []
            done, step = len(beginning), _UNPACKED // max(1, 2 * blocks)
            # Damage further on is reported when it is read, with its position.
            with suppress(EOFError, zlib.error, gzip.BadGzipFile):
                while done < _UNPACKED and (chunk := unpacked.read(step)):
                    found.append(chunk[-_BLOCK:])
                    done += len(chunk)
            whole = not found
            return Excerpt(beginning, whole, tuple(found), last=done < _UNPACKED), True
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DamagedStore(f"{name} is a damaged gzip file ({error}): get it again") from error
