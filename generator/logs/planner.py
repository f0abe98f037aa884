"""What goes wrong next: type, kind, service and size of an incident, drawn from the stream's seed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from generator.logs.types import TYPES, Anomalies
from generator.logs.types.base import Anomaly, IncidentPlan
from generator.logs.week import UNIT, Week
from generator.rng import Rng

NOT_YET = -1


@dataclass(eq=False)
class ScheduledIncident:
    """A plan with a start, and what came of it so far.

    `number`: which of the stream's it is. `first`, `last`: the stream's lines (not included) with which it began and
    was over. NOT_YET for what did not happen yet.
    """

    plan: IncidentPlan
    start: float
    number: int = NOT_YET
    first: int = NOT_YET
    last: int = NOT_YET
    begun_us: int | None = None
    ended_us: int | None = None
    lines: int = 0

    @property
    def end(self) -> float:
        """The unit at which it is over."""
        return self.start + self.plan.span


@dataclass(frozen=True)
class IncidentRequest:
    """What an incident has to be, where that is not drawn."""

    type: str | None = None
    service: int | None = None
    lines: int | None = None
    seconds: float | None = None


class Planner:
    """Draws plans for one stream; the same seed draws the same ones."""

    def __init__(self, anomalies: Anomalies, usual_errors: float, week: Week, seed: int, origin: int) -> None:
        """`usual_errors`: the share of errors among normal lines. `origin`: the count at which the stream begins."""
        self._types = anomalies.types
        self._weights = anomalies.types.weights()
        self._by_time = anomalies.durations == "time"
        self._week, self._seed, self._origin = week, seed, origin
        self._usual_errors = usual_errors
        self._drawn = 0

    def draw(
        self, at: float, taken: frozenset[int], request: IncidentRequest = IncidentRequest()
    ) -> IncidentPlan | None:
        """A plan for something that begins at the unit `at`, on a service that is not taken; None if all are.

        A service that is taken can still be requested: it is for the caller to see to that.
        """
        now = self._week.time(self._origin + int(at * UNIT))
        shares = self._week.shares[self._week.step(now)].tolist()
        free = [0.0 if service in taken else share for service, share in enumerate(shares)]
        if request.service is None and not sum(free):
            return None
        rng = Rng(self._seed, "incident", self._drawn, "")
        self._drawn += 1
        service = rng.index(free) if request.service is None else request.service
        kind: Anomaly = getattr(self._types, request.type or TYPES[rng.index(self._weights)])
        # Where nobody is awake, whoever is asked for still answers now and then.
        share = max(shares[service], 1e-6)
        timed = self._by_time if request.lines is None and request.seconds is None else request.lines is None
        # Who asks for so many lines of an outage wants to see them.
        plan = kind.plan(share, rng, timed or (request.type is not None and request.lines is None))
        if plan.failing:
            plan = replace(plan, factor=self._errors(plan.failing))
        if timed:
            low, high = kind.seconds
            seconds = request.seconds or math.exp(rng.real(math.log(low), math.log(high)))
            span = (self._week.count(now + int(seconds * UNIT)) - self._week.count(now)) / UNIT
        else:
            # Of an outage in which requests stop, as many lines are meant as there would have been.
            span = (request.lines or kind.duration_logs) / (share if plan.kind == "silent" else plan.rate)
        return replace(
            plan,
            service=service,
            share=share,
            severity=round(rng.real(0.6, 1.0), 4),
            entropy=rng.word(),
            span=max(span, 1.0, 1.0 / plan.rate),
        )

    def _errors(self, failing: float) -> float:
        """How many times the usual the share of errors becomes; NaN where there are none usually."""
        usual = self._usual_errors
        return round((failing + (1 - failing) * usual) / usual, 2) if usual else math.nan
