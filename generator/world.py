"""A scenario made concrete: the amounts of any customer in any week, and the labels of any window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from generator.customer import customers, trend
from generator.dimensions import Excess, Mixture
from generator.hardship import ATTACKS
from generator.incident import MISSES, Incidents
from generator.labels import Labels
from generator.noise import MINUTES, WHOLE
from generator.scenario import Scenario
from generator.shape import Shape
from traffic.errors import UsageFailure
from traffic.flows import Flows
from traffic.model import WEEK, Grid, Ints, Label, Window, week_start
from traffic.truth import label_id

MISSING = -1

# Bytes of a minute at 1 bit/s.
_BYTES = 60 / 8
# What 53 bits of a float can count without a gap.
_MOST = 2.0**53


class World:
    """What a scenario comes to. Every array is a pure function of (scenario, seed, key, week)."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.step = scenario.seconds
        self.customers = customers(scenario)
        self._shape = Shape(scenario)
        self._incidents = Incidents(scenario, self._shape)
        self._labels = Labels(scenario, self._shape, self._incidents)
        self._events = ATTACKS.union(vars(scenario.events.shapes))
        self.mixture = Mixture(scenario.dimensions, scenario.seed)

    def check(self, window: Window) -> None:
        """Make sure that all of it can be counted.

        Raises:
            UsageFailure: growth or rates leave what can be counted in this window.
        """
        forms = vars(self.scenario.events.shapes).values()
        decoys = self.scenario.decoys
        campaigns = self.scenario.campaigns
        many = (campaigns.factor[1], campaigns.monday.factor[1])
        factors = (*(form.factor[1] for form in forms), decoys.blip.factor[1], *many)
        highest = max(factors) * decoys.backup.factor[1]
        highest = max(highest, self.scenario.hard.highest)
        for one in self.customers.values():
            grown = max(trend(self.scenario, one, at) for at in (window.start, window.end))
            largest = (
                one.rate * one.multiplier * grown * highest * self._shape.noise.most(one) * _BYTES * self.step / 60
            )
            if largest > _MOST:
                raise UsageFailure(
                    f"customer {one.key!r} may send {largest:.0e} bytes in a step, more than can be counted exactly "
                    f"({_MOST:.0e}): lower its rate, growth or factors"
                )

    def amounts(self, key: str, week: int) -> Ints:
        """Bytes of each native step of a week (epoch second of its Monday), shape (steps,); MISSING in gaps."""
        found: Ints = self.block([key], Grid(week, self.step, WEEK // self.step))[0]
        return found

    def _minutes(self, keys: Sequence[str], week: int, part: range = WHOLE) -> Ints:
        """Bytes of some minutes of a week, shape (keys, minutes)."""
        customers = [self.customers[key] for key in keys]
        found = np.empty((len(keys), len(part)), dtype=np.int64)
        shape = self._shape
        for row, customer, noise in zip(found, customers, shape.noise.steady(customers, week, part), strict=True):
            values = shape.level(customer, week, part)
            incidents = self._incidents.touching(customer, week)
            self._labels.look(customer, week, part, incidents, values, noise)
            shape.noise.raise_by_bursts(noise, customer, week, part)
            gaps: list[slice] = []
            for one in incidents:
                first = (one.start - week) // 60
                begin, end = max(first, part.start), min(first + one.minutes, part.stop)
                if begin >= end:
                    continue
                minutes = slice(begin - part.start, end - part.start)
                if one.shape in MISSES:
                    gaps.append(minutes)
                else:
                    values[minutes] *= one.factors()[begin - first : end - first]
            values *= noise
            values *= _BYTES
            row[:] = np.rint(values, out=values)
            for gap in gaps:
                row[gap] = MISSING
        return found

    def flows(self, keys: Sequence[str], grid: Grid, amounts: Ints) -> Iterator[Flows]:
        """What the amounts of some customers are made of, a customer at a time: `block` says them.

        What an event puts on top of a minute is what its factor makes of the rest: amount - floor(amount / factor).
        """
        week = week_start(grid.start)
        for row, key in enumerate(keys):
            yield self.mixture.flows(key, row, grid, week, amounts[row], self._excesses(key, week))

    def _excesses(self, key: str, week: int) -> list[Excess]:
        customer, found = self.customers[key], list[Excess]()
        events = [one for one in self._incidents.touching(customer, week) if one.shape in self._events]
        minutes = self._minutes([key], week)[0] if events else None
        for one in events:
            assert minutes is not None
            first = (one.start - week) // 60
            begin, end = max(first, 0), min(first + one.minutes, MINUTES)
            factors = one.factors()[begin - first : end - first]
            added = np.zeros(MINUTES, dtype=np.int64)
            there = np.maximum(minutes[begin:end], 0)
            added[begin:end] = there - np.floor(there / factors).astype(np.int64)
            whole = added.reshape(-1, self.step // 60).sum(axis=1)
            culprit = self.mixture.culprit(key, label_id(key, one.shape, one.start), one.campaign)
            found.append(Excess(0, whole, culprit))
        return found

    def block(self, keys: Sequence[str], grid: Grid) -> Ints:
        """Bytes of some customers on a grid of native steps within one week, shape (keys, steps); MISSING as above."""
        week = week_start(grid.start)
        if grid.step != self.step or grid.window.end > week + WEEK:
            raise ValueError(f"{grid} does not lie within one week of steps of {self.step} s")
        found = self._minutes(keys, week, range((grid.start - week) // 60, (grid.window.end - week) // 60))
        return found if self.step == 60 else _coarser(found, self.step // 60)

    def labels(self, window: Window, left: Window | None = None) -> list[Label]:
        """All that happened in a window, clipped to it.

        Args:
            left: only what did not end before its end; the first of that, growth apart, begins no earlier than it does.
        """
        wanted = Window(window.start, window.start) if left is None else left
        found = [label for one in self.customers.values() for label in self._labels.of(one, window, wanted)]
        if not self.scenario.dimensions.enabled:
            return found
        return [replace(one, culprit=self._culprit(one)) if one.shape in self._events else one for one in found]

    def _culprit(self, label: Label) -> str:
        return self.mixture.culprit(label.key, label.id, label.campaign).text


def _coarser(amounts: Ints, factor: int) -> Ints:
    """Sums of `factor` minutes each, of every row; missing only where all of them are."""
    minutes = amounts.reshape(len(amounts), -1, factor)
    there = minutes != MISSING
    found: Ints = np.where(there, minutes, 0).sum(axis=2)
    found[~there.any(axis=2)] = MISSING
    return found
