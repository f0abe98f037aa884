"""SQL for the times and durations that stand in logs."""

from __future__ import annotations

from collections.abc import Sequence

_ISO = r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)? ?(Z|z|UTC|GMT|[-+]\d\d(:?\d\d)?)?(\[[\w/]+\])?"
_DAY = r"\d{4}[-/]\d\d[-/]\d\d"
_CLOCK = r"\d\d?:\d\d(:\d\d([.,]\d+)?)?"
_ZONED = ("%d/%b/%Y:%H:%M:%S %z", "%d/%b/%Y:%H:%M:%S.%g %z", "%a, %d %b %Y %H:%M:%S %z", "%d/%b/%Y %H:%M:%S %z")
_LOCAL = (
    *("%d/%b/%Y:%H:%M:%S.%g", "%d/%b/%Y:%H:%M:%S", "%a, %d %b %Y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"),
    *("%a %b %d %H:%M:%S.%f %Y", "%d-%b-%Y %H:%M:%S", "%d-%b-%Y %H:%M:%S.%g", "%d %b %Y %H:%M:%S.%g"),
)
"""Zones that are abbreviated otherwise than as UTC or GMT are in none of these: they mean different things."""

_YEARLESS = r"(\w\w\w +\d+|\d{4}) \d\d:\d\d:\d\d.*"
_MILLISECONDS = "map {'ns': 1e-6, 'us': 1e-3, 'µs': 1e-3, 'μs': 1e-3, 'ms': 1.0, 's': 1e3, 'm': 6e4, 'h': 3.6e6}"


FORMS = ("iso", "number", "yearless", "zoned", "local")
"""Ways in which times are written."""


def is_form(cell: str, form: str) -> str:
    """SQL of whether a text is a time of that form."""
    text = f"trim({cell})"
    return {
        "iso": f"regexp_full_match({text}, '{_ISO}')",
        "number": f"TRY_CAST({text} AS DOUBLE) IS NOT NULL",
        "yearless": f"regexp_full_match({text}, '{_YEARLESS}')",
        "zoned": f"try_strptime({text}, {list(_ZONED)}) IS NOT NULL",
        "local": f"try_strptime({text}, {list(_LOCAL)}) IS NOT NULL",
    }[form]


def form_of(cell: str) -> str:
    """SQL of the form of a text: one of `FORMS`, `day`, `clock`, or null where it is no time."""
    cases = {form: is_form(cell, form) for form in FORMS[:3]}
    cases |= {"day": f"regexp_full_match(trim({cell}), '{_DAY}')"}
    cases |= {"clock": f"regexp_full_match(trim({cell}), '{_CLOCK}')"}
    # These are the slowest, so they are tried only if nothing else fits.
    cases |= {form: is_form(cell, form) for form in FORMS[3:]}
    return f"CASE {' '.join(f'WHEN {test} THEN {form!r}' for form, test in cases.items())} END"


def seconds_of(cell: str, until: float, forms: Sequence[str] = FORMS) -> str:
    """Seconds since 1970 of a text; null where it is no time.

    Args:
        cell: SQL of the text.
        until: when the log was written last: a time without a year (syslog) is of the last year that it fits in.
        forms: of `FORMS`, that the times of this field have.
    """
    text = f"trim({cell})"
    # As DuckDB reads it: a point for decimals, a zone of hours and minutes.
    plain = f"regexp_replace(replace({text}, ',', '.'), '\\[.*$', '')"
    plain = (
        f"regexp_replace(regexp_replace({plain}, ' ?(Z|z|UTC|GMT)$', '+00:00'), ' ?([-+]\\d\\d):?(\\d\\d)$', '\\1:\\2')"
    )
    number = f"TRY_CAST({text} AS DOUBLE)"
    ways = {
        "iso": f"epoch(TRY_CAST({plain} AS TIMESTAMPTZ))",
        "number": (
            f"CASE WHEN abs({number}) < 1e11 THEN {number} WHEN abs({number}) < 1e14 THEN {number} / 1e3 "
            f"WHEN abs({number}) < 1e17 THEN {number} / 1e6 WHEN abs({number}) < 1e20 THEN {number} / 1e9 END"
        ),
        "yearless": _of_a_year(text, until),
        "zoned": f"epoch(try_strptime({text}, {list(_ZONED)}))",
        "local": f"epoch(CAST(try_strptime({text}, {list(_LOCAL)}) AS TIMESTAMPTZ))",
    }
    sure = [f"WHEN {is_form(cell, form)} THEN {ways[form]}" for form in forms if form in FORMS[:3]]
    rest = [ways[form] for form in forms if form in FORMS[3:]]
    other = f"coalesce({', '.join(rest)})" if rest else "NULL"
    return f"CASE {' '.join(sure)} ELSE {other} END" if sure else other


def joined(day: str, clock: str) -> str:
    """A text of a day and one of a time as one."""
    return f"(trim({day}) || ' ' || replace(trim({clock}), ',', '.'))"


def milliseconds_of(cell: str, factor: float) -> str:
    """Milliseconds of a text; null where it is no duration.

    Args:
        cell: SQL of the text: a number, or one with its unit (`12ms`, `1.5s`, `2m3.5s`, `00:00:01.5`).
        factor: milliseconds in a number without a unit.
    """
    text = f"trim({cell})"
    number = f"TRY_CAST({text} AS DOUBLE)"
    parts = f"regexp_extract_all({text}, '[0-9.]+ ?(?:ns|us|µs|μs|ms|s|m|h)')"
    one = f"TRY_CAST(regexp_extract(part, '[0-9.]+') AS DOUBLE) * ({_MILLISECONDS})[regexp_extract(part, '[^0-9. ]+')]"
    summed = f"list_sum(list_transform({parts}, lambda part: {one}))"
    clock = f"epoch(TRY_CAST({text} AS INTERVAL)) * 1e3"
    return (
        f"CASE WHEN {number} IS NOT NULL THEN {number} * {factor!r} "
        f"WHEN regexp_full_match({text}, '([0-9.]+ ?(ns|us|µs|μs|ms|s|m|h))+') THEN {summed} "
        f"WHEN regexp_full_match({text}, '\\d+:\\d\\d:\\d\\d(\\.\\d+)?') THEN {clock} END"
    )


def _of_a_year(text: str, until: float) -> str:
    """The last time before `until` that has this month, day and clock."""
    clean = f"regexp_replace({text}, ' +', ' ', 'g')"
    formats = ["%Y %b %d %H:%M:%S", "%Y %b %d %H:%M:%S.%f", "%Y %m%d %H:%M:%S.%f"]
    year = f"year(to_timestamp({until!r}))"
    this, last = (
        f"epoch(CAST(try_strptime(({year} - {back}) || ' ' || {clean}, {formats}) AS TIMESTAMPTZ))" for back in (0, 1)
    )
    return f"CASE WHEN {this} <= {until!r} + 86400 THEN {this} ELSE {last} END"
