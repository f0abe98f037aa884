"""What samples show of themselves: whether they only grow, are copies of each other, or stand for nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from traffic.errors import UsageFailure
from traffic.model import DAY, Window
from traffic.store.base import TooLarge
from traffic.store.ends import marks_at_ends, may_be_marks
from traffic.store.files.amounts import kind_of_value
from traffic.store.prometheus.asking import Asking
from traffic.store.prometheus.questions import FIELD, Question, every, span, told_apart

_GROWS = 0.5
"""Minimum share of its samples in which a counter grows."""
_RESETS = 0.02
"""Maximum share of its samples in which a counter may fall."""
_FEWEST = 10
_REPLICA = re.compile(r"(^|_)replica_*$")


@dataclass(frozen=True)
class Moves:
    """Numbers of series and samples of the newest day."""

    moving: int = 0
    """Series whose values change."""
    growing: int = 0
    """Of these, those that grow in most of their samples, and fall in almost none."""
    falls: int = 0
    samples: int = 0

    @property
    def only_grow(self) -> bool:
        """Whether all series that move only grow."""
        return 0 < self.growing == self.moving

    @property
    def fall_often(self) -> bool:
        """Whether they fall more often than counters are reset."""
        return self.falls > _RESETS * self.samples


def moves_of(asking: Asking, question: Question, end: int) -> Moves:
    """What the samples, or the values of an expression, do in the day before `end`; nothing if that is too much."""
    x = question.ranged(DAY)
    falls, count = f"resets({x})", f"count_over_time({x})"
    least, most = f"min_over_time({x})", f"max_over_time({x})"
    grows = f"(changes({x}) - {falls}) >= {_GROWS} * {count}"
    figures = {
        "moving": f"count({most} > {least})",
        "growing": f"count({grows} and {falls} <= {_RESETS} * {count} and {least} >= 0 and {count} >= {_FEWEST})",
        "falls": f"sum({falls})",
        "samples": f"sum({count})",
    }
    try:
        told = _figures(asking, figures, end)
    except TooLarge:
        return Moves()
    return Moves(**{name: int(told.get(name, 0)) for name in figures})


def refuse_histogram(asking: Asking, selector: str, labels: Sequence[str], window: Window) -> None:
    """Stop if the series of a key are the buckets of a histogram, each of which holds those below it.

    Raises:
        UsageFailure: with what to use instead.
    """
    name = selector.partition("{")[0]
    if not name.endswith("_bucket") or "le" in labels or "le" not in asking.labels([selector], window):
        return
    by = ", ".join(("le", *labels))
    raise UsageFailure(
        f"{name} is a histogram, and each of its series (le) contains those below, so they do not add up: use "
        f"{name.removesuffix('_bucket')}_count, or histogram_quantile(0.95, sum by ({by}) (rate({selector}[5m])))"
    )


def copies(asking: Asking, selector: str, labels: Sequence[str], window: Window, sharing: str) -> list[str]:
    """A note if series of one key may be copies of each other, written by several servers.

    Args:
        asking: the server.
        selector: of the series.
        labels: that form the key.
        window: the newest day.
        sharing: a query for the number of series of the key with the most.
    """
    several = max((value for _, value in asking.at(sharing, window.end)), default=1.0) > 1
    found = sorted(filter(_REPLICA.search, asking.labels([selector], window) - set(labels))) if several else []
    notes = []
    for label in found:
        added = f"series of one {', '.join(labels)} that differ in {label} are added up"
        notes.append(f"{added}: if they are copies of each other, choose one with {label}=... in --value")
    return notes


def marks_of(asking: Asking, selector: str, window: Window, step: int) -> list[str]:
    """Notes on values that may stand for none, such as -1; nothing if looking for them is too much.

    Args:
        asking: the server.
        selector: of the series.
        window: that is read.
        step: seconds between two samples.
    """
    samples = f"({selector}{span(window.seconds, closed=asking.closed)} offset 1ms)"
    ends = {"low": f"min(min_over_time{samples})", "high": f"max(max_over_time{samples})"}
    try:
        told = _figures(asking, ends, window.end)
        low, high = told.get("low", math.nan), told.get("high", math.nan)
        if not (math.isfinite(low) and math.isfinite(high) and may_be_marks(low, high)):
            return []
        each = f"last_over_time({selector}{span(step, closed=asking.closed)} offset 1ms)"
        within = every(window.seconds, step, closed=asking.closed)
        inner = f"(({each} > {low!r}) < {high!r}){within}"
        figures = {
            "low": f"sum(count_over_time(({each} == {low!r}){within}))",
            "high": f"sum(count_over_time(({each} == {high!r}){within}))",
            "least": f"min(min_over_time({inner}))",
            "most": f"max(max_over_time({inner}))",
        }
        told = _figures(asking, figures, window.end)
    except TooLarge:
        return []
    counts = {value: int(told.get(name, 0)) for name, value in (("low", low), ("high", high))}
    rest = [told[name] for name in ("least", "most") if name in told]
    marks = marks_at_ends(counts, rest, kind_of_value(selector).octets)
    return [
        f"{one.rows:,} samples are {one.shown}: if that stands for a missing value, use "
        f"--value '{selector} != {one.shown}'"
        for one in marks
    ]


def _figures(asking: Asking, figures: Mapping[str, str], end: int) -> dict[str, float]:
    return {labels.get(FIELD, ""): value for labels, value in asking.at(told_apart(figures), end)}
