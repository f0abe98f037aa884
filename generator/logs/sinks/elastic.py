"""Lines as documents of an index in Elasticsearch. Run and number name a document: a repeat stores nothing twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from generator.logs.sinks.base import Counts, Guarantee, Lines, SinkDenied, SinkFailure, SinkRefused, failed
from generator.logs.sinks.patience import Patience
from traffic.errors import AccessDenied, Failure, PartialAnswer, UsageFailure
from traffic.store.access import Access
from traffic.store.base import Away, StoreError
from traffic.store.elastic.documents import Documents

SETTINGS = {
    # An anomaly of data is a line with a value of the wrong kind. It is what was ordered, and no reason to refuse it.
    "index.mapping.ignore_malformed": True,
}

_DATE = {"type": "date", "ignore_malformed": False}
_KEYWORD = {"type": "keyword", "ignore_above": 1024}
_ADDRESS = {"type": "ip"}
_FLOAT = {"type": "float"}
_INTEGER = {"type": "integer"}
_PROPERTIES: dict[str, Any] = {
    "timestamp": _DATE,
    "@timestamp": _DATE,
    "message": {"type": "text", "fields": {"keyword": _KEYWORD}},
    "stack_trace": {"type": "text"},
    **dict.fromkeys(("level", "source", "service", "endpoint", "method", "error_code", "request_id"), _KEYWORD),
    **dict.fromkeys(("ip", "ip_address", "remote_ip"), _ADDRESS),
    **dict.fromkeys(("response_time_ms", "response_time"), _FLOAT),
    **dict.fromkeys(("status_code", "response_code"), _INTEGER),
    "bytes": {"type": "long"},
    "_labels": {
        "properties": {
            "is_anomaly": {"type": "boolean"},
            "anomaly_type": _KEYWORD,
            "anomaly_score": _FLOAT,
            "incident_id": _KEYWORD,
        }
    },
}


class Elastic:
    """An index (`generator.logs.sinks.base.LineSink`)."""

    guarantee: Guarantee = "stored"

    def __init__(self, name: str, access: Access, refused: Path, patience: float, note: Callable[[str], None]) -> None:
        """Connect.

        Args:
            name: `https://HOST:9200/INDEX`; INDEX may hold %Y, %m, %d, so that there is an index for every day.
            access: how to get in.
            refused: the file that lists documents which the cluster did not take.
            patience: seconds without any progress that are borne.
            note: is told what a person should know.

        Raises:
            UsageFailure: the name cannot be one of an index.
            AccessDenied: not logged in, not allowed, or TLS fails.
            StoreError: the cluster cannot be reached.
        """
        self._documents = Documents(name, access, refused)
        self.name = self._documents.name
        self._note = note
        self._patience = Patience(patience, note)
        self._total = 0
        self._mappings: dict[str, Any] = {}
        self._closed = False

    def write(self, lines: Lines) -> None:
        """Add them; it waits while the cluster is away or busy. What it refuses is listed, and counted as dropped.

        Raises:
            SinkRefused: they are no JSON objects.
            SinkFailure: it was away for longer than the patience.
            SinkDenied: it does not let us.
        """
        if not len(lines):
            return
        self._total += len(lines)
        try:
            if not self._mappings:
                self._mappings = mappings(lines.texts[0])
            run = json.dumps(lines.run)[1:-1].encode()
            ids = [b"%b-%d" % (run, number) for number in range(lines.first, lines.first + len(lines))]
            for index, count, body in self._documents.bodies(lines.times_us, ids, lines.texts):
                self._send(index, count, body)
        except (StoreError, AccessDenied, SinkFailure) as error:
            raise failed(_kind(error), str(error), self.counts, self.guarantee) from error

    def close(self) -> Counts:
        """Make all of it searchable."""
        if not self._closed:
            self._closed = True
            try:
                self._documents.close()
            except (StoreError, AccessDenied) as error:
                self._note(str(error))
        return self.counts

    @property
    def counts(self) -> Counts:
        """As of now."""
        there = self._documents.there
        return Counts(there, there, self._total - there)

    def _send(self, index: str, count: int, body: bytes) -> None:
        while True:
            try:
                self._documents.send(index, count, body, self._mappings, SETTINGS)
            except (Away, PartialAnswer) as error:
                if not self._patience.wait(f"{self.name} is away or busy"):
                    raise SinkFailure(f"{error} (it was waited for {self._patience.seconds:g} s)") from error
            else:
                self._patience.reset()
                return


def mappings(line: bytes) -> dict[str, Any]:
    """What the fields of such a line are in an index. A line without `@timestamp` has it as another name.

    Raises:
        SinkRefused: the line is no JSON object.
    """
    try:
        document = json.loads(line)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise SinkRefused("Elasticsearch takes JSON: choose a format that is")
    properties = dict(_PROPERTIES)
    if "@timestamp" not in document:
        # Kibana and most tools look for it under this name.
        properties["@timestamp"] = {"type": "alias", "path": "timestamp"}
    else:
        properties.pop("timestamp")
    strings = {"strings": {"match_mapping_type": "string", "mapping": _KEYWORD}}
    return {"dynamic_templates": [strings], "properties": properties}


def _kind(error: Failure) -> type[SinkFailure]:
    if isinstance(error, SinkFailure):
        return type(error)
    if isinstance(error, AccessDenied):
        return SinkDenied
    return SinkRefused if isinstance(error, UsageFailure) else SinkFailure
