"""Events, incidents and contributors as documents: `event.*` of the Elastic Common Schema, and fields under `sl`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from analyzer.model import Contributor, Event, Findings, Incident
from analyzer.report.table import CONTRIBUTORS, EVENTS, INCIDENTS, event_rows
from traffic.times import iso

ECS = "8.11.0"

Document = dict[str, Any]

_KEYWORD = {"type": "keyword", "ignore_above": 8191}
_DATE, _FLOAT, _LONG = {"type": "date"}, {"type": "double"}, {"type": "long"}

_NUMBERS = (
    *("minutes", "peak", "baseline", "threshold", "ratio", "excess", "severity"),
    *("actual", "usual", "share", "chance"),
)
_COUNTS = ("keys", "events")
_WORDS = (
    *("scope", "run", "store", "metric", "unit", "key", "direction", "band", "class", "opened_by", "confidence"),
    *("recurs", "verdict", "label_id", "event_id", "incident_id", "dimension", "value", "new", "common", "onset"),
)

PROPERTIES: dict[str, Any] = {
    "@timestamp": _DATE,
    "message": {"type": "text"},
    "ecs": {"properties": {"version": _KEYWORD}},
    "event": {
        "properties": {
            **dict.fromkeys(("id", "kind", "category", "type", "module", "dataset", "action", "reason"), _KEYWORD),
            **dict.fromkeys(("start", "end", "created"), _DATE),
            "duration": _LONG,
            "severity": _LONG,
            "risk_score": {"type": "float"},
        }
    },
    "sl": {
        "properties": {
            **dict.fromkeys(_WORDS, _KEYWORD),
            **dict.fromkeys(_NUMBERS, _FLOAT),
            **dict.fromkeys(_COUNTS, _LONG),
        }
    },
}
"""The mapping of the index."""

_ELSEWHERE = {"start", "end", "detected"}
"""Columns that stand in fields of ECS."""


def documents(findings: Findings) -> dict[str, Document]:
    """All of a run, by id: an event's and an incident's own, of a contributor a hash."""
    found = {row.event.id: _event(row.event, EVENTS.document(row), findings) for row in event_rows(findings)}
    found |= {one.id: _incident(one, findings) for one in findings.incidents}
    events = {event.id: event for event in findings.events}
    for one in findings.contributors:
        if one.event_id in events:
            found[_contributor_id(one)] = _contributor(one, events[one.event_id], findings)
    return found


def scope(findings: Findings, chosen: Sequence[object]) -> str:
    """Whose documents they are: what was looked at in which store. A run replaces those of its own scope alone.

    Args:
        findings: of the run.
        chosen: which keys and events of the store were asked for.
    """
    about = (findings.store, findings.metric.name, *chosen)
    return blake2b(repr(about).encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()


def _common(dataset: str, start: int, end: int, row: Mapping[str, Any], findings: Findings) -> Document:
    own = {name: value for name, value in row.items() if value is not None and name not in _ELSEWHERE}
    return {
        "@timestamp": iso(start),
        "ecs": {"version": ECS},
        "event": {
            "module": "sl",
            "dataset": f"sl.{dataset}",
            "category": ["network"],
            "type": ["info"],
            "start": iso(start),
            "end": iso(end),
            "duration": (end - start) * 10**9,
        },
        "sl": {"store": findings.store, "metric": findings.metric.name, "unit": findings.metric.unit, **own},
    }


def _event(event: Event, row: Mapping[str, Any], findings: Findings) -> Document:
    found = _common("events", event.start, event.end, row, findings)
    ratio = "" if event.ratio is None else f", {event.ratio:.3g} times the baseline"
    found["message"] = f"{event.key} {event.direction} its threshold: {event.peak:.4g} {findings.metric.unit}{ratio}"
    found["event"] |= {
        "id": event.id,
        "kind": "alert",
        "action": f"traffic-{event.direction}",
        "created": iso(event.detected),
        "reason": found["message"],
        "severity": round(event.severity),
        "risk_score": row["severity"],
    }
    return found


def _incident(one: Incident, findings: Findings) -> Document:
    row = INCIDENTS.document(one)
    found = _common("incidents", one.start, one.end, row, findings)
    found["message"] = f"{one.events} events of {one.keys} series" + (f", {one.common}" if one.common else "")
    found["event"] |= {"id": one.id, "kind": "event", "severity": round(one.severity), "risk_score": row["severity"]}
    return found


def _contributor(one: Contributor, event: Event, findings: Findings) -> Document:
    row = {**CONTRIBUTORS.document(one), "key": event.key}
    found = _common("contributors", event.start, event.end, row, findings)
    found["message"] = f"{event.key}: {one.dimension} {one.value}"
    found["event"] |= {"id": event.id, "kind": "enrichment"}
    return found


def _contributor_id(one: Contributor) -> str:
    text = f"{one.event_id}\0{one.dimension}\0{one.value}"
    return f"{one.event_id}-{blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=6).hexdigest()}"
