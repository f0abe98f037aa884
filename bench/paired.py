"""Runs in turn: A, B, A, B ... A machine that is busy for a while then slows both, and the ratio holds."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
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


Clock = Callable[[], float]


def paired(
    ours: Callable[[], object], theirs: Callable[[], object], rounds: int, clock: Clock = time.perf_counter
) -> Ratio:
    """One warm-up each, then `rounds` rounds in turn."""
    (times,) = in_turn((clock,), (ours, theirs), rounds)
    return Ratio(*times)


def in_turn(
    clocks: Sequence[Clock], ways: Sequence[Callable[[], object]], rounds: int
) -> list[list[tuple[float, ...]]]:
    """Seconds of each round by clock and way, after one warm-up each."""
    for work in ways:
        work()
    times = [[_by(clocks, work) for work in ways] for _ in range(rounds)]
    return [[tuple(each[way][clock] for each in times) for way in range(len(ways))] for clock in range(len(clocks))]


def _by(clocks: Sequence[Clock], work: Callable[[], object]) -> list[float]:
    gc.collect()
    begun = [clock() for clock in clocks]
    work()
    return [clock() - start for clock, start in zip(clocks, begun, strict=True)]
