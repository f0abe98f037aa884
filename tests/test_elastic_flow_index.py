"""Flow records in an index of their own beside the totals: written once, and read as the embedded store's are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import refused, sl, well
from tests.elasticsearch.server import Server

SCENARIO = """
seed: 5
step: 10m
window: {start: 2026-10-05, end: 2026-11-02}
customers: {count: 3}
events: {per_week: 2}
dimensions: {enabled: true, services_each: [2, 3], networks_each: [2, 3]}
"""
QUIET = ("--charts", "0", "--no-html", "--resolution", "10m", "-q")


@pytest.fixture
def stores(elasticsearch: Server, elasticsearch_index: str, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The same world in an index and in a folder."""
    index = f"{elasticsearch.url}/{elasticsearch_index}"
    (tmp_path / "scenario.yaml").write_text(SCENARIO)
    for name, store in (("index", index), ("folder", tmp_path / "store")):
        run = ("generate", "--scenario", tmp_path / "scenario.yaml", "--store", store, "--output", tmp_path / name)
        well(sl(*run, "-q"))
    yield index, tmp_path / "store"
    made = elasticsearch.call("GET", f"/_cat/indices/{elasticsearch_index}-flows*?format=json&h=index")
    if made:
        elasticsearch.call("DELETE", "/" + ",".join(one["index"] for one in made))


def test_flow_records_lie_beside_the_totals_and_say_what_those_of_a_folder_say(
    elasticsearch: Server, elasticsearch_index: str, stores: tuple[str, Path], tmp_path: Path
) -> None:
    index, folder = stores
    truths = [(tmp_path / name / "ground_truth.csv").read_text() for name in ("index", "folder")]
    assert [row.split(",")[1:8] for row in truths[0].splitlines()[1:]] == [
        row.split(",")[1:8] for row in truths[1].splitlines()[1:]
    ]
    made = {}
    columns = ("--key", "customer", "--value", "bytes", "--floor", "1e6")
    for name, *store in (
        ("folder", folder),
        ("totals", index),
        ("flows", f"{index}-flows"),
        ("files", folder / "flows"),
    ):
        run = ("discover", "--store", *store, "--output", tmp_path / name, *QUIET)
        well(sl(*run, *(columns if name == "files" else ())))
        tables = ("events.csv", "contributors.csv", "incidents.csv")
        made[name] = [(tmp_path / name / file).read_text() for file in tables]
    assert len(made["folder"][0].splitlines()) > 5
    assert made["totals"][1:] == made["folder"][1:], "by what they came and what belongs together, to the last digit"
    assert made["flows"][1:] == made["folder"][1:]
    # Events of files have other names, for the metric has.
    nameless = {
        name: [[row.partition(",")[2] for row in table.splitlines()] for table in tables[1:]]
        for name, (*tables,) in made.items()
    }
    assert nameless["files"] == nameless["folder"]
    del made["files"]
    events = {name: [row.split(",")[:11] for row in both[0].splitlines()] for name, both in made.items()}
    assert events["flows"] == events["totals"] == events["folder"]
    hit = elasticsearch.call("GET", f"/{elasticsearch_index}-flows/_search?size=1")["hits"]["hits"][0]["_source"]
    assert {name: sorted(hit[name]) for name in ("organization", "destination", "source")} == {
        "organization": ["name"],
        "destination": ["port"],
        "source": ["as", "geo"],
    }
    assert sorted(hit["network"]) == ["bytes", "transport"]


def test_they_are_written_once_made_anew_and_never_taken_for_totals(
    elasticsearch: Server, elasticsearch_index: str, stores: tuple[str, Path], tmp_path: Path
) -> None:
    index, _ = stores

    def counted() -> int:
        elasticsearch.call("POST", f"/{elasticsearch_index}-flows/_refresh")
        return int(elasticsearch.call("GET", f"/{elasticsearch_index}-flows/_count")["count"])

    before = counted()
    again = (
        "generate",
        "--scenario",
        tmp_path / "scenario.yaml",
        "--store",
        index,
        "--output",
        tmp_path / "index",
        "-q",
    )
    well(sl(*again))
    assert counted() == before
    assert "cannot break traffic down by 'port': use dst_port" in refused(
        sl("discover", "--store", index, "--output", tmp_path / "x", "--by", "port", *QUIET), 2
    )
    assert "mixes" in refused(sl("discover", "--store", f"{index}*", "--output", tmp_path / "x", *QUIET), 2)
    well(sl(*again, "--no-flows", "--replace"))
    assert elasticsearch.call("GET", f"/_cat/indices/{elasticsearch_index}-flows*?format=json") == []
    refused(sl("discover", "--store", index, "--output", tmp_path / "x", "--by", "dst_port", *QUIET), 2)
