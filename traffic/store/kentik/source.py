"""A Kentik account, read: its customers as keys, what they received in bits per second as series."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from typing_extensions import override

from traffic.coverage import Coverage, uncounted
from traffic.errors import AccessDenied, UsageFailure
from traffic.flows import FlowAnswer, FlowQuery
from traffic.model import DAY, HOUR, Grid, Matrix, Query, Window, ceil_to, floor_to
from traffic.shipped import PLACES
from traffic.store.access import Access
from traffic.store.base import FlowSource, Limits, ScarceSource, StoreError, TooLarge, check_size
from traffic.store.kentik.answers import Customers, Row, asn_of, customers_of
from traffic.store.kentik.bodies import customers_body
from traffic.store.kentik.breakdown import Breakdown, calls, dimensions
from traffic.store.kentik.client import Client, Refused
from traffic.store.kentik.pace import AT_ONCE, Pace, duration
from traffic.store.kentik.place import find_place
from traffic.store.kentik.series import Series, ask_rows
from traffic.store.kentik.template import CUSTOMERS, SERIES, read_template
from traffic.store.kentik.widths import FAST, WIDTHS
from traffic.times import iso

INPUT = PLACES[0] if PLACES[0].is_dir() else PLACES[1]

LOOK = 28 * DAY
"""Window to read if none is given and the account does not tell how long it keeps data."""
LISTED = 250
"""Maximum number of rows in an answer, according to Kentik: a list of this length may have been cut."""
EACH = 2.0
"""Assumed seconds per query, for estimating the duration of a run."""


class KentikSource(ScarceSource, FlowSource):
    """The customers of an account. It makes no roll-ups, and its number of requests is limited."""

    settling: int | None = HOUR // 2

    def __init__(
        self,
        name: str,
        access: Access,
        folder: Path = INPUT,
        now: Callable[[], float] = time.time,
        pace: Pace | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        """Read the queries; sends nothing yet.

        Args:
            name: `kentik:`, `kentik:eu`, `kentik:http://127.0.0.1:PORT`.
            access: e-mail address as user, API token as password.
            folder: folder of the queries.
            now: the clock.
            pace: limits on requests; None: as published.
            sleep: how to wait between attempts; None: in real time.

        Raises:
            UsageFailure: the name or a query is not valid.
        """
        place = find_place(name)
        self.name = place.name
        self._who = blake2b(f"{place.base} {access.user}".encode(), digest_size=8).hexdigest()
        self._customers = read_template(folder, CUSTOMERS)
        self._template = read_template(folder, SERIES)
        if self._customers.field != self._template.field:
            raise UsageFailure(
                f'the "dimension" of {self._customers.path} and of {self._template.path} must be the same: '
                "customers from one are requested in the other"
            )
        self._files = (self._customers, self._template)
        self.metric = self._template.metric
        self._client = Client(place, access, pace, sleep, now)
        self._series = Series(self._client, self._template)
        self._breakdown = Breakdown(self._client, self._template)
        self._now = now
        self._extents: dict[tuple[int | None, bool], Window] = {}
        self._plans: list[Mapping[str, Any]] | None = None
        self._finding = Lock()
        self._said: list[str] = []

    def limits(self, resolution: int) -> Limits:
        """The maximum number of customers, and the longest window that is answered in buckets of this width."""
        return Limits(self._series.max_keys, self._series.reach(resolution), at_once=AT_ONCE)

    def step(self) -> int:
        """Seconds between points at the finest resolution."""
        return min(WIDTHS)

    def duration(self, requests: int, at_once: int) -> float:
        """Seconds, approximately, that the list of customers and this many requests take within the limits."""
        return duration(1 + requests, EACH, min(at_once, AT_ONCE))

    @override
    def notes(self) -> list[str]:
        """What is set in every request, whatever the queries in input/ contain."""
        return [f"{one.path.name}: set for each request: {', '.join(one.filled)}" for one in self._files if one.filled]

    @override
    def remarks(self) -> list[str]:
        """Notes for a person about the answers."""
        found = list(self._said)
        if self._client.slowed:
            found.append(
                f"Kentik answered 429 (too often) {self._client.slowed}x: something else is using up this account's "
                "limits too"
            )
        answered = self._series.answered
        before = [window for window in self._series.empty if answered and window.end <= answered.start]
        if answered and before:
            begin, end = min(window.start for window in before), max(window.end for window in before)
            found.append(
                f"no customer has data from {iso(begin)} to {iso(end)}: it may be older than the account's retention; "
                f"--start {iso(answered.start)} leaves it out"
            )
        return found

    def extent(self, since: int | None, resolution: int) -> Window:
        """From as far back as the account keeps such data (if unknown: from `since`) to the last full hour.

        It does not change while the store is open.
        """
        fast = self._template.width(resolution).data == FAST
        with self._finding:
            if (since, fast) not in self._extents:
                self._extents[since, fast] = self._find_extent(since, fast)
            return self._extents[since, fast]

    def keys(self, window: Window) -> Mapping[str, Window]:
        """Every customer with traffic in `window`, in order of name, with that window: actual spans are unknown."""
        if not window.seconds:
            return {}
        # Kentik takes whole minutes only.
        found = customers_of(self._listed(window.widen(60)))
        self._report(found)
        return dict.fromkeys(sorted(found.keys.values()), window)

    def _listed(self, window: Window) -> list[Row]:
        """The rows of all customers with traffic in `window`, split in two if that is too large."""
        try:
            return self._pages(window)
        except TooLarge:
            middle = ceil_to(window.start + window.seconds // 2, HOUR)
            if not window.start < middle < window.end:
                raise
        return [*self._listed(Window(window.start, middle)), *self._listed(Window(middle, window.end))]

    def _pages(self, window: Window) -> list[Row]:
        what = f"the customers from {iso(window.start)} to {iso(window.end)}"
        rows: list[Row] = []
        known: dict[int, None] = {}
        while True:
            page = ask_rows(
                self._client, self._customers.bucket, customers_body(self._customers, window, [*known]), what
            )
            new = [asn for asn in map(asn_of, (row["key"] for row in page)) if asn is not None and asn not in known]
            rows += page
            if len(page) < LISTED:
                return rows
            if not new:
                self._say(f"the list of customers is cut at {len(page)} rows; the others are unknown")
                return rows
            known |= dict.fromkeys(new)

    def series(self, query: Query) -> Matrix:
        """The buckets of `query.keys`; times for which Kentik has no value are missing."""
        grid = Grid.over(query.window, query.resolution)
        if query.metric.field != self.metric.field:
            raise StoreError(f"{self.name} was opened for {self.metric.field}, not for {query.metric.field}")
        check_size(query, grid)
        values = np.full((len(query.keys), grid.count), np.nan)
        named = [(row, asn) for row, key in enumerate(query.keys) if (asn := asn_of(key)) is not None]
        if named and grid.count:
            rows, asns = zip(*named, strict=True)
            values[list(rows)] = self._series.ask(asns, grid)
        if query.metric != self.metric:
            # Kentik answers in bits per second, but the bytes of each bucket were requested.
            values *= query.metric.factor(query.resolution) / self.metric.factor(query.resolution)
        return Matrix(query.keys, grid, values)

    def dimensions(self, wanted: Sequence[str] | None = None) -> tuple[str, ...]:
        """The dimensions of the API that are asked for."""
        return dimensions(wanted, self.name, self.metric.adds_up)

    def flows(self, queries: Sequence[FlowQuery]) -> Iterator[FlowAnswer]:
        """Answers by the values that have a series; all others together are one more."""
        return self._breakdown.answers(queries)

    @override
    def flow_requests(self, dimensions: int, windows: int, events: int = 1) -> int:
        """Number of calls: a few dimensions in each, for every window."""
        return events * calls(dimensions, windows)

    def fingerprint(self, window: Window) -> str:  # noqa: ARG002
        """A hash of the account and of the queries as they are in their files."""
        told = (self._who, self._customers.text, self._template.text, WIDTHS)
        return blake2b(repr(told).encode(), digest_size=16).hexdigest()

    def identity(self) -> str | None:
        """None: the data are a user's own."""
        return None

    def coverage(self, window: Window, reach: Window, only: Sequence[str] | None = None) -> Coverage:  # noqa: ARG002 - of none
        """Not counted."""
        return uncounted(self.name, "flows")

    def abandon(self) -> None:
        """The answers to pending requests are no longer needed: do not wait for a turn to send them."""
        self._client.abandon()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _report(self, found: Customers) -> None:
        if found.nameless:
            some = ", ".join(repr(key)[:40] for key in found.nameless[:3])
            self._say(f"{_rows(len(found.nameless))} without an AS number left out, such as {some}")
        if found.doubled:
            some = ", ".join(found.doubled[:3])
            self._say(f"{_rows(len(found.doubled))} with the same AS number as another, which counts for both: {some}")

    def _find_extent(self, start: int | None, fast: bool) -> Window:
        exact = int(self._now())
        now = floor_to(exact, HOUR)
        kept = self._kept("fast_retention" if fast else "full_retention")
        if kept is None:
            return Window(min(now - LOOK, now if start is None else start), now)
        oldest = ceil_to(exact - kept, HOUR)
        if start is not None and start < oldest:
            self._say(
                f"this account keeps {kept // DAY} days of such data: nothing before {iso(oldest)} was read, although "
                f"{iso(start)} was requested"
            )
        return Window(min(oldest, now), now)

    def _kept(self, name: str) -> int | None:
        """Seconds for which the account keeps the data, according to its plans; None if unknown."""
        try:
            if self._plans is None:
                self._plans = self._client.get("/plans")["plans"]
            days = sorted({int(plan[name]) for plan in self._plans if plan[name]})
            # No further back than 1970: unlimited retention may be given as an arbitrary large number.
            kept = [min(day, int(self._now()) // DAY) * DAY for day in (days[-1], days[0])]
        except (AccessDenied, Refused, LookupError, TypeError, ValueError, OverflowError):
            # A user who may not see plans may still send queries; a wrong token is noticed by the first of them.
            return None
        if kept[0] > kept[1]:
            first = ceil_to(int(self._now()) - kept[1], HOUR)
            self._say(
                f"the plans of this account keep such data for {days[0]} to {days[-1]} days: before {iso(first)} the "
                f"traffic of some devices may be missing; --start {iso(first)} with --history 1h leaves that out"
            )
        return kept[0]

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.append(text)


def _rows(count: int) -> str:
    return f"{count} {'row' if count == 1 else 'rows'}"
