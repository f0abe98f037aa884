"""One scenario in every store that can be written to: the same events and the same verdicts, to the byte."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.commands import sl, well
from tests.elasticsearch.fixtures import NEWEST
from tests.elasticsearch.home import NEWEST_OPENSEARCH
from tests.elasticsearch.server import Server
from tests.prometheus.fixtures import running
from tests.prometheus.server import SERVERS

# The default scenario, with fewer customers and weeks.
WORLD = ("--customers", "8", "--start", "2026-09-07", "--end", "2026-10-05")
SAME = ("events.csv", "comparison.csv", "suppressed.csv", "not_judged.csv")


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What discover says of the world in a folder."""
    output = tmp_path_factory.mktemp("embedded")
    where = ("--store", output / "traffic", "--output", output)
    well(sl("generate", *WORLD, *where))
    well(sl("discover", *where, "--charts", "0"))
    scores = json.loads((output / "run.json").read_text())["scores"]
    assert (scores["hits"] >= 3, scores["misses"]) == (True, 0), "a world in which there is nothing shows nothing"
    return output


def found(store: str, embedded: Path, output: Path) -> dict[str, bool]:
    """Which tables of a run on `store` are those of the embedded store."""
    shutil.copy(embedded / "ground_truth.csv", output)
    well(sl("discover", "--store", store, "--output", output, "--charts", "0"))
    return {name: (output / name).read_bytes() == (embedded / name).read_bytes() for name in SAME}


@pytest.mark.parametrize("elasticsearch", [NEWEST, NEWEST_OPENSEARCH], indirect=True)
def test_of_an_index(elasticsearch: Server, elasticsearch_index: str, embedded: Path, tmp_path: Path) -> None:
    store = f"{elasticsearch.url}/{elasticsearch_index}"
    well(sl("generate", *WORLD, "--store", store, "--output", tmp_path))
    assert found(store, embedded, tmp_path) == dict.fromkeys(SAME, True)


@pytest.mark.parametrize("name", list(SERVERS))
def test_of_a_server_that_speaks_promql(
    name: str, embedded: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for server in running(name, tmp_path_factory):
        into = f"prometheus:{server.data}" if name == "prometheus" else server.store
        if into == server.store:
            server.start()
        well(sl("generate", *WORLD, "--store", into, "--output", tmp_path))
        if into != server.store:
            server.start()
        assert found(server.store, embedded, tmp_path) == dict.fromkeys(SAME, True)
