"""A slow, obvious twin of what Elasticsearch answers, for the requests of our store: a list, loops.

It knows only what our requests use and raises KeyError on everything else, so that nothing is answered by chance.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tests.worlds import percentile

Document = dict[str, Any]
"""Flat: fields with dots in their names, times in milliseconds."""


def search(documents: Sequence[Document], body: dict[str, Any], wanted: str) -> dict[str, Any]:
    """What a search answers of the paths that are wanted."""
    there = [document for document in documents if matches(body["query"], document)]
    hits = {"hits": {"total": {"value": len(there), "relation": "eq"}}} if body.get("track_total_hits") else {}
    return filtered({**hits, "aggregations": aggregated(there, body["aggs"])}, wanted) or {}


def matches(query: dict[str, Any], document: Document) -> bool:
    """Whether a query lets a document through."""
    ((kind, said),) = query.items()
    if kind == "bool":
        assert set(said) <= {"filter", "must_not", "should", "minimum_should_match"}
        return (
            all(matches(one, document) for one in said.get("filter", ()))
            and not any(matches(one, document) for one in said.get("must_not", ()))
            and sum(matches(one, document) for one in said.get("should", ())) >= said.get("minimum_should_match", 0)
        )
    if kind == "exists":
        return document.get(said["field"]) is not None
    ((field, asked),) = said.items()
    value = document.get(field)
    if kind == "range":
        assert asked.get("format", "epoch_millis") == "epoch_millis"
        bounds: dict[str, Callable[[Any], bool]] = {
            "gte": lambda bound: value >= bound,
            "lt": lambda bound: value < bound,
        }
        return value is not None and all(bounds[name](bound) for name, bound in asked.items() if name != "format")
    return {"terms": lambda: value in asked, "term": lambda: value == asked}[kind]()


def aggregated(documents: Sequence[Document], asked: dict[str, Any]) -> dict[str, Any]:
    """Every aggregation, with what stands inside of it."""
    found = {}
    for name, spec in asked.items():
        ((kind, said),) = ((key, value) for key, value in spec.items() if key != "aggs")
        found[name] = AGGREGATIONS[kind](documents, said, spec.get("aggs", {}))
    return found


def values(documents: Iterable[Document], said: dict[str, Any]) -> list[Any]:
    """The values of a field that are there."""
    return [document[said["field"]] for document in documents if document.get(said["field"]) is not None]


def groups(documents: Iterable[Document], place: Callable[[Document], Any]) -> dict[Any, list[Document]]:
    """Documents by what `place` says of them; those of which it says None are in no group."""
    found: dict[Any, list[Document]] = defaultdict(list)
    for document in documents:
        if (group := place(document)) is not None:
            found[group].append(document)
    return found


def _bucket(key: Any, inside: Sequence[Document], inner: dict[str, Any]) -> dict[str, Any]:
    return {"key": key, "doc_count": len(inside), **aggregated(inside, inner)}


def _terms(documents: Sequence[Document], said: dict[str, Any], inner: dict[str, Any]) -> dict[str, Any]:
    assert set(said) <= {"field", "size", "include"}
    found = groups(documents, lambda document: document.get(said["field"]))
    asked = {key: inside for key, inside in found.items() if key in said.get("include", found)}
    ordered = sorted(asked.items(), key=lambda one: (-len(one[1]), one[0]))
    first, rest = ordered[: said["size"]], ordered[said["size"] :]
    return {
        "doc_count_error_upper_bound": 0,
        "sum_other_doc_count": sum(len(inside) for _, inside in rest),
        "buckets": [_bucket(key, inside, inner) for key, inside in first],
    }


def _histogram(documents: Sequence[Document], said: dict[str, Any], inner: dict[str, Any]) -> dict[str, Any]:
    assert set(said) == {"field", "fixed_interval", "min_doc_count"}
    assert said["fixed_interval"].endswith("s")
    wide = 1000 * int(said["fixed_interval"][:-1])
    found = groups(documents, lambda document: document[said["field"]] // wide * wide)
    if not said["min_doc_count"] and found:
        found = {key: found.get(key, []) for key in range(min(found), max(found) + 1, wide)}
    there = sorted((key, inside) for key, inside in found.items() if len(inside) >= said["min_doc_count"])
    return {"buckets": [_bucket(key, inside, inner) for key, inside in there]}


def _composite(documents: Sequence[Document], said: dict[str, Any], inner: dict[str, Any]) -> dict[str, Any]:
    (source,) = said["sources"]
    ((name, spec),) = source.items()
    after = said.get("after", {}).get(name)
    found = groups(documents, lambda document: document.get(spec["terms"]["field"]))
    page = [key for key in sorted(found) if after is None or key > after][: said["size"]]
    buckets = [_bucket({name: key}, found[key], inner) for key in page]
    return {"buckets": buckets, **({"after_key": buckets[-1]["key"]} if buckets else {})}


def _percentiles(documents: Sequence[Document], said: dict[str, Any], _: dict[str, Any]) -> dict[str, Any]:
    there = [float(value) for value in values(documents, said)]
    found = {q: percentile(there, q) if there else None for q in sorted(said["percents"])}
    if said.get("keyed", True):
        return {"values": {str(q): value for q, value in found.items()}}
    return {"values": [{"key": q, "value": value} for q, value in found.items()]}


def _stats(documents: Sequence[Document], said: dict[str, Any], _: dict[str, Any]) -> dict[str, Any]:
    there = values(documents, said)
    if not there:
        return {"count": 0, "min": None, "max": None, "avg": None, "sum": 0.0}
    found = {"min": min(there), "max": max(there), "avg": sum(there) / len(there)}
    return {"count": len(there), **found, "sum": sum(there)}


def _one(function: Callable[[list[Any]], Any]) -> Callable[..., dict[str, Any]]:
    def aggregation(documents: Sequence[Document], said: dict[str, Any], _: dict[str, Any]) -> dict[str, Any]:
        there = values(documents, said)
        return {"value": function(there) if there or function in (sum, len) else None}

    return aggregation


def _filter(documents: Sequence[Document], said: dict[str, Any], inner: dict[str, Any]) -> dict[str, Any]:
    there = [document for document in documents if matches(said, document)]
    return {"doc_count": len(there), **aggregated(there, inner)}


def _missing(documents: Sequence[Document], said: dict[str, Any], _: dict[str, Any]) -> dict[str, Any]:
    return {"doc_count": len(documents) - len(values(documents, said))}


AGGREGATIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "terms": _terms,
    "date_histogram": _histogram,
    "composite": _composite,
    "percentiles": _percentiles,
    "stats": _stats,
    "filter": _filter,
    "missing": _missing,
    "min": _one(min),
    "max": _one(max),
    "sum": _one(sum),
    "avg": _one(lambda there: sum(there) / len(there)),
    "value_count": _one(len),
    "cardinality": _one(lambda there: len(set(there))),
}


def filtered(answer: Any, paths: str) -> Any:
    """What the parameter `filter_path` leaves of an answer: an object or a list with nothing in it goes too."""
    return _kept(answer, [path.split(".") for path in paths.split(",")])


def _kept(value: Any, paths: list[list[str]]) -> Any:
    if not all(paths):
        return value  # one of them ends here
    if isinstance(value, list):
        return [kept for one in value if (kept := _kept(one, paths)) is not None] or None
    if not isinstance(value, dict):
        return None
    found = {}
    for name, inner in value.items():
        deeper = [path[1:] for path in paths if path[0] in ("*", name)]
        if deeper and (kept := _kept(inner, deeper)) is not None:
            found[name] = kept
        elif deeper and not all(deeper):
            found[name] = None
    return found or None
