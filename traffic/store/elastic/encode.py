"""Pure: documents of amounts as the bodies of the bulk API, encoded by the matrix."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from traffic.model import Grid, Ints
from traffic.store.elastic.bodies import KEY, TIME, Body

Bytes = NDArray[np.uint8]

DOCUMENTS = 20_000
"""A bulk body, about: large enough that its way does not count, small enough to be held many times by a node."""

# Four digits at a time: 0..9999 with zeros in front, then with blanks in front (which JSON skips before a number).
_WORDS = np.array([f"{n:04d}" for n in range(10_000)] + [f"{n or '':>4}" for n in range(10_000)], dtype="S4")
_LAST = np.array([f"{n:04d}" for n in range(10_000)] + [f"{n:>4}" for n in range(10_000)], dtype="S4")


def digits(values: Ints, groups: int) -> Bytes:
    """Numbers from 0 as text, shape (values, 4 x groups), with blanks in front."""
    text = np.empty((len(values), groups), dtype="S4")
    rest = values
    for place in range(groups - 1, -1, -1):
        higher, group = np.divmod(rest, 10_000)
        words = _LAST if place == groups - 1 else _WORDS
        text[:, place] = words[group + 10_000 * (higher == 0)]
        rest = higher
    return text.view(np.uint8)


def bulk_bodies(
    keys: Sequence[str], grid: Grid, amounts: Ints, field: str, most: int = DOCUMENTS, *, named: bool = False
) -> Iterator[tuple[int, bytes]]:
    """Bodies of the bulk API that create a document for each amount that is there, and how many each creates.

    Encoded by the matrix: all lines of a key are as wide, so that a copy of columns does what a loop over documents
    would.

    Args:
        amounts: shape (keys, steps), -1 = missing.
        most: documents in a body, about.
        named: each document has a name, made of its key and its time; else the index makes one of these itself.
    """
    times = digits(grid.times() * 1000, 4)
    numbers = -(-len(str(int(amounts.max(initial=0)))) // 4)
    parts: list[bytes] = []
    count = 0
    for key, row in zip(keys, amounts, strict=True):
        for first in range(0, grid.count, most):
            part = row[first : first + most]
            there = np.flatnonzero(part >= 0)
            if count and count + len(there) > most:
                yield count, b"".join(parts)
                parts, count = [], 0
            parts.append(lines_of({KEY: key}, times[first + there], digits(part[there], numbers), field, named=named))
            count += len(there)
    if count:
        yield count, b"".join(parts)


def lines_of(about: Body, times: Bytes, numbers: Bytes, field: str, *, named: bool) -> bytes:
    """A document for each row of `times` and `numbers`, with the line before it that says what to do with it.

    Args:
        about: what all of them say besides.
        times: digits, shape (documents, width).
        numbers: as `times`, of the amounts.
        field: of the amounts.
        named: as `bulk_bodies`; the name is made of `about` and the time.
    """
    said = json.dumps(about, separators=(",", ":"))
    name = f'"_id":"{blake2b(said.encode(), digest_size=16).hexdigest()}-'.encode() if named else b""
    of_name = times if named else times[:, :0]
    # A name with blanks would be one all the same; with zeros it can be typed.
    columns = [
        _text(b'{"create":{' + name),
        np.where(of_name == ord(" "), ord("0"), of_name).astype(np.uint8),
        _text((b'"' if named else b"") + f'}}}}\n{{"{TIME}":'.encode()),
        times,
        _text(f",{json.dumps(field)}:".encode()),
        numbers,
        _text(f",{said[1:]}\n".encode()),
    ]
    return np.hstack([np.broadcast_to(part, (len(times), part.shape[-1])) for part in columns]).tobytes()


def _text(text: bytes) -> Bytes:
    return np.frombuffer(text, dtype=np.uint8)
