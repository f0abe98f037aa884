"""docker-compose.yml: what it promises, and that Compose takes it. No engine is needed, and none is asked."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from deploy.cluster import env
from tests.commands import ROOT
from tests.required import missing

FILE = ROOT / "docker-compose.yml"
VALIDATOR = jsonschema.Draft7Validator(json.loads((ROOT / "tests" / "compose-spec.json").read_text()))
"""schema/compose-spec.json of github.com/compose-spec/compose-spec, 170098b (23 June 2026), Apache License 2.0."""
PROFILES = {
    "cluster": {
        *("setup", "es01", "es02", "es03", "passwords", "kibana", "views"),
        *("log-generator", "generate", "discover", "jupyter"),
    },
    "laptop": {"node", "node-kibana", "node-views", "node-generate", "node-discover"},
    "logstash": {"node", "logstash"},
    "smoke": {"node", "node-kibana", "node-views", "redis", "smoke-logstash", "smoke-events"},
    "kentik": {"kentik"},
}
SERVERS = {"es01", "es02", "es03", "kibana", "jupyter", "node", "node-kibana", "redis", "logstash", "smoke-logstash"}
"""What stays; everything else does its work and ends."""
OPEN = {"UID", "GID"}


def services() -> dict[str, Any]:
    return dict(yaml.safe_load(FILE.read_text())["services"])


def config(profile: str, **more: str) -> dict[str, Any]:
    """The services of a profile as Compose understands them: the old docker-compose of Debian, or the plug-in."""
    choices = (["docker-compose"], ["docker", "compose"])
    command = next((one for one in choices if shutil.which(one[0]) and _runs([*one, "version"])), None)
    if command is None:
        missing("neither docker-compose nor docker compose is installed (tests/install-system-packages)")
    known = {*env.settings((ROOT / ".env.example").read_text()), "KENTIK_API_USER", "KENTIK_API_PASSWORD"}
    bare = {name: value for name, value in os.environ.items() if name not in known and "KTAPI" not in name}
    done = subprocess.run(
        [*command, "--env-file", str(ROOT / ".env.example"), "-f", str(FILE), "--profile", profile, "config"],
        env={**bare, **more},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(yaml.safe_load(done.stdout)["services"])


def _runs(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


# --- form ------------------------------------------------------------------------------------------


def test_it_is_of_the_form_that_the_specification_of_compose_asks_for() -> None:
    VALIDATOR.validate(yaml.safe_load(FILE.read_text()))


@pytest.mark.parametrize(
    "change",
    [
        {"services": {"a": {"image": "x", "memory": "1g"}}},
        {"services": {"a": {"image": "x", "cap_drop": "ALL"}}},
        {"services": {"a": {"image": "x", "depends_on": {"b": {"condition": "healthy"}}}}},
        {"networks": [], "services": {}},
    ],
)
def test_another_form_is_refused(change: dict[str, Any]) -> None:
    """Otherwise the test above would show nothing."""
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(change)


@pytest.mark.parametrize("profile", PROFILES)
def test_compose_takes_every_profile_and_starts_what_belongs_to_it(profile: str) -> None:
    found = config(profile)
    # The old one shows all services, the plug-in those of the profile.
    assert {name for name, one in found.items() if profile in one["profiles"]} == PROFILES[profile]


def test_every_service_belongs_to_a_profile_and_waits_only_for_others_of_it() -> None:
    found = services()
    assert set(found) == set().union(*PROFILES.values())
    for name, one in found.items():
        for profile in one["profiles"]:
            assert name in PROFILES[profile]
            assert set(one.get("depends_on", {})) <= PROFILES[profile]


# --- promises --------------------------------------------------------------------------------------


PINNED = re.compile(r"[a-z0-9./-]+:[0-9][a-z0-9.-]*@sha256:[0-9a-f]{64}")
WITHOUT_DIGEST = {"docker.elastic.co/logstash/logstash:9.5.3"}
"""docs/stack.md says so."""


def test_where_a_digest_is_missing_the_page_says_so() -> None:
    page = (ROOT / "docs" / "stack.md").read_text()
    assert all(image in page for image in WITHOUT_DIGEST)


@pytest.mark.parametrize("name", sorted(set().union(*PROFILES.values())))
def test_a_service_may_no_more_than_it_needs(name: str) -> None:
    one = services()[name]
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert one["pids_limit"]
    assert one["mem_limit"]
    assert "privileged" not in one
    assert "cap_add" not in one
    image = re.sub(r"\$\{\w+:-(.*)\}", r"\1", one["image"])
    assert image in {"sl", "sl-jupyter"} or PINNED.fullmatch(image) or image in WITHOUT_DIGEST
    assert "latest" not in image
    for port in one.get("ports", ()):
        assert port.startswith("127.0.0.1:"), "other machines cannot reach it"
        assert ":9300" not in port, "nodes talk to each other inside only"


def test_what_stays_says_when_it_is_well_and_what_waits_for_it_asks_for_that() -> None:
    found = services()
    for name, one in found.items():
        assert (name in SERVERS) == ("healthcheck" in one), name
        for other, wait in one.get("depends_on", {}).items():
            condition = "service_healthy" if other in SERVERS else "service_completed_successfully"
            assert wait == {"condition": condition}, (name, other)


def test_no_secret_stands_in_the_file_or_its_example() -> None:
    for name, one in services().items():
        given = one.get("environment", {})
        pairs = [pair.partition("=")[::2] for pair in given] if isinstance(given, list) else given.items()
        for variable, value in pairs:
            if re.search("PASSWORD|TOKEN|KEY$|SECRET", variable) and "ssl" not in variable:
                assert re.fullmatch(r"\$\{[A-Z_]+:-\}|", str(value)), (name, variable)
    example = env.settings((ROOT / ".env.example").read_text())
    assert {name for name, value in example.items() if not value} == {*env.SECRETS, *OPEN}


def test_three_nodes_form_one_cluster_and_speak_tls_to_each_other_and_to_clients() -> None:
    found = config("cluster", ELASTIC_PASSWORD="secret")
    nodes = ["es01", "es02", "es03"]
    certificate = {"http", "transport"}
    for name in nodes:
        one = found[name]
        given = one["environment"]
        assert (given["node.name"], given["cluster.name"]) == (name, "sl")
        assert given["cluster.initial_master_nodes"].split(",") == nodes
        assert sorted([*given["discovery.seed_hosts"].split(","), name]) == nodes
        assert given["xpack.security.enabled"] == "true"
        for layer in certificate:
            of_layer = f"xpack.security.{layer}.ssl"
            assert given[f"{of_layer}.enabled"] == "true"
            assert given[f"{of_layer}.certificate"] == f"certs/{name}/{name}.crt"
            assert given[f"{of_layer}.key"] == f"certs/{name}/{name}.key"
            assert given[f"{of_layer}.certificate_authorities"] == "certs/ca/ca.crt"
        assert given["xpack.security.transport.ssl.verification_mode"] == "full"
        assert given["ELASTIC_PASSWORD"] == "secret"
        assert one["depends_on"] == {"setup": {"condition": "service_completed_successfully"}}
        assert set(one["volumes"]) == {
            "certs:/usr/share/elasticsearch/config/certs:ro",
            f"{name}:/usr/share/elasticsearch/data:rw",
        }
    assert [name for name in nodes if "ports" in found[name]] == ["es01"]
    assert found["setup"]["command"] == ["certificates", "/certs", *nodes]


def test_the_commands_of_the_cluster_know_all_nodes_and_check_their_certificates() -> None:
    found = config("cluster", ELASTIC_PASSWORD="secret")
    for name in ("log-generator", "generate", "discover", "jupyter"):
        one = found[name]
        assert one["environment"]["ES_CA_CERT"] == "/certs/ca/ca.crt"
        assert "certs:/certs:ro" in one["volumes"]
        places = " ".join([*one["command"], one["environment"]["SL_STORE"]])
        assert "https://es01:9200,https://es02:9200,https://es03:9200/" in places
    assert found["discover"]["depends_on"] == {"generate": {"condition": "service_completed_successfully"}}
    assert found["jupyter"]["environment"]["SL_STORE"].endswith("/web-logs")
    assert found["log-generator"]["command"][-1].endswith("/web-logs")


def test_kibana_logs_in_as_its_own_user_with_the_password_that_was_set() -> None:
    found = config("cluster", KIBANA_PASSWORD="k", ELASTIC_PASSWORD="e")
    given = found["kibana"]["environment"]
    assert (given["ELASTICSEARCH_USERNAME"], given["ELASTICSEARCH_PASSWORD"]) == ("kibana_system", "k")
    assert len(json.loads(given["ELASTICSEARCH_HOSTS"])) == 3
    assert "e" not in given.values()
    assert found["passwords"]["environment"]["KIBANA_PASSWORD"] == "k"
    assert found["kibana"]["depends_on"] == {"passwords": {"condition": "service_completed_successfully"}}


def test_the_events_of_a_kentik_account_with_credentials_that_only_pass_through() -> None:
    found = config("kentik", KENTIK_API_USER="jane@example.net", KENTIK_STORE="kentik:eu")
    one = found["kentik"]
    assert one["command"] == ["discover"]
    assert "depends_on" not in one, "a node that nobody asks is not started"
    given = one["environment"]
    assert given["KENTIK_API_USER"] == "jane@example.net", "no quotes round it"
    assert given["KTAPI_AUTH_EMAIL"] is None, "what is not set stays unset"
    assert given["SL_STORE"] == "kentik:eu"
    mounted = dict(volume.split(":")[:2] for volume in services()["kentik"]["volumes"])
    assert mounted == {"./input": "/sl/input", "./output": given["SL_OUTPUT"]}
    assert [name for name, one in services().items() if "KENTIK_API_USER" in one.get("environment", {})] == ["kentik"]


@pytest.mark.parametrize("name", ["logstash", "smoke-logstash"])
def test_logstash_gets_a_pipeline_its_template_and_only_variables_that_it_reads(name: str) -> None:
    found = services()[name]
    mounted = dict(one.split(":")[:2] for one in found["volumes"])
    assert all((ROOT / file).is_file() for file in mounted)
    (pipeline,) = [file for file, place in mounted.items() if place.endswith("/pipeline/logstash.conf")]
    text = (ROOT / pipeline).read_text()
    # Of a folder of pipelines all files are read as one: the template has to lie elsewhere.
    assert "${LOGSTASH_FOLDER:/usr/share/logstash/config}/${LOG_TEMPLATE:app-logs}.json" in text
    template = found["environment"].get("LOG_TEMPLATE", "app-logs")
    assert mounted[f"./deploy/logstash/{template}.json"] == f"/usr/share/logstash/config/{template}.json"
    index = found["environment"].get("LOG_INDEX", "app-logs")
    assert index.startswith(template), "which the template's pattern fits"
    assert all(f"${{{variable}:" in text for variable in found["environment"] if variable != "LS_JAVA_OPTS")


# --- images ----------------------------------------------------------------------------------------


def _image() -> list[list[str]]:
    text = (ROOT / "deploy" / "Dockerfile").read_text().replace("\\\n", " ")
    return [line.split() for line in text.splitlines() if line and not line.startswith("#")]


def test_what_the_images_copy_is_there_and_is_sent() -> None:
    copied = {name for line in _image() if line[0] == "COPY" and "--from" not in line[1] for name in line[1:-1]}
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == sent
    assert {name for name in copied if not (ROOT / name).exists()} == set()


def test_the_images_are_built_from_locks_and_run_as_nobody_special_with_a_health_check() -> None:
    lines = _image()
    stages = {line[3]: line[1] for line in lines if line[0] == "FROM"}
    assert {"sl", "jupyter"} <= set(stages)
    assert {stages["sl"], stages["jupyter"]} == {"program"}
    assert [image for image in stages.values() if ":" in image] == [stages["python"]]
    assert PINNED.fullmatch(stages["python"])
    program = lines[lines.index(["FROM", "python", "AS", "program"]) :]
    assert ["USER", "sl"] in program
    assert any(line[0] == "HEALTHCHECK" for line in program)
    assert all("--require-hashes" in line for line in lines if line[0] == "RUN" and "-r" in line)
    built = {one["build"]["target"] for one in services().values() if "build" in one}
    assert built == {"sl", "jupyter"}


def test_the_notebooks_image_adds_to_the_versions_of_the_other_one() -> None:
    def versions(name: str) -> dict[str, str]:
        return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)", (ROOT / name).read_text(), re.MULTILINE))

    ours, added = versions("requirements.txt"), versions("deploy/jupyter.txt")
    assert "jupyterlab" in added
    assert {name: version for name, version in added.items() if ours.get(name, version) != version} == {}


# --- .env ------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / ".env.example", tmp_path)
    return tmp_path


def test_env_gets_secrets_of_its_own_and_is_nobody_elses_to_read(folder: Path) -> None:
    assert env.write(folder)
    made = env.settings((folder / ".env").read_text())
    assert set(made) == set(env.settings((ROOT / ".env.example").read_text()))
    secrets = [made[name] for name in env.SECRETS]
    assert len(set(secrets)) == len(secrets)
    # Kibana wants a key of 32; in a shell, a URL and a YAML file none of them needs quotes.
    assert all(re.fullmatch(r"[\w-]{32,}", secret) for secret in secrets)
    assert made["UID"] == str(os.getuid())
    assert (folder / ".env").stat().st_mode & 0o777 == 0o600
    assert {path.name for path in folder.iterdir()} == {".env", ".env.example"}


def test_what_env_says_already_stays(folder: Path) -> None:
    (folder / ".env").write_text("ELASTIC_PASSWORD=mine\nES_PORT=9201\nMORE=1\n# a note\n")
    assert env.write(folder)
    made = env.settings((folder / ".env").read_text())
    assert (made["ELASTIC_PASSWORD"], made["ES_PORT"], made["MORE"]) == ("mine", "9201", "1")
    assert made["KIBANA_PASSWORD"]
    before = (folder / ".env").read_bytes()
    assert not env.write(folder)
    assert (folder / ".env").read_bytes() == before


def test_every_setting_of_the_example_is_one_that_the_file_reads() -> None:
    read = set(re.findall(r"\$\{([A-Z_]+)", FILE.read_text()))
    said = set(env.settings((ROOT / ".env.example").read_text())) - {"COMPOSE_PROFILES"}
    assert said <= read
    assert set(env.SECRETS) <= said


def test_env_is_in_no_commit_and_in_no_image() -> None:
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"
