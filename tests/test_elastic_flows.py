"""By what events came, told from an index: the same as from files with the same rows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyzer.contributors import contributors, windows_of
from analyzer.model import Policy
from tests.commands import refused, sl, well
from tests.conformance import MONDAY
from tests.elasticsearch.server import Server
from tests.findings_maker import make_event
from traffic.errors import AccessDenied, UsageFailure
from traffic.flows import MORE, MOST, SEVERAL, FlowQuery
from traffic.model import WEEK, Metric, Window
from traffic.store import Columns, open_source
from traffic.store.access import Access
from traffic.store.base import FlowSource, StoreError, TooLarge
from traffic.store.elastic.bodies import Fields
from traffic.store.elastic.client import Cluster
from traffic.store.elastic.flows import WANTED, FlowTold, flow_answer, flow_body, whole_body
from traffic.store.elastic.many import search_many
from traffic.store.elastic.place import find_place

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
    rows = documents()
    load(elasticsearch, elasticsearch_index, rows, MAPPING)
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
    with pytest.raises(UsageFailure, match="no field 'sight' that traffic can be broken down by"):
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


def test_keys_are_grouped_by_a_field(both: tuple[str, Path], tmp_path: Path) -> None:
    columns = ("--time", "@timestamp", "--key", "customer", "--value", "bytes", "--statistic", "sum", "--by", "none")
    said = []
    for place, name in enumerate(both):
        output = tmp_path / str(place)
        run = ("discover", "--store", str(name), *columns, "--resolution", "60m", "--floor", "1", "--output", output)
        well(sl(*run, "--charts", "0", "--no-html", "-q", "--group", "site"))
        said.append([line.partition(",")[2] for line in (output / "incidents.csv").read_text().splitlines()])
        assert "fits the name of no key, and" in refused(sl(*run, "-q", "--group", "sight"), 2)
    assert said[0] == said[1]
    assert "group x" in said[0][1]


def test_many_events_share_their_requests_and_their_answers_are_those_of_each_alone(
    both: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = open_source(both[0], COLUMNS)
    assert isinstance(source, FlowSource)
    by = ("destination.port", "network.transport", "site")
    source.dimensions(by)
    extent = source.extent(None, 3600)
    events = [make_event(key, MONDAY + 3 * WEEK + hour * 3600, 60) for hour in range(20) for key in "ab"]
    asked: list[str] = []
    ask = Cluster.ask

    def counted(self: Cluster, method: str, path: str, *more: Any, **others: Any) -> dict[str, Any]:
        asked.append(path.rpartition("/")[2])
        return ask(self, method, path, *more, **others)

    monkeypatch.setattr(Cluster, "ask", counted)
    together = list(contributors(source, events, extent, by, Policy()))
    assert set(asked) <= {"_msearch", "_search"}
    searches, requests = len(events) * len(by), len(asked)
    assert requests <= source.flow_requests(len(by), 8, len(events))
    assert requests < searches / 10
    assert together == [one for event in events for one in contributors(source, [event], extent, by, Policy())]
    assert sum(map(bool, together)) == len(events)


@pytest.mark.parametrize("refused", [AccessDenied("no"), TooLarge("much"), None])
def test_what_is_too_much_together_or_goes_wrong_is_asked_for_alone(
    both: tuple[str, Path], refused: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = find_place(both[0])
    cluster = Cluster(place, Access(None, None))
    fields = Fields("@timestamp", "customer", "bytes", "sum")
    window = (Window(MONDAY, MONDAY + WEEK),)
    bodies = [whole_body(fields, FlowQuery(key, window, ()), BYTES) for key in "abc"]
    if refused is None:
        bodies[1] = {**bodies[1], "aggs": {"windows": {"terms": {"field": "bytes", "size": -1}}}}
    ask = Cluster.ask

    def refusing(self: Cluster, method: str, path: str, *more: Any, **others: Any) -> dict[str, Any]:
        if path.endswith("_msearch") and refused is not None and path.count("_msearch"):
            raise refused
        return ask(self, method, path, *more, **others)

    monkeypatch.setattr(Cluster, "ask", refusing)
    if refused is None:
        with pytest.raises(StoreError, match="size"):
            list(search_many(cluster, bodies, WANTED))
        return
    alone = [cluster.search(body, WANTED)["aggregations"] for body in bodies]
    assert [one["aggregations"] for one in search_many(cluster, bodies, WANTED)] == alone


BYTES = Metric("bytes", "bytes", "sum", scale=8.0)
TWO = FlowQuery("a", (Window(0, 60), Window(60, 120)), ("port",))


def bucket(total: float, *values: tuple[int, float], none: float = 0.0, more: int = 0) -> dict[str, Any]:
    listed = [{"key": key, "doc_count": 1, "value": {"value": amount}} for key, amount in values]
    return {
        "doc_count": len(values) + more,
        "value": {"value": total},
        "values": {"buckets": listed, "sum_other_doc_count": more},
        "none": {"doc_count": int(none > 0), "value": {"value": none}},
    }


def told(*buckets: dict[str, Any]) -> FlowTold:
    answer = {"aggregations": {"windows": {"buckets": {str(place): one for place, one in enumerate(buckets)}}}}
    return flow_answer(TWO, answer, BYTES, "x")


def test_what_lies_beyond_the_values_that_an_answer_lists_is_one_more() -> None:
    fields = Fields("@timestamp", "customer", "bytes", "sum")
    body = flow_body(fields, TWO, {"port": "port"}, BYTES)
    terms = body["aggs"]["windows"]["aggs"]["values"]["terms"]
    assert (terms["size"], terms["order"]) == (MOST, {"value": "desc"}), "few documents may hold most of it"
    found = told(bucket(10, (53, 4), none=1, more=3), bucket(2, (80, 2)))
    amounts = dict(zip(found.answer.values, found.answer.amounts.tolist(), strict=True))
    assert amounts == {("53",): [32, 0], ("",): [8, 0], (MORE,): [40, 0], ("80",): [0, 16]}
    assert found.answer.totals.tolist() == [80, 16]
    assert found.named == ("53", "80"), "whether 53 was there before is not known yet"
    again = flow_body(fields, TWO, {"port": "port"}, BYTES, found.named)["aggs"]["windows"]["aggs"]
    assert again["named"]["filters"]["filters"] == {"0": {"term": {"port": "53"}}, "1": {"term": {"port": "80"}}}


def test_what_documents_with_several_values_count_too_often_is_one_more() -> None:
    found = told(bucket(10, (53, 10), (80, 10)), bucket(2, (80, 2)))
    amounts = dict(zip(found.answer.values, found.answer.amounts.tolist(), strict=True))
    assert amounts == {("53",): [80, 0], ("80",): [80, 16], (SEVERAL,): [-80, 0]}
    assert found.named == ()


VALUES = 100_000
EVENT_AT = MONDAY + 3 * WEEK + 50 * 3600


def awkward_documents() -> Iterator[dict[str, Any]]:
    """Of one customer four weeks of one hour: a field of 100,000 values, one that is missing, one of several values."""
    for week in range(4):
        time = (EVENT_AT + (week - 3) * WEEK) * 1000
        for number in range(VALUES // 4):
            row: dict[str, Any] = {"@timestamp": time + number, "customer": "a", "bytes": 10 + number % 7}
            row["client"] = f"c{number % 20_000 if number < 20_000 else week * VALUES + number}"
            row["tags"] = ["x", "y"] if number % 3 == 0 else "x"
            if number % 2:
                row["site"] = "s"
            if week == 3:
                row["since"] = "now"
            yield row
    yield {
        "@timestamp": EVENT_AT * 1000,
        "customer": "a",
        "bytes": 9_000_000,
        "client": "c7",
        "tags": "z",
        "since": "now",
    }


def load(server: Server, index: str, rows: Iterable[dict[str, Any]], mapping: dict[str, Any]) -> None:
    settings = {"number_of_shards": 2, "number_of_replicas": 0}
    server.call("PUT", f"/{index}", {"settings": settings, "mappings": {"properties": mapping}})
    for part in batches(rows, 20_000):
        lines = [line for row in part for line in ('{"create":{}}', json.dumps(row))]
        answer = server.call("POST", f"/{index}/_bulk?refresh=true", ("\n".join(lines) + "\n").encode())
        assert answer["errors"] is False


def batches(rows: Iterable[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    there = iter(rows)
    while part := list(islice(there, size)):
        yield part


def test_fields_with_many_values_several_or_none_are_a_line_each_and_add_up(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    keyword = {"type": "keyword"}
    mapping = {**MAPPING, "client": keyword, "tags": keyword, "since": keyword}
    rows = list(awkward_documents())
    load(elasticsearch, elasticsearch_index, rows, mapping)
    path = tmp_path / "rows.ndjson"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    event = make_event("a", EVENT_AT, 60)
    by = ("client", "tags", "site", "since")
    found = []
    for name in (f"{elasticsearch.url}/{elasticsearch_index}", str(path)):
        source = open_source(name, COLUMNS)
        assert isinstance(source, FlowSource)
        source.dimensions(by)
        (many,) = source.flows([FlowQuery("a", windows_of(event, source.extent(None, 3600), Policy()), ("client",))])
        assert (MORE,) in many.values
        assert len(many.values) <= MOST + 2
        (made,) = contributors(source, [event], source.extent(None, 3600), by, Policy())
        for dimension in by:
            shares = [row.share for row in made if row.dimension == dimension]
            assert math.fsum(shares) == pytest.approx(1, abs=1e-9 * max(1, sum(map(abs, shares)))), dimension
        found.append({(row.dimension, row.value): row for row in made})
    elasticsearch.call("PUT", "/_cluster/settings", {"persistent": {"search.max_buckets": 200}})
    try:
        small = open_source(f"{elasticsearch.url}/{elasticsearch_index}", COLUMNS)
        assert isinstance(small, FlowSource)
        small.dimensions(by)
        (made,) = contributors(small, [event], small.extent(None, 3600), by, Policy())
        few = {(row.dimension, row.value): row for row in made}
        assert few["client", "c7"].share > 0.99, (
            "what a cluster lets a search have is few values, and still the right ones"
        )
        assert math.fsum(row.share for row in made if row.dimension == "client") == pytest.approx(1, abs=1e-9)
    finally:
        elasticsearch.call("PUT", "/_cluster/settings", {"persistent": {"search.max_buckets": None}})
    theirs, ours = found
    for rows_of in found:
        evil = rows_of["client", "c7"]
        assert evil.share > 0.99
        assert not evil.new, "it was there before, with little"
        assert rows_of["site", "(none)"].share > 0.99
        assert rows_of["since", "now"].new == "yes"
        assert rows_of["since", "(none)"].actual == 0
    for one in (("client", "c7"), ("site", "s"), ("site", "(none)"), ("since", "now"), ("since", "(none)")):
        assert theirs[one].actual == ours[one].actual
        assert theirs[one].usual == pytest.approx(ours[one].usual, rel=1e-12)
    assert theirs["tags", SEVERAL].share == pytest.approx(-theirs["tags", "y"].share, abs=1e-9)
    for one in (("tags", "x"), ("tags", "y"), ("tags", "z"), ("tags", SEVERAL)):
        assert theirs[one].actual == ours[one].actual, "a row with a list counts for each of its values"
        assert theirs[one].share == pytest.approx(ours[one].share, abs=1e-12)
