"""What a form of a policy raises over a history, against what discover finds with the policy itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analyzer.kernels.match import overlaps
from analyzer.report.words import plural
from analyzer.tuning.score import Score
from analyzer.tuning.swept import Swept
from traffic.model import Ints, Window
from traffic.times import iso


@dataclass(frozen=True)
class Loss:
    """The two, counted on the same hours."""

    window: Window
    series: int
    ours: int
    """Alerts of discover."""
    theirs: int
    """Alerts of the form."""
    both: int
    """Alerts of discover in which the form has one too."""
    more: int
    """Alerts of the form in which discover has none."""
    incidents: int | None = None
    """That are known; None without a truth."""
    found: tuple[int, int] = (0, 0)
    """Of them by discover, and by the form."""

    def lines(self) -> Iterator[str]:
        """For a person."""
        yield (f"Measured on {self.series:,} series, {iso(self.window.start)} to {iso(self.window.end)}:")
        yield (
            f"discover raises {plural(self.ours, 'alert')}, these rules {self.theirs}; {self.both} of the {self.ours} "
            "overlap with one of these rules,"
        )
        yield f"{self.more} of the {self.theirs} overlap with none of discover."
        if self.incidents:
            ours, theirs = self.found
            yield f"Of {plural(self.incidents, 'incident')} discover finds {ours}, these rules {theirs}."


def loss_of(ours: Swept, theirs: Swept, window: Window, series: int, scores: tuple[Score, Score] | None) -> Loss:
    """The two compared.

    Args:
        scores: of both, where there is a truth.
    """
    pairs = list(_pairs(ours, theirs))
    incidents = None
    if scores is not None:
        one = scores[0]
        incidents = sum(one.total(what) for what in (one.hits, one.misses, one.not_judged))
    return Loss(
        window=window,
        series=series,
        ours=sum(len(part) for part in ours.key),
        theirs=sum(len(part) for part in theirs.key),
        both=sum(int((shared.any(axis=1)).sum()) for shared in pairs),
        more=sum(len(part) for part in theirs.key) - sum(int((shared.any(axis=0)).sum()) for shared in pairs),
        incidents=incidents,
        found=(0, 0) if scores is None else (scores[0].total(scores[0].hits), scores[1].total(scores[1].hits)),
    )


def _pairs(ours: Swept, theirs: Swept) -> Iterator[Ints]:
    """Which of a key's alerts overlap, shape (ours, theirs) each."""
    one, other = (_columns(swept) for swept in (ours, theirs))
    for key in np.intersect1d(one[0], other[0]).tolist():
        yield overlaps(
            *(np.stack([start[place == key], end[place == key]], axis=1) for place, start, end in (one, other))
        )


def _columns(swept: Swept) -> tuple[Ints, Ints, Ints]:
    key, start, end = (
        np.concatenate(column) if column else np.zeros(0, dtype=np.int64)
        for column in (swept.key, swept.start, swept.end)
    )
    return key, start, end
