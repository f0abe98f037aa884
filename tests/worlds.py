"""Small worlds for tests: a source in memory, and slow, obvious twins of what the analyzer computes."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from analyzer.kernels.rollup import roll_up
from analyzer.model import CalendarRow, Policy
from traffic.coverage import Coverage, Holding
from traffic.model import BITS, DAY, FIRST_MONDAY, HOUR, WEEK, Floats, Grid, Matrix, Metric, Query, Rollup, Window
from traffic.store.base import Away, Joined, JoiningSource, Limits, RollupSource, ScarceSource, Source, TooLarge

MONDAY = FIRST_MONDAY + 2900 * WEEK
"""A Monday in 2025."""


@dataclass
class MemorySource(Source):
    """A store in memory: series per key at a native step of a minute, NaN = missing. Counts what it is asked."""

    start: int
    values: Mapping[str, Floats]
    metric: Metric = BITS
    name: str = "memory"
    largest: int | None = None
    """Requests for more buckets than this are refused."""
    settling: int | None = None
    version: int = 0
    asked: list[Query] = field(default_factory=list)
    native: int = 60
    """Seconds between the values."""

    def limits(self, resolution: int) -> Limits:
        return Limits()

    def step(self) -> int:
        return self.native

    def extent(self, since: int | None, resolution: int) -> Window:
        return Window(self.start, self.start + self.native * max(len(v) for v in self.values.values()))

    def identity(self) -> str | None:
        return None

    def keys(self, window: Window) -> dict[str, Window]:
        whole = {key: Window(self.start, self.start + self.native * len(v)) for key, v in sorted(self.values.items())}
        return {key: span.clip(window) for key, span in whole.items() if span.overlap(window)}

    def coverage(self, window: Window, reach: Window, only: Sequence[str] | None = None) -> Coverage:
        steps = slice(*(max(0, (time - self.start) // self.native) for time in (window.start, window.end)))
        read = [series[steps] for key, series in self.values.items() if only is None or key in only]
        rows = sum(int((~np.isnan(series)).sum()) for series in read)
        return Coverage((Holding(self.name, rows, rows),), "values", (rows, rows))

    def fingerprint(self, window: Window) -> str:
        return f"v{self.version} of {window.start // WEEK}"

    def series(self, query: Query) -> Matrix:
        grid = Grid.over(query.window, query.resolution)
        if self.largest is not None and len(query.keys) * grid.count > self.largest:
            raise TooLarge(f"more than {self.largest} buckets")
        self.asked.append(query)
        out = np.full((len(query.keys), grid.count), np.nan)
        for row, key in enumerate(query.keys):
            native = self.values.get(key, np.zeros(0))
            per = grid.step // self.native
            padded = np.full(grid.count * per, np.nan)
            lead = (grid.start - self.start) // self.native
            part = native[max(0, lead) : max(0, lead + len(padded))]
            padded[max(0, -lead) : max(0, -lead) + len(part)] = part
            cells = padded.reshape(grid.count, per)
            there = ~np.isnan(cells).all(axis=1)
            out[row, there] = np.nansum(cells[there], axis=1) * query.metric.factor(query.resolution)
        return Matrix(query.keys, grid, out)


@dataclass
class MemoryRollups(MemorySource, RollupSource):
    """One that makes roll-ups itself, as a service: cut to so many buckets an answer."""

    buckets: int | None = None
    rolled: list[Query] = field(default_factory=list)

    def limits(self, resolution: int) -> Limits:
        return Limits(buckets=self.buckets, at_once=4)

    def rolls_up(self, resolution: int) -> bool:
        return resolution == self.native

    def rollup(self, query: Query) -> Rollup:
        self.rolled.append(query)
        answer = MemorySource.series(self, query)
        self.asked.remove(query)
        hours = roll_up(answer.values, HOUR // query.resolution, query.percent)
        return Rollup(query.keys, Grid.over(query.window, HOUR), hours)


@dataclass
class MemoryJoining(MemoryRollups, JoiningSource):
    """One that answers several queries by one request, and refuses more than so many of them."""

    most: Joined = field(default_factory=lambda: Joined(4, 10_000))
    refuses: int = 1_000
    requests: list[Sequence[Query]] = field(default_factory=list)
    """For buckets, each with its queries."""
    ends_after: int = 1_000
    """Requests until it is away for good."""

    def joins(self) -> Joined:
        return self.most

    def series(self, query: Query) -> Matrix:
        (answer,) = self.series_joined([query])
        return answer

    def series_joined(self, queries: Sequence[Query]) -> list[Matrix]:
        if len(queries) > self.refuses:
            raise TooLarge(f"more than {self.refuses} queries")
        if len(self.requests) == self.ends_after:
            raise Away("it was there a moment ago")
        self.requests.append(queries)
        return [super(MemoryJoining, self).series(query) for query in queries]


@dataclass
class ScarceMemory(MemorySource, ScarceSource):
    """One whose requests are few: so many keys for so long a window."""

    at_once: int = 2
    longest: int = 3 * DAY

    def limits(self, resolution: int) -> Limits:
        return Limits(keys=self.at_once, seconds=self.longest)

    def duration(self, requests: int, at_once: int) -> float:
        return requests / at_once

    def abandon(self) -> None:
        raise AssertionError("nobody left")


def percentile(values: list[float], q: float) -> float:
    """The linear percentile, by its definition."""
    ordered = sorted(values)
    position = (len(ordered) - 1) * (q / 100)
    low = math.floor(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def slow_thresholds(
    times: list[int], values: list[float], resolution: int, policy: Policy
) -> dict[int, tuple[float, float]]:
    """Hour -> (baseline, threshold) of the hours that are judged, by loops over dictionaries; no rule is on.

    The policy's time zone and calendar count; of the calendar, rows of whole days.
    """
    hours: dict[int, list[float]] = defaultdict(list)
    for time, value in zip(times, values, strict=True):
        if not math.isnan(value):
            hours[time // HOUR * HOUR].append(value)
    enough = policy.min_share * (HOUR // resolution)
    high = policy.rollup_percentile
    rolled = {hour: percentile(found, high) for hour, found in hours.items() if len(found) >= enough}
    places = {hour: slow_place(hour, policy) for hour in rolled}
    cells: dict[tuple[date, int], list[float]] = defaultdict(list)
    for hour, place in places.items():
        if not slow_touched(hour, policy, {"ignore", "not learned"}):
            cells[place].append(rolled[hour])
    means = {place: sum(found) / len(found) for place, found in cells.items()}
    width = policy.rollup_width // HOUR
    blocks: dict[tuple[date, int], list[float]] = defaultdict(list)
    for (week, slot), mean in means.items():
        blocks[week, slot // width].append(mean)
    learned: dict[int, dict[date, float]] = defaultdict(dict)
    for week, slot in means:
        learned[slot][week] = percentile(blocks[week, slot // width], high)
    judged = {}
    for hour, (week, slot) in places.items():
        others = [value for other, value in learned[slot].items() if other != week]
        if len(others) >= policy.min_weeks and not slow_touched(hour, policy, {"ignore", "not judged"}):
            baseline = percentile(others, policy.percentile)
            judged[hour] = (
                baseline,
                max(baseline * (1 + policy.over_percent / 100), baseline + policy.over_units, policy.floor),
            )
    return judged


def slow_place(hour: int, policy: Policy) -> tuple[date, int]:
    """The Monday of an hour's week and its slot, by the clock on the wall in its middle; or its day, and the hour."""
    middle = datetime.fromtimestamp(hour + HOUR // 2, ZoneInfo(policy.timezone))
    day = middle.weekday()
    monday = middle.date() - timedelta(days=day)
    if any(row.what == "sunday" and _in(row, middle.date()) for row in policy.calendar):
        day = 6
    if policy.slots == "week":
        return monday, day * 24 + middle.hour
    apart = policy.slots == "workdays" and day >= 5
    return monday + timedelta(days=day), middle.hour + (24 if apart else 0)


def slow_touched(hour: int, policy: Policy, what: set[str]) -> bool:
    """Whether a quarter of an hour lies in a row of the calendar that says one of `what`."""
    quarters = (datetime.fromtimestamp(hour + 900 * n, ZoneInfo(policy.timezone)).date() for n in range(4))
    rows = [row for row in policy.calendar if row.what in what]
    return any(_in(row, day) for day in quarters for row in rows)


def _in(row: CalendarRow, day: date) -> bool:
    return date.fromisoformat(row.start) <= day <= date.fromisoformat(row.end or row.start)


def slow_events(
    times: list[int], values: list[float], resolution: int, policy: Policy
) -> list[tuple[int, int, int, int]]:
    """Events of one key as (start, end, detected, breaches), by the words of the rule."""
    judged = slow_thresholds(times, values, resolution, policy)
    breaches = [
        time
        for time, value in zip(times, values, strict=True)
        if time // HOUR * HOUR in judged and value > judged[time // HOUR * HOUR][1]
    ]
    return slow_runs(breaches, policy.needed(resolution), policy.within, resolution, policy.merge)


def slow_runs(
    breaches: list[int], needed: int, within: int, resolution: int, merge: int = 0
) -> list[tuple[int, int, int, int]]:
    """Breaches of one key, in order, as events: (start, end, detected, breaches)."""
    events, place, merge = [], 0, max(merge, within)
    while place + needed <= len(breaches):
        met = place + needed - 1
        if breaches[met] - breaches[place] >= within:
            place += 1
            continue
        last = met
        while last + 1 < len(breaches):
            gap = breaches[last + 1] - breaches[last]
            if gap >= merge and gap > resolution:
                break
            last += 1
        events.append((breaches[place], breaches[last] + resolution, breaches[met] + resolution, last - place + 1))
        place = last + 1
    return events
