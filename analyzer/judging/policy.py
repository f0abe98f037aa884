"""input/policy.yaml: the policy as a person edits it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from analyzer.judging.calendar import read_calendar
from analyzer.judging.holiday import is_region
from analyzer.model import CLASSES, RULES, Baseline, EventClass, Looking, Policy, Slots
from traffic.config import load
from traffic.errors import UsageFailure
from traffic.model import DAY, HOUR, Metric
from traffic.times import duration, zone

FLOORS = {"bits": 1_000_000.0}
"""Thresholds never lie below these, by the name of the metric; 0 for any other."""

ALL = "all"
"""In place of a rule's name: all of them."""

OF_KEYS: Mapping[str, Callable[[float], float]] = {
    "percentile": float,
    "over_percent": float,
    "over_units": float,
    "matches": int,
    "floor": float,
    "min_weeks": int,
    "min_share": float,
    "rare_weeks": float,
    "under_percent": float,
}
"""Settings that may differ by key, besides within, merge, rollup_width, slots, rules and timezone."""


AS_THEY_ARE = (
    *("rollup_percentile", "slots", "percentile", "over_percent", "over_units", "matches", "min_weeks", "min_share"),
    *("baseline", "lookback", "rare_weeks", "direction", "under_percent", "missing_is_fallen"),
)
"""Settings of policy.yaml that a `Policy` holds as they are written."""


@dataclass(frozen=True)
class PolicyFile:
    """The settings of policy.yaml; each may be left out."""

    rollup_percentile: float = 95.0
    rollup_width: str = "1h"
    slots: Slots = "week"
    percentile: float = 50.0
    over_percent: float = 200.0
    over_units: float = 0.0
    matches: int = 2
    within: str = "10m"
    merge: str = "30m"
    floor: Mapping[str, float] = field(default_factory=lambda: dict(FLOORS))
    min_weeks: int = 2
    min_share: float = 0.5
    baseline: Baseline = "retrospective"
    lookback: int = 4
    rare_weeks: float = 2.0
    rules: Mapping[str, bool] = field(default_factory=dict)
    direction: Looking = "above"
    under_percent: float = 70.0
    missing_is_fallen: bool = False
    timezone: str = "UTC"
    classes: tuple[str, ...] = CLASSES
    calendar: str | None = None
    keys: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_policy(
    path: Path | None,
    metric: Metric,
    overrides: Mapping[str, Any],
    without: Collection[str] = (),
    calendar: Path | None = None,
) -> Policy:
    """The policy of a file (the built-in one where there is none), with what the options say on top of it.

    Args:
        metric: decides which floor applies.
        overrides: settings of `Policy` by name; None means not said.
        without: rules to leave out; "all" leaves the plain policy.
        calendar: its file, instead of the one that the policy names (as seen from its own folder).

    Raises:
        UsageFailure: a file or a value is not valid.
        StorageFailure: a file is there but cannot be read.
    """
    settings = PolicyFile() if path is None else load(path, PolicyFile)
    plain = ALL in without
    _known([*settings.rules, *(name for name in without if name != ALL)])
    if calendar is None and path is not None and settings.calendar:
        calendar = Path(settings.calendar) if is_region(settings.calendar) else path.parent / settings.calendar
    policy = Policy(
        **{name: getattr(settings, name) for name in AS_THEY_ARE},
        rollup_width=duration(settings.rollup_width),
        timezone=settings.timezone,
        within=duration(settings.within),
        merge=duration(settings.merge),
        floor=settings.floor.get(metric.name, 0.0),
        rules=tuple(name for name in RULES if settings.rules.get(name, True) and name not in without and not plain),
        classes=("policy",) if plain else classes_of(settings.classes),
        calendar=() if calendar is None else read_calendar(calendar),
    )
    policy = replace(policy, **{name: value for name, value in overrides.items() if value is not None})
    if overrides.get("min_weeks") is not None:
        # Who says how many weeks are needed does not want days instead.
        policy = replace(policy, rules=tuple(name for name in policy.rules if name != "days"))
    policy = replace(policy, of_keys=tuple((glob, _of_keys(glob, said)) for glob, said in settings.keys.items()))
    check_policy(policy)
    for _, said in policy.of_keys:
        check_policy(replace(policy, **dict(said)))
    return policy


