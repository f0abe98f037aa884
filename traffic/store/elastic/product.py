"""What differs between Elasticsearch and OpenSearch, all of it: how each is told, and what it is asked otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from traffic.model import Window
from traffic.store.elastic.bodies import KEY, TIME, Body


@dataclass(frozen=True)
class Product:
    """A kind of cluster."""

    name: str
    time_series: bool
    """Whether it has indices of time series, which name a document by its series and its time."""
    linear: bool
    """Whether its percentiles of few values are numpy's."""
    sifts_fields: bool
    """Whether a list of fields can be had without those of the index itself, and without the empty ones."""
    tells_order: bool
    """Whether documents can be sorted by a time in a form of one's own, and of two that are alike one comes first."""
    state_path: str
    """Behind an index: what opens a state of it that several searches can see."""
    close_path: str
    """What closes one."""
    state_id: str
    """What the id of a state is called where it is opened."""
    state_ids: bool
    """Whether several states are closed together, by a list."""

    @property
    def dimension(self) -> Body:
        """What the mapping of a field says that tells series apart."""
        return {"time_series_dimension": True} if self.time_series else {}

    def closing(self, state: str) -> Body:
        """The body that closes a state."""
        return {self.state_id: [state] if self.state_ids else state}


ELASTICSEARCH = Product(
    "Elasticsearch",
    time_series=True,
    linear=True,
    sifts_fields=True,
    tells_order=True,
    state_path="_pit",
    close_path="/_pit",
    state_id="id",
    state_ids=False,
)
OPENSEARCH = Product(
    "OpenSearch",
    time_series=False,
    linear=False,
    sifts_fields=False,
    tells_order=False,
    state_path="_search/point_in_time",
    close_path="/_search/point_in_time",
    state_id="pit_id",
    state_ids=True,
)


def by_header(headers: Mapping[str, str]) -> Product | None:
    """Elasticsearch says what it is with every answer, from 7.14 on."""
    return ELASTICSEARCH if headers.get("x-elastic-product") == ELASTICSEARCH.name else None


def by_greeting(answer: object) -> Product | None:
    """OpenSearch says it where it is asked for nothing (`GET /`).

    Where it has to pretend to be an old Elasticsearch, its tagline tells.
    """
    if not isinstance(answer, Mapping):
        return None
    version: Any = answer.get("version")
    distribution = version.get("distribution") if isinstance(version, Mapping) else None
    told = distribution == "opensearch" or "OpenSearch" in str(answer.get("tagline", ""))
    return OPENSEARCH if told else None


def weekly(product: Product, index: str, field: str, week: Window, meta: Body) -> Body:
    """An index for one week of ours: sorted and packed by series, a point at most once.

    All of it stands in the request: a template of ours would have to come before one of the cluster's owner, or would
    be in the way of the next one.

    Args:
        product: of the cluster. Where it has no time series, the index is sorted as these are, and takes any time.
        index: the alias that it stands behind.
        field: of the amounts.
        week: whose times it takes, and no other.
        meta: what it says of itself.
    """
    order: Body = {"sort.field": [KEY, TIME], "codec": "best_compression"}
    gauge: Body = {}
    if product.time_series:
        order = {
            "mode": "time_series",
            "routing_path": [KEY],
            "time_series": {"start_time": week.start * 1000, "end_time": week.end * 1000},
        }
        gauge = {"time_series_metric": "gauge"}
    return {
        "settings": {
            "index": {
                **order,
                "number_of_shards": 1,
                # None on a single node, one where there is a second: nothing to set, nothing yellow.
                "auto_expand_replicas": "0-1",
                # Searchable at the end of the load; until then the node has better things to do.
                "refresh_interval": "-1",
            }
        },
        "mappings": {
            "_meta": meta,
            # What is not ours is refused, so that it can never get into the sums.
            "dynamic": "strict",
            "properties": {
                TIME: {"type": "date"},
                KEY: {"type": "keyword", **product.dimension},
                field: {"type": "long", **gauge},
            },
        },
        "aliases": {index: {}},
    }
