"""What traffic in an index is made of, asked for: the searches of many questions in a few requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import comb

from traffic.flows import MOST, FlowAnswer, FlowQuery
from traffic.model import Floats, Metric
from traffic.store.elastic.bodies import Fields
from traffic.store.elastic.client import MAX_BUCKETS, Cluster
from traffic.store.elastic.flows import WANTED, flow_answer, flow_body, whole_answer, whole_body
from traffic.store.elastic.many import IN_A_REQUEST, in_requests, search_many


def ask_flows(
    cluster: Cluster,
    fields: Fields,
    names: Mapping[str, str],
    metric: Metric,
    queries: Sequence[FlowQuery],
    max_buckets: int = MAX_BUCKETS,
) -> Iterator[FlowAnswer]:
    """An answer for each query: a search, and one more where a field has more values than an answer lists.

    Args:
        names: dimension -> the field that can be grouped by in its place.
        max_buckets: that the cluster lets a search have.
    """
    windows = max((len(query.windows) for query in queries), default=1)
    # Of each window itself, those of the values, and two more.
    most = max(1, min(MOST, max_buckets // windows - 3))
    for some in in_requests(queries):
        bodies = [flow_body(fields, query, names, metric, most=most) for query in some]
        told = [
            flow_answer(query, answer, metric, cluster.name, most=most)
            for query, answer in zip(some, search_many(cluster, bodies, WANTED), strict=True)
        ]
        again = [(query, one.named[:most]) for query, one in zip(some, told, strict=True) if one.named]
        bodies = [flow_body(fields, query, names, metric, named) for query, named in again]
        exact = (
            flow_answer(query, answer, metric, cluster.name, named, most).answer
            for (query, named), answer in zip(again, search_many(cluster, bodies, WANTED), strict=True)
        )
        for one in told:
            yield next(exact) if one.named else one.answer


def ask_totals(cluster: Cluster, fields: Fields, metric: Metric, queries: Sequence[FlowQuery]) -> list[Floats]:
    """What all documents of each query's key come to in its windows: arrays of shape (windows,)."""
    bodies = [whole_body(fields, query, metric) for query in queries]
    return [
        whole_answer(query, answer, metric, cluster.name)
        for query, answer in zip(queries, search_many(cluster, bodies, WANTED), strict=True)
    ]


def requests_of(events: int, dimensions: int) -> int:
    """How many requests so many events take at the most, each search asked twice, and then pairs of dimensions."""
    return sum(2 * -(-events * each // IN_A_REQUEST) for each in (dimensions, comb(dimensions, 2)))
