"""A stream of log lines: each has a clock, a schedule of incidents and random bits of its own, and is small."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from difflib import get_close_matches
from hashlib import blake2b

import numpy as np

from generator.logs import faults
from generator.logs.assignment import Part, assign
from generator.logs.draws import GAP, WORDS, Draws
from generator.logs.model import Block, LogIncident, Stats
from generator.logs.normal import agree, fill, gap_table, tables, usual_errors
from generator.logs.planner import NOT_YET, IncidentRequest, Planner, ScheduledIncident
from generator.logs.schedule import Quota, Schedule, ScheduleSegment
from generator.logs.settings import LogSettings
from generator.logs.types import TYPES
from generator.logs.vocabulary import NONE, vocabulary
from generator.logs.week import UNIT, week
from generator.rng import Rng
from traffic.errors import UsageFailure
from traffic.model import Ints

KEPT = 10_000
"""Incidents that are over and that nobody has taken: no more than these are remembered."""


class Stream:
    """Lines one after the other, independent of any other stream.

    The same settings, seed and start give the same lines, in whatever portions they are taken. `start` is in
    microseconds since 1970. Where it is known how much will be taken, saying so lets the share of anomalous lines come
    out at the end as well as in the long run: `total` lines, or lines before `until` (microseconds); no later ones are
    handed out then.
    `per_second` is said instead of the settings' rate.
    """

    def __init__(
        self,
        settings: LogSettings,
        seed: int | None = None,
        start: int = 0,
        *,
        total: int | None = None,
        until: int | None = None,
        per_second: float | None = None,
    ) -> None:
        self.settings = settings
        self.seed = settings.seed if seed is None else seed
        self.start = start
        self.ended = False
        self.words = vocabulary(settings.sources)
        self._week = week(settings, start, per_second)
        self._tables = tables(settings)
        stamps = settings.timestamps
        self._gaps = gap_table(stamps.increment.min, stamps.increment.max, bool(stamps.rate or per_second))
        self._origin = self._count = self._week.count(start)
        named = (settings.sources, settings.profiles, settings.normal_logs, settings.anomalies, stamps)
        # Names of settings and their classes are in it: renaming one renames the incidents of every seed.
        whole = repr((named, self.seed, start, total, until, per_second)).encode()
        self.name = blake2b(whole, digest_size=4).hexdigest()
        identity = f"{self.seed}\0{start}".encode()
        entropy = int.from_bytes(blake2b(identity + b"\0lines", digest_size=16).digest(), "little")
        self._bits = np.random.SFC64(np.random.SeedSequence(entropy))
        self._until = until
        quota = None
        if until is not None:
            quota = Quota((self._week.count(until) - self._origin) / UNIT, of_lines=False)
        elif total:
            quota = Quota(total, of_lines=True)
        self._planner = Planner(settings.anomalies, usual_errors(settings), self._week, self.seed, self._origin)
        jitter = Rng(self.seed, "place of incidents", 0, "")
        self._schedule = Schedule(self._planner.draw, jitter.unit, settings.anomalies.probability, quota)
        self._segment = ScheduleSegment(0, 0, 0.0)
        self._line = self._anomalous = self._begun = 0
        self._clock = start
        self._ongoing: list[ScheduledIncident] = []
        self._over: deque[LogIncident] = deque(maxlen=KEPT)

    @property
    def clock(self) -> int:
        """Time of the last line, in microseconds; the start if there is none yet."""
        return self._clock

    @property
    def stats(self) -> Stats:
        """What was handed out so far."""
        return Stats(self._line, self._anomalous, self._begun, len(self._ongoing))

    @property
    def incidents(self) -> tuple[LogIncident, ...]:
        """Those that are over and that `drain` has not handed out, the oldest first; no more than KEPT of them."""
        return tuple(self._over)

    @property
    def active(self) -> tuple[LogIncident, ...]:
        """Those that go on, as far as they have come."""
        return tuple(self._incident(one) for one in self._ongoing)

    @property
    def due(self) -> int:
        """How many incidents go on, or will soon: also those injected of which no line was taken yet."""
        return self._schedule.due

    def drain(self) -> tuple[LogIncident, ...]:
        """Hand out the incidents that are over, and forget them."""
        found = tuple(self._over)
        self._over.clear()
        return found

    def close(self) -> tuple[LogIncident, ...]:
        """No line will be taken any more: what goes on ends with the last line. Hands out what is over by then."""
        for one in self._ongoing:
            if one.begun_us is not None:
                one.ended_us = self._clock + 1
                self._over.append(self._incident(one))
        self._ongoing.clear()
        return self.drain()

    def inject(
        self,
        kind: str,
        duration_logs: int | None = None,
        duration: float | None = None,
        service: str | None = None,
    ) -> LogIncident:
        """Begin an anomaly of the type `kind` with the next line, whatever goes on already.

        `duration_logs` anomalous lines, or `duration` seconds, or as the settings say; on `service`, or on any with
        which nothing is wrong. Anomalies injected come on top of the settings' share.

        Raises:
            UsageFailure: there is no such type or service, or the duration is not valid.
        """
        if kind not in TYPES:
            raise UsageFailure(f"unknown anomaly {kind!r}; {_hint(kind, TYPES)}")
        if service is not None and service not in self.words.services:
            raise UsageFailure(f"unknown service {service!r}; {_hint(service, self.words.services)}")
        if duration_logs is not None and duration_logs < 1:
            raise UsageFailure("an anomaly needs at least one line: duration_logs must be 1 or more")
        if duration is not None and not 0 < duration <= 30 * 86400:
            raise UsageFailure("the duration of an anomaly must be above 0 seconds and at most 30 days")
        index = None if service is None else self.words.services.index(service)
        request = IncidentRequest(kind, index, duration_logs, duration)
        here = self._segment.at + (self._line - self._segment.first) / self._segment.lines_a_unit
        plan = self._planner.draw(here, self._schedule.taken, request) or self._planner.draw(here, frozenset(), request)
        if plan is None:
            raise UsageFailure("no service logs at this hour; specify one")
        added = self._schedule.inject(self._segment, self._line, plan)
        self._number(added)
        # The segment ended here; the next one begins with it.
        self._segment = replace(self._segment, last=self._line)
        return self._incident(added)

    def take(self, count: int, now: int | None = None) -> Block:
        """The next `count` lines; fewer where those that follow are no longer wanted (`until`), and `ended` says so.

        `now`: the real time in microseconds; the lines then lie evenly spread between the last one and it, instead of
        where the stream's own clock would have put them.
        """
        first = self._line
        parts = self._parts(count)
        draws: Draws = self._bits.random_raw(count * WORDS).astype("<u8", copy=False).view("<u2").reshape(count, -1)
        pace = np.repeat([part.of.lines_a_unit for part in parts], [part.last - part.first for part in parts])
        # Whole numbers add up to the same, in whatever portions.
        counts = self._count + np.cumsum(np.rint(self._gaps[draws[:, GAP]] / pace).astype(np.int64))
        times = self._week.times(counts) if now is None else self._real(count, now)
        services, cause, ongoing = assign(parts, draws, self._week.steps(times), self._week)
        block = fill(draws, services, times, first, self.words, self._tables)
        if ongoing:
            units = np.concatenate([part.units() for part in parts])
            faults.apply(block, draws, cause, units, ongoing, self.settings.anomalies.types)
            block.incident[:] = cause
            block = replace(block, incidents=tuple(map(self._id, ongoing)))
        agree(block)
        if self._until is not None and count and times[-1] >= self._until:
            self.ended = True
            block = block.head(int(np.searchsorted(times, self._until)))
            self._line = first + len(block)
        if len(block):
            self._count, self._clock = int(counts[len(block) - 1]), int(times[len(block) - 1])
            self._account(block, ongoing)
        return block

    def _parts(self, count: int) -> list[Part]:
        """What the next `count` lines consist of."""
        found: list[Part] = []
        target = self._line + count
        while self._line < target:
            if self._line >= self._segment.last:
                self._segment = self._schedule.segment()
                self._turn(self._segment.active)
            last = min(self._segment.last, target)
            found.append(Part(self._segment, self._line, last))
            self._line = last
        return found

    def _turn(self, active: tuple[ScheduledIncident, ...]) -> None:
        """From this line on, just these go on."""
        for one in self._ongoing:
            if one not in active and one.last == NOT_YET:
                one.last = self._line
        for one in active:
            if one.first == NOT_YET:
                one.first = self._line
                self._number(one)
                self._ongoing.append(one)

    def _number(self, one: ScheduledIncident) -> None:
        if one.number == NOT_YET:
            one.number = self._begun
            self._begun += 1

    def _real(self, count: int, now: int) -> Ints:
        step = max(now - self._clock, 0) / max(count, 1)
        times: Ints = self._clock + np.rint(np.arange(1, count + 1) * step).astype(np.int64)
        return times

    def _account(self, block: Block, ongoing: tuple[ScheduledIncident, ...]) -> None:
        """What the block means for the incidents that go on."""
        self._anomalous += block.anomalous
        for one, lines in zip(
            ongoing, np.bincount(block.incident[block.incident != NONE], minlength=len(ongoing)), strict=True
        ):
            one.lines += int(lines)
        for one in self._ongoing:
            if one.begun_us is None and one.first < self._line:
                one.begun_us = int(block.time_us[one.first - block.first])
        over = [one for one in self._ongoing if NOT_YET != one.last < self._line]
        for one in sorted(over, key=lambda one: (one.last, one.number)):
            one.ended_us = int(block.time_us[one.last - block.first])
            self._over.append(self._incident(one))
        self._ongoing = [one for one in self._ongoing if one.ended_us is None]

    def _incident(self, one: ScheduledIncident) -> LogIncident:
        plan = one.plan
        return LogIncident(
            id=self._id(one),
            type=plan.type,
            kind=plan.kind,
            service=self.words.services[plan.service],
            shows_in=plan.shows_in,
            factor=plan.factor,
            start=one.begun_us,
            end=one.ended_us,
            lines=one.lines,
        )

    def _id(self, one: ScheduledIncident) -> str:
        return f"{self.name}-{one.number:05d}"


def _hint(text: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(text, known, 1, 0.6)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
