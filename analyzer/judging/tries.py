"""Labels that are tried: their keys judged again with one setting changed, many labels at once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from analyzer.judging.blocks import Aside, JudgedBlock, Known, judged_again
from analyzer.judging.breaches import Breaches, filled, raised
from analyzer.judging.buckets import Buckets
from analyzer.judging.events import suspect
from analyzer.judging.judged import Judged, highest, settings_of
from analyzer.kernels.baseline import suspects
from analyzer.kernels.counts import are_counts
from analyzer.kernels.limits import chance_at, limits_at
from analyzer.kernels.match import last_is_met
from analyzer.kernels.ragged import portions, ragged
from analyzer.model import Policy
from analyzer.verdict import LONGEST_EXTRA
from traffic.model import DAY, HOUR, Bools, Floats, Ints, Label, Rollup

TOGETHER = 50_000
"""Hours of tries that are looked at at once: each takes some 100 bytes, and 500 more if it may hold a breach."""


@dataclass(frozen=True, eq=False)
class Trial:
    """A block whose keys are judged again."""

    block: JudgedBlock
    buckets: Buckets
    known: Known

    @property
    def rollup(self) -> Rollup:
        """Of its keys."""
        return self.block.judged[0].rollup

    @property
    def judged(self) -> list[Judged]:
        """By what the policy states."""
        return [one for one in self.block.judged if one.raises == "policy"]

    @cached_property
    def counted(self) -> Bools:
        """Which of its keys are counts: shape (keys,)."""
        found: Bools = are_counts(self.rollup.hours)[:, 0]
        return found

    def again(self, rows: Sequence[int], policy: Policy, remaining: Floats | None = None) -> JudgedBlock:
        """Some of its keys, judged by another policy; `remaining` as in `judge`."""
        return judged_again(self.block, rows, policy, self.known.of(rows), remaining)

    def aside(self, of: Aside) -> Trial:
        """Those of its keys that are judged aside."""
        return Trial(of.block, self.buckets.rows(list(of.rows)), of.known)


class OtherSetting(NamedTuple):
    """One setting of a policy, and another value of it."""

    setting: str
    value: Any

    @property
    def alike(self) -> Hashable:
        """What is the same for changes that are tried together."""
        return self.setting if self.setting in PERCENTAGES else self


PERCENTAGES = ("over_percent", "under_percent")
"""Settings of which each try has a value of its own."""


class Try(NamedTuple):
    """A label that is looked for among the events of a key."""

    row: int
    """Of the key, in the block."""
    label: Label
    targets: Ints
    """What an event may meet: other labels of the key, and this one last. Shape (labels, 2), start and end."""


class TriedEvents(NamedTuple):
    """The events of tries, in order of try, direction, then time: arrays of shape (events,)."""

    of: Ints
    """Which try."""
    start: Ints
    end: Ints
    suspect: Bools
    """Whether it looks like an artefact of measuring."""
    falls: Bools


def tried(asked: Sequence[tuple[Try, OtherSetting]], trial: Trial) -> list[bool]:
    """Whether each label is found with one setting changed."""
    found = np.zeros(len(asked), dtype=bool)
    groups: dict[Hashable, list[int]] = {}
    for place, (_, change) in enumerate(asked):
        groups.setdefault(change.alike, []).append(place)
    for places in groups.values():
        for some in _portions([asked[place][0] for place in places]):
            part = [places[number] for number in some]
            tries = [asked[place][0] for place in part]
            events = _tried(tries, [asked[place][1] for place in part], trial)
            found[part] = are_met(tries, events, trial.block.query.resolution)
    return found.tolist()


def raised_there(tries: Sequence[Try], trial: Trial) -> TriedEvents:
    """What the policy of the block raises on the days round each label."""
    parts = []
    for some in _portions(tries):
        hours = _hours_near([tries[place] for place in some], trial)
        limits = [_stated(judged, hours.row, hours, trial) for judged in trial.judged]
        found = _raised(limits, trial.block.policy, trial)
        parts.append(found._replace(of=found.of + some[0]))
    return _joined(parts)


def are_met(tries: Sequence[Try], events: TriedEvents, resolution: int) -> Bools:
    """Whether an event that counts meets the label of each try."""
    counted = ~events.suspect
    spans = np.stack([events.start[counted], events.end[counted]], axis=1)
    return last_is_met(events.of[counted], spans, [one.targets for one in tries], resolution, LONGEST_EXTRA)


def _days_near(tries: Sequence[Try]) -> tuple[Ints, Ints]:
    """From when to when buckets may have to do with each label: whole days."""
    start, end = np.array([(one.label.start, one.label.end) for one in tries], dtype=np.int64).T
    return (start - DAY) // DAY * DAY, (end + 2 * DAY - 1) // DAY * DAY


def _portions(tries: Sequence[Try]) -> Iterator[list[int]]:
    """The places of tries that are looked at at once."""
    start, end = _days_near(tries)
    return (part.tolist() for part in portions(np.cumsum((end - start) // HOUR), TOGETHER))


class _TriedHours(NamedTuple):
    """Hours of tries, in order of try, then time: arrays of shape (hours,)."""

    of: Ints
    """Which try."""
    row: Ints
    """Of its key, in the block."""
    hour: Ints

    def some(self, chosen: Bools) -> _TriedHours:
        return _TriedHours(*(array[chosen] for array in self))


@dataclass(frozen=True, eq=False)
class _TriedLimits:
    """What must be passed in hours of tries: only those in which a bucket is above it."""

    hours: _TriedHours
    baseline: Floats
    limits: Floats
    """Shape (ways, hours)."""
    threshold: Floats
    judged: Judged
    """Which says in what direction, and what a missing bucket is."""
    row: Ints
    """Of the key, in that."""


def _tried(tries: Sequence[Try], changes: Sequence[OtherSetting], trial: Trial) -> TriedEvents:
    """The events of each try, with changes that are alike."""
    policy, hours = trial.block.policy, _hours_near(tries, trial)
    setting, value = changes[0]
    if setting == "over_percent":
        rises = _rises([change.value for change in changes], hours, trial)
        falls = [_stated(judged, hours.row, hours, trial) for judged in trial.judged if judged.sign < 0]
        return _raised([rises, *falls], policy, trial)
    if setting == "under_percent":
        # A row for each try, as each is judged by a share of its own.
        shares = 1 - np.array([[change.value] for change in changes]) / 100
        rows, row = [one.row for one in tries], hours.of
        again = trial.again(rows, policy, remaining=shares)
    else:
        own, place = np.unique([one.row for one in tries], return_inverse=True)
        policy, row = replace(policy, **{setting: value}), place[hours.of]
        again = trial.again(own.tolist(), policy)
    return _raised([_stated(judged, row, hours, trial) for judged in again.judged], policy, trial)


def _hours_near(tries: Sequence[Try], trial: Trial) -> _TriedHours:
    """The hours of the days round each label that were read."""
    grid = trial.rollup.grid
    start, end = (((days - grid.start) // HOUR).clip(0, grid.count) for days in _days_near(tries))
    of, within = ragged(end - start)
    row, hour = np.array([one.row for one in tries])[of], start[of] + within
    hours = _TriedHours(of, row, hour)
    return hours.some(trial.buckets.there(row, hour))


def _rises(percents: Sequence[float], hours: _TriedHours, trial: Trial) -> _TriedLimits:
    """With the percentage of each try: as `judge` judges, but of these hours alone."""
    judged, resolution = trial.judged[0], trial.block.query.resolution
    rare = judged.rare
    stated, multiples = settings_of(trial.block.policy, resolution), 1.0 + np.array(percents) / 100.0
    top = judged.rollup.hours.maximum
    # No rule makes less of it than what is stated.
    settings = replace(stated, multiple=multiples[hours.of])
    base, known = (array[hours.row, hours.hour] for array in (judged.baseline, judged.threshold))
    hours = hours.some(suspects(top[hours.row, hours.hour], settings.threshold(base)) & ~np.isnan(known))
    settings, base = replace(stated, multiple=multiples[hours.of]), judged.baseline[hours.row, hours.hour]
    if rare is not None:
        rare = rare.at(hours.row, hours.hour, judged.marks.weeks.slot[hours.hour] % 24)
    limits = limits_at(base, rare, None if rare is None else rare.habits, settings)
    if rare is not None and trial.counted.any():
        limits = np.maximum(limits, chance_at(base, trial.counted[hours.row], len(limits), resolution, settings))
    threshold = limits.min(axis=0)
    hot = suspects(top[hours.row, hours.hour], threshold)
    return _TriedLimits(hours.some(hot), base[hot], limits[:, hot], threshold[hot], judged, hours.row[hot])


def _stated(judged: Judged, row: Ints, hours: _TriedHours, trial: Trial) -> _TriedLimits:
    """By a judgement of whole rows, `row` of each hour being that in it."""
    hot = suspects(highest(judged, trial.block.query.resolution)[row, hours.hour], judged.threshold[row, hours.hour])
    row, hours = row[hot], hours.some(hot)
    there = row, hours.hour
    limits = judged.limits[:, row, hours.hour]
    return _TriedLimits(hours, judged.baseline[there], limits, judged.threshold[there], judged, row)


def _raised(found: Iterable[_TriedLimits], policy: Policy, trial: Trial) -> TriedEvents:
    """The events of each try, from the limits of each direction."""
    resolution, parts = trial.block.query.resolution, []
    for limits in found:
        breaches, sign = _breaches(limits, trial), limits.judged.sign
        events = raised(breaches, policy, resolution)
        parts.append(
            TriedEvents(
                of=breaches.row[events.first],
                start=breaches.time[events.first],
                end=breaches.time[events.last] + resolution,
                suspect=suspect(events, breaches, resolution, sign),
                falls=np.full(len(events.first), sign < 0),
            )
        )
    both = _joined(parts)
    order = np.argsort(both.of, kind="stable")
    return TriedEvents._make(column[order] for column in both)


def _joined(parts: Sequence[TriedEvents]) -> TriedEvents:
    return TriedEvents._make(np.concatenate(column) for column in zip(*parts, strict=True))


def _breaches(found: _TriedLimits, trial: Trial) -> Breaches:
    """The buckets above the limits of their hours, of each try as of a key."""
    hours, judged = found.hours, found.judged
    times = trial.buckets.times(hours.hour)
    values = filled(judged, found.row[:, None], times, trial.buckets.at(hours.row, hours.hour)) * judged.sign
    which, bucket = np.nonzero(values > found.threshold[:, None])
    return Breaches(
        row=hours.of[which],
        hour=hours.hour[which],
        time=times[which, bucket],
        value=values[which, bucket],
        baseline=found.baseline[which],
        threshold=found.threshold[which],
        limits=found.limits[:, which],
    )
