"""Formats of log lines that are no table: a row a format, told by most of the first lines, read by DuckDB.

Expressions are in the words that Python's and DuckDB's regular expressions share. docs/log-discovery.md has a real line
of each; tests/test_log_formats.py reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from traffic.store.files.table import FILE
from traffic.store.log_levels import ERROR_LEVELS, OTHER_LEVELS

TIME = "timestamp"


@dataclass(frozen=True)
class Pattern:
    """What such lines look like."""

    title: str
    """What people call it."""
    expression: str
    columns: tuple[str, ...]
    """What its groups are; of several of one name the first that is not empty counts."""
    time_format: str | None = None
    """Of `timestamp`; None where it is ISO 8601."""
    sums: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What is added up of columns, where none of them is below 0."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, each once."""
        return tuple(dict.fromkeys(self.columns))


_CLF_TIME = "%d/%b/%Y:%H:%M:%S %z"
_TEXT = r'(?:[^"\\]|\\.)*'
"""Inside of quotes."""
_NUMBERED = r"[0-9.]+"

# Who asked, and of which virtual host: host first or not, one address or several, a name of whoever logged in.
_ADDRESSES = r"((?:[^\s,]+, ?)*[^\s,]+)"
_WHO = rf"(?:{_ADDRESSES} - (\S.*?)|([^\s,]+) {_ADDRESSES} \S+ (\S+)|{_ADDRESSES} \S+ (\S+))"
_WHO_COLUMNS = ("ip", "user", "vhost", "ip", "user", "ip", "user")
_WHEN = r"\[(\d\d?/\w\w\w/\d{4}:\d\d:\d\d:\d\d [-+]\d{4})\]"
# The endpoint is the path without what follows a question mark.
_REQUEST = rf'"(?:([A-Za-z]+) ((?:[^ ?"\\]|\\.)*){_TEXT}|{_TEXT})"'
_ANSWER = r"(\d\d\d|-) (\d+|-)"
_CLIENT = rf'"({_TEXT})" "({_TEXT})"'
_CLF = rf"^{_WHO} {_WHEN} {_REQUEST} {_ANSWER}"
_CLF_COLUMNS = (*_WHO_COLUMNS, TIME, "method", "endpoint", "status", "bytes")
_SYSLOG = r"(?:.*? haproxy\[\d+\]: |haproxy\[\d+\]: )?"

