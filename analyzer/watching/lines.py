"""The lines on stdout: each news once, also in a file in which a killed run left half a line."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping, Sequence

from analyzer.watching.news import News
from traffic.errors import StorageFailure

STDOUT = "stdout"


def line(news: News) -> bytes:
    """A news as a line."""
    said = {"id": news.id, "what": news.kind, "event": {**news.event, "event_id": news.event_id}}
    return json.dumps(said).encode() + b"\n"


def position(descriptor: int) -> dict[str, int]:
    """Where a file stands that lines are appended to; nothing where it is a pipe or a terminal."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return {}
    if not stat.S_ISREG(found.st_mode):
        return {}
    return {"device": found.st_dev, "inode": found.st_ino, "bytes": found.st_size}


def left_to_write(descriptor: int, before: Mapping[str, int], lines: bytes) -> bytes:
    """What of the lines is not in the file yet, which stood at `before` when they were about to be written.

    All of them where that cannot be told: it is another file, a pipe, or somebody else has written to it.
    """
    now = position(descriptor)
    if not before or not now or (before["device"], before["inode"]) != (now["device"], now["inode"]):
        return lines
    try:
        # What the shell opened for writing cannot be read by its number.
        reader = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return lines
    try:
        there = os.pread(reader, len(lines), before["bytes"])
    finally:
        os.close(reader)
    return lines.removeprefix(there)


def write_lines(descriptor: int, before: Mapping[str, int], news: Sequence[News]) -> None:
    """Write what is left of the lines.

    Raises:
        StorageFailure: nobody takes them.
    """
    left = left_to_write(descriptor, before, b"".join(map(line, news)))
    try:
        while left:
            left = left[os.write(descriptor, left) :]
        if before:
            os.fsync(descriptor)
    except BrokenPipeError:
        # Whoever read is gone for good, and so is what there is to go on for.
        raise
    except OSError as error:
        raise StorageFailure(
            f"cannot write to stdout ({error.strerror}): {len(news):,} will be written in the next round"
        ) from None
