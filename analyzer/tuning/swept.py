"""What a policy raised on a history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from analyzer.history import weeks_in
from analyzer.model import Event, NotJudged, event_id
from analyzer.verdict import bare_event
from traffic.model import Bools, Direction, Ints, Window


@dataclass(frozen=True, eq=False)
class SweptAlerts:
    """Alerts of all series as arrays of shape (alerts,), in order of start, then key."""

    key: Ints
    """Indices of the keys of the survey."""
    start: Ints
    end: Ints
    detected: Ints
    above: Bools


@dataclass(eq=False)
class Swept:
    """What one policy raised, in arrays of shape (alerts,) per block, and how much it judged."""

    key: list[Ints] = field(default_factory=list)
    """Indices of the keys of the survey."""
    start: list[Ints] = field(default_factory=list)
    end: list[Ints] = field(default_factory=list)
    detected: list[Ints] = field(default_factory=list)
    above: list[Bools] = field(default_factory=list)
    gaps: list[NotJudged] = field(default_factory=list)
    """Time that was not judged, of keys with labels."""
    judged_by_week: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """Key-hours in each week of the window."""
    judged_of_key: dict[int, int] = field(default_factory=dict)
    """Index of the key -> hours that were judged."""

    @classmethod
    def blank(cls, window: Window) -> Swept:
        """For a window in which nothing has been judged yet."""
        return cls(judged_by_week=np.zeros(weeks_in(window), dtype=np.int64))

    def count(self, places: Ints, known: Bools, week: Ints) -> None:
        """Count the hours of some keys that were judged.

        Args:
            places: indices of the keys, shape (keys,).
            known: whether each hour was judged, shape (keys, hours).
            week: of each hour, shape (hours,).
        """
        weeks = len(self.judged_by_week)
        self.judged_by_week += np.bincount(week, known.sum(axis=0), weeks).astype(np.int64)
        self.judged_of_key |= dict(zip(places.tolist(), known.sum(axis=1).tolist(), strict=True))

    def add(self, key: Ints, start: Ints, end: Ints, detected: Ints, *, rises: bool) -> None:
        """Add alerts: arrays of shape (alerts,), times in epoch seconds."""
        self.key.append(key)
        self.start.append(start)
        self.end.append(end)
        self.detected.append(detected)
        self.above.append(np.full(len(key), rises))

    def alerts(self) -> SweptAlerts:
        """All alerts."""
        columns = (self.key, self.start, self.end, self.detected)
        none = np.zeros(0, dtype=np.int64)
        key, start, end, detected = (np.concatenate([none, *column]) for column in columns)
        above = np.concatenate([none.astype(bool), *self.above])
        order = np.lexsort((key, start))
        return SweptAlerts(key[order], start[order], end[order], detected[order], above[order])

    def events(self, keys: Sequence[str], metric: str) -> list[Event]:
        """The alerts as events for the verdict, in order of start and key; values that it does not use are 0."""
        told = self.alerts()
        columns = (told.key, told.start, told.end, told.detected, told.above)
        found = []
        for place, start, end, detected, up in zip(*(array.tolist() for array in columns), strict=True):
            key, direction = keys[place], _direction(up)
            own = event_id(key, metric, direction, start)
            found.append(bare_event(own, key, Window(start, end), detected, direction))
        return found


def _direction(up: bool) -> Direction:
    return "above" if up else "below"
