"""Whether the fields that a user named can be meant."""

from __future__ import annotations

from difflib import get_close_matches

from traffic.errors import UsageFailure
from traffic.model import Statistic
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