PATTERNS: Mapping[str, Pattern] = {
    "traefik": Pattern(
        "Traefik, common log format",
        rf'{_CLF} {_CLIENT} \d+ "?([^"]*?)"? "?[^"]*?"? (\d+)ms$',
        (*_CLF_COLUMNS, "referrer", "agent", "service", "duration_ms"),
        _CLF_TIME,
    ),
    "ingress-nginx": Pattern(
        "Kubernetes ingress-nginx",
        rf"{_CLF} {_CLIENT} \d+ (\d+\.\d+) \[([^\]]*)\] .*$",
        (*_CLF_COLUMNS, "referrer", "agent", "request_time", "service"),
        _CLF_TIME,
    ),
    "combined": Pattern(
        "Apache and nginx, combined or common, with a virtual host first, several addresses, fields at the end",
        # Of what follows the agent: nginx's $request_time has three decimals, Apache's %D stands alone.
        rf"{_CLF}(?: {_CLIENT}(?: (\d+)|(?:.*?[ =\":,])??(\d+\.\d\d\d)(?:[^\d.].*)?|.*)|.*)$",
        (*_CLF_COLUMNS, "referrer", "agent", "duration_us", "request_time"),
        _CLF_TIME,
    ),
    "haproxy": Pattern(
        "HAProxy, HTTP",
        rf"^{_SYSLOG}(\S+?):\d+ \[(\d\d/\w\w\w/\d{{4}}:\d\d:\d\d:\d\d\.\d\d\d)\] (\S+) ([^/ ]+)/(\S+) "
        rf"[-+\d]+/[-+\d]+/[-+\d]+/[-+\d]+/[+]?(-?\d+) (\d+|-1) [+]?(\d+) \S+ \S+ \S+ \S+ \S+ "
        rf'(?:\{{[^}}]*\}} )*"(?:([A-Z]+) ([^ ?"]*)[^"]*|[^"]*)"?.*$',
        ("ip", TIME, "frontend", "backend", "server", "Ta", "status", "bytes", "method", "endpoint"),
        "%d/%b/%Y:%H:%M:%S.%g",
    ),
    "alb": Pattern(
        "AWS load balancers (ALB, classic ELB)",
        rf"^(?:(?:https?|h2|grpcs?|wss?) )?(\d{{4}}-\d\d-\d\dT[\d:.]+Z) (\S+) (\S+?):\d+ \S+ "
        rf"(-1|{_NUMBERED}) (-1|{_NUMBERED}) (-1|{_NUMBERED}) (\d+|-) (?:\d+|-) \d+ (\d+) "
        rf'"(?:([A-Z]+) (?:[a-z]+://([^:/ ?"]+)(?::\d+)?)?([^ ?"]*){_TEXT}|{_TEXT})" "({_TEXT})".*$',
        (
            *(TIME, "balancer", "ip", "request_processing_time", "target_processing_time", "response_processing_time"),
            *("status", "bytes", "method", "vhost", "endpoint", "agent"),
        ),
        sums={
            "response_time_s": ("request_processing_time", "target_processing_time", "response_processing_time"),
        },
    ),
    "envoy": Pattern(
        "Envoy, Istio",
        rf'^\[(\d{{4}}-\d\d-\d\dT[\d:.]+Z)\] "(?:([A-Z]+) ([^ ?"]*){_TEXT}|{_TEXT})" (\d+) (\S+) '
        rf'(?:\S+ \S+ "{_TEXT}" )?'
        rf'\d+ (\d+) (\d+) \S+ "([^"]*)" "({_TEXT})" "[^"]*" "([^"]*)" "([^"]*)".*$',
        (
            *(TIME, "method", "endpoint", "status", "response_flags", "bytes", "duration_ms", "ip", "agent"),
            *("authority", "upstream_host"),
        ),
    ),
    "s3": Pattern(
        "AWS S3 server access",
        rf'^[0-9a-f]{{64}} (\S+) {_WHEN} (\S+) \S+ \S+ (\S+) \S+ "(?:([A-Z]+) ([^ ?"]*){_TEXT}|{_TEXT})" '
        rf'(\d\d\d|-) (\S+) (\d+|-) \S+ (\d+|-) \S+ "({_TEXT})" "({_TEXT})".*$',
        (
            *("service", TIME, "ip", "operation", "method", "endpoint", "status", "error_code", "bytes"),
            *("duration_ms", "referrer", "agent"),
        ),
        _CLF_TIME,
    ),
    "squid": Pattern(
        "Squid",
        r"^(\d{9,10}\.\d{3}) +(\d+) (\S+) \w+/(\d{3}) (\d+) ([A-Z]+) ([^ ?]+)\S* (\S+) (\S+) (\S+).*$",
        (TIME, "duration_ms", "ip", "status", "bytes", "method", "endpoint", "user", "hierarchy", "type"),
        "epoch",
    ),
    "plain": Pattern(
        "text of ./sl.py logs",
        # [time] [LEVEL   ] [source/service] [request] message (12.34ms) [200]
        r"^\[(\d{4}-\d\d-\d\d[T ][^\]]+)\] \[(\w+) *\] \[([^/\]]*)/([^\]]*)\] \[[^\]]*\] "
        r".*?(?: \((-?[0-9.]+)ms\))?(?: \[(\d{3})\])?(?: \[ANOMALY:[^\]]*\])?$",
        (TIME, "level", "source", "service", "response_time_ms", "status_code"),
    ),
}

TABLES: Mapping[str, Pattern] = {
    **PATTERNS,
    "nlb": Pattern(
        "AWS network load balancers",
        r"^(?:tls|tcp) \d\.\d (\d{4}-\d\d-\d\dT[\d:.]+)Z? (\S+) (\S+) (\S+?):\d+ (\S+?):\d+ (\d+|-) (\d+|-) "
        r"(\d+|-) (\d+|-) .*$",
        (
            *(TIME, "balancer", "listener", "ip", "target", "connection_time_ms", "tls_handshake_time_ms"),
            *("received_bytes", "sent_bytes"),
        ),
    ),
}
"""Formats whose lines are read as the rows of a table; those that are no requests are read in no other way."""

# Lines of applications: a time first, a level somewhere behind it; what a log names only by its first lines.
_LEVELS = "|".join(sorted((word for word in (*ERROR_LEVELS, *OTHER_LEVELS) if len(word) > 2), key=len, reverse=True))
# What these abbreviate differs from place to place, so a time with one of them is none.
_ZONES = "CES?T|MES?Z|[ECMP][SD]T|[EW]ES?T|BST|IST|MSK|JST|KST|AE[SD]T|NZ[SD]T|HKT|SGT|WIB"
_ISO = (
    r"(\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?"
    rf"(?: ?(?:Z|UTC|GMT|[-+]\d\d:?\d\d)\b| (?:{_ZONES})\b)?)"
)
TEXTS: Mapping[str, Pattern] = {
    "rails": Pattern("Ruby's Logger", rf"^[A-Z], \[{_ISO}(?: #\d+)?\] +(\w+) -- .*$", (TIME, "level")),
    "klog": Pattern("glog, klog", r"^([IWEF])(\d{4} \d\d:\d\d:\d\d\.\d+) +\d+ \S+\] .*$", ("level", TIME), "yearless"),
    "apache-error": Pattern(
        "Apache, error log",
        r"^\[(\w\w\w \w\w\w \d\d \d\d:\d\d:\d\d(?:\.\d+)? \d{4})\] \[(?:[^:\]]*:)?(\w+)\] .*$",
        (TIME, "level"),
    ),
    "level-first": Pattern(
        "lines with a level and a time",
        rf"^[\[<]?({_LEVELS})[\]>]?:?\s+[\[(]?{_ISO}[\])]?(?:[ :|-].*)?$",
        ("level", TIME),
    ),
    "text": Pattern(
        "lines with a time, and a level where there is one",
        rf"^[\[(]?{_ISO}[\])]?(?:[ :|-](?:.{{0,120}}?\b({_LEVELS})\b|.{{0,60}}?[\[<(]((?i:{_LEVELS}))[\])>])?.*)?$",
        (TIME, "level", "level"),
    ),
}
"""Formats that are looked for last, and only in what is said to be a log."""
CONTINUED = (
    r"^(\s|Caused by:|Traceback |\.\.\. |During handling|The above exception|DETAIL:|HINT:|STATEMENT:|"
    r"[\w$.]+(Error|Exception|Warning|Interrupt|Exit)\b)"
)
"""How a line begins that goes on with what the one before it says."""

