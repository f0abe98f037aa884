"""By what events came, told from an index: the same as from files with the same rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.commands import refused, sl, well
from tests.conformance import MONDAY
from tests.elasticsearch.server import Server
from traffic.errors import UsageFailure
from traffic.flows import FlowQuery
from traffic.model import WEEK, Window
from traffic.store import Columns, open_source
from traffic.store.base import FlowSource
from traffic.store.elastic.bodies import Fields
from traffic.store.elastic.flows import MOST, OTHERS, flow_answer, flow_body

COLUMNS = Columns("@timestamp", "customer", "bytes", statistic="sum", unit="B", scale=8.0)
MAPPING = {
    "@timestamp": {"type": "date"},
    "customer": {"type": "keyword"},
    "bytes": {"type": "long"},
    "destination": {"properties": {"port": {"type": "integer"}}},
    "network": {"properties": {"transport": {"type": "text", "fields": {"keyword": {"type": "keyword"}}}}},
    "site": {"type": "keyword"},
}


def documents(weeks: int = 4, step: int = 3600) -> list[dict[str, Any]]:
    """Rows of two customers; one of them rises by port 53 in the last week."""
    rng = np.random.default_rng(3)
    found = []
    for time in range(MONDAY, MONDAY + weeks * WEEK, step):
        attacked = MONDAY + (weeks - 1) * WEEK + 50 * 3600 <= time < MONDAY + (weeks - 1) * WEEK + 53 * 3600
        for key in "ab":
            for port, transport, amount in ((443, "tcp", 900), (53, "udp", 40), (None, "tcp", 100)):
                rise = 300 if attacked and key == "a" and port == 53 else 1
                row: dict[str, Any] = {"@timestamp": time * 1000, "customer": key, "site": "x"}
                row["bytes"] = int(amount * rise * rng.uniform(0.9, 1.1))
                row["network"] = {"transport": transport}
                found.append(row if port is None else {**row, "destination": {"port": port}})
    return found


@pytest.fixture
def both(elasticsearch: Server, elasticsearch_index: str, tmp_path: Path) -> tuple[str, Path]:
    settings = {"number_of_shards": 2, "number_of_replicas": 0}
    body = {"settings": settings, "mappings": {"properties": MAPPING}}
    elasticsearch.call("PUT", f"/{elasticsearch_index}", body)
    rows = documents()
    lines = [line for row in rows for line in ('{"create":{}}', json.dumps(row))]
    answer = elasticsearch.call(
        "POST", f"/{elasticsearch_index}/_bulk?refresh=true", ("\n".join(lines) + "\n").encode()
    )
    assert answer["errors"] is False
    path = tmp_path / "rows.ndjson"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return f"{elasticsearch.url}/{elasticsearch_index}", path


def test_an_index_says_what_files_with_the_same_rows_say(both: tuple[str, Path]) -> None:
    theirs, ours = (open_source(str(name), COLUMNS) for name in both)
    assert isinstance(theirs, FlowSource)
    assert isinstance(ours, FlowSource)
    assert theirs.dimensions() == ours.dimensions() == ("destination.port", "network.transport")
    windows = (Window(MONDAY, MONDAY + 7200), Window(MONDAY + WEEK, MONDAY + WEEK + 3600), Window(MONDAY - 60, MONDAY))
    names = ("destination.port", "network.transport", "site")
    assert theirs.dimensions(names) == names
    queries = [FlowQuery(key, windows, (name,)) for name in names for key in ("a", "b", "nobody")]
    pair = ("destination.port", "network.transport")
    queries += [FlowQuery("a", windows, pair, only) for only in (("53", "udp"), ("443", "udp"), ("", "tcp"))]
    for query, one, other in zip(queries, theirs.flows(queries), ours.flows(queries), strict=True):
        found, expected = (dict(zip(a.values, a.amounts.tolist(), strict=True)) for a in (one, other))
        if query.only is not None:
            expected = {query.only: expected.get(query.only, [0.0] * 3)}
        assert {value: sums for value, sums in found.items() if any(sums)} == {
            value: sums for value, sums in expected.items() if any(sums)
        }
        np.testing.assert_array_equal(one.there, other.there)
        np.testing.assert_allclose(one.totals, other.totals, rtol=1e-15)
    with pytest.raises(UsageFailure, match="no field 'sight' to tell traffic apart by"):
        theirs.dimensions(("sight",))


def test_discover_says_by_what_an_event_in_an_index_came(both: tuple[str, Path], tmp_path: Path) -> None:
    said = []
    columns = ("--time", "@timestamp", "--key", "customer", "--value", "bytes", "--statistic", "sum")
    for place, name in enumerate(both):
        output = tmp_path / str(place)
        run = ("discover", "--store", str(name), *columns, "--resolution", "60m", "--floor", "1", "--output", output)
        told = well(sl(*run, "--charts", "0", "--no-html")).out
        assert "destination.port=53" in told
        said.append([line.partition(",")[2] for line in (output / "contributors.csv").read_text().splitlines()])
        assert "no " in refused(sl(*run, "-q", "--by", "sight"), 2)
    assert said[0] == said[1]


def test_what_lies_beyond_the_values_that_an_answer_lists_is_one_more() -> None:
    fields = Fields("@timestamp", "customer", "bytes", "sum")
    query = FlowQuery("a", (Window(0, 60), Window(60, 120)), ("port",))
    body = flow_body(fields, query, {"port": "port"})
    assert body["aggs"]["windows"]["aggs"]["values"]["terms"] == {"field": "port", "size": MOST}

    def bucket(total: float, *values: tuple[int, float], none: float = 0.0, more: int = 0) -> dict[str, Any]:
        listed = [{"key": key, "doc_count": 1, "value": {"value": amount}} for key, amount in values]
        return {
            "doc_count": len(values) + more,
            "value": {"value": total},
            "values": {"buckets": listed, "sum_other_doc_count": more},
            "none": {"doc_count": int(none > 0), "value": {"value": none}},
        }

    answer = {
        "aggregations": {"windows": {"buckets": {"0": bucket(10, (53, 4), none=1, more=3), "1": bucket(2, (80, 2))}}}
    }
    found = flow_answer(fields, query, answer, 8.0, "x")
    amounts = dict(zip(found.values, found.amounts.tolist(), strict=True))
    assert amounts == {("53",): [32, 0], ("",): [8, 0], (OTHERS,): [40, 0], ("80",): [0, 16]}
    assert found.totals.tolist() == [80, 16]
