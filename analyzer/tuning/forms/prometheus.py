"""A policy as rules of Prometheus and VictoriaMetrics; their head lists what rules cannot express."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from analyzer.judging.judged import settings_of
from analyzer.model import Policy
from analyzer.tuning.forms.firing import check_rises
from analyzer.tuning.forms.measured import Loss
from traffic.errors import UsageFailure
from traffic.model import HOUR, WEEK, Metric

ALERT = "SlTrafficOverBaseline"
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass(frozen=True)
class Gauge:
    """The name of the metric in Prometheus, and how its samples are read."""

    series: str
    """The name of the metric."""
    label: str
    """The label that identifies a series."""
    scale: float = 1.0
    """Factor that converts its samples to the unit of the policy."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.series):
            raise UsageFailure(
                f"rules: {self.series!r} is not a valid metric name in Prometheus: set one with --series"
            )
        if not _LABEL.fullmatch(self.label):
            raise UsageFailure(f"rules: {self.label!r} is not a valid label name in Prometheus: set one with --label")
        if not 0 < self.scale < math.inf:
            raise UsageFailure(f"rules: --scale is {self.scale:g}, it must be above 0")

    @property
    def prefix(self) -> str:
        """Prefix of the series that the rules record."""
        return f"sl:{self.series}"

    @property
    def times(self) -> str:
        """The scale, as the end of an expression."""
        return "" if self.scale == 1 else f" * {self.scale!r}"


def check_sayable(policy: Policy) -> None:
    """Raises UsageFailure if rules cannot express a policy at all."""
    check_rises(policy)
    if policy.slots != "week":
        raise UsageFailure(f"rules: slots: {policy.slots} cannot be exported, only the hour of the week")
    if policy.rollup_width != HOUR:
        raise UsageFailure(f"rules: rollup_width: {policy.rollup_width // HOUR}h cannot be exported, only 1h")


def prometheus_rules(policy: Policy, metric: Metric, resolution: int, named: Gauge, loss: Loss | None = None) -> str:
    """Recording rules for the baseline and the threshold, and an alert.

    The baseline is that of a live alert: a percentile over the same hour of the `lookback` weeks before. A subquery is
    evaluated at whole hours, whenever the rule is evaluated, so these are hours of the clock.

    All ranges exclude their older end, so that versions 2 and 3 count the same samples.

    Args:
        resolution: seconds between two samples; the rules are evaluated as often.
        loss: the alerts of these rules on a history, compared with those of discover; None: not measured.

    Raises:
        UsageFailure: rules cannot express it at all.
    """
    check_sayable(policy)
    return "\n".join([*_head(policy, metric, resolution, named, loss), *_groups(policy, resolution, named)]) + "\n"


