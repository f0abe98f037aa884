"""Log lines for tests of sinks: what they say tells which of them arrived."""

from __future__ import annotations

import json

import numpy as np

from generator.logs.sinks import Lines

START_US = 1_770_000_000_000_000
"""2026-02-02T02:40:00Z."""


def lines(count: int, first: int = 0, run: str = "run", step_us: int = 1_000_000, padding: int = 0) -> Lines:
    numbers = range(first, first + count)
    times = START_US + np.arange(first, first + count, dtype=np.int64) * step_us
    stamps = np.datetime_as_string(times.astype("datetime64[us]"))
    texts = [
        json.dumps({"timestamp": str(stamp), "service": "nginx", "number": number, "message": "x" * padding}).encode()
        for number, stamp in zip(numbers, stamps, strict=True)
    ]
    return Lines(run, first, times, texts)


def numbers(texts: list[bytes]) -> list[int]:
    """Which lines these are."""
    return [json.loads(text)["number"] for text in texts]
