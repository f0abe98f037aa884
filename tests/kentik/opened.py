"""Opening the stand-in as a store, on its clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.kentik.account import Account, customers_named
from tests.kentik.clock import Clock
from tests.kentik.server import TOKEN, USER, Kentik
from traffic.model import DAY, FIRST_MONDAY, WEEK, Floats
from traffic.store.access import Access
from traffic.store.kentik import KentikSource
from traffic.store.kentik.answers import asn_of
from traffic.store.kentik.pace import QUERIES, Limit, Pace
from traffic.store.kentik.source import INPUT

MONDAY = FIRST_MONDAY + 2900 * WEEK
ACCESS = Access(USER, TOKEN)


def flat(customers: int, days: float, start: int = MONDAY, **peculiar: Any) -> Account:
    """So many customers with so many days of traffic, each minute of each different."""
    names = customers_named(customers)
    minutes = int(days * DAY / 60)
    return Account(
        start, {asn_of(name) or 0: wave(row, minutes) for row, name in enumerate(names)}, by_asn(names), **peculiar
    )


def by_asn(names: list[str]) -> dict[int, str]:
    """AS number -> name."""
    return {asn_of(name) or 0: name for name in names}


def wave(row: int, minutes: int) -> Floats:
    """Bits per second that tell which customer and minute they are of."""
    return 1e6 * (row + 1) + np.arange(minutes, dtype=np.float64)


def source(
    kentik: Kentik,
    clock: Clock | None = None,
    limits: tuple[Limit, ...] = QUERIES,
    folder: Path = INPUT,
    access: Access = ACCESS,
) -> KentikSource:
    """The store, waiting on the stand-in's clock; without a clock of its own it does not wait at all."""
    waiting = clock or Clock(0)
    pace = Pace(limits, clock=waiting, sleep=waiting.sleep)
    return KentikSource(kentik.store, access, folder, kentik.clock, pace, waiting.sleep)
