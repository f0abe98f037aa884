"""Answers of services that were saved as files, and hold their rows in a way of their own."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from traffic.disk import storage
from traffic.store.base import DamagedStore
from traffic.store.files.objects import Doubled, doubled_in, once

Row_ = dict[str, Any]
_MORE = ("NextToken", "nextToken", "nextPageToken", "nextLink", "@odata.nextLink")
"""What names the next page of an answer."""
_SHOWN = 80


def samples_of(series: Sequence[Mapping[str, Any]]) -> Iterator[Row_]:
    """What Prometheus answers, with its series called as it calls them."""
    for one in series:
        key = _called(one.get("metric") or {})
        for time, value in one.get("values") or ([one["value"]] if "value" in one else []):
            yield {"time": time, "series": key, "value": value}


def is_export(beginning: Mapping[str, Any]) -> bool:
    """Whether an object is a line of VictoriaMetrics' /api/v1/export: a series, with values beside their times."""
    metric, values, times = (beginning.get(name) for name in ("metric", "values", "timestamps"))
    return isinstance(metric, dict) and isinstance(values, list) and isinstance(times, list)


def export_of(path: str, name: str, packed: bool) -> Iterator[Row_]:
    """The rows of an export of VictoriaMetrics, line by line.

    Raises:
        UsageFailure: an object has two members of one name.
        DamagedStore: a line is none of an export.
    """
    with storage(name), (gzip.open if packed else open)(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            where = f"{name}, line {number}"
            try:
                one = json.loads(line, object_pairs_hook=once)
                series, pairs = _called(one["metric"]), zip(one["timestamps"], one["values"], strict=True)
                yield from ({"time": time, "series": series, "value": value} for time, value in pairs)
            except Doubled as error:
                raise doubled_in(where, error) from error
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise DamagedStore(f"{where}: not a line of an export of VictoriaMetrics: export it again") from error


def hits_of(document: Mapping[str, Any]) -> list[Row_] | None:
    """The documents of an answer of Elasticsearch or OpenSearch to a search; None if it is none, or has none."""
    hits = _hits(document)
    rows = [hit.get("_source") or _single(hit.get("fields")) for hit in hits if isinstance(hit, dict)]
    return [row for row in rows if isinstance(row, dict)] or None


def hits_missing(document: Mapping[str, Any]) -> str:
    """What is said of an answer that holds only some of the documents that were found; "": nothing."""
    hits, total = _hits(document), document["hits"].get("total") if isinstance(document.get("hits"), dict) else None
    found = total.get("value") if isinstance(total, dict) else total
    if not hits or not isinstance(found, int) or found <= len(hits):
        return ""
    more = " or more" if isinstance(total, dict) and total.get("relation") == "gte" else ""
    return f"holds {len(hits):,} of the {found:,}{more} documents that were found: the other pages are needed too"


def not_whole(document: Mapping[str, Any]) -> str:
    """What is said of an answer that does not hold everything, by its own account; "": nothing."""
    if more := next((name for name in _MORE if document.get(name)), None):
        return f"is one page of several ({more}): the others are needed too"
    shards, results = document.get("_shards"), document.get("MetricDataResults") or document.get("results")
    partly = (
        document.get("timed_out") is True
        or document.get("isPartial") is True
        or (isinstance(shards, dict) and bool(shards.get("failed")))
        or (isinstance(results, list) and any(_is_part(one) for one in results))
    )
    warnings = document.get("warnings")
    if partly or (isinstance(warnings, list) and warnings):
        said = f" ({str(warnings[0])[:_SHOWN]})" if warnings and not partly else ""
        return f"says that it is not complete{said}: ask again"
    return hits_missing(document)


def _is_part(result: Any) -> bool:
    # InfluxDB 1 stops at a number of rows that its administrator has set.
    return isinstance(result, dict) and (result.get("StatusCode") == "PartialData" or result.get("partial") is True)


def _hits(document: Mapping[str, Any]) -> list[Any]:
    outer = document.get("hits")
    inner = outer.get("hits") if isinstance(outer, dict) else None
    return inner if isinstance(inner, list) else []


def _single(fields: Any) -> Row_ | None:
    """Fields as rows have them: each is a list there."""
    if not isinstance(fields, dict):
        return None
    return {name: value[0] if isinstance(value, list) and len(value) == 1 else value for name, value in fields.items()}


def _called(metric: Mapping[str, str]) -> str:
    """The name of a series as Prometheus writes it."""
    labels = dict(metric)
    name = labels.pop("__name__", "")
    inner = ", ".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    return f"{name}{{{inner}}}" if inner else name or "value"
