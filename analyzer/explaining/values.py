"""An hour of a key as a list of steps with numbers, from which text, JSON and page are made."""

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
    """What was learned from the hour: its p95, or its p20 for falls; NaN if it has no buckets."""
    buckets: int
    factor: float
    """The level of the key there, as a multiple of its usual one (rule `level`)."""
    use: str
    """`learned`, or why it was not."""


@dataclass(frozen=True)
class RuleStep:
    """One rule, applied after those before it: baseline and limit that result."""

    rule: str
    """`threshold` for the policy without rules."""
    sentence: str
    on: bool
    baseline: float
    limit: float
    """The limit for the matches of the policy."""
    figures: Mapping[str, float]
    """The values that it uses, by name."""


@dataclass(frozen=True)
class LevelStep:
    """One of the hours that determine the level of a key."""

    start: int
    level: float
    """What was learned from the hour; for what is unusual, its median."""
    baseline: float
    """What is usual for it, before the level is applied."""
    block: int
    """Hours of one block count once, by their lower median; without blocks, each hour has its own number."""


@dataclass(frozen=True)
class WayStep:
    """One way in which an event opens."""

    name: str
    limit: float
    buckets: int
    """Number of buckets that must be above it ..."""
    within: int
    """... starting less than this many seconds apart."""
    reached: float
    """The highest value that this many buckets reached; NaN if there are fewer."""
    passed: bool


@dataclass(frozen=True)
class BucketStep:
    """One bucket."""

    time: int
    value: float
    limit: float
    """The lowest limit of its hour; NaN if the hour is not judged."""
    over: bool


@dataclass(frozen=True)
class SeverityTerms:
    """least + (most - least) x height x length."""

    margin: float | None
    """Peak over threshold; infinite for a threshold of 0, None for a fall."""
    height: float
    """Computed from the margin; for a fall, the share of the usual volume that is missing."""
    seconds: int
    length: float
    least: float
    most: float
    severity: float


@dataclass(frozen=True)
class UnusualSteps:
    """What is unusual for the key in this hour, and how that was computed."""

    weeks: tuple[WeekStep, ...]
    """The weeks, by the medians of their hours ..."""
    days: tuple[WeekStep, ...]
    rules: tuple[RuleStep, ...]
    """... and the baseline after each rule."""
    hours: tuple[LevelStep, ...]
    """Hours around this hour, or before it: for the level of the day, and from which a value must stand out."""
    figures: Mapping[str, float]
    """Other values that are used, by name, in the order of their use."""
    ways: tuple[WayStep, ...]


@dataclass(frozen=True)
class Explanation:
    """Why an hour of a key contains an event, or does not."""

    key: str
    metric: Metric
    resolution: int
    timezone: str
    direction: Direction
    learned_from: str
    """Which weeks: `retrospective`, `trailing`, `original`."""
    learned_percentile: float
    """Percentile of an hour's buckets."""
    percentile: float
    """Percentile of the weeks."""
    multiple: float
    floor: float
    hour: int
    """Start of the hour; for an event, the hour of its peak."""
    slots: str
    """Which hours are compared with each other: `week`, `workdays`, `day`."""
    slot: int
    not_judged: str
    """Why the hour was not judged; "" if it was."""
    weeks: tuple[WeekStep, ...]
    days: tuple[WeekStep, ...]
    """The hours of other days that are used instead, if too few other weeks are known (rule `days`)."""
    hours: tuple[LevelStep, ...]
    """With `trailing`: the hours before, which determine the level of the key; empty without the rule `level`."""
    rules: tuple[RuleStep, ...]
    baseline: float
    ways: tuple[WayStep, ...]
    """For the policy as stated ..."""
    unusual: UnusualSteps | None
    """... and what is unusual for the key below it; None if that is not looked for."""
    buckets: tuple[BucketStep, ...]
    """Buckets of the event, or of the hour."""
    event: Event | None
    terms: SeverityTerms | None
    reach: Reach
    """How near it came to being an event, and what would have to be different."""
    contributors: tuple[Contributor, ...] = ()
    """Contributors of the event, as the run found them."""
