"""Policies of other engines and those that a sweep found, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.elsewhere.judge import judge
from analyzer.elsewhere.policy import Elsewhere
from analyzer.elsewhere.worth import OWN, other_policy, worth
from analyzer.history import History
from analyzer.model import OtherPolicy, Policy
from analyzer.tuning.table import Tuned
from traffic.model import Label


def theirs(
    policies: Sequence[Elsewhere],
    history: History,
    labels: Sequence[Label] | None,
    present: Policy,
) -> list[OtherPolicy]:
    """The score of each policy on the same history.

    Args:
        labels: the truth; None if there is none.
        present: the run's policy, in whose time zone the share of alerts at night is counted.

    Raises:
        UsageFailure: one cannot be judged on it.
    """
    raised = [judge(policy, history) for policy in policies]
    return [worth(one, history, labels, present)[0] for one in raised]


def with_ours(others: Sequence[OtherPolicy], found: Tuned, series: int) -> list[OtherPolicy]:
    """The same rows, followed by the present policy and the recommended one."""
    mine = {"this policy": found.present} | ({"the recommended one": found.chosen} if found.chosen else {})
    known = found.incidents is not None
    return [*others, *(other_policy(one, name, OWN, known, series) for name, one in mine.items())]