_ENOUGH = 0.5
"""Share of the first lines that have a format which is taken for that of all."""


def pattern_of(text: str) -> str | None:
    """Which of `TABLES` most of the first lines have that are not empty."""
    return format_of([line.rstrip() for line in text.splitlines()[:200] if line.strip()], TABLES)


def format_of(lines: Sequence[str], known: Mapping[str, Pattern] = PATTERNS) -> str | None:
    """Which format most of the lines have."""
    for name, one in known.items():
        compiled = re.compile(one.expression)
        if lines and sum(compiled.match(line) is not None for line in lines) >= _ENOUGH * len(lines):
            return name
    return None


def text_format_of(lines: Sequence[str]) -> str | None:
    """Which of `TEXTS` most of the lines have that do not go on with what the one before them says."""
    return format_of([line for line in lines if not re.match(CONTINUED, line)], TEXTS)


def first_rows(pattern: Pattern, text: str, most: int) -> tuple[tuple[str | None, ...], ...]:
    """The first lines, as columns; what is no such line is left out."""
    found = (re.match(pattern.expression, line) for line in text.splitlines()[:most])
    return tuple(_row(pattern, match.groups()) for match in found if match)


def _row(pattern: Pattern, groups: Iterable[str | None]) -> tuple[str | None, ...]:
    row: dict[str, str | None] = dict.fromkeys(pattern.columns)
    for column, cell in zip(pattern.columns, groups, strict=True):
        row[column] = row[column] or cell
    return tuple(row.values())


def fields_of(pattern: Pattern, line: str) -> tuple[str, dict[str, str]]:
    """SQL that takes a line apart: the struct of its groups, and column -> what it is in that struct `line`.

    Args:
        pattern: that lines have; of one that has another all columns are null.
        line: SQL of the line.
    """
    groups = ", ".join(f"'g{place}'" for place in range(len(pattern.columns)))
    expression = pattern.expression.replace("'", "''")
    members: dict[str, list[str]] = {}
    for place, column in enumerate(pattern.columns):
        members.setdefault(column, []).append(f"nullif(line.g{place}, '')")
    columns = {column: f"coalesce({', '.join(one)})" if one[1:] else one[0] for column, one in members.items()}
    return f"regexp_extract({line}, '{expression}', [{groups}])", columns


def scan(pattern: Pattern, compression: str, names: Sequence[str]) -> str:
    """SQL that reads such files (a parameter: their list) as columns called like `names`, in the pattern's order.

    A line that is no such line has no time.
    """
    apart, columns = fields_of(pattern, "line")
    members = []
    for (column, member), name in zip(columns.items(), names, strict=True):
        if column == TIME and pattern.time_format == "epoch":
            sql = f"to_timestamp(TRY_CAST({member} AS DOUBLE))"
        elif column == TIME and pattern.time_format:
            sql = f"try_strptime({member}, '{pattern.time_format}')"
        elif column == TIME:
            sql = f"TRY_CAST({member} AS TIMESTAMPTZ)"
        else:
            sql = member
        members.append(f"{sql} AS {name}")
    lines = f"(SELECT {apart} AS line, {FILE} FROM {lines_of(compression)})"  # noqa: S608
    return f"(SELECT {', '.join(members)}, {FILE} FROM {lines})"  # noqa: S608


def lines_of(compression: str) -> str:
    """SQL that reads files (a parameter: their list) line by line, as the column `line`."""
    # A line is one column: nothing is a quote, and the delimiter is a character that occurs in no log.
    return (
        "read_csv(?, columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, delim = '\x1f', quote = '', "
        f"escape = '', compression = '{compression}', strict_mode = false, filename = '{FILE}')"
    )
