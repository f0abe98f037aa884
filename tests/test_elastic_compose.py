"""docker-compose.yml: what it starts, and that Compose takes it. No engine is needed, and none is asked."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "docker-compose.yml"


def services() -> dict[str, Any]:
    return dict(yaml.safe_load(FILE.read_text())["services"])


def test_two_commands_with_no_further_option_and_what_they_need() -> None:
    found = services()
    assert set(found) == {"elasticsearch", "kibana", "generate", "discover"}
    for name in ("generate", "discover"):
        assert found[name]["command"] == [name]
        assert found[name]["environment"]["SL_STORE"] == "http://elasticsearch:9200/traffic"
        assert found[name]["depends_on"] == {"elasticsearch": {"condition": "service_healthy"}}
        assert "commands" in found[name]["profiles"]
    assert "healthcheck" in found["elasticsearch"]


def test_nothing_without_a_password_listens_to_other_machines() -> None:
    for one in services().values():
        assert all(str(port).startswith("127.0.0.1:") for port in one.get("ports", ()))


def test_what_the_image_copies_is_there_and_is_sent() -> None:
    lines = (ROOT / "deploy" / "Dockerfile").read_text().splitlines()
    copied = {name for line in lines if line.startswith("COPY ") for name in line.split()[1:-1]}
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == sent
    assert {name for name in copied if not (ROOT / name).exists()} == set()


def test_compose_takes_it() -> None:
    """The old docker-compose of Debian, or the plug-in; both check the file against the specification's schema."""
    choices = (["docker-compose"], ["docker", "compose"])
    command = next((one for one in choices if shutil.which(one[0]) and _runs([*one, "version"])), None)
    if command is None:
        pytest.skip("neither docker-compose nor docker compose is installed")
    done = subprocess.run(
        [*command, "-f", str(FILE), "--profile", "commands", "config"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "generate" in done.stdout


def _runs(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
