"""What the analyzer finds and how it is judged. Frozen values, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from hashlib import blake2b
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from analyzer.outcome import Verdict
from traffic.coverage import NOTHING, Coverage
from traffic.model import HOUR, Direction, Floats, Grid, Label, Metric, Split, Window

Baseline = Literal["retrospective", "trailing", "original"]
Looking = Literal["above", "below", "both"]
Slots = Literal["week", "workdays", "day"]
"""What an hour is compared with: the hour of the week, the hour of the day (weekends apart), the hour of the day."""
Meaning = Literal["ignore", "not judged", "not learned", "sunday"]
Band = Literal["critical", "major", "minor", "warning"]

EventClass = Literal["policy", "unusual", "new", "suspect"]
CLASSES: tuple[EventClass, ...] = ("policy", "unusual", "new", "suspect")
"""What the stated policy raises; what is far out of a key's habit below it; new keys; artefacts of measuring."""
Confidence = Literal["normal", "low"]
Recurs = Literal["", "weekly"]

BANDS: tuple[tuple[Band, float], ...] = (("critical", 75.0), ("major", 50.0), ("minor", 25.0), ("warning", 0.0))
"""Band -> the least severity of it, highest first."""

RULES = (
    *("level", "recurring", "days", "pooled", "idle", "edges"),
    *("tail", "artefacts", "volume", "held", "habit"),
)
"""The rules on top of the stated threshold, all on by default. `analyzer.kernels.rules` has a sentence for each."""


@dataclass(frozen=True)
class CalendarRow:
    """A row of a calendar, as it was written: `analyzer.judging.calendar` says what it means."""

    start: str
    """A day, or a time, on the key's own clock where it names no zone."""
    end: str
    """The last day, or the time before which it ends; "" for the one day of `start`."""
    what: Meaning
    key: str = ""
    """Glob of the keys that it holds for; "" for all."""
    note: str = ""


