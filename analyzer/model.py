"""What the analyzer finds and how it is judged. Frozen values, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from hashlib import blake2b
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from analyzer.columnar import Columnar
from analyzer.outcome import Verdict
from traffic.coverage import NOTHING, Coverage
from traffic.model import HOUR, Direction, Floats, Grid, Label, Metric, Split, Window

Baseline = Literal["retrospective", "trailing", "original"]
Looking = Literal["above", "below", "both"]
Slots = Literal["week", "workdays", "day"]
"""What an hour is compared with: the same hour of the week, of the day (weekends apart), or of any day."""
Meaning = Literal["ignore", "not judged", "not learned", "sunday"]
Band = Literal["critical", "major", "minor", "warning"]

EventClass = Literal["policy", "unusual", "new", "suspect"]
CLASSES: tuple[EventClass, ...] = ("policy", "unusual", "new", "suspect")
"""Raised by the stated policy; far from the key's habit but below the policy; new keys; measurement artefacts."""
Confidence = Literal["normal", "low"]
Recurs = Literal["", "weekly"]

BANDS: tuple[tuple[Band, float], ...] = (("critical", 75.0), ("major", 50.0), ("minor", 25.0), ("warning", 0.0))
"""Band -> its lowest severity, highest band first."""

RULES = (
    *("level", "recurring", "days", "pooled", "idle", "edges"),
    *("tail", "artefacts", "volume", "held", "habit"),
)
"""The rules on top of the stated threshold, all on by default. `analyzer.kernels.rules` has a sentence for each."""


@dataclass(frozen=True)
class CalendarRow:
    """A row of a calendar, as it was written; `analyzer.judging.calendar` interprets it."""

    start: str
    """A day or a time; in the key's time zone if it names none."""
    end: str
    """The last day, or the time at which it ends (exclusive); "" for the one day of `start`."""
    what: Meaning
    key: str = ""
    """Glob of the keys to which it applies; "" for all."""
    note: str = ""


