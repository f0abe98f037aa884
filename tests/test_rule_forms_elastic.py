"""Rules for who alerts on Elasticsearch, on a real index: the query part of each, as far as a bare node knows it."""

from __future__ import annotations

import json
import urllib.error
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.commands import sl, well
from tests.elastic_data import load_flows
from tests.elasticsearch.server import Server
from tests.worlds import MONDAY
from traffic.model import HOUR, WEEK

HOURS = 4 * 168
ATTACK = slice(3 * 168 + 50, 3 * 168 + 53)


@pytest.fixture
def amounts() -> dict[str, list[int]]:
    """Bytes an hour of two customers; one of them rises for three hours of the last week."""
    rng = np.random.default_rng(3)
    found = {key: (1000 * rng.uniform(0.9, 1.1, HOURS)).astype(int) for key in "ab"}
    found["a"][ATTACK] *= 12
    return {key: values.tolist() for key, values in found.items()}


@pytest.fixture
def ran(elasticsearch: Server, elasticsearch_index: str, amounts: dict[str, list[int]], tmp_path: Path) -> Path:
    """The folder of a run on them."""
    rows = [(MONDAY + HOUR * hour, key, value) for key, own in amounts.items() for hour, value in enumerate(own)]
    kinds = {"@timestamp": "date", "customer": "keyword", "bytes": "long"}
    mappings = {"properties": {name: {"type": kind} for name, kind in kinds.items()}}
    elasticsearch.call("PUT", f"/{elasticsearch_index}", {"mappings": mappings})
    load_flows(elasticsearch, elasticsearch_index, rows)
    store = f"{elasticsearch.url}/{elasticsearch_index}"
    columns = ("--time", "@timestamp", "--key", "customer", "--value", "bytes", "--statistic", "sum")
    run = ("discover", "--store", store, *columns, "--resolution", "60m", "--output", tmp_path / "out")
    well(sl(*run, "--charts", "0", "--no-html"))
    return tmp_path


def test_a_rule_of_elastalert_asks_for_the_buckets_that_its_threshold_was_made_for(
    elasticsearch: Server, ran: Path, amounts: dict[str, list[int]]
) -> None:
    """Its query as ElastAlert 2 puts it: the filter of the rule, a histogram of its interval, its metric."""
    made = ("rules", "--output", ran / "out", "--format", "elastalert", "--file", ran / "rules")
    well(sl(*made))
    rules = [yaml.safe_load(path.read_text()) for path in sorted((ran / "rules").iterdir())]
    assert {rule["filter"][0]["term"]["customer"]["value"] for rule in rules} == {"a", "b"}
    for rule in rules:
        between = {rule["timestamp_field"]: {"gte": MONDAY * 1000, "lt": (MONDAY + 4 * WEEK) * 1000}}
        metric = {rule["metric_agg_type"]: {"field": rule["metric_agg_key"]}}
        interval = f"{rule['bucket_interval']['seconds']}s"
        histogram: dict[str, Any] = {"field": rule["timestamp_field"], "fixed_interval": interval}
        body = {
            "size": 0,
            "query": {"bool": {"filter": [{"range": between}, *rule["filter"]]}},
            "aggs": {"interval_aggs": {"date_histogram": histogram, "aggs": {"metric": metric}}},
        }
        answer = elasticsearch.call("POST", f"/{rule['index']}/_search", body)
        buckets = [one["metric"]["value"] for one in answer["aggregations"]["interval_aggs"]["buckets"]]
        key = rule["filter"][0]["term"]["customer"]["value"]
        assert buckets == amounts[key]
        over = [hour for hour, value in enumerate(buckets) if value > rule["max_threshold"]]
        assert over == (list(range(ATTACK.start, ATTACK.stop)) if key == "a" else [])


def test_the_thresholds_for_kibana_load_into_a_lookup_index_and_its_query_is_of_a_module_that_is_not_there(
    elasticsearch: Server, elasticsearch_index: str, ran: Path
) -> None:
    made = ("rules", "--output", ran / "out", "--format", "kibana", "--file", ran / "rule.json")
    well(sl(*made))
    own = f"{elasticsearch_index}-thresholds"
    mappings = {"properties": {"key_slot": {"type": "keyword"}, "threshold": {"type": "double"}}}
    elasticsearch.call("PUT", f"/{own}", {"settings": {"index.mode": "lookup"}, "mappings": mappings})
    lines = (ran / "rule.json.ndjson").read_text().replace('"sl-thresholds"', json.dumps(own))
    answer = elasticsearch.call("POST", "/_bulk?refresh=true", lines.encode())
    assert answer["errors"] is False
    assert elasticsearch.call("GET", f"/{own}/_count")["count"] == 2 * 168
    term = {"query": {"term": {"key_slot": "a|29"}}}
    (hit,) = elasticsearch.call("POST", f"/{own}/_search", term)["hits"]["hits"]
    assert hit["_source"]["threshold"] > 1000
    query = json.loads((ran / "rule.json").read_text())["params"]["esqlQuery"]["esql"]
    with pytest.raises(urllib.error.HTTPError) as refusal:
        elasticsearch.call("POST", "/_query", {"query": query})
    assert refusal.value.code in (400, 405)
    assert "no handler found" in refusal.value.read().decode() or refusal.value.code == 405
