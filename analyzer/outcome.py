"""A run's events compared with the truth: what became of each label and event, and the scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Literal

from analyzer.columnar import Columnar
from traffic.model import Label

EventVerdict = Literal["hit", "false alarm", "neutral", ""]
LabelVerdict = Literal["hit", "miss", "neutral", "not judged", "quiet", "fired"]


@dataclass(frozen=True, slots=True)
class Reach:
    """How close a label came to being an event; the fields are those of `Outcome`."""

    reached: float | None
    needed: float | None
    found_at_percent: float | None
    why: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on one label: a row of comparison.csv."""

    label: Label
    verdict: LabelVerdict
    event_id: str = ""
    onset_delay: int | None = None
    """Seconds from the label's start to the event's detection."""
    overlap: int = 0
    """Seconds that label and event share."""
    reached: float | None = None
    """Highest ratio to the baseline that the label held as the policy requires; for a fall, the lowest."""
    needed: float | None = None
    """Ratio that was required there."""
    found_at_percent: float | None = None
    """Highest over_percent at which it would be an event; None: there is none."""
    why: str = ""
    """What decided, and what would have to change."""


@dataclass(frozen=True)
class Verdict(Columnar):
    """The comparison of a run's events with the truth."""

    outcomes: tuple[Outcome, ...]
    """One per label in the window, in order of start, key, id."""
    of_event: Mapping[str, tuple[EventVerdict, str]]
    """Event id -> its verdict and the id of the label that it matches ("" if none)."""

    def _labels(self, verdict: LabelVerdict) -> int:
        return sum(o.verdict == verdict for o in self.outcomes)

    @cached_property
    def hits(self) -> int:
        """Required labels that an event matches."""
        return self._labels("hit")

    @cached_property
    def misses(self) -> int:
        """Required labels that no event matches, although their time was judged."""
        return self._labels("miss")

    @cached_property
    def false_alarms(self) -> int:
        """Events that match no label and are not in neutral time."""
        return sum(v == "false alarm" for v, _ in self.of_event.values())

    @cached_property
    def neutral_events(self) -> int:
        """Events on optional labels or in neutral time."""
        return sum(v == "neutral" for v, _ in self.of_event.values())

    @cached_property
    def not_judged(self) -> int:
        """Required labels in time that was not judged."""
        return self._labels("not judged")

    @cached_property
    def decoys(self) -> int:
        """Labels on which nothing may fire."""
        return sum(o.label.kind == "decoy" for o in self.outcomes)

    @cached_property
    def decoys_fired(self) -> int:
        """Decoys on which an event fired."""
        return self._labels("fired")

    @cached_property
    def by_shape(self) -> Mapping[str, Mapping[LabelVerdict, int]]:
        """How many labels of each shape have which verdict, in order of name; neutral ones are left out."""
        counted: dict[str, Counter[LabelVerdict]] = {}
        for outcome in self.outcomes:
            if outcome.verdict != "neutral":
                counted.setdefault(outcome.label.shape, Counter())[outcome.verdict] += 1
        return {shape: counted[shape] for shape in sorted(counted)}

    @cached_property
    def seen_below(self) -> int:
        """Misses that an event below the policy coincides with."""
        return sum(o.verdict == "miss" and bool(o.event_id) for o in self.outcomes)

    @property
    def precision(self) -> float | None:
        """Hits among hits and false alarms; None where there is neither."""
        found = self.hits + self.false_alarms
        return self.hits / found if found else None

    @property
    def recall(self) -> float | None:
        """Hits among hits and misses; None where there is neither."""
        wanted = self.hits + self.misses
        return self.hits / wanted if wanted else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall; None where there was nothing to find and nothing was found."""
        total = 2 * self.hits + self.misses + self.false_alarms
        return 2 * self.hits / total if total else None

    @cached_property
    def median_onset_delay(self) -> float | None:
        """Seconds from a label's start to its detection, the median over the hits."""
        delays = [o.onset_delay for o in self.outcomes if o.verdict == "hit" and o.onset_delay is not None]
        return float(median(delays)) if delays else None
