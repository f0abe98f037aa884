"""Policies of other engines and those that a sweep found, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.elsewhere.judge import judge
from analyzer.elsewhere.policy import Elsewhere
from analyzer.elsewhere.worth import OWN, other_policy, worth
from analyzer.model import OtherPolicy, Policy
from analyzer.pipeline import Surveyed
from analyzer.reading.cache import CachedSource
from analyzer.reading.scope import Progress
from analyzer.tuning.table import Tuned
from traffic.model import Label


def theirs(
    policies: Sequence[Elsewhere],
    source: CachedSource,
    surveyed: Surveyed,
    resolution: int,
    labels: Sequence[Label] | None,
    present: Policy,
    progress: Progress,
) -> list[OtherPolicy]:
    """What each is worth on the same history.

    Args:
        labels: the truth; None where there is none.
        present: whose clock says what is night.

    Raises:
        UsageFailure: one cannot be judged on it.
    """
    raised = [judge(policy, source, surveyed, resolution, progress) for policy in policies]
    return [worth(one, surveyed, labels, source.metric, resolution, present)[0] for one in raised]


def with_ours(others: Sequence[OtherPolicy], found: Tuned, series: int) -> list[OtherPolicy]:
    """The same, and below them the present policy and the recommended one."""
    mine = {"this policy": found.present} | ({"the recommended one": found.chosen} if found.chosen else {})
    known = found.incidents is not None
    return [*others, *(other_policy(one, name, OWN, known, series) for name, one in mine.items())]
