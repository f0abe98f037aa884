"""Rules of ElastAlert 2: `metric_aggregation`, `spike`, `spike_aggregation`.

Their behaviour is taken from `elastalert/ruletypes.py` and `docs/source/ruletypes.rst` (github.com/jertel/elastalert2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from analyzer.elsewhere.policy import Aggregated, Spike
from analyzer.kernels.spike import Turn, Window
from traffic.errors import UsageFailure
from traffic.model import Metric
from traffic.text import visible

_UNITS = {"weeks": 604800, "days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}
_HOW: dict[str, Window] = {"sum": "sum", "avg": "avg", "max": "max", "min": "min", "value_count": "sum"}
_NEEDS = {"sum": "sum", "avg": "avg", "max": "max", "value_count": "count"}
"""Type of an aggregation -> the statistic that the store must have, from which the windows can be computed."""
_TURNS: tuple[Turn, ...] = ("up", "down", "both")
BUFFER, RUN = 900, 60
"""`buffer_time` and `run_every` of ElastAlert's example configuration, used if a rule does not set them."""
_UNSEEN = (
    ("exponential_realert", "exponential_realert: only realert is applied"),
    ("aggregation", "aggregation: matches are counted, not messages"),
    ("limit_execution", "limit_execution: evaluated all day"),
    ("min_doc_count", "min_doc_count: the number of documents in a bucket is not known"),
    ("metric_agg_script", "metric_agg_script: only the field is evaluated"),
)


@dataclass(frozen=True)
class _Rule:
    said: Mapping[str, Any]
    where: str

    def fail(self, why: str) -> UsageFailure:
        return UsageFailure(visible(f"--policy-of {self.where}: {why}"))

    def seconds(self, name: str, default: int | None = None) -> int:
        found = self.said.get(name)
        if found is None and default is not None:
            return default
        if isinstance(found, dict) and found and set(found) <= set(_UNITS):
            parts = [(_UNITS[unit], count) for unit, count in found.items()]
            if all(isinstance(count, (int, float)) and not isinstance(count, bool) for _, count in parts):
                total = sum(unit * count for unit, count in parts)
                if total == int(total) and (total > 0 or name == "realert"):
                    return int(total)
        raise self.fail(f"{name} is " + ("missing" if found is None else "not a length of time such as minutes: 15"))

    def number(self, name: str) -> float | None:
        found = self.said.get(name)
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            raise self.fail(f"{name} is not a number")
        return float(found)

    def lost(self) -> Iterator[str]:
        """What is not emulated, for any type of rule."""
        if self.said.get("filter"):
            yield "its filter is not applied: all series of the run are evaluated"
        yield from (line for name, line in _UNSEEN if self.said.get(name))


def elastalert_rule(said: Mapping[str, Any], where: str, metric: Metric) -> Aggregated | Spike:
    """Read a rule.

    Args:
        said: the rule's YAML.
        where: the file, for messages.
        metric: what is looked at here.

    Raises:
        UsageFailure: it is not valid, of another type, or needs data that the history does not have.
    """
    rule = _Rule(said, where)
    kind = said.get("type")
    if kind not in ("metric_aggregation", "spike", "spike_aggregation"):
        raise rule.fail(
            f"rules of the type {kind!r:.40} are not judged; there are metric_aggregation, spike, spike_aggregation"
            if kind
            else "is not an ElastAlert rule (it has no `type`)"
        )
    name = str(said.get("name") or where)
    return _aggregated(rule, name, metric) if kind == "metric_aggregation" else _spike(rule, name, kind, metric)


def _field(rule: _Rule, metric: Metric) -> tuple[Window, str, list[str]]:
    """How a window is computed from the store's buckets, from which field, and remarks on that."""
    how, field = rule.said.get("metric_agg_type"), rule.said.get("metric_agg_key")
    if not how or not field:
        raise rule.fail("metric_agg_type and metric_agg_key are needed")
    if _NEEDS.get(how) != metric.statistic:
        raise rule.fail(
            f"it looks at {how} of {field}, which the {metric.statistic} of each bucket that was read does not tell: "
            + (f"read the store with --statistic {_NEEDS[how]}" if how in _NEEDS else "it cannot be evaluated here")
        )
    lost = []
    if field != metric.field and metric.field:
        lost.append(f"its field {field} is matched to {metric.field}")
    if how == "avg":
        lost.append("an average over several buckets is the mean of the buckets, not weighted by documents")
    return _HOW[how], str(field), lost


def _aggregated(rule: _Rule, name: str, metric: Metric) -> Aggregated:
    how, field, lost = _field(rule, metric)
    above, below = rule.number("max_threshold"), rule.number("min_threshold")
    if above is None and below is None:
        raise rule.fail("max_threshold or min_threshold is needed")
    lost += rule.lost()
    buffer = rule.seconds("buffer_time", BUFFER)
    run = rule.seconds("run_every", RUN)
    if rule.said.get("buffer_time") is None and not rule.said.get("bucket_interval"):
        lost.append("the rule does not set buffer_time; 15 minutes are assumed")
    if rule.said.get("use_run_every_query_size"):
        buffer = run
    window = rule.seconds("bucket_interval", buffer)
    if buffer % window:
        raise rule.fail("buffer_time must be a multiple of bucket_interval")
    slides = bool(rule.said.get("allow_buffer_time_overlap")) and not rule.said.get("bucket_interval") and buffer > run
    if not slides:
        lost.append("windows are assumed to start at multiples of their length since 1970")
    return Aggregated(
        name=visible(name),
        how=how,
        of=field,
        window=window,
        every=run if slides else window,
        above=above,
        below=below,
        realert=rule.seconds("realert", 60),
        by_key=bool(rule.said.get("query_key")),
        not_emulated=tuple(lost),
    )


def _spike(rule: _Rule, name: str, kind: str, metric: Metric) -> Spike:
    height, turn = rule.number("spike_height"), rule.said.get("spike_type")
    if height is None or height <= 0:
        raise rule.fail("spike_height must be a number above 0")
    if turn not in _TURNS:
        raise rule.fail(f"spike_type is {turn!r:.20}; there are {', '.join(_TURNS)}")
    field = rule.said.get("field_value")
    if kind == "spike_aggregation":
        how, of, lost = _field(rule, metric)
    elif field:
        raise rule.fail(
            f"it compares means of {field} over documents, which buckets do not contain: use spike_aggregation"
        )
    elif metric.statistic != "count":
        raise rule.fail(
            f"it counts documents, but the store was read with --statistic {metric.statistic}: use --statistic count"
        )
    else:
        how, of, lost = "sum", "", []
    lost += rule.lost()
    lost.append("windows move by whole buckets, not with each document")
    if rule.said.get("use_terms_query"):
        lost.append(f"terms_size ({rule.said.get('terms_size') or 50}): not applied, all series are evaluated")
    if rule.said.get("alert_on_new_data"):
        lost.append("alert_on_new_data: a series is evaluated from its third window on")
    return Spike(
        name=visible(name),
        how=how,
        of=of,
        window=rule.seconds("timeframe", None if kind == "spike" else rule.seconds("buffer_time", BUFFER)),
        height=height,
        turn=turn,
        least_before=rule.number("threshold_ref") or 0.0,
        least_now=rule.number("threshold_cur") or 0.0,
        realert=rule.seconds("realert", 60),
        by_key=bool(rule.said.get("query_key")),
        not_emulated=tuple(lost),
    )
