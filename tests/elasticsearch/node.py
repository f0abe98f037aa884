"""A real Elasticsearch node, or several of them as one cluster, as child processes of this one.

    with Cluster(prepare("9.5.3"), nodes=1) as cluster:
        requests.get(cluster.url + "/_cluster/health")

A node binds free ports on loopback that the system chooses, and keeps everything else in one temporary folder. Its
standard input is a pipe from here: when this process dies, however it dies, the pipe ends and the node halts itself.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from tests.elasticsearch.home import Home

START_SECONDS = 120.0  # 5 to 10 s on an idle machine; the two cores may have other work
STOP_SECONDS = 20.0

JVM = (
    "-XX:+UseSerialGC",  # the collector for a small heap and two cores
    "--enable-native-access=ALL-UNNAMED",
    "--add-modules=jdk.incubator.vector",
    "-Dorg.elasticsearch.nativeaccess.enableVectorLibrary=false",  # its library is not on Maven Central
    "-Dlog4j2.disable.jmx=true",
)
SETTINGS = {
    "network.host": "127.0.0.1",
    "http.port": "0",
    "transport.port": "0",
    "node.portsfile": "true",
    "node.store.allow_mmap": "false",  # asks for no vm.max_map_count
    "cluster.routing.allocation.disk.threshold_enabled": "false",  # a laptop's full disk is not what is tested
    "cluster.max_shards_per_node": "10000",
    "indices.recovery.max_bytes_per_sec": "-1",
    "discovery.initial_state_timeout": "0s",  # listen first: the others learn of a node from its ports file
    "discovery.find_peers_interval": "100ms",
    "cluster.election.initial_timeout": "100ms",
}


class NodeFailed(Exception):
    """A node did not start, or a cluster did not form. The message holds what the node's log says about it."""


