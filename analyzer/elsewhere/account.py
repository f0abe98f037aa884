"""The policies of a Kentik account, and the alerts that fired in it, compared with what is raised here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from analyzer.elsewhere.kentik import kentik_policy
from analyzer.elsewhere.policy import OfBaseline, Percentage, Thresholds
from analyzer.elsewhere.raised import Raised
from analyzer.pipeline import Surveyed
from traffic.errors import UsageFailure
from traffic.model import HOUR, Metric, Window
from traffic.store.kentik.answers import asn_of
from traffic.text import visible
from traffic.times import instant

NEAR = 0.01
"""Baselines within this share of each other are the same: theirs come from flows, ours from answers to queries."""
_USED = ("ACTIVATION_STATUS_BASELINE_USED_FOUND", 4)


def account_policies(
    documents: Sequence[Mapping[str, Any]], where: str, metric: Metric, percentage: Percentage
) -> tuple[list[Thresholds], list[str]]:
    """The policies of an account that are enabled and can be judged, and a line for each of the others.

    Raises:
        UsageFailure: there is none.
    """
    found: list[Thresholds] = []
    lost: list[str] = []
    for document in documents:
        name = visible(str(document.get("name") or "unnamed"))
        if document.get("enabled") is False:
            lost.append(f"{where}: {name} is disabled and not judged")
            continue
        try:
            found.append(kentik_policy(document, f"{where} {name}", metric, percentage))
        except UsageFailure as error:
            lost.append(str(error).removeprefix("--policy-of "))
    if not found:
        why = f": {lost[0]}" if lost else ""
        raise UsageFailure(
            f"--policy-of {where}: none of the account's {len(documents)} policies can be evaluated{why}"
        )
    return found, lost


@dataclass(frozen=True)
class FiredThere:
    """An alert that fired, according to the account."""

    policy: str
    """Its id."""
    names: tuple[str, ...]
    """Names of its key."""
    window: Window
    activated: int
    baseline: float | None
    """None if none was used."""
    value: float | None
    """Value of the first metric when it was activated."""


def fired_of(documents: Sequence[Mapping[str, Any]]) -> tuple[list[FiredThere], int]:
    """Alerts as the account reports them, and how many are left out: those without a time or of another shape."""
    found = [one for document in documents if (one := _fired(document)) is not None]
    return found, len(documents) - len(found)


def _fired(said: Mapping[str, Any]) -> FiredThere | None:
    activated = _time(said, "startTimeAt", "start_time_at")
    flow, source = said.get("flow") or {}, said.get("source") or {}
    details = _get(flow, "alertKeyDetails", "alert_key_details") or {}
    values = _get(flow, "metricValues", "metric_values") or []
    if activated is None or not isinstance(source, dict) or not isinstance(flow, dict):
        return None
    if not isinstance(details, dict) or not isinstance(values, list):
        return None
    start = _time(said, "eventStartTimeAt", "event_start_time_at") or activated
    end = _time(said, "endTimeAt", "end_time_at") or activated
    names = [*details, *(str(_get(one, "extendedValue", "extended_value") or "") for one in details.values())]
    used = _get(flow, "activationStatus", "activation_status") in _USED
    return FiredThere(
        policy=str(source.get("id") or ""),
        names=tuple(name for name in names if name),
        window=Window(min(start, activated), max(end, activated)),
        activated=activated,
        baseline=_number(_get(flow, "baselineValue", "baseline_value")) if used else None,
        value=_number(_get(values[0], "value", "value")) if values else None,
    )


def _get(of: Any, camel: str, snake: str) -> Any:
    return of.get(camel, of.get(snake)) if isinstance(of, dict) else None


def _time(said: Mapping[str, Any], camel: str, snake: str) -> int | None:
    text = _get(said, camel, snake)
    try:
        return instant(text, 0) if isinstance(text, str) and text else None
    except UsageFailure:
        return None


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def against_fired(raised: Raised, fired: Sequence[FiredThere], surveyed: Surveyed) -> str:
    """One line on how well what is raised here agrees with what fired there; "" if nothing fired."""
    policy = raised.policy
    if not isinstance(policy, Thresholds):
        return ""
    keys = list(surveyed.spans)
    mine = [one for one in fired if one.policy == policy.id and one.window.overlap(surveyed.window)]
    placed = [(row, one) for one in mine for row in _rows(one, keys)]
    if not mine:
        return "none of its alerts fired in that time"
    alerts, step = raised.alerts, max(60, policy.frequency)
    met = sum(
        bool(
            (
                (alerts.key == row) & (alerts.start <= one.window.end + step) & (alerts.end >= one.window.start - step)
            ).any()
        )
        for row, one in placed
    )
    said = (
        f"{len(mine)} fired there, {len(placed)} of them on series of this run; {met} of these are raised here as well"
    )
    ratios = list(_ratios(raised, placed, surveyed))
    if ratios:
        near = sum(abs(ratio - 1) <= NEAR for ratio in ratios)
        said += (
            f"; our baseline is within {100 * NEAR:.0f} % of theirs for {near} of {len(ratios)}, "
            f"in the median {median(ratios):.4g} times it"
        )
    return said + _percentage(policy, placed)


def _rows(one: FiredThere, keys: Sequence[str]) -> list[int]:
    """The series of an alert, if it is in the survey: their indices."""
    numbers = {asn for name in one.names if (asn := asn_of(name) or _digits(name)) is not None}
    return [row for row, key in enumerate(keys) if key in one.names or asn_of(key) in numbers][:1]


def _digits(name: str) -> int | None:
    return int(name) if name.isdecimal() and len(name) <= 10 else None


def _ratios(raised: Raised, placed: Sequence[tuple[int, FiredThere]], surveyed: Surveyed) -> Iterator[float]:
    if raised.baseline is None:
        return
    for row, one in placed:
        # It is activated at the end of the evaluation that raised it.
        hour = (one.activated - 1 - surveyed.window.start) // HOUR
        if one.baseline and 0 <= hour < raised.baseline.shape[1] and not np.isnan(raised.baseline[row, hour]):
            yield float(raised.baseline[row, hour]) / one.baseline


def _percentage(policy: Thresholds, placed: Sequence[tuple[int, FiredThere]]) -> str:
    """A hint if the account's own figures contradict the assumed meaning of its percentages."""
    percents = [
        one.amount
        for level in policy.levels
        for one in level.conditions
        if isinstance(one, OfBaseline) and one.percent and one.above
    ]
    if policy.percentage != "over" or not percents:
        return ""
    least = 1 + min(percents) / 100
    known = [(one.value, one.baseline) for _, one in placed if one.value and one.baseline]
    below = sum(value <= least * base for value, base in known)
    if not below:
        return ""
    return f"; {below} of {len(known)} fired below what `over` asks for: try --kentik-percentage of"
