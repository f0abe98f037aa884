"""Whether the fields and the query that a user named can be meant."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from traffic.disk import storage
from traffic.errors import PartialAnswer, UsageFailure
from traffic.model import Statistic
from traffic.store.base import StoreError
from traffic.store.elastic.answers import understood
from traffic.store.elastic.bodies import Body
from traffic.store.elastic.client import Cluster

_NAMES = {"keyword", "constant_keyword", "wildcard", "version"}
_TEXTS = _NAMES | {"flattened"}
KEYS = _NAMES | {"ip", "boolean", "byte", "short", "integer", "long", "unsigned_long", "flattened"}
NUMBERS = {
    *("byte", "short", "integer", "long", "unsigned_long", "half_float", "float", "double", "scaled_float"),
    *("aggregate_metric_double", "counter_long", "counter_double"),
}
_FAMILIES = dict.fromkeys(_NAMES, "names") | dict.fromkeys(("byte", "short", "integer", "long"), "numbers")
"""Types whose values are the same in one list; any other is a family of its own."""
TIMES = {"date", "date_nanos"}
_PARENTS = {"object", "nested"}
"""What has fields, and no values."""
_TOGETHER = 500
"""Fields that one search tells of: each is a bucket and a clause."""
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_SPOKEN_OF = re.compile(r"(?:^|[\s(+!-])([A-Za-z_@][\w.@-]*):")
"""A field in a query: a name before a colon."""


@dataclass(frozen=True)
class KeyField:
    """What is to be known of the field of the keys, and of that of the values, before they are asked for."""

    names: bool
    """Whether they are names, which a request can list."""
    blank: bool = True
    """Whether it may hold an empty text."""
    doubles: bool = False
    """Whether a document may hold the same key twice, as numbers are not kept once each."""
    groups: tuple[tuple[str, ...] | None, ...] = (None,)
    """Indices in which it is of one family of types, of each family; (None,) where it is of one in all."""
    remark: str = ""
    """What a person should know of that."""
    counter: bool = False
    """Whether the mapping says that values only grow."""
    families: tuple[str, ...] = ()
    """What the types in each of the groups have in common, where there are several."""

    @property
    def mixed(self) -> dict[str, tuple[str, ...]]:
        """Family of types -> the indices in which the key is of it; empty where it is of one in all."""
        return {name: group or () for name, group in zip(self.families, self.groups, strict=False)}


def check_fields(cluster: Cluster, time: str, key: str, value: str | None, statistic: Statistic) -> KeyField:
    """Stop unless the fields are there and fit.

    Raises:
        UsageFailure: with what to name instead.
    """
    wanted = {"--time": (time, TIMES), "--key": (key, KEYS)}
    if value is not None:
        wanted["--value"] = (value, set() if statistic == "count" else NUMBERS)
    found = _checked(cluster, wanted)
    counter = value is not None and statistic != "count" and _is_counter(cluster, value, found["--value"])
    kinds = found["--key"]
    families: dict[str, list[str]] = {}
    for kind in sorted(kinds):
        families.setdefault(_FAMILIES.get(kind, kind), []).append(kind)
    blank, doubles = bool(set(kinds) & _TEXTS), bool(set(kinds) - _TEXTS - {"ip"})
    if len(families) == 1:
        return KeyField(set(kinds) <= _NAMES, blank, doubles, counter=counter)
    groups = tuple(
        tuple(sorted(index for kind in some for index in kinds[kind]["indices"])) for some in families.values()
    )
    told = (
        f"{_a(' or '.join(some))} in {_some(indices)}" for some, indices in zip(families.values(), groups, strict=True)
    )
    remark = f"{key} is {' and '.join(told)}: the same text counts as one key"
    return KeyField(
        names=False,
        blank=blank,
        doubles=doubles,
        groups=groups,
        remark=remark,
        counter=counter,
        families=tuple(families),
    )


def _is_counter(cluster: Cluster, name: str, kinds: Mapping[str, Any]) -> bool:
    """Whether the mapping of any index says that values only grow; what a field can do does not tell it everywhere."""
    if any(kind.startswith("counter_") for kind in kinds):
        return True
    path = f"/{cluster.place.index}/_mapping/field/{name}"
    told = (f"*.mappings.*.mapping.*.{each}" for each in ("time_series_metric", "path"))
    found = cluster.ask("GET", path, {"filter_path": ",".join(told)})
    with understood(cluster.name):
        fields = [one for index in found.values() for one in index["mappings"].values()]
        mappings = [one for field in fields for one in field["mapping"].values()]
    paths = {str(one["path"]) for one in mappings if "path" in one} - {name}
    return any(one.get("time_series_metric") == "counter" for one in mappings) or any(
        _is_counter(cluster, path, {}) for path in sorted(paths)
    )


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _some(indices: Sequence[str]) -> str:
    more = f" and {len(indices) - 2} more" if len(indices) > 2 else ""
    return (", " if more else " and ").join(indices[:2]) + more


def check_roles(cluster: Cluster, named: Mapping[str, str]) -> None:
    """Stop unless these fields of a log are there and fit their roles.

    Args:
        cluster: that has them.
        named: role -> field.

    Raises:
        UsageFailure: with what to name instead.
    """
    good = {"time": TIMES, "latency": NUMBERS, "bytes": NUMBERS}
    _checked(cluster, {f"--field {role}=": (name, good.get(role, KEYS)) for role, name in named.items()})


def _checked(cluster: Cluster, wanted: Mapping[str, tuple[str, set[str]]]) -> dict[str, dict[str, Any]]:
    """Type -> what is known of it, of each option's field, which has to be of certain types (none: of any)."""
    names = [name for name, _ in wanted.values()]
    # What a field lies in says why it is not found, and what is below it what to take instead.
    # With what is below it, a server says that in some indices it is an object.
    around = [outer for name in names for outer in _outer(name)] + [f"{name}.*" for name in names]
    found = capabilities(cluster, sorted({*names, *around}))
    known: dict[str, dict[str, Any]] = {}
    for option, (name, good) in wanted.items():
        outer = {kind for lies_in in _outer(name) for kind in found.get(lies_in, {})}
        if name not in found and "flattened" in outer and "flattened" in good:
            known[option] = {"flattened": {"aggregatable": True}}
            continue
        if name not in found:
            raise UsageFailure(f"{cluster.name} has no field {name} ({option}): {_near(cluster, name)}")
        if "nested" in outer:
            raise UsageFailure(
                f"{name} ({option}) is in nested documents, which are not read: index it outside of them, or with "
                "include_in_root"
            )
        kinds = found[name]
        if "flattened" in kinds:
            raise UsageFailure(
                f"{name} ({option}) is flattened, so every label's value would be a key; use one of its fields, such "
                f"as {name}.customer"
            )
        if "text" in kinds and "text" not in good:
            raise UsageFailure(f"{name} ({option}) is a text{_where(kinds, 'text')}, {_way_out(name, good, found)}")
        if good and set(kinds) - good:
            wrong = sorted(set(kinds) - good)
            where = _where(kinds, wrong[0])
            raise UsageFailure(f"{name} ({option}) is of the type {', '.join(wrong)}{where}: {_meant(good)}")
        if not all(one.get("aggregatable") for one in kinds.values()):
            raise UsageFailure(f"{name} ({option}) cannot be aggregated (doc_values are off): use another field")
        known[option] = kinds
    return known


