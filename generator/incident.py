"""What happens to a customer's traffic: events, decoys, outages, drawn per (customer, week); labels.py describes them.

A draw needs nothing but the scenario, its seed, the customer and the week, so that any window shows the same incidents,
clipped to it. An incident starts in its week and may run into the next one. Two incidents of a customer never come
within three hours of one another, nor of a run of its backup job: the later one is dropped where an earlier *drawn* one
is near, dropped itself or not, so that the rule never has to look further back than one week.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from generator.customer import Customer
from generator.disturbance import DAY_MINUTES, Form
from generator.noise import MINUTES
from generator.rng import Rng, poisson
from generator.scenario import Scenario
from generator.shape import Shape
from traffic.model import HOUR, WEEK, Floats, Window

MARGIN = 3 * HOUR

_LONGEST = 60 * DAY_MINUTES
"""Of what may be near to a backup job."""

MONDAY_RISE = "monday_rise"
_MORNING = (7 * 60, 10 * 60)
"""Minutes of a Monday in which a common rise begins."""
GROWTH = "growth"
"""The shape of what lasts from one end of a window to the other."""
MISSES = ("gap", "late")
"""Shapes whose minutes never arrive."""

# A pulse is long enough to be an event by itself, and the next one comes while that event is still open (10 minutes by
# the default policy), even where noise hides the first and the last minute of a pulse.
_PULSE = (3, 6)
_PAUSE = (2, 5)

_KEPT = 20_000
"""Weeks of a customer whose incidents are kept."""


@dataclass(frozen=True, order=True)
class TrafficIncident:
    """Something that happens to one customer's traffic from `start` (epoch seconds, a whole minute) on."""

    start: int
    minutes: int
    shape: str
    factor: float
    turn: float = 0.5
    """Of a ramp: the share of its length in which it rises."""
    pulse: int = 0
    pause: int = 0
    campaign: str = ""
    """That it is part of."""

    @property
    def window(self) -> Window:
        """From its start to its end."""
        return Window(self.start, self.start + 60 * self.minutes)

    def factors(self) -> Floats:
        """What the noise-free level is multiplied with in each of its minutes, shape (minutes,). Not for a gap."""
        minute = np.arange(self.minutes, dtype=np.float64)
        if self.shape in ("ramp", "slow_ramp"):
            rise = max(1, int(self.minutes * self.turn))
            height = np.minimum((minute + 1) / rise, (self.minutes - minute) / (self.minutes - rise + 1))
        elif self.shape == "slow_burn":
            height = np.minimum(1.0, (minute + 1) / max(1, self.minutes // 4))
            height = np.minimum(height, (self.minutes - minute) / max(1, self.minutes // 8))
        elif self.shape == "pulse_train":
            height = np.where(minute % (self.pulse + self.pause) < self.pulse, 1.0, 0.0)
        else:
            height = np.ones(self.minutes)
        return 1.0 + (self.factor - 1.0) * height


class Incidents:
    """The incidents of a scenario."""

    def __init__(self, scenario: Scenario, shape: Shape) -> None:
        self._scenario = scenario
        self._shape = shape
        self._events = poisson(scenario.events.per_week)
        self._blips = poisson(scenario.decoys.blip.per_week)
        self._gaps = poisson(scenario.decoys.gap.per_week)
        self._outages = poisson(scenario.outage.per_week)
        self._common = poisson(scenario.campaigns.per_week)
        self._forms: dict[str, Form] = vars(scenario.events.shapes)
        self._weights = [form.weight for form in self._forms.values()]
        self._drawn_by_week: dict[tuple[str, int], tuple[TrafficIncident, ...]] = {}

    def drawn(self, customer: Customer, week: int) -> tuple[TrafficIncident, ...]:
        """All that is drawn for a week, in order, before what comes too close is dropped."""
        # A week is looked at from the weeks beside it too.
        which = customer.key, week
        if which not in self._drawn_by_week:
            if len(self._drawn_by_week) >= _KEPT:
                self._drawn_by_week.clear()
            self._drawn_by_week[which] = self._drawn(customer, week)
        return self._drawn_by_week[which]

    def _drawn(self, customer: Customer, week: int) -> tuple[TrafficIncident, ...]:
        if customer.season:
            # The growth of such a customer is a decoy over the whole window; anything else would be hidden in it.
            return ()
        hard = [*self._hard(customer, week), *self._campaigns(customer, week), *self._monday(customer, week)]
        rng = Rng(self._scenario.seed, "incident", week, customer.key)
        numbers = [rng.count(kind) for kind in (self._events, self._blips, self._gaps, self._outages)]
        if not any(numbers):
            return tuple(sorted(set(hard)))
        events, blips, gaps, outages = numbers
        found = [self._event(rng, week) for _ in range(events)]
        decoys, outage = self._scenario.decoys, self._scenario.outage
        found += [TrafficIncident(_start(rng, week), 1, "blip", _factor(rng, decoys.blip.factor)) for _ in range(blips)]
        found += [TrafficIncident(_start(rng, week), rng.whole(*decoys.gap.minutes), "gap", 0.0) for _ in range(gaps)]
        for _ in range(outages):
            start, factor = _start(rng, week), _factor(rng, outage.factor)
            found.append(TrafficIncident(start, rng.whole(*outage.minutes), "outage", factor))
        return tuple(sorted({*found, *hard}))

    def _hard(self, customer: Customer, week: int) -> list[TrafficIncident]:
        """What makes a customer hard to judge in a week."""
        name = customer.hardship
        if not name:
            return []
        happens = self._scenario.hard.happens(self._scenario.seed, customer.key, name, week)
        return [TrafficIncident(start, minutes, name, factor, turn=0.9) for start, minutes, factor in happens]

    def _campaigns(self, customer: Customer, week: int) -> Iterator[TrafficIncident]:
        """The customer's part in what hits many in a week."""
        settings, seed = self._scenario.campaigns, self._scenario.seed
        if not settings.per_week:
            return
        common = Rng(seed, "campaigns", week, "")
        for number in range(common.count(self._common)):
            start, share, minutes = _start(common, week), common.real(*settings.share), common.whole(*settings.minutes)
            own = Rng(seed, f"campaign {number}", week, customer.key)
            if own.unit() < share:
                # None begins in the week after, in which it would not be looked for.
                first = min(start + 60 * own.whole(*settings.spread), week + WEEK - 60)
                name = f"{week}-{number}"
                yield TrafficIncident(first, minutes, "square", _factor(own, settings.factor), campaign=name)

    def _monday(self, customer: Customer, week: int) -> Iterator[TrafficIncident]:
        """The customer's part in a common rise on a Monday morning."""
        settings, seed = self._scenario.campaigns.monday, self._scenario.seed
        if not settings.chance:
            return
        common = Rng(seed, "monday", week, "")
        if common.unit() >= settings.chance:
            return
        start, share = week + 60 * common.whole(*_MORNING), common.real(*settings.share)
        minutes, own = common.whole(*settings.minutes), Rng(seed, "monday of", week, customer.key)
        if own.unit() < share:
            first = start + 60 * own.whole(*settings.spread)
            yield TrafficIncident(first, minutes, MONDAY_RISE, _factor(own, settings.factor))

    def _event(self, rng: Rng, week: int) -> TrafficIncident:
        name = list(self._forms)[rng.index(self._weights)]
        form = self._forms[name]
        start, factor, minutes = _start(rng, week), _factor(rng, form.factor), rng.whole(*form.minutes)
        turn = round(rng.real(0.3, 0.7), 2)
        pulse, pause = rng.whole(*_PULSE), rng.whole(*_PAUSE)
        if name != "pulse_train":
            return TrafficIncident(start, minutes, name, factor, turn=turn)
        # It ends with a whole pulse; two of them are the least that is a train.
        pulses = max(2, (minutes + pause) // (pulse + pause))
        return TrafficIncident(start, pulses * (pulse + pause) - pause, name, factor, pulse=pulse, pause=pause)

    def of_week(self, customer: Customer, week: int) -> tuple[TrafficIncident, ...]:
        """What starts in a week and takes place, in order."""
        mine = self.drawn(customer, week)
        if not mine:
            return ()
        before = self.drawn(customer, week - WEEK)
        drawn = (*before, *mine)
        around = Window(week - MARGIN, week + WEEK + _LONGEST + MARGIN)
        jobs = [run for _, run in customer.job.runs(around, self._shape.zone)] if customer.job else []
        kept = []
        for place, one in enumerate(mine, start=len(before)):
            wide = Window(one.start - MARGIN, one.window.end + MARGIN)
            earlier = (other.window for other in drawn[:place])
            # Weeks of absence follow one another.
            if one.shape == "late" or not any(wide.overlap(other) for other in (*earlier, *jobs)):
                kept.append(one)
        return tuple(kept)

    def touching(self, customer: Customer, week: int) -> tuple[TrafficIncident, ...]:
        """What takes place in a week, including what runs into it from the week before."""
        before = week - WEEK
        # Few incidents cross the border of a week: nothing more is drawn unless one does.
        crossing = any(one.window.end > week for one in self.drawn(customer, before))
        running = [one for one in self.of_week(customer, before) if one.window.end > week] if crossing else []
        return (*running, *self.of_week(customer, week))


def _start(rng: Rng, week: int) -> int:
    return week + 60 * rng.whole(0, MINUTES - 1)


def _factor(rng: Rng, bounds: tuple[float, float]) -> float:
    return round(rng.real(*bounds), 2)
