"""Many policies on the same roll-ups and buckets, block by block, judged by the functions that a run of discover uses.

What several policies learn in the same way is learned once, and the buckets above the lowest of all limits are selected
once. For each policy, only what the verdict needs of its alerts is kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analyzer.history import History, week_of
from analyzer.judging.blocks import JudgedBlock, judged_blocks
from analyzer.judging.breaches import Breaches, Candidates, Piece, above, raised
from analyzer.judging.detect import days_of, read_days, suspect_hours
from analyzer.judging.events import suspect
from analyzer.judging.judged import Judged, Learning, highest, not_judged
from analyzer.judging.silence import silences
from analyzer.kernels.baseline import suspects
from analyzer.model import NotJudged, Policy
from analyzer.tuning.candidate import Candidate
from analyzer.tuning.classed import ClassedBlock, classed_of, columns_of
from analyzer.tuning.swept import Swept
from traffic.model import HOUR, Floats, Ints, Query, Rollup

Rollups = Mapping[float, Rollup]
"""Percentile that is learned from -> roll-up."""


@dataclass(frozen=True, eq=False)
class _AskedThere:
    """The limits of one judgement in the hours that may contain a breach: shape (hours,), or (ways, hours)."""

    policy: Policy
    turn: tuple[int, float]
    """The direction (1 or -1), and what a missing bucket counts as."""
    hours: Ints
    """The hours, as row x hours of the block + hour, ascending."""
    threshold: Floats
    baseline: Floats
    limits: Floats


def sweep(history: History, tried: Sequence[Candidate], labelled: frozenset[str]) -> list[Swept]:
    """What each policy raises, in the order of `tried`.

    Args:
        labelled: keys for which the time that was not judged is listed.
    """
    found = [Swept.blank(history.surveyed.window) for _ in tried]
    policies = [one.policy for one in tried]
    order = sorted(range(len(policies)), key=lambda place: _likeness(policies[place]))
    classed = classed_of(tried)
    for query in history.queries():
        percents = {policy.rollup_percentile for policy in policies}
        rollups = {percent: history.source.rollup(replace(query, percent=percent)) for percent in percents}
        block = _SweptBlock(history, query, labelled & set(query.keys), rollups)
        kept = {place: list(block.judge(policies[place], found[place])) for place in order}
        for place, one in classed.items():
            del kept[place]
            block.look_at(one.policy)
        pieces = read_days(history.source, query, block.hot)
        block.raise_all(kept, found, pieces)
        for one in classed.values():
            block.in_full(one.policy).raise_all(one, pieces)
    for place, one in classed.items():
        for rises, columns in columns_of(one.settled(), history.place_of):
            found[place].add(*columns, rises=rises)
    return found


def unanswered(history: History, tried: Sequence[Candidate]) -> tuple[list[Query], bool]:
    """The queries that a sweep would send, without sending them; and whether roll-ups are among them.

    Which buckets are needed follows from the roll-ups: where these are not cached, only they can be listed.
    """
    source = history.source
    found: list[Query] = []
    whole = True
    policies = sorted((one.policy for one in tried), key=_likeness)
    for query in history.queries():
        hours = [replace(query, percent=percent) for percent in sorted({one.rollup_percentile for one in policies})]
        lacking = [part for one in hours for part in source.unanswered(one)]
        if lacking:
            found, whole = found + lacking, False
            continue
        block = _SweptBlock(history, query, frozenset(), {one.percent: source.rollup(one) for one in hours})
        for policy in policies:
            deque(block.judge(policy, Swept.blank(history.surveyed.window)), maxlen=0)
        for one in classed_of(tried).values():
            block.look_at(one.policy)
        found += source.unanswered_series([asked for asked, _ in days_of(query, block.hot)])
    return found, not whole


def _likeness(policy: Policy) -> tuple[object, ...]:
    """Sort key: neighbours have most of what they learn in common."""
    rules = ",".join(policy.rules)
    slots = (policy.rollup_percentile, policy.rollup_width, policy.slots, policy.timezone)
    usual = (policy.baseline, policy.lookback, policy.min_weeks, policy.min_share, policy.percentile, rules)
    return (*slots, *usual, policy.rare_weeks, policy.over_percent, policy.matches)


class _SweptBlock:
    """A block of keys, judged with one policy after the other."""

    def __init__(self, history: History, query: Query, labelled: frozenset[str], rollups: Rollups) -> None:
        self.surveyed, self.query, self.labelled, self.rollups = history.surveyed, query, labelled, rollups
        self.places: Ints = np.array([history.place_of[key] for key in query.keys], dtype=np.int64)
        self.learned: dict[tuple[str, ...], Learning] = {}
        self.shape = (len(query.keys), query.window.seconds // HOUR)
        self.hot = np.zeros(self.shape, dtype=bool)
        self.lowest: dict[tuple[int, float], Floats] = {}
        """The lowest limit of all policies, shape (keys, hours); infinite where no hour can contain a breach."""
        self.patterns: dict[tuple[int, float], Judged] = {}
        self.gaps: dict[tuple[tuple[str, ...], Policy], list[NotJudged]] = {}
        self.silent = silences(query.keys, self.surveyed.presence, self.query.metric)

    def judge(self, policy: Policy, swept: Swept) -> Iterator[_AskedThere]:
        """The limits of one policy in the hours that may contain a breach; adds to `swept` how much was judged."""
        rollup = self.rollups[policy.rollup_percentile]
        rows_of = {key: row for row, key in enumerate(self.query.keys)}
        week = week_of(rollup.grid.times(), self.surveyed.window)
        for block in judged_blocks(
            rollup,
            self.query.metric,
            self.surveyed.presence,
            self.query.resolution,
            # What lies below the policy is not an alert and does not affect one.
            replace(policy, classes=("policy", "suspect")),
            self.learned,
        ):
            rows = np.array([rows_of[key] for key in block.query.keys], dtype=np.int64)
            known = ~np.isnan(block.judged[0].threshold)
            swept.count(self.places[rows], known, week)
            swept.gaps += self._gaps(block)
            self.hot[rows] |= suspect_hours(block)
            yield from (self._kept(block.policy, judged, rows) for judged in block.judged)

    def in_full(self, policy: Policy) -> ClassedBlock:
        """The same keys, to be judged for events of all classes."""
        rollup = self.rollups[policy.rollup_percentile]
        return ClassedBlock(rollup, self.query.metric, self.surveyed.presence, self.query.resolution, self.learned)

    def look_at(self, policy: Policy) -> None:
        """Include the hours of its classes."""
        self.hot |= self.in_full(policy).hot(policy)

    def _gaps(self, block: JudgedBlock) -> list[NotJudged]:
        """The time that was not judged of keys with labels; it depends on few settings of a policy."""
        if not self.labelled & set(block.query.keys):
            return []
        days = tuple(name for name in block.policy.rules if name == "days")
        about = replace(
            block.policy, over_percent=0.0, over_units=0.0, matches=1, within=1, merge=1, percentile=0.0, rare_weeks=1.0
        )
        of = block.query.keys, replace(about, floor=0.0, under_percent=1.0, rules=days)
        if of not in self.gaps:
            told = not_judged(block.judged[0], block.query.keys, block.alive, block.policy)
            self.gaps[of] = [gap for gap in told if gap.key in self.labelled]
        return self.gaps[of]

    def _kept(self, policy: Policy, judged: Judged, rows: Ints) -> _AskedThere:
        row, hour = np.nonzero(suspects(highest(judged, self.query.resolution), judged.threshold))
        turn = (judged.sign, 0.0 if judged.fill == 0 else 1.0)
        if turn not in self.lowest:
            self.lowest[turn] = np.full(self.shape, np.inf)
            self.patterns[turn] = replace(judged, silent=self.silent)
        lowest, there = self.lowest[turn], (rows[row], hour)
        lowest[there] = np.minimum(lowest[there], judged.threshold[row, hour])
        return _AskedThere(
            policy=policy,
            turn=turn,
            hours=rows[row] * self.shape[1] + hour,
            threshold=judged.threshold[row, hour],
            baseline=judged.baseline[row, hour],
            limits=judged.limits[:, row, hour],
        )

    def raise_all(
        self, kept: Mapping[int, Sequence[_AskedThere]], found: Sequence[Swept], pieces: Sequence[Piece]
    ) -> None:
        """Add the alerts of each policy to `found`, by its index."""
        resolution = self.query.resolution
        candidates = {
            turn: above(pieces, self.patterns[turn], resolution, lowest) for turn, lowest in self.lowest.items()
        }
        for place, several in kept.items():
            for one in several:
                breaches = self._breaches(one, candidates[one.turn])
                events = raised(breaches, one.policy, resolution)
                told = ~suspect(events, breaches, resolution, one.turn[0])
                first, last, met = (array[told] for array in (events.first, events.last, events.met))
                start, end, detected = breaches.time[first], breaches.time[last], breaches.time[met]
                key = self.places[breaches.row[first]]
                found[place].add(key, start, end + resolution, detected + resolution, rises=one.turn[0] > 0)

    def _breaches(self, one: _AskedThere, candidates: Candidates) -> Breaches:
        there = candidates.row * self.shape[1] + candidates.hour
        if not len(one.hours):
            there = there[:0]
        at = np.minimum(np.searchsorted(one.hours, there), max(0, len(one.hours) - 1))
        known = np.flatnonzero(one.hours[at] == there)
        over = known[candidates.value[known] > one.threshold[at[known]]]
        at = at[over]
        return Breaches(
            row=candidates.row[over],
            hour=candidates.hour[over],
            time=candidates.time[over],
            value=candidates.value[over],
            baseline=one.baseline[at],
            threshold=one.threshold[at],
            limits=one.limits[:, at],
        )
