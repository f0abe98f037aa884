"""A slow twin of the detector's rules: of how they are put together, and of how an event opens.

Written from the sentences of docs/detection.md, a key, an hour and a value at a time; no kernel is used.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import TypeVar

from analyzer.model import Policy
from tests.worlds import percentile, slow_place
from traffic.model import HOUR

WAYS: tuple[tuple[int, int] | None, ...] = (None, (25, 20), (30, 24), (60, 48))
"""What opens an event: the policy's own matches, or so many minutes of so many."""

Figure = TypeVar("Figure")
Hourly = dict[int, float]
"""Hour -> a value; an hour without one is missing."""


@dataclass(frozen=True)
class SlowHour:
    """An hour that is judged: what is usual, and what must be passed in each way."""

    baseline: float
    limits: list[float]


def low_median(values: list[float]) -> float:
    """The lower of the middle values."""
    return sorted(values)[(len(values) - 1) // 2]


def slow_rare(values: list[float], every: float, body: float = 80, censored: float = 98) -> float | None:
    """What is passed once in `every` hours: the exponential tail of docs/detection.md."""
    if len(values) < 48:
        return None
    low, high = percentile(values, body), percentile(values, censored)
    above = [value for value in values if value > low]
    seen = [value for value in above if value <= high]
    height = sum(min(value, high) - low for value in above) / len(seen) if seen else 0.0
    return min(low + height * math.log(max(1.0, (1 - body / 100) * every)), max(values) * (1 + 1e-9))


def slow_rules(
    times: list[int], values: list[float], resolution: int, policy: Policy, *, all_hours: bool = False
) -> dict[int, SlowHour]:
    """What the rules make of each hour that is judged, or of all with a baseline. The zone counts; no calendar does."""
    buckets, per_hour = _buckets(times, values), HOUR // resolution
    learned = _learned(buckets, 95, per_hour, policy)
    rules = set() if policy.baseline == "original" else set(policy.rules)
    past = _Past(policy, {hour: slow_place(hour, policy) for hour in _every(times)})
    factor = _factor(learned, policy, past, rules)
    known, filled = _usual(learned, factor, per_hour, policy, past, rules)
    levels = _levels({hour: buckets[hour] for hour in learned}, per_hour, policy)
    if "artefacts" in rules:
        levels[0] = {hour: p if (p := learned[hour]) * 20 < peak else peak for hour, peak in levels[0].items()}
    habits = _habits(learned, known, policy.multiple, past)
    limits = _with_tail(levels, known, policy, past, rules)
    if "tail" in rules:
        limits = {h: [max(limit, habits.get(h, 0.0) * known[h]) for limit in found] for h, found in limits.items()}
    enough = (h for h in known if all_hours or h in filled or past.weeks(h, learned) >= policy.min_weeks)
    return {hour: SlowHour(known[hour], limits[hour]) for hour in enough}


def slow_unusual(times: list[int], values: list[float], resolution: int, policy: Policy) -> dict[int, SlowHour]:
    """What is unusual in each hour that is judged: docs/detection.md, section Classes."""
    buckets, per_hour = _buckets(times, values), HOUR // resolution
    live = policy.baseline == "trailing"
    rules = {"level", "recurring", "days", "idle"} & set(policy.rules)
    past = _Past(policy, {hour: slow_place(hour, policy) for hour in _every(times)})
    tops = _learned(buckets, 95, per_hour, policy)
    factor = _factor(tops, policy, past, set(policy.rules))
    high, _ = _usual(tops, factor, per_hour, policy, past, set(policy.rules))
    learned = _learned(buckets, 50, per_hour, policy)
    base, filled = _usual(learned, factor, per_hour, policy, past, rules)
    base = {hour: max([usual, *(0.8 * other for other in _beside(hour, base))]) for hour, usual in base.items()}
    middles = {hour: percentile(found, 50) for hour, found in buckets.items()}
    ratio = {hour: middles[hour] / usual for hour, usual in base.items() if usual > 0}
    if live:
        day = {hour: _around(hour, ratio, -24, -1) or 1.0 for hour in base}
    else:
        day = _running(ratio, sorted(past.places), 9)
    expected = {hour: usual * max(1.0, day[hour]) for hour, usual in base.items()}
    highest = _levels({hour: buckets[hour] for hour in learned}, per_hour, policy)[0]
    peaks = {hour: highest[hour] / usual for hour, usual in expected.items() if usual > 0}
    times_of = past.figures(peaks, lambda known: slow_rare(known, 3 * 168, 50, 90))
    bursts = {} if live else _habits(tops, expected, 2.0, past)
    stated = slow_rules(times, values, resolution, policy, all_hours=True)
    found = {}
    for hour, usual in expected.items():
        multiple = times_of[hour]
        if stated[hour].limits[0] > max(policy.multiple * stated[hour].baseline, policy.floor):
            continue
        if multiple is None or multiple > 2 or not (hour in filled or past.weeks(hour, learned) >= policy.min_weeks):
            continue
        near = [_around(hour, middles, -6, -1), None if live else _around(hour, middles, 1, 6)]
        limits = [max(1.25, multiple) * usual, bursts.get(hour, 0.0) * usual, policy.floor]
        limits += [1.25 * level for level in near if level is not None]
        if hour in high and high[hour] > 1.5 * usual:
            limits.append(1.25 * high[hour])
        found[hour] = SlowHour(usual, [max(limits)])
    return found


def _around(hour: int, hourly: Hourly, first: int, last: int) -> float | None:
    """The median of the hours from `first` to `last`, counted from this one."""
    there = [hourly[h] for n in range(first, last + 1) if (h := hour + n * HOUR) in hourly]
    return percentile(there, 50) if there else None


def _buckets(times: list[int], values: list[float]) -> dict[int, list[float]]:
    found: dict[int, list[float]] = defaultdict(list)
    for time, value in zip(times, values, strict=True):
        if not math.isnan(value):
            found[time // HOUR * HOUR].append(value)
    return found


def _learned(buckets: dict[int, list[float]], q: float, per_hour: int, policy: Policy) -> Hourly:
    return {hour: percentile(found, q) for hour, found in buckets.items() if len(found) >= policy.min_share * per_hour}


def _factor(learned: Hourly, policy: Policy, past: _Past, rules: set[str]) -> Hourly:
    """The level of every hour."""
    if "level" not in rules:
        return dict.fromkeys(past.places, 1.0)
    if policy.baseline == "trailing":
        first = past.baseline(learned)
        return {hour: _lately(hour, learned, first) for hour in past.places}
    return _lasting(learned, past)


def _usual(
    learned: Hourly, factor: Hourly, per_hour: int, policy: Policy, past: _Past, rules: set[str]
) -> tuple[Hourly, Hourly]:
    """The baseline of every hour that has enough buckets, and those of them that come from other days."""
    flat = learned
    if policy.baseline != "trailing":
        flat = {hour: value / factor[hour] for hour, value in learned.items()}
    baseline = {hour: usual * factor[hour] for hour, usual in past.baseline(flat).items()}
    filled = past.from_days(learned, factor) if past.on("days") else {}
    baseline |= filled
    if "pooled" in rules and per_hour < 4:
        baseline = {hour: percentile([usual, *_beside(hour, baseline)], 50) for hour, usual in baseline.items()}
    if "idle" in rules:
        scaled = {hour: value / factor[hour] for hour, value in learned.items()}
        weekly = past.figures(scaled, lambda known: percentile(known, 95) if known else 0.0)
        baseline = {hour: max(usual, 0.1 * weekly[hour] * factor[hour]) for hour, usual in baseline.items()}
    if "edges" in rules:
        baseline = {
            hour: max([usual, *(0.5 * other for other in _beside(hour, baseline))]) for hour, usual in baseline.items()
        }
    return {hour: usual for hour, usual in baseline.items() if hour in learned}, filled


class _Past:
    """What an hour may be compared with."""

    def __init__(self, policy: Policy, places: dict[int, tuple[date, int]]) -> None:
        self.policy, self.places = policy, places

    def on(self, rule: str) -> bool:
        """Whether a rule is on that looks at weeks on both sides."""
        return rule in self.policy.rules and self.policy.baseline == "retrospective"

    def other_days(self, hourly: Hourly, hour: int) -> float | None:
        """The lower median of the same hour on the other days of its kind, of a lone weekend on all; None of one."""
        own, slot = self.places[hour]
        weekend = slot // 24 >= 5
        others = [
            (s // 24 >= 5, hourly[h])
            for h in hourly
            for week, s in [self.places[h]]
            if s % 24 == slot % 24 and (week, s) != (own, slot)
        ]
        alike = [value for kind, value in others if kind == weekend]
        if weekend and len(alike) < 2:
            alike = [value for _, value in others]
        return low_median(alike) if len(alike) >= 2 else None

    def from_days(self, learned: Hourly, factor: Hourly) -> Hourly:
        """The baselines of hours with too few weeks, from other days."""
        scaled = {hour: value / factor[hour] for hour, value in learned.items()}
        few = (hour for hour in self.places if self.weeks(hour, learned) < self.policy.min_weeks)
        found = ((hour, self.other_days(scaled, hour)) for hour in few)
        return {hour: usual * factor[hour] for hour, usual in found if usual is not None}

    def _counts(self, week: date, own: date) -> bool:
        if self.policy.baseline == "trailing":
            return own - timedelta(weeks=self.policy.lookback) <= week < own
        return week != own or self.policy.baseline == "original"

    def same_slot(self, hourly: Hourly) -> dict[int, dict[date, float]]:
        """Slot -> week -> the value there, the mean where a week has the slot twice."""
        cells: dict[int, dict[date, list[float]]] = defaultdict(lambda: defaultdict(list))
        for hour, value in hourly.items():
            week, slot = self.places[hour]
            cells[slot][week].append(value)
        return {s: {week: sum(v) / len(v) for week, v in weeks.items()} for s, weeks in cells.items()}

    def baseline(self, hourly: Hourly) -> Hourly:
        """The percentile of the same slot in the weeks that count, for every hour, missing ones too."""
        cells, q = self.same_slot(hourly), 95 if self.policy.baseline == "original" else self.policy.percentile
        found = {}
        for hour, (own, slot) in self.places.items():
            others = sorted(value for week, value in cells.get(slot, {}).items() if self._counts(week, own))
            if others:
                found[hour] = percentile(others, q)
            if self.on("recurring") and len(others) >= 4 and found[hour] > 3 * others[1]:
                found[hour] = others[1]
        return found

    def weeks(self, hour: int, hourly: Hourly) -> int:
        """How many weeks that count had the slot of an hour."""
        own = self.places[hour][0]
        same = (hour + count * 168 * HOUR for count in range(-60, 61))
        return len({self.places[h][0] for h in same if h in hourly and self._counts(self.places[h][0], own)})

    def figures(self, hourly: Hourly, what: Callable[[list[float]], Figure]) -> dict[int, Figure]:
        """For each hour a figure of all that is known of the key: everything, or for `trailing` the weeks before."""
        if self.policy.baseline != "trailing":
            return dict.fromkeys(self.places, what(list(hourly.values())))
        known = {
            own: what([value for hour, value in hourly.items() if self._counts(self.places[hour][0], own)])
            for own in {week for week, _ in self.places.values()}
        }
        return {hour: known[week] for hour, (week, _) in self.places.items()}


def _every(times: list[int]) -> list[int]:
    return list(range(times[0] // HOUR * HOUR, times[-1] + 1, HOUR))


def _beside(hour: int, hourly: Hourly) -> list[float]:
    return [hourly[other] for other in (hour - HOUR, hour + HOUR) if other in hourly]


def _lately(hour: int, learned: Hourly, first: Hourly) -> float:
    """What the day before was, in times of its baseline, where that is twice or half."""
    before = range(hour - 24 * HOUR, hour, HOUR)
    ratios = [learned[h] / first[h] for h in before if h in learned and first.get(h, 0) > 0]
    if len(ratios) < 12:
        return 1.0
    middle = low_median(ratios)
    return middle if middle > 2 or 0 < middle < 0.5 else 1.0


def _lasting(learned: Hourly, past: _Past) -> Hourly:
    """By what the level round each hour differs from the usual one: Tukey's median polish, in blocks of three hours."""
    hours = sorted(past.places)
    if not learned:
        return dict.fromkeys(hours, 1.0)
    middle = low_median(list(learned.values()))
    factor = _running({hour: value / middle for hour, value in learned.items()} if middle > 0 else {}, hours, 57)
    for span in (57, 25):
        flat = {hour: value / factor[hour] for hour, value in learned.items()}
        usual = {slot: low_median(list(weeks.values())) for slot, weeks in past.same_slot(flat).items()}
        least = 0.1 * percentile(list(flat.values()), 95)
        ratio = {h: v / u for h, v in flat.items() if (u := usual[past.places[h][1]]) >= least and u > 0}
        moved = _running(ratio, hours, span)
        factor = {hour: factor[hour] * moved[hour] for hour in hours}
        there = [factor[hour] for hour in learned]
        if max(there) < math.sqrt(2) * min(there):
            return dict.fromkeys(hours, 1.0)
    own = low_median([factor[hour] for hour in learned])
    moved = {hour: f / own for hour, f in factor.items()}
    by_week: dict[date, list[float]] = defaultdict(list)
    for hour, level in moved.items():
        by_week[past.places[hour][0]].append(level)
    known = sorted({past.places[hour][0] for hour in learned})
    weekly = [low_median(by_week[week]) for week in known]
    steps = [after / before for before, after in pairwise(weekly)]
    one_way = all(step > 1.05 for step in steps) or all(step < 1 / 1.05 for step in steps)
    if one_way and max(weekly) > 2 * min(weekly):
        return moved
    return {hour: level if level > 2 or level < 0.5 else 1.0 for hour, level in moved.items()}


def _running(ratio: Hourly, hours: list[int], span: int) -> Hourly:
    """The median over `span` blocks round each hour's; 1 where less than a quarter of them is there."""
    blocks: dict[int, list[float]] = defaultdict(list)
    for hour, value in ratio.items():
        blocks[(hour - hours[0]) // HOUR // 3].append(value)
    middles = {block: low_median(found) for block, found in blocks.items()}
    level = {}
    for block in range(-(-len(hours) // 3)):
        round_it = [middles[b] for b in range(block - span // 2, block + span // 2 + 1) if b in middles]
        there = 4 * len(round_it) >= span
        level[block] = value if there and (value := low_median(round_it)) > 0 else 1.0
    return {hour: level[(hour - hours[0]) // HOUR // 3] for hour in hours}


def _with_tail(
    levels: list[Hourly], base: Hourly, policy: Policy, past: _Past, rules: set[str]
) -> dict[int, list[float]]:
    stated = {hour: max(policy.multiple * usual, policy.floor) for hour, usual in base.items()}
    if "tail" not in rules:
        return {hour: [limit] for hour, limit in stated.items()}
    held = levels[: 4 if "held" in rules else 1]
    every = policy.rare_weeks * 168
    ratios = [{hour: level[hour] / usual for hour, usual in base.items() if usual > 0} for level in held]
    rares, heights = (
        [past.figures(one, lambda known: slow_rare(known, every)) for one in hourly] for hourly in (ratios, held)
    )
    found: dict[int, list[float]] = {}
    for hour, usual in base.items():
        rare, height = ([one[hour] for one in hourly] for hourly in (rares, heights))
        limits = [_wanted(usual, t, r, policy.multiple, rules) for t, r in zip(rare, height, strict=True)]
        if (rare[0] or 0) > 20:
            limits = [max(limit, limits[0]) for limit in limits]
        found[hour] = [max(limit, stated[hour]) for limit in limits]
    return found


def _habits(learned: Hourly, base: Hourly, multiple: float, past: _Past) -> Hourly:
    """What hours must pass, in times of their baseline, where most days pass the multiple within two hours of them."""
    if not past.on("habit"):
        return {}
    ratio = {hour: learned[hour] / usual for hour, usual in base.items() if usual > 0}
    days: dict[int, list[float]] = defaultdict(list)
    for hour, (_, slot) in past.places.items():
        near = [ratio[h] for h in range(hour - 2 * HOUR, hour + 3 * HOUR, HOUR) if h in ratio]
        if near:
            days[slot % 24].append(max(near))
    needed = {
        hour: 1.25 * percentile(heights, 80)
        for hour, heights in days.items()
        if len(heights) >= 7 and percentile(heights, 50) > multiple
    }
    return {hour: needed[slot % 24] for hour, (_, slot) in past.places.items() if slot % 24 in needed}


def _wanted(usual: float, times: float | None, height: float | None, multiple: float, rules: set[str]) -> float:
    if usual == 0:
        return height or 0.0
    if times is None or times <= multiple:
        return 0.0
    if "volume" in rules and height is not None:
        return float((times * usual) ** 0.25 * height**0.75)
    return times * usual


def _levels(buckets: dict[int, list[float]], per_hour: int, policy: Policy) -> list[Hourly]:
    """What each hour is above with two buckets, for 20 minutes, for half of it, for four fifths.

    Where one bucket is enough to open an event in that way, the highest.
    """
    q = 100 * (per_hour - 2) / (per_hour - 1) if per_hour > 1 else 100
    second = {hour: percentile(found, q) for hour, found in buckets.items()}
    half = {hour: percentile(found, 50) for hour, found in buckets.items()}
    twenty = dict(second)
    if per_hour > 6:
        bucket = 60 / per_hour
        share = (20 - 2 * bucket) / (30 - 2 * bucket)
        twenty = {h: v * (half[h] / v) ** share if v > 0 else 0.0 for h, v in second.items()}
    levels = [second, twenty, half, {hour: percentile(found, 20) for hour, found in buckets.items()}]
    highest = {hour: max(found) for hour, found in buckets.items()}
    needed = [policy.needed(HOUR // per_hour), *(math.ceil(way[1] * per_hour / 60) for way in WAYS if way)]
    return [highest if count <= 1 else level for count, level in zip(needed, levels, strict=True)]


def slow_ruled_events(
    times: list[int], values: list[float], resolution: int, policy: Policy, judged: dict[int, SlowHour]
) -> list[tuple[int, int, int, int]]:
    """Events of one key as (start, end, detected, breaches)."""
    breaches = []
    for time, value in zip(times, values, strict=True):
        hour = judged.get(time // HOUR * HOUR)
        if hour is not None and value > min(hour.limits):
            breaches.append((time, [value > limit for limit in hour.limits]))
    events = []
    for chain in _chains(breaches, resolution, max(policy.merge, policy.within)):
        opens = [found for way in range(len(chain[0][1])) for found in _openings(chain, way, resolution, policy)]
        if opens:
            start, met = min(first for first, _ in opens), min(met for _, met in opens)
            count = sum(time >= start for time, _ in chain)
            events.append((start, chain[-1][0] + resolution, met + resolution, count))
    return events


Breach = tuple[int, list[bool]]


def _chains(breaches: list[Breach], resolution: int, merge: int) -> list[list[Breach]]:
    chains: list[list[Breach]] = []
    for breach in breaches:
        gap = breach[0] - chains[-1][-1][0] if chains else math.inf
        if gap < merge or gap <= resolution:
            chains[-1].append(breach)
        else:
            chains.append([breach])
    return chains


def _openings(chain: list[Breach], way: int, resolution: int, policy: Policy) -> list[tuple[int, int]]:
    over = [time for time, above in chain if above[way]]
    minutes = WAYS[way]
    needed, within = policy.needed(resolution), policy.within
    if minutes is not None:
        needed, within = max(1, math.ceil(minutes[1] * 60 / resolution)), max(minutes[0] * 60, resolution)
    pairs = zip(over, over[needed - 1 :], strict=False)
    return [(first, met) for first, met in pairs if met - first < within]
