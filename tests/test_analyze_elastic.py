"""`analyze` on a real Elasticsearch: the same figures as from a file, without a cap and never in part."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analyzer.log_summary import analyse
from tests.commands import sl
from tests.conformance import MONDAY
from tests.elasticsearch.fixtures import every_product
from tests.elasticsearch.guard import Guard
from tests.elasticsearch.server import Server
from tests.logs_made import Line, document, json_lines, make_lines
from tests.test_log_discovery_elastic import FIELDS, load
from traffic.access_log import LogColumns
from traffic.errors import PartialAnswer, UsageFailure
from traffic.model import HOUR, Window
from traffic.store import open_log
from traffic.store.access import Access
from traffic.store.base import NoSuchStore

ROOT = Path(__file__).resolve().parent.parent
ALL_FIELDS = {**FIELDS, "ip_address": {"type": "ip"}}


def filled(server: Server, index: str, lines: list[Line]) -> str:
    load(server, index, map(document, lines), ALL_FIELDS)
    return f"{server.url}/{index}"


@every_product
def test_an_index_says_what_the_file_says(elasticsearch: Server, elasticsearch_index: str, tmp_path: Path) -> None:
    lines = make_lines()
    (tmp_path / "lines.ndjson").write_text(json_lines(lines))
    here = analyse(open_log(str(tmp_path / "lines.ndjson"), LogColumns()), None, None, top=5, latest=7)
    there = analyse(open_log(filled(elasticsearch, elasticsearch_index, lines), LogColumns()), None, None, 5, 7)
    assert there.window == here.window
    assert there.traffic.requests.tolist() == here.traffic.requests.tolist()
    assert here.traffic.errors is not None
    assert there.traffic.errors is not None
    assert there.traffic.errors.tolist() == here.traffic.errors.tolist()
    assert {role: top.counts for role, top in there.counted.items()} == {
        role: top.counts for role, top in here.counted.items()
    }
    assert there.endpoints == here.endpoints
    assert there.histogram.tolist() == here.histogram.tolist()
    assert dict(there.outliers) == dict(here.outliers)
    assert [line.milliseconds for line in there.slowest] == [line.milliseconds for line in here.slowest]
    assert [line.time for line in there.latest] == [line.time for line in here.latest]
    assert there.latest[0] == here.latest[0]
    assert here.latency is not None
    assert there.latency is not None
    for name in ("requests", "mean", "p50", "p95", "most"):
        assert getattr(there.latency, name) == pytest.approx(getattr(here.latency, name), rel=0.02), name


def test_more_than_ten_thousand_lines_and_values(elasticsearch: Server, elasticsearch_index: str) -> None:
    lines = [
        Line(MONDAY + place / 10, "api", f"/item/{place % 3000}", "GET", 200, "INFO", float(1 + place % 50), "10.0.0.1")
        for place in range(12_500)
    ]
    log = open_log(filled(elasticsearch, elasticsearch_index, lines), LogColumns(raw_paths=True))
    window = log.extent()
    assert log.traffic(window).requests.sum() == 12_500
    latest = log.latest(window, 12_000)
    assert [line.time for line in latest] == sorted((line.time for line in lines), reverse=True)[:12_000]
    top = log.top("endpoint", window, 3)
    # 12,500 = 4 x 3,000 + 500: the first 500 have five; of one count they come in order of name.
    assert [(count.value, count.requests) for count in top.counts] == [("/item/0", 5), ("/item/1", 5), ("/item/10", 5)]
    assert (top.others, top.without) == (12_485, 0)


def test_shards_that_do_not_agree_on_an_order_are_asked_for_everything(
    elasticsearch: Server, elasticsearch_index: str
) -> None:
    # More values than a shard tells of: with a size of 1 its list is a thousand long.
    chance = np.random.default_rng(5)
    lines = [
        Line(MONDAY + place, "api", f"/{chance.integers(0, 4000)}", "GET", 200, "INFO", None, "10.0.0.1")
        for place in range(9_000)
    ]
    log = open_log(filled(elasticsearch, elasticsearch_index, lines), LogColumns(raw_paths=True))
    counts: dict[str, int] = {}
    for line in lines:
        counts[line.endpoint] = counts.get(line.endpoint, 0) + 1
    expected = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:5]
    for limit in (None, 50):
        elasticsearch.call("PUT", "/_cluster/settings", {"persistent": {"search.max_buckets": limit}})
        try:
            # What is too much for the cluster at once is asked for in smaller pages.
            top = log.top("endpoint", log.extent(), 5)
            assert [(count.value, count.requests) for count in top.counts] == expected
        finally:
            elasticsearch.call("PUT", "/_cluster/settings", {"persistent": {"search.max_buckets": None}})


def test_what_is_too_much_for_the_cluster_at_once_is_asked_for_in_parts(
    elasticsearch: Server, elasticsearch_index: str
) -> None:
    lines = [
        Line(MONDAY + HOUR * place, "api", f"/{place}", "GET", 200, "INFO", 5.0, "10.0.0.1")
        for place in (*range(150), 3, 3, 7)
    ]
    name = filled(elasticsearch, elasticsearch_index, lines)
    whole = analyse(open_log(name, LogColumns()), None, None, 2, 2)
    elasticsearch.call("PUT", "/_cluster/settings", {"persistent": {"search.max_buckets": 90}})
    try:
        cut = analyse(open_log(name, LogColumns()), None, None, 2, 2)
    finally:
        elasticsearch.call("PUT", "/_cluster/settings", {"persistent": {"search.max_buckets": None}})
    assert cut.traffic.requests.tolist() == whole.traffic.requests.tolist()
    assert cut.endpoints == whole.endpoints
    assert cut.counted == whole.counted


def test_a_shard_that_cannot_be_reached_is_no_half_answer(elasticsearch: Server, elasticsearch_index: str) -> None:
    lines = [Line(MONDAY, "api", "/", "GET", 200, "INFO", 1.0, "10.0.0.1")]
    filled(elasticsearch, f"{elasticsearch_index}-1", lines)
    log = open_log(f"{elasticsearch.url}/{elasticsearch_index}*", LogColumns(), Access(wait=1.0))
    nowhere = {"index.routing.allocation.require._name": "nowhere", "number_of_replicas": 0}
    elasticsearch.call(
        "PUT",
        f"/{elasticsearch_index}-2?wait_for_active_shards=0",
        {"settings": nowhere, "mappings": {"properties": {"timestamp": {"type": "date"}}}},
    )
    window = Window(MONDAY, MONDAY + HOUR)
    with pytest.raises(PartialAnswer):
        log.traffic(window)
    with pytest.raises(PartialAnswer):
        log.latest(window, 5)


def test_named_fields_and_conditions(elasticsearch: Server, elasticsearch_index: str, tmp_path: Path) -> None:
    fields = {"when": {"type": "date"}, "took": {"type": "long"}, "code": {"type": "keyword"}, "env": {"type": "text"}}
    documents = [
        {"when": (MONDAY + place) * 1000, "took": 2 * place, "code": str(200 + place % 2), "env": "prod"}
        for place in range(9)
    ]
    load(elasticsearch, elasticsearch_index, documents, fields)
    name = f"{elasticsearch.url}/{elasticsearch_index}"
    said = LogColumns({"time": "when", "latency": "took", "status": "code"}, errors="code:201", scale=1000.0)
    found = analyse(open_log(name, said), None, None, 5, 5)
    assert (found.requests, found.errors) == (9, 4)
    assert found.latency is not None
    assert found.latency.most == 16_000.0
    (tmp_path / "filter.json").write_text(json.dumps({"range": {"took": {"gte": 10}}}))
    assert analyse(open_log(name, replace(said, filter_file=tmp_path / "filter.json")), None, None, 5, 5).requests == 4
    for named, line in (
        ({}, "--field time=NAME"),
        ({"time": "took"}, "use a field that is a date"),
        ({"time": "when", "latency": "code"}, "use a field that is a number"),
        ({"time": "when", "service": "env"}, "is a text"),
        ({"time": "when", "service": "evn"}, "did you mean env"),
    ):
        with pytest.raises(UsageFailure, match=line):
            open_log(name, LogColumns(named))
    for errors, line in (("cod:201", "uses cod.*did you mean code"), ("code:((", "not a valid Lucene query:")):
        with pytest.raises(UsageFailure, match=line):
            open_log(name, replace(said, errors=errors))
    with pytest.raises(UsageFailure, match="are for files"):
        open_log(name, LogColumns(where="took > 1"))
    with pytest.raises(NoSuchStore):
        open_log(f"{elasticsearch.url}/{elasticsearch_index}-nothing", LogColumns())


def test_analyze_behind_a_password_says_no_secret(
    elasticsearch: Server, elasticsearch_index: str, guarded_elasticsearch: Guard, tmp_path: Path
) -> None:
    filled(elasticsearch, elasticsearch_index, make_lines())
    guard = guarded_elasticsearch
    (tmp_path / "password").write_text(guard.password + "\n")
    store = ("analyze", "--store", f"{guard.url}/{elasticsearch_index}", "--output", str(tmp_path), "--no-charts")
    secure = ("--ca-file", str(guard.ca_file), "--user", guard.user)
    (tmp_path / "wrong").write_text("wrong\n")
    denied = sl(*store, *secure, "--password-file", str(tmp_path / "wrong"))
    assert denied.code == 5
    done = sl(*store, *secure, "--password-file", str(tmp_path / "password"))
    assert done.code == 0, done.err
    written = [file.read_text() for file in tmp_path.rglob("*.csv")]
    for said in (denied.out, denied.err, done.out, done.err, *written):
        assert guard.password not in said
