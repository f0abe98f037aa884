"""Log lines as texts: the same fields, in the same form, as people's tools know them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.logs.formats import encode
from generator.logs.model import LEVELS, MISSING, Block
from generator.logs.settings import FORMATS, LogSettings
from generator.logs.sources import LogSource
from generator.logs.stream import Stream
from generator.logs.types import TYPES, Anomalies
from generator.logs.vocabulary import NONE, SERVICE
from tests.golden_file import golden

START = 1_788_134_400_000_000

MESSAGE = "502 Bad Gateway - upstream auth-service unavailable"
FIELDS = (
    "timestamp",
    "level",
    "source",
    "service",
    "message",
    "request_id",
    "ip_address",
    "response_time_ms",
    "status_code",
    "endpoint",
    "method",
    "error_code",
    "_labels",
)


def example() -> Block:
    """One line: nginx answers 502 in an outage."""
    words = Stream(LogSettings(), 1, START).words
    template = next(
        place for place, (head, _, tail) in enumerate(words.templates.parts) if head.startswith("502 ") and not tail
    )
    one = Stream(LogSettings(), 1, START).take(1)
    request = bytes.fromhex("a1b2c3d4e5f64890abcdef1234567890")
    return replace(
        one,
        time_us=np.array([int(np.datetime64("2024-01-15T10:30:45.123456", "us").astype(np.int64))]),
        level=np.array([LEVELS.index("ERROR")], dtype=np.uint8),
        service=np.array([words.services.index("nginx")], dtype=np.int32),
        template=np.array([template], dtype=np.int32),
        arguments=np.array([[SERVICE + words.services.index("auth-service"), 0]], dtype=np.int32),
        request=np.frombuffer(request, dtype=np.uint8).reshape(1, 16),
        address=np.array([(192 << 24) + (168 << 16) + (1 << 8) + 100], dtype=np.uint32),
        response_cs=np.array([350_050], dtype=np.int32),
        status=np.array([502], dtype=np.int16),
        endpoint=np.array([words.endpoints.index("/api/v1/auth/login")], dtype=np.int16),
        method=np.array([words.methods.index("POST")], dtype=np.int8),
        error=np.array([words.errors.index("ERR_SERVICE_UNAVAILABLE")], dtype=np.int8),
        kind=np.array([TYPES.index("service_outage")], dtype=np.int8),
        score=np.array([8500], dtype=np.int16),
        incident=np.array([0], dtype=np.int32),
        incidents=("1f2e3d4c-00007",),
    )


def test_json_has_the_fields_that_people_know_and_the_incident() -> None:
    (line,) = encode(example(), "json")
    document = json.loads(line)
    assert tuple(document) == FIELDS
    assert document == {
        "timestamp": "2024-01-15T10:30:45.123456",
        "level": "ERROR",
        "source": "web-server",
        "service": "nginx",
        "message": MESSAGE,
        "request_id": "a1b2c3d4-e5f6-4890-abcd-ef1234567890",
        "ip_address": "192.168.1.100",
        "response_time_ms": 3500.5,
        "status_code": 502,
        "endpoint": "/api/v1/auth/login",
        "method": "POST",
        "error_code": "ERR_SERVICE_UNAVAILABLE",
        "_labels": {
            "is_anomaly": True,
            "anomaly_type": "service_outage",
            "anomaly_score": 0.85,
            "incident_id": "1f2e3d4c-00007",
        },
    }


def test_the_text_line_is_the_one_that_people_know() -> None:
    (line,) = encode(example(), "text")
    assert line.decode() == (
        "[2024-01-15T10:30:45.123456] [ERROR   ] [web-server/nginx] [a1b2c3d4] "
        "502 Bad Gateway - upstream auth-service unavailable (3500.50ms) [502] [ANOMALY:service_outage:0.85]"
    )


def test_ecs_has_the_names_of_the_elastic_common_schema() -> None:
    (line,) = encode(example(), "ecs")
    assert json.loads(line) == {
        "@timestamp": "2024-01-15T10:30:45.123456Z",
        "log.level": "error",
        "ecs.version": "8.11.0",
        "log.logger": "web-server",
        "service.name": "nginx",
        "message": MESSAGE,
        "http.request.id": "a1b2c3d4-e5f6-4890-abcd-ef1234567890",
        "source.ip": "192.168.1.100",
        "event.duration": 3_500_500_000,
        "http.response.status_code": 502,
        "url.path": "/api/v1/auth/login",
        "http.request.method": "POST",
        "error.code": "ERR_SERVICE_UNAVAILABLE",
        "labels.is_anomaly": True,
        "labels.anomaly_type": "service_outage",
        "labels.anomaly_score": "0.85",
        "labels.incident_id": "1f2e3d4c-00007",
    }


def test_combined_is_a_line_of_apache() -> None:
    (line,) = encode(example(), "combined")
    form = r'(\S+) - - \[(.*?)\] "(\S+) (\S+) HTTP/1\.1" (\d{3}) (\d+) "(.*?)" "(.*?)"'
    match = re.fullmatch(form, line.decode())
    assert match is not None
    assert match.groups()[:5] == (
        "192.168.1.100",
        "15/Jan/2024:10:30:45 +0000",
        "POST",
        "/api/v1/auth/login",
        "502",
    )


@pytest.mark.parametrize("form", FORMATS)
def test_the_lines_of_a_seed_stay_as_they_are(form: str) -> None:
    anomalies = Anomalies(0.5, "lines")
    block = Stream(LogSettings(anomalies=anomalies), 4, START, total=2000).take(2000)
    # Some of them, with every type of anomaly among them.
    found = b"".join(line + b"\n" for line in encode(block, form)[::31])
    assert set(block.kind[::31].tolist()) == {NONE, *range(len(TYPES))}
    golden(f"logs_{form}.txt", found)


@pytest.mark.parametrize("form", ["json", "ecs"])
def test_without_labels_a_line_says_nothing_of_anomalies(form: str) -> None:
    block = Stream(LogSettings(anomalies=Anomalies(0.3)), 1, START).take(2000)
    assert block.anomalous > 100
    for line in encode(block, form, labels=False):
        assert not {name for name in json.loads(line) if "label" in name}
    assert not any(b"ANOMALY" in line for line in encode(block, "text", labels=False))


def test_a_value_that_a_line_does_not_have_is_left_out() -> None:
    bare = replace(
        example(),
        response_cs=np.array([MISSING], dtype=np.int32),
        status=np.array([NONE], dtype=np.int16),
        endpoint=np.array([NONE], dtype=np.int16),
        error=np.array([NONE], dtype=np.int8),
    )
    (line,) = encode(bare, "json")
    assert set(FIELDS) - set(json.loads(line)) == {"response_time_ms", "status_code", "endpoint", "error_code"}
    (line,) = encode(bare, "text", labels=False)
    assert line.endswith(MESSAGE.encode())
    (line,) = encode(bare, "combined")
    assert b'"POST - HTTP/1.1" - ' in line
    (line,) = encode(bare, "ecs")
    assert "event.duration" not in json.loads(line)


def test_every_line_of_every_type_is_json_with_fields_of_the_right_kinds() -> None:
    kinds: dict[str, Any] = dict.fromkeys(FIELDS, str)
    kinds |= {"response_time_ms": float, "status_code": int, "_labels": dict}
    block = Stream(LogSettings(anomalies=Anomalies(0.5)), 1, START).take(20_000)
    assert set(block.kind.tolist()) == {NONE, *range(len(TYPES))}
    errors = 0
    for line, level in zip(encode(block, "json"), block.level.tolist(), strict=True):
        document = json.loads(line)
        assert list(document) == [name for name in FIELDS if name in document]
        assert all(type(value) is kinds[name] for name, value in document.items())
        errors += "error_code" in document and level >= LEVELS.index("ERROR")
        # Only what calls itself null values lacks any.
        if set(FIELDS) - set(document) - {"error_code"}:
            assert document["_labels"]["anomaly_type"] == "data_anomaly"
    assert errors > 1000


@settings(deadline=None, max_examples=60)
@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip),
)
def test_whatever_a_service_is_called_lines_stay_lines_and_json_stays_json(source: str, service: str) -> None:
    sources = (LogSource(source, 1, (service, service + "2")),)
    block = Stream(LogSettings(sources=sources, anomalies=Anomalies(0.5)), 1, START).take(50)
    for form in FORMATS:
        for line in encode(block, form):
            assert len(line.decode().splitlines()) == 1 or form in ("json", "ecs")
            assert b"\n" not in line
    documents = [json.loads(line) for line in encode(block, "json")]
    assert {document["service"] for document in documents} <= {service, service + "2"}
    assert {document["source"] for document in documents} == {source}


def test_messages_name_the_response_time_and_the_status_of_their_line() -> None:
    block = Stream(LogSettings(), 1, START).take(20_000)
    named = stated = 0
    for line in encode(block, "json"):
        document = json.loads(line)
        message = document["message"]
        if match := re.search(r"(?:completed|answered|Proxied to \S+) in (\d+) ms", message):
            named += 1
            assert int(match[1]) == int(document["response_time_ms"])
        if re.match(r"5\d\d [A-Z]", message):
            stated += 1
            assert document["status_code"] == int(message[:3])
    assert named > 1000
    assert stated > 100
