"""The scores of policies, week by week; which policies are better than others, and how certain that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from analyzer.history import week_of, weeks_in
from analyzer.judging.slots import local_hours
from analyzer.model import Policy
from analyzer.pipeline import Surveyed
from analyzer.tuning.candidate import Candidate
from analyzer.tuning.swept import Swept, SweptAlerts
from analyzer.tuning.truth import LabelArrays
from traffic.model import HOUR, WEEK, Bools, Floats, Ints, Label, Window

LEAST = 5
"""Minimum number of incidents for a recommendation."""
NIGHT = (22, 6)
"""From this hour to that one, in the key's own time zone."""
_DRAWS, _SEED = 2000, 1


@dataclass(frozen=True, eq=False)
class Score:
    """The score of one policy. Arrays of shape (weeks,): weeks of the window, from its start."""

    candidate: Candidate
    hits: Ints
    misses: Ints
    not_judged: Ints
    """Incidents in time that it could not judge."""
    false_alarms: Ints
    alerts: Ints
    weeks: Floats
    """Share of each week that it judged: judged key-hours over all key-hours of a week."""
    worst_key: str
    worst_per_week: float
    night: float | None
    """Share of its alerts that are detected at night; None if it has none."""
    delay: float | None
    """Seconds, the median over the hits."""
    found: frozenset[str]
    """Ids of the labels that are hits ..."""
    missed: frozenset[str]
    """... and of the misses."""

    def total(self, what: Ints, part: Bools | None = None) -> int:
        """The sum over some weeks (shape (weeks,)); by default over all."""
        return int(what[part].sum() if part is not None else what.sum())

    def per_week(self, part: Bools | None = None) -> float | None:
        """Alerts per judged week, over all series; None if nothing was judged."""
        weeks = float(self.weeks[part].sum() if part is not None else self.weeks.sum())
        return self.total(self.alerts, part) / weeks if weeks > 0 else None

    def recall(self, part: Bools | None = None) -> float | None:
        """Share of hits among hits and misses; None if there are neither."""
        hits, misses = self.total(self.hits, part), self.total(self.misses, part)
        return hits / (hits + misses) if hits + misses else None

    def f1(self, part: Bools) -> float:
        """F1 over some weeks; incidents that it could not judge count as missed."""
        hits = self.total(self.hits, part)
        wrong = sum(self.total(what, part) for what in (self.misses, self.not_judged, self.false_alarms))
        return 2 * hits / (2 * hits + wrong) if hits else 0.0


def score(candidate: Candidate, swept: Swept, surveyed: Surveyed, truth: LabelArrays, metric: str) -> Score:
    """Count the alerts of one policy, and compare them with the truth as discover does."""
    window, count = surveyed.window, len(swept.judged_by_week)
    keys, alerts = list(surveyed.spans), swept.alerts()
    judged = truth.judge(swept, metric)

    def by_week(times: Ints) -> Ints:
        return np.bincount(week_of(times, window), minlength=count).astype(np.int64)

    def labelled(labels: Sequence[Label]) -> Ints:
        return by_week(np.array([label.start for label in labels], dtype=np.int64))

    worst_key, worst = _worst(swept, keys)
    return Score(
        candidate=candidate,
        hits=labelled(judged.hits),
        misses=labelled(judged.misses),
        not_judged=labelled(judged.not_judged),
        false_alarms=by_week(judged.wrong) if truth.known else np.zeros(count, dtype=np.int64),
        alerts=by_week(alerts.start),
        weeks=swept.judged_by_week / (168 * max(1, len(keys))),
        worst_key=worst_key,
        worst_per_week=worst,
        night=_night(candidate.policy, keys, alerts),
        delay=float(median(judged.delays)) if judged.delays else None,
        found=frozenset(label.id for label in judged.hits),
        missed=frozenset(label.id for label in judged.misses),
    )


def _worst(swept: Swept, keys: Sequence[str]) -> tuple[str, float]:
    """The series with the most alerts per judged week, and that rate; less than a week counts as a week."""
    if not swept.key:
        return "", 0.0
    counted = np.bincount(np.concatenate(swept.key), minlength=len(keys))
    weeks = np.array([max(1.0, swept.judged_of_key.get(place, 0) / 168) for place in range(len(keys))])
    most = int(np.argmax(counted / weeks))
    return (keys[most], float(counted[most] / weeks[most])) if counted[most] else ("", 0.0)


