"""Apache's combined (and common) log format: told by its first line, read by DuckDB through one expression."""

from __future__ import annotations

import re
from collections.abc import Sequence

COLUMNS = ("ip", "user", "timestamp", "method", "endpoint", "status", "bytes", "referrer", "agent")
"""`endpoint` is the path without what follows a question mark."""

TIME = "timestamp"
TIME_FORMAT = "%d/%b/%Y:%H:%M:%S %z"

# In the words that Python's and DuckDB's regular expressions share.
PATTERN = (
    r"^(\S+) \S+ (\S+) \[(\d\d/\w\w\w/\d{4}:\d\d:\d\d:\d\d [-+]\d{4})\] "
    r'"(?:([A-Z]+) ([^ ?"]*)[^"]*|[^"]*)" (\d\d\d|-) (\d+|-)(?: "([^"]*)" "([^"]*)")?'
)


def is_combined(text: str) -> bool:
    """Whether the first line that is not empty is one of such a log."""
    return re.match(PATTERN, text.lstrip().partition("\n")[0]) is not None


def rows(text: str, most: int) -> tuple[tuple[str | None, ...], ...]:
    """The first lines, as the columns; what is no such line is left out."""
    found = (re.match(PATTERN, line) for line in text.splitlines()[:most])
    return tuple(match.groups() for match in found if match)


def scan(compression: str, names: Sequence[str]) -> str:
    """SQL that reads such files (a parameter: their list) as columns called like `names`, in the order of COLUMNS.

    A line that is none of such a log has no time.
    """
    # A line is one column: no character separates or quotes.
    lines = (
        "read_csv(?, columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, delim = '\\x01', quote = '', "
        f"escape = '', compression = '{compression}', strict_mode = false)"
    )
    groups = ", ".join(f"'{name}'" for name in COLUMNS)
    pattern = PATTERN.replace("'", "''")
    members = []
    for column, name in zip(COLUMNS, names, strict=True):
        member = f"nullif(line.{column}, '')"
        if column == TIME:
            member = f"try_strptime({member}, '{TIME_FORMAT}')"
        members.append(f"{member} AS {name}")
    return (
        f"(SELECT {', '.join(members)} FROM (SELECT regexp_extract(line, '{pattern}', [{groups}]) AS line "  # noqa: S608
        f"FROM {lines}))"
    )
