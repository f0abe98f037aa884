"""Whether the fields and the query that a user named can be meant."""

from __future__ import annotations

import json
from difflib import get_close_matches
from pathlib import Path

from traffic.disk import storage
from traffic.errors import UsageFailure
from traffic.model import Statistic
from traffic.store.elastic.bodies import Body
from traffic.store.elastic.client import Cluster

_NAMES = {"keyword", "constant_keyword", "wildcard", "version"}
_KEYS = _NAMES | {"ip", "boolean", "byte", "short", "integer", "long", "unsigned_long", "flattened"}
_NUMBERS = {
    *("byte", "short", "integer", "long", "unsigned_long", "half_float", "float", "double", "scaled_float"),
    *("aggregate_metric_double", "counter_long", "counter_double"),
}
_TIMES = {"date", "date_nanos"}


def check_fields(cluster: Cluster, time: str, key: str, value: str | None, statistic: Statistic) -> bool:
    """Stop unless the fields are there and fit; answers whether keys are names, which a request can list.

    Raises:
        UsageFailure: with what to name instead.
    """
    wanted = {"--time": time, "--key": key} | ({} if value is None else {"--value": value})
    path = f"/{cluster.place.index}/_field_caps"
    found = cluster.ask("GET", path, {"fields": ",".join(wanted.values()), "filter_path": "fields"}).get("fields", {})
    for option, name in wanted.items():
        if name not in found:
            raise UsageFailure(f"{cluster.name} has no field {name} ({option}): {_near(cluster, path, name)}")
        kinds = set(found[name])
        good = {"--time": _TIMES, "--key": _KEYS}.get(option, _NUMBERS if statistic != "count" else kinds)
        if "text" in kinds:
            raise UsageFailure(f"{name} ({option}) is a text, which nothing can be grouped by: try {name}.keyword")
        if kinds - good:
            raise UsageFailure(f"{name} ({option}) is of the type {', '.join(sorted(kinds - good))}: {_meant(option)}")
        if not all(one.get("aggregatable") for one in found[name].values()):
            raise UsageFailure(f"{name} ({option}) cannot be aggregated (doc_values are off): name another field")
    return set(found[key]) <= _NAMES


def _meant(option: str) -> str:
    kind = {"--time": "a date", "--key": "a keyword, a number or an address"}.get(option, "a number")
    return f"name a field that is {kind}"


def _near(cluster: Cluster, path: str, name: str) -> str:
    every = cluster.ask("GET", path, {"fields": "*", "filters": "-metadata,-parent", "filter_path": "fields.*.*.type"})
    names = sorted(every.get("fields", {}))
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
