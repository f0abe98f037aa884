"""A real node of Elasticsearch or OpenSearch, or several of them as one cluster, as child processes of this one.

    with Cluster(prepare("9.5.3"), nodes=3) as cluster:
        cluster.call("GET", "/_cluster/health")
        cluster.nodes[0].kill()

A node binds loopback ports that the system chooses, and keeps everything else in a temporary folder. Its standard input
is a pipe from here: when this process dies, however it dies, the pipe ends and the node halts itself.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from tests.elasticsearch.home import HERE, Home, locked
from tests.elasticsearch.server import Server

START_SECONDS = 120.0  # one node takes 3 s on an idle machine, three take 8; the cores may have other work
STOP_SECONDS = 20.0

JVM = (
    "-XX:+UseSerialGC",  # the collector for a small heap and two cores
    "--enable-native-access=ALL-UNNAMED",
    "-Dorg.elasticsearch.nativeaccess.enableVectorLibrary=false",  # its library is not on Maven Central
    f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}",
    "-Xlog:cds=off",  # a Java that cannot use all of an archive calls that an error, and does without
)
# Half the time to start, and faster through the first minute of work. Slower after that: not for measuring.
QUICK = "-XX:TieredStopAtLevel=1"
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
        self, home: Home, folder: Path, heap: str = "512m", settings: Mapping[str, str] = {}, quick: bool = True
    ) -> None:
        self.name = folder.name
        self.folder = folder
        self.log = folder / "node.log"
        self._logs = folder / "logs"
        self._config = folder / "config"
        paths = {"path.home": home.path, "path.data": folder / "data", "path.logs": self._logs}
        self._settings = {**SETTINGS, "node.name": self.name, **{key: str(path) for key, path in paths.items()}}
        self._settings |= settings
        classpath = f"{home.path / 'launcher'}/*:{home.path / 'lib'}/*"
        self._java: list[str | Path] = [home.java, f"-Xms{heap}", f"-Xmx{heap}", *JVM, *([QUICK] if quick else [])]
        self._java += [f"-D{home.product.home_property}={home.path}", f"-Djava.io.tmpdir={folder}", "-cp", classpath]
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
        assert self._process is not None, f"{self.name} is not running"
        return self._process.pid

    def launch(self, *options: str) -> None:
        """Start the process, with these options of the JVM besides its own, and return at once."""
        for folder in (self._config, self._logs):
            folder.mkdir(parents=True, exist_ok=True)
        for ports in self._logs.glob("*.ports"):
            ports.unlink()
        settings = [f"{key}={value}" for key, value in self._settings.items()]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*self._java, *options, "Launcher", self._config, *settings],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C belongs to pytest, which then stops the node
            )

    def await_ports(self, deadline: float) -> str:
        """Wait until it listens: its transport address. A later start takes the same HTTP port, so the URL stays."""
        while not all((self._logs / f"{kind}.ports").exists() for kind in ("http", "transport")):
            if not self.alive:
                raise NodeFailed(f"{self.name} ended while it started: {self.trouble()}")
            if time.monotonic() > deadline:
                raise NodeFailed(f"{self.name} did not listen in time: {self.trouble()}")
            time.sleep(0.05)
        http, transport = ((self._logs / f"{kind}.ports").read_text().split()[0] for kind in ("http", "transport"))
        self._url = f"http://{http}"
        self._settings["http.port"] = http.rpartition(":")[2]
        return transport

    def seeds(self, addresses: list[str]) -> None:
        """Where to look for the others: read again and again while the node looks for a cluster."""
        (self._config / "unicast_hosts.txt").write_text("".join(address + "\n" for address in addresses))

    def stop(self, seconds: float = STOP_SECONDS) -> bool:
        """Close it in order (leave the cluster, close the indices), as an administrator would; whether it did so."""
        return self._end(signal.SIGTERM, seconds)

    def kill(self) -> None:
        """End it as a power failure would: kill -9."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals, seconds: float = STOP_SECONDS) -> bool:
        process, self._process = self._process, None
        if process is None:
            return True
        process.send_signal(how)  # does nothing to a process that has ended
        try:
            process.wait(seconds)
            in_time = True
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            in_time = False
        if process.stdin is not None:
            process.stdin.close()
        return in_time

    def trouble(self) -> str:
        """What the log says about a failure: its errors, else its last lines."""
        lines = self.log.read_text(errors="replace").splitlines()
        marks = ("[ERROR]", "Exception", "Error:", "Error occurred", "Could not ", "Unrecognized ")
        errors = [line for line in lines if any(mark in line for mark in marks) and not line.startswith("\tat ")]
        return "".join(f"\n  {line[:300]}" for line in errors[:12] or lines[-12:]) or "its log is empty"


