"""docs/serve.md: what it tells a person to type works as it stands."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator

import pytest

from generator.logs.server.payloads import AnomalyConfig
from generator.logs.types import TYPES
from tests.commands import ROOT
from tests.required import program
from tests.serving import Server, served

PAGE = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
CURLS = re.findall(r"^    (curl .+)$", PAGE, re.MULTILINE)
STREAMS = 28
"""Curl's exit code when the time that it was given is over."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    program("curl")
    with served() as one:
        yield one


@pytest.mark.parametrize("command", CURLS)
def test_a_command_of_the_page_works_as_it_stands(server: Server, command: str) -> None:
    words = [word.replace("http://127.0.0.1:8000", server.url) for word in shlex.split(command)]
    done = subprocess.run([*words, "--silent", "--fail"], capture_output=True, timeout=30, check=False)
    assert done.returncode == (STREAMS if "--max-time" in command else 0)
    lines = [line.removeprefix("data: ") for line in done.stdout.decode().splitlines() if line]
    assert lines
    for line in lines if "/metrics" not in command else ():
        assert isinstance(json.loads(line), dict)


def test_the_page_names_every_endpoint_that_there_is(server: Server) -> None:
    table = {path for row in PAGE.splitlines() if row.startswith("| ") for path in re.findall(r"`(/[^`]*)`", row)}
    assert table >= {*server.get("/openapi.json")["paths"], "/ws/logs", "/docs", "/ui", "/openapi.json"}
    shown = {
        re.sub(r"\?.*", "", word) for command in CURLS for word in re.findall(r"127\.0\.0\.1:8000([^\s\"']*)", command)
    }
    assert shown == set(server.get("/openapi.json")["paths"])


def test_every_type_of_anomaly_has_its_switch_and_its_button() -> None:
    switches = [name.removesuffix("_enabled") for name in AnomalyConfig.model_fields if name.endswith("_enabled")]
    page = (ROOT / "generator" / "logs" / "server" / "page" / "live.html").read_text(encoding="utf-8")
    assert tuple(switches) == TYPES
    assert tuple(re.findall(r'data-kind="(\w+)"', page)) == TYPES
