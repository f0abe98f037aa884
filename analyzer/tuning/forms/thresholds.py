"""All rules of a policy for Prometheus: its limits as series, in OpenMetrics, and an alert that looks them up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from analyzer.model import Policy
from analyzer.tuning.forms.measured import Loss
from analyzer.tuning.forms.prometheus import Gauge, alert, counted, open_range
from analyzer.tuning.forms.slots import Footing, SlotLimits, criteria
from traffic.model import Metric, Window
from traffic.times import iso

SERIES = "sl_threshold"
FRESH = "1h"
"""How old a sample of a threshold may be: as seldom may it be scraped."""


def open_metrics(limits: Sequence[SlotLimits], gauge: Gauge) -> str:
    """A gauge of each key, way and hour of the week, without times: to be scraped as it is."""
    lines = [f"# HELP {SERIES} Threshold by hour of the week (0 = Sunday 00:00 UTC) and way."]
    lines.append(f"# TYPE {SERIES} gauge")
    for one in limits:
        for way, of_way in enumerate(one.limits):
            for key, row in zip(one.keys, of_way, strict=True):
                name = f'{gauge.label}="{_escaped(key)}",sl_way="{way}"'
                there = np.flatnonzero(~np.isnan(row)).tolist()
                lines += [f'{SERIES}{{{name},sl_slot="{slot}"}} {float(row[slot])!r}' for slot in there]
    return "\n".join([*lines, "# EOF"]) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def threshold_rules(
    policy: Policy,
    metric: Metric,
    resolution: int,
    gauge: Gauge,
    window: Window,
    limits: Sequence[SlotLimits],
    loss: Loss | None = None,
) -> str:
    """Rules that look up the threshold of the hour in which they are evaluated.

    The hour of the week becomes a label by `count_values`, so that it can be matched with that of a threshold.

    Args:
        window: what the thresholds were learned up to the end of.
        limits: what was learned, of all keys.
    """
    ways = len(limits[0].limits)
    head = _head(policy, metric, resolution, gauge, window, Footing.of(limits), loss)
    lines = [*head, *_groups(policy, resolution, gauge, ways)]
    return "\n".join(lines) + "\n"


def _groups(policy: Policy, resolution: int, gauge: Gauge, ways: int) -> Iterator[str]:
    told = list(enumerate(criteria(policy, resolution, ways)))
    yield "groups:"
    yield f"- name: sl-{gauge.series.replace(':', '-')}-thresholds"
    yield f"  interval: {resolution}s"
    yield "  rules:"
    yield f"  - record: {gauge.prefix}:slot"
    yield '    expr: count_values("sl_slot", hour() + 24 * day_of_week())'
    for way, _ in told:
        limit = f'last_over_time({SERIES}{{sl_way="{way}"}}[{FRESH}])'
        yield f"  - record: {gauge.prefix}:threshold{way}"
        yield f"    expr: max by ({gauge.label}) ({limit} * on(sl_slot) group_left() {gauge.prefix}:slot)"
        yield f"  - record: {gauge.prefix}:over{way}"
        value = f"last_over_time({gauge.series}[{open_range(resolution)}]){gauge.times}"
        yield f"    expr: {value} > on({gauge.label}) group_left() {gauge.prefix}:threshold{way}"
    conditions = [
        f"count_over_time({gauge.prefix}:over{way}[{open_range(within)}]) >= {needed}" for way, (needed, within) in told
    ]
    yield from alert(" or ".join(conditions), gauge)


def _head(
    policy: Policy,
    metric: Metric,
    resolution: int,
    gauge: Gauge,
    window: Window,
    footing: Footing,
    loss: Loss | None,
) -> Iterator[str]:
    yield f"# {gauge.series} ({metric.name}) above what ./sl.py learned up to {iso(window.end)}, with"
    yield f"# these rules: {', '.join(policy.rules) or 'none'}."
    yield "# Checked by: promtool check rules FILE"
    yield f"# The thresholds are the series {SERIES} of FILE.prom, without times: let Prometheus scrape it"
    yield (
        f"# (textfile collector, a web server) at least once every {FRESH}. They are valid for a week: rewrite them "
        "then."
    )
    yield f"# It needs a sample of {gauge.series} every {resolution} s (of more, the last one counts)."
    yield from (f"# {line}" for line in footing.lines())
    yield "#"
    yield "# What is lost compared with ./sl.py discover and the same policy:"
    yield "# - Thresholds do not change with what happens after they were learned."
    yield "# - Hours are in UTC, of that one week; a calendar applies only to that week."
    yield "# - Small counts: no threshold is below what chance exceeds, given the usual values when it was learned."
    if policy.direction == "both":
        yield "# - Falls are left out."
    yield f"# - An hour is judged before it is known whether {100 * policy.min_share:g} % of its samples will arrive."
    yield "# - It fires as long as the condition holds; merging breaches into one event is Alertmanager's grouping."
    yield from counted(loss)
    if loss is not None:
        yield "# The thresholds were learned from these weeks too: expect slightly worse results in coming weeks."