def _of_keys(glob: str, said: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """What policy.yaml says of some keys, as settings of `Policy`."""
    where = f"policy: keys: {glob}"
    if not isinstance(said, Mapping):
        raise UsageFailure(f"{where}: write settings below it, such as {{over_percent: 400}}")
    found: dict[str, Any] = {}
    for name, value in said.items():
        if name == "rules" and isinstance(value, Mapping):
            _known(value)
            found[name] = tuple(rule for rule in RULES if value.get(rule, True))
        elif name in ("within", "merge", "rollup_width"):
            found[name] = duration(str(value))
        elif name in ("timezone", "slots") and isinstance(value, str):
            found[name] = value
        elif name in OF_KEYS and isinstance(value, int | float) and not isinstance(value, bool):
            found[name] = OF_KEYS[name](value)
        else:
            settings = ", ".join([*OF_KEYS, "within", "merge", "rollup_width", "slots", "rules", "timezone"])
            raise UsageFailure(
                f"{where}: {name}: {value!r} is not valid; settings that may differ by series: {settings}"
            )
    return tuple(found.items())


def classes_of(names: Iterable[str]) -> tuple[EventClass, ...]:
    """Classes of events by their names, in the order of `CLASSES`.

    Raises:
        UsageFailure: there is no such class, or none is named.
    """
    wanted = [name.strip() for name in names]
    for name in wanted:
        if name not in CLASSES:
            raise UsageFailure(f"policy: unknown class {name!r}; use {', '.join(CLASSES)}")
    if not wanted:
        raise UsageFailure(f"policy: classes is empty; use {', '.join(CLASSES)}")
    return tuple(name for name in CLASSES if name in wanted)


def _known(rules: Iterable[str]) -> None:
    for name in rules:
        if name not in RULES:
            raise UsageFailure(f"policy: unknown rule {name!r}; use {', '.join(RULES)}")


def check_policy(policy: Policy) -> None:
    """Raises UsageFailure where a setting is not valid."""
    zone(policy.timezone)
    if policy.rollup_width < HOUR or DAY % policy.rollup_width or policy.rollup_width % HOUR:
        raise UsageFailure("policy: rollup_width must be 1h, 2h, 3h, 4h, 6h, 8h, 12h or 24h: whole hours of a day")
    rules = (
        (0 <= policy.rollup_percentile <= 100, "rollup_percentile", "0 to 100"),
        (policy.slots in get_args(Slots), "slots", " or ".join(get_args(Slots))),
        (0 <= policy.percentile <= 100, "percentile", "0 to 100"),
        (0 <= policy.over_percent < float("inf"), "over_percent", "0 or more"),
        (0 <= policy.over_units < float("inf"), "over_units", "0 or more"),
        (policy.matches >= 1, "matches", "1 or more"),
        (policy.within >= 1, "within", "a length of time such as 10m"),
        (policy.merge >= 1, "merge", "a length of time such as 30m"),
        (0 <= policy.floor < float("inf"), "floor", "0 or more"),
        (policy.min_weeks >= 1, "min_weeks", "1 or more"),
        (0 < policy.min_share <= 1, "min_share", "above 0, at most 1"),
        (policy.baseline in get_args(Baseline), "baseline", " or ".join(get_args(Baseline))),
        (policy.lookback >= 1, "lookback", "1 or more (weeks)"),
        (0 < policy.rare_weeks < float("inf"), "rare_weeks", "above 0"),
        (policy.direction in get_args(Looking), "direction", " or ".join(get_args(Looking))),
        (0 < policy.under_percent <= 100, "under_percent", "above 0, at most 100"),
    )
    for right, name, range_ in rules:
        if not right:
            raise UsageFailure(f"policy: {name} is {getattr(policy, name)}, it must be {range_}")
