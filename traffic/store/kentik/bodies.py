"""Bodies of requests, as pure functions of the files in input/ and of what is requested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from traffic.model import Window
from traffic.store.kentik.template import FILTERS, Template, mark_of
from traffic.store.kentik.widths import Width


def fill(template: Template, values: Mapping[str, Any]) -> dict[str, Any]:
    """The body with every placeholder replaced by its value."""
    filled: dict[str, Any] = _filled(template.body, values)
    return filled


def customers_body(template: Template, window: Window, known: Sequence[int] = ()) -> dict[str, Any]:
    """Query for the customers with traffic in `window`, except those with `known` AS numbers."""
    body = fill(template, _times(window))
    if known:
        query = body["queries"][0]["query"]
        name = next((name for name in FILTERS if name in query), FILTERS[0])
        obj = query.setdefault(name, {"connector": "All", "filterGroups": []})
        chosen = {"filterField": template.field, "operator": "=", "filterValue": _listed(known)}
        group = {"connector": "All", "not": True, "filters": [chosen]}
        obj["filterGroups"] = [*obj.get("filterGroups", []), group]
    return body


def series_body(template: Template, asns: Sequence[int], window: Window, width: Width) -> dict[str, Any]:
    """Query for the series of some customers in `window`."""
    values = {
        **_times(window),
        "customers": _listed(asns),
        "minsPolling": width.minutes,
        "forceMinsPolling": width.forced,
        "fastData": width.data,
    }
    return fill(template, values)


def breakdown_body(
    template: Template, by: Sequence[Sequence[str]], asn: int, window: Window, width: Width
) -> dict[str, Any]:
    """Queries for the series of one customer in `window` by other dimensions: one for each, named after it."""
    body = series_body(template, [asn], window, width)
    (one,) = body["queries"]
    queries = [
        {**one, "bucket": " & ".join(names), "query": {**one["query"], "dimension": list(names)}} for names in by
    ]
    return {**body, "queries": queries}


def time_text(time: int) -> str:
    """`2026-11-22 10:00:00`, UTC."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _times(window: Window) -> dict[str, Any]:
    return {"start": time_text(window.start), "end": time_text(window.end)}


def _listed(asns: Sequence[int]) -> str:
    return ",".join(map(str, asns))


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    if (mark := mark_of(value)) is not None:
        return values[mark]
    if isinstance(value, dict):
        return {name: _filled(inner, values) for name, inner in value.items()}
    return [_filled(inner, values) for inner in value] if isinstance(value, list) else value