class Cluster(Server):
    """One or several nodes of one version that know each other; data in one temporary folder that goes with them."""

    def __init__(
        self,
        home: Home,
        nodes: int = 1,
        heap: str = "1g",
        settings: Mapping[str, str] = {},
        quick: bool = True,
        folder: Path | None = None,
    ) -> None:
        self.home = home
        self.folder = folder or Path(tempfile.mkdtemp(prefix="sl-elasticsearch-"))
        names = [f"node-{number}" for number in range(nodes)]
        known = {"discovery.seed_providers": "file", "cluster.initial_master_nodes": ",".join(names)}
        alone = {"discovery.type": "single-node"}
        # The collector of these nodes lets the heap fill up before it sets in, which the breaker that looks at all of
        # the heap takes for an emergency. It counts what requests hold instead.
        calm = {"indices.breaker.total.use_real_memory": "false"}
        of_all = {"cluster.name": self.folder.name, **(known if nodes > 1 else alone), **calm, **settings}
        self.nodes = [Node(home, self.folder / name, heap, of_all, quick) for name in names]
        self._addresses: dict[str, str] = {}

    @property
    def version(self) -> str:
        return self.home.version

    @property
    def urls(self) -> list[str]:
        """Of the nodes that live."""
        return [node.url for node in self.nodes if node.alive]

    def start(self) -> Cluster:
        """Start every node that does not run, and wait until all are members and all shards are there."""
        return self._start(f"-XX:SharedArchiveFile={shared_classes(self.home)}")

    def _start(self, *options: str) -> Cluster:
        deadline = time.monotonic() + START_SECONDS
        try:
            missing = [node for node in self.nodes if not node.alive]
            for node in missing:
                node.launch(*options)
            for node in missing:
                self._addresses[node.name] = node.await_ports(deadline)
            for node in self.nodes:
                node.seeds(list(self._addresses.values()))
            self.await_health(deadline)
        except BaseException:
            self.discard()
            raise
        return self

    def await_health(self, deadline: float | None = None) -> None:
        """Wait until the cluster is as healthy as its living nodes allow: green only if all of several live."""
        deadline = deadline or time.monotonic() + START_SECONDS
        living = [node for node in self.nodes if node.alive]
        status = "green" if len(living) == len(self.nodes) > 1 else "yellow"
        wanted = f"wait_for_nodes={len(living)}&wait_for_status={status}&wait_for_no_initializing_shards=true"
        said = "no answer"
        while time.monotonic() < deadline:
            for node in living:
                if not node.alive:
                    raise NodeFailed(f"{node.name} ended while the cluster formed: {node.trouble()}")
            try:
                health = self.call("GET", f"/_cluster/health?{wanted}&timeout=2s&master_timeout=2s")
            except urllib.error.HTTPError as error:  # 408: not yet; 503: no master yet
                said = error.read().decode(errors="replace")[:500]
            except OSError as error:
                said = str(error)
            else:
                if not health["timed_out"]:
                    return
            time.sleep(0.05)
        raise NodeFailed(f"the cluster is not {status} with {len(living)} nodes: {said} {self.nodes[0].trouble()}")

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()

    def discard(self) -> None:
        """End it without ceremony and delete its data: nobody will read them."""
        for node in self.nodes:
            node.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Cluster:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


def shared_classes(home: Home) -> Path:
    """The archive of a node's classes: parsed and verified once, which is half of what a start costs a processor.

    The first who asks makes it, with a node of its own. A JVM does without if it cannot be made.
    """
    java = home.java.stat()
    archive = home.path / f"classes-{java.st_size}-{java.st_mtime_ns}.jsa"  # another Java cannot use it
    if not archive.exists():
        with locked(home.path.with_name(f"{home.path.name}.lock")):
            if not archive.exists():
                _write_archive(home, archive)
    return archive


def _write_archive(home: Home, archive: Path) -> None:
    made, cluster = archive.with_suffix(".tmp"), Cluster(home)
    try:
        cluster._start(f"-XX:ArchiveClassesAtExit={made}")
        cluster.call("PUT", "/x/_doc/1?refresh=true", {"x": 1})
        cluster.call("POST", "/x/_search", {"aggs": {"x": {"terms": {"field": "x"}}}})
        if cluster.nodes[0].stop(START_SECONDS) and made.exists():
            made.rename(archive)
    finally:
        cluster.discard()
