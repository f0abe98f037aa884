"""Through what an index is looked at: what is part of every answer, and stands in no document.

Who asks may be shown other documents than the next one, an alias has a filter that can be changed, a runtime field is
computed anew for each search. All of that is part of what a kept answer is called by; what cannot be told from outside,
such as a filter that speaks of `now`, makes answers that are not kept.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from traffic.errors import AccessDenied
from traffic.store.elastic.answers import understood
from traffic.store.elastic.bodies import Body
from traffic.store.elastic.client import Cluster

_NOW = re.compile(r"now(?:[+-]\d|/[a-zA-Z]|\|\||$)")
"""Date math on the clock of the cluster."""
_ELSEWHERE = {"script", "script_score", "percolate", "has_child", "has_parent", "geo_shape", "more_like_this"}
"""Queries that may look at other things than the document."""


@dataclass(frozen=True)
class View:
    """What changes an answer though no document changed."""

    told: str
    """All of it that can be told."""
    steady: bool
    """Whether that is all."""


def view_of(cluster: Cluster, also: Body | None) -> View:
    """As whom and through what `cluster` is looked at; `also`: the query of --filter."""
    if cluster.place.remote:
        return View(cluster.identity, _is_steady(also))
    path = f"/{cluster.place.index}"
    runtime = cluster.ask("GET", f"{path}/_mapping", {"filter_path": "*.mappings.runtime,*.mappings.derived"})
    try:
        aliases = cluster.ask("GET", f"{path}/_alias", {"filter_path": "*.aliases.*"})
    except AccessDenied:
        return View(cluster.identity, steady=False)
    with understood(cluster.name):
        filters = {
            index: {name: alias for name, alias in one["aliases"].items() if alias} for index, one in aliases.items()
        }
    seen = json.dumps([cluster.identity, runtime, filters], sort_keys=True)
    return View(seen, _is_steady([also, filters]) and not _has_scripts(runtime))


def _is_steady(query: Any) -> bool:
    """Whether a query is answered alike tomorrow: it speaks neither of the clock nor of other indices."""
    if isinstance(query, dict):
        if query.keys() & _ELSEWHERE or {"index", "id"} <= query.keys():
            return False
        return all(map(_is_steady, query.values()))
    if isinstance(query, list):
        return all(map(_is_steady, query))
    return not (isinstance(query, str) and _NOW.search(query))


def _has_scripts(runtime: Any) -> bool:
    """Whether a runtime field may look at other indices (`lookup`)."""
    if isinstance(runtime, dict):
        return runtime.get("type") == "lookup" or any(map(_has_scripts, runtime.values()))
    return False
