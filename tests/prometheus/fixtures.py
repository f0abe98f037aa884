"""Real servers for every test, each of them in turn: `prom_server`, which a test fills as it likes, and
`prom_generated`, which `generate` has filled."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.commands import sl, well
from tests.prometheus.server import SERVERS, PromServer
from tests.required import program
from tests.scenario_runs import WORLD


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


@pytest.fixture(scope="session", params=list(SERVERS))
def prom_generated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PromServer]:
    for server in running(request.param, tmp_path_factory):
        into = f"prometheus:{server.data}" if request.param == "prometheus" else server.store
        if into == server.store:
            server.start()
        well(sl("generate", *WORLD, "--store", into, "--output", tmp_path_factory.mktemp("generated")))
        if into != server.store:
            server.start()
        yield server


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of one server run one after another in one process (--dist loadgroup): it is started and filled once."""
    for item in items:
        values = item.callspec.params if hasattr(item, "callspec") else {}
        for server in {"prom_server", "prom_generated"}.intersection(values):
            item.add_marker(pytest.mark.xdist_group(f"{server}-{values[server]}"))
