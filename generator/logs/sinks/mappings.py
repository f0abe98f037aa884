"""What the fields of our lines are in an index of Elasticsearch: a table for each kind of line. Pure.

An index gets the fields of the kind of line that it is made for and no others: whoever reads it by its mapping would
take a field that no document has for one that is always empty.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from generator.logs.sinks.base import SinkRefused

SETTINGS = {
    # An anomaly of data is a line with a value of the wrong kind. It is what was ordered, and no reason to refuse it.
    "index.mapping.ignore_malformed": True,
}

Properties = Mapping[str, Any]

_DATE = {"type": "date", "ignore_malformed": False}
_KEYWORD = {"type": "keyword", "ignore_above": 1024}
_TEXT = {"type": "text", "fields": {"keyword": _KEYWORD}}
_ADDRESS = {"type": "ip"}
_FLOAT = {"type": "float"}
_INTEGER = {"type": "integer"}
_LONG = {"type": "long"}
_LABELS = {
    "is_anomaly": {"type": "boolean"},
    "anomaly_type": _KEYWORD,
    "anomaly_score": _FLOAT,
    "incident_id": _KEYWORD,
}
# Kibana and most tools look for the time under this name.
_ALSO_KNOWN_AS = {"@timestamp": {"type": "alias", "path": "timestamp"}}

KINDS: Mapping[str, Properties] = {
    "json": {
        "timestamp": _DATE,
        **_ALSO_KNOWN_AS,
        "message": _TEXT,
        **dict.fromkeys(("level", "source", "service", "endpoint", "method", "error_code", "request_id"), _KEYWORD),
        "ip_address": _ADDRESS,
        "response_time_ms": _FLOAT,
        "status_code": _INTEGER,
        "_labels": {"properties": _LABELS},
    },
    "ecs": {
        "@timestamp": _DATE,
        "message": _TEXT,
        **dict.fromkeys(("log.level", "log.logger", "ecs.version", "service.name", "http.request.id"), _KEYWORD),
        **dict.fromkeys(("url.path", "http.request.method", "error.code"), _KEYWORD),
        "source.ip": _ADDRESS,
        "event.duration": _LONG,
        "http.response.status_code": _INTEGER,
        **{f"labels.{name}": kind for name, kind in _LABELS.items()},
    },
    "web": {
        "timestamp": _DATE,
        **_ALSO_KNOWN_AS,
        "ip": _ADDRESS,
        "method": _KEYWORD,
        "endpoint": _KEYWORD,
        "response_code": _INTEGER,
        "response_time": _FLOAT,
    },
    "smoke": {
        "@timestamp": _DATE,
        "timestamp": _DATE,
        **dict.fromkeys(("request", "agent", "remote_user", "referrer"), _KEYWORD),
        "remote_ip": _ADDRESS,
        "response": _INTEGER,
        "bytes": _LONG,
    },
}
"""Kind of line -> field -> its type."""

_TOLD_BY = {"ecs": "ecs.version", "web": "response_code", "smoke": "remote_user", "json": "service"}
"""A field that every line of a kind has, and none of another."""


def mappings(properties: Properties) -> dict[str, Any]:
    """The mappings of an index with these fields; text in any other field can be grouped by."""
    strings = {"strings": {"match_mapping_type": "string", "mapping": _KEYWORD}}
    return {"dynamic_templates": [strings], "properties": dict(properties)}


def mappings_of(line: bytes) -> dict[str, Any]:
    """The mappings for an index of such lines. Of a kind that is not ours only the time is known.

    Raises:
        SinkRefused: the line is no JSON object.
    """
    try:
        document = json.loads(line)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise SinkRefused("Elasticsearch needs JSON: choose a JSON format")
    kind = next((kind for kind, name in _TOLD_BY.items() if name in document), None)
    if kind is not None:
        return mappings(KINDS[kind])
    return mappings({"@timestamp": _DATE} if "@timestamp" in document else {"timestamp": _DATE, **_ALSO_KNOWN_AS})


def logstash_template(kind: str, index: str) -> dict[str, Any]:
    """The index template for lines of a kind that come through Logstash, which sets @timestamp itself."""
    properties = {"timestamp": _DATE, **KINDS[kind], "@timestamp": _DATE}
    return {
        "index_patterns": [f"{index}*"],
        "priority": 200,
        "template": {"settings": SETTINGS, "mappings": mappings(properties)},
        "_meta": {"description": "What ./sl.py logs writes, as Logstash stores it"},
    }
