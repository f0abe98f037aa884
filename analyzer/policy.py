"""input/policy.yaml: the policy as a person edits it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from analyzer.model import Policy
from traffic.config import load
from traffic.errors import UsageFailure
from traffic.model import Metric
from traffic.times import duration

FLOORS = {"bits": 1_000_000.0}
"""Thresholds never lie below these, by the name of the metric; 0 for any other."""


@dataclass(frozen=True)
class PolicyFile:
    """The settings of policy.yaml; each may be left out."""

    percentile: float = 95.0
    over_percent: float = 200.0
    matches: int = 2
    within: str = "10m"
    floor: Mapping[str, float] = field(default_factory=lambda: dict(FLOORS))
    min_weeks: int = 2
    min_share: float = 0.5


def read_policy(path: Path | None, metric: Metric, overrides: Mapping[str, Any]) -> Policy:
    """The policy of a file (the built-in one where there is none), with what the options say on top of it.

    Args:
        metric: decides which floor applies.
        overrides: settings of `Policy` by name; None means not said.

    Raises:
        UsageFailure: the file or a value cannot be meant.
    """
    settings = PolicyFile() if path is None else load(path, PolicyFile)
    policy = Policy(
        percentile=settings.percentile,
        over_percent=settings.over_percent,
        matches=settings.matches,
        within=duration(settings.within),
        floor=settings.floor.get(metric.name, 0.0),
        min_weeks=settings.min_weeks,
        min_share=settings.min_share,
    )
    policy = replace(policy, **{name: value for name, value in overrides.items() if value is not None})
    _check(policy)
    return policy


def _check(policy: Policy) -> None:
    rules = (
        (0 <= policy.percentile <= 100, "percentile", "0 to 100"),
        (0 <= policy.over_percent < float("inf"), "over_percent", "0 or more"),
        (policy.matches >= 1, "matches", "1 or more"),
        (policy.within >= 1, "within", "a length of time such as 10m"),
        (0 <= policy.floor < float("inf"), "floor", "0 or more"),
        (policy.min_weeks >= 1, "min_weeks", "1 or more"),
        (0 < policy.min_share <= 1, "min_share", "above 0, at most 1"),
    )
    for right, name, range_ in rules:
        if not right:
            raise UsageFailure(f"policy: {name} is {getattr(policy, name)}, it must be {range_}")
