"""All rules together: from an hour's roll-ups to its baseline and the limits that a breach must exceed.

Every rule works on hourly roll-ups alone, so it costs no query for buckets, and every limit holds for a whole hour: the
hours in which a breach can be are those whose maximum is above the lowest limit, whatever rules are on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analyzer.kernels import counts
from analyzer.kernels.grid import Weeks
from analyzer.kernels.habit import Habits
from analyzer.kernels.learning import OF_RARE, OF_USUAL, Kept, Past, Rare, Settings, Usual, learned_from, rare_of
from analyzer.kernels.ways import WAYS
from traffic.model import HOUR, Bools, Floats, Hours, Ints

BURSTY = 20.0
"""A key that passes so many times its baseline by itself bursts for as long as it likes: only its peaks count."""


@dataclass(frozen=True, eq=False)
class HourLimits:
    """Baselines and limits of hours: arrays of shape (keys, hours), unless stated otherwise."""

    usual: Usual
    rare: Rare | None
    """None without the rule `tail`."""
    stated: Floats
    """The threshold that the policy states, before any rule."""
    baseline: Floats
    """NaN where the hour has too few buckets ..."""
    limits: Floats
    """What must be passed in each way, shape (ways, keys, hours): those of `WAYS`, or the first of them alone."""
    chance: Floats | None
    """What small counts pass by chance, as `limits`, which are no lower; None where no key is counted."""
    habitual: Bools
    """Whether the key passes the threshold on most days round that time; shape (keys, hours) or (keys, 1)."""

    @property
    def learned(self) -> Floats:
        """As `Usual`, and so on."""
        return self.usual.learned

    @property
    def sparse(self) -> Bools:
        """Whether an hour has too few buckets."""
        return self.usual.sparse

    @property
    def weeks(self) -> Ints:
        """Number of weeks that the baseline was learned from."""
        return self.usual.weeks

    @property
    def expected(self) -> Floats:
        """... and what it would be there."""
        return self.usual.expected

    @property
    def filled(self) -> Bools:
        """Hours with too few other weeks, whose baseline was learned from other days."""
        return self.usual.filled

    @property
    def factor(self) -> Floats:
        """The level of each hour, as a multiple of the key's usual level."""
        return self.usual.factor

    @property
    def lowest(self) -> Floats:
        """The lowest limit: every breach is above it."""
        least: Floats = self.limits.min(axis=0)
        return least


