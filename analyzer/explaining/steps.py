"""The steps for one hour: the weeks it was compared with, one rule after the other, the ways to open an event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from analyzer.explaining.values import LevelStep, RuleStep, WayStep, WeekStep
from analyzer.judging.judged import Judged, settings_of, settings_of_falls
from analyzer.kernels.breach import held
from analyzer.kernels.grid import SLOTS, Weeks
from analyzer.kernels.learning import Settings
from analyzer.kernels.level import HOURS_BEFORE
from analyzer.kernels.limits import HourLimits, limits_of
from analyzer.kernels.rules import RULES
from analyzer.kernels.ways import WAYS
from analyzer.model import Policy
from traffic.model import HOUR, Direction, Floats, Rollup

PLAIN = "threshold"
"""Shown in place of a rule's name: the policy without any rule."""
_PLAIN = "The percentile of what was learned in the weeks, times what the policy states, and at least the floor."


@dataclass(frozen=True, eq=False)
class Case:
    """One hour of one key, as it was judged."""

    rollup: Rollup
    """Roll-up of this key alone."""
    judged: Judged
    policy: Policy
    resolution: int
    hour: int
    """Its index among the hours of the roll-up."""
    settings: Settings
    """The settings of the policy for limits."""
    learn: Floats
    """What is learned from."""
    factor: Floats | None = None
    """The level of each hour, if it was learned from something else."""

    @classmethod
    def of(cls, rollup: Rollup, judged: Judged, policy: Policy, resolution: int, hour: int) -> Case:
        """For the policy as stated."""
        falls = judged.sign < 0
        settings = (settings_of_falls if falls else settings_of)(policy, resolution)
        learn = rollup.hours.p20 if falls else rollup.hours.high
        return cls(rollup, judged, policy, resolution, hour, settings, learn)

    @property
    def direction(self) -> Direction:
        """The direction that was judged."""
        return "below" if self.judged.sign < 0 else "above"

    @property
    def weeks(self) -> Weeks:
        """The position of the hours in their weeks."""
        return self.judged.marks.weeks

    @property
    def multiple(self) -> float:
        """Limit over baseline, as stated in the policy."""
        return 1 - self.policy.under_percent / 100 if self.judged.sign < 0 else self.policy.multiple

    @cached_property
    def on(self) -> tuple[str, ...]:
        """The rules that count, in the order in which they are applied."""
        return tuple(name for name in RULES if name in self.settings.rules)

    @property
    def lookback(self) -> int:
        """Earlier weeks that a live alert learns from; earlier days, if hours are compared with other days."""
        return self.policy.lookback * (1 if self.weeks.slots == SLOTS["week"] else 7)

    def limits(self, rules: Sequence[str]) -> HourLimits:
        """Baseline and limits with only these rules."""
        return limits_of(
            self.rollup.hours,
            self.learn,
            self.weeks,
            HOUR // self.resolution,
            replace(self.settings, rules=tuple(rules)),
            unlearned=self.judged.marks.unlearned if self.factor is None else None,
            factor=self.factor if "level" in rules else None,
        )

    @cached_property
    def all_of_them(self) -> HourLimits:
        """Baseline and limits with all rules that apply."""
        return self.limits(self.on)

    @property
    def live(self) -> bool:
        """Whether only the past is used."""
        return self.policy.baseline == "trailing"

    def hours_before(self) -> Iterator[LevelStep]:
        """With `trailing`: the hours whose level is used for this hour."""
        if self.live and "level" in self.on:
            usual = self.all_of_them.usual
            for place in range(max(0, self.hour - HOURS_BEFORE), self.hour):
                start = self.rollup.grid.start + place * HOUR
                yield LevelStep(start, float(usual.learned[0, place]), float(usual.first[0, place]), place)

    def same_slot(self) -> Iterator[WeekStep]:
        """The same slot in all weeks, and which of these were learned from."""
        baseline, own = self.policy.baseline, self._week(self.hour)
        for place in np.flatnonzero(self.weeks.slot == self.weeks.slot[self.hour]).tolist():
            back = own - self._week(place)
            use = self._unlearned(place)
            if not use and baseline != "original" and back == 0:
                use = "the judged week"
            elif not use and baseline == "trailing" and not 0 < back <= self.lookback:
                use = "not among the weeks before"
            yield self._step(place, use)

    def same_time(self) -> Iterator[WeekStep]:
        """The same hour of all days of its kind (working days or weekends)."""
        slots = self.weeks.slot  # The rule `days` is of slots of the week only.
        weekend = slots // 24 >= 5
        same = (slots % 24 == slots[self.hour] % 24) & (weekend == weekend[self.hour])
        for place in np.flatnonzero(same).tolist():
            yield self._step(place, self._unlearned(place) or ("the judged hour" if place == self.hour else ""))

    def _week(self, place: int) -> int:
        cell = self.weeks.cell
        return (cell.start + place if isinstance(cell, slice) else int(cell[place])) // self.weeks.slots

    def _unlearned(self, place: int) -> str:
        usual = self.all_of_them.usual
        if not np.isnan(usual.learned[0, place]):
            return ""
        return "too few buckets" if usual.sparse[0, place] else "excluded by the calendar"

    def _step(self, place: int, use: str) -> WeekStep:
        # If several hours are rolled up together, the learned value is not that of this hour alone.
        learned = self.all_of_them.usual.learned[0, place]
        return WeekStep(
            start=self.rollup.grid.start + place * HOUR,
            level=float(learned if not np.isnan(learned) else self.learn[0, place]),
            buckets=int(np.nan_to_num(self.rollup.hours.count[0, place])),
            factor=float(self.all_of_them.usual.factor[0, place]) if not self.live or place == self.hour else 1.0,
            use=use or "learned",
        )

    def rules(self) -> Iterator[RuleStep]:
        """The threshold as stated, then with each rule added."""
        taken: tuple[str, ...] = ()
        before = self.limits(taken)
        yield self._rule(PLAIN, _PLAIN, before, {})
        for name, sentence in RULES.items():
            if name not in self.on:
                yield replace(self._rule(name, sentence, before, {}), on=False)
                continue
            taken = (*taken, name)
            after = self.limits(taken)
            yield self._rule(name, sentence, after, self._figures(name, before, after))
            before = after

    def _rule(self, name: str, sentence: str, limits: HourLimits, figures: Mapping[str, float]) -> RuleStep:
        baseline, limit = limits.baseline[0, self.hour], limits.limits[0, 0, self.hour]
        if self.judged.sign < 0:
            baseline = limits.expected[0, self.hour]
            limit = baseline * self.multiple
        return RuleStep(name, sentence, True, float(baseline), float(limit), figures)

    def _figures(self, name: str, before: HourLimits, after: HourLimits) -> dict[str, float]:
        """The values that a rule uses in this hour."""
        usual, rare, hour = after.usual, after.rare, self.hour

        def at(array: Floats) -> float:
            return float(array[0, hour] if array.shape[-1] > 1 else array[0, 0])

        if name == "level":
            return {"factor": at(usual.factor)}
        if name == "idle":
            return {"weekly p95": at(usual.weekly), "factor": at(usual.factor)}
        if name in ("edges", "pooled"):
            base = before.usual.expected[0]
            beside = {"hour before": hour - 1, "hour after": hour + 1}
            return {side: float(base[place]) for side, place in beside.items() if 0 <= place < len(base)}
        if rare is None:
            return {}
        if name in ("tail", "artefacts", "volume"):
            chance = {} if after.chance is None else {"by chance": at(after.chance[0])}
            return {"rare, times": at(rare.times[0]), "rare": at(rare.reached[0])} | chance
        if name == "held":
            named = list(enumerate(WAYS[: len(rare.times)]))
            figures = [(f"{way.name}: rare", at(rare.reached[place])) for place, way in named if place]
            return dict(figures) | {f"{way.name}: rare, times": at(rare.times[place]) for place, way in named}
        if name == "habit" and rare.habits is not None:
            time = self.weeks.slot[hour] % 24
            middle, mostly = rare.habits.middle[0, time], rare.habits.mostly[0, time]
            return {"on half of the days, times": float(middle), "1.25 x four days of five, times": float(mostly)}
        return {}

    def ways(self, judged: Judged, values: Sequence[float]) -> Iterator[WayStep]:
        """The ways in which an event can open, and how far the buckets went."""
        sign, stated = judged.sign, (self.policy.needed(self.resolution), self.policy.within)
        turned = sign * np.array(values, dtype=np.float64)
        for way, limit in zip(WAYS, judged.limits[:, 0, self.hour].tolist(), strict=False):
            needed, within = way.buckets(self.resolution, stated)
            place = held(turned, needed, -(-within // self.resolution))
            reached = float("nan") if place is None else float(turned[place])
            yield WayStep(way.name, sign * limit, needed, within, reached=sign * reached, passed=reached > limit)
