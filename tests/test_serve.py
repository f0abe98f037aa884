"""`./sl.py serve`, asked over real connections: each endpoint by its name, what it answers, and what it refuses."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from generator.logs.server.pages import PAGES
from tests.commands import refused, sl
from tests.required import program
from tests.serving import Events, Server, events, served

KINDS = (
    "error_spike",
    "latency_degradation",
    "security_threat",
    "resource_exhaustion",
    "service_outage",
    "data_anomaly",
)


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    with served("--seed", "7") as server:
        yield server


@pytest.fixture
def server(shared: Server) -> Server:
    """As it was when it started."""
    shared.told("PUT", "/api/config/anomalies", {})
    shared.told("POST", "/api/reset")
    return shared


def well_formed(line: dict[str, Any]) -> None:
    assert {"timestamp", "level", "source", "service", "message", "request_id", "_labels"} <= set(line)
    datetime.fromisoformat(line["timestamp"])
    assert line["level"] in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    labels = line["_labels"]
    assert isinstance(labels["is_anomaly"], bool)
    assert labels["anomaly_type"] in (*KINDS, "none")
    assert 0 <= labels["anomaly_score"] <= 1
    assert labels["is_anomaly"] == (labels["anomaly_type"] != "none")


# --- each line of the table of endpoints ------------------------------------------------------------


def test_get_root_tells_what_this_is_and_where_its_parts_are(server: Server) -> None:
    told = server.get("/")
    assert set(told) == {"name", "version", "endpoints"}
    assert told["endpoints"] == {
        "generate": "/api/generate",
        "stream": "/api/stream",
        "websocket": "/ws/logs",
        "config": "/api/config",
        "status": "/api/status",
    }


def test_get_status_counts_what_was_made(server: Server) -> None:
    before = server.get("/api/status")
    assert (before["logs_generated"], before["anomalies_generated"], before["is_running"]) == (0, 0, False)
    assert before["current_anomaly_active"] is False
    assert datetime.fromisoformat(before["start_time"]) <= datetime.now(UTC)
    made = server.told("POST", "/api/generate", {"count": 500, "anomaly_rate": 0.2})
    after = server.get("/api/status")
    assert (after["logs_generated"], after["anomalies_generated"]) == (500, made["anomaly_count"])


def test_get_config_is_what_logs_yaml_says(server: Server) -> None:
    told = server.get("/api/config")
    assert {"generator", "sources", "normal_logs", "anomalies", "output", "timestamps"} <= set(told)
    assert told["generator"]["total_logs"] == 1000
    assert set(told["anomalies"]["types"]) == set(KINDS)
    assert [source["name"] for source in told["sources"]] == ["web-server", "application", "database", "infrastructure"]


def test_put_config_generator_changes_it_and_what_streams_get_that_do_not_say(server: Server) -> None:
    with served() as own:
        config = {"batch_size": 3, "total_logs": 7, "interval": 0.2}
        told = own.told("PUT", "/api/config/generator", config)
        assert told == {"message": "Generator configuration updated", "config": config}
        assert own.get("/api/config")["generator"] == config
        with own.ask("GET", "/api/stream", stream=True) as answer:
            assert [event["count"] for event in events(answer, 2)] == [3, 3]
        with own.ask("GET", "/api/stream?batch_size=5", stream=True) as answer:
            assert [event["count"] for event in events(answer, 1)] == [5]


def test_put_config_anomalies_decides_which_types_there_are(server: Server) -> None:
    config = {"probability": 0.3, **{f"{kind}_enabled": kind == "data_anomaly" for kind in KINDS}}
    told = server.told("PUT", "/api/config/anomalies", config)
    assert told == {"message": "Anomaly configuration updated", "config": config}
    assert server.get("/api/config")["anomalies"]["probability"] == 0.3
    made = server.told("POST", "/api/generate", {"count": 2000, "anomaly_rate": 0.3})
    assert {line["_labels"]["anomaly_type"] for line in made["logs"]} == {"data_anomaly", "none"}


def test_put_config_anomalies_refuses_anomalies_of_no_type(server: Server) -> None:
    config = {"probability": 0.3, **{f"{kind}_enabled": False for kind in KINDS}}
    answer = server.ask("PUT", "/api/config/anomalies", config)
    assert answer.status_code == 422
    assert "none is enabled" in answer.json()["detail"]
    assert server.get("/api/config")["anomalies"]["types"]["error_spike"]["enabled"] is True


@pytest.mark.parametrize(("count", "rate"), [(1, 0.05), (100, 0.1), (10_000, 0.0), (10_000, 0.05), (5000, 0.3)])
def test_post_generate_makes_that_many_lines_with_that_share_of_anomalies(
    server: Server, count: int, rate: float
) -> None:
    told = server.told("POST", "/api/generate", {"count": count, "anomaly_rate": rate})
    assert set(told) == {"count", "anomaly_count", "logs"}
    assert told["count"] == len(told["logs"]) == count
    marked = sum(line["_labels"]["is_anomaly"] for line in told["logs"])
    assert told["anomaly_count"] == marked
    assert abs(marked - rate * count) <= max(2, 0.1 * rate * count)
    for line in told["logs"][:100]:
        well_formed(line)


def test_post_generate_makes_text_and_leaves_labels_out(server: Server) -> None:
    told = server.told("POST", "/api/generate", {"count": 200, "anomaly_rate": 0.2, "format": "text"})
    line = re.compile(r"\[[-0-9T:.]{26}\] \[[A-Z ]{8}\] \[[^/\]]+/[^\]]+\] \[[0-9a-f]{8}\] .+")
    assert all(line.match(text) for text in told["logs"])
    assert sum("[ANOMALY:" in text for text in told["logs"]) == told["anomaly_count"] > 0
    for form in ("json", "text"):
        plain = server.told("POST", "/api/generate", {"count": 50, "include_labels": False, "format": form})
        assert not [one for one in plain["logs"] if "_labels" in str(one) or "ANOMALY" in str(one)]


def test_post_generate_single_makes_one_line(server: Server) -> None:
    line = server.told("POST", "/api/generate/single")
    well_formed(line)
    assert "_labels" not in server.told("POST", "/api/generate/single?include_labels=false")
    assert server.get("/api/status")["logs_generated"] == 2


def test_post_generate_single_makes_an_anomalous_line_when_that_is_wanted(server: Server) -> None:
    lines = [server.told("POST", "/api/generate/single?force_anomaly=true") for _ in range(20)]
    assert all(line["_labels"]["is_anomaly"] for line in lines)
    assert server.get("/api/status")["anomalies_generated"] == 20


@pytest.mark.parametrize("kind", KINDS)
def test_post_inject_anomaly_shows_in_what_is_generated_next(server: Server, kind: str) -> None:
    told = server.told("POST", "/api/inject-anomaly", {"anomaly_type": kind, "duration_logs": 30})
    assert told == {"message": f"Anomaly '{kind}' injected", "duration_logs": 30}
    assert server.get("/api/status")["current_anomaly_active"] is True
    made = server.told("POST", "/api/generate", {"count": 3000, "anomaly_rate": 0.0})
    marked = [line["_labels"]["anomaly_type"] for line in made["logs"] if line["_labels"]["is_anomaly"]]
    assert set(marked) == {kind}
    assert 25 <= len(marked) <= 36
    assert server.get("/api/status")["current_anomaly_active"] is False


def test_post_inject_anomaly_goes_on_over_several_calls(server: Server) -> None:
    server.told("POST", "/api/inject-anomaly", {"anomaly_type": "error_spike", "duration_logs": 100})
    marked = 0
    for _ in range(200):
        marked += server.told("POST", "/api/generate", {"count": 20, "anomaly_rate": 0.0})["anomaly_count"]
        if not server.get("/api/status")["current_anomaly_active"]:
            break
    assert 97 <= marked <= 120


def test_get_stream_sends_batches_as_events(server: Server) -> None:
    with server.ask("GET", "/api/stream?batch_size=7&interval=0.1&anomaly_rate=0.3", stream=True) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-cache"
        found = events(answer, 4)
    assert [event["batch"] for event in found] == [1, 2, 3, 4]
    for event in found:
        assert event["count"] == len(event["logs"]) == 7
        assert event["anomaly_count"] == sum(line["_labels"]["is_anomaly"] for line in event["logs"])
        for line in event["logs"]:
            well_formed(line)
    times = [line["timestamp"] for event in found for line in event["logs"]]
    assert times == sorted(times)


def test_get_stream_ends_after_as_many_batches_as_were_asked_for(server: Server) -> None:
    answer = server.ask("GET", "/api/stream?batch_size=2&interval=0.1&max_batches=3&include_labels=false")
    found = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    assert [event["batch"] for event in found] == [1, 2, 3]
    assert not [line for event in found for line in event["logs"] if "_labels" in line]


def test_get_stream_ndjson_sends_a_line_for_each_line(server: Server) -> None:
    with server.ask("GET", "/api/stream/ndjson?batch_size=3&interval=0.05", stream=True) as answer:
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        lines = [json.loads(line) for line, _ in zip(answer.iter_lines(), range(10), strict=False)]
    assert len(lines) == 10
    for line in lines:
        well_formed(line)


def test_post_reset_counts_from_zero(server: Server) -> None:
    server.told("POST", "/api/generate", {"count": 10})
    server.told("POST", "/api/inject-anomaly", {"anomaly_type": "error_spike"})
    told = server.told("POST", "/api/reset")
    assert told["message"] == "Statistics reset"
    status = server.get("/api/status")
    assert (status["logs_generated"], status["anomalies_generated"]) == (0, 0)
    assert status["start_time"] == told["timestamp"]
    assert status["current_anomaly_active"] is False


def test_get_metrics_says_what_status_says_as_prometheus_takes_it(server: Server) -> None:
    server.told("POST", "/api/generate", {"count": 7})
    answer = server.ask("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    command = [program("promtool"), "check", "metrics"]
    checked = subprocess.run(command, input=answer.content, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
    told = server.get("/api/status")
    figures = dict(line.split() for line in answer.text.splitlines() if not line.startswith("#"))
    assert int(figures["sl_serve_lines_total"]) == told["logs_generated"]
    assert set(figures) >= {"sl_serve_streams", "sl_serve_skipped_lines_total", "sl_serve_anomalous_lines_total"}


def test_get_health_says_that_the_server_lives(server: Server) -> None:
    told = server.get("/health")
    assert (told["status"], told["generator_ready"]) == ("healthy", True)
    datetime.fromisoformat(told["timestamp"])


def test_get_docs_and_openapi_name_every_endpoint_and_need_nothing_from_elsewhere(server: Server) -> None:
    paths = server.get("/openapi.json")["paths"]
    assert {path: set(methods) for path, methods in paths.items()} == {
        "/": {"get"},
        "/api/status": {"get"},
        "/api/config": {"get"},
        "/api/config/generator": {"put"},
        "/api/config/anomalies": {"put"},
        "/api/generate": {"post"},
        "/api/generate/single": {"post"},
        "/api/inject-anomaly": {"post"},
        "/api/stream": {"get"},
        "/api/stream/ndjson": {"get"},
        "/api/reset": {"post"},
        "/health": {"get"},
        "/metrics": {"get"},
    }
    for name in PAGES:
        answer = server.ask("GET", name)
        assert answer.status_code == 200
        if "swagger" not in name:
            assert not re.findall(r"(?:src|href|url|import)\W{1,3}https?://", answer.text)
        assert "default-src 'none'" in answer.headers["content-security-policy"]


# --- clients do not change each other's lines ------------------------------------------------------


def test_every_client_has_a_stream_of_its_own(server: Server) -> None:
    seen: list[set[str]] = []
    for _ in range(3):
        with server.ask("GET", "/api/stream?batch_size=50&interval=0.1", stream=True) as answer:
            seen.append({line["request_id"] for event in events(answer, 2) for line in event["logs"]})
    assert [len(one) for one in seen] == [100, 100, 100]
    assert len(set.union(*seen)) == 300


def test_the_share_of_one_client_is_not_that_of_another(server: Server) -> None:
    with (
        server.ask("GET", "/api/stream?batch_size=100&interval=0.1&anomaly_rate=0", stream=True) as calm,
        server.ask("GET", "/api/stream?batch_size=100&interval=0.1&anomaly_rate=0.5", stream=True) as wild,
    ):
        found = [sum(event["anomaly_count"] for event in events(answer, 10)) for answer in (calm, wild)]
    assert found[0] == 0
    assert found[1] > 250, "it is a stream of half anomalies, once it has begun"


def test_an_anomaly_that_is_injected_shows_in_every_stream_that_runs(server: Server) -> None:
    with (
        server.ask("GET", "/api/stream?batch_size=100&interval=0.1&anomaly_rate=0", stream=True) as first,
        server.ask("GET", "/api/stream?batch_size=100&interval=0.1&anomaly_rate=0", stream=True) as second,
    ):
        readers = [Events(first), Events(second)]
        assert [reader.take(1)[0]["anomaly_count"] for reader in readers] == [0, 0]
        server.told("POST", "/api/inject-anomaly", {"anomaly_type": "service_outage", "duration_logs": 50})
        for reader in readers:
            lines = [line for event in reader.take(15) for line in event["logs"] if line["_labels"]["is_anomaly"]]
            assert {line["_labels"]["anomaly_type"] for line in lines} == {"service_outage"}
            assert len({line["_labels"]["incident_id"] for line in lines}) == 1


# --- what is not valid --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [
        ("POST", "/api/generate", {"count": 0}, "greater than or equal to 1"),
        ("POST", "/api/generate", {"count": 10_001}, "less than or equal to 10000"),
        ("POST", "/api/generate", {"count": 10**400}, "less than or equal to 10000"),
        ("POST", "/api/generate", {"count": "many"}, "valid integer"),
        ("POST", "/api/generate", {"count": 1.5}, "valid integer"),
        ("POST", "/api/generate", {"anomaly_rate": 1.1}, "less than or equal to 1"),
        ("POST", "/api/generate", {"anomaly_rate": -0.1}, "greater than or equal to 0"),
        ("POST", "/api/generate", {"format": "xml"}, "'json' or 'text'"),
        ("POST", "/api/generate", [], "valid dictionary"),
        ("POST", "/api/generate", None, "Field required"),
        ("POST", "/api/inject-anomaly", {}, "Field required"),
        (
            "POST",
            "/api/inject-anomaly",
            {"anomaly_type": "error_spike", "duration_logs": 4},
            "greater than or equal to 5",
        ),
        ("POST", "/api/inject-anomaly", {"anomaly_type": "error_spike", "duration_logs": 101}, "or equal to 100"),
        ("PUT", "/api/config/generator", {"batch_size": 0}, "greater than or equal to 1"),
        ("PUT", "/api/config/generator", {"interval": 61}, "less than or equal to 60"),
        ("PUT", "/api/config/anomalies", {"probability": 2}, "less than or equal to 1"),
        ("GET", "/api/stream?batch_size=101", None, "less than or equal to 100"),
        ("GET", "/api/stream?interval=0.01", None, "greater than or equal to 0.1"),
        ("GET", "/api/stream?interval=nan", None, ""),
        ("GET", "/api/stream?anomaly_rate=nan", None, ""),
        ("GET", "/api/stream/ndjson?batch_size=0", None, "greater than or equal to 1"),
    ],
)
def test_a_value_out_of_bounds_is_422_and_says_the_bound(
    server: Server, method: str, path: str, body: Any, words: str
) -> None:
    answer = server.ask(method, path, body)
    assert answer.status_code == 422, answer.text
    assert words in answer.text


@pytest.mark.parametrize("kind", ["earthquake", "", "ERROR_SPIKE", 5, None, ["error_spike"]])
def test_a_type_of_anomaly_that_there_is_not_is_400_and_names_those_that_there_are(server: Server, kind: Any) -> None:
    answer = server.ask("POST", "/api/inject-anomaly", {"anomaly_type": kind})
    assert answer.status_code == 400
    assert all(kind in answer.text for kind in KINDS)


@pytest.mark.parametrize(
    ("path", "data", "status"),
    [
        ("/api/generate", b"{", 422),
        ("/api/generate", b"\xff\xfe", 422),
        ("/api/generate", b'{"anomaly_rate": NaN}', 422),
        ("/api/generate", b"[" * 200_000, 400),
        ("/api/inject-anomaly", b"null", 422),
    ],
)
def test_a_body_that_is_no_json_is_refused(server: Server, path: str, data: bytes, status: int) -> None:
    answer = requests.post(server.url + path, data=data, headers={"content-type": "application/json"}, timeout=30)
    assert answer.status_code == status, answer.text
    assert server.get("/health")["status"] == "healthy"


def test_what_is_not_there_is_404_and_a_wrong_method_405(server: Server) -> None:
    assert server.ask("GET", "/api/nothing").status_code == 404
    assert server.ask("GET", "/api/generate").status_code == 405
    assert server.ask("GET", "/ui/../../../etc/passwd").status_code == 404


# --- the process -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_server_and_its_streams_in_order(how: signal.Signals, code: int) -> None:
    with served() as server, server.ask("GET", "/api/stream?interval=60", stream=True) as answer:
        assert len(events(answer, 1)) == 1
        assert server.stop(how) == (code, "")


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = refused(sl("serve", "--port", port), 2)
    assert (
        line == f"sl: cannot listen on 127.0.0.1 port {port} (Address already in use): choose another --port or --host"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ("--host", "0.0.0.0"),
            "0.0.0.0 is reachable from other machines: set a token with SL_SERVE_TOKEN or --token-file",
        ),
        (("--host", "192.0.2.1", "--token-file", "TOKEN"), "cannot listen on 192.0.2.1 port 8000"),
        (("--host", "no.such.name.invalid"), "cannot listen on no.such.name.invalid port 8000"),
        (("--token-file", "SHORT"), "the token must have at least 16 characters"),
        (("--config", "nothing.yaml"), "nothing.yaml: file not found"),
    ],
)
def test_a_start_that_cannot_be_meant_is_one_line(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    (tmp_path / "TOKEN").write_text("0123456789abcdef0123\n")
    (tmp_path / "SHORT").write_text("secret\n")
    made = [str(tmp_path / one) if one in ("TOKEN", "SHORT") else one for one in options]
    line = refused(sl("serve", *made), 2)
    assert words in line
    assert "secret" not in line


def test_a_configuration_of_ones_own_decides_what_is_served(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("sources:\n  - name: mine\n    weight: 1\n    services: [only-one]\n")
    with served("--config", str(file)) as server:
        made = server.told("POST", "/api/generate", {"count": 20})
    assert {(line["source"], line["service"]) for line in made["logs"]} == {("mine", "only-one")}
