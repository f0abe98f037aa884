"""Lines to a real Elasticsearch: stored once each, found by their fields, and counted when they are refused."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.logs.sinks import Counts, Lines, Opening, SinkFailure, open_log_sink
from generator.logs.sinks.base import SinkRefused
from tests.elasticsearch.fixtures import NEWEST, Nodes, every_product
from tests.elasticsearch.guard import Guard
from tests.elasticsearch.node import Cluster
from tests.elasticsearch.server import Server
from tests.lines import START_US, lines, numbers
from tests.proxy import Proxy
from traffic.errors import AccessDenied
from traffic.store.access import Access
from traffic.store.base import Away
from traffic.store.elastic.documents import bodies

HOUR_US = 3_600_000_000


def found(server: Server, index: str) -> list[int]:
    """The numbers of all lines in the index, in order."""
    answer = server.call("POST", f"/{index}/_search", {"size": 10_000, "sort": ["number"], "_source": ["number"]})
    return [hit["_source"]["number"] for hit in answer["hits"]["hits"]]


def count(server: Server, index: str) -> int:
    return int(server.call("GET", f"/{index}/_count")["count"])


def opening(folder: Path, **more: Any) -> Opening:
    return Opening(refused=folder / "refused.ndjson", **more)


@given(
    times=st.lists(st.integers(0, 400 * 24), max_size=30),
    pattern=st.sampled_from(["logs", "logs-%Y.%m.%d", "a-%Y-%m", "h-%Y%m%d%H", "w-%G.%V"]),
)
def test_each_document_goes_to_the_index_of_its_time(times: list[int], pattern: str) -> None:
    stamps = np.array(times, dtype=np.int64) * HOUR_US + START_US
    ids = [b"%d" % number for number in range(len(times))]
    sources = [b'{"number":%d}' % number for number in range(len(times))]
    went: dict[int, str] = {}
    for index, size, body in bodies(pattern, stamps, ids, sources):
        pairs = body.splitlines()
        assert len(pairs) == 2 * size
        for action, source in zip(pairs[::2], pairs[1::2], strict=True):
            number = json.loads(source)["number"]
            assert json.loads(action) == {"create": {"_id": str(number)}}
            assert number not in went
            went[number] = index
    assert went == {
        number: datetime.fromtimestamp(int(stamp) / 1e6, UTC).strftime(pattern) for number, stamp in enumerate(stamps)
    }


def test_bodies_are_small_enough_for_any_cluster() -> None:
    many = [b'{"x":"%b"}' % (b"x" * 2000)] * 12_000
    sizes = [len(body) for _, _, body in bodies("logs", np.zeros(len(many), np.int64), [b"1"] * len(many), many)]
    assert max(sizes) <= 5 << 20
    assert sum(sizes) > 20 << 20
    small = [b"{}"] * 12_000
    assert [size for _, size, _ in bodies("logs", np.zeros(len(small), np.int64), small, small)] == [5000, 5000, 2000]


@every_product
def test_lines_are_stored_once_however_often_they_are_sent(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    name = f"{elasticsearch.url}/{elasticsearch_index}"
    for _ in range(2):
        sink = open_log_sink(name, opening(tmp_path))
        assert (sink.name, sink.guarantee) == (name, "stored")
        sink.write(lines(700))
        sink.write(lines(0, 700))
        sink.write(lines(300, 700))
        assert sink.close() == Counts(1000, 1000, 0)
        assert sink.close() == Counts(1000, 1000, 0)
        assert found(elasticsearch, elasticsearch_index) == list(range(1000))
    sink = open_log_sink(name, opening(tmp_path))
    sink.write(lines(10, run="another"))
    sink.close()
    assert count(elasticsearch, elasticsearch_index) == 1010
    assert list(tmp_path.iterdir()) == []


def test_an_index_for_each_day_is_chosen_by_the_time_of_the_line(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    sink = open_log_sink(f"{elasticsearch.url}/{elasticsearch_index}-%Y.%m.%d", opening(tmp_path))
    sink.write(lines(72, step_us=HOUR_US))
    assert sink.close() == Counts(72, 72, 0)
    answer = elasticsearch.call("GET", f"/{elasticsearch_index}-*/_count")
    assert answer["count"] == 72
    indices = elasticsearch.call("GET", f"/{elasticsearch_index}-*/_mapping")
    assert sorted(name.removeprefix(f"{elasticsearch_index}-") for name in indices) == [
        "2026.02.02",
        "2026.02.03",
        "2026.02.04",
        "2026.02.05",
    ]
    assert count(elasticsearch, f"{elasticsearch_index}-2026.02.03") == 24


LINE = {
    "timestamp": "2026-02-02T02:40:00.000001",
    "level": "ERROR",
    "source": "web-server",
    "service": "nginx",
    "message": "502 Bad Gateway - upstream auth-service unavailable",
    "ip_address": "192.168.1.100",
    "response_time_ms": 3500.5,
    "status_code": 502,
    "endpoint": "/api/v1/auth/login",
    "_labels": {"is_anomaly": True, "anomaly_type": "service_outage", "anomaly_score": 0.85, "incident_id": "i-1"},
}


def one(document: dict[str, Any]) -> Lines:
    return Lines("run", 0, np.array([START_US]), [json.dumps(document).encode()])


def test_fields_have_the_types_that_a_detector_and_a_dashboard_need(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    sink = open_log_sink(f"{elasticsearch.url}/{elasticsearch_index}", opening(tmp_path))
    sink.write(one(LINE))
    sink.close()
    caps = elasticsearch.call("GET", f"/{elasticsearch_index}/_field_caps?fields=*")["fields"]
    wanted = {
        "timestamp": "date",
        "@timestamp": "date",
        "level": "keyword",
        "service": "keyword",
        "endpoint": "keyword",
        "message": "text",
        "ip_address": "ip",
        "response_time_ms": "float",
        "status_code": "integer",
        "_labels.is_anomaly": "boolean",
        "_labels.anomaly_type": "keyword",
        "_labels.anomaly_score": "float",
        "_labels.incident_id": "keyword",
    }
    assert {name: next(iter(caps[name])) for name in wanted} == wanted
    body = {"size": 0, "aggs": {"hours": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1h"}}}}
    hours = elasticsearch.call("POST", f"/{elasticsearch_index}/_search", body)["aggregations"]["hours"]["buckets"]
    assert [bucket["doc_count"] for bucket in hours] == [1]


def test_a_line_with_a_field_of_the_wrong_kind_is_stored_because_it_was_ordered(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    sink = open_log_sink(f"{elasticsearch.url}/{elasticsearch_index}", opening(tmp_path))
    sink.write(one(LINE | {"response_time_ms": "NaN", "status_code": "abc", "ip_address": "999.1.2.3"}))
    assert sink.close() == Counts(1, 1, 0)


def test_what_the_cluster_refuses_is_counted_listed_and_said(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    sink = open_log_sink(f"{elasticsearch.url}/{elasticsearch_index}", opening(tmp_path))
    good = lines(10)
    texts = [*good.texts[:4], b'{"timestamp": "yesterday", "number": 4}', *good.texts[5:]]
    sink.write(replace(good, texts=texts))
    with pytest.raises(SinkFailure) as caught:
        sink.close()
    assert str(caught.value).startswith(
        "1 of 10 documents were rejected (9 stored, 0 already there), such as: document_parsing"
    )
    assert caught.value.exit_code == 1
    assert sink.close() == caught.value.counts == Counts(9, 9, 1)
    assert found(elasticsearch, elasticsearch_index) == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    listed = [json.loads(line) for line in (tmp_path / "refused.ndjson").read_text().splitlines()]
    assert [line["document"]["number"] for line in listed] == [4]
    assert "document_parsing_exception" in listed[0]["reason"]


def test_lines_that_are_no_json_are_refused_at_once(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    sink = open_log_sink(f"{elasticsearch.url}/{elasticsearch_index}", opening(tmp_path))
    with pytest.raises(SinkRefused, match="needs JSON: choose a JSON format; 0 lines stored, 1 drop"):
        sink.write(Lines("run", 0, np.array([START_US]), [b"[2026-02-02] [INFO]"]))
    sink.close()


def test_nobody_there_is_one_line_at_once(tmp_path: Path) -> None:
    with pytest.raises(Away, match=r"127.0.0.1:1/logs cannot be reached"):
        open_log_sink("http://127.0.0.1:1/logs", opening(tmp_path))


def test_a_cluster_that_answers_too_late_gets_the_lines_once(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    """The connection breaks after the cluster has stored them and before it could say so."""
    port = int(elasticsearch.url.rpartition(":")[2])
    for after in (False, True):
        with Proxy(port) as proxy:
            sink = open_log_sink(f"http://127.0.0.1:{proxy.port}/{elasticsearch_index}", opening(tmp_path))
            sink.write(lines(10))
            proxy.cut(b"_bulk", after=after)
            sink.write(lines(10, 10))
            assert proxy.cuts == 1
            assert sink.close() == Counts(20, 20, 0)
    assert found(elasticsearch, elasticsearch_index) == list(range(20))


@pytest.mark.slow
def test_a_node_that_is_busy_or_killed_and_comes_back_has_every_line_once(
    elasticsearch_nodes: Nodes, tmp_path: Path
) -> None:
    settings = {"indexing_pressure.memory.limit": "1mb"}
    with Cluster(elasticsearch_nodes.home(NEWEST), heap="512m", settings=settings, folder=tmp_path / "node") as node:
        _more_than_the_node_takes(node, tmp_path)
        _kill_while_writing(node, tmp_path)


def _more_than_the_node_takes(node: Cluster, folder: Path) -> None:
    """Several writers at once: the node answers 429 to some of them, and gets every line once."""

    def write(number: int) -> None:
        sink = open_log_sink(f"{node.url}/sl-busy", opening(folder / str(number), patience=300))
        for first in range(0, 1200, 600):
            sink.write(lines(600, first + 1200 * number, padding=1000))
        counts.append(sink.close())

    counts: list[Counts] = []
    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    pressure = next(iter(node.call("GET", "/_nodes/stats/indexing_pressure")["nodes"].values()))
    assert pressure["indexing_pressure"]["memory"]["total"]["coordinating_rejections"] > 0
    assert counts == [Counts(1200, 1200, 0)] * 4
    node.call("POST", "/sl-busy/_refresh")
    assert count(node, "sl-busy") == 4800


def _kill_while_writing(node: Cluster, folder: Path) -> None:
    index = "sl-sink"
    sink = open_log_sink(f"{node.url}/{index}", opening(folder, patience=300))
    sink.write(lines(1000))

    def disturb() -> None:
        node.nodes[0].kill()
        time.sleep(0.5)
        node.start()

    other = threading.Thread(target=disturb)
    other.start()
    for first in range(1000, 9000, 200):
        sink.write(lines(200, first))
    other.join()
    assert sink.close() == Counts(9000, 9000, 0)
    assert found(node, index) == list(range(9000))


def test_a_cluster_that_stays_away_is_one_line_with_the_exact_counts(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    port = int(elasticsearch.url.rpartition(":")[2])
    proxy = Proxy(port)
    sink = open_log_sink(f"http://127.0.0.1:{proxy.port}/{elasticsearch_index}", opening(tmp_path, patience=0.3))
    sink.write(lines(10))
    proxy.end()
    with pytest.raises(SinkFailure, match=r"cannot be reached .* \(waited 0.3 s\); 10 lines stored, 5 drop"):
        sink.write(lines(5, 10))
    assert sink.close() == Counts(10, 10, 5)


def test_credentials_come_from_elsewhere_and_wrong_ones_are_one_line(
    guarded_elasticsearch: Guard, tmp_path: Path
) -> None:
    guard = guarded_elasticsearch
    with pytest.raises(AccessDenied, match="rejects") as caught:
        open_log_sink(
            f"{guard.url}/sl-guarded", opening(tmp_path, entry=Access("me", "wrong", ca_file=str(guard.ca_file)))
        )
    assert caught.value.exit_code == 5
    assert "wrong" not in str(caught.value)


def test_the_numbers_of_the_test_lines_are_what_they_seem() -> None:
    assert numbers(list(lines(3, 5).texts)) == [5, 6, 7]
