"""The stranger's path through the cluster of docker-compose.yml, with what its containers would start.

Three real nodes with the settings of es01, es02 and es03. Security is not in the distribution on Maven Central: it
stands in front of each: nginx with the certificates that `setup` made and the password of `.env`. Each command runs
as its service says, with the variables that Compose gives it; only hosts and folders are those of this machine, and the
world is smaller.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from deploy.cluster import env
from tests.commands import ROOT, Answer, refused, sl, well
from tests.elasticsearch.fixtures import NEWEST, Nodes
from tests.elasticsearch.guard import Guard, running
from tests.elasticsearch.node import Cluster
from tests.test_analyze_notebook import run as notebook
from tests.test_cluster_setup import setup
from tests.test_stack import config

NODES = ("es01", "es02", "es03")
OF_THE_IMAGE = ("xpack.", "ELASTIC_PASSWORD", "ES_JAVA_OPTS")
"""Settings that only the image's distribution has, or that are for its start."""
OF_THE_NETWORK = ("discovery.seed_hosts", "cluster.initial_master_nodes", "node.name")
"""Settings that name other nodes: here they find each other by their ports."""
SMALL = ("--customers", "3", "--start", "2026-09-07", "--end", "2026-10-05")


@dataclass(frozen=True)
class Stack:
    """The services as Compose understands them, and where they are on this machine."""

    services: dict[str, Any]
    cluster: Cluster
    urls: dict[str, str]
    certificates: Path
    output: Path
    password: str

    def here(self, text: str) -> str:
        """What a service says, with the hosts and folders of this machine."""
        for name, url in self.urls.items():
            text = text.replace(f"https://{name}:9200", url)
        return text.replace("/certs", str(self.certificates)).replace("/sl/output", str(self.output))

    def environment(self, name: str) -> dict[str, str]:
        return {key: self.here(str(value)) for key, value in self.services[name]["environment"].items()}

    def run(self, name: str, *more: str, **instead: str) -> Answer:
        """The command of a service, in a folder like the container's."""
        command = [self.here(word) for word in self.services[name]["command"]]
        return sl(*command, *more, cwd=self.output.parent, **{**self.environment(name), **instead})


@pytest.fixture(scope="module")
def stack(elasticsearch_nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    shutil.copy(ROOT / ".env.example", folder)
    assert env.write(folder)
    secrets = env.settings((folder / ".env").read_text())
    services = config("cluster", **secrets)
    certificates = folder / "certs"
    made = setup(services["setup"]["command"][0], certificates, *services["setup"]["command"][2:], **secrets)
    assert made.code == 0, made
    of_nodes = [services[name]["environment"] for name in NODES]
    settings = [
        {key: str(value) for key, value in given.items() if not key.startswith((*OF_THE_IMAGE, *OF_THE_NETWORK))}
        for given in of_nodes
    ]
    assert settings[0] == settings[1] == settings[2]
    cluster = Cluster(elasticsearch_nodes.home(NEWEST), nodes=3, heap="512m", settings=settings[0])
    with cluster, contextlib.ExitStack() as guards:
        urls = {}
        for name, node in zip(NODES, cluster.nodes, strict=True):
            own = folder / f"nginx-{name}"
            own.mkdir()
            guard = replace(blank(own), password=secrets["ELASTIC_PASSWORD"])
            key = certificates / name / f"{name}.key"
            guards.enter_context(running(guard, key.with_suffix(".crt"), key, [node.url]))
            urls[name] = guard.url
        output = folder / "sl" / "output"
        output.mkdir(parents=True)
        yield Stack(services, cluster, urls, certificates, output, secrets["ELASTIC_PASSWORD"])


def blank(folder: Path) -> Guard:
    nothing = folder / "nothing"
    return Guard("", nothing, nothing, "", "", folder / "access.log")


def tables(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("events.csv", "comparison.csv", "not_judged.csv")}


def test_the_nodes_are_one_cluster_with_the_settings_of_the_file(stack: Stack) -> None:
    health = stack.cluster.call("GET", "/_cluster/health")
    assert (health["cluster_name"], health["number_of_nodes"]) == ("sl", 3)
    found = stack.cluster.call("GET", "/_nodes/settings")["nodes"].values()
    assert {node["settings"]["node"]["store"]["allow_mmap"] for node in found} == {"false"}


def test_traffic_is_generated_and_its_events_are_those_of_the_embedded_store(stack: Stack, tmp_path: Path) -> None:
    well(stack.run("generate", *SMALL))
    answer = well(stack.run("discover", "--charts", "2"))
    assert "Compared with the truth" in answer.out
    assert list((stack.output / "events").glob("*.png"))
    own = ("--store", str(tmp_path / "traffic"), "--output", str(tmp_path))
    well(sl("generate", *own, *SMALL))
    well(sl("discover", *own, "--charts", "0"))
    assert tables(stack.output) == tables(tmp_path)
    assert len(tables(tmp_path)["events.csv"].splitlines()) > 5
    indices = stack.cluster.call("GET", "/traffic-week-*/_settings")
    copies = {one["settings"]["index"]["number_of_replicas"] for one in indices.values()}
    assert copies == {"1"}, "each is on two of the nodes"


def test_a_wrong_password_or_authority_is_denied(stack: Stack, tmp_path: Path) -> None:
    assert "401" in refused(stack.run("discover", ELASTIC_PASSWORD="wrong"), 5)
    assert setup("certificates", tmp_path, "es01", ELASTIC_PASSWORD="x", KIBANA_PASSWORD="x").code == 0
    line = refused(stack.run("discover", ES_CA_CERT=str(tmp_path / "ca" / "ca.crt")), 5)
    assert "no secure connection to" in line
    assert stack.password not in line


@pytest.mark.filterwarnings("ignore")
def test_web_logs_are_generated_analysed_and_shown_in_the_notebook(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    well(stack.run("log-generator", "--total", "6000"))
    places = stack.services["jupyter"]["environment"]["SL_STORE"]
    assert stack.here(places) == stack.here(stack.services["log-generator"]["command"][-1])
    for name, value in stack.environment("jupyter").items():
        monkeypatch.setenv(name, value)
    shown = notebook(monkeypatch, stack.here(places))
    assert sum(text.startswith("iVBOR") for text in shown) >= 3
    found = json.loads(
        well(
            sl(
                *("analyze", "--store", stack.here(places), "--output", str(tmp_path), "--no-charts", "--json"),
                cwd=ROOT,
                **stack.environment("jupyter"),
            )
        ).out
    )
    assert found["requests"] == 6000
    assert found["errors"] > 30
    assert found["fields"]["latency"] == "response_time"


def test_a_node_may_die(stack: Stack) -> None:
    """The last test: the commands know all three nodes, and each index is on two of them."""
    before = tables(stack.output)
    stack.cluster.nodes[2].kill()
    stack.cluster.await_health()
    shutil.rmtree(stack.output / "buffer_cache")
    well(stack.run("discover", "--charts", "0"))
    assert tables(stack.output) == before


def test_the_services_leave_nothing_of_a_secret_in_what_they_write(stack: Stack) -> None:
    written = [path for path in stack.output.rglob("*") if path.is_file()]
    assert written
    assert not [path for path in written if stack.password.encode() in path.read_bytes()]
    assert os.environ.get("ELASTIC_PASSWORD") is None