@dataclass(frozen=True)
class Policy:
    """The policy: when traffic counts as an event."""

    percentile: float = 50.0
    """Percentile of the other weeks' hourly p95s that is the baseline."""
    rollup_percentile: float = 95.0
    """Percentile of an hour's buckets that is learned from."""
    rollup_width: int = HOUR
    """Width of a roll-up in seconds; of several hours, the same percentile of their hourly values."""
    slots: Slots = "week"
    """Which hours are compared with each other. Unless it is `week`, days take the place of weeks."""
    over_percent: float = 200.0
    """How far above the baseline the threshold lies: 200 means three times the baseline."""
    over_units: float = 0.0
    """Minimum distance of the threshold from the baseline, in the metric's unit."""
    matches: int = 2
    """Number of breaches that make an event ..."""
    within: int = 600
    """... within this many seconds."""
    floor: float = 0.0
    """The threshold is never below this, in the metric's unit."""
    min_weeks: int = 2
    """Other weeks that a slot needs before it is judged."""
    min_share: float = 0.5
    """Share of an hour's buckets that must exist before the hour is judged or learned from."""
    merge: int = 1800
    """An event continues while the next breach starts less than this many seconds (or `within`) after the last one."""
    baseline: Baseline = "retrospective"
    """Weeks that an hour is compared with: the others on both sides, earlier ones, or (for comparison) all of them."""
    lookback: int = 4
    """Number of earlier weeks that `trailing` learns from."""
    rare_weeks: float = 2.0
    """A key that exceeds its threshold more often than once in this many weeks gets one it exceeds that rarely."""
    rules: tuple[str, ...] = RULES
    """The `RULES` that are on."""
    direction: Looking = "above"
    """Whether to look for rises, falls, or both."""
    under_percent: float = 70.0
    """How far below its usual low traffic must fall: 70 means to less than 30 % of it."""
    missing_is_fallen: bool = False
    """Whether a missing bucket counts as traffic that fell to zero."""
    timezone: str = "UTC"
    """Time zone of the hours of the week."""
    calendar: tuple[CalendarRow, ...] = ()
    """Times that are not judged, not learned from, or treated as Sundays."""
    classes: tuple[EventClass, ...] = CLASSES
    """Classes of events that are reported."""
    of_keys: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...] = ()
    """Glob of keys -> settings that differ for them; the first glob that matches counts."""

    def of(self, key: str) -> Policy:
        """The policy of one key, with only the calendar rows that apply to it."""
        if not self.of_keys and not self.calendar:
            return self
        settings = next((settings for glob, settings in self.of_keys if fnmatchcase(key, glob)), ())
        calendar = tuple(row for row in self.calendar if not row.key or fnmatchcase(key, row.key))
        return replace(self, of_keys=(), calendar=calendar, **dict(settings))

    def needed(self, resolution: int) -> int:
        """Breaches that make an event at this resolution: fewer than `matches` if fewer buckets fit into `within`."""
        return min(self.matches, max(1, self.within // resolution))

    @property
    def multiple(self) -> float:
        """Threshold over baseline: 200 % over is 3.0."""
        return 1.0 + self.over_percent / 100.0


def event_id(key: str, metric: str, direction: Direction, start: int) -> str:
    """The same event has the same name in every run: a hash of key, metric, direction and start."""
    text = "\0".join((key, metric, direction, str(start)))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


@dataclass(frozen=True, slots=True)
class Event:
    """An event: breaches of one key that belong together. Times are UTC epoch seconds."""

    id: str
    key: str
    start: int
    """Start of the first breach."""
    end: int
    """End of the last breach."""
    detected: int
    """End of the bucket that completed the rule: when an alert would have fired."""
    breaches: int
    peak_at: int
    """Start of the highest breach; `peak`, `baseline`, `threshold` and `ratio` are those of this bucket."""
    peak: float
    baseline: float
    threshold: float
    ratio: float | None
    """Peak / baseline; None if the baseline is 0."""
    excess: float
    """Sum over the breaches of what exceeds the baseline: bits for a metric in bit/s, otherwise its unit."""
    direction: Direction = "above"
    severity: float = 0.0
    """0 to 100: `analyzer.kernels.severity`."""
    event_class: EventClass = "policy"
    opened_by: str = ""
    """Name of the limit that decided: the way in which the event opened first."""
    confidence: Confidence = "normal"
    """`low` if there were too few other weeks, so that the baseline comes from other days."""
    recurs: Recurs = ""
    """`weekly` if the key had an event a week earlier."""
    incident_id: str = ""
    """The incident that it belongs to."""

    @property
    def band(self) -> Band:
        """Its severity as a word."""
        return next(band for band, least in BANDS if self.severity >= least)

    @property
    def window(self) -> Window:
        """From its first to its last breach."""
        return Window(self.start, self.end)

    @property
    def minutes(self) -> float:
        """Its length in minutes."""
        return (self.end - self.start) / 60


@dataclass(frozen=True, order=True, slots=True)
class NotJudged:
    """A time range of a key that could not be judged, and why."""

    key: str
    start: int
    end: int
    reason: str


@dataclass(frozen=True, order=True, slots=True)
class Suppressed:
    """Hours of a key that exceed the stated threshold but are not events, and why."""

    key: str
    reason: str
    hours: int


@dataclass(frozen=True, slots=True)
class Contributor:
    """A value of a dimension and its part in an event: a row of contributors.csv."""

    event_id: str
    dimension: str
    value: str
    """With the rows `(others)` and `(not explained)`, the shares of a dimension add up to 1."""
    actual: float | None
    """During the event, as `Event.excess`; for means, the value's mean; for percentiles, rows beyond the limit."""
    usual: float | None
    """The same for the same hours of other weeks, on average."""
    excess: float | None
    """`actual` - `usual`; for a mean, this value's part of the change of the overall mean."""
    share: float
    """Share of the total excess; NaN if there is none."""
    new: Literal["", "yes"] = ""
    """`yes` if it was in none of the other weeks."""
    weight: float | None = None
    """This value's share of the usual traffic, or of the hour before; for means and percentiles, of the rows."""
    split: Split = "excess"
    """What was split."""
    rate: float | None = None
    """For a mean: the part of the excess due to the value's own mean ..."""
    mix: float | None = None
    """... and the part due to its having more or fewer of the rows."""


@dataclass(frozen=True, slots=True)
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
    """The contributor that all share, or the group of their keys; empty if unknown."""
    chance: float | None
    """How often as many keys would start together in the window by chance; None for a single key."""
    onset: str
    """Their keys, in order of onset."""


@dataclass(frozen=True)
class OtherPolicy:
    """How a policy performs on the history of the run: a row of elsewhere.csv."""

    name: str
    engine: str
    """Its engine; `sl` for the run's own policy."""
    hits: int | None
    """None without a truth, as are the next three."""
    misses: int | None
    not_judged: int | None
    """Incidents in time that it does not judge."""
    false_alarms: int | None
    alerts: int
    """Number of alerts, counted as the engine notifies."""
    alerts_per_week: float | None
    """Over all series, per week that it judged; None if it judged nothing."""
    worst_key: str
    worst_per_week: float
    median_delay: float | None
    """Seconds, over the hits."""
    never_looked_at: int
    """Series that it never evaluated."""
    series: int
    not_emulated: str
    """What its engine does beyond this, which is not emulated here."""
    against_fired: str = ""
    """Agreement with the alerts that fired according to its account; "" if no account was asked."""

    @property
    def incidents(self) -> int | None:
        """Number of incidents to be found; None without a truth."""
        counted = (self.hits, self.misses, self.not_judged)
        return None if None in counted else sum(one or 0 for one in counted)


@dataclass(frozen=True, eq=False)
class Trace:
    """The data for a picture of one event, on a grid of the run's resolution around it. Shapes (buckets,)."""

    event_id: str
    grid: Grid
    values: Floats
    """NaN where a bucket is missing or was not requested."""
    usual: Floats
    """Mean of the bucket's hour, used where `values` were not requested; NaN where missing."""
    baseline: Floats
    threshold: Floats
    """Both NaN where the hour was not judged."""
    weeks: Window = field(default_factory=lambda: Window(0, 0))
    """Up to six weeks around the event, in whole hours."""
    hourly: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    """Mean of each hour of `weeks`; NaN where missing."""


@dataclass(frozen=True)
class Findings(Columnar):
    """Everything that a run of discover passes to the reports."""

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
    """Contributors of the events, in the order of the events; empty if the store does not know them."""
    incidents: tuple[Incident, ...] = ()
    """Incidents in order of start; each event is in exactly one."""
    coverage: Coverage = NOTHING
    """What the store contains in the time that was read, and what of it was used."""
    key_hours: float = 0
    """Hours with data, summed over all keys; 0: unknown, so each key counts for the whole window."""
    elsewhere: tuple[OtherPolicy, ...] = ()
    """Policies of other engines on the same history, the run's own first; empty if none was given."""

    @property
    def seconds_there(self) -> float:
        """Seconds with data, summed over all keys."""
        return self.key_hours * HOUR or len(self.keys) * self.window.seconds
