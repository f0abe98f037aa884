"""What is normal for a block of keys, which of its hours can be judged, and what is said of those that are not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analyzer.judging.silence import is_silent
from analyzer.judging.slots import Marks, marks
from analyzer.kernels import counts
from analyzer.kernels.learning import Kept, Rare, Settings
from analyzer.kernels.limits import HourLimits, limits_of
from analyzer.kernels.rollup import percentile
from analyzer.kernels.tail import rare
from analyzer.kernels.unusual import unusual_of
from analyzer.kernels.usual import IDLE_SHARE
from analyzer.kernels.ways import WAYS, Way
from analyzer.model import CalendarRow, Event, EventClass, NotJudged, Policy, Slots, Suppressed
from traffic.model import HOUR, WEEK, Bools, Floats, Grid, Hours, Ints, Rollup, Window


@dataclass(frozen=True, eq=False)
class Judged:
    """What is normal for a block: arrays of shape (keys, hours).

    Looking for traffic that falls, everything that is compared is turned round: values, baselines and thresholds are
    negative, so that a breach always lies above.
    """

    rollup: Rollup
    baseline: Floats
    limits: Floats
    """What must be passed in each of the ways to open an event, shape (ways, keys, hours): `analyzer.kernels.ways`."""
    threshold: Floats
    """The lowest of them, which every breach lies above; NaN where the hour is not judged."""
    sparse: Bools
    """Hours with too few buckets."""
    short_history: Bools
    """Hours with enough buckets, but too few other weeks to compare with."""
    why: Ints
    """Why the stated threshold is no event in an hour that passed it: an index of `WHY`; 0 where it is, or was not."""
    filled: Bools
    """Hours whose baseline comes from other days, for want of other weeks."""
    marks: Marks
    unjudged: Ints
    """Hours that the calendar takes from judging: 0, or the number of the reason in `marks.reasons`, from 1 on."""
    raises: EventClass = "policy"
    """The class of what passes these limits."""
    sign: int = 1
    fill: float = np.nan
    """What a missing bucket of a key's span counts as."""
    silent: Ints | None = None
    """From when on each key is silent up to the end, shape (keys,): what is missing from there on is nothing."""
    rare: Rare | None = None
    """What the keys exceed only rarely; None of falls, and without the rule `tail`."""


LOWEST = 0.01
"""Of what is usual: lower is as good as nothing, and how much lower says nothing about what a key does now and then."""
OF_FALLS = frozenset({"level", "days", "pooled"})
"""The rules that usual lows are learned with."""


class Learning:
    """What policies learn from the roll-ups of one block, so that those that differ in little learn it once."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, tuple[CalendarRow, ...], Slots, float, str], Kept] = {}

    def of(self, policy: Policy, what: str) -> Kept:
        """What was learned by this policy's clock and calendar, with its slots, from its roll-ups."""
        of = (policy.timezone, policy.calendar, policy.slots, policy.rollup_percentile, what)
        return self._kept.setdefault(of, Kept())

    def rows(self, rows: Sequence[int]) -> Learning:
        """What was learned of some of the keys."""
        found = Learning()
        found._kept = {about: kept.rows(rows) for about, kept in self._kept.items()}
        return found


OF_WEEKS = ("recurring", "days")
"""Rules that compare weeks with each other, or stand in where there are too few: they need slots of the week."""

WHY = (
    "",
    "hardly any traffic for this series, or explained by the neighbouring hours or a new level",
    "ordinary for this series: it exceeds the threshold more often than once in {weeks}",
    "a habit of this series: it exceeds the threshold on most days within two hours of that time",
    "small counts: they exceed the threshold now and then by chance",
)
"""Reasons for which what the stated threshold calls an event is none."""


