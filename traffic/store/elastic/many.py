"""Several searches in one request: `_msearch`, each of whose answers has to be as complete as one that comes alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import orjson

from traffic.errors import AccessDenied
from traffic.store.base import StoreError, TooLarge
from traffic.store.elastic.bodies import Body
from traffic.store.elastic.client import Cluster
from traffic.store.elastic.complete import COMPLETE, check_complete

IN_A_REQUEST = 25
"""Searches. A node works on about as many at once as it has threads for them; the answers of all are held together."""
_HEADER = {"allow_partial_search_results": False, "request_cache": False}


Item = TypeVar("Item")


def in_requests(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """As many at a time as one request has searches."""
    return (items[first : first + IN_A_REQUEST] for first in range(0, len(items), IN_A_REQUEST))


def search_many(cluster: Cluster, bodies: Sequence[Body], wanted: str) -> Iterator[dict[str, Any]]:
    """An answer to each search, in that order.

    What is too much together is asked for in halves, and what goes wrong with one of them, or may not be asked for
    together, one by one: an error is then that of a search of its own.

    Args:
        wanted: paths in an answer, with commas between.

    Raises:
        PartialAnswer, NoSuchStore, TooLarge, AccessDenied, StoreError: as `Cluster.search`.
    """
    for some in in_requests(bodies):
        yield from _together(cluster, some, wanted)


def _together(cluster: Cluster, bodies: Sequence[Body], wanted: str) -> list[dict[str, Any]]:
    if len(bodies) == 1:
        return [cluster.search(bodies[0], wanted)]
    paths = ",".join(f"responses.{path}" for path in f"{COMPLETE},error.type,{wanted}".split(","))
    lines = b"".join(orjson.dumps(one) + b"\n" for body in bodies for one in (_HEADER, body))
    path, params = f"/{cluster.place.index}/_msearch", {"filter_path": paths, "ccs_minimize_roundtrips": "true"}
    try:
        found = cluster.ask("POST", path, params, lines, bulk=True).get("responses")
    except TooLarge:
        middle = len(bodies) // 2
        return [*_together(cluster, bodies[:middle], wanted), *_together(cluster, bodies[middle:], wanted)]
    except AccessDenied:
        return [cluster.search(body, wanted) for body in bodies]
    if not isinstance(found, list) or len(found) != len(bodies):
        raise StoreError(f"{cluster.name} does not answer each of several searches: nothing was used")
    return [
        cluster.search(body, wanted) if not isinstance(one, dict) or "error" in one else _whole(cluster, one)
        for body, one in zip(bodies, found, strict=True)
    ]


def _whole(cluster: Cluster, answer: dict[str, Any]) -> dict[str, Any]:
    check_complete(answer, cluster.name)
    if not answer["_shards"]["total"]:
        # Says what is wrong with that.
        raise StoreError(f"there is no index {cluster.name}: check its name")
    return answer