@dataclass(frozen=True)
class Policy:
    """When traffic is called an event."""

    percentile: float = 50.0
    """Which percentile of the other weeks' hourly p95s is the baseline."""
    rollup_percentile: float = 95.0
    """Which percentile of an hour's buckets is learned from, in place of the p95."""
    rollup_width: int = HOUR
    """Seconds that are rolled up: of several hours the same percentile of what their hours came to."""
    slots: Slots = "week"
    """Which hours are compared with each other. Where it is not the week, other days stand for other weeks."""
    over_percent: float = 200.0
    """How far above the baseline the threshold lies: 200 means three times the baseline."""
    over_units: float = 0.0
    """How far above the baseline it lies at least, in the metric's unit."""
    matches: int = 2
    """How many breaches make an event ..."""
    within: int = 600
    """... inside how many seconds."""
    floor: float = 0.0
    """The threshold is never below this, in the metric's unit."""
    min_weeks: int = 2
    """How many other weeks a slot needs before it is judged."""
    min_share: float = 0.5
    """What share of an hour's buckets must be there before the hour is judged or learned from."""
    merge: int = 1800
    """An event goes on as long as the next breach starts less than this many seconds (or `within`) after the last."""
    baseline: Baseline = "retrospective"
    """Which weeks an hour is compared with: the others on both sides, those before it, or (to compare) all of them."""
    lookback: int = 4
    """How many weeks before `trailing` learns from."""
    rare_weeks: float = 2.0
    """A key that passes the threshold more often than once in so many weeks must pass what it passes that rarely."""
    rules: tuple[str, ...] = RULES
    """Which of `RULES` are on."""
    direction: Looking = "above"
    """Whether traffic that rises is looked for, traffic that falls, or both."""
    under_percent: float = 70.0
    """How far below its usual low traffic must fall: 70 means to less than 30 % of it."""
    missing_is_fallen: bool = False
    """Whether a bucket that is missing counts as traffic that fell to nothing."""
    timezone: str = "UTC"
    """Whose clock the hours of the week are those of."""
    calendar: tuple[CalendarRow, ...] = ()
    """Times that are not judged, not learned from, or like Sundays."""
    classes: tuple[EventClass, ...] = CLASSES
    """Which classes of events are reported."""
    of_keys: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...] = ()
    """Glob of keys -> settings that differ for these; the first glob that fits counts."""

    def of(self, key: str) -> Policy:
        """The policy of one key; of the calendar, the rows that hold for it."""
        if not self.of_keys and not self.calendar:
            return self
        settings = next((settings for glob, settings in self.of_keys if fnmatchcase(key, glob)), ())
        calendar = tuple(row for row in self.calendar if not row.key or fnmatchcase(key, row.key))
        return replace(self, of_keys=(), calendar=calendar, **dict(settings))

    def needed(self, resolution: int) -> int:
        """Breaches that make an event at this resolution: fewer than `matches` where `within` holds no more buckets."""
        return min(self.matches, max(1, self.within // resolution))

    @property
    def multiple(self) -> float:
        """Threshold over baseline: 200 % over is 3.0."""
        return 1.0 + self.over_percent / 100.0


def event_id(key: str, metric: str, direction: Direction, start: int) -> str:
    """The same event has the same name in every run: a hash of key, metric, direction and start."""
    text = "\0".join((key, metric, direction, str(start)))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


@dataclass(frozen=True)
class Event:
    """Breaches of one key that belong together."""

    id: str
    key: str
    start: int
    """Start of the first breach."""
    end: int
    """End of the last breach."""
    detected: int
    """End of the bucket with which the rule was met."""
    breaches: int
    peak_at: int
    """Start of the highest breach; `peak`, `baseline`, `threshold` and `ratio` are those of this bucket."""
    peak: float
    baseline: float
    threshold: float
    ratio: float | None
    """Peak over baseline; None where the baseline is 0."""
    excess: float
    """What lies above the baseline over the breaches: bits for a rate in bit/s, else the sum over the buckets."""
    direction: Direction = "above"
    severity: float = 0.0
    """0 to 100: `analyzer.kernels.severity`."""
    event_class: EventClass = "policy"
    opened_by: str = ""
    """The limit that decided: the name of the way in which the event opened first."""
    confidence: Confidence = "normal"
    """Low where too few other weeks are known and the baseline comes from other days."""
    recurs: Recurs = ""
    """Weekly where an event of the key was there a week before."""
    incident_id: str = ""
    """The incident that it belongs to."""

    @property
    def band(self) -> Band:
        """Its severity in a word."""
        return next(band for band, least in BANDS if self.severity >= least)

    @property
    def window(self) -> Window:
        """From its first to its last breach."""
        return Window(self.start, self.end)

    @property
    def minutes(self) -> float:
        """Its length."""
        return (self.end - self.start) / 60


@dataclass(frozen=True, order=True)
class NotJudged:
    """A stretch of a key's time in which nothing could be said, and why."""

    key: str
    start: int
    end: int
    reason: str


@dataclass(frozen=True, order=True)
class Suppressed:
    """Hours of a key that the stated threshold alone would have called an event, and why they are none."""

    key: str
    reason: str
    hours: int


@dataclass(frozen=True)
class Contributor:
    """A value of a dimension, and its part in an event: a row of contributors.csv."""

    event_id: str
    dimension: str
    value: str
    """`(others)` and `(not explained)` are what is left: with these a dimension's shares add up to 1."""
    actual: float | None
    """Over the event, as much as `Event.excess` says it: bits of bit/s; a mean's own mean; rows beyond the limit."""
    usual: float | None
    """The same of the same hours of other weeks, on average."""
    excess: float | None
    """What lies between them; of a mean, its part in what lies between those of all."""
    share: float
    """Of the excess of all; NaN where there is none."""
    new: Literal["", "yes"] = ""
    """Whether it was there in none of the other weeks."""
    weight: float | None = None
    """Of what there usually is, or was the hour before, this value's part; of means and percentiles, of rows."""
    split: Split = "excess"
    """What was split."""
    rate: float | None = None
    """Of a mean: of the excess, what comes of the value's own mean ..."""
    mix: float | None = None
    """... and of having more or fewer of the rows."""


@dataclass(frozen=True)
class Incident:
    """Events that belong together: a row of incidents.csv."""

    id: str
    start: int
    end: int
    keys: int
    events: int
    severity: float
    """The highest of them."""
    common: str
    """What they all came by, or the group of their keys; empty where nothing is known."""
    chance: float | None
    """How often as many keys would begin together in the window by chance; None of one key."""
    onset: str
    """Their keys in the order in which it began."""


@dataclass(frozen=True)
class OtherPolicy:
    """What a policy is worth on the history that was looked at, by the side of others: a row of elsewhere.csv."""

    name: str
    engine: str
    """Whose it is; `sl` for the one of the run."""
    hits: int | None
    """None, as the next three, without a truth."""
    misses: int | None
    not_judged: int | None
    """Incidents in time that it does not judge."""
    false_alarms: int | None
    alerts: int
    """As often as the engine tells of one."""
    alerts_per_week: float | None
    """Of all series, in the weeks that it judged; None where it judged nothing."""
    worst_key: str
    worst_per_week: float
    median_delay: float | None
    """Seconds, over the hits."""
    never_looked_at: int
    """Series of which it made no evaluation."""
    series: int
    not_emulated: str
    """What its engine does besides, and is not judged here."""
    against_fired: str = ""
    """How near it comes to the alerts that its account says fired; "" where none is asked."""

    @property
    def incidents(self) -> int | None:
        """That there are to be found; None without a truth."""
        counted = (self.hits, self.misses, self.not_judged)
        return None if None in counted else sum(one or 0 for one in counted)


@dataclass(frozen=True, eq=False)
class Trace:
    """What a picture of one event needs, on one grid of the run's resolution round the event. Shapes (buckets,)."""

    event_id: str
    grid: Grid
    values: Floats
    """NaN where a bucket is missing or was not asked for."""
    usual: Floats
    """The mean of the bucket's hour, for where `values` were not asked for; NaN where missing."""
    baseline: Floats
    threshold: Floats
    """Both NaN where the hour was not judged."""
    weeks: Window = field(default_factory=lambda: Window(0, 0))
    """Up to six weeks round the event, in whole hours."""
    hourly: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    """The mean of each of their hours; NaN where missing."""


@dataclass(frozen=True)
class Findings:
    """All that a run of discover hands to the reports."""

    store: str
    metric: Metric
    window: Window
    resolution: int
    policy: Policy
    keys: tuple[str, ...]
    events: tuple[Event, ...]
    """In order of start, key."""
    not_judged: tuple[NotJudged, ...]
    """In order of key, start."""
    labels: tuple[Label, ...]
    """The truth inside the window; empty where there is none."""
    verdict: Verdict | None
    """None where there is no truth to compare with."""
    traces: tuple[Trace, ...]
    """One per event, in the same order."""
    suppressed: tuple[Suppressed, ...] = ()
    """In order of key, reason."""
    contributors: tuple[Contributor, ...] = ()
    """By what each event came, in the order of the events; empty where the store does not know."""
    incidents: tuple[Incident, ...] = ()
    """What the events are, in order of start: each is in one."""
    coverage: Coverage = NOTHING
    """What the store holds in the time that was read, and what of it was used."""
    key_hours: float = 0
    """Hours in which keys are there, of all keys together; 0: not known, so that each counts for the whole window."""
    elsewhere: tuple[OtherPolicy, ...] = ()
    """What policies of other engines are worth here, and first the run's own; empty where none was named."""

    @property
    def seconds_there(self) -> float:
        """Seconds in which keys are there, of all keys together."""
        return self.key_hours * HOUR or len(self.keys) * self.window.seconds
