"""What a translated policy raises on a history, compared with what discover finds with the policy itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analyzer.kernels.match import overlaps
from analyzer.report.words import plural
from analyzer.tuning.score import Score
from analyzer.tuning.swept import Swept, SweptAlerts
from traffic.model import Ints, Window
from traffic.times import iso


@dataclass(frozen=True)
class Loss:
    """Both, counted on the same hours."""

    window: Window
    series: int
    ours: int
    """Alerts of discover."""
    theirs: int
    """Alerts of the translated policy."""
    both: int
    """Alerts of discover that overlap with one of the translated policy."""
    more: int
    """Alerts of the translated policy that overlap with none of discover."""
    incidents: int | None = None
    """Number of known incidents; None without a truth."""
    found: tuple[int, int] = (0, 0)
    """Incidents found by discover, and by the translated policy."""

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
    """Compare both.

    Args:
        scores: of both, if there is a truth.
    """
    one, other = ours.alerts(), theirs.alerts()
    pairs = list(_pairs(one, other))
    incidents = None
    if scores is not None:
        of = scores[0]
        incidents = sum(of.total(what) for what in (of.hits, of.misses, of.not_judged))
    return Loss(
        window=window,
        series=series,
        ours=len(one.key),
        theirs=len(other.key),
        both=sum(int((shared.any(axis=1)).sum()) for shared in pairs),
        more=len(other.key) - sum(int((shared.any(axis=0)).sum()) for shared in pairs),
        incidents=incidents,
        found=(0, 0) if scores is None else (scores[0].total(scores[0].hits), scores[1].total(scores[1].hits)),
    )


def _pairs(ours: SweptAlerts, theirs: SweptAlerts) -> Iterator[Ints]:
    """For each key with alerts of both: the seconds that these share, shape (ours, theirs)."""
    for key in np.intersect1d(ours.key, theirs.key).tolist():
        yield overlaps(*(np.stack((one.start, one.end), axis=1)[one.key == key] for one in (ours, theirs)))
