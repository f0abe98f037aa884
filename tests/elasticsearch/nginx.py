"""nginx in front of a node, without root: started on a free port, gone with whoever started it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.elasticsearch.home import Unavailable

# Closes nginx when the pipe that is its standard input ends, that is when pytest has gone, and not before.
_SUPERVISE = '"$@" & child=$!; read -r _; kill "$child" 2>/dev/null; wait "$child"'
_START_SECONDS = 20.0

_CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type application/json;
{http}
}}
"""


def find_nginx() -> str:
    """Its folder is on root's path only."""
    nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if nginx is None:
        raise Unavailable(
            "nginx is not installed: it guards a node with TLS and passwords (tests/install-system-packages)"
        )
    return nginx


@contextlib.contextmanager
def running(folder: Path, http: Callable[[int], str]) -> Iterator[int]:
    """nginx until the block ends, its files in this folder; its port.

    Args:
        http: what its configuration says of HTTP, by the port to listen on.
    """
    process, port = _start(folder, http)
    try:
        yield port
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(_START_SECONDS)


def _start(folder: Path, http: Callable[[int], str]) -> tuple[subprocess.Popen, int]:
    """nginx cannot be given port 0. A port that was free a moment ago may be taken now, so there are three attempts."""
    nginx, log = find_nginx(), folder / "error.log"
    for _ in range(3):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        (folder / "nginx.conf").write_text(_CONFIGURATION.format(folder=folder, http=http(port)))
        log.write_text("")
        command: list[str | Path] = [nginx, "-p", folder, "-e", log, "-c", folder / "nginx.conf"]
        supervised = ["sh", "-c", _SUPERVISE, "sh", *command]
        process = subprocess.Popen(supervised, stdin=subprocess.PIPE, start_new_session=True)
        deadline = time.monotonic() + _START_SECONDS
        while "[emerg]" not in log.read_text() and time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return process, port
            time.sleep(0.02)
        process.communicate(timeout=_START_SECONDS)
    raise RuntimeError(f"nginx did not start: {log.read_text()[-1000:]}")
