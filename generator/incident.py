"""What happens to a customer's traffic: events, decoys, outages, drawn per (customer, week) and described as labels.

A draw needs nothing but the scenario, its seed, the customer and the week, so that any window shows the same incidents,
clipped to it. An incident starts in its week and may run into the next one. Two incidents of a customer never come
within three hours of one another, nor of a run of its backup job: the later one is dropped where an earlier *drawn* one
is near, dropped itself or not, so that the rule never has to look further back than one week.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from generator.customer import Customer, trend
from generator.disturbance import DAY_MINUTES, Form
from generator.hardship import ATTACKS, DECOYS
from generator.noise import MINUTES
from generator.rng import Rng, poisson
from generator.scenario import Scenario
from generator.shape import Shape
from traffic.model import HOUR, WEEK, Direction, Floats, Kind, Label, Window, week_start
from traffic.truth import label_id

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

    def drawn(self, customer: Customer, week: int) -> tuple[TrafficIncident, ...]:
        """All that is drawn for a week, in order, before what comes too close is dropped."""
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
        common = Rng(seed, "monday", week, "")
        if not settings.chance or common.unit() >= settings.chance:
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
        near = (*self.drawn(customer, week - WEEK), *mine)
        around = Window(week - MARGIN, week + WEEK + _LONGEST + MARGIN)
        jobs = [run for _, run in customer.job.runs(around, self._shape.zone)] if customer.job else []
        kept = []
        for one in mine:
            wide = Window(one.start - MARGIN, one.window.end + MARGIN)
            earlier = (other.window for other in near if other < one)
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

    def labels(self, customer: Customer, window: Window, left: Window) -> Iterator[Label]:
        """What took place in a window, clipped to it, in no order; `left` as `World.labels`.

        Of what has ended, nothing depends on how much later the window ends.
        """
        first, since = week_start(max(window.start, left.start)) - WEEK, left.end

        def label(
            seen: Window, shape: str, factor: float, direction: Direction, kind: Kind, *which: int, campaign: str = ""
        ) -> Label:
            return Label(
                campaign=campaign,
                id=label_id(customer.key, shape, *which),
                key=customer.key,
                start=seen.start,
                end=seen.end,
                shape=shape,
                factor=factor,
                direction=direction,
                kind=kind,
            )

        for week in range(first, window.end, WEEK):
            for one in self.of_week(customer, week):
                if one.window.overlap(window) and one.window.end >= since:
                    direction: Direction = "below" if one.shape in (*MISSES, "outage") else "above"
                    kind = self._kind(customer, one, window)
                    seen = one.window.clip(window)
                    yield label(seen, one.shape, one.factor, direction, kind, one.start, campaign=one.campaign)
        for seen, height in self._bursts(customer, window, left):
            yield label(seen.clip(window), "burst", height, "above", "optional", seen.start)
        if job := customer.job:
            for week, run in job.runs(Window(max(window.start, since - 1), window.end), self._shape.zone):
                yield label(run.clip(window), "backup", job.factor, "above", "decoy", week)
        if customer.season:
            before, after = (trend(self._scenario, customer, at) for at in (window.start, window.end))
            yield label(window, GROWTH, round(after / before, 3), "above" if after >= before else "below", "decoy")

    def _bursts(self, customer: Customer, window: Window, left: Window) -> Iterator[tuple[Window, float]]:
        """A customer's own bursts that reach the policy's multiple for more than a minute, apart from all incidents.

        They are nobody's fault and no event; but whoever asks to be told of what reaches that multiple cannot complain.
        """
        noise, multiple = self._shape.noise, self._scenario.required.multiple
        # Nothing is looked at that noise of five standard deviations would not raise so far.
        least = multiple / noise.unlikely(customer)
        steady_of = cache(noise.steady)
        for week in range(week_start(max(window.start, left.start)) - WEEK, window.end, WEEK):
            # Of two that begin in the same minute the longer one.
            own = {one[0]: one for one in sorted(noise.bursts(customer, week)) if one[2] >= least}
            if not own:
                continue
            around = [one.window for at in (week - WEEK, week, week + WEEK) for one in self.of_week(customer, at)]
            for first, last, height in own.values():
                seen = Window(week + 60 * first, week + 60 * last)
                near = Window(seen.start - MARGIN, seen.end + MARGIN)
                if seen.overlap(window) and seen.end >= left.end and not any(near.overlap(one) for one in around):
                    steady = self._by_week(steady_of, customer, seen)
                    if int((steady * height >= multiple).sum()) > 1:
                        yield seen, height

    def _kind(self, customer: Customer, one: TrafficIncident, window: Window) -> Kind:
        """What a detector owes an incident, from the levels that it was made of."""
        if one.shape == "outage":
            return "ignore"
        if one.shape in ("blip", "gap") or one.shape in DECOYS:
            return "decoy"
        facts = self._scenario.required
        judged = one.start >= window.start + round(facts.history_weeks * WEEK)
        if customer.hardship == "late":
            # Nobody has a longer history of it.
            judged = True
        if one.shape in ATTACKS:
            return "required" if judged else "optional"
        if one.shape == MONDAY_RISE:
            # It is there to be seen; what it must not become is an incident of many.
            return "optional"
        return "required" if judged and self._clear(customer, one, window) >= facts.buckets else "optional"

    def _clear(self, customer: Customer, one: TrafficIncident, window: Window) -> int:
        """How many of its buckets in the window rise so far above the level that an ideal baseline must see them.

        They count as high as they came out, on a quiet day less than on a busy one, but for natural bursts. A baseline
        is taken to lie as high as noise reaches one time in twenty, and speaks of whole hours: where the level climbs
        within an hour, its highest counts, as no baseline of that hour is lower, and an event on the foot of the slope
        may stay below it. Who has bursts by itself has to be passed higher than by its highest burst.
        """
        span = one.window.widen(HOUR)
        level = self._by_week(self._shape.level, customer, span)
        raised = level.copy()
        first = (one.start - span.start) // 60
        raised[first : first + one.minutes] *= one.factors()
        raised *= self._by_week(self._shape.noise.steady, customer, span)
        step = self._scenario.seconds
        buckets = raised.reshape(-1, step // 60).mean(axis=1)
        usual = np.repeat(level.reshape(-1, 60).max(axis=1), HOUR // step)
        facts, noise = self._scenario.required, self._shape.noise
        limit = facts.margin * max(facts.multiple, noise.highest_burst(customer)) * noise.q95(customer)
        clear = (buckets >= limit * usual) & (buckets >= facts.margin * facts.floor)
        inside = one.window.clip(window)
        return int(clear[(inside.start - span.start) // step : -(-(inside.end - span.start) // step)].sum())

    def _by_week(self, made: Callable[[Customer, int], Floats], customer: Customer, span: Window) -> Floats:
        """Minutes of a span, of what is made week by week."""
        monday = week_start(span.start)
        weeks = [made(customer, week) for week in range(monday, span.end, WEEK)]
        first = (span.start - monday) // 60
        return np.concatenate(weeks)[first : first + span.seconds // 60]


def _start(rng: Rng, week: int) -> int:
    return week + 60 * rng.whole(0, MINUTES - 1)


def _factor(rng: Rng, bounds: tuple[float, float]) -> float:
    return round(rng.real(*bounds), 2)
