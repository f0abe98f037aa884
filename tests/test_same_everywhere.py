"""One scenario in every store that can be written to: the same events and the same verdicts, to the byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.between import Between
from tests.commands import sl, well
from tests.elasticsearch.fixtures import NEWEST
from tests.elasticsearch.home import NEWEST_OPENSEARCH
from tests.elasticsearch.server import Server
from tests.prometheus.server import PromServer
from tests.scenario_runs import POINTS, SAME, WORLD, found, in_a_folder


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return in_a_folder(tmp_path_factory.mktemp("embedded"))


@pytest.mark.parametrize("elasticsearch", [NEWEST, NEWEST_OPENSEARCH], indirect=True)
def test_of_an_index(elasticsearch: Server, elasticsearch_index: str, embedded: Path, tmp_path: Path) -> None:
    store = f"{elasticsearch.url}/{elasticsearch_index}"
    well(sl("generate", *WORLD, "--store", store, "--output", tmp_path))
    assert found(store, embedded, tmp_path) == dict.fromkeys(SAME, True)


def test_of_a_server_that_speaks_promql(prom_generated: PromServer, embedded: Path, tmp_path: Path) -> None:
    with Between(prom_generated.url) as between:
        assert found(f"prometheus:{between.url}", embedded, tmp_path) == dict.fromkeys(SAME, True)
        answers = [told.content for _, told in between.log]
    # Fewer points come over the wire than there are.
    marks = (b'",[', b'"],[', b'"values":[[')
    assert 0 < sum(content.count(mark) for content in answers for mark in marks) < 0.6 * POINTS
