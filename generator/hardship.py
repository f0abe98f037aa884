"""What makes a customer hard to judge: attacks that hide from a plain rule, and traffic that looks like one.

Each customer has one kind at most, drawn by its name; the default scenario has none. Everything is a pure function of
(scenario, seed, customer, week), as all incidents are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from generator.rng import Rng, poisson
from traffic.model import DAY, HOUR, WEEK
from traffic.settings import BadSetting, Range, WholeRange, check, check_range

ATTACKS = frozenset({"low_and_slow", "many_keys", "same_hour", "campaign", "slow_ramp"})
"""Kinds that have to be found, whether the policy's multiple reaches them or not."""
DECOYS = frozenset({"wraps", "moving_job", "sampling", "late"})
"""Kinds that must stay quiet."""
WHOLE_WEEK = WEEK // 60


@dataclass(frozen=True)
class Hardship:
    """One kind: what share of customers has it, how often, how many times the usual traffic, how long."""

    share: float
    factor: Range
    minutes: WholeRange
    per_week: float = 1.0

    def __post_init__(self) -> None:
        check("share", self.share, 0, 1)
        check("per_week", self.per_week, 0, 50)
        check_range("factor", self.factor, 1, 500)
        check_range("minutes", self.minutes, 1, WHOLE_WEEK)


@dataclass(frozen=True)
class Hard:
    """The kinds."""

    low_and_slow: Hardship = field(default_factory=lambda: Hardship(0, (1.4, 1.9), (60, 240)))
    many_keys: Hardship = field(default_factory=lambda: Hardship(0, (1.6, 2.2), (15, 40)))
    same_hour: Hardship = field(default_factory=lambda: Hardship(0, (5, 10), (30, 60)))
    campaign: Hardship = field(default_factory=lambda: Hardship(0, (5, 10), (20, 60)))
    slow_ramp: Hardship = field(default_factory=lambda: Hardship(0, (4, 7), (240, 720), 0.7))
    wraps: Hardship = field(default_factory=lambda: Hardship(0, (100, 300), (2, 2), 4))
    moving_job: Hardship = field(default_factory=lambda: Hardship(0, (4, 6), (40, 60), 7))
    sampling: Hardship = field(default_factory=lambda: Hardship(0, (3, 5), (2880, 7200)))
    late: Hardship = field(default_factory=lambda: Hardship(0, (1, 1), (WHOLE_WEEK, WHOLE_WEEK)))

    def __post_init__(self) -> None:
        if sum(one.share for one in vars(self).values()) > 1:
            raise BadSetting("late.share", "a customer is hard in only one way: the shares add up to more than 1")

    @property
    def highest(self) -> float:
        """The largest factor that there can be."""
        kinds: list[Hardship] = list(vars(self).values())
        return max([1.0, *(one.factor[1] for one in kinds if one.share)])

    def drawn(self, seed: int, key: str) -> str:
        """The kind of a customer; "" for none."""
        place = Rng(seed, "hard", 0, key).unit()
        for name, one in vars(self).items():
            if place < one.share:
                return str(name)
            place -= one.share
        return ""

    def happens(self, seed: int, key: str, name: str, week: int) -> Iterator[tuple[int, int, float]]:
        """What happens to a customer of a kind in a week: start (epoch seconds), minutes, factor."""
        one: Hardship = vars(self)[name]
        own = Rng(seed, name, week, key)
        phase = Rng(seed, f"{name} phase", 0, key).whole(0, 5)
        for start in self._starts(seed, key, name, week, (week // WEEK + phase) % 6):
            yield start, own.whole(*one.minutes), round(own.real(*one.factor), 2)

    def _starts(self, seed: int, key: str, name: str, week: int, turn: int) -> list[int]:
        """When: `turn` counts the weeks of a customer, from 0 to 5 and again."""
        one: Hardship = vars(self)[name]
        if name == "same_hour":
            # Four weeks of six: most of the others that an hour is compared with hold it too.
            at = Rng(seed, "same hour", 0, key).whole(0, WHOLE_WEEK - 1)
            return [week + 60 * at] if turn < 4 else []
        if name == "campaign":
            # Three days of six weeks: three attacks each.
            rng = Rng(seed, "campaign day", week, key)
            first = week + DAY * rng.whole(0, 4)
            days = range(first, first + 3 * DAY, DAY) if turn == 3 else range(0)
            return [day + part * 8 * HOUR + 60 * rng.whole(0, 4 * 60) for day in days for part in range(3)]
        if name == "moving_job":
            rng = Rng(seed, "job's nights", week, key)
            return [night + 60 * rng.whole(0, 5 * 60) for night in range(week, week + WEEK, DAY)]
        if name == "sampling":
            return [week + 60 * Rng(seed, "another rate", week, key).whole(0, DAY // 60)] if turn in (1, 4) else []
        if name == "late":
            # There for two weeks of six.
            return [week] if turn > 1 else []
        # All that are hit together are hit at the same times.
        rng = Rng(seed, f"{name} at", week, "" if name == "many_keys" else key)
        return [week + 60 * rng.whole(0, WHOLE_WEEK - 1) for _ in range(rng.count(poisson(one.per_week)))]
