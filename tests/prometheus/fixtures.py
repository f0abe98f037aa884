"""Real servers for every test: `prom_server` is each of them in turn, which a test fills as it likes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.prometheus.server import SERVERS, PromServer
from tests.required import program


def running(name: str, factory: pytest.TempPathFactory, *more: str) -> Iterator[PromServer]:
    program(name)
    if name == "prometheus":
        program("promtool")
    server = SERVERS[name](factory.mktemp(name), *more)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session", params=list(SERVERS))
def prom_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PromServer]:
    yield from running(request.param, tmp_path_factory)
