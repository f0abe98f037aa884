"""docker-compose.yml: what it starts, and that Compose takes it. No engine is needed, and none is asked."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.required import missing

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "docker-compose.yml"


def services() -> dict[str, Any]:
    return dict(yaml.safe_load(FILE.read_text())["services"])


def test_two_commands_with_no_further_option_and_what_they_need() -> None:
    found = services()
    assert set(found) == {"elasticsearch", "kibana", "generate", "discover", "kentik", "logstash"}
    for name in ("generate", "discover"):
        assert found[name]["command"] == [name]
        assert found[name]["environment"]["SL_STORE"] == "http://elasticsearch:9200/traffic"
        assert found[name]["depends_on"] == {"elasticsearch": {"condition": "service_healthy"}}
        assert "commands" in found[name]["profiles"]
    assert "healthcheck" in found["elasticsearch"]


def test_the_events_of_a_kentik_account_with_credentials_that_only_pass_through() -> None:
    found = services()["kentik"]
    assert found["command"] == ["discover"]
    assert "commands" in found["profiles"]
    assert not found["depends_on"], "a node that nobody asks is not started"
    given = dict(one.partition("=")[::2] for one in found["environment"])
    assert given["SL_STORE"] == "${KENTIK_STORE:-kentik:}"
    secrets = {"KENTIK_API_USER", "KENTIK_API_PASSWORD", "KTAPI_AUTH_EMAIL", "KTAPI_AUTH_TOKEN"}
    assert secrets <= {one for one in found["environment"] if "=" not in one}
    mounted = dict(one.split(":")[:2] for one in found["volumes"])
    assert mounted == {"./input": "/sl/input", "./output": given["SL_OUTPUT"]}


def test_logstash_starts_only_when_asked_for_with_a_pipeline_and_its_template() -> None:
    found = services()["logstash"]
    assert found["profiles"] == ["logstash"]
    mounted = dict(one.split(":")[:2] for one in found["volumes"])
    assert all((ROOT / name).is_file() for name in mounted)
    (pipeline,) = [name for name, place in mounted.items() if place.endswith("/pipeline/logstash.conf")]
    text = (ROOT / pipeline).read_text()
    # Of a folder of pipelines all files are read as one: the template has to lie elsewhere.
    assert "${LOGSTASH_FOLDER:/usr/share/logstash/config}/template.json" in text
    assert mounted["./deploy/logstash/template.json"] == "/usr/share/logstash/config/template.json"
    assert all(f"${{{name}:" in text for name in found["environment"] if name != "LS_JAVA_OPTS")


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
    assert "generate" in _config()


def test_compose_hands_the_credentials_of_the_environment_to_kentik_and_to_no_other() -> None:
    found = yaml.safe_load(_config(KENTIK_API_USER="jane@example.net", KENTIK_STORE="kentik:eu"))["services"]
    given = found["kentik"]["environment"]
    assert given["KENTIK_API_USER"] == "jane@example.net", "no quotes round it"
    assert given["KTAPI_AUTH_EMAIL"] is None, "what is not set stays unset"
    assert given["SL_STORE"] == "kentik:eu"
    assert [name for name, one in found.items() if "KENTIK_API_USER" in one.get("environment", {})] == ["kentik"]


def _config(**more: str) -> str:
    """The file as Compose understands it."""
    choices = (["docker-compose"], ["docker", "compose"])
    command = next((one for one in choices if shutil.which(one[0]) and _runs([*one, "version"])), None)
    if command is None:
        missing("neither docker-compose nor docker compose is installed (tests/install-system-packages)")
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("KENTIK_", "KTAPI_"))}
    done = subprocess.run(
        [*command, "-f", str(FILE), "--profile", "commands", "config"],
        env={**bare, **more},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _runs(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
