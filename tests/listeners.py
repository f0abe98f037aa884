"""Who is told by `discover --every`: a webhook that keeps what it hears, and a real Alertmanager."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests.required import program


class Hook:
    """A webhook: keeps headers and bodies; `status` is what it answers with."""

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.status = 204
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if hook.status < 300:
                    hook.heard.append(({k.lower(): v for k, v in self.headers.items()}, json.loads(body)))
                self.send_response(hook.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def keys(self) -> list[str]:
        """The names of what was heard, as often as it was."""
        return [headers["idempotency-key"] for headers, _ in self.heard]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def alertmanager(folder: Path, hook: str) -> Iterator[str]:
    """A real one, which tells a webhook at once what it would page for; its address."""
    path = program("prometheus-alertmanager")
    folder.mkdir(exist_ok=True)
    receiver = {"name": "hook", "webhook_configs": [{"url": hook, "send_resolved": True}]}
    route = {"receiver": "hook", "group_by": ["..."], "group_wait": "1ms", "group_interval": "1s"}
    (folder / "config.yml").write_text(json.dumps({"route": route, "receivers": [receiver]}))
    address = f"127.0.0.1:{free_port()}"
    where = [f"--config.file={folder / 'config.yml'}", f"--storage.path={folder / 'data'}"]
    where += [f"--web.listen-address={address}", "--cluster.listen-address="]
    with (folder / "log").open("ab") as log:
        running = subprocess.Popen([path, *where], stdout=log, stderr=log)
    try:
        until = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(f"http://{address}/-/ready", timeout=5):
                    break
            except OSError:
                if running.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"Alertmanager does not start: {(folder / 'log').read_text()[-500:]}") from None
                time.sleep(0.02)
        yield f"http://{address}"
    finally:
        running.kill()
        running.wait()


def alerts(url: str) -> list[dict[str, Any]]:
    """What an Alertmanager holds."""
    with urllib.request.urlopen(f"{url}/api/v2/alerts?active=true&inhibited=true", timeout=10) as answer:
        found: list[dict[str, Any]] = json.load(answer)
    return found
