"""What a person should know of the keys and times that a server has, whatever kind it is. Pure."""

from __future__ import annotations

import time
from collections.abc import Collection

from traffic.model import HOUR, Window
from traffic.times import iso

_AHEAD = HOUR // 4
"""Seconds by which a clock may run ahead before it is worth a remark."""


def ahead(reach: Window, field: str) -> list[str]:
    """Whether the newest times have not been yet: a clock that runs ahead, or local times that are taken for UTC.

    Args:
        reach: from the first to the last time.
        field: that holds the times.
    """
    if reach.end <= time.time() + _AHEAD:
        return []
    return [f"the newest {field} is {iso(reach.end - 1)}, which has not been yet: check clocks and time zones"]


def alike(keys: Collection[str]) -> list[str]:
    """Keys that may be the same one, written in two ways."""
    by_name: dict[str, list[str]] = {}
    for key in keys:
        by_name.setdefault(" ".join(key.split()).casefold(), []).append(key)
    found = [some for some in by_name.values() if len(some) > 1]
    if not found:
        return []
    count = sum(map(len, found))
    some = " and ".join(repr(key) for key in sorted(found[0])[:2])
    return [f"{count:,} keys differ from others only in case or blanks, such as {some}, and are series of their own"]
