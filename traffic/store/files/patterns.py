"""Log lines that are no table: told by the first of them, read by DuckDB through one regular expression."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Pattern:
    """What such lines look like, in the words that Python's and DuckDB's regular expressions share."""

    expression: str
    columns: tuple[str, ...]
    """What its groups are."""
    time_format: str | None = None
    """Of `timestamp`; None where it is ISO 8601."""


TIME = "timestamp"
PATTERNS: Mapping[str, Pattern] = {
    # Apache's combined log format, or its common one. The endpoint is the path without what follows a question mark.
    "combined": Pattern(
        r"^(\S+) \S+ (\S+) \[(\d\d/\w\w\w/\d{4}:\d\d:\d\d:\d\d [-+]\d{4})\] "
        r'"(?:([A-Z]+) ((?:[^ ?"\\]|\\.)*)(?:[^"\\]|\\.)*|(?:[^"\\]|\\.)*)" (\d\d\d|-) (\d+|-)'
        r'(?: "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)")?',
        ("ip", "user", TIME, "method", "endpoint", "status", "bytes", "referrer", "agent"),
        "%d/%b/%Y:%H:%M:%S %z",
    ),
    # The text of `./sl.py logs`: [time] [LEVEL   ] [source/service] [request] message (12.34ms) [200]
    "plain": Pattern(
        r"^\[(\d{4}-\d\d-\d\d[T ][^\]]+)\] \[(\w+) *\] \[([^/\]]*)/([^\]]*)\] \[[^\]]*\] "
        r".*?(?: \((-?[0-9.]+)ms\))?(?: \[(\d{3})\])?(?: \[ANOMALY:[^\]]*\])?$",
        (TIME, "level", "source", "service", "response_time_ms", "status_code"),
    ),
}


def pattern_of(text: str) -> str | None:
    """Which pattern the first line that is not empty has."""
    first = text.lstrip().partition("\n")[0].rstrip()
    return next((name for name, one in PATTERNS.items() if re.match(one.expression, first)), None)


def first_rows(pattern: Pattern, text: str, most: int) -> tuple[tuple[str | None, ...], ...]:
    """The first lines, as columns; what is no such line is left out."""
    found = (re.match(pattern.expression, line) for line in text.splitlines()[:most])
    return tuple(match.groups() for match in found if match)


def scan(pattern: Pattern, compression: str, names: Sequence[str]) -> str:
    """SQL that reads such files (a parameter: their list) as columns called like `names`, in the pattern's order.

    A line that is no such line has no time.
    """
    # A line is one column: no character quotes, and the one that would separate (not its name) is in no log.
    lines = (
        "read_csv(?, columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, delim = '\x1f', quote = '', "
        f"escape = '', compression = '{compression}', strict_mode = false)"
    )
    groups = ", ".join(f"'{column}'" for column in pattern.columns)
    expression = pattern.expression.replace("'", "''")
    members = []
    for column, name in zip(pattern.columns, names, strict=True):
        member = f"nullif(line.{column}, '')"
        if column == TIME:
            format_ = pattern.time_format
            member = f"try_strptime({member}, '{format_}')" if format_ else f"TRY_CAST({member} AS TIMESTAMPTZ)"
        members.append(f"{member} AS {name}")
    return (
        f"(SELECT {', '.join(members)} FROM (SELECT regexp_extract(line, '{expression}', [{groups}]) AS line "  # noqa: S608
        f"FROM {lines}))"
    )
