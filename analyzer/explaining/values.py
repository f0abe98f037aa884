"""An hour of a key as a list of steps with numbers: what the text, the JSON and the page draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analyzer.model import Contributor, Event
from analyzer.outcome import Reach
from traffic.model import Direction, Metric


@dataclass(frozen=True)
class WeekStep:
    """One hour that the baseline may come from."""

    start: int
    level: float
    """What the hour was learned by: its p95; where falls are looked for its p20. NaN where it has no bucket."""
    buckets: int
    factor: float
    """The level of the key there, in times of its usual one (rule `level`)."""
    use: str
    """`learned`, or why it was not."""


@dataclass(frozen=True)
class RuleStep:
    """One rule, after those before it: what it made of the baseline and the limit."""

    rule: str
    """`threshold` for the policy without any."""
    sentence: str
    on: bool
    baseline: float
    limit: float
    """For the matches."""
    figures: Mapping[str, float]
    """What it reckons with, by name."""


@dataclass(frozen=True)
class LevelStep:
    """One of the hours that say at which level a key is."""

    start: int
    level: float
    """What the hour was learned by: for what is unusual its median."""
    baseline: float
    """What is usual for it, before the level."""
    block: int
    """Hours of a block count once, by their lower median; where there are none, each is its own."""


@dataclass(frozen=True)
class WayStep:
    """One way in which an event opens."""

    name: str
    limit: float
    buckets: int
    """That must be above it ..."""
    within: int
    """... starting less than so many seconds apart."""
    reached: float
    """The most that so many buckets reached there; NaN where there are not so many."""
    passed: bool


@dataclass(frozen=True)
class BucketStep:
    """One bucket."""

    time: int
    value: float
    limit: float
    """The lowest of its hour; NaN where the hour is not judged."""
    over: bool


@dataclass(frozen=True)
class SeverityTerms:
    """least + (most - least) x height x length."""

    margin: float | None
    """Peak over threshold, infinite over 0; None of a fall."""
    height: float
    """By that; of a fall the share of the usual volume that is missing."""
    seconds: int
    length: float
    least: float
    most: float
    severity: float


@dataclass(frozen=True)
class UnusualSteps:
    """What is unusual for the key in this hour, and what that was reckoned from."""

    weeks: tuple[WeekStep, ...]
    """By the hours' medians ..."""
    days: tuple[WeekStep, ...]
    rules: tuple[RuleStep, ...]
    """... and what each rule made of the baseline of these."""
    hours: tuple[LevelStep, ...]
    """Round the hour, or before it: the level of the day, and the hours that a value must stand out of."""
    figures: Mapping[str, float]
    """What else it reckons with, by name, in the order in which it does."""
    ways: tuple[WayStep, ...]


@dataclass(frozen=True)
class Explanation:
    """Why an hour of a key holds an event, or none."""

    key: str
    metric: Metric
    resolution: int
    timezone: str
    direction: Direction
    learned_from: str
    """`retrospective`, `trailing`, `original`: which weeks."""
    learned_percentile: float
    """Of an hour's buckets."""
    percentile: float
    """Of the weeks."""
    multiple: float
    floor: float
    hour: int
    """Its start. Of an event, the hour of its peak."""
    slots: str
    """What hours are compared with: `week`, `workdays`, `day`."""
    slot: int
    not_judged: str
    """Why not; "" where it was."""
    weeks: tuple[WeekStep, ...]
    days: tuple[WeekStep, ...]
    """The hours in their place, where too few other weeks are known (rule `days`)."""
    hours: tuple[LevelStep, ...]
    """The hours before, which say at which level a key is with `trailing`; none where the rule `level` does not."""
    rules: tuple[RuleStep, ...]
    baseline: float
    ways: tuple[WayStep, ...]
    """Of the policy as it is stated ..."""
    unusual: UnusualSteps | None
    """... and what is unusual for the key below it; None where nobody looks for it."""
    buckets: tuple[BucketStep, ...]
    """Of the event, or of the hour."""
    event: Event | None
    terms: SeverityTerms | None
    reach: Reach
    """How near it came, and what would have to differ."""
    contributors: tuple[Contributor, ...] = ()
    """By what the event came, as the run found it."""