def _outer(name: str) -> list[str]:
    """What a field lies in: `a.b` and `a` of `a.b.c`."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]


def capabilities(cluster: Cluster, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What each of these fields can do, by type; fields that are not there are left out."""
    params = {"fields": ",".join(names), "filter_path": "fields,failed_indices"}
    found = cluster.ask("GET", f"/{cluster.place.index}/_field_caps", params)
    with understood(cluster.name):
        if found.get("failed_indices"):
            raise PartialAnswer(f"{cluster.name} does not tell which fields all of its indices have: try again")
        return {name: dict(kinds) for name, kinds in found.get("fields", {}).items()}


def _where(kinds: Mapping[str, Any], kind: str) -> str:
    indices = kinds[kind].get("indices")
    return f" in {_some(indices)}" if indices else ""


def _way_out(name: str, good: set[str], found: Mapping[str, Any]) -> str:
    """What to do about a text."""
    if not good & _NAMES:
        return f"and {_meant(good).removeprefix('use a field that is ')} is needed: map it as one and reindex"
    below, kinds = found.get(f"{name}.keyword"), found[name]
    if below is None:
        return "which cannot be used for grouping: map it as a keyword and reindex"
    if len(kinds) == 1:
        return f"which cannot be used for grouping: try {name}.keyword"
    other = next(kind for kind in kinds if kind != "text")
    return (
        f"and {_a(other)}{_where(kinds, other)}: no field works for all of them, because only the former have "
        f"{name}.keyword; run on them one after the other, or reindex the former with {name} as {_a(other)}"
    )


