"""Log lines in a real Elasticsearch: the same metrics as from files, made where the lines lie."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Timer
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from analyzer.reading.fetch import Halving
from tests.conformance import MONDAY, Request, log_queries, log_twin, logs
from tests.elasticsearch.fixtures import NEWEST, Nodes, every_product
from tests.elasticsearch.home import OPENSEARCH
from tests.elasticsearch.node import Cluster as ServerCluster
from tests.elasticsearch.server import Server
from traffic.errors import UsageFailure
from traffic.model import HOUR, Query, Window
from traffic.store import Columns, open_source
from traffic.store.access import elastic_access
from traffic.store.elastic.bodies import COMPRESSION
from traffic.store.elastic.bulk import Loader
from traffic.store.elastic.client import Cluster
from traffic.store.elastic.place import find_place
from traffic.store.log_fields import PRESETS

KEYWORD = {"type": "keyword"}
FIELDS: dict[str, Any] = {
    "timestamp": {"type": "date"},
    "service": KEYWORD,
    "endpoint": KEYWORD,
    "level": KEYWORD,
    "method": KEYWORD,
    "status_code": {"type": "short"},
    "response_time_ms": {"type": "double"},
}
few = settings(
    deadline=None,
    max_examples=4,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def document(line: Request) -> dict[str, Any]:
    """As `./sl.py logs` writes it."""
    took = {} if line.milliseconds is None else {"response_time_ms": line.milliseconds}
    said = {"timestamp": round(line.time * 1000), "service": line.key, "status_code": line.status}
    return {**said, "level": "INFO", **took}


def load(server: Server, index: str, documents: Iterable[dict[str, Any]], fields: dict[str, Any] | None) -> None:
    """Documents into an index of two shards, searchable afterwards. Without `fields` it maps them itself."""
    mappings = {} if fields is None else {"mappings": {"properties": fields}}
    server.call("PUT", f"/{index}", {"settings": {"number_of_shards": 2, "number_of_replicas": 0}, **mappings})
    lines = [part for one in documents for part in (b'{"create":{}}', json.dumps(one).encode())]
    for start in range(0, len(lines), 20_000):
        body = b"\n".join(lines[start : start + 20_000]) + b"\n"
        assert server.call("POST", f"/{index}/_bulk?filter_path=errors", body) == {"errors": False}
    server.call("POST", f"/{index}/_refresh")


def opened(server: Server, index: str, metric: str, **said: Any) -> Any:
    return open_source(f"{server.url}/{index}", Columns(preset=metric, **said))


@every_product
@few
@given(data=st.data(), lines=logs())
def test_a_metric_of_an_index_is_what_the_twin_says(
    elasticsearch: Server, elasticsearch_index: str, data: st.DataObject, lines: list[Request]
) -> None:
    elasticsearch.drop(elasticsearch_index)
    load(elasticsearch, elasticsearch_index, map(document, lines), FIELDS)
    for metric in PRESETS:
        if metric.startswith("latency") and not any(line.milliseconds for line in lines):
            continue
        source = opened(elasticsearch, elasticsearch_index, metric)
        keys, window, resolution = data.draw(log_queries(lines))
        query = Query(source.metric, keys, window, resolution)
        expected = np.array(log_twin(lines, metric, query)).reshape(len(keys), -1)
        if metric == "latency-p95" and elasticsearch.product is OPENSEARCH:
            assert any("p95 as OpenSearch computes it:" in note for note in source.notes())
            continue
        # A digest of up to COMPRESSION values is exact; logs() may put 400 into an hour.
        near = 0.05 if metric == "latency-p95" and resolution == HOUR else 1e-9
        np.testing.assert_allclose(source.series(query).values, expected, rtol=near, err_msg=metric)


def test_a_p95_of_many_is_near_and_of_few_exact(elasticsearch: Server, elasticsearch_index: str) -> None:
    chance = np.random.default_rng(7)
    sizes = (50, COMPRESSION, 2_000, 20_000)
    lines = [
        Request(MONDAY + 60 * place + float(at), "api", float(took), 200)
        for place, size in enumerate(sizes)
        for at, took in zip(chance.random(size).round(3) * 59, chance.lognormal(5, 0.7, size), strict=True)
    ]
    load(elasticsearch, elasticsearch_index, map(document, lines), FIELDS)
    source = opened(elasticsearch, elasticsearch_index, "latency-p95")
    query = Query(source.metric, ("api",), Window(MONDAY, MONDAY + 60 * len(sizes)), 60)
    error = np.abs(source.series(query).values / np.array(log_twin(lines, "latency-p95", query)) - 1)[0]
    assert error[:2] == pytest.approx([0, 0], abs=1e-9)
    assert error.max() < 0.02


def test_the_cluster_is_asked_anew_for_what_does_not_add_up(elasticsearch: Server, elasticsearch_index: str) -> None:
    lines = [Request(MONDAY + 7 * place, "api", 5.0 + place % 11, 200) for place in range(2 * HOUR // 7)]
    load(elasticsearch, elasticsearch_index, map(document, lines), FIELDS)
    for metric in ("error-share", "latency-p95", "errors"):
        source = opened(elasticsearch, elasticsearch_index, metric)
        assert not Halving(source).rolls_up(60)
        assert source.step() is None


def test_requests_of_many_buckets_are_cut_whatever_a_filter_counts_for(
    elasticsearch: Server, elasticsearch_index: str
) -> None:
    lines = [Request(MONDAY + 60 * place, f"s{place % 3}", 5.0, 500) for place in range(600)]
    load(elasticsearch, elasticsearch_index, map(document, lines), FIELDS)
    window = Window(MONDAY, MONDAY + 600 * 60)
    whole = {metric: _all(elasticsearch, elasticsearch_index, metric, window) for metric in PRESETS}
    elasticsearch.call("PUT", "/_cluster/settings", {"persistent": {"search.max_buckets": 100}})
    try:
        for metric, expected in whole.items():
            found = _all(elasticsearch, elasticsearch_index, metric, window)
            np.testing.assert_array_equal(found, expected, err_msg=metric)
    finally:
        elasticsearch.call("PUT", "/_cluster/settings", {"persistent": {"search.max_buckets": None}})


def _all(server: Server, index: str, metric: str, window: Window) -> Any:
    source = opened(server, index, metric)
    return Halving(source, 2).series(Query(source.metric, ("s0", "s1", "s2"), window, 300)).values


def test_fields_that_elasticsearch_mapped_itself_are_found(elasticsearch: Server, elasticsearch_index: str) -> None:
    lines = [Request(MONDAY + 10 * place, "checkout", 5.0, 503 if place % 4 == 0 else 200) for place in range(60)]
    documents = [{**document(line), "timestamp": f"2025-01-06T00:{place // 6:02d}:{place % 6}0.000Z"}
                 for place, line in enumerate(lines)]  # fmt: skip
    load(elasticsearch, elasticsearch_index, documents, None)
    source = opened(elasticsearch, elasticsearch_index, "error-share")
    told = "status >= 500 (status_code), level ERROR, CRITICAL, FATAL and the like (level.keyword)"
    assert source.notes() == ["using timestamp, service.keyword", f"errors: {told}"]
    values = source.series(Query(source.metric, ("checkout",), Window(MONDAY, MONDAY + 600), 600)).values
    np.testing.assert_allclose(values, [[25.0]])


def test_ecs_documents_and_statuses_that_are_texts(elasticsearch: Server, elasticsearch_index: str) -> None:
    fields = {
        "@timestamp": {"type": "date"},
        "service.name": KEYWORD,
        "log.level": KEYWORD,
        "http.response.status_code": KEYWORD,
        "event.duration": {"type": "long"},
    }
    documents = [
        {
            "@timestamp": (MONDAY + place) * 1000,
            "service.name": "api",
            "log.level": "error" if place < 3 else "info",
            "http.response.status_code": "502" if 2 <= place < 5 else "200",
            "event.duration": 25_000_000,
        }
        for place in range(20)
    ]
    load(elasticsearch, elasticsearch_index, documents, fields)
    window = Window(MONDAY, MONDAY + 60)
    expected = {"requests": 20, "errors": 5, "error-share": 25, "latency": 25, "latency-p95": 25}
    for metric, value in expected.items():
        source = opened(elasticsearch, elasticsearch_index, metric)
        np.testing.assert_allclose(source.series(Query(source.metric, ("api",), window, 60)).values, [[value]])
    own = opened(elasticsearch, elasticsearch_index, "errors", errors="log.level:info")
    assert own.series(Query(own.metric, ("api",), window, 60)).values == [[17]]


def test_what_cannot_be_meant_is_told_in_a_line(elasticsearch: Server, elasticsearch_index: str) -> None:
    load(elasticsearch, elasticsearch_index, [document(Request(MONDAY, "api", 1.0, 200))], FIELDS)
    name = f"{elasticsearch.url}/{elasticsearch_index}"
    for columns, line in (
        (Columns(preset="latency", value="service"), "use a field that is a number"),
        (Columns(preset="latency", value="took"), "did you mean|it has"),
        (Columns(preset="requests", step=60), "leave out --wide and --document-step"),
        (Columns(key="service", statistic="share"), "--errors"),
        (Columns(preset="errors", errors="status_code:(("), "not a valid Lucene query:"),
        (Columns(preset="errors", errors="status:>=500"), "uses status, which .* did you mean status_code"),
        (Columns(key="service", statistic="share", errors="level:X", step=60), "--document-step is for"),
    ):
        with pytest.raises(UsageFailure, match=line):
            open_source(name, columns)


def test_another_condition_is_another_answer_for_the_cache(elasticsearch: Server, elasticsearch_index: str) -> None:
    load(elasticsearch, elasticsearch_index, [document(Request(MONDAY, "api", 1.0, 200))], FIELDS)
    window = Window(MONDAY, MONDAY + HOUR)
    said = Columns(preset="errors", errors="status_code:200")
    name = f"{elasticsearch.url}/{elasticsearch_index}"
    prints = [
        open_source(name, columns).fingerprint(window)
        for columns in (said, replace(said, errors="status_code:500"), replace(said, preset="error-share"), said)
    ]
    assert len(set(prints)) == 3
    assert prints[0] == prints[3]


def test_a_metric_of_logs_is_none_of_a_store_of_ours(elasticsearch: Server, elasticsearch_index: str) -> None:
    from tests.elastic_data import load_world

    load_world(f"{elasticsearch.url}/{elasticsearch_index}", {"a": {MONDAY: 1}})
    with pytest.raises(UsageFailure, match="no log lines: leave out --metric"):
        opened(elasticsearch, elasticsearch_index, "requests")


@pytest.fixture(scope="module")
def anxious(elasticsearch_nodes: Nodes) -> Iterator[Server]:
    """A node that looks at all of its heap, as a node does unless it is told not to."""
    anxiety = {"indices.breaker.total.use_real_memory": "true"}
    with ServerCluster(elasticsearch_nodes.home(NEWEST), settings=anxiety) as cluster:
        cluster.call("PUT", "/full/_doc/1?refresh=true", {"service": "api"})
        yield cluster


@contextmanager
def full_for(server: Server, seconds: float) -> Iterator[None]:
    """Whatever is asked meanwhile finds the heap full."""
    limit = "indices.breaker.total.limit"
    server.call("PUT", "/_cluster/settings", {"transient": {limit: "1%"}})
    again = Timer(seconds, server.call, ("PUT", "/_cluster/settings", {"transient": {limit: None}}))
    try:
        with pytest.raises(HTTPError, match="429"):
            urlopen(f"{server.url}/full/_search")
    finally:
        again.start()
    try:
        yield
    finally:
        again.join()


@pytest.mark.xdist_group("full heap")
def test_a_node_whose_heap_is_full_for_a_moment_is_waited_for(anxious: Server, tmp_path: Path) -> None:
    loader = Loader(Cluster(find_place(f"{anxious.url}/bulk"), elastic_access()), tmp_path / "refused.ndjson")
    body = b"".join(b'{"create":{"_id":"%d"}}\n{"service":"api"}\n' % place for place in range(500))
    with full_for(anxious, 0.7):
        assert loader.load("bulk", 500, body) == 500
    assert (loader.sent, loader.stored, loader.refused) == (500, 500, 0)


@pytest.mark.xdist_group("full heap")
def test_a_search_that_meets_a_full_heap_is_sent_again_before_it_counts_as_too_large(anxious: Server) -> None:
    cluster = Cluster(find_place(f"{anxious.url}/full"), elastic_access())
    with full_for(anxious, 0.7):
        found = cluster.search({"track_total_hits": True}, "hits.total.value")
    assert found["hits"]["total"]["value"] == 1
    cluster.close()
