"""Whether the fields and the query that a user named can be meant."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from traffic.disk import storage
from traffic.errors import UsageFailure
from traffic.model import Statistic
from traffic.store.base import StoreError
from traffic.store.elastic.bodies import Body
from traffic.store.elastic.client import Cluster
from traffic.store.log_fields import ERROR_LEVELS, ERROR_STATUS, LogFields

_NAMES = {"keyword", "constant_keyword", "wildcard", "version"}
_KEYS = _NAMES | {"ip", "boolean", "byte", "short", "integer", "long", "unsigned_long", "flattened"}
_NUMBERS = {
    *("byte", "short", "integer", "long", "unsigned_long", "half_float", "float", "double", "scaled_float"),
    *("aggregate_metric_double", "counter_long", "counter_double"),
}
_TIMES = {"date", "date_nanos"}
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_SPOKEN_OF = re.compile(r"(?:^|[\s(+!-])([A-Za-z_@][\w.@-]*):")
"""A field in a query: a name before a colon."""


def check_fields(cluster: Cluster, time: str, key: str, value: str | None, statistic: Statistic) -> bool:
    """Stop unless the fields are there and fit; answers whether keys are names, which a request can list.

    Raises:
        UsageFailure: with what to name instead.
    """
    wanted = {"--time": (time, _TIMES), "--key": (key, _KEYS)}
    if value is not None:
        wanted["--value"] = (value, set() if statistic == "count" else _NUMBERS)
    return _checked(cluster, wanted)["--key"] <= _NAMES


def check_roles(cluster: Cluster, named: Mapping[str, str]) -> None:
    """Stop unless these fields of a log are there and fit their roles.

    Args:
        cluster: that has them.
        named: role -> field.

    Raises:
        UsageFailure: with what to name instead.
    """
    good = {"time": _TIMES, "latency": _NUMBERS, "bytes": _NUMBERS}
    _checked(cluster, {f"--field {role}=": (name, good.get(role, _KEYS)) for role, name in named.items()})


def _checked(cluster: Cluster, wanted: Mapping[str, tuple[str, set[str]]]) -> dict[str, set[str]]:
    """The types of each option's field, which has to be of certain types (none: of any)."""
    path = f"/{cluster.place.index}/_field_caps"
    names = ",".join(name for name, _ in wanted.values())
    found = cluster.ask("GET", path, {"fields": names, "filter_path": "fields"}).get("fields", {})
    for option, (name, good) in wanted.items():
        if name not in found:
            raise UsageFailure(f"{cluster.name} has no field {name} ({option}): {_near(cluster, name)}")
        kinds = set(found[name])
        if "text" in kinds:
            raise UsageFailure(f"{name} ({option}) is a text, which nothing can be grouped by: try {name}.keyword")
        if good and kinds - good:
            raise UsageFailure(f"{name} ({option}) is of the type {', '.join(sorted(kinds - good))}: {_meant(good)}")
        if not all(one.get("aggregatable") for one in found[name].values()):
            raise UsageFailure(f"{name} ({option}) cannot be aggregated (doc_values are off): name another field")
    return {option: set(found[name]) for option, (name, _) in wanted.items()}


def field_types(cluster: Cluster) -> dict[str, set[str]]:
    """Every field that a document has a value in, and its types (of several indices there may be several).

    A field that stands in the mappings alone, as of a template for many kinds of lines, would be read as always empty.
    """
    path = f"/{cluster.place.index}/_field_caps"
    params = {"fields": "*", "filters": "-metadata,-parent", "filter_path": "fields.*.*.type"}
    try:
        answer = cluster.ask("GET", path, {**params, "include_empty_fields": "false"})
    except StoreError as error:
        if "include_empty_fields" not in str(error):
            raise
        # Servers before 8.13 do not know it.
        answer = cluster.ask("GET", path, params)
    found = answer.get("fields", {})
    return {name: set(kinds) for name, kinds in sorted(found.items())}


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


def default_errors(known: LogFields, types: Mapping[str, set[str]]) -> Body:
    """The query for the lines that are errors where nobody said which."""
    ways: list[Body] = []
    if known.level is not None:
        levels = [written for level in ERROR_LEVELS for written in (level, level.lower(), level.title())]
        ways.append({"terms": {known.level: levels}})
    if known.status is not None and types[known.status] & _NUMBERS:
        ways.append({"range": {known.status: {"gte": ERROR_STATUS}}})
    elif known.status is not None:
        # A number that was stored as text is in no order but that of its digits.
        ways.append({"prefix": {known.status: str(ERROR_STATUS)[0]}})
    return {"bool": {"should": ways, "minimum_should_match": 1}}


def said_errors(cluster: Cluster, text: str, types: Mapping[str, set[str]]) -> Body:
    """The query of --errors, in Lucene's language.

    Raises:
        UsageFailure: it is no such query, or speaks of a field that is not there, which would be met by nothing.
    """
    for name in _SPOKEN_OF.findall(_QUOTED.sub("", text)):
        if name not in types and name != "_exists_":
            raise UsageFailure(f"--errors speaks of {name}, which {cluster.name} does not have: {_near(cluster, name)}")
    query = {"query_string": {"query": text}}
    answer = cluster.ask("POST", f"/{cluster.place.index}/_validate/query", None, {"query": query})
    if not answer.get("valid"):
        raise UsageFailure(f"--errors {text!r} is no query in Lucene's language: write for instance status:>=400")
    return query


def _meant(good: set[str]) -> str:
    kind = "a date" if good == _TIMES else "a number" if good == _NUMBERS else "a keyword, a number or an address"
    return f"name a field that is {kind}"


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
        raise UsageFailure(f"{path} is no JSON ({error}): --filter names a file with an Elasticsearch query") from None
    if not isinstance(found, dict) or not found:
        raise UsageFailure(f'{path} holds no query: write for instance {{"term": {{"event.outcome": "success"}}}}')
    inner = found["query"] if set(found) == {"query"} else found
    if not isinstance(inner, dict) or len(inner) != 1:
        raise UsageFailure(f"{path} holds {len(inner)} queries beside each other: put them into one bool query")
    return inner
