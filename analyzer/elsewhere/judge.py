"""A policy of another engine on the history, as its engine would judge it."""

from __future__ import annotations

from analyzer.elsewhere.levels import judge_levels
from analyzer.elsewhere.policy import Elsewhere, Thresholds
from analyzer.elsewhere.raised import Raised
from analyzer.elsewhere.windows import judge_windows
from analyzer.history import History


def judge(policy: Elsewhere, history: History) -> Raised:
    """What the policy raises.

    Raises:
        UsageFailure: it cannot be judged on buckets of this width.
    """
    if isinstance(policy, Thresholds):
        return judge_levels(policy, history)
    return judge_windows(policy, history)
