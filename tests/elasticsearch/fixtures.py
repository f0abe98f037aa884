"""Real Elasticsearch servers for every test of this project. A test asks for one of these fixtures:

    elasticsearch           one node; both majors where the test is marked with `both_majors`, OpenSearch as well with
                            `every_product`, and OpenSearch alone with `opensearch`
    elasticsearch_cluster   three nodes, for this test alone: it may kill them
    elasticsearch_index     a name that no other test has; what begins with it is deleted after the test
    guarded_elasticsearch   one node behind TLS, passwords and API keys

SL_TEST_ES_URL points them at a server that is already there. Where a node cannot be had, the test is skipped and says
why; with CI=true or SL_TEST_REQUIRE=1 it fails, because a test that nobody runs proves nothing.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import pytest

from tests.elasticsearch.guard import Guard, guarded
from tests.elasticsearch.home import NEWEST_OPENSEARCH, VERSIONS, Home, Unavailable, major_of, prepare, product_of
from tests.elasticsearch.node import Cluster
from tests.elasticsearch.server import Elsewhere, Server
from tests.required import missing
from traffic.store.elastic.wire import Waiting

NEWEST = VERSIONS[9]
both_majors = pytest.mark.parametrize("elasticsearch", VERSIONS.values(), indirect=True)
every_product = pytest.mark.parametrize("elasticsearch", [*VERSIONS.values(), NEWEST_OPENSEARCH], indirect=True)
opensearch = pytest.mark.parametrize("elasticsearch", [NEWEST_OPENSEARCH], indirect=True)

LONGEST_WAIT = 8.0


@pytest.fixture(autouse=True)
def _nobody_waits_for_what_a_test_has_broken(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is a real node; the arithmetic of waiting itself is tested without one, in full."""
    if "elasticsearch_nodes" not in request.fixturenames:
        return
    begin = Waiting.__init__

    def shorter(self: Waiting, name: str, seconds: float) -> None:
        begin(self, name, min(seconds, LONGEST_WAIT))

    monkeypatch.setattr(Waiting, "__init__", shorter)


class Nodes:
    """The nodes of a session, each started when a test first asks for it."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory
        self._clusters: dict[tuple[str, int], Cluster] = {}
        self._missing: dict[str, str] = {}

    def home(self, version: str) -> Home:
        """Asked once: what is missing now will be missing for the next test too, and Maven takes its time to say so."""
        if version in self._missing:
            missing(self._missing[version])
        try:
            return prepare(version)
        except Unavailable as reason:
            self._missing[version] = f"{product_of(version).shown}: {reason}"
            missing(self._missing[version])

    def get(self, version: str, nodes: int = 1) -> Cluster:
        """That many nodes of that version, all of them alive."""
        cluster = self._clusters.get((version, nodes))
        if cluster is None:
            folder = self._factory.mktemp(f"elasticsearch-{version}-{nodes}")
            cluster = self._clusters[version, nodes] = Cluster(self.home(version), nodes, folder=folder)
        if len(cluster.urls) < nodes:
            cluster.start()
        return cluster

    def close(self) -> None:
        for cluster in self._clusters.values():
            cluster.discard()


@pytest.fixture(scope="session")
def elasticsearch_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    nodes = Nodes(tmp_path_factory)
    yield nodes
    nodes.close()


@pytest.fixture(scope="session")
def elasticsearch(request: pytest.FixtureRequest, elasticsearch_nodes: Nodes) -> Server:
    wanted: str = getattr(request, "param", NEWEST)
    if not (url := os.environ.get("SL_TEST_ES_URL")):
        return elasticsearch_nodes.get(wanted)
    server = Elsewhere(url)
    if hasattr(request, "param") and (server.product, server.major) != (product_of(wanted), major_of(wanted)):
        pytest.skip(f"SL_TEST_ES_URL is a server {server.version}, and this test is about {wanted}")
    return server


@pytest.fixture
def elasticsearch_cluster(request: pytest.FixtureRequest, elasticsearch_nodes: Nodes) -> Cluster:
    if os.environ.get("SL_TEST_ES_URL"):
        pytest.skip("nodes that SL_TEST_ES_URL names are not killed")
    cluster = elasticsearch_nodes.get(getattr(request, "param", NEWEST), nodes=3)
    cluster.drop("")  # what an earlier test left: now all nodes live again
    return cluster


@pytest.fixture
def elasticsearch_index(elasticsearch: Server) -> Iterator[str]:
    name = f"sl-test-{secrets.token_hex(4)}"
    yield name
    elasticsearch.drop(name)


@pytest.fixture(scope="session")
def guarded_elasticsearch(elasticsearch: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    try:
        with guarded(elasticsearch.urls, tmp_path_factory.mktemp("nginx")) as guard:
            yield guard
    except Unavailable as reason:
        missing(f"Elasticsearch: {reason}")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "xdist_group(name): known here too, for runs without pytest-xdist")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of one server run one after another in one process (--dist loadgroup): it is started once, and a test may
    change the settings of the whole server."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        values = item.callspec.params if hasattr(item, "callspec") else {}
        if "elasticsearch_nodes" in fixtures:
            item.add_marker(pytest.mark.elasticsearch)
        shared = {"elasticsearch", "elasticsearch_cluster"}.intersection(fixtures)
        for server in shared:
            item.add_marker(pytest.mark.xdist_group(f"{server}-{values.get(server, NEWEST)}"))
        if "elasticsearch_nodes" in fixtures and not shared:
            # A server of the file's own: here too a later test may need what an earlier one left.
            item.add_marker(pytest.mark.xdist_group(item.path.name))