class Node:
    """One node. It listens before it has joined a cluster: waiting for that is the cluster's business."""

    def __init__(
        self, home: Home, folder: Path, name: str, heap: str = "512m", settings: Mapping[str, str] = {}
    ) -> None:
        self.home = home
        self.folder = folder
        self.name = name
        self.heap = heap
        self.settings = {**SETTINGS, "node.name": name, **settings}
        self.log = folder / "node.log"
        self._process: subprocess.Popen | None = None
        self._url: str | None = None

    @property
    def url(self) -> str:
        if self._url is None:
            raise NodeFailed(f"{self.name} was not started")
        return self._url

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def launch(self) -> None:
        """Start the process and return at once."""
        config, logs = self.folder / "config", self.folder / "logs"
        shutil.copytree(self.home.path / "config", config, dirs_exist_ok=True)
        logs.mkdir(parents=True, exist_ok=True)
        for name in ("http.ports", "transport.ports"):
            (logs / name).unlink(missing_ok=True)
        settings = {"path.home": self.home.path, "path.data": self.folder / "data", "path.logs": logs, **self.settings}
        command: list[str | Path] = [self.home.java, f"-Xms{self.heap}", f"-Xmx{self.heap}", *JVM]
        command += [f"-Des.path.home={self.home.path}", f"-Dlog4j2.configurationFile={config / 'log4j2.properties'}"]
        command += [
            f"-Djava.io.tmpdir={self.folder}",
            "-cp",
            f"{self.home.path / 'launcher'}:{self.home.path / 'lib'}/*",
        ]
        command += ["Launcher", config, *(f"{key}={value}" for key, value in settings.items())]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C belongs to pytest, which then stops the node in order
            )

    def await_ports(self, deadline: float) -> None:
        """Wait until it listens. A later start takes the same HTTP port again, so that its URL stays what it was."""
        http = self.address("http", deadline)
        self._url = f"http://{http}"
        self.settings["http.port"] = http.rsplit(":", 1)[1]

    def address(self, kind: str, deadline: float) -> str:
        file = self.folder / "logs" / f"{kind}.ports"
        while not file.exists():
            if not self.alive:
                raise NodeFailed(f"{self.name} ended while it started: {self.trouble()}")
            if time.monotonic() > deadline:
                raise NodeFailed(f"{self.name} did not listen in time: {self.trouble()}")
            time.sleep(0.05)
        return file.read_text().split()[0]

    def stop(self) -> None:
        """Close it in order (flush, leave the cluster), as an administrator would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power failure would: kill -9."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stdin is not None:
            process.stdin.close()
        self._process = None

    def trouble(self) -> str:
        """What the log says about a failure: its errors, else its last lines."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        marks = ("][ERROR", "Exception", "Error:", "Error occurred")
        errors = [line for line in lines if any(mark in line for mark in marks) and not line.startswith("\tat ")]
        return "\n  ".join(["", *(errors[:12] or lines[-12:])]) if lines else "its log is empty"


class Cluster:
    """One or several nodes of one version that know each other; data in one temporary folder that goes with them."""

    def __init__(self, home: Home, nodes: int = 1, heap: str = "512m", settings: Mapping[str, str] = {}) -> None:
        self.home = home
        self.folder = Path(tempfile.mkdtemp(prefix="sl-elasticsearch-"))
        names = [f"node-{number}" for number in range(nodes)]
        of_all = {"cluster.name": self.folder.name, **settings}
        if nodes == 1:
            of_all["discovery.type"] = "single-node"
        else:
            of_all |= {"discovery.seed_providers": "file", "cluster.initial_master_nodes": ",".join(names)}
        self.nodes = [self._node(name, heap, of_all) for name in names]

    def _node(self, name: str, heap: str, settings: Mapping[str, str]) -> Node:
        folder = self.folder / name
        folder.mkdir()
        return Node(self.home, folder, name, heap, settings)

    @property
    def version(self) -> str:
        return self.home.version

    @property
    def url(self) -> str:
        return self.urls[0]

    @property
    def urls(self) -> list[str]:
        """Of the nodes that live."""
        return [node.url for node in self.nodes if node.alive]

    def start(self) -> Cluster:
        """Start all nodes that do not run, and wait until every one of them is a member and every shard is there."""
        deadline = time.monotonic() + START_SECONDS
        try:
            missing = [node for node in self.nodes if not node.alive]
            for node in missing:
                node.launch()
            for node in missing:
                node.await_ports(deadline)
            # The ports are known only now; the nodes read this file again and again until they have found each other.
            seeds = "".join(node.address("transport", deadline) + "\n" for node in self.nodes)
            for node in self.nodes:
                (node.folder / "config" / "unicast_hosts.txt").write_text(seeds)
            self.await_health(deadline)
        except BaseException:
            self.discard()
            raise
        return self

    def await_health(self, deadline: float | None = None, status: str | None = None) -> None:
        """Wait for the cluster to be as healthy as its living nodes allow, or for the status that is asked for."""
        deadline = deadline or time.monotonic() + START_SECONDS
        alive = sum(node.alive for node in self.nodes)
        wanted = status or ("green" if alive == len(self.nodes) > 1 else "yellow")
        path = f"/_cluster/health?wait_for_nodes={alive}&wait_for_status={wanted}&wait_for_no_initializing_shards=true"
        state = "no answer"
        while time.monotonic() < deadline:
            for node in self.nodes:
                if not node.alive and alive == len(self.nodes):
                    raise NodeFailed(f"{node.name} ended while the cluster formed: {node.trouble()}")
            try:
                with urllib.request.urlopen(f"{self.url}{path}&timeout=5s", timeout=10) as answer:
                    if not json.load(answer)["timed_out"]:
                        return
            except urllib.error.HTTPError as error:
                state = error.read().decode(errors="replace")[:500]
            except OSError as error:
                state = str(error)
            time.sleep(0.1)
        raise NodeFailed(f"the cluster is not {wanted} with {alive} nodes: {state} {self.nodes[0].trouble()}")

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()

    def discard(self) -> None:
        """Stop without ceremony and delete everything: nobody will read it."""
        for node in self.nodes:
            node.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Cluster:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()