def judge(
    rollup: Rollup,
    policy: Policy,
    resolution: int,
    silent: Ints | None = None,
    learned: Learning | None = None,
    remaining: Floats | None = None,
) -> list[Judged]:
    """Learn what is usual in every hour of a block, and judge its hours in all the ways that a policy asks for.

    What the policy states comes first. An hour in which a fall cannot be judged is one in which a rise cannot either.

    Args:
        silent: from when on each key is silent up to the end (`analyzer.judging.silence`).
        learned: what other policies learned from the same roll-ups.
        remaining: the share of its usual low that traffic must fall below, in place of what the policy says: shape
            (keys, 1).
    """
    learned = Learning() if learned is None else learned
    if policy.direction == "below":
        return [_falls(rollup, policy, resolution, silent, learned, remaining)]
    marked, settings, per_hour = marks(policy, rollup.grid), settings_of(policy, resolution), HOUR // resolution
    stated = limits_of(
        rollup.hours,
        rollup.hours.high,
        marked.weeks,
        per_hour,
        settings,
        unlearned=marked.unlearned,
        kept=learned.of(policy, "rises"),
    )
    found = [replace(_rises(rollup, stated, marked, policy, settings), silent=silent)]
    if policy.direction == "both":
        found.append(_falls(rollup, policy, resolution, silent, learned, remaining))
    if "unusual" in policy.classes and policy.baseline != "original":
        unusual = unusual_of(rollup.hours, stated, marked.weeks, per_hour, settings).limits
        found.append(_unusual(rollup, unusual, marked, policy))
    return found


def _rises(rollup: Rollup, found: HourLimits, marked: Marks, policy: Policy, settings: Settings) -> Judged:
    """By the stated policy."""
    hours = rollup.hours
    short_history = ~found.sparse & (found.weeks < policy.min_weeks) & ~found.filled
    unknown = found.sparse | short_history
    limits = np.where(unknown, np.nan, found.limits)
    plain = settings.threshold(found.baseline)
    peaks = hours.maximum if settings.alone else hours.second
    chance = np.zeros(1, dtype=bool) if found.chance is None else found.chance[0] == limits[0]
    why = np.select([peaks <= plain, chance, found.habitual], [1, 4, 3], 2)
    passed = (peaks > found.stated) & (peaks <= limits[0]) & ~unknown
    return Judged(
        rollup=rollup,
        baseline=found.baseline,
        limits=limits,
        threshold=limits.min(axis=0),
        sparse=found.sparse,
        short_history=short_history,
        why=np.where(passed, why, 0),
        filled=found.filled,
        marks=marked,
        unjudged=marked.unjudged,
        rare=found.rare,
    )


def _falls(
    rollup: Rollup,
    policy: Policy,
    resolution: int,
    silent: Ints | None,
    learned: Learning,
    remaining: Floats | None,
) -> Judged:
    """The same for traffic that falls: compared is what an hour is above for four fifths of its time.

    Only hours whose usual low is above the floor, and not idle for the key, can fall.
    """
    hours, marked = rollup.hours, marks(policy, rollup.grid)
    settings = settings_of_falls(policy, resolution)
    found = limits_of(
        hours,
        hours.p20,
        marked.weeks,
        HOUR // resolution,
        settings,
        unlearned=marked.unlearned,
        kept=learned.of(policy, "falls"),
    )
    # An hour that is missing has nothing to learn from, but something to be judged by.
    zero = is_silent(rollup.grid, silent) | policy.missing_is_fallen
    usual = np.where(zero, found.expected, found.baseline)
    sparse = np.where(zero, np.isnan(usual), found.sparse)
    short_history = ~sparse & (found.weeks < policy.min_weeks) & ~found.filled
    least = np.fmax(policy.floor, IDLE_SHARE * percentile(found.learned, 95.0)[:, None])
    unknown = sparse | short_history | ~(usual > least)
    limit = np.where(unknown, np.nan, -usual * (1 - policy.under_percent / 100 if remaining is None else remaining))
    ways = WAYS if {"held", "tail"} <= set(policy.rules) else WAYS[:1]
    sure = _surely_silent(rollup.grid, silent, usual, resolution)
    limits = np.repeat(limit[None], len(ways) if "tail" in policy.rules else 1, axis=0)
    counted = counts.are_counts(hours)[:, 0]
    if "tail" in policy.rules and counted.any():
        sure = np.broadcast_to(sure, limit.shape)[counted]
        for place, way in enumerate(ways):
            chance = _chance(usual[counted], limit[counted], way, policy, resolution)
            limits[place, counted] = np.where(chance & ~sure, np.nan, limit[counted])
    if "tail" in policy.rules and policy.baseline != "original":
        limits[0] = np.maximum(limits[0], _seldom(hours, np.where(unknown, np.nan, usual), settings))
    return Judged(
        rollup=rollup,
        baseline=-usual,
        limits=limits,
        threshold=np.fmin.reduce(limits, axis=0),
        sparse=sparse,
        short_history=short_history,
        why=np.zeros(limit.shape, dtype=np.int64),
        filled=found.filled,
        marks=marked,
        unjudged=marked.unjudged,
        sign=-1,
        fill=0.0 if policy.missing_is_fallen else np.nan,
        silent=silent,
    )


