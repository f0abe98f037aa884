"""Round after round: what each costs, when the next one comes, what is counted for /metrics."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import get_args

from analyzer.model import Findings
from analyzer.pipeline import Ledger
from analyzer.watching.news import NewsKind
from analyzer.watching.telling import RoundTold
from traffic.errors import AccessDenied, Failure, UsageFailure
from traffic.exposition import Family, Sample, counter, gauge

SOON = 60
"""Seconds after a failed round until it is tried again, at most."""


@dataclass
class Tallies:
    """What the rounds of this process came to."""

    started: int
    rounds: Counter[str] = field(default_factory=Counter)
    """By outcome: ok, failed."""
    seconds: float = 0.0
    """Of the last round."""
    succeeded: int = 0
    """When the last good round began."""
    news: Counter[str] = field(default_factory=Counter)
    waiting: dict[str, int] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    queries: Counter[str] = field(default_factory=Counter)
    open: int = 0
    keys: int = 0
    events: int = 0

    def families(self) -> list[Family]:
        """As Prometheus takes them."""
        waiting = [Sample(count, {"receiver": name}) for name, count in sorted(self.waiting.items())]
        failures = [Sample(self.failures[name], {"receiver": name}) for name in sorted(self.waiting)]
        outcomes = [Sample(self.rounds[one], {"outcome": one}) for one in ("ok", "failed")]
        told = [Sample(self.news[one], {"what": one}) for one in get_args(NewsKind)]
        return [
            counter("sl_rounds_total", "Rounds since the start, by outcome.", outcomes),
            gauge("sl_round_seconds", "Seconds that the last round took.", self.seconds),
            gauge("sl_last_success_timestamp_seconds", "When the last good round began; 0: none yet.", self.succeeded),
            gauge("sl_start_timestamp_seconds", "When this process began.", self.started),
            counter("sl_news_total", "What was told, by kind.", told),
            gauge("sl_events_open", "Events that were told and go on.", self.open),
            gauge("sl_events", "Events of the last good round.", self.events),
            gauge("sl_keys", "Keys that the last good round looked at.", self.keys),
            counter(
                "sl_queries_total",
                "Questions to the store, by where the answer came from.",
                [Sample(self.queries[one], {"answered": one}) for one in ("sent", "cached")],
            ),
            gauge("sl_notify_waiting", "What a receiver has still to hear.", waiting),
            counter("sl_notify_failures_total", "Rounds in which a receiver did not take all.", failures),
        ]


Round = Callable[[], tuple[Findings, Ledger, RoundTold]]


def rounds(
    one: Round,
    every: int,
    most: int | None,
    tallies: Tallies,
    complain: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Go round, `most` times or until a signal ends it; the exit code of the last failure, 0 where the last was well.

    What goes wrong in a round is said, and tried again: soon at first. What is wrong with options or login is an error
    where it is so from the beginning.

    Raises:
        UsageFailure, AccessDenied: in the first round.
    """
    failed = done = code = 0
    while most is None or done < most:
        begun, at = clock(), int(time.time())
        try:
            findings, ledger, told = one()
        except Failure as error:
            if not done and isinstance(error, UsageFailure | AccessDenied):
                raise
            complain(str(error))
            failed, code = failed + 1, error.exit_code
            tallies.rounds["failed"] += 1
        else:
            failed = code = 0
            _count(tallies, findings, ledger, told)
            tallies.rounds["ok"] += 1
            tallies.succeeded = at
        tallies.seconds = clock() - begun
        done += 1
        if most is None or done < most:
            pause = min(every, SOON, 2**failed) if failed else every
            sleep(max(0.0, begun + pause - clock()))
    return code


def _count(tallies: Tallies, findings: Findings, ledger: Ledger, told: RoundTold) -> None:
    tallies.news.update(one.kind for one in told.news)
    tallies.failures.update(told.failures)
    tallies.queries.update(ledger.queries)
    tallies.waiting = told.waiting
    tallies.open = sum(one.standing == "open" for one in told.told)
    tallies.keys, tallies.events = len(findings.keys), len(findings.events)
