"""A real Redis server for tests: a child process on a free loopback port, its data in a temporary folder."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.required import program

PATIENCE = 30.0


class RedisServer:
    """Started and stopped as often as a test likes; the port stays."""

    def __init__(self, folder: Path, *settings: str, tls: Path | None = None) -> None:
        """`tls`: a folder with cert.pem, key.pem and ca.pem; only such connections are then accepted."""
        tool = program("redis-server")
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        ports = ["--port", str(self.port)]
        if tls is not None:
            ports = ["--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no"]
            for setting, name in (("cert-file", "cert"), ("key-file", "key"), ("ca-cert-file", "ca")):
                ports += [f"--tls-{setting}", str(tls / f"{name}.pem")]
        self._command = [tool, *ports, "--bind", "127.0.0.1", "--dir", str(folder)]
        self._command += ["--save", "", "--logfile", str(folder / "redis.log"), *settings]
        self._process: subprocess.Popen | None = None
        secure: Any = {} if tls is None else {"ssl": True, "ssl_ca_certs": str(tls / "ca.pem")}
        self.client = redis.Redis("127.0.0.1", self.port, retry=Retry(NoBackoff(), 0), **secure)

    def start(self) -> RedisServer:
        self._process = subprocess.Popen(self._command, start_new_session=True)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.client.ping()
            except redis.AuthenticationError:
                return self
            except redis.ConnectionError:
                log = self.folder / "redis.log"
                assert self._process.poll() is None, log.read_text() if log.exists() else "Redis did not start"
                assert time.monotonic() < deadline, "Redis does not answer"
                time.sleep(0.02)
            else:
                return self

    def kill(self) -> None:
        """As a power failure would."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def texts(self, name: str) -> list[bytes]:
        """All that waits in a list."""
        found: Any = self.client.lrange(name, 0, -1)
        return found

    def close(self) -> None:
        self.client.close()
        self.kill()
