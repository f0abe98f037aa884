"""Bytes into a file descriptor, with an exact account of the lines that went in whole."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from traffic.disk import storage
from traffic.errors import StorageFailure
from traffic.model import Ints


def put(descriptor: int, body: bytes) -> tuple[int, OSError | None]:
    """Write as much of `body` as goes; how many bytes went, and why not all of them did."""
    view, done = memoryview(body), 0
    try:
        while done < len(body):
            done += os.write(descriptor, view[done:])
    except OSError as error:
        return done, error
    return done, None


def ends_of(texts: Sequence[bytes]) -> Ints:
    """Where each line ends in the bytes of all of them, its line end included; shape (lines,)."""
    return np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)) + 1)


def whole(ends: Ints, size: int) -> int:
    """How many lines lie wholly within the first `size` bytes."""
    return int(np.searchsorted(ends, size, side="right"))


def why(where: str, error: OSError) -> str:
    """What the operating system says about `where`, and what to do: without an end, so that counts can follow."""
    try:
        with storage(where):
            raise error
    except StorageFailure as failure:
        return str(failure)
