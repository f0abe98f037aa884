"""The tests' own Elasticsearch: that it is a real one, and that nothing of it is left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from elasticsearch import ConflictError, Elasticsearch
from elasticsearch.helpers import bulk

from tests.elasticsearch.fixtures import Nodes, both_majors
from tests.elasticsearch.home import VERSIONS, Unavailable, find_java
from tests.elasticsearch.node import Cluster, NodeFailed, shared_classes
from tests.elasticsearch.server import Server

ROOT = Path(__file__).resolve().parent.parent.parent

ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
"""A pytest that loads no plugins but those it is told: half of what it takes to start."""


@pytest.fixture
def client(elasticsearch: Server) -> Iterator[Elasticsearch]:
    with Elasticsearch(elasticsearch.url) as client:
        yield client


def running(pid: int) -> bool:
    """Whether this process is there and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ends(pid: int, seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not running(pid)


@both_majors
def test_the_official_client_indexes_and_searches(
    elasticsearch: Server, client: Elasticsearch, elasticsearch_index: str
):
    values = [float(value) for value in range(1, 61)]
    documents = ({"_index": elasticsearch_index, "customer": "a", "bytes": value} for value in values)
    assert bulk(client, documents, refresh=True) == (60, [])
    answer = client.search(
        index=elasticsearch_index,
        size=0,
        aggs={"p95": {"percentiles": {"field": "bytes", "percents": [95]}}, "sum": {"sum": {"field": "bytes"}}},
    )
    assert answer["_shards"] == {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
    assert answer["aggregations"]["sum"]["value"] == sum(values)
    assert answer["aggregations"]["p95"]["values"]["95.0"] == pytest.approx(57.05)


@both_majors
def test_the_node_is_of_the_major_that_was_asked_for(elasticsearch: Server, request: pytest.FixtureRequest):
    wanted = request.node.callspec.params["elasticsearch"]
    assert elasticsearch.version == wanted or os.environ.get("SL_TEST_ES_URL")
    nodes = elasticsearch.call("GET", "/_nodes?filter_path=nodes.*.version")["nodes"]
    assert {node["version"] for node in nodes.values()} == {elasticsearch.version}


@both_majors
def test_a_time_series_index_takes_a_point_once_and_only_within_its_bounds(
    client: Elasticsearch, elasticsearch_index: str
):
    client.indices.create(
        index=elasticsearch_index,
        settings={
            "index.mode": "time_series",
            "index.routing_path": ["organization.name"],
            "index.time_series.start_time": "2026-01-05T00:00:00Z",
            "index.time_series.end_time": "2026-01-12T00:00:00Z",
        },
        mappings={
            "properties": {
                "@timestamp": {"type": "date"},
                "organization.name": {"type": "keyword", "time_series_dimension": True},
                "network.bytes": {"type": "long", "time_series_metric": "gauge"},
            }
        },
    )
    point = {"@timestamp": "2026-01-05T00:00:00Z", "organization.name": "a", "network.bytes": 1}
    client.index(index=elasticsearch_index, op_type="create", document=point)
    with pytest.raises(ConflictError) as refused:
        client.index(index=elasticsearch_index, op_type="create", document={**point, "network.bytes": 2})
    assert refused.value.status_code == 409
    late = {**point, "@timestamp": "2026-01-12T00:00:00Z"}
    with pytest.raises(Exception, match="must be smaller than"):
        client.index(index=elasticsearch_index, op_type="create", document=late)
    client.indices.refresh(index=elasticsearch_index)
    assert client.count(index=elasticsearch_index)["count"] == 1


def test_a_killed_node_comes_back_under_its_url_with_its_data(elasticsearch_cluster: Cluster):
    cluster = elasticsearch_cluster
    urls = cluster.urls
    cluster.call("PUT", "/flows/_doc/1?refresh=true&wait_for_active_shards=2", {"bytes": 1})
    cluster.nodes[1].kill()
    assert cluster.urls == [urls[0], urls[2]]
    cluster.start()
    assert cluster.urls == urls
    assert cluster.call("GET", "/flows/_count")["count"] == 1


def test_a_node_takes_its_classes_from_the_archive_of_its_home(elasticsearch_cluster: Cluster):
    archive = shared_classes(elasticsearch_cluster.home)
    for node in elasticsearch_cluster.nodes:
        assert str(archive) in Path(f"/proc/{node.pid}/maps").read_text()


def test_a_cluster_that_loses_a_node_still_gives_complete_answers(elasticsearch_cluster: Cluster):
    cluster = elasticsearch_cluster
    cluster.call("PUT", "/flows", {"settings": {"number_of_shards": 3, "number_of_replicas": 1}})
    lines = "".join(f'{{"index":{{"_id":"{i}"}}}}\n{{"bytes":{i}}}\n' for i in range(300)).encode()
    assert not cluster.call("POST", "/flows/_bulk?refresh=true&wait_for_active_shards=2", lines)["errors"]
    cluster.await_health()
    victim = cluster.nodes[0]
    pid = victim.pid
    victim.kill()
    assert not running(pid)
    with Elasticsearch(cluster.urls) as client:
        cluster.await_health()
        answer = client.search(index="flows", size=0, track_total_hits=True, aggs={"sum": {"sum": {"field": "bytes"}}})
    assert answer["_shards"] == {"total": 3, "successful": 3, "skipped": 0, "failed": 0}
    assert answer["hits"]["total"]["value"] == 300
    assert answer["aggregations"]["sum"]["value"] == sum(range(300))


@pytest.fixture
def own(elasticsearch_nodes: Nodes, tmp_path: Path) -> Iterator[Cluster]:
    """A node for this test alone, not started yet."""
    cluster = Cluster(elasticsearch_nodes.home(VERSIONS[9]), folder=tmp_path / "own")
    yield cluster
    cluster.discard()


def test_a_stopped_node_leaves_no_process_and_no_file(own: Cluster):
    own.start()
    pid = own.nodes[0].pid
    assert running(pid)
    own.stop()
    assert not running(pid)
    assert own.urls == []
    own.discard()
    assert not own.folder.exists()


def test_a_node_goes_with_the_process_that_started_it_even_if_that_is_killed(
    elasticsearch_nodes: Nodes, tmp_path: Path
):
    version = elasticsearch_nodes.home(VERSIONS[9]).version
    script = (
        "import sys, time; from pathlib import Path;"
        "from tests.elasticsearch.home import prepare; from tests.elasticsearch.node import Cluster;"
        "cluster = Cluster(prepare(sys.argv[1]), folder=Path(sys.argv[2])).start();"
        "print(cluster.nodes[0].pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, version, tmp_path / "own"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        node = int(parent.stdout.readline())
        assert running(node)
        parent.send_signal(signal.SIGKILL)
    assert ends(node)


def test_a_node_that_cannot_start_says_why_in_a_few_lines(elasticsearch_nodes: Nodes, tmp_path: Path):
    cluster = Cluster(elasticsearch_nodes.home(VERSIONS[9]), settings={"no.such.setting": "1"}, folder=tmp_path / "own")
    with pytest.raises(NodeFailed, match=r"(?s)node-0 ended.*unknown setting \[no\.such\.setting\]") as failed:
        cluster.start()
    assert len(str(failed.value).splitlines()) < 15
    assert not cluster.folder.exists()


def test_two_processes_that_need_a_home_make_one(elasticsearch_nodes: Nodes, tmp_path: Path):
    version = elasticsearch_nodes.home(VERSIONS[8]).version
    script = f"from tests.elasticsearch.home import prepare; print(prepare({version!r}).path)"
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    command = [sys.executable, "-c", script]
    both = [subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    paths = {Path(process.communicate()[0].strip()) for process in both}
    assert len(paths) == 1
    assert sorted(path.name for path in paths.pop().iterdir()) == ["launcher", "lib", "modules"]
    assert len([path for path in (tmp_path / "sl-tests").iterdir() if path.is_dir()]) == 1


def test_no_java_that_is_new_enough_is_said_with_what_there_is():
    with pytest.raises(Unavailable, match=r"no Java 99 or newer \(there is only [\d, ]+\): install one"):
        find_java(99)


@pytest.mark.parametrize(
    ("settings", "code", "says"),
    [
        ({}, 0, "1 skipped"),
        ({"CI": "true"}, 1, "1 error"),
        ({"SL_TEST_REQUIRE": "1"}, 1, "1 error"),
    ],
    ids=["on a laptop", "in CI", "where it is asked for"],
)
def test_without_maven_a_test_is_skipped_or_fails_where_a_node_is_required(
    tmp_path: Path, settings: dict[str, str], code: int, says: str
):
    kept = {
        name: value for name, value in os.environ.items() if name not in {"CI", "SL_TEST_REQUIRE", "SL_TEST_ES_URL"}
    }
    for program in ("java", "sh"):
        if place := shutil.which(program):
            (tmp_path / program).symlink_to(place)
    environment = {**kept, "PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), **ALONE, **settings}
    test = f"{__file__}::{test_the_official_client_indexes_and_searches.__name__}[{VERSIONS[8]}]"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout
    assert says in done.stdout
    assert "Maven (mvn) is not installed" in done.stdout


def test_tests_of_one_node_run_in_one_process(tmp_path: Path):
    """pytest-xdist has lost this without a word once, and every process started nodes of its own."""
    source = (
        "import os, pathlib, pytest\n"
        "@pytest.mark.xdist_group('node')\n"
        "@pytest.mark.parametrize('number', range(8))\n"
        "def test_it(number): pathlib.Path(os.environ['PYTEST_XDIST_WORKER']).touch()\n"
    )
    (tmp_path / "test_it.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-n", "2", "--dist", "loadgroup"]
    command += ["-p", "no:cacheprovider", "."]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | ALONE
    done = subprocess.run(command, cwd=tmp_path, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert len(list(tmp_path.glob("gw*"))) == 1
