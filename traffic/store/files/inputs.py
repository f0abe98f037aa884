"""Which files are meant: by name, by glob, or what comes in on standard input."""

from __future__ import annotations

import glob
import sys
import tempfile
from difflib import get_close_matches
from hashlib import blake2b
from pathlib import Path
from typing import IO, BinaryIO

from traffic.disk import storage
from traffic.store.base import NoSuchStore

STDIN = "-"
"""The name of the store that is piped in."""
STDIN_SHOWN = "standard input"
_CHUNK = 1 << 20


def find_files(pattern: str) -> list[str]:
    """The files that `pattern` means, in order of name: the file of that name, else those that fit it as a glob.

    Raises:
        NoSuchStore: none.
    """
    path = Path(pattern)
    with storage(pattern):
        if path.is_dir():
            raise NoSuchStore(f"{pattern} is a folder: name the files in it, such as {path}/*.csv")
        if path.exists():
            return [pattern]
        if glob.has_magic(pattern):
            # PTH207: Path.glob takes no absolute pattern.
            found = sorted(name for name in glob.glob(pattern, recursive=True) if Path(name).is_file())  # noqa: PTH207
            if found:
                return found
            raise NoSuchStore(f"no file fits {pattern}: check it, and quote it so that the shell leaves it alone")
        near = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    close = get_close_matches(path.name, near, n=1)
    hint = f"did you mean {path.parent / close[0]}?" if close else "check the path"
    raise NoSuchStore(f"there is no file {pattern}: {hint}")


def spool(stream: BinaryIO | None = None) -> tuple[IO[bytes], str]:
    """What comes in on `stream` (standard input), as a file that goes when it is closed, and a hash of its content.

    A pipe can be read only once, and a table has to be looked at before it is read.

    Raises:
        NoSuchStore: nothing is piped in.
        StorageFailure: the temporary folder is full.
    """
    stream = stream or sys.stdin.buffer
    if stream.isatty():
        raise NoSuchStore("nothing is piped in: write for instance  zcat flows.csv.gz | ./sl.py discover --store -")
    digest = blake2b(digest_size=16)
    with storage(tempfile.gettempdir()):
        file = tempfile.NamedTemporaryFile(prefix="sl-")  # noqa: SIM115  # the caller keeps it
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
        file.flush()
    return file, digest.hexdigest()
