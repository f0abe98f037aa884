"""A policy for who alerts on Elasticsearch: rules of ElastAlert 2, and a rule of Kibana with its lookup index."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import numpy as np

from analyzer.model import Policy
from analyzer.tuning.forms.measured import Loss
from analyzer.tuning.forms.slots import SLOTS, Footing, SlotLimits
from traffic.errors import UsageFailure
from traffic.model import Metric
from traffic.times import iso

LOOKUP = "sl-thresholds"
_ELASTALERT = {"sum": "sum", "avg": "avg", "max": "max", "count": "value_count"}


@dataclass(frozen=True)
class IndexFields:
    """What is judged, as it is called in the index."""

    index: str
    time: str
    key: str
    metric: Metric

    @property
    def aggregation(self) -> str:
        """The statistic of a bucket.

        Raises:
            UsageFailure: these engines have none such.
        """
        if self.metric.statistic not in _ELASTALERT:
            raise UsageFailure(
                f"rules: --statistic {self.metric.statistic} cannot be exported, only {', '.join(_ELASTALERT)}"
            )
        return self.metric.statistic


def flat(limits: SlotLimits) -> SlotLimits:
    """One limit a key: the highest of its week, and so none too low at any hour."""
    first = limits.limits[:1]
    with np.errstate(invalid="ignore"):
        highest = np.fmax.reduce(first, axis=2, keepdims=True)
    return replace(limits, limits=np.repeat(highest, SLOTS, axis=2))


def first_way(limits: SlotLimits) -> SlotLimits:
    """The limits of what the policy states alone."""
    return replace(limits, limits=limits.limits[:1])


def elastalert_rules(
    policy: Policy, resolution: int, fields: IndexFields, limits: Sequence[SlotLimits], loss: Loss | None
) -> dict[str, str]:
    """A rule of type `metric_aggregation` a key, by the name of its file.

    ElastAlert 2 knows one threshold a rule, whatever the hour, so that each key has the highest of its week.
    """
    aggregation = _ELASTALERT[fields.aggregation]
    head = [
        "# Written by ./sl.py rules for ElastAlert 2: one rule per series, because a rule has a single threshold.",
        "# What is lost compared with ./sl.py discover and the same policy:",
        "# - One threshold for all hours, the highest of the week: nights are judged like days.",
        f"# - A single bucket of {resolution} s raises it, not {policy.needed(resolution)} inside {policy.within} s.",
        "# - Long-lasting events above a lower limit (rule `held`) and falls are left out.",
        "# - Small counts: the threshold is not below what a single bucket passes by chance; how the usual changes",
        "#   after the rules were written changes nothing of that.",
        *(f"# {line}" for line in Footing.of(limits).lines()),
        *(
            ["#", *(f"# {line}" for line in loss.lines())]
            if loss
            else ["# The resulting number of alerts was not measured."]
        ),
    ]
    files = {}
    for one in limits:
        for key, row in zip(one.keys, flat(one).limits[0, :, 0].tolist(), strict=True):
            if np.isnan(row):
                continue
            rule: dict[str, Any] = {
                "name": f"sl {key}",
                "type": "metric_aggregation",
                "index": fields.index,
                "timestamp_field": fields.time,
                "filter": [{"term": {fields.key: {"value": key}}}],
                "metric_agg_key": fields.metric.field if fields.metric.statistic != "count" else fields.key,
                "metric_agg_type": aggregation,
                "max_threshold": row / fields.metric.factor(resolution),
                "buffer_time": {"seconds": resolution},
                "bucket_interval": {"seconds": resolution},
                "sync_bucket_interval": True,
                "realert": {"seconds": max(policy.merge, policy.within)},
                "alert": ["debug"],
            }
            name = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
            # JSON is YAML, and quotes what a key may hold.
            files[f"sl-{name}.yaml"] = "\n".join(head) + "\n" + json.dumps(rule, indent=1) + "\n"
    return files


def esql(policy: Policy, resolution: int, fields: IndexFields) -> str:
    """What Kibana asks each time: the buckets of the last `within` seconds above the threshold of their hour."""
    value = f"`{fields.metric.field}`"
    made = "COUNT(*)" if fields.aggregation == "count" else f"{fields.aggregation.upper()}({value})"
    by = f"BY key = `{fields.key}`, bucket = DATE_TRUNC({resolution} seconds, `{fields.time}`)"
    return "\n".join(
        [
            f"FROM {fields.index}",
            f"| STATS value = {made} * {fields.metric.factor(resolution)!r} {by}",
            '| EVAL slot = DATE_EXTRACT("day_of_week", bucket) % 7 * 24 + DATE_EXTRACT("hour_of_day", bucket)',
            '| EVAL key_slot = CONCAT(key, "|", TO_STRING(slot))',
            f"| LOOKUP JOIN {LOOKUP} ON key_slot",
            "| WHERE value > threshold",
            "| STATS buckets = COUNT(*), peak = MAX(value) BY key",
            f"| WHERE buckets >= {policy.needed(resolution)}",
        ]
    )


def kibana_rule(
    policy: Policy,
    resolution: int,
    fields: IndexFields,
    learned_to: int,
    limits: Sequence[SlotLimits],
    loss: Loss | None,
) -> dict[str, Any]:
    """The body of POST /api/alerting/rule. What it loses stands in its tags, as JSON has no comments.

    Args:
        learned_to: the time up to which the thresholds were learned.
        limits: these thresholds.
    """
    within = max(policy.within, resolution)
    return {
        "name": f"sl: {fields.metric.name} over its usual for the hour",
        "rule_type_id": ".es-query",
        "consumer": "stackAlerts",
        "enabled": True,
        "tags": ["sl", *_kibana_head(learned_to, Footing.of(limits), loss)],
        "schedule": {"interval": f"{max(60, resolution)}s"},
        "params": {
            "searchType": "esqlQuery",
            "esqlQuery": {"esql": esql(policy, resolution, fields)},
            "timeField": fields.time,
            "timeWindowSize": within,
            "timeWindowUnit": "s",
            "threshold": [0],
            "thresholdComparator": ">",
            "size": 100,
            "groupBy": "row",
            "excludeHitsFromPreviousRun": False,
        },
        "actions": [],
    }


def _kibana_head(learned_to: int, footing: Footing, loss: Loss | None) -> Iterator[str]:
    yield "written by ./sl.py rules; not tested on a server: ES|QL needs x-pack, which has no public package"
    yield f"thresholds in the index {LOOKUP}, learned up to {iso(learned_to)}: reload them each week"
    yield "lost: long-lasting events above a lower limit (rule `held`), falls, a calendar beyond that week"
    yield "lost: a bucket is judged while it is still filling"
    yield "small counts: no threshold is below what chance exceeds, given the usual values when it was learned"
    yield from footing.lines()
    yield from loss.lines() if loss else ["the resulting number of alerts was not measured"]


def lookup_index(limits: Sequence[SlotLimits]) -> str:
    """The thresholds for `POST _bulk`, a document a key and hour of the week (0 = Sunday 00:00 UTC).

    The index has to be made first, with `index.mode: lookup`, key_slot as keyword and threshold as double.
    """
    lines = []
    for one in limits:
        for key, row in zip(one.keys, first_way(one).limits[0], strict=True):
            for slot in np.flatnonzero(~np.isnan(row)).tolist():
                name = f"{key}|{slot}"
                lines.append(json.dumps({"index": {"_index": LOOKUP, "_id": name}}))
                lines.append(json.dumps({"key_slot": name, "threshold": float(row[slot])}))
    return "\n".join(lines) + "\n"
