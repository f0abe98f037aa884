"""The verdict on the alerts of many policies, with the truth as arrays that are made once.

Labels and alerts are matched by the rules of `analyzer.verdict`, for all series at once. If a label applies to all
keys, or all labels are marks, `analyzer.verdict.compare` itself is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analyzer.kernels.match import fitting, greedily
from analyzer.kernels.ragged import ragged
from analyzer.model import Event, NotJudged
from analyzer.pipeline import Surveyed
from analyzer.tuning.swept import Swept, SweptAlerts
from analyzer.verdict import AFTERMATH, LONGEST_EXTRA, MARKED, compare, is_required, targets
from traffic.model import Bools, Ints, Label


@dataclass(frozen=True, eq=False)
class Judgement:
    """What became of the labels and alerts."""

    hits: tuple[Label, ...]
    misses: tuple[Label, ...]
    not_judged: tuple[Label, ...]
    wrong: Ints
    """Starts of the alerts that are false alarms, epoch seconds."""
    delays: tuple[int, ...]
    """Seconds from the start of each hit to its detection."""


class Spans:
    """Intervals of several keys, which may overlap, and how much of other intervals they cover."""

    def __init__(self, key: Ints, start: Ints, end: Ints, far: int) -> None:
        """Merge overlapping intervals: index of the key, start and end, shape (intervals,) each.

        Args:
            far: larger than any time, so that all keys fit on one axis without overlap.
        """
        self._far = far
        order = np.argsort(key * far + start, kind="stable")
        first, last = (key * far + start)[order], (key * far + end)[order]
        until = np.maximum.accumulate(last) if len(last) else last
        opens = np.append(True, first[1:] > until[:-1]) if len(first) else np.zeros(0, dtype=bool)
        self._first = first[opens]
        self._last = np.maximum.reduceat(until, np.flatnonzero(opens)) if len(first) else until
        self._before = np.append(0, np.cumsum(self._last - self._first))

    def covered(self, key: Ints, start: Ints, end: Ints) -> Ints:
        """Seconds of each interval that lie in one of these, shape (intervals,)."""
        result: Ints = self._up_to(key * self._far + end) - self._up_to(key * self._far + start)
        return result

    def _up_to(self, time: Ints) -> Ints:
        place = np.searchsorted(self._first, time, side="right")
        if not len(self._first):
            return np.zeros(len(time), dtype=np.int64)
        inside = np.minimum(time, self._last[np.maximum(place - 1, 0)]) - self._first[np.maximum(place - 1, 0)]
        result: Ints = np.where(place > 0, self._before[np.maximum(place - 1, 0)] + inside, 0)
        return result


class LabelArrays:
    """The labels of the keys in a survey."""

    def __init__(self, labels: Sequence[Label] | None, surveyed: Surveyed, resolution: int) -> None:
        """Prepare what does not depend on the policy.

        Args:
            labels: None if there is no truth; then no alert is a false alarm.
        """
        self.known = labels is not None
        self._surveyed, self._resolution, window = surveyed, resolution, surveyed.window
        self._places = {key: place for place, key in enumerate(surveyed.spans)}
        self.labels = [one for one in labels or () if one.key in self._places or not one.key]
        marks_alone = bool(self.labels) and all(one.shape == MARKED for one in self.labels)
        self._alone = not marks_alone and all(one.key for one in self.labels)
        there = [one for one in self.labels if one.key and one.window.overlap(window)]
        ends = [window.end, *(one.end + AFTERMATH for one in there)]
        self._far = max(ends) + LONGEST_EXTRA + resolution + 1
        self._targets = targets(there)
        self._of_target = self._columns(self._targets)
        self._required: Bools = np.array([is_required(one, window, resolution) for one in self._targets], dtype=bool)
        key, start, end = self._columns([one for one in there if one.kind == "ignore"])
        self._neutral = Spans(key, start, end + AFTERMATH, self._far)
        key, start, end = self._of_target
        self._order = np.argsort(key * self._far + start, kind="stable")
        self._sorted = (key * self._far + start)[self._order]
        self._longest = int((end - start).max()) if len(end) else 0

    @property
    def keys(self) -> frozenset[str]:
        """Keys for which the verdict needs to know what was not judged."""
        return frozenset(one.key for one in self.labels) if self._alone else frozenset(self._surveyed.spans)

    def _columns(self, rows: Sequence[Label | NotJudged]) -> tuple[Ints, Ints, Ints]:
        table = np.array([(self._places[one.key], one.start, one.end) for one in rows], dtype=np.int64)
        key, start, end = table.reshape(-1, 3).T
        return key, start, end

    def judge(self, swept: Swept, metric: str) -> Judgement:
        """Compare the labels with the alerts of one policy."""
        if not self._alone:
            return self._compared(swept.events(list(self._surveyed.spans), metric), swept.gaps)
        alerts = swept.alerts()
        pairs = self._pairs(alerts)
        met = np.full(len(self._targets), -1, dtype=np.int64)
        free = np.ones(len(alerts.key), dtype=bool)
        for alert, label in pairs:
            met[label], free[alert] = alert, False
        hit = np.flatnonzero((met >= 0) & self._required)
        lost = np.flatnonzero((met < 0) & self._required)
        key, start, end = (column[lost] for column in self._of_target)
        blind = Spans(*self._columns(swept.gaps), self._far).covered(key, start, end)
        unseen = 2 * blind >= end - start
        neutral = self._neutral.covered(alerts.key, alerts.start, alerts.end)
        wrong = free & (2 * neutral < alerts.end - alerts.start)
        delays = alerts.detected[met[hit]] - self._of_target[1][hit]
        return Judgement(
            hits=self._named(hit),
            misses=self._named(lost[~unseen]),
            not_judged=self._named(lost[unseen]),
            wrong=alerts.start[wrong],
            delays=tuple(delays.tolist()),
        )

    def _named(self, places: Ints) -> tuple[Label, ...]:
        return tuple(self._targets[place] for place in places.tolist())

    def _pairs(self, alerts: SweptAlerts) -> list[tuple[int, int]]:
        """Pairs (alert, label): those with the largest overlap first, each alert and label at most once."""
        line = alerts.key * self._far
        low = np.searchsorted(self._sorted, line + alerts.start - self._resolution - self._longest, side="right")
        high = np.searchsorted(self._sorted, line + alerts.end + self._resolution, side="left")
        count = np.maximum(high - low, 0)
        alert, within = ragged(count)
        label = self._order[low[alert] + within]
        key, start, end = (column[label] for column in self._of_target)
        alike = np.column_stack((alerts.start[alert], alerts.end[alert]))
        shared = fitting(alike, np.column_stack((start, end)), self._resolution, LONGEST_EXTRA)
        fits = np.flatnonzero(np.where(key == alerts.key[alert], shared, 0))
        return greedily(alert[fits], label[fits], shared[fits])

    def _compared(self, events: Sequence[Event], gaps: Sequence[NotJudged]) -> Judgement:
        surveyed = self._surveyed
        verdict = compare(events, self.labels, gaps, surveyed.window, self._resolution, surveyed.spans)
        of: dict[str, list[Label]] = {"hit": [], "miss": [], "not judged": []}
        for outcome in verdict.outcomes:
            of.setdefault(outcome.verdict, []).append(outcome.label)
        delays = (one.onset_delay for one in verdict.outcomes if one.verdict == "hit")
        wrong = [event.start for event in events if verdict.of_event[event.id][0] == "false alarm"]
        return Judgement(
            hits=tuple(of["hit"]),
            misses=tuple(of["miss"]),
            not_judged=tuple(of["not judged"]),
            wrong=np.array(wrong, dtype=np.int64),
            delays=tuple(delay for delay in delays if delay is not None),
        )
