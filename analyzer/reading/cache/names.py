"""What pieces are called: a hash of what was asked for."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)
_text = _CANONICAL.encode


def piece_hash(about: Mapping[str, Any]) -> str:
    """The name of a piece: a hash of the canonical JSON of what was asked for."""
    return blake2b(_text(about).encode(), digest_size=16).hexdigest()


@lru_cache(maxsize=8192)
def _own_text(value: Hashable) -> str:
    """Of a field's value: a key has pieces of many days."""
    return _text(value)


def piece_hashes(about: Mapping[str, Any], *own: tuple[str, Iterable[Hashable]]) -> Iterator[str]:
    """The same of pieces that differ in some fields alone: what they share is written and hashed once.

    Args:
        about: what they share.
        own: the name of a field, and its value of each piece, of texts and whole numbers; in order of these names.
    """
    names, values = zip(*own, strict=True)
    # A quote inside a text is escaped: a field of no value stands where it stands, and nowhere else.
    first, rest = _text({**about, **dict.fromkeys(names)}), []
    for name in reversed(names):
        first, after = first.rsplit(f"{_text(name)}:null", 1)
        rest.append((f"{_text(name)}:", after))
    shared = blake2b(first.encode(), digest_size=16)
    for each in zip(*values, strict=True):
        hashed = shared.copy()
        own_text = (
            f"{before}{_own_text(value)}{after}" for (before, after), value in zip(reversed(rest), each, strict=True)
        )
        hashed.update("".join(own_text).encode())
        yield hashed.hexdigest()
