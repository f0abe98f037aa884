"""Real servers that speak PromQL, for tests: Debian's prometheus and victoria-metrics, started and stopped here."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path

World = dict[str, dict[int, int]]
"""Key -> time -> amount."""
METRIC = "network_bytes"
_START = 30.0

Series = tuple[str, dict[str, str], Iterable[tuple[float, float]]]
"""Name, labels, and samples as (seconds, value)."""


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def named(name: str, labels: dict[str, str]) -> str:
    inside = ",".join(f'{label}="{escaped(value)}"' for label, value in labels.items())
    return f"{name}{{{inside}}}" if inside else name


def of_world(world: World) -> list[Series]:
    """A world as a gauge: a sample a step, at its start."""
    return [(METRIC, {"key": key}, sorted(steps.items())) for key, steps in world.items()]


class PromServer:
    """A server with data of its own. `fill` starts it anew, with just these."""

    program: str

    def __init__(self, folder: Path, *more: str) -> None:
        self._folder = folder
        self._more = more
        self._running: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def store(self) -> str:
        return f"prometheus:{self.url}"

    @property
    def data(self) -> Path:
        return self._folder / "data"

    def fill(self, series: Iterable[Series]) -> None:
        """Start with these series and nothing else."""
        self.stop()
        shutil.rmtree(self.data, ignore_errors=True)
        self._load(list(series))

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._running = subprocess.Popen([*self._command(), *self._more], stdout=log, stderr=log)
        until = time.monotonic() + _START
        while not self._ready():
            if self._running.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{self.program} does not start: {(self._folder / 'log').read_text()[-1000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        if self._running is not None:
            self._running.kill()
            self._running.wait()
            self._running = None

    def ask(self, path: str, data: bytes | None = None) -> bytes:
        with urllib.request.urlopen(self.url + path, data, timeout=60) as answer:
            content: bytes = answer.read()
        return content

    def _ready(self) -> bool:
        try:
            self.ask("/-/ready")
        except urllib.error.HTTPError as answer:
            return answer.code == 401
        except OSError:
            return False
        return True

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _load(self, series: list[Series]) -> None:
        raise NotImplementedError


class Prometheus(PromServer):
    """Its blocks are made by promtool while it does not run."""

    program = "prometheus"

    def _command(self) -> list[str]:
        config = self._folder / "prometheus.yml"
        config.write_text("global: {}\n")
        where = (f"--config.file={config}", f"--storage.tsdb.path={self.data}", "--storage.tsdb.retention.time=3650d")
        return ["prometheus", *where, f"--web.listen-address=127.0.0.1:{self.port}"]

    def _load(self, series: list[Series]) -> None:
        text = self._folder / "open.metrics"
        with text.open("w", newline="\n") as file:
            for name, labels, samples in series:
                full = named(name, labels)
                file.writelines(f"{full} {value!r} {at:.3f}\n" for at, value in samples)
            file.write("# EOF\n")
        # promtool takes one series of a name at a time, as long as nothing is said of its type.
        blocks = ["promtool", "tsdb", "create-blocks-from", "--max-block-duration=1000h", "-q", "openmetrics"]
        subprocess.run([*blocks, text, self.data], check=True, capture_output=True)
        self.start()


class VictoriaMetrics(PromServer):
    """It is filled by its import API."""

    program = "victoria-metrics"

    def _command(self) -> list[str]:
        where = (f"-storageDataPath={self.data}", f"-httpListenAddr=127.0.0.1:{self.port}", "-retentionPeriod=100y")
        return ["victoria-metrics", *where, "-memory.allowedBytes=200MB"]

    def _load(self, series: list[Series]) -> None:
        self.start()
        rows = [
            f"{named(name, labels)} {value!r} {round(at * 1000)}"
            for name, labels, samples in series
            for at, value in samples
        ]
        self.ask("/api/v1/import/prometheus", ("\n".join(rows) + "\n").encode())
        self.ask("/internal/force_flush")


SERVERS: dict[str, Callable[..., PromServer]] = {"prometheus": Prometheus, "victoria-metrics": VictoriaMetrics}