def field_types(cluster: Cluster) -> dict[str, set[str]]:
    """Every field that a document has a value in, and its types (of several indices there may be several).

    A field that stands in the mappings alone, as of a template for many kinds of lines, would be read as always empty.
    """
    path = f"/{cluster.place.index}/_field_caps"
    params = {"fields": "*", "filter_path": "fields.*.*.type"}
    if not cluster.product.sifts_fields:
        listed = cluster.ask("GET", path, params).get("fields", {})
        kinds = {name: set(found) - _PARENTS for name, found in sorted(listed.items()) if not name.startswith("_")}
        return _filled(cluster, {name: found for name, found in kinds.items() if found})
    params["filters"] = "-metadata,-parent"
    try:
        answer = cluster.ask("GET", path, {**params, "include_empty_fields": "false"})
    except StoreError as error:
        if "include_empty_fields" not in str(error):
            raise
        # Servers before 8.13 do not know it.
        answer = cluster.ask("GET", path, params)
    found = answer.get("fields", {})
    return {name: set(kinds) for name, kinds in sorted(found.items())}


def _filled(cluster: Cluster, types: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The fields that a document has a value in."""
    found: dict[str, set[str]] = {}
    names = list(types)
    for at in range(0, len(names), _TOGETHER):
        part = names[at : at + _TOGETHER]
        filters = {str(place): {"exists": {"field": name}} for place, name in enumerate(part)}
        body = {"size": 0, "track_total_hits": False, "aggs": {"there": {"filters": {"filters": filters}}}}
        answer = cluster.search(body, "aggregations.there.buckets.*.doc_count")
        with understood(cluster.name):
            there = answer["aggregations"]["there"]["buckets"]
            found |= {name: types[name] for place, name in enumerate(part) if there[str(place)]["doc_count"]}
    return found


def readable(types: Mapping[str, set[str]]) -> dict[str, str]:
    """Field -> the one that can be grouped by in its place: itself, or the keyword that lies below a text."""
    found = {}
    for name, kinds in types.items():
        below = f"{name}.keyword"
        if "text" not in kinds:
            found[name] = name
        elif below in types:
            found[name] = below
    return found


def said_errors(cluster: Cluster, text: str, types: Mapping[str, set[str]]) -> Body:
    """The query of --errors, in Lucene's language.

    Raises:
        UsageFailure: it is no such query, or speaks of a field that is not there, which would be met by nothing.
    """
    for name in _SPOKEN_OF.findall(_QUOTED.sub("", text)):
        if name not in types and name != "_exists_":
            raise UsageFailure(f"--errors uses {name}, which {cluster.name} does not have: {_near(cluster, name)}")
    query = {"query_string": {"query": text}}
    answer = cluster.ask("POST", f"/{cluster.place.index}/_validate/query", None, {"query": query})
    if not answer.get("valid"):
        raise UsageFailure(f"--errors {text!r} is not a valid Lucene query: write for instance status:>=400")
    return query


def _meant(good: set[str]) -> str:
    kind = "a date" if good == TIMES else "a number" if good == NUMBERS else "a keyword, a number or an address"
    return f"use a field that is {kind}"


def _near(cluster: Cluster, name: str) -> str:
    names = list(field_types(cluster))
    close = get_close_matches(name, names, n=3, cutoff=0.4)
    return f"did you mean {' or '.join(close)}?" if close else f"it has {', '.join(names[:20]) or 'none'}"


def read_filter(path: Path | None) -> Body | None:
    """The query of --filter.

    Raises:
        UsageFailure: there is none in the file, or no JSON.
        StorageFailure: it cannot be read.
    """
    if path is None:
        return None
    with storage(path):
        text = path.read_text(encoding="utf-8")
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UsageFailure(
            f"{path} is not valid JSON ({error}): --filter needs a file with an Elasticsearch query"
        ) from None
    if not isinstance(found, dict) or not found:
        raise UsageFailure(f'{path} contains no query: write for instance {{"term": {{"event.outcome": "success"}}}}')
    inner = found["query"] if set(found) == {"query"} else found
    if not isinstance(inner, dict) or len(inner) != 1:
        raise UsageFailure(f"{path} holds {len(inner)} queries side by side: combine them in one bool query")
    return inner
