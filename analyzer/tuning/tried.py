"""Policies tried on a history: what each raises, and its score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from analyzer.history import History
from analyzer.tuning.candidate import ALERTS, Candidate
from analyzer.tuning.forms.firing import fired
from analyzer.tuning.score import Score, score
from analyzer.tuning.sweep import sweep
from analyzer.tuning.swept import Swept
from analyzer.tuning.truth import LabelArrays
from traffic.errors import UsageFailure
from traffic.model import Label

Engine = Callable[[History, Sequence[Candidate], frozenset[str]], list[Swept]]


def _prometheus(history: History, tried: Sequence[Candidate], labelled: frozenset[str]) -> list[Swept]:
    if any(one.counted != ALERTS for one in tried):
        raise UsageFailure("--vary classes: rules for Prometheus know no classes but policy; leave out --as prometheus")
    return fired(history, [one.policy for one in tried], labelled)


ENGINES: dict[str, Engine] = {"discover": sweep, "prometheus": _prometheus}
"""What raises the alerts that are counted: this program, or the rules that `rules` writes."""


@dataclass(frozen=True, eq=False)
class Tried:
    """A policy, what it raised, and its score."""

    candidate: Candidate
    raised: Swept
    score: Score


def tried(
    history: History, policies: Sequence[Candidate], labels: Sequence[Label] | None, engine: str = "discover"
) -> list[Tried]:
    """What each policy raises, in the order of `policies`, compared with the labels of the keys in the survey.

    Args:
        labels: the truth; None if there is none.
        engine: a name of `ENGINES`.
    """
    surveyed = history.surveyed
    truth = LabelArrays(labels, surveyed, history.resolution)
    swept = ENGINES[engine](history, policies, truth.keys)
    return [
        Tried(one, raised, score(one, raised, surveyed, truth, history.source.metric.name))
        for one, raised in zip(policies, swept, strict=True)
    ]
