"""Runs in turn: A, B, A, B ... A machine that is busy for a while then slows both, and the ratio holds."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Ratio:
    """Seconds of each round of two ways to do the same work."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        """Theirs over ours, round by round."""
        return [b / a for a, b in zip(self.ours, self.theirs, strict=True)]

    def row(self, name: str, goal: str) -> str:
        """A line of a Markdown table."""
        ratios = self.ratios
        return (
            f"| {name} | {median(self.ours):.3g} | {median(self.theirs):.3g} "
            f"| **{median(ratios):.1f}x** ({min(ratios):.1f}-{max(ratios):.1f}) | {goal} |"
        )


HEADER = """\
| compared with | ours, s | theirs, s | theirs / ours, median (min-max) | asked |
| --- | --- | --- | --- | --- |"""


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """How long it took, by that clock."""
    gc.collect()
    begun = clock()
    work()
    return clock() - begun


def paired(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Ratio:
    """One warm-up each, then `rounds` rounds in turn."""
    ours()
    theirs()
    times = [(seconds(ours, clock), seconds(theirs, clock)) for _ in range(rounds)]
    return Ratio(tuple(a for a, _ in times), tuple(b for _, b in times))
