"""A Kentik account: how many calls, and how long by the published limits, beside three hours a call.

Against the stand-in of the tests, on a clock that only goes when somebody waits: limits and delays are those that
Kentik publishes, the time that it needs for an answer is taken to be two seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from analyzer.model import Policy
from analyzer.pipeline import Ledger, Search, discover
from analyzer.reading.scope import Scope
from tests.kentik.clock import Clock
from tests.kentik.opened import ACCESS, MONDAY, flat, source
from tests.kentik.server import QUERIES, Kentik
from traffic.model import DAY, HOUR, Window
from traffic.store.kentik.bodies import series_body
from traffic.store.kentik.client import Client
from traffic.store.kentik.pace import Limit, Pace
from traffic.store.kentik.place import find_place
from traffic.store.kentik.source import INPUT
from traffic.store.kentik.template import SERIES, read_template
from traffic.store.kentik.widths import WIDTHS
from traffic.text import length

CUSTOMERS = 100
GROUP = 40
SLICE = 3 * HOUR
LATENCY = 2.0
WAIT = 5.0
"""Seconds that the original waits before each call."""


@dataclass(frozen=True)
class Cost:
    """What it took to get all of it."""

    calls: int
    seconds: float
    refused: int


def ours(days: int, concurrency: int) -> Cost:
    """discover, whole."""
    now = MONDAY + days * DAY
    clock = Clock(now)
    account = flat(CUSTOMERS, days, full_retention=days)
    with TemporaryDirectory() as output, Kentik(account, QUERIES, clock, LATENCY) as fake:
        job = Search(Path(output), Policy(), Scope(60, now, concurrency=concurrency), charts=0)
        found = discover(source(fake, clock), job, None, Ledger(), lambda _done, _all: None)
        if len(found.keys) != CUSTOMERS:
            raise SystemExit(f"{len(found.keys)} of {CUSTOMERS} customers were found")
    return cost(fake, clock() - now)


def original(days: int) -> Cost:
    """Groups of 40 by three hours, one call after another, each after five seconds."""
    now = MONDAY + days * DAY
    clock = Clock(now)
    with Kentik(flat(CUSTOMERS, days), QUERIES, clock, LATENCY) as fake:
        pace = Pace((Limit(10**6, 1.0),), 1, clock, clock.sleep)
        client = Client(find_place(fake.store), ACCESS, pace, clock.sleep, clock)
        template, asns = read_template(INPUT, SERIES), list(fake.account.series)
        for first in range(0, len(asns), GROUP):
            for start in range(MONDAY, now, SLICE):
                clock.sleep(WAIT)
                window = Window(start, start + SLICE - 60)
                client.query(series_body(template, asns[first : first + GROUP], window, WIDTHS[60]), "a slice")
    return cost(fake, clock() - now)


def cost(fake: Kentik, seconds: float) -> Cost:
    """By the log of the stand-in."""
    return Cost(len(fake.series_asked), seconds, sum(asked.status != 200 for asked in fake.log))


def report() -> str:
    """The section of docs/benchmarks.md."""
    rows = []
    for days in (28, 31):
        theirs = original(days)
        rows.append(row(f"{days} days, three hours a call", theirs, theirs))
        rows += [
            row(f"{days} days, `discover --concurrency {number}`", ours(days, number), theirs) for number in (1, 2, 4)
        ]
    return "\n".join(
        [
            f"{CUSTOMERS} customers at 1m, from the first call to the events, against a stand-in with the limits that",
            f"Kentik publishes, on a simulated clock. An answer is taken to need {LATENCY:.0f} s, whatever is asked",
            f"for. Three hours a call is how the tool before this one asked: groups of {GROUP}, one call after the",
            f"other, {WAIT:.0f} s before each. A live account was not asked.",
            "",
            "| | calls for series | fewer | refused (429) | simulated time |",
            "| --- | ---: | ---: | ---: | ---: |",
            *rows,
            "",
            "Asked: at least 15 times fewer calls.",
            "",
        ]
    )


def row(name: str, found: Cost, theirs: Cost) -> str:
    """A line of the table."""
    fewer = "" if found is theirs else f"**{theirs.calls / found.calls:.1f}x**"
    return f"| {name} | {found.calls} | {fewer} | {found.refused} | {length(found.seconds)} |"
