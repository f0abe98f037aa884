"""What traffic in an index is made of: sums by the fields of its documents, one search a question, or two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from traffic.flows import MOST, SEVERAL, Beyond, FlowAnswer, FlowQuery, beyond_the_first, is_remainder
from traffic.model import Floats, Metric
from traffic.store.base import StoreError
from traffic.store.elastic.bodies import Body, Fields

NAMED = 50
"""Values of which sums are asked for one by one, where a field has more than an answer lists."""
WANTED = "aggregations.windows"
_ROUNDED = 1e-9


@dataclass(frozen=True)
class FlowTold:
    """An answer to `flow_body`, and which values are worth being asked for by themselves."""

    answer: FlowAnswer
    named: tuple[str, ...] = ()
    """None where the answer lists all values there are."""


def flow_body(
    fields: Fields,
    query: FlowQuery,
    names: Mapping[str, str],
    metric: Metric,
    named: Sequence[str] = (),
    most: int = MOST,
) -> Body:
    """The search for a query: of each window what all documents come to, those of each value, and those without one.

    Args:
        fields: of the index.
        query: of one dimension, or of several with the values that are looked at.
        names: dimension -> the field that can be grouped by in its place.
        metric: what is read; a limit is in its unit.
        named: the only values to list, each summed up exactly.
        most: values to list of each window.
    """
    measure = _measure(fields, query.beyond, metric)
    if query.only is not None:
        pairs = [(names[name], value) for name, value in zip(query.by, query.only, strict=True)]
        there = [{"term": {field: value}} for field, value in pairs if value]
        gone = [{"exists": {"field": field}} for field, value in pairs if not value]
        inner: Body = {"only": {"filter": {"bool": {"filter": there, "must_not": gone}}, **_with(measure)}}
    else:
        (dimension,) = query.by
        field = names[dimension]
        inner = {"none": {"missing": {"field": field}, **_with(measure)}}
        if named:
            filters = {str(place): {"term": {field: value}} for place, value in enumerate(named)}
            inner["named"] = {"filters": {"filters": filters}, **_with(measure)}
        else:
            terms: Body = {"field": field, "size": most, "shard_size": 2 * most}
            if "sum" in measure.get("value", ()):
                # Few documents may hold most of it.
                terms["order"] = {"value": "desc"}
            inner["values"] = {"terms": terms, **_with(measure)}
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


def flow_answer(
    query: FlowQuery, answer: Mapping[str, Any], metric: Metric, name: str, named: Sequence[str] = (), most: int = MOST
) -> FlowTold:
    """What an answer to `flow_body` says.

    What lies beyond the values that it lists is one more; what several values of one document were counted too often
    is one as well, so that all of them add up to the totals.

    Raises:
        StoreError: it is none.
    """
    count, adds_up = len(query.windows), metric.adds_up and query.beyond is None
    # Amounts, and the documents that they are of.
    sums: dict[tuple[str, ...], Floats] = {}
    totals, cut = np.zeros((2, count)), False
    try:
        buckets = answer["aggregations"]["windows"]["buckets"]
        for place in range(count):
            bucket = buckets[str(place)]
            totals[:, place] = _figures(bucket)
            if query.only is not None:
                found = {query.only: _figures(bucket["only"])}
            elif named:
                parts = bucket["named"]["buckets"]
                found = {(value,): _figures(parts[str(one)]) for one, value in enumerate(named)}
            else:
                found = {(_text(one),): _figures(one) for one in bucket["values"]["buckets"]}
                cut |= bucket["values"]["sum_other_doc_count"] > 0
            if query.only is None and bucket["none"]["doc_count"]:
                found["",] = _figures(bucket["none"])
            for value, figures in found.items():
                sums.setdefault(value, np.zeros((2, count)))[:, place] = figures
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{name}: the answer about contributors is not valid ({error!r})") from error
    if query.only is None:
        left = totals - sum(sums.values(), np.zeros((2, count)))
        if cut or named:
            sums[beyond_the_first(most),] = left
        elif (np.abs(left) > _ROUNDED * np.abs(totals)).any():
            sums[SEVERAL,] = left
    amounts, rows = (np.array([one[part] for one in sums.values()]).reshape(len(sums), count) for part in (0, 1))
    scale = 1.0 if query.beyond is not None else metric.scale
    found_answer = FlowAnswer(
        tuple(sums), amounts * scale, totals[0] * scale, there=totals[1] > 0, rows=rows, all_rows=totals[1]
    )
    worth = _most_differing(found_answer) if cut else ()
    return FlowTold(replace(found_answer, rows=None, all_rows=None) if adds_up else found_answer, worth)


def whole_body(fields: Fields, query: FlowQuery, metric: Metric) -> Body:
    """The search for what all documents of a key come to in each window."""
    body = flow_body(fields, replace(query, by=(), only=()), {}, metric)
    del body["aggs"]["windows"]["aggs"]["only"]
    return body


def whole_answer(query: FlowQuery, answer: Mapping[str, Any], metric: Metric, name: str) -> Floats:
    """What an answer to `whole_body` says: shape (windows,).

    Raises:
        StoreError: it is none.
    """
    try:
        buckets = answer["aggregations"]["windows"]["buckets"]
        found = [_figures(buckets[str(place)])[0] for place in range(len(query.windows))]
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{name}: the answer about totals is not valid ({error!r})") from error
    return np.array(found) * metric.scale


def _most_differing(answer: FlowAnswer) -> tuple[str, ...]:
    """The values that differ most between the first window and the others; what a window does not list counts as 0."""
    weights = np.full(answer.amounts.shape[1], -1.0 / max(1, answer.amounts.shape[1] - 1))
    weights[0] = 1.0
    order = np.argsort(-np.abs(answer.amounts @ weights), kind="stable").tolist()
    names = (value for (value,) in (answer.values[place] for place in order))
    return tuple(name for name in names if name and not is_remainder(name))[:NAMED]


def _measure(fields: Fields, beyond: Beyond | None, metric: Metric) -> Body:
    """What of some documents is added up, or counted: nothing more where all are."""
    if beyond is not None:
        edge = "gt" if (beyond.direction == "above") == (metric.scale > 0) else "lt"
        return {"value": {"filter": {"range": {fields.value: {edge: beyond.limit / metric.scale}}}}}
    if fields.errors is not None:
        return {"value": {"filter": fields.errors}}
    return {} if fields.statistic == "count" else {"value": {"sum": {"field": fields.value}}}


def _with(measure: Body) -> Body:
    return {"aggs": measure} if measure else {}


def _figures(bucket: Mapping[str, Any]) -> tuple[float, float]:
    """The amount of some documents, and how many they are."""
    documents = float(bucket["doc_count"])
    if "value" not in bucket:
        return documents, documents
    value = bucket["value"]
    return float(value["value"] if "value" in value else value["doc_count"]), documents


def _text(bucket: Mapping[str, Any]) -> str:
    return str(bucket.get("key_as_string", bucket["key"]))
