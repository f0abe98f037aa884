"""What the fields of a log are called: role -> names, the clearest first. A table, and how a name is compared.

Names are those of the tools that write such lines: nginx, Caddy, Traefik, Envoy, HAProxy, IIS and CloudFront (W3C),
AWS and Google load balancers, Cloudflare, the Elastic Common Schema, and what the logging libraries of Java, .NET, Go,
Python, Ruby, PHP, Rust and Node.js call theirs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

NAMES: Mapping[str, tuple[str, ...]] = {
    "time": (
        *("@timestamp", "timestamp", "time", "datetime", "date", "ts", "@t", "time_iso8601", "time_local"),
        *("StartUTC", "start_time", "started_at", "event_time", "received_at", "asctime", "log_time", "t.$date"),
        *("EdgeStartTimestamp", "requestReceivedTimestamp", "timeUnixNano", "observedTimeUnixNano", "timeMillis"),
        *("instant.epochSecond", "requestTimeEpoch", "__REALTIME_TIMESTAMP", "record.time.timestamp", "msec"),
        *("created_at", "eventTimestamp", "time_stamp", "utc_time", "isotimestamp"),
    ),
    "service": (
        *("service.name", "service", "ServiceName", "application", "app", "app_name", "application_name"),
        *("resource.service.name", "kubernetes.labels.app", "kubernetes.container.name", "kubernetes.container_name"),
        *("container.name", "container_name", "backend", "SYSLOG_IDENTIFIER", "program", "s-sitename"),
    ),
    "host": (
        *("url.domain", "request.host", "RequestHost", "http_host", "vhost", "virtual_host", "host", "server_name"),
        *(
            "cs(Host)",
            "x-host-header",
            "cs-host",
            "ClientRequestHost",
            "authority",
            ":authority",
            "http.host",
            "domain",
        ),
        *("req.headers.host", "request.headers.host", "domainName", "host.name", "hostname", "s-computername"),
    ),
    "endpoint": (
        *("url.path", "endpoint", "path", "uri", "url", "request_path", "RequestPath", "request_uri", "request.uri"),
        *("request.url", "req.url", "request.path", "cs-uri-stem", "uri_path", "request_url", "requested_uri"),
        *("httpRequest.requestUrl", "ClientRequestURI", "ClientRequestPath", "http.route", "http.target", "route"),
        *("resourcePath", "url.original", "uri_raw", "request_line", "request"),
    ),
    "method": (
        *("http.request.method", "method", "verb", "request_method", "RequestMethod", "request.method", "req.method"),
        *("cs-method", "http_method", "http.method", "httpRequest.requestMethod", "ClientRequestMethod"),
    ),
    "status": (
        *("http.response.status_code", "status_code", "response_code", "status", "DownstreamStatus", "http_status"),
        *("http_status_code", "http.status_code", "response.status", "response.status_code", "res.statusCode"),
        *("res.status", "sc-status", "response_status", "responseStatus.code", "elb_status_code", "EdgeResponseStatus"),
        *("httpRequest.status", "http_code", "http_response_code", "code", "OriginStatus", "response", "resp_status"),
    ),
    "level": (
        *("log.level", "level", "severity", "log_level", "levelname", "level_name", "lvl", "severity_text", "@l"),
        *("record.level.name", "level.name", "log.syslog.severity.name", "syslog_severity", "priority"),
        *("severity_number", "levelno", "level_value"),
    ),
    "latency": (
        *("event.duration", "response_time_ms", "response_time", "duration_ms", "latency_ms", "latency"),
        *("request_time", "duration", "time-taken", "time_taken", "elapsed", "elapsed_ms", "elapsed_time", "took"),
        *("latencies.request", "responseLatency", "httpRequest.latency", "Ta", "Tt", "total_time", "timeTaken"),
        *("upstream_response_time", "target_processing_time", "OriginResponseTime", "execution_time", "runtime"),
        *("duration_s", "duration_seconds", "duration_us", "duration_ns", "response_time_s", "latency_s", "latency_us"),
        *("request_duration", "response_duration", "process_time", "processing_time", "responseTimeMillis"),
    ),
    "address": (
        *("client.ip", "source.ip", "ip_address", "ip", "remote_addr", "clientip", "client_ip", "ClientHost"),
        *("request.client_ip", "remote_ip", "request.remote_ip", "c-ip", "httpRequest.remoteIp", "ClientIP"),
        *("req.remoteAddress", "client.address", "source.address", "client_addr", "remote_host", "client"),
        *("downstream_remote_address", "http_x_forwarded_for", "x_forwarded_for", "real_ip", "source_ip"),
    ),
    "agent": (
        *("user_agent.original", "user_agent", "http_user_agent", "cs(User-Agent)", "request_User-Agent", "agent"),
        *("request.headers.User-Agent", "req.headers.user-agent", "httpRequest.userAgent", "ClientRequestUserAgent"),
    ),
    "referrer": (
        *("http.request.referrer", "referrer", "referer", "http_referer", "http_referrer", "cs(Referer)"),
        *("request_Referer", "request.headers.Referer", "req.headers.referer", "httpRequest.referer"),
        *("ClientRequestReferer",),
    ),
    "bytes": (
        *("http.response.body.bytes", "http.response.bytes", "bytes", "body_bytes_sent", "bytes_sent", "size"),
        *("sc-bytes", "DownstreamContentSize", "response_size", "httpRequest.responseSize", "EdgeResponseBytes"),
        *("content_length", "response_bytes", "bytes_out", "response.size", "res.headers.content-length"),
    ),
}
"""Compared by `plain`, so in any case and with or without the marks between words."""

_MARKS = re.compile(r"[_\- ]")
STATUS_LIKE = re.compile(r"status|(?:^|[._-])(?:http|response|resp|return)?[_-]?code$", re.IGNORECASE)
"""What else a status may be called: looked at where none of the names is there, and taken if it holds such codes."""

LATENCY_LIKE = re.compile(r"elapsed|duration|latency|(?:response|request|total|process\w*)[_.-]?time", re.IGNORECASE)
"""The same for response times."""


def plain(name: str) -> str:
    """A name without case and without the marks that separate words; dots stay, they lead into objects."""
    return _MARKS.sub("", name).lower()


ROLE_OF: Mapping[str, Mapping[str, int]] = {
    role: {plain(name): place for place, name in reversed(list(enumerate(names)))} for role, names in NAMES.items()
}
"""Role -> name as `plain` -> how clear it is: 0 the clearest."""


def candidates(role: str, names: Mapping[str, str]) -> tuple[str, ...]:
    """The fields that may play a role, the clearest first.

    Args:
        role: one of `NAMES`.
        names: of all fields -> the field that is read for it.
    """
    known = ROLE_OF[role]
    found = sorted((known[plain(name)], name) for name in names if plain(name) in known)
    return tuple(names[name] for _, name in found)