def _surely_silent(grid: Grid, silent: Ints | None, usual: Floats, resolution: int) -> Bools:
    """Hours of a silence up to the end that is too long for chance, however small the counts are."""
    gone = is_silent(grid, silent)
    if silent is None:
        return gone
    expected = np.where(gone, counts.mean_of_low(usual), 0.0) * (HOUR // resolution)
    sure: Bools = gone & (np.nansum(expected, axis=1) > np.log(counts.ONCE_IN / resolution))[:, None]
    return sure


def _seldom(hours: Hours, usual: Floats, settings: Settings) -> Floats:
    """How low a key falls about once in `settings.every` hours, turned round: shape (keys, hours), -inf where unknown.

    By the lowest bucket of each hour in times of what is usual there, on a logarithmic scale. A policy that asks for
    several buckets is a little stricter by it, for the second lowest is not known.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = -np.log(np.maximum(hours.minimum / usual, LOWEST))
    deep = rare(np.where(np.isfinite(depth), depth, np.nan), settings.every)[:, None]
    return np.where(np.isnan(deep) | np.isnan(usual), -np.inf, -usual * np.exp(-deep))


def _chance(usual: Floats, limit: Floats, way: Way, policy: Policy, resolution: int) -> Bools:
    """Where a fall of counts in this way is no more than chance, as they are small; `limit` is turned round."""
    needed, within = way.buckets(resolution, (policy.needed(resolution), policy.within))
    # What falls lies under the limit.
    below = counts.at_most(np.ceil(-limit) - 1, counts.mean_of_low(usual))
    return counts.by_chance(below, needed, max(needed, within // resolution), resolution)


def _unusual(rollup: Rollup, found: HourLimits, marked: Marks, policy: Policy) -> Judged:
    """What is far out of a key's own habit, below the stated percentage."""
    short_history = ~found.sparse & (found.weeks < policy.min_weeks) & ~found.filled
    limits = np.where(found.sparse | short_history, np.nan, found.limits)
    return Judged(
        rollup=rollup,
        baseline=found.baseline,
        limits=limits,
        threshold=limits[0],
        sparse=found.sparse,
        short_history=short_history,
        why=np.zeros(limits[0].shape, dtype=np.int64),
        filled=found.filled,
        marks=marked,
        unjudged=marked.unjudged,
        raises="unusual",
    )


def settings_of_falls(policy: Policy, resolution: int) -> Settings:
    """What it says of the limits of falls, which fewer rules hold for."""
    stated = settings_of(policy, resolution)
    return replace(stated, rules=set(stated.rules) & OF_FALLS, high=20.0)


def settings_of(policy: Policy, resolution: int) -> Settings:
    """What a policy says of limits, of buckets of so many seconds."""
    original = policy.baseline == "original"
    rules = policy.rules if policy.slots == "week" else [name for name in policy.rules if name not in OF_WEEKS]
    return Settings(
        percentile=95.0 if original else policy.percentile,
        multiple=policy.multiple,
        floor=policy.floor,
        min_share=policy.min_share,
        rules=() if original else rules,
        source=policy.baseline,
        min_weeks=policy.min_weeks,
        lookback=policy.lookback,
        every=policy.rare_weeks * WEEK / HOUR,
        width=policy.rollup_width // HOUR,
        high=policy.rollup_percentile,
        units=policy.over_units,
        needed=policy.needed(resolution),
        within=policy.within,
    )


def inside(judged: Judged, looked: Window, spans: Sequence[Window]) -> Judged:
    """Take out what is not judged: what lies outside of `looked` or of a key's span, and what its calendar excludes."""
    grid = judged.rollup.grid
    outside = np.ones((len(spans), grid.count), dtype=bool)
    for row, span in enumerate(spans):
        outside[row, grid.slice(span.widen(HOUR).clip(looked))] = False
    out = outside | (judged.marks.unjudged > 0)
    return replace(
        judged,
        threshold=np.where(out, np.nan, judged.threshold),
        sparse=judged.sparse & ~out,
        short_history=judged.short_history & ~out,
        why=np.where(out, 0, judged.why),
        unjudged=np.where(outside, 0, judged.marks.unjudged),
    )


def without_events(judged: Judged, events: Sequence[Event], keys: Sequence[str]) -> Judged:
    """An hour that an event touches was not suppressed."""
    why, rows = judged.why.copy(), {key: row for row, key in enumerate(keys)}
    for event in events:
        why[rows[event.key], judged.rollup.grid.slice(event.window.widen(HOUR))] = 0
    return replace(judged, why=why)


def highest(judged: Judged, resolution: int) -> Floats:
    """What no bucket of an hour lies above, in the direction that is looked at."""
    hours = judged.rollup.hours
    if judged.sign > 0:
        return hours.maximum
    zero = is_silent(judged.rollup.grid, judged.silent) | (judged.fill == 0)
    gap = (hours.count < HOUR // resolution) & zero
    return np.where(gap, 0.0, -hours.minimum)


def suppressed(judged: Judged, keys: tuple[str, ...], policy: Policy) -> Iterator[Suppressed]:
    """How many hours of each key passed the threshold as it is stated and are no event, by reason."""
    weeks = "a week" if policy.rare_weeks == 1 else f"{policy.rare_weeks:g} weeks"
    for code, reason in enumerate(WHY):
        for row, hours in enumerate((judged.why == code).sum(axis=1).tolist() if code else ()):
            if hours:
                yield Suppressed(keys[row], reason.format(weeks=weeks), hours)


def not_judged(
    judged: Judged, keys: tuple[str, ...], spans: Mapping[str, Window], policy: Policy
) -> Iterator[NotJudged]:
    """Stretches of hours inside each key's span that were not judged, with the reason."""
    hours = judged.rollup.grid
    reasons = (
        "",
        f"fewer than {100 * policy.min_share:g} % of the hour's buckets",
        f"fewer than {policy.min_weeks} other {'weeks' if policy.slots == 'week' else 'days'} to compare with",
        *judged.marks.reasons,
        "no more data up to the end, and falls are not looked for",
    )
    code = np.where(judged.unjudged > 0, 2 + judged.unjudged, judged.sparse * 1 + judged.short_history * 2)
    if judged.sign > 0 and judged.silent is not None:
        code[(hours.times() >= judged.silent[:, None]) & (judged.unjudged == 0)] = len(reasons) - 1
    starts = np.array([hours.index(spans[key].start) for key in keys])
    ends = np.array([-(-(spans[key].end - hours.start) // HOUR) for key in keys])
    index = np.arange(hours.count)
    code[(index < starts[:, None]) | (index >= ends[:, None])] = 0
    # A run ends where the code changes and at the end of each row.
    changes = np.ones((code.shape[0], code.shape[1] + 1), dtype=bool)
    changes[:, 1:-1] = code[:, 1:] != code[:, :-1]
    row, edge = np.nonzero(changes)
    same_row = row[:-1] == row[1:]
    for r, first, last in zip(
        row[:-1][same_row].tolist(), edge[:-1][same_row].tolist(), edge[1:][same_row].tolist(), strict=True
    ):
        if reason := reasons[code[r, first]]:
            yield NotJudged(keys[r], hours.start + first * HOUR, hours.start + last * HOUR, reason)
