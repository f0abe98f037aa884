"""A file that grows by a day at a time, with spikes on some days: what `discover --every` is tried on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tests.worlds import MONDAY
from traffic.disk import write_atomic
from traffic.model import DAY, HOUR, WEEK
from traffic.times import iso

STEP = 600
HISTORY = 3 * WEEK
"""Seconds of quiet before the first day that is looked at anew."""
BEGIN = MONDAY + HISTORY
KEYS = ("a", "b", "c")
OPTIONS = ("--time", "time", "--key", "key", "--value", "value", "--statistic", "sum", "--resolution", "10m")
NO_PICTURES = ("--charts", "0", "--no-html")


def spikes(day: int) -> list[tuple[str, int, int]]:
    """Of a day: key, start and end; none of them is cut by midnight."""
    rng = np.random.default_rng(day)
    count = int(rng.integers(1, 3))
    return [
        (str(key), start, start + int(rng.integers(3, 9)) * STEP)
        for key in rng.choice(KEYS, count, replace=False)
        for start in [BEGIN + day * DAY + int(rng.integers(2, 20)) * HOUR]
    ]


def rows(days: int) -> str:
    """The file as it is after so many days."""
    times = np.arange(MONDAY, BEGIN + days * DAY, STEP)
    lines = ["time,key,value"]
    for number, key in enumerate(KEYS):
        values = 100 + 10 * number + np.random.default_rng(number).integers(0, 20, len(times))
        for name, start, end in (spike for day in range(days) for spike in spikes(day)):
            if name == key:
                values[(times >= start) & (times < end)] *= 9
        lines += [f"{iso(at)},{key},{value}" for at, value in zip(times.tolist(), values.tolist(), strict=True)]
    return "\n".join(lines) + "\n"


def grow(path: Path, days: int) -> None:
    """As another program replaces it: as a whole."""
    write_atomic(path, rows(days).encode())


def told(lines: Iterable[str]) -> list[dict[str, Any]]:
    """The lines of stdout."""
    return [json.loads(line) for line in lines if line.strip()]
