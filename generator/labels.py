"""What is said of what happened to a customer's traffic: its labels, and what a detector owes each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from generator.customer import Customer, trend
from generator.hardship import ATTACKS, DECOYS
from generator.incident import GROWTH, MARGIN, MISSES, MONDAY_RISE, Incidents, TrafficIncident
from generator.scenario import Scenario
from generator.shape import Shape
from traffic.model import HOUR, WEEK, Bools, Direction, Floats, Kind, Label, Window, week_start
from traffic.truth import label_id


class Labels:
    """The labels of a scenario."""

    def __init__(self, scenario: Scenario, shape: Shape, incidents: Incidents) -> None:
        self._scenario = scenario
        self._shape = shape
        self._incidents = incidents
        self._events = frozenset(vars(scenario.events.shapes))
        self._known: dict[tuple[str, int], int] = {}
        """What `_clear` says of a customer's incident, by when it begins: of those of which `look` saw all."""
        self._lasting: dict[tuple[str, int], bool] = {}
        """The same of its bursts and `_lasts`."""

    def look(
        self,
        customer: Customer,
        week: int,
        part: range,
        incidents: Sequence[TrafficIncident],
        level: Floats,
        steady: Floats,
    ) -> None:
        """Judge incidents and bursts by the minutes of a week that their traffic is just being made of.

        To make these minutes once more, for the labels, costs as much as a week of a customer.

        Args:
            level: `Shape.level` of this part of the week.
            steady: `TrafficNoise.steady` of it.
        """
        for one in incidents:
            span = one.window.widen(HOUR)
            first, last = (span.start - week) // 60, (span.end - week) // 60
            if one.shape in self._events and part.start <= first and last <= part.stop:
                mine = slice(first - part.start, last - part.start)
                clear = self._clear_buckets(customer, one, level[mine], steady[mine])
                self._known[customer.key, one.start] = int(np.count_nonzero(clear))
        for first, last, height in self._high(customer, week):
            if part.start <= first and last <= part.stop:
                minutes = steady[first - part.start : last - part.start]
                self._lasting[customer.key, week + 60 * first] = self._for_long(minutes, height)

    def of(self, customer: Customer, window: Window, left: Window) -> Iterator[Label]:
        """What took place in a window, clipped to it, in no order; `left` as `World.labels`.

        Of what has ended, nothing depends on how much later the window ends.
        """
        weeks, since = _weeks(window, left), left.end

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

        for week in weeks:
            if not any(one.window.end >= since for one in self._incidents.drawn(customer, week)):
                continue
            for one in self._incidents.of_week(customer, week):
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
        since = max(window.start + 1, left.end)
        for week in _weeks(window, left):
            high = [
                (Window(week + 60 * first, week + 60 * last), height)
                for first, last, height in self._high(customer, week)
                if week + 60 * first < window.end and week + 60 * last >= since
            ]
            lasting = [(seen, height) for seen, height in high if self._lasts(customer, seen, height)]
            if not lasting:
                continue
            around = [
                one.window for at in (week - WEEK, week, week + WEEK) for one in self._incidents.of_week(customer, at)
            ]
            for seen, height in lasting:
                near = Window(seen.start - MARGIN, seen.end + MARGIN)
                if not any(near.overlap(one) for one in around):
                    yield seen, height

    def _high(self, customer: Customer, week: int) -> Sequence[tuple[int, int, float]]:
        """Its bursts of a week that may reach the policy's multiple: in order, no two of which begin together."""
        noise = self._shape.noise
        # Nothing is looked at that noise of five standard deviations would not raise so far.
        least = self._scenario.required.multiple / noise.unlikely(customer)
        if not noise.reaches(customer, least):
            return ()
        # Of two that begin in the same minute the longer one.
        high = sorted(one for one in noise.bursts(customer, week) if one[2] >= least)
        return list({one[0]: one for one in high}.values())

    def _lasts(self, customer: Customer, seen: Window, height: float) -> bool:
        """Whether a burst reaches the policy's multiple for more than a minute."""
        known = self._lasting.get((customer.key, seen.start))
        return self._for_long(self._steady(customer, seen), height) if known is None else known

    def _for_long(self, steady: Floats, height: float) -> bool:
        """Whether a burst of that height does, which is there for these minutes of noise."""
        # Most are of a few minutes, for which numpy would take longer.
        multiple = self._scenario.required.multiple
        return len([minute for minute in steady.tolist() if minute * height >= multiple]) > 1

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
        """How many of its buckets in the window rise so far above the level that an ideal baseline must see them."""
        inside, which = one.window.clip(window), (customer.key, one.start)
        if inside == one.window and which in self._known:
            return self._known[which]
        span = one.window.widen(HOUR)
        level = np.concatenate([self._shape.level(customer, *one) for one in _by_week(span)])
        clear = self._clear_buckets(customer, one, level, self._steady(customer, span))
        step, first = self._scenario.seconds, one.window.widen(self._scenario.seconds).start
        return int(clear[(inside.start - first) // step : -(-(inside.end - first) // step)].sum())

    def _clear_buckets(self, customer: Customer, one: TrafficIncident, level: Floats, steady: Floats) -> Bools:
        """Which buckets of an incident rise so far above the level that an ideal baseline must see them.

        They count as high as they came out, on a quiet day less than on a busy one, but for natural bursts. A baseline
        is taken to lie as high as noise reaches one time in twenty, and speaks of whole hours: where the level climbs
        within an hour, its highest counts, as no baseline of that hour is lower, and an event on the foot of the slope
        may stay below it. Who has bursts by itself has to be passed higher than by its highest burst.

        Args:
            level: of all hours that it touches, and so is `steady`.
        """
        step, span = self._scenario.seconds, one.window.widen(HOUR)
        raised = level.copy()
        first = (one.start - span.start) // 60
        raised[first : first + one.minutes] *= one.factors()
        raised *= steady
        buckets = raised if step == 60 else raised.reshape(-1, step // 60).mean(axis=1)
        usual = np.repeat(level.reshape(-1, 60).max(axis=1), HOUR // step)
        facts, noise = self._scenario.required, self._shape.noise
        limit = facts.margin * max(facts.multiple, noise.highest_burst(customer)) * noise.q95(customer)
        clear = (buckets >= limit * usual) & (buckets >= facts.margin * facts.floor)
        own = one.window.widen(step)
        return clear[(own.start - span.start) // step : (own.end - span.start) // step]

    def _steady(self, customer: Customer, span: Window) -> Floats:
        """The noise of a span without bursts, shape (minutes,)."""
        steady = self._shape.noise.steady
        return np.concatenate([minutes for one in _by_week(span) for minutes in steady([customer], *one)])


def _weeks(window: Window, left: Window) -> range:
    """The weeks in which something may have begun that is wanted: `left` as `World.labels`."""
    # What is clipped by the window began before it.
    first = week_start(left.start) if left.start > window.start else week_start(window.start) - WEEK
    return range(first, window.end, WEEK)


def _by_week(span: Window) -> Iterator[tuple[int, range]]:
    """A span as minutes of weeks."""
    for part in span.weeks():
        week = week_start(part.start)
        yield week, range((part.start - week) // 60, (part.end - week) // 60)
