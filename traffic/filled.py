"""What a store of ours holds: whole numbers, of bits a second bytes, of anything else millionths."""

from __future__ import annotations

import re

from traffic.model import BITS, Metric, Statistic

_HELD = re.compile(r"(.+)_(sum|avg|max)_millionths")
_STATISTICS: dict[str, Statistic] = {"sum": "sum", "avg": "avg", "max": "max"}
MILLIONTH = 1e-6


def field_of(metric: Metric) -> str:
    """How the values of a metric are called in a store of ours; with it how several steps make a bucket."""
    if metric.unit == BITS.unit:
        return BITS.field
    together = metric.statistic if metric.statistic == "max" else "sum" if _amounts(metric) else "avg"
    return f"{metric.name}_{together}_millionths"


def _amounts(metric: Metric) -> bool:
    return metric.adds_up and not metric.rate


def metric_of(field: str) -> Metric:
    """What a field of a store of ours measures."""
    if field == BITS.field:
        return BITS
    held = _HELD.fullmatch(field)
    if held is None:
        return Metric(field, field, "sum")
    return Metric(held[1], field, _STATISTICS[held[2]], scale=MILLIONTH)
