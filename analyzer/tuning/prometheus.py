"""A policy as rules of Prometheus and VictoriaMetrics: what they can say of it, and in the head what they cannot."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.judging.judged import settings_of
from analyzer.model import Policy
from traffic.errors import UsageFailure
from traffic.model import WEEK, Metric

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_HALF_HOUR = 1800


def prometheus_rules(policy: Policy, metric: Metric, resolution: int, series: str, label: str) -> str:
    """Recording rules for the baseline and the threshold, and an alert.

    The baseline is that of a live alert: the percentile of the same time of the `lookback` weeks before, of what the
    hour round it reached. All ranges are open at their older end, so that versions 2 and 3 count the same samples.

    Args:
        resolution: seconds between two samples; the rules are evaluated as often.
        series: the name of the metric in Prometheus.
        label: which of its labels tells series apart.

    Raises:
        UsageFailure: it cannot be said in rules at all, or a name is not valid.
    """
    if policy.direction == "below":
        raise UsageFailure("rules: falls cannot be exported, only rises: set direction to above or both")
    if policy.slots != "week":
        raise UsageFailure(f"rules: slots: {policy.slots} cannot be exported, only the hour of the week")
    if not _NAME.fullmatch(series):
        raise UsageFailure(f"rules: {series!r} is no name of a metric in Prometheus: give one with --series")
    if not _LABEL.fullmatch(label):
        raise UsageFailure(f"rules: {label!r} is no name of a label in Prometheus: give one with --label")
    return "\n".join([*_head(policy, metric, resolution, series), *_groups(policy, resolution, series, label)]) + "\n"


def _groups(policy: Policy, resolution: int, series: str, label: str) -> Iterator[str]:
    settings = settings_of(policy, resolution)
    hour, fresh = f"{3600 - 1}s", f"{2 * resolution - 1}s"
    prefix = f"sl:{series}"
    weeks = [
        f'label_replace(last_over_time({prefix}:high_1h[{fresh}] offset {week * WEEK - _HALF_HOUR}s), "sl_week", '
        f'"{week}", "", "")'
        for week in range(1, policy.lookback + 1)
    ]
    union = "\n          or ".join(weeks)
    least = min(policy.min_weeks, policy.lookback)
    multiple, units = settings.multiple, settings.units
    over = f"{prefix}:baseline * {multiple:.10g}"
    if units:
        # The higher of the two, as both must be passed.
        over = f"(({over}) > ({prefix}:baseline + {units:.10g})) or ({prefix}:baseline + {units:.10g})"
    threshold = f"clamp_min({over}, {policy.floor:.10g})" if policy.floor else over
    needed, within = policy.needed(resolution), max(policy.within, resolution)
    yield "groups:"
    yield f"- name: sl-{series.replace(':', '-')}"
    yield f"  interval: {resolution}s"
    yield "  rules:"
    yield f"  - record: {prefix}:high_1h"
    yield f"    expr: quantile_over_time({settings.high / 100:.10g}, {series}[{hour}])"
    yield f"  - record: {prefix}:baseline"
    yield "    expr: |-"
    yield f"      quantile without (sl_week) ({settings.percentile / 100:.10g},"
    yield f"          {union})"
    yield f"      and on({label}) (count by ({label}) ("
    yield f"          {union}) >= {least})"
    yield f"  - record: {prefix}:threshold"
    yield f"    expr: {threshold}"
    yield "  - alert: SlTrafficOverBaseline"
    over_it = f"({series} > on({label}) {prefix}:threshold)[{within - 1}s:{resolution}s]"
    yield f"    expr: count_over_time({over_it}) >= {needed}"
    yield "    annotations:"
    yield f'      summary: "{{{{ $labels.{label} }}}} is over its usual for this hour"'


def _head(policy: Policy, metric: Metric, resolution: int, series: str) -> Iterator[str]:
    """What the file is, what it needs, and what it loses."""
    needed = policy.needed(resolution)
    yield f"# {series}: {needed} samples inside {policy.within} s above {policy.multiple:g} times the"
    yield f"# same time of the {policy.lookback} weeks before ({metric.name}, a sample every {resolution} s)."
    yield "# Written by ./sl.py rules. Checked by: promtool check rules FILE"
    yield f"# It needs {policy.lookback} weeks of sl:{series}:high_1h. To have them at once:"
    yield "#   promtool tsdb create-blocks-from rules --start ... --end ... --url http://... FILE"
    yield "#"
    yield "# What it loses against ./sl.py discover with the same policy; how many alerts that makes was not measured:"
    if policy.baseline != "trailing":
        yield f"# - The baseline is that of the weeks before, not `{policy.baseline}`; what that changes:"
        yield "#   ./sl.py tune --vary baseline=trailing"
    yield "# - Hours are those round each sample, not those of the clock."
    if policy.rules:
        yield f"# - These rules cannot be said here, and are left out: {', '.join(policy.rules)}."
    if policy.timezone != "UTC":
        yield f"# - Offsets are whole weeks of UTC: where clocks change in {policy.timezone}, an hour is off for weeks."
    if policy.calendar:
        yield f"# - The calendar ({len(policy.calendar)} rows) is left out: use time intervals of Alertmanager."
    if policy.of_keys:
        yield f"# - What differs for some keys is left out: {', '.join(glob for glob, _ in policy.of_keys)}."
    if policy.direction == "both":
        yield "# - Falls are left out."
    yield f"# - Fewer than {policy.min_share:.0%} of an hour's samples are no reason not to judge it."
    yield "# - It fires as long as the condition holds; merging breaches into one event is Alertmanager's grouping."
