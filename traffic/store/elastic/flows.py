"""What traffic in an index is made of: sums by the fields of its documents, a search a question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from traffic.flows import FlowAnswer, FlowQuery
from traffic.store.base import StoreError
from traffic.store.elastic.bodies import Body, Fields

MOST = 10_000
"""Values of a field that an answer lists; what the others come to is one more."""
OTHERS = f"(beyond the first {MOST:,})"
WANTED = "aggregations.windows"


def flow_body(fields: Fields, query: FlowQuery, names: Mapping[str, str]) -> Body:
    """The search for a query: of each window what all documents come to, those of each value, and those without one.

    Args:
        fields: of the index.
        query: of one dimension, or of several with the values that are looked at.
        names: dimension -> the field that can be grouped by in its place.
    """
    measure = _measure(fields)
    if query.only is None:
        (dimension,) = query.by
        field = names[dimension]
        inner: Body = {
            "values": {"terms": {"field": field, "size": MOST}, **_with(measure)},
            "none": {"missing": {"field": field}, **_with(measure)},
        }
    else:
        pairs = [(names[name], value) for name, value in zip(query.by, query.only, strict=True)]
        there = [{"term": {field: value}} for field, value in pairs if value]
        gone = [{"exists": {"field": field}} for field, value in pairs if not value]
        inner = {"only": {"filter": {"bool": {"filter": there, "must_not": gone}}, **_with(measure)}}
    whole = fields.query([query.key])
    whole["bool"]["filter"].append(
        {"bool": {"should": [fields.within(window) for window in query.windows], "minimum_should_match": 1}}
    )
    windows = {str(place): fields.within(window) for place, window in enumerate(query.windows)}
    return {
        "size": 0,
        "track_total_hits": True,
        "query": whole,
        "aggs": {"windows": {"filters": {"filters": windows}, "aggs": {**measure, **inner}}},
    }


def flow_answer(fields: Fields, query: FlowQuery, answer: Mapping[str, Any], scale: float, name: str) -> FlowAnswer:
    """What an answer to `flow_body` says.

    Raises:
        StoreError: it is none.
    """
    sums: dict[tuple[str, ...], list[float]] = {}
    count = len(query.windows)
    totals, there = np.zeros(count), np.zeros(count, dtype=np.bool_)
    try:
        buckets = answer["aggregations"]["windows"]["buckets"]
        for place in range(count):
            bucket = buckets[str(place)]
            totals[place], there[place] = _amount(fields, bucket), bucket["doc_count"] > 0
            if query.only is not None:
                found = {query.only: _amount(fields, bucket["only"])}
            else:
                found = {(_text(one),): _amount(fields, one) for one in bucket["values"]["buckets"]}
                if bucket["none"]["doc_count"]:
                    found["",] = _amount(fields, bucket["none"])
                if bucket["values"]["sum_other_doc_count"]:
                    found[OTHERS,] = float(totals[place]) - sum(found.values())
            for value, amount in found.items():
                sums.setdefault(value, [0.0] * count)[place] = amount
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{name}: the answer of what traffic is made of makes no sense ({error!r})") from error
    amounts = np.array(list(sums.values())).reshape(len(sums), count)
    return FlowAnswer(tuple(sums), amounts * scale, totals * scale, there)


def _measure(fields: Fields) -> Body:
    if fields.errors is not None:
        return {"value": {"filter": fields.errors}}
    return {} if fields.statistic == "count" else {"value": {"sum": {"field": fields.value}}}


def _with(measure: Body) -> Body:
    return {"aggs": measure} if measure else {}


def _amount(fields: Fields, bucket: Mapping[str, Any]) -> float:
    if fields.errors is not None:
        return float(bucket["value"]["doc_count"])
    return float(bucket["doc_count"] if fields.statistic == "count" else bucket["value"]["value"])


def _text(bucket: Mapping[str, Any]) -> str:
    return str(bucket.get("key_as_string", bucket["key"]))