def _night(policy: Policy, keys: Sequence[str], alerts: SweptAlerts) -> float | None:
    if not len(alerts.key):
        return None
    zones = [policy.of(key).timezone for key in keys] if policy.of_keys else [policy.timezone] * len(keys)
    names = sorted(set(zones))
    of_key = np.array([names.index(zone) for zone in zones])[alerts.key]
    night = 0
    for place, zone in enumerate(names):
        hours, counts = np.unique(alerts.detected[of_key == place] // HOUR, return_counts=True)
        for hour, alike in zip(hours.tolist(), counts.tolist(), strict=True):
            local = int(local_hours(zone, hour * HOUR, 1)[0]) % 24
            night += alike * (local >= NIGHT[0] or local < NIGHT[1])
    return night / len(alerts.key)


def front(scores: Sequence[Score]) -> list[Score]:
    """The Pareto front, by alerts per week: no other policy finds as much with fewer alerts, or more with as many."""
    ordered = sorted(
        (one for one in scores if one.per_week() is not None),
        key=lambda one: (one.per_week() or 0.0, -one.total(one.hits), one.total(one.false_alarms)),
    )
    found: list[Score] = []
    for one in ordered:
        if not found or one.total(one.hits) > found[-1].total(found[-1].hits):
            found.append(one)
    return found


@dataclass(frozen=True, eq=False)
class Halves:
    """The weeks on which a policy is chosen, and those on which it is tested."""

    first: Bools
    last: Bools
    window: Window

    @property
    def border(self) -> int:
        """Start of the weeks for testing, epoch seconds."""
        return self.window.start + int(self.first.sum()) * WEEK


def halves(window: Window) -> Halves | None:
    """The first two thirds of the weeks, and the rest; None if there are fewer than two weeks."""
    count = weeks_in(window)
    if count < 2:
        return None
    chosen = min(count - 1, max(1, round(2 * count / 3)))
    first = np.arange(count) < chosen
    return Halves(first, ~first, window)


def choose(scores: Sequence[Score], present: Score, parts: Halves, budget: float | None) -> Score | None:
    """The best policy on the first weeks: within a budget that with the most hits, otherwise that with the highest F1.

    Ties: fewer false alarms, then fewer alerts, then fewer settings that differ from the current policy.

    Returns:
        None if no policy keeps to the budget.
    """
    part = parts.first
    rates = [(one, one.per_week(part)) for one in scores]
    fitting = [one for one, rate in rates if rate is not None and (budget is None or rate <= budget)]
    if not fitting:
        return None

    def rank(one: Score) -> tuple[float, ...]:
        changed = sum(a != b for a, b in zip(_values(one), _values(present), strict=True))
        best = one.f1(part) if budget is None else one.total(one.hits, part)
        return (-best, one.total(one.false_alarms, part), one.per_week(part) or 0.0, changed)

    return min(fitting, key=rank)


def _values(one: Score) -> Iterator[object]:
    return iter(vars(one.candidate.policy).values())


@dataclass(frozen=True)
class Interval:
    """90 % intervals from resampling whole weeks; None if there is nothing to divide by."""

    recall: tuple[float, float] | None
    per_week: tuple[float, float] | None


def interval(one: Score, part: Bools) -> Interval:
    """Block bootstrap: draws as many weeks as there are, with replacement."""
    weeks = np.flatnonzero(part)
    draws = weeks[np.random.default_rng(_SEED).integers(0, len(weeks), (_DRAWS, len(weeks)))]
    hits, wanted = one.hits[draws].sum(axis=1), (one.hits + one.misses)[draws].sum(axis=1)
    alerts, judged = one.alerts[draws].sum(axis=1), one.weeks[draws].sum(axis=1)
    return Interval(_ninety(hits, wanted), _ninety(alerts, judged))


def _ninety(part: Ints, whole: Floats | Ints) -> tuple[float, float] | None:
    there = whole > 0
    if not there.any():
        return None
    low, high = np.percentile(part[there] / whole[there], [5, 95])
    return float(low), float(high)
