"""Limits of the coming week, learned with all rules, for engines that look them up by key and hour of the week."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analyzer.history import History, week_of
from analyzer.judging.blocks import by_policy, rows_of
from analyzer.judging.judged import settings_of
from analyzer.judging.slots import marks
from analyzer.kernels.limits import limits_of
from analyzer.kernels.ways import WAYS
from analyzer.model import Policy
from analyzer.tuning.forms.firing import Fired, looked_at, raise_all
from analyzer.tuning.swept import Swept
from traffic.model import HOUR, WEEK, Bools, Floats, Grid, Hours, Ints, Query, Rollup

SLOTS = WEEK // HOUR
_SUNDAY = 3 * 24
"""Hours from 1970-01-01, a Thursday, to the first Sunday."""


def slot_of(times: Ints) -> Ints:
    """The hour of the week in UTC, 0 = Sunday 00:00, as in PromQL: 24 * day_of_week() + hour()."""
    return (times // HOUR - _SUNDAY) % SLOTS


@dataclass(frozen=True, eq=False)
class SlotLimits:
    """The limits of some keys."""

    keys: tuple[str, ...]
    limits: Floats
    """Shape (ways, keys, 168), by `slot_of`; NaN where an hour is not judged."""
    from_days: Bools | None = None
    """Shape (keys, 168): whether it was learned from other days, because there were too few weeks; None: nowhere."""


@dataclass(frozen=True)
class Footing:
    """How much history the limits are based on: numbers of hours of the week, over all keys."""

    hours: int
    bare: int
    """Without a limit."""
    from_days: int
    """With a limit that was learned from other days, because there were too few weeks."""

    @classmethod
    def of(cls, limits: Sequence[SlotLimits]) -> Footing:
        """Over all blocks."""
        none = [np.isnan(one.limits).all(axis=0) for one in limits]
        days = [one.from_days & ~blank for blank, one in zip(none, limits, strict=True) if one.from_days is not None]
        return cls(sum(one.size for one in none), sum(map(_count, none)), sum(map(_count, days)))

    def lines(self) -> Iterator[str]:
        """Sentences for a person; none if nothing is lacking."""
        known = self.hours - self.bare
        if self.from_days:
            yield (
                f"Low confidence: {_share(self.from_days, known)} of the thresholds were learned from other days of "
                "the week, for want of other weeks."
            )
        if self.bare:
            yield (
                f"{_share(self.bare, self.hours)} of the hours of the week have no threshold, and no alert: too little "
                "history."
            )


def _count(there: Bools | np.bool_) -> int:
    return int(there.sum())


def _share(part: int, whole: int) -> str:
    return f"{max(0.1, 100 * part / whole):.{0 if part == whole else 1}f} %"


def coming(rollup: Rollup, policy: Policy, resolution: int) -> SlotLimits:
    """The limits for rises of the week after these hours.

    They are what discover would learn for that week before any of its data is known: the level of a key is the last
    known one.
    """
    ways = len(WAYS) if {"held", "tail"} <= set(policy.rules) else 1
    limits = np.full((ways, len(rollup.keys), SLOTS), np.nan)
    from_days = np.zeros((len(rollup.keys), SLOTS), dtype=bool)
    grid = Grid(rollup.grid.start, HOUR, rollup.grid.count + SLOTS)
    for own, rows in by_policy(rollup.keys, policy):
        hours = rows_of(rollup, tuple(rollup.keys[row] for row in rows), rows).hours
        longer = _longer(hours)
        settings, per_hour = settings_of(own, resolution), HOUR // resolution
        known, marked = marks(own, rollup.grid), marks(own, grid)
        so_far = limits_of(hours, hours.high, known.weeks, per_hour, settings, unlearned=known.unlearned)
        factor = np.concatenate([so_far.factor, np.repeat(_last(so_far.factor, so_far.learned)[:, None], SLOTS, 1)], 1)
        found = limits_of(
            longer,
            longer.high,
            marked.weeks,
            per_hour,
            settings,
            unlearned=marked.unlearned,
            factor=factor,
            ahead=True,
        )
        short = (found.weeks < own.min_weeks) & ~found.filled
        told = np.where(short | (marked.unjudged > 0), np.nan, found.limits)[:, :, -SLOTS:]
        limits[: len(told), rows] = told
        from_days[rows] = found.filled[:, -SLOTS:]
    order = np.argsort(slot_of(grid.times()[-SLOTS:]), kind="stable")
    return SlotLimits(rollup.keys, limits[:, :, order], from_days[:, order])


def _longer(hours: Hours) -> Hours:
    """The same hours and one more week without data."""
    longer = hours.each(lambda array: np.concatenate([array, np.full((len(array), SLOTS), np.nan)], axis=1))
    return replace(longer, count=np.nan_to_num(longer.count))


def _last(factor: Floats, learned: Floats) -> Floats:
    """The last known value of each row."""
    there = ~np.isnan(learned)
    place = factor.shape[1] - 1 - np.argmax(there[:, ::-1], axis=1)
    last: Floats = np.where(there.any(axis=1), factor[np.arange(len(factor)), place], 1.0)
    return last


def learned(history: History, policy: Policy) -> Iterator[SlotLimits]:
    """The limits of all keys, block by block."""
    source, resolution = history.source, history.resolution
    for keys, reach in history.surveyed.blocks:
        query = Query(source.metric, keys, reach, resolution, policy.rollup_percentile)
        yield coming(source.rollup(query), policy, resolution)


def criteria(policy: Policy, resolution: int, ways: int) -> list[tuple[int, int]]:
    """For each way: how many buckets must lie above its limit, and within how many seconds."""
    stated = (policy.needed(resolution), max(policy.within, resolution))
    return [way.buckets(resolution, stated) for way in WAYS[:ways]]


def fired_by_slot(history: History, policy: Policy, limits: Sequence[SlotLimits]) -> Swept:
    """What these limits raise on the judged hours, applied to every week alike."""
    source, surveyed, resolution = history.source, history.surveyed, history.resolution
    swept = Swept.blank(surveyed.window)
    for query, own in zip(history.queries(), limits, strict=True):
        rollup = source.rollup(replace(query, percent=policy.rollup_percentile))
        hours, looked = rollup.grid.times(), looked_at(surveyed, query)
        slots = slot_of(hours)
        asked = []
        for limit, (needed, within) in zip(own.limits, criteria(policy, resolution, len(own.limits)), strict=True):
            asked.append((replace(policy, matches=needed, within=within), np.where(looked, limit[:, slots], np.nan)))
        raised = _together(raise_all(source, query, rollup, asked))
        places = np.array([history.place_of[key] for key in query.keys], dtype=np.int64)
        swept.count(places, ~np.isnan(asked[0][1]), week_of(hours, surveyed.window))
        swept.add(places[raised.row], raised.start, raised.end, raised.start + resolution, rises=True)
    return swept


def _together(raised: Sequence[Fired]) -> Fired:
    """Merge the alerts of several conditions: one fires while any of them does."""
    row, start, end = (
        np.concatenate(columns) for columns in zip(*((one.row, one.start, one.end) for one in raised), strict=True)
    )
    order = np.lexsort((start, row))
    row, start, end = row[order], start[order], end[order]
    if not len(row):
        return Fired(row, start, end)
    # Rows far apart, so that the latest end so far never reaches into the next.
    apart = row * (int(end.max()) + WEEK)
    latest = np.maximum.accumulate(end + apart)
    opening = np.append(True, (start + apart)[1:] > latest[:-1])
    return Fired(row[opening], start[opening], np.maximum.reduceat(end, np.flatnonzero(opening)))
