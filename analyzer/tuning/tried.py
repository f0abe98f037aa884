"""Policies tried on a history: what each raises, and what that is worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from analyzer.model import Policy
from analyzer.pipeline import Surveyed
from analyzer.reading.cache import CachedSource
from analyzer.reading.scope import Progress
from analyzer.tuning.classed import ALERTS, Classes
from analyzer.tuning.forms.firing import fired
from analyzer.tuning.grid import Candidate
from analyzer.tuning.score import Score, score
from analyzer.tuning.sweep import Swept, sweep
from analyzer.tuning.truth import LabelArrays
from traffic.errors import UsageFailure
from traffic.model import Label

Raise = Callable[
    [CachedSource, Surveyed, int, Sequence[Policy], frozenset[str], Progress, Sequence[Classes]], list[Swept]
]


def _prometheus(
    source: CachedSource,
    surveyed: Surveyed,
    resolution: int,
    policies: Sequence[Policy],
    labelled: frozenset[str],
    progress: Progress,
    counted: Sequence[Classes],
) -> list[Swept]:
    if any(classes != ALERTS for classes in counted):
        raise UsageFailure("--vary classes: rules for Prometheus know no classes but policy; leave out --as prometheus")
    return fired(source, surveyed, resolution, policies, labelled, progress)


ENGINES: dict[str, Raise] = {"discover": sweep, "prometheus": _prometheus}
"""Who raises the alerts that are counted: this program, or the rules that `rules` writes."""


@dataclass(frozen=True, eq=False)
class Tried:
    """One policy."""

    candidate: Candidate
    raised: Swept
    score: Score


def tried(
    source: CachedSource,
    surveyed: Surveyed,
    resolution: int,
    policies: Sequence[Candidate],
    labels: Sequence[Label] | None,
    progress: Progress,
    engine: str = "discover",
) -> list[Tried]:
    """What each policy raises, in their order, compared with the labels of the keys that are looked at.

    Args:
        labels: the truth; None where there is none.
        engine: a name of `ENGINES`.
    """
    truth = LabelArrays(labels, surveyed, resolution)
    counted = [one.counted for one in policies]
    swept = ENGINES[engine](
        source, surveyed, resolution, [one.policy for one in policies], truth.keys, progress, counted
    )
    return [
        Tried(one, raised, score(one, raised, surveyed, truth, source.metric.name))
        for one, raised in zip(policies, swept, strict=True)
    ]
