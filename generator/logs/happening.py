"""What goes wrong next: type, kind, service and size of an incident, drawn from the stream's seed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from generator.chance import Dice
from generator.logs.anomalies import (
    TYPES,
    Anomalies,
    AnomalyTypes,
    DataAnomaly,
    ErrorSpike,
    LatencyDegradation,
    ResourceExhaustion,
    SecurityThreat,
    ServiceOutage,
)
from generator.logs.week import UNIT, Week

SHOWS = 3.6
"""How many times the usual a value has to reach before a detector at three times the usual is sure to see it."""
GONE = 0.2
"""To what share of the usual requests have to fall before that shows."""
NOT_YET = -1


@dataclass(frozen=True)
class Plan:
    """An incident before it has a place: what happens to the lines of one service.

    Per unit of the schedule (the time of one usual line) there are `rate` anomalous lines, and `away` usual ones are
    missing, of the `share` that the service has. `span`: how many units it lasts.
    """

    type: str
    kind: str
    rate: float
    away: float
    shows_in: tuple[str, ...]
    factor: float
    failing: float = 0.0
    """The share of the service's lines that fail, where that is all that changes."""
    level: float = 0.0
    """What the type needs besides: error rate, multiplier, number of addresses."""
    service: int = 0
    share: float = 0.0
    severity: float = 0.0
    chance: int = 0
    """32 bits for whatever else of it is left to chance, such as where an attack comes from."""
    span: float = 0.0

    @property
    def number(self) -> int:
        """Position of the type in `anomalies.TYPES`."""
        return TYPES.index(self.type)


@dataclass(eq=False)
class Happening:
    """A plan that has a place, and what came of it so far.

    `number`: which of the stream's it is. `first`, `last`: the stream's lines (not included) with which it began and
    was over. NOT_YET for what did not happen yet.
    """

    plan: Plan
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
class Wish:
    """What an incident has to be, where that is not left to chance."""

    type: str | None = None
    service: int | None = None
    lines: int | None = None
    seconds: float | None = None


class Planner:
    """Draws plans for one stream; the same seed draws the same ones."""

    def __init__(self, anomalies: Anomalies, usual_errors: float, week: Week, seed: int, origin: int) -> None:
        """`usual_errors`: the share of errors among normal lines. `origin`: the count at which the stream begins."""
        self._types: AnomalyTypes = anomalies.types
        self._weights = anomalies.types.weights()
        self._by_time = anomalies.durations == "time"
        self._week, self._seed, self._origin = week, seed, origin
        self._usual_errors = usual_errors
        self._drawn = 0

    def draw(self, at: float, taken: frozenset[int], wish: Wish = Wish()) -> Plan | None:
        """A plan for something that begins at the unit `at`, on a service that is not taken; None if all are.

        A wish for a service that is taken is granted: it is for the caller to see to that.
        """
        now = self._week.time(self._origin + int(at * UNIT))
        shares = self._week.shares[self._week.step(now)].tolist()
        free = [0.0 if place in taken else share for place, share in enumerate(shares)]
        if wish.service is None and not sum(free):
            return None
        dice = Dice(self._seed, "incident", self._drawn, "")
        self._drawn += 1
        service = dice.place(free) if wish.service is None else wish.service
        name = wish.type or TYPES[dice.place(self._weights)]
        # Where nobody is awake, whoever is asked for still answers now and then.
        share = max(shares[service], 1e-6)
        settings = getattr(self._types, name)
        by_time = self._by_time if wish.lines is None and wish.seconds is None else wish.lines is None
        # Who asks for so many lines of an outage wants to see them.
        plan = _MAKERS[name](settings, share, dice, by_time or (wish.type is not None and wish.lines is None))
        if plan.failing:
            plan = replace(plan, factor=self._errors(plan.failing))
        if by_time:
            low, high = settings.seconds
            seconds = wish.seconds or math.exp(dice.real(math.log(low), math.log(high)))
            span = (self._week.count(now + int(seconds * UNIT)) - self._week.count(now)) / UNIT
        else:
            # Of an outage in which requests stop, as many lines are meant as there would have been.
            span = (wish.lines or settings.duration_logs) / (share if plan.kind == "silent" else plan.rate)
        return replace(
            plan,
            service=service,
            share=share,
            severity=round(dice.real(0.6, 1.0), 4),
            chance=dice.word(),
            span=max(span, 1.0, 1.0 / plan.rate),
        )

    def _errors(self, failing: float) -> float:
        """How many times the usual the share of errors becomes; NaN where there are none usually."""
        usual = self._usual_errors
        return round((failing + (1 - failing) * usual) / usual, 2) if usual else math.nan


