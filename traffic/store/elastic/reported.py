"""Flows that an index tells of more than once."""

from __future__ import annotations

from traffic.store.elastic.answers import total_of, understood
from traffic.store.elastic.bodies import Fields
from traffic.store.elastic.client import Cluster
from traffic.store.elastic.fields import capabilities

_FINAL = "flow.final"
"""Packetbeat's field that says whether a flow has ended."""


def unfinished_flows(cluster: Cluster, fields: Fields) -> list[str]:
    """What to know of flows as Packetbeat writes them, where amounts add up: each report counts from the beginning."""
    if "boolean" not in capabilities(cluster, [_FINAL]).get(_FINAL, {}):
        return []
    query = fields.query()
    query["bool"]["filter"].append({"term": {_FINAL: False}})
    answer = cluster.search({"size": 0, "track_total_hits": True, "query": query}, "hits.total")
    with understood(cluster.name):
        count = total_of(answer)
    if not count:
        return []
    note = f"{count:,} documents are of flows that go on ({_FINAL}: false), and count all since the flow began"
    return [f'{note}, so sums are too high: use a --filter of {{"term": {{"{_FINAL}": true}}}}']
