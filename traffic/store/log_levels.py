"""Which levels of a log are errors: the words and the numbers that libraries write. Pure.

Nothing is an error that is not known to be one, and nothing is "0 errors" where no level is known: what was not
understood comes back as such.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ERROR_LEVELS = (
    *("ERROR", "CRITICAL", "FATAL", "ERR", "CRIT", "SEVERE", "ALERT", "EMERG", "EMERGENCY", "PANIC", "DPANIC"),
    *("FTL", "ERRO", "FATA", "FAIL", "EROR", "E", "F", "C", "A"),
)
"""A line of one of these levels is an error, in whatever case it is written."""
OTHER_LEVELS = (
    *("WARNING", "WARN", "WRN", "NOTICE", "INFO", "INFORMATION", "INFORMATIONAL", "INF", "LOG", "HTTP", "CONFIG"),
    *("DEBUG", "DBG", "DBUG", "DEBU", "VERBOSE", "VRB", "VERB", "TRACE", "TRCE", "TRAC", "FINE", "FINER", "FINEST"),
    *("SILLY", "DEFAULT", "AUDIT", "OK", "SUCCESS", "DEPRECATION", "STATEMENT", "DETAIL", "HINT", "CONTEXT", "ACCESS"),
    *(f"DEBUG{number}" for number in range(1, 6)),
    *("I", "W", "D", "V", "T", "N"),
)
"""Levels that are none."""

_TRIMMED = re.compile(r"^[^A-Z0-9]+|[^A-Z0-9]+$")
_WORDS = {**dict.fromkeys(OTHER_LEVELS, False), **dict.fromkeys(ERROR_LEVELS, True)}


@dataclass(frozen=True)
class Scale:
    """Levels as numbers."""

    name: str
    levels: tuple[int, ...]
    errors: str
    """What an error is, as said to people."""
    worst_first: bool = False
    limit: int = 0

    def is_error(self, level: int) -> bool:
        """Whether a line of this level is an error."""
        return level <= self.limit if self.worst_first else level >= self.limit


_SYSLOG_ERRORS = 3
_UPWARDS = 5
"""Up to which numbers may be levels that count upwards as well as syslog's."""
_PYTHON = Scale("Python", (0, 10, 20, 30, 40, 50), "40 and more", limit=40)
_OPENTELEMETRY = Scale("OpenTelemetry", tuple(range(25)), "17 and more", limit=17)
SCALES = (
    Scale("syslog", tuple(range(8)), "0 to 3", worst_first=True, limit=_SYSLOG_ERRORS),
    Scale("pino, bunyan", (10, 20, 30, 40, 50, 60), "50 and more", limit=50),
    Scale("Monolog", (100, 200, 250, 300, 400, 500, 550, 600), "400 and more", limit=400),
    Scale("log4j, logback", (5000, 10000, 20000, 30000, 40000, 50000), "40000 and more", limit=40000),
)
"""The first that has all the numbers that a log holds."""


@dataclass(frozen=True)
class Levels:
    """What the levels of a log come to."""

    errors: tuple[str, ...]
    """Those that are errors, as they are written in it."""
    lines: int
    """Lines whose level is known."""
    unknown: tuple[tuple[str, int], ...]
    """Levels that mean nothing to us, and their lines, most frequent first."""
    told: str
    """How errors are told."""


def understand_levels(counts: Mapping[str, int], field: str) -> Levels | None:
    """What the levels of a log mean; None where not one of them is known.

    Args:
        counts: level as written -> lines.
        field: that they stand in: it may tell whose numbers they are.
    """
    numbers = {level: int(float(level)) for level in counts if re.fullmatch(r"\s*\d+(?:\.0+)?\s*", level)}
    scale = _scale(sorted(set(numbers.values())), field) if numbers else None
    errors, known, unknown = [], 0, []
    for level, lines in counts.items():
        if level in numbers:
            wrong = None if scale is None else scale.is_error(numbers[level])
        else:
            wrong = _WORDS.get(word_of(level))
        if wrong is None:
            unknown.append((level, lines))
            continue
        known += lines
        if wrong:
            errors.append(level)
    if not known:
        return None
    if scale is not None and len(numbers) * 2 > len(counts):
        told = f"level {scale.errors} (as {scale.name} counts)"
    else:
        told = "level ERROR, CRITICAL, FATAL and the like"
    return Levels(tuple(sorted(errors)), known, tuple(sorted(unknown, key=lambda one: (-one[1], one[0]))), told)


def unknown_levels(levels: Mapping[str, Levels]) -> list[str]:
    """What a person should know of levels that mean nothing to us; `levels`: by the field that they stand in."""
    found = []
    for name, one in levels.items():
        if one.unknown:
            lines = sum(count for _, count in one.unknown)
            shown = ", ".join(level[:20] for level, _ in one.unknown[:3])
            found.append(f"{lines:,} lines have an unknown level ({name}: {shown}): they do not count as errors")
    return found


def levels_asked(levels: Sequence[str], field: str) -> str:
    """What a person has to say of levels of which none is known.

    Args:
        levels: some of them, as written.
        field: that they stand in.
    """
    shown = ", ".join(level[:20] for level in levels)
    if levels and all(re.fullmatch(r"[0-5](?:\.0+)?", level.strip()) for level in levels):
        return (
            f"{field} ({shown}) may count downwards like syslog (0 is worst) or upwards like Zabbix (5 is worst): use "
            f"--errors '{field} <= {_SYSLOG_ERRORS}' or --errors '{field} >= {_SYSLOG_ERRORS + 1}'"
        )
    return f"no level in {field} is known ({shown}): define errors with --errors"


def word_of(level: str) -> str:
    """A level as it is looked up: `[error]`, `Error:` and `LogLevel.Error` are ERROR."""
    return _TRIMMED.sub("", level.upper().rpartition(".")[2])


def _scale(numbers: Sequence[int], field: str) -> Scale | None:
    if field == "priority":
        # It may just as well be the priority of a job or a ticket; journald writes it as PRIORITY.
        return None
    name = re.sub(r"[^a-z]", "", field.lower())
    if name.endswith("severitynumber") and set(numbers) <= set(_OPENTELEMETRY.levels):
        return _OPENTELEMETRY
    if max(numbers) <= _UPWARDS and "syslog" not in name and field != "PRIORITY":
        # Scales that count upwards from 0 or 1, such as Zabbix's, fit as well: no line has syslog's 6 or 7.
        return None
    if name.endswith("levelno") and set(numbers) <= set(_PYTHON.levels):
        return _PYTHON
    return next((scale for scale in SCALES if set(numbers) <= set(scale.levels)), None)
