"""Events against labels, strictly and one to one; and what that comes to over many series.

A match may be at most three hours longer than the label, so that an alarm of a day "finds" no spike; a second piece on
the same label is a false alarm; a bucket of tolerance at the edges; nothing before `score_from` counts. Labels of the
kind `optional` are neutral, and so is `ignore`, with a quarter of an hour after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analyzer.kernels.match import one_to_one
from bench.suites import LabelledSeries, Suite
from traffic.model import HOUR, WEEK

LONGEST_EXTRA = 3 * HOUR
AFTER = 900


@dataclass(frozen=True)
class Alarm:
    """What a detector says: from when to when, and how bad."""

    start: int
    end: int
    severity: float


@dataclass(frozen=True)
class Counts:
    """What became of the labels and alarms of a series, or of many."""

    hits: int
    misses: int
    false_alarms: int
    neutral: int
    weeks: float
    ranked: tuple[tuple[float, bool], ...]
    """Severity of each alarm that is no neutral one, and whether it is a hit."""

    @property
    def required(self) -> int:
        """Labels that have to be found."""
        return self.hits + self.misses

    @property
    def f1(self) -> float:
        """NaN where there was nothing to find and nothing found."""
        total = 2 * self.hits + self.misses + self.false_alarms
        return 2 * self.hits / total if total else float("nan")

    @property
    def per_week(self) -> float:
        """False alarms a series and week."""
        return self.false_alarms / self.weeks

    @property
    def load(self) -> float:
        """Alarms a series and week that are on no label."""
        return (self.false_alarms + self.neutral) / self.weeks

    @property
    def average_precision(self) -> float:
        """Of the alarms by severity, the worst first."""
        good = np.array([hit for _, hit in sorted(self.ranked, key=lambda one: -one[0])], dtype=bool)
        if not self.required or not len(good):
            return float("nan")
        return float((np.cumsum(good) / np.arange(1, len(good) + 1))[good].sum() / self.required)

    def __str__(self) -> str:
        return f"{self.f1:.3f} / {self.per_week:.2f} / {self.average_precision:.2f}".replace("nan", "-")


def score(series: LabelledSeries, suite: Suite, alarms: Iterable[Alarm]) -> Counts:
    """One series."""
    since, end = series.score_from, series.start + len(series.values) * series.step
    found = sorted(
        (max(one.start, since), max(one.end, one.start + series.step), one.severity)
        for one in alarms
        if one.end > since
    )
    labels = [label for label in suite.labels[series.name] if label.start >= since or label.kind == "ignore"]
    wanted = [label for kind in ("required", "optional") for label in labels if label.kind == kind]
    required = sum(label.kind == "required" for label in wanted)
    pairs = one_to_one(
        np.array([one[:2] for one in found], dtype=np.int64).reshape(-1, 2),
        np.array([(label.start, label.end) for label in wanted], dtype=np.int64).reshape(-1, 2),
        series.step,
        LONGEST_EXTRA,
    )
    met = dict(pairs)
    neutral = [(label.start, label.end + AFTER) for label in labels if label.kind == "ignore"]
    ranked, quiet = [], 0
    for number, (start, stop, severity) in enumerate(found):
        if number in met:
            if met[number] < required:
                ranked.append((severity, True))
        elif sum(max(0, min(stop, b) - max(start, a)) for a, b in neutral) >= 0.5 * (stop - start):
            quiet += 1
        else:
            ranked.append((severity, False))
    hits = sum(hit for _, hit in ranked)
    return Counts(hits, required - hits, len(ranked) - hits, quiet, (end - since) / WEEK, tuple(ranked))


def total(counts: Sequence[Counts]) -> Counts:
    """Several together."""
    return Counts(
        hits=sum(one.hits for one in counts),
        misses=sum(one.misses for one in counts),
        false_alarms=sum(one.false_alarms for one in counts),
        neutral=sum(one.neutral for one in counts),
        weeks=sum(one.weeks for one in counts),
        ranked=tuple(pair for one in counts for pair in one.ranked),
    )


def scored(suite: Suite, alarms: Mapping[str, Sequence[Alarm]]) -> dict[str, Counts]:
    """Each series of a suite, by its name."""
    return {one.name: score(one, suite, alarms.get(one.name, ())) for one in suite.series}
