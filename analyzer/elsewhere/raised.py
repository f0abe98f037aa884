"""What a policy of another engine raised on the history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analyzer.elsewhere.policy import Elsewhere
from analyzer.history import History, week_of, weeks_in
from analyzer.model import NotJudged
from analyzer.pipeline import Surveyed
from traffic.model import DAY, HOUR, Bools, Floats, Grid, Ints, Query, Window

_AT_ONCE = 5_000_000
"""Maximum number of buckets in memory if all series of a period are looked at together."""


@dataclass(frozen=True, eq=False)
class Alerts:
    """Arrays of shape (alerts,), in order of key, then start."""

    key: Ints
    """Indices of the keys of the survey."""
    start: Ints
    """Of the first match."""
    end: Ints
    """Of the last one."""
    detected: Ints
    told: Ints
    """How often the engine notifies of it."""
    peak: Floats
    """The value farthest beyond the limit."""
    limit: Floats
    """The limit there."""
    usual: Floats
    """The baseline there; NaN if none is used."""
    level: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Raised:
    """The result of one policy."""

    policy: Elsewhere
    alerts: Alerts
    judged: Bools
    """Shape (keys, hours of the window)."""
    looked: Bools
    """Shape (keys,): whether a series was evaluated at all."""
    why_not: str
    """Why the other hours were not judged."""
    baseline: Floats | None = None
    """Shape (keys, hours of the window)."""

    def gaps(self, surveyed: Surveyed, keys: frozenset[str]) -> Iterator[NotJudged]:
        """The time of these keys that was not judged."""
        inside = there(surveyed)
        for row, key in enumerate(surveyed.spans):
            if key not in keys:
                continue
            blank = np.concatenate([[False], inside[row] & ~self.judged[row], [False]])
            edges = surveyed.window.start + HOUR * np.flatnonzero(np.diff(blank.astype(np.int8)))
            for start, end in edges.reshape(-1, 2).tolist():
                yield NotJudged(key, start, end, self.why_not)

    def by_week(self, window: Window) -> Ints:
        """Key-hours that were judged in each week of the window."""
        week = week_of(Grid.over(window, HOUR).times(), window)
        return np.bincount(week, self.judged.sum(axis=0), weeks_in(window)).astype(np.int64)


def there(surveyed: Surveyed) -> Bools:
    """The hours in which each key has data, shape (keys, hours of the window)."""
    grid = Grid.over(surveyed.window, HOUR)
    found = np.zeros((len(surveyed.spans), grid.count), dtype=bool)
    for row, span in enumerate(surveyed.spans.values()):
        found[row, grid.slice(span.widen(HOUR))] = True
    return found


def walk(history: History, step: int, window: Window) -> Iterator[tuple[Grid, Floats]]:
    """All series, one period after the other: its grid, and values of shape (keys, buckets), NaN = missing.

    Args:
        step: seconds of a bucket.
    """
    source, place_of = history.source, history.place_of
    days = max(1, min(7, _AT_ONCE * step // (max(1, len(place_of)) * DAY)))
    for part in window.pieces(days * DAY):
        grid = Grid.over(part, step)
        values = np.full((len(place_of), grid.count), np.nan)
        asked = [
            Query(source.metric, block, part.clip(reach), step)
            for block, reach in history.surveyed.blocks
            if part.overlap(reach)
        ]
        for query, matrix in zip(asked, source.series_many(asked), strict=True):
            rows = [place_of[key] for key in query.keys]
            values[rows, grid.slice(matrix.grid.window)] = matrix.values
        yield grid, values


def no_alerts() -> Alerts:
    """None."""
    none, nothing = np.zeros(0, dtype=np.int64), np.zeros(0)
    return Alerts(
        key=none, start=none, end=none, detected=none, told=none, peak=nothing, limit=nothing, usual=nothing, level=()
    )


def highest(groups: Ints, values: Ints) -> Ints:
    """The largest value of each group, whose numbers ascend from 0."""
    found = np.full(int(groups[-1]) + 1 if len(groups) else 0, np.iinfo(np.int64).min)
    np.maximum.at(found, groups, values)
    return found
