"""When incidents begin and end, so that the share of anomalous lines comes out as asked.

The schedule runs along the usual lines: one unit is as much time as one line takes when nothing is wrong. An incident
that lasts for `span` units has `rate * span` anomalous lines and displaces `displaced * span` usual ones. For these to
be the asked share of all, it is given a cycle of the schedule:

    anomalous / share = cycle + anomalous - displaced * span

Cycles follow one another, an incident lies somewhere in its own; where cycles are shorter than incidents these overlap,
on different services. Where it is known how much there will be in all, the last incidents are cut to what is left, so
that the share is met there and not only in the long run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import inf

from generator.logs.planner import ScheduledIncident
from generator.logs.types.base import IncidentPlan

_SHORTEST = 1e-3
_FAR = 1e6
_LAST = 1.5
"""An incident that leaves less than half of itself for the next one takes that as well."""


@dataclass(frozen=True)
class Quota:
    """How much the stream hands out in all, where that is known: lines, or units of the schedule."""

    amount: float
    of_lines: bool


@dataclass(frozen=True, eq=False)
class ScheduleSegment:
    """Lines `first` to `last` (not included) between which nothing begins or ends; `at` is the unit at `first`."""

    first: int
    last: int
    at: float
    active: tuple[ScheduledIncident, ...] = ()

    @property
    def lines_a_unit(self) -> float:
        """How many lines there are for each usual one."""
        return lines_a_unit(self.active)


def lines_a_unit(active: tuple[ScheduledIncident, ...] | list[ScheduledIncident]) -> float:
    """How many lines there are for each usual one while all these go on."""
    return max(1.0 + sum(one.plan.rate - one.plan.displaced for one in active), _SHORTEST)


@dataclass
class Schedule:
    """Lays incidents out along the lines of one stream, one segment after the other.

    `draw`: at which unit, and the services that are taken -> what goes wrong next; None where no service is left.
    `jitter`: where in its cycle an incident lies, 0 to 1. `share`: of anomalous lines.
    """

    draw: Callable[[float, frozenset[int]], IncidentPlan | None]
    jitter: Callable[[], float]
    share: float
    quota: Quota | None = None
    at: float = 0.0
    _line: float = 0.0
    _next: float = 0.0
    _again: float = inf
    _left: float = inf
    _active: list[ScheduledIncident] = field(default_factory=list)
    _waiting: list[ScheduledIncident] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.quota is not None:
            self._left = self.quota.amount
        if not self.share:
            self._next = inf

    @property
    def taken(self) -> frozenset[int]:
        """Services with which something is wrong, or soon will be."""
        return frozenset(one.plan.service for one in (*self._active, *self._waiting))

    @property
    def due(self) -> int:
        """How many go on, or will soon."""
        return len(self._active) + len(self._waiting)

    def segment(self) -> ScheduleSegment:
        """The next one; it has at least one line."""
        while True:
            self._plan()
            self._begin()
            active = tuple(self._active)
            until = min(
                self._next if self._again == inf else self._again,
                self.at + _FAR,
                min((one.end for one in active), default=inf),
                min((one.start for one in self._waiting), default=inf),
            )
            first, at = round(self._line), self.at
            self._line += (until - at) * lines_a_unit(active)
            self._move(until)
            if round(self._line) > first:
                return ScheduleSegment(first, round(self._line), at, active)

    def inject(self, current: ScheduleSegment, line: int, plan: IncidentPlan) -> ScheduledIncident:
        """Begin something at `line`, which is in or right behind the segment `current`; the segment ends there."""
        if line < current.last:
            self._active = list(current.active)
            self._line = float(line)
            # What was planned to begin later in time stays so: segments end where anything begins.
            self.at = current.at + (line - current.first) / current.lines_a_unit
            self._active = [one for one in self._active if one.end > self.at]
        added = ScheduledIncident(plan, self.at)
        self._active.append(added)
        return added

    def _plan(self) -> None:
        self._again = inf
        while self._next <= self.at:
            plan = self.draw(self.at, self.taken)
            if plan is None:
                # Every service has something, or nobody is awake: wait until one is over, or for a while.
                ends = (one.end for one in (*self._active, *self._waiting))
                self._again = max(min(ends, default=self.at + 100), self.at + _SHORTEST)
                return
            self._lay_out(plan)

    def _lay_out(self, plan: IncidentPlan) -> None:
        """Give a plan its cycle, and a start in it."""
        by_lines = self.quota is not None and self.quota.of_lines
        in_lines = plan.rate / self.share
        in_units = max(in_lines - plan.rate + plan.displaced, _SHORTEST)
        cost = in_lines if by_lines else in_units
        # Units until the end: what is left may be said in lines.
        until_end = self._left * in_units / cost
        # What is cut here is left for the next one, on another service.
        span = min(plan.span, max(until_end, 1.0))
        if cost * span * _LAST > self._left:
            span = min(self._left / cost, max(until_end, 1.0))
        self._left -= cost * span
        cycle = in_units * span
        begin = self._next + self.jitter() * max(cycle - span, 0.0)
        begin = max(min(begin, self._next + until_end - span), self.at)
        self._next += max(cycle, _SHORTEST)
        self._waiting.append(ScheduledIncident(replace(plan, span=span), begin))
        if (by_lines and self._left * plan.rate / cost < 0.5) or self._left <= _SHORTEST:
            self._next = inf

    def _begin(self) -> None:
        for one in [one for one in self._waiting if one.start <= self.at]:
            self._waiting.remove(one)
            self._active.append(one)

    def _move(self, until: float) -> None:
        self.at = until
        self._active = [one for one in self._active if one.end > until]