def limits_of(  # noqa: PLR0913 - what was learned before, and what it is learned for
    hours: Hours,
    learn: Floats,
    weeks: Weeks,
    per_hour: int,
    settings: Settings,
    unlearned: Bools | None = None,
    factor: Floats | None = None,
    kept: Kept | None = None,
    ahead: bool = False,
) -> HourLimits:
    """Compute baselines and limits from the roll-ups of hours.

    Args:
        learn: what the baseline is learned from, shape (keys, hours): the hours' p95s where rises are looked for.
        weeks: where these hours stand.
        per_hour: buckets that an hour has room for.
        unlearned: shape (hours,), hours that are judged like any other, but that no rule learns anything from.
        factor: the level of each hour where it is known (`HourLimits.factor`); else it is learned.
        kept: what was learned from the same hours for another policy.
        ahead: set limits of hours with too few buckets as well: they may still come.
    """
    kept = Kept() if kept is None else kept
    past = Past(weeks, settings)
    # What is learned does not depend on these, so that policies that differ in nothing else learn once.
    rules = set(settings.rules)
    stage = replace(settings, multiple=1.0, floor=0.0, units=0.0, every=1.0, needed=0, within=0, rules=OF_USUAL & rules)
    usually = kept.get("usual", stage, lambda: learned_from(hours, learn, per_hour, past, unlearned, factor, kept))
    rare = None
    if "tail" in rules:
        asked = (stage, settings.every, settings.alone, OF_RARE & rules)
        rare = kept.get("rare", asked, lambda: rare_of(usually, hours, per_hour, past))
    found = _limited(replace(usually, sparse=np.zeros_like(usually.sparse)) if ahead else usually, rare, past)
    if rare is None or not (counted := counts.are_counts(hours)[:, 0]).any():
        return found
    chance = chance_at(found.baseline, counted, len(found.limits), HOUR // per_hour, settings)
    return replace(found, limits=np.maximum(found.limits, chance), chance=chance)


def chance_at(baseline: Floats, counted: Bools, ways: int, resolution: int, settings: Settings) -> Floats:
    """What small counts pass by chance in each way: shape (ways, *baseline.shape), 0 where a key is not counted.

    Args:
        counted: which of the rows of the baseline, or of its hours, are of counts: shape (len(baseline),).
    """
    mean = counts.mean_under(baseline[counted], settings.high / 100)
    chance = np.zeros((ways, *baseline.shape))
    for place, way in enumerate(WAYS[:ways]):
        needed, within = way.buckets(resolution, (settings.needed, settings.within))
        chance[place, counted] = counts.passed_by_chance(mean, needed, max(needed, within // resolution), resolution)
    return chance


def _limited(usually: Usual, rare: Rare | None, past: Past) -> HourLimits:
    """What a policy makes of it: the stated threshold, and the rules of what is ordinary for a key."""
    settings, base = past.settings, usually.baseline
    habits, habitual = None, np.zeros((len(base), 1), dtype=bool)
    if rare is not None and rare.habits is not None:
        habits = rare.habits.at(slice(None), past.grid.slot % 24)
        mostly = _mostly(base, habits, settings)
        # What a key does at any time of day is no habit, but how it is.
        habitual = (mostly > 0) & ((mostly > 0).mean(axis=1, keepdims=True) < 0.5)
    return HourLimits(
        usual=usually,
        rare=rare,
        stated=settings.threshold(usually.first),
        baseline=base,
        limits=limits_at(base, rare, habits, settings),
        chance=None,
        habitual=habitual,
    )


def limits_at(base: Floats, rare: Rare | None, habits: Habits | None, settings: Settings) -> Floats:
    """What must be passed in each way: the threshold, or what is ordinary for the key where that is more.

    Each hour for itself, so that it is the same for whole blocks and for single hours, each with a multiple of its own.

    Args:
        base: the baseline, of any shape; everything else is of these hours.

    Returns:
        Shape (ways, *base.shape).
    """
    limit = settings.threshold(base)
    if rare is None:
        return limit[None]
    root = np.sqrt(np.sqrt(np.maximum(base, 0.0))) if "volume" in settings.rules else None
    found = np.stack([_wanted(limit, base, root, rare, way, settings) for way in range(len(rare.times))])
    found[1:] = np.where(rare.times[0] > BURSTY, np.fmax(found[1:], found[0]), found[1:])
    if habits is not None:
        found = np.fmax(found, _mostly(base, habits, settings))
    return np.where(np.isnan(limit), np.nan, found)


def _mostly(base: Floats, habits: Habits, settings: Settings) -> Floats:
    """What must be passed where a key passes the threshold on most days; otherwise 0."""
    return habits.above(settings.times(np.where(base > 0, base, np.nan))) * base


def _wanted(limit: Floats, base: Floats, root: Floats | None, rare: Rare, way: int, settings: Settings) -> Floats:
    """What must be passed in one way: the threshold, or what is rare where that is more.

    Args:
        root: the fourth root of the baseline, with the rule `volume`.
    """
    times, reached = rare.times[way], rare.reached[way]
    # A quarter of what is rare for the hour, times x base, three quarters of what is rare for the key.
    more = times * base if root is None else root * rare.volume[way]
    # Where the baseline is 0 there is no ratio; what is rare for the key is all there is to go by.
    often = times > settings.times(np.where(base > 0, base, np.nan))
    most: Floats = np.fmax(limit, np.where(base > 0, np.where(often, more, 0.0), reached))
    return most
