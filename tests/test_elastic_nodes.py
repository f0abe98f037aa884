"""Nodes that come and go, three real ones behind a balancer that does not look whether one is there."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.commands import Answer, refused, sl, well
from tests.elasticsearch.node import Cluster
from tests.test_elastic_as_it_is import END, documents, put
from traffic.model import WEEK
from traffic.store.access import Access
from traffic.store.base import Away
from traffic.store.elastic.bulk import Loader
from traffic.store.elastic.client import Cluster as Client
from traffic.store.elastic.place import find_place

OPTIONS = ("--key", "customer", "--value", "bytes", "--statistic", "sum", "--resolution", "60m", "--charts", "0")


class Balancer:
    """Hands each request to the next node, and answers 502 where that is not there."""

    def __init__(self, urls: list[str]) -> None:
        targets = cycle([urlsplit(url) for url in urls])

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 20

            def hand_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                at = next(targets)
                connection = HTTPConnection(at.hostname or "", at.port, timeout=60)
                try:
                    headers = {name: value for name, value in self.headers.items() if name.lower() != "accept-encoding"}
                    connection.request(self.command, self.path, body, headers)
                    answer = connection.getresponse()
                    status, content, kind = answer.status, answer.read(), answer.headers.get("content-type", "")
                except (OSError, HTTPException):
                    status, content, kind = 502, b"bad gateway", "text/plain"
                finally:
                    connection.close()
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("x-elastic-product", "Elasticsearch")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                self.wfile.flush()

            do_GET = do_POST = hand_on  # noqa: N815 - as the library calls them

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def balancer(elasticsearch_cluster: Cluster) -> Iterator[Balancer]:
    found = Balancer([node.url for node in elasticsearch_cluster.nodes])
    yield found
    found.close()


def fill(cluster: Cluster) -> None:
    put(cluster, "flows", documents(END - 3 * WEEK))
    cluster.call("PUT", "/flows/_settings", {"index": {"number_of_replicas": 1}})
    cluster.await_health()


def discover(url: str, output: Path, wait: str) -> Answer:
    return sl("discover", "--store", f"{url}/flows", *OPTIONS, "--wait", wait, "--output", output)


@pytest.mark.slow
def test_a_rolling_restart_behind_a_balancer_ends_no_run(
    elasticsearch_cluster: Cluster, balancer: Balancer, tmp_path: Path
) -> None:
    fill(elasticsearch_cluster)
    well(discover(balancer.url, tmp_path / "before", "2m"))
    expected = (tmp_path / "before" / "events.csv").read_bytes()

    def restart() -> None:
        for node in elasticsearch_cluster.nodes:
            node.stop()
            elasticsearch_cluster.start()

    restarting, runs = Thread(target=restart), 0
    restarting.start()
    while restarting.is_alive() or not runs:
        output = tmp_path / str(runs)
        well(discover(balancer.url, output, "2m"))
        assert (output / "events.csv").read_bytes() == expected
        runs += 1
    restarting.join()
    assert all(node.alive for node in elasticsearch_cluster.nodes)


@pytest.mark.slow
def test_two_of_three_nodes_that_are_lost_end_a_run_with_a_code_of_its_own(
    elasticsearch_cluster: Cluster, tmp_path: Path
) -> None:
    # A node for each shard, and no copies: with one of them everything may be on the node that is left.
    put(elasticsearch_cluster, "flows", documents(END - 3 * WEEK), shards=3)
    elasticsearch_cluster.await_health()
    left, *others = elasticsearch_cluster.nodes
    for node in others:
        node.kill()
    said = refused(discover(left.url, tmp_path, "3s"), 4)
    assert any(
        part in said for part in ("could not reach all of its shards", "cannot reach all", "sent a partial answer")
    )
    elasticsearch_cluster.start()
    well(discover(left.url, tmp_path, "2m"))
    assert (tmp_path / "events.csv").exists()


@pytest.mark.slow
def test_documents_for_a_shard_that_is_away_are_given_up_when_the_wait_is_over_and_can_be_sent_again(
    elasticsearch_cluster: Cluster, tmp_path: Path
) -> None:
    left, *_, away = elasticsearch_cluster.nodes
    settings = {"number_of_replicas": 0, "number_of_shards": 1, "routing.allocation.require._name": away.name}
    elasticsearch_cluster.call("PUT", "/pinned", {"settings": {"index": settings}})
    away.kill()
    loader = Loader(Client(find_place(f"{left.url}/pinned"), Access(wait=3)), tmp_path / "refused")
    body = b'{"create":{"_id":"1"}}\n{"n":1}\n{"create":{"_id":"2"}}\n{"n":2}\n'
    with pytest.raises(
        Away, match=r"takes no more documents at the moment \(unavailable_shards_exception\): run again"
    ):
        loader.load("pinned", 2, body)
    elasticsearch_cluster.start()
    assert loader.load("pinned", 2, body) == 2
    assert (loader.sent, loader.stored, loader.refused) == (2, 2, 0)
