"""Which program this is, so that what an earlier version made is not taken for what this one would make."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent


def program(files: Sequence[str], packages: Sequence[str]) -> bytes:
    """A hash of the sources that match these patterns, below the project, and of the versions of these packages."""
    return _program(tuple(files), tuple(packages))


@cache
def _program(files: tuple[str, ...], packages: tuple[str, ...]) -> bytes:
    hashed = blake2b(digest_size=16)
    for package in packages:
        hashed.update(f"{package} {version(package)}\0".encode())
    for path in sorted({path for pattern in files for path in _ROOT.glob(pattern)}):
        hashed.update(path.read_bytes() + b"\0")
    return hashed.digest()