def _groups(policy: Policy, resolution: int, named: Gauge) -> Iterator[str]:
    settings = settings_of(policy, resolution)
    prefix, series = named.prefix, named.series
    samples = max(1, math.ceil(policy.min_share * (HOUR // resolution)))
    # The samples of the hour that ends there; an hour that lacks too many is not learned from.
    hour = f"{series}[1h] offset 1ms"
    high = f"quantile_over_time({settings.high / 100:.10g}, {hour}) and (count_over_time({hour}) >= {samples})"
    weeks = [
        f'label_replace(last_over_time(({high})[{open_range(HOUR)}:1h] offset {week * WEEK - HOUR}s), "sl_week", '
        f'"{week}", "", "")'
        for week in range(1, policy.lookback + 1)
    ]
    least = min(policy.min_weeks, policy.lookback)
    baseline = (
        f"quantile without (sl_week) ({settings.percentile / 100:.10g}, {prefix}:high_1h) "
        f"and (count without (sl_week) ({prefix}:high_1h) >= {least})"
    )
    over = f"{prefix}:baseline * {settings.multiple:.10g}"
    if settings.units:
        # The higher of the two, since both must be exceeded.
        over = (
            f"(({over}) > ({prefix}:baseline + {settings.units:.10g})) or ({prefix}:baseline + {settings.units:.10g})"
        )
    threshold = f"clamp_min({over}, {policy.floor:.10g})" if policy.floor else over
    yield "groups:"
    yield f"- name: sl-{series.replace(':', '-')}"
    yield f"  interval: {resolution}s"
    yield "  rules:"
    yield f"  - record: {prefix}:high_1h"
    yield "    expr: |-"
    yield from (f"      {'or ' if place else ''}{week}" for place, week in enumerate(weeks))
    yield f"  - record: {prefix}:baseline"
    yield f"    expr: {f'({baseline})' if named.times else baseline}{named.times}"
    yield f"  - record: {prefix}:threshold"
    yield f"    expr: {threshold}"
    yield f"  - record: {prefix}:over"
    yield f"    expr: last_over_time({series}[{open_range(resolution)}]){named.times} > {prefix}:threshold"
    yield from alert(
        f"count_over_time({prefix}:over[{span(policy, resolution)}]) >= {policy.needed(resolution)}", named
    )


def alert(condition: str, named: Gauge) -> Iterator[str]:
    """The lines of the alert."""
    yield f"  - alert: {ALERT}"
    yield f"    expr: {condition}"
    yield "    annotations:"
    yield f'      summary: "{{{{ $labels.{named.label} }}}} is over its usual for this hour"'


def span(policy: Policy, resolution: int) -> str:
    """The range that must contain the required number of samples."""
    return open_range(max(policy.within, resolution))


def open_range(seconds: int) -> str:
    """A range that excludes its older end, in version 2 too, which includes both ends."""
    return f"{seconds - 1}s999ms"


def _head(policy: Policy, metric: Metric, resolution: int, named: Gauge, loss: Loss | None) -> Iterator[str]:
    """What the file is, what it needs, and what it loses."""
    yield f"# {named.series}: {policy.needed(resolution)} samples inside {policy.within} s above"
    yield f"# {policy.multiple:g} times the same hour of the {policy.lookback} weeks before ({metric.name})."
    yield "# Written by ./sl.py rules. Checked by: promtool check rules FILE"
    yield f"# It needs a sample of {named.series} every {resolution} s (of several, the last one counts),"
    yield f"# and {policy.lookback} weeks of them: --storage.tsdb.retention.time={policy.lookback * 7 + 1}d or more."
    if named.scale == 1:
        yield f"# They are in the unit of the policy ({metric.unit or metric.name}); otherwise use --scale."
    yield "#"
    yield from lost(policy)
    yield "# - It fires as long as the condition holds; merging breaches into one event is Alertmanager's grouping."
    yield from counted(loss)


def lost(policy: Policy) -> Iterator[str]:
    """What any form loses that learns from the weeks before, as lines of a comment."""
    yield "# What is lost compared with ./sl.py discover and the same policy:"
    if policy.baseline != "trailing":
        yield f"# - The baseline is that of the weeks before, not `{policy.baseline}`."
    if policy.rules:
        yield f"# - These rules cannot be expressed here and are left out: {', '.join(policy.rules)}."
        yield "#   --format prometheus-thresholds includes them, for one week at a time."
    if policy.timezone != "UTC":
        yield f"# - Weeks are in UTC: when clocks change in {policy.timezone}, hours are off by one for weeks."
    if policy.calendar:
        yield f"# - The calendar ({len(policy.calendar)} rows) is left out: use time intervals of Alertmanager."
    if policy.of_keys:
        yield f"# - Settings for individual series are left out: {', '.join(glob for glob, _ in policy.of_keys)}."
    if policy.direction == "both":
        yield "# - Falls are left out."
    yield f"# - An hour is judged before it is known whether {100 * policy.min_share:g} % of its samples will arrive."


def counted(loss: Loss | None) -> Iterator[str]:
    """How many alerts that makes, as lines of a comment."""
    if loss is None:
        yield "# The resulting number of alerts was not measured."
        return
    yield "#"
    yield from (f"# {line}" for line in loss.lines())


def prometheus_test(policy: Policy, resolution: int, named: Gauge, file: str) -> str:
    """A test of these rules for `promtool test rules`: what just passes fires, and what just does not, does not.

    Series of one level for as many weeks as a baseline needs, then as many samples as make an alert, and one less, a
    hundredth above the threshold, and as many a hundredth below it.

    Args:
        file: of the rules, as seen from the test.
    """
    settings, needed = settings_of(policy, resolution), policy.needed(resolution)
    level = 100.0 if not policy.floor else policy.floor
    threshold = max(level * settings.multiple, level + settings.units, policy.floor)
    weeks = min(policy.min_weeks, policy.lookback)
    before = weeks * WEEK // resolution
    at = weeks * WEEK + (needed - 1) * resolution

    def values(times: float, count: int) -> str:
        usual, high = (f"{value / named.scale:.12g}" for value in (level, threshold * times))
        return f"{usual}x{before - 1} " + (f"{high}x{count - 1} " if count else "") + f"{usual}x{needed + 5}"

    series = {"over": (1.01, needed), "once-too-few": (1.01, needed - 1), "under": (0.99, needed)}
    expected = {
        "exp_labels": {named.label: "over"},
        "exp_annotations": {"summary": "over is over its usual for this hour"},
    }
    document = {
        "rule_files": [file],
        "evaluation_interval": f"{resolution}s",
        "tests": [
            {
                "interval": f"{resolution}s",
                "input_series": [
                    {"series": f'{named.series}{{{named.label}="{name}"}}', "values": values(*said)}
                    for name, said in series.items()
                ],
                "alert_rule_test": [
                    {"eval_time": f"{at - resolution}s", "alertname": ALERT, "exp_alerts": []},
                    {"eval_time": f"{at}s", "alertname": ALERT, "exp_alerts": [expected]},
                ],
            }
        ],
    }
    return (
        f"# A test of {file}, written by ./sl.py rules. Run it by: promtool test rules THIS FILE\n"
        f"# {weeks} weeks at one level, then samples just above and just below the threshold.\n"
        + json.dumps(document, indent=1)
        + "\n"
    )
