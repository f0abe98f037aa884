"""Writes sl.ndjson, what Kibana imports: data views, charts and dashboards of our indices.

python -m deploy.kibana.make
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deploy.kibana.saved import chart, dashboard, measured, over_time, saved, top

FILE = Path(__file__).resolve().parent / "sl.ndjson"

TRAFFIC, LOGS, SMOKE, FOUND = "sl-traffic", "sl-logs", "sl-smoke", "sl-events"
VIEWS = {
    TRAFFIC: ("traffic", "Traffic of customers"),
    LOGS: ("app-logs*", "Log lines"),
    SMOKE: ("smoke_event-*", "Smoke events"),
    FOUND: ("sl-events*", "Events that discover found"),
}


def objects() -> list[dict[str, Any]]:
    """All of them, what is referred to before what refers to it."""
    per_second: dict[str, Any] = {
        "params": {"format": {"id": "bytes", "params": {"decimals": 1, "suffix": "/s"}}},
        "timeScale": "s",
    }
    bad = "level: (ERROR or CRITICAL) or status_code >= 500"
    milliseconds: dict[str, Any] = {"params": {"format": {"id": "number", "params": {"decimals": 0, "suffix": " ms"}}}}
    views = [
        saved(
            "index-pattern",
            name,
            {
                "title": pattern,
                "name": title,
                "timeFieldName": "@timestamp",
                "fieldAttrs": "{}",
                "fields": "[]",
                "runtimeFieldMap": "{}",
                "sourceFilters": "[]",
                "typeMeta": "{}",
                "fieldFormatMap": "{}",
            },
        )
        for name, (pattern, title) in VIEWS.items()
    ]
    charts = [
        chart(
            "sl-traffic-all",
            "Traffic, all customers",
            TRAFFIC,
            "area_stacked",
            {"time": over_time(), "value": measured("sum", "network.bytes", "bytes a second", **per_second)},
        ),
        chart(
            "sl-traffic-top",
            "Traffic, the ten largest customers",
            TRAFFIC,
            "line",
            {
                "time": over_time(),
                "split": top("organization.name", 10),
                "value": measured("sum", "network.bytes", "bytes a second", **per_second),
            },
        ),
        chart(
            "sl-traffic-table",
            "Customers",
            TRAFFIC,
            "table",
            {
                "split": top("organization.name", 100),
                "value": measured(
                    "sum", "network.bytes", "bytes", params={"format": {"id": "bytes", "params": {"decimals": 1}}}
                ),
                "value2": measured(
                    "max",
                    "network.bytes",
                    "most in a minute",
                    params={"format": {"id": "bytes", "params": {"decimals": 1}}},
                ),
            },
        ),
        chart(
            "sl-logs-level",
            "Lines by level",
            LOGS,
            "bar_stacked",
            {"time": over_time(), "split": top("level", 5), "value": measured("count", label="lines")},
        ),
        chart(
            "sl-logs-service",
            "Lines by service",
            LOGS,
            "line",
            {"time": over_time(), "split": top("service", 10), "value": measured("count", label="lines")},
        ),
        chart(
            "sl-logs-errors",
            "Errors by service",
            LOGS,
            "bar_stacked",
            {"time": over_time(), "split": top("service", 10), "value": measured("count", label="errors")},
            bad,
        ),
        chart(
            "sl-logs-latency",
            "Response time",
            LOGS,
            "line",
            {
                "time": over_time(),
                "value": measured("median", "response_time_ms", "median", **milliseconds),
                "value2": measured(
                    "percentile", "response_time_ms", "p95", params={"percentile": 95, **milliseconds["params"]}
                ),
            },
        ),
        chart(
            "sl-logs-status",
            "Status codes",
            LOGS,
            "bar_stacked",
            {"time": over_time(), "split": top("status_code", 10, "number"), "value": measured("count", label="lines")},
        ),
        chart(
            "sl-logs-endpoints",
            "Endpoints",
            LOGS,
            "table",
            {
                "split": top("endpoint", 20),
                "split2": top("method", 5),
                "value": measured("count", label="requests"),
                "value2": measured("count", label="errors", only=bad),
                "value3": measured(
                    "percentile", "response_time_ms", "p95", params={"percentile": 95, **milliseconds["params"]}
                ),
            },
        ),
        chart(
            "sl-logs-truth",
            "The truth: lines of injected incidents",
            LOGS,
            "bar_stacked",
            {"time": over_time(), "split": top("_labels.anomaly_type", 6), "value": measured("count", label="lines")},
            "_labels.is_anomaly: true",
        ),
        chart(
            "sl-smoke-events",
            "Smoke events",
            SMOKE,
            "bar_stacked",
            {"time": over_time(), "split": top("request", 5), "value": measured("count", label="events")},
        ),
        chart(
            "sl-smoke-responses",
            "Responses",
            SMOKE,
            "table",
            {"split": top("response", 10, "number"), "value": measured("count", label="events")},
        ),
    ]
    return [
        *views,
        *charts,
        *_found(),
        dashboard(
            "sl-traffic-dashboard",
            "sl: traffic",
            "What ./sl.py generate wrote, and discover looks at.",
            [("sl-traffic-all", 48, 12), ("sl-traffic-top", 28, 18), ("sl-traffic-table", 20, 18)],
        ),
        dashboard(
            "sl-logs-dashboard",
            "sl: log lines",
            "What ./sl.py logs wrote.",
            [
                ("sl-logs-level", 24, 13),
                ("sl-logs-service", 24, 13),
                ("sl-logs-errors", 24, 13),
                ("sl-logs-latency", 24, 13),
                ("sl-logs-status", 24, 13),
                ("sl-logs-truth", 24, 13),
                ("sl-logs-endpoints", 48, 16),
            ],
        ),
        dashboard(
            "sl-smoke-dashboard",
            "sl: smoke events",
            "What ./sl.py logs --smoke wrote: a steady series, and half an hour of ten times as many.",
            [("sl-smoke-events", 48, 18), ("sl-smoke-responses", 24, 10)],
        ),
    ]


def _found() -> list[dict[str, Any]]:
    """Charts and dashboard of what `discover --write-events` writes."""
    events, incidents, contributors = (f"event.dataset: sl.{name}" for name in ("events", "incidents", "contributors"))
    count, worst = measured("count", label="events"), measured("max", "event.risk_score", "severity")
    percent: dict[str, Any] = {"params": {"format": {"id": "percent", "params": {"decimals": 0}}}}
    return [
        chart(
            "sl-events-band",
            "Events by severity",
            FOUND,
            "bar_stacked",
            {"time": over_time(), "split": top("sl.band", 4), "value": count},
            events,
        ),
        chart(
            "sl-events-class",
            "Events by class",
            FOUND,
            "bar_stacked",
            {"time": over_time(), "split": top("sl.class", 4), "value": count},
            events,
        ),
        chart(
            "sl-events-keys",
            "Series with most events",
            FOUND,
            "table",
            {
                "split": top("sl.key", 50),
                "value": count,
                "value2": worst,
                "value3": measured("max", "sl.ratio", "times the baseline"),
                "value4": measured("sum", "sl.minutes", "minutes"),
            },
            events,
        ),
        chart(
            "sl-events-incidents",
            "Incidents of several series",
            FOUND,
            "table",
            {
                "split": top("sl.incident_id", 50),
                "split2": top("sl.common", 1),
                "value": measured("max", "sl.keys", "series"),
                "value2": worst,
                "value3": measured("max", "sl.events", "events"),
            },
            f"{incidents} and sl.keys > 1",
        ),
        chart(
            "sl-events-contributors",
            "By what they came",
            FOUND,
            "table",
            {
                "split": top("sl.dimension", 10),
                "split2": top("sl.value", 10),
                "value": measured("count", label="events"),
                "value2": measured("average", "sl.share", "share", **percent),
            },
            contributors,
        ),
        dashboard(
            "sl-events-dashboard",
            "sl: events",
            "What ./sl.py discover --write-events found.",
            [
                ("sl-events-band", 24, 13),
                ("sl-events-class", 24, 13),
                ("sl-events-keys", 48, 14),
                ("sl-events-incidents", 24, 14),
                ("sl-events-contributors", 24, 14),
            ],
        ),
    ]


def text() -> str:
    """The file."""
    return "".join(json.dumps(one, sort_keys=True) + "\n" for one in objects())


if __name__ == "__main__":
    FILE.write_text(text())