def _error_spike(settings: ErrorSpike, share: float, dice: Dice, _silence: bool) -> Plan:
    factor = round(dice.real(*settings.factor), 2)
    shows = (*_if("requests", factor >= SHOWS), *_if("errors", settings.error_rate >= 0.3), "latency")
    return Plan("error_spike", "error_spike", share * factor, share, shows, factor, level=settings.error_rate)


def _latency_degradation(settings: LatencyDegradation, share: float, _dice: Dice, _silence: bool) -> Plan:
    factor = settings.multiplier
    shows = _if("latency", factor >= SHOWS)
    return Plan("latency_degradation", "latency_degradation", share, share, shows, factor, level=factor)


def _security_threat(settings: SecurityThreat, share: float, dice: Dice, _silence: bool) -> Plan:
    kind = settings.types[dice.whole(0, len(settings.types) - 1)]
    factor = round(dice.real(*settings.factor), 2)
    shows = (*_if("requests", factor >= SHOWS), "errors")
    # Everybody else goes on as usual.
    return Plan("security_threat", kind, share * (factor - 1), 0.0, shows, factor, level=settings.addresses)


def _resource_exhaustion(settings: ResourceExhaustion, share: float, dice: Dice, _silence: bool) -> Plan:
    kind = settings.resources[dice.whole(0, len(settings.resources) - 1)]
    factor = settings.multiplier
    shows = (*_if("latency", factor >= SHOWS), *_if("errors", settings.error_rate >= 0.4))
    return Plan("resource_exhaustion", kind, share, share, shows, factor, level=factor)


def _service_outage(settings: ServiceOutage, share: float, dice: Dice, silence: bool) -> Plan:
    # Counted in lines, an outage without lines would last for ever.
    kinds = [kind for kind in settings.types if silence or kind != "silent"] or ["complete"]
    kind = kinds[dice.whole(0, len(kinds) - 1)]
    if kind == "silent":
        shows = _if("requests", settings.remaining <= GONE)
        return Plan("service_outage", kind, share * settings.remaining, share, shows, settings.remaining)
    failing = 1.0 if kind == "complete" else settings.failure_rate
    shows = (*_if("errors", failing >= 0.3), *_if("latency", kind == "complete"))
    return Plan("service_outage", kind, share * failing, share * failing, shows, 1.0, failing)


def _data_anomaly(settings: DataAnomaly, share: float, dice: Dice, _silence: bool) -> Plan:
    kind = settings.types[dice.whole(0, len(settings.types) - 1)]
    part = settings.share
    shows = (*_if("errors", part >= 0.3), *_if("latency", kind == "out_of_range"))
    return Plan("data_anomaly", kind, share * part, share * part, shows, 1.0, part)


def _if(metric: str, shown: bool) -> tuple[str, ...]:
    return (metric,) if shown else ()


_MAKERS: dict[str, Callable[..., Plan]] = {
    "error_spike": _error_spike,
    "latency_degradation": _latency_degradation,
    "security_threat": _security_threat,
    "resource_exhaustion": _resource_exhaustion,
    "service_outage": _service_outage,
    "data_anomaly": _data_anomaly,
}
