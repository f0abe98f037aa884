"""Every document accounted for, on a real node: what was there, what was used, what was left out and why."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from tests.commands import ROOT, sl
from tests.elastic_data import load_flows, make_index
from tests.elasticsearch.server import Server
from traffic.model import HOUR, Window
from traffic.store import Columns, open_source

MONDAY = 1_790_553_600
"""2026-09-28."""
FLOWS = Columns(None, "customer", "bytes", statistic="sum")


def fill(server: Server, index: str, documents: list[dict[str, Any]]) -> None:
    """Documents as they are."""
    lines = [line for one in documents for line in (b'{"create":{}}', json.dumps(one).encode())]
    answer = server.call("POST", f"/{index}/_bulk?filter_path=errors&refresh=true", b"\n".join(lines) + b"\n")
    assert answer == {"errors": False}


def test_each_document_is_used_or_left_out_for_one_reason(elasticsearch: Server, elasticsearch_index: str) -> None:
    for name in ("old", "new"):
        make_index(elasticsearch, f"{elasticsearch_index}-{name}")
        load_flows(
            elasticsearch, f"{elasticsearch_index}-{name}", [(MONDAY + HOUR * i, "abc"[i % 3], i) for i in range(30)]
        )
    document = {"@timestamp": 1000 * MONDAY, "customer": "a", "bytes": 5}
    lacking: list[dict[str, Any]] = [
        {key: value for key, value in document.items() if key != name} for name in document
    ]
    fill(elasticsearch, f"{elasticsearch_index}-new", [*lacking, {"port": 5}, {"customer": "a"}])
    source = open_source(f"{elasticsearch.url}/{elasticsearch_index}-*", FLOWS)
    whole = source.extent(None, 60)
    coverage = source.coverage(whole, whole)
    assert [(part.name, part.rows, part.used) for part in coverage.parts] == [
        (f"{elasticsearch_index}-new", 35, 30),
        (f"{elasticsearch_index}-old", 30, 30),
    ]
    assert coverage.reasons == {"have no @timestamp": 3, "have no bytes": 1, "have no customer": 1}
    assert coverage.explained
    assert not coverage.whole
    assert (coverage.parts[1].first, coverage.parts[1].last) == (MONDAY, MONDAY + 29 * HOUR)
    later = source.coverage(Window(MONDAY + 10 * HOUR, MONDAY + 20 * HOUR), whole)
    assert (later.rows, later.used) == (23, 20)


def test_a_run_says_what_it_left_out_in_every_place_and_from_the_cache_too(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    make_index(elasticsearch, elasticsearch_index)
    rows = [(MONDAY + HOUR * i, None if i == 7 else "ab"[i % 2], 100) for i in range(200)]
    load_flows(elasticsearch, elasticsearch_index, rows)
    store = ("--store", f"{elasticsearch.url}/{elasticsearch_index}", "--key", "customer", "--value", "bytes")
    for _ in range(2):
        answer = sl("discover", *store, "--resolution", "60m", "--charts", "0", "--output", tmp_path, cwd=ROOT)
        assert answer.code == 0
        assert "Read 199 of 200 documents; 1 has no customer (coverage.csv)." in answer.out
        assert "Everything was judged" not in answer.out
    with (tmp_path / "coverage.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [(row["rows"], row["used"], row["left_out"], row["reason"]) for row in table] == [
        ("199", "199", "0", ""),
        ("1", "0", "1", "have no customer"),
    ]
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["queries"]["sent"] == 0
    assert {name: run["coverage"][name] for name in ("rows", "used", "left_out", "reasons")} == {
        "rows": 200,
        "used": 199,
        "left_out": 1,
        "reasons": {"have no customer": 1},
    }
    doctor = sl("doctor", *store, "--output", tmp_path, cwd=ROOT)
    assert "read 199 of 200 documents" in doctor.out
    assert f"{elasticsearch_index}: 1 has no customer" in doctor.out
    again = sl("report", "--output", tmp_path, cwd=ROOT)
    assert "Read 199 of 200 documents; 1 has no customer" in again.out
