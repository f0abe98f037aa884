"""Memory that was freed is given back."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from traffic.heap import give_back


def resident() -> float:
    """MiB that this process holds in memory of its own."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps it")
def test_what_lies_before_something_in_use_is_given_back() -> None:
    # Too small to be mapped one by one, too large for Python's own arenas.
    held = [bytearray(b"x" * 50_000) for _ in range(2000)]
    del held[:-1]
    before = resident()
    give_back()
    assert before - resident() > 50
    assert len(held) == 1
