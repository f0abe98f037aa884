"""Alert policies of Kentik, as the v202505 API writes them.

The names are those of `kentik/alerting/public/v202505/policy_flow.proto` (github.com/kentik/api-schema-public), in JSON
as its gateway writes it: `windowLength`, 64-bit numbers as strings, durations as `3600s`. The names of the schema
itself (`window_length`) and numbers of enumerations are accepted too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from analyzer.elsewhere.policy import (
    Activation,
    Condition,
    Fallback,
    KeptBaseline,
    Level,
    OfBaseline,
    Operator,
    Percentage,
    Static,
    Thresholds,
)
from analyzer.kernels.stored import Compared
from traffic.errors import UsageFailure
from traffic.model import DAY, HOUR, Metric
from traffic.text import visible

_PERCENTS = dict(
    zip(
        ("P05", "P10", "P25", "P50", "P75", "P80", "P90", "P95", "P98", "P99", "MAX", "MIN"),
        (5.0, 10.0, 25.0, 50.0, 75.0, 80.0, 90.0, 95.0, 98.0, 99.0, 100.0, 0.0),
        strict=True,
    )
)
_COMPARED: dict[str, Compared] = {
    "PREVIOUS_HOURS": "hours",
    "PREVIOUS_DAYS": "days",
    "PREVIOUS_DAYS_DISTINGUISH_WEEKENDS": "days apart",
    "PREVIOUS_WEEKS": "weeks",
}
_OPERATORS: dict[str, Operator | None] = {
    "GREATER_THAN_OR_EQUALS": ">=",
    "GREATER_THAN": ">",
    "EQUALS": None,
    "NOT_EQUALS": None,
    "LESS_THAN": "<",
    "LESS_THAN_OR_EQUALS": "<=",
}
_SEVERITIES = {10: "MINOR", 20: "WARNING", 40: "MAJOR", 70: "SEVERE", 90: "CRITICAL"}
LOUDNESS = tuple(name.lower() for name in _SEVERITIES.values())
"""Severities, the lowest first."""
_FALLBACKS: dict[str, Fallback] = {
    "useLowest": "lowest",
    "useHighest": "highest",
    "useTrigger": "trigger",
    "skip": "skip",
    "useValue": "value",
}
_CONDITIONS = ("static", "baseline", "topKeys", "interfaceCapacity", "ratio", "forecast")
_LENGTH = re.compile(r"(\d+)(?:\.0+)?s")


@dataclass(frozen=True)
class _Section:
    """A part of a document, and where it is."""

    value: Mapping[str, Any]
    where: str

    def fail(self, name: str, why: str) -> UsageFailure:
        """One line."""
        place = ".".join(part for part in (self.where, name) if part)
        return UsageFailure(visible(f"--policy-of {place}: {why}"))

    def get(self, name: str) -> Any:
        """A field, by its name in JSON or in the schema; None if it is missing."""
        snake = re.sub(r"[A-Z]", lambda letter: "_" + letter[0].lower(), name)
        return self.value.get(name, self.value.get(snake))

    def part(self, name: str) -> _Section:
        """A nested object; empty if it is missing."""
        found = self.get(name)
        if found is not None and not isinstance(found, dict):
            raise self.fail(name, "is not a group of settings")
        return _Section(found or {}, f"{self.where}.{name}")

    def parts(self, name: str) -> list[_Section]:
        """A list of nested objects."""
        found = self.get(name) or []
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise self.fail(name, "is not a list of groups of settings")
        return [_Section(one, f"{self.where}.{name}[{place}]") for place, one in enumerate(found)]

    def number(self, name: str, default: float | None = None) -> float:
        """A number, which the gateway may have written as a string."""
        found = self.get(name)
        if found is None and default is not None:
            return default
        try:
            value = float(found) if isinstance(found, (int, float, str)) and not isinstance(found, bool) else None
        except ValueError:
            value = None
        if value is None or not isfinite(value):
            raise self.fail(name, f"is not a number: {found!r:.40}" if found is not None else "is missing")
        return value

    def count(self, name: str, default: int, least: int = 1) -> int:
        """A whole number; `default` if the gateway left it out because it is 0."""
        value = self.number(name, default)
        if value != int(value) or value < least:
            raise self.fail(name, f"is {value:g}, must be a whole number of at least {least}")
        return int(value)

    def seconds(self, name: str, default: int) -> int:
        """A duration such as `3600s`, in seconds."""
        found = self.get(name)
        if found is None:
            return default
        match = _LENGTH.fullmatch(found) if isinstance(found, str) else None
        if match is None:
            raise self.fail(name, f"is not a length of time such as 3600s: {found!r:.40}")
        return int(match[1])

    def word(self, name: str, prefix: str, words: Sequence[str], default: str = "") -> str:
        """One of the words of an enumeration, by its name or its number, which counts from 1."""
        found = self.get(name)
        if isinstance(found, int) and not isinstance(found, bool) and 0 < found <= len(words):
            return words[found - 1]
        text = str(found or "UNSPECIFIED").removeprefix(prefix)
        if text in words:
            return text
        if found in (None, 0, f"{prefix}UNSPECIFIED") and default:
            return default
        raise self.fail(name, f"{found!r:.60} is unknown; there are {', '.join(words)}")


def kentik_policies(document: Any, where: str, metric: Metric, percentage: Percentage) -> list[Thresholds]:
    """The policies of a file: one, `{"policy": ...}`, or a list of them.

    Args:
        where: the file, for messages.
        metric: what is looked at here.
        percentage: what a percentage of a condition is of.

    Raises:
        UsageFailure: it is not such a policy, or nothing of it can be judged.
    """
    found = document.get("policies", document.get("policy", document)) if isinstance(document, dict) else document
    several = found if isinstance(found, list) else [found]
    if not several or not all(isinstance(one, dict) for one in several):
        raise UsageFailure(f"--policy-of {where}: contains no policy of Kentik's v202505 API")
    return [
        kentik_policy(one, where if len(several) == 1 else f"{where}[{place}]", metric, percentage)
        for place, one in enumerate(several)
    ]


def kentik_policy(document: Mapping[str, Any], where: str, metric: Metric, percentage: Percentage) -> Thresholds:
    """One policy. Raises like `kentik_policies`."""
    whole = _Section(document, where)
    for kind in ("nms", "event"):
        if whole.get(kind) is not None:
            raise UsageFailure(
                f"--policy-of {where}: is a policy for {kind.upper()}; only flow policies can be evaluated"
            )
    if whole.get("flow") is None:
        raise UsageFailure(f'--policy-of {where}: is not a flow policy of Kentik\'s v202505 API (it has no "flow")')
    name = str(whole.get("name") or whole.part("source").get("id") or "unnamed")
    flow = whole.part("flow")
    dataset, evaluation = flow.part("dataset"), flow.part("evaluation")
    lost = list(_of_dataset(dataset))
    levels, more = _levels(whole, _scales(dataset, metric))
    lost += more
    if not levels:
        raise UsageFailure(f"--policy-of {where}: no level of {name!r} can be evaluated: {'; '.join(lost)}")
    kept = _kept(flow.part("baseline"))
    policy = Thresholds(
        engine="kentik",
        name=visible(name),
        levels=tuple(levels),
        frequency=evaluation.seconds("frequency", 60),
        looks_at=evaluation.count("keyCount", 25),
        kept=kept,
        id=str(whole.part("source").get("id") or ""),
        percentage=percentage,
        not_emulated=tuple(lost),
    )
    if policy.needs_baseline and kept.compared == "days apart":
        lost.append("weekends are in UTC")
    return Thresholds(**{**vars(policy), "not_emulated": tuple(lost)})


def _of_dataset(dataset: _Section) -> Iterable[str]:
    """What a policy looks at that is not read here."""
    filters = dataset.part("filters")
    if any(filters.get(name) for name in ("filters", "groups", "saved")):
        yield "its filters are not applied: all series of the run are evaluated"
    sources = dataset.part("sources")
    if any(value for name, value in sources.value.items() if name not in ("allDevices", "all_devices")):
        yield "its device selection is not applied"
    dimensions = [str(one) for one in dataset.get("dimensions") or []]
    if len(dimensions) > 1:
        yield f"its keys are of {' and '.join(dimensions)}; the series of the run are used instead"


def _scales(dataset: _Section, metric: Metric) -> dict[str, float]:
    """Metric -> factor that converts its values to ours; without metrics that are not read here."""
    named = [str(one) for one in dataset.get("metrics") or []]
    return {name: scale for name in named if (scale := _scale(name, metric)) is not None}


def _scale(name: str, metric: Metric) -> float | None:
    if name == metric.name:
        return 1.0
    bits = metric.unit in ("bit/s", "bps", "b/s")
    for word, scale, meets in (("bits", 1.0, bits), ("bytes", 8.0, bits), ("packets", 1.0, "p" in metric.unit)):
        if re.search(rf"(^|_){word}(_|$)", name):
            return scale if meets and (word != "packets" or metric.unit in ("pps", "packet/s", "packets/s")) else None
    return None


def _levels(whole: _Section, scales: Mapping[str, float]) -> tuple[list[Level], list[str]]:
    """The levels that can be judged, and one line for each of the others."""
    found: list[Level] = []
    lost: list[str] = []
    metrics = [str(one) for one in whole.part("flow").part("dataset").get("metrics") or []]
    for part in whole.parts("levels"):
        number = part.get("severity")
        names = list(_SEVERITIES.values())
        said = _SEVERITIES.get(number, "") if isinstance(number, int) else str(number or "").removeprefix("SEVERITY_")
        if said not in names:
            raise part.fail("severity", f"{number!r:.40} is unknown; there are {', '.join(names)}")
        flow = part.part("flow")
        conditions, why = _conditions(flow.parts("conditions"), scales, metrics)
        if why:
            lost.append(f"level {said.lower()} is skipped: {why}")
            continue
        activation = flow.part("activation")
        found.append(
            Level(
                said.lower(),
                tuple(conditions),
                Activation(
                    activation.count("matchTimes", 1),
                    max(1, activation.seconds("matchWindow", 1)),
                    activation.seconds("resetCountWindow", 0),
                ),
            )
        )
    return found, lost


def _conditions(
    parts: Sequence[_Section], scales: Mapping[str, float], metrics: Sequence[str]
) -> tuple[list[Condition], str]:
    """Conditions, or why they cannot be judged."""
    found: list[Condition] = []
    for part in parts:
        kind = next((name for name in _CONDITIONS if part.get(name) is not None), None)
        if kind is None:
            raise part.fail("", f"is not one of the conditions {', '.join(_CONDITIONS)}")
        if kind not in ("static", "baseline"):
            return [], f"its condition {kind} cannot be evaluated from the history of one metric"
        inner = part.part(kind)
        metric = str(inner.get("metric") or "") if kind == "static" else (metrics[0] if metrics else "")
        if metric not in scales:
            return [], f"it compares {metric or 'an unnamed metric'}, which is not the metric of this run"
        condition = _static(inner, scales[metric]) if kind == "static" else _of_baseline(inner, scales[metric])
        if condition is None:
            return [], f"the operator {inner.get('operator')} of its condition is neither greater nor less"
        found.append(condition)
    return found, "" if found else "it has no conditions"


def _static(part: _Section, scale: float) -> Static | None:
    word = part.word("operator", "OPERATOR_", list(_OPERATORS))
    operator = _OPERATORS[word]
    return None if operator is None else Static(operator, scale * part.number("value", 0.0))


def _of_baseline(part: _Section, scale: float) -> OfBaseline:
    percent = part.get("percentage") is not None
    if not percent and part.get("absolute") is None:
        raise part.fail("", 'has neither "percentage" nor "absolute"')
    amount = part.number("percentage") if percent else scale * part.number("absolute")
    fallback = next((name for name in _FALLBACKS if part.get(name) not in (None, False)), "skip")
    return OfBaseline(
        above=part.word("delta", "DELTA_TYPE_", ("ABOVE", "BELOW")) == "ABOVE",
        amount=amount,
        percent=percent,
        fallback=_FALLBACKS[fallback],
        value=scale * part.number("useValue", 0.0) if fallback == "useValue" else 0.0,
    )


def _kept(part: _Section) -> KeptBaseline:
    def percent(name: str, default: str) -> float:
        words = [f"REL_{word}" for word in _PERCENTS]
        return _PERCENTS[part.word(name, "AGGREGATION_TYPE_", words, f"REL_{default}").removeprefix("REL_")]

    compared = part.word("compareMode", "COMPARE_MODE_", list(_COMPARED), "PREVIOUS_WEEKS")
    for name in ("windowLength", "windowStartOffset", "neighbourhoodRadius"):
        if part.seconds(name, 0) % HOUR:
            raise part.fail(name, "must be a whole number of hours")
    return KeptBaseline(
        keys=part.count("storedKeyCount", 25),
        length=part.seconds("windowLength", 28 * DAY),
        offset=part.seconds("windowStartOffset", DAY),
        rollup=percent("rollupAggregation", "P98"),
        compared=_COMPARED[compared],
        radius=part.seconds("neighbourhoodRadius", 0),
        near=percent("neighbourhoodAggregation", "P50"),
        final=percent("finalAggregation", "P95"),
    )
