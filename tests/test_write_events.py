"""`discover --write-events`: what was found, in an index of a real node, once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analyzer.report.ecs import PROPERTIES, documents, scope
from deploy.kibana import make
from tests.commands import Answer, refused, sl, well
from tests.elasticsearch.server import Server
from tests.findings_maker import NASTY_KEYS, make_findings
from tests.test_deploy import capabilities, check, fields_of_charts
from tests.test_elastic_as_it_is import END, put
from tests.test_elastic_as_it_is import documents as flows
from traffic.errors import UsageFailure
from traffic.model import WEEK
from traffic.store.access import Access
from traffic.store.elastic import FindingsIndex
from traffic.store.elastic.findings import BODY, bodies

WORLD = ("--customers", "6", "--start", "2026-10-05", "--end", "2026-11-02", "--flows", "-q")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    well(sl("generate", "--store", folder / "traffic", "--output", folder, *WORLD))
    return folder


def discover(world: Path, target: str, *more: str) -> Answer:
    return sl(
        "discover", "--store", world / "traffic", "--output", world, "--charts", "0", "--write-events", target, *more
    )


def rows(path: Path) -> int:
    return len(path.read_text().splitlines()) - 1


def stored(server: Server, index: str) -> dict[str, dict[str, Any]]:
    server.call("POST", f"/{index}/_refresh")
    hits = server.call("POST", f"/{index}/_search", {"size": 10_000, "track_total_hits": True})["hits"]
    assert hits["total"]["value"] == len(hits["hits"])
    return {hit["_id"]: hit["_source"] for hit in hits["hits"]}


def test_an_index_holds_just_what_the_last_run_found(
    elasticsearch: Server, elasticsearch_index: str, world: Path
) -> None:
    target = f"{elasticsearch.url}/{elasticsearch_index}"
    files = [world / f"{name}.csv" for name in ("events", "incidents", "contributors")]
    found: dict[str, Any] = {}
    for _ in range(2):
        well(discover(world, target))
        found = stored(elasticsearch, elasticsearch_index)
        assert len(found) == sum(map(rows, files)) > 50
        names = [line.split(",")[0] for line in files[0].read_text().splitlines()[1:]]
        assert {name for name, one in found.items() if one["event"]["dataset"] == "sl.events"} == set(names)
    check(capabilities(elasticsearch, elasticsearch_index), fields_of_charts(make.FOUND), [])
    # Fewer are found: the others are events no more.
    said = well(discover(world, target, "--over-percent", "900"))
    assert "are no longer found" in said.err
    fewer = stored(elasticsearch, elasticsearch_index)
    assert len(fewer) == sum(map(rows, files)) < len(found)
    # A run of other series takes nothing away.
    well(discover(world, target, "--over-percent", "900", "--only", "customer-0001"))
    assert set(fewer) <= set(stored(elasticsearch, elasticsearch_index))


def test_an_index_of_somebody_else_is_left_alone(elasticsearch: Server, elasticsearch_index: str, world: Path) -> None:
    elasticsearch.call("PUT", f"/{elasticsearch_index}", {"mappings": {"properties": {"a": {"type": "long"}}}})
    said = discover(world, f"{elasticsearch.url}/{elasticsearch_index}")
    assert said.code == 2
    assert "contains documents other" in said.err
    assert stored(elasticsearch, elasticsearch_index) == {}


def test_hostile_keys_come_back_as_themselves(elasticsearch: Server, elasticsearch_index: str) -> None:
    findings = make_findings(40, keys=NASTY_KEYS)
    index = FindingsIndex(f"{elasticsearch.url}/{elasticsearch_index}", Access(), PROPERTIES)
    found = documents(findings)
    assert index.replace(scope(findings, ()), findings.window, found) == 0
    there = stored(elasticsearch, elasticsearch_index)
    assert {one["sl"]["key"] for one in there.values()} == {event.key for event in findings.events}
    assert index.replace(scope(findings, ()), findings.window, {}) == len(found)


def test_bodies_hold_every_document_once() -> None:
    found = {str(number): {"sl": {"key": "\ud800"}} for number in range(BODY + 1)}
    parts = list(bodies(found, {"scope": "s", "run": "r"}))
    lines = [json.loads(line) for part in parts for line in part.decode("utf-8").splitlines()]
    assert len(parts) == 2
    assert [line["index"]["_id"] for line in lines[::2]] == list(found)
    assert all(line == {"sl": {"key": "\\ud800", "scope": "s", "run": "r"}} for line in lines[1::2])


def test_every_field_of_a_document_has_its_place_in_the_mapping() -> None:
    def leaves(value: Any, at: str = "") -> set[str]:
        if not isinstance(value, dict):
            return {at}
        return {leaf for name, inner in value.items() for leaf in leaves(inner, f"{at}.{name}" if at else name)}

    def known(properties: Any, at: str = "") -> set[str]:
        deeper = {name: one.get("properties") for name, one in properties.items()}
        return {
            leaf
            for name, inner in deeper.items()
            for leaf in (known(inner, f"{at}{name}.") if inner else {f"{at}{name}"})
        }

    for document in documents(make_findings(10)).values():
        assert leaves(document) <= known(PROPERTIES)


@pytest.mark.parametrize("target", ["found", "prometheus:http://x/y", "a/b", "/tmp/x"])
def test_a_target_that_is_no_index_is_refused(world: Path, target: str) -> None:
    assert "--write-events" in discover(world, target).err


def test_a_pattern_is_no_index() -> None:
    with pytest.raises(UsageFailure, match="pattern"):
        FindingsIndex("http://127.0.0.1:9/a*", Access(), PROPERTIES)


def test_a_name_alone_is_an_index_beside_the_store(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    put(elasticsearch, elasticsearch_index, flows(END - 3 * WEEK))
    options = ("--key", "customer", "--value", "bytes", "--statistic", "sum", "--resolution", "60m", "--charts", "0")
    store = f"{elasticsearch.url}/{elasticsearch_index}"
    target = f"{elasticsearch_index}-found"
    well(sl("discover", "--store", store, *options, "--output", tmp_path, "--write-events", target))
    assert len(stored(elasticsearch, target)) >= 2
    assert refused(sl("discover", "--store", store, *options, "--write-events", "x,y", "--output", tmp_path / "o"), 2)
