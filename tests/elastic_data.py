"""Documents for tests of Elasticsearch, loaded without the code that is tested."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from tests.conformance import SCENARIO, STEP, World
from tests.elasticsearch.server import Server
from traffic.model import BITS, Grid, Window
from traffic.store import open_sink
from traffic.store.sinks import Sink

FLOWS: dict[str, Any] = {
    "@timestamp": {"type": "date"},
    "customer": {"type": "keyword"},
    "bytes": {"type": "long"},
    "message": {"type": "text", "fields": {"keyword": {"type": "keyword"}}},
    "port": {"type": "integer"},
}


def make_index(server: Server, index: str, shards: int = 1, **settings: Any) -> None:
    """An index of flows of a user's own."""
    server.call(
        "PUT",
        f"/{index}",
        {
            "settings": {"number_of_shards": shards, "number_of_replicas": 0, **settings},
            "mappings": {"properties": FLOWS},
        },
    )


def load_flows(server: Server, index: str, rows: Iterable[tuple[float, str | None, int]]) -> None:
    """Documents of (epoch seconds, key, bytes), searchable afterwards."""
    lines: list[bytes] = []
    for time, key, amount in rows:
        named = {} if key is None else {"customer": key}
        document = {"@timestamp": round(time * 1000), "bytes": amount, **named}
        lines += [b'{"create":{}}', json.dumps(document).encode()]
        if len(lines) >= 20_000:
            _bulk(server, index, lines)
            lines = []
    if lines:
        _bulk(server, index, lines)
    server.call("POST", f"/{index}/_refresh")


def _bulk(server: Server, index: str, lines: list[bytes]) -> None:
    answer = server.call("POST", f"/{index}/_bulk?filter_path=errors", b"\n".join(lines) + b"\n")
    assert answer == {"errors": False}


def load_world(name: str, world: World, replace: bool = False, scenario: str = SCENARIO) -> int:
    """A world, as `generate` writes it; answers how many of its steps were new."""
    sink = open_sink(name, BITS.field, STEP, scenario, len(world), replace)
    new = write_world(sink, world)
    sink.finish()
    return new


def write_world(sink: Sink, world: World) -> int:
    """All but the end."""
    times = [time for steps in world.values() for time in steps]
    whole = sink.begin(Window(min(times), max(times) + STEP))
    new = 0
    for keys in sink.blocks(list(world)):
        for week in whole.weeks():
            grid = Grid.over(week, STEP)
            amounts = [[world[key].get(time, -1) for time in grid.times().tolist()] for key in keys]
            new += sink.write(keys, grid, np.array(amounts, dtype=np.int64))
    return new


def searches(server: Server, index: str) -> int:
    """How many searches these indices have answered, by shard."""
    found = server.call("GET", f"/{index}*/_stats/search?filter_path=_all.total.search.query_total")
    return int(found["_all"]["total"]["search"]["query_total"])
