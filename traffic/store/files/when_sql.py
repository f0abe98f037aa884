"""The SQL that reads when rows are, from one column or from several."""

from __future__ import annotations

import re
from collections.abc import Sequence

from traffic.errors import UsageFailure
from traffic.store.columns import Columns
from traffic.store.files.cells import EXCEL
from traffic.store.files.epochs import EPOCHS, JSON_DATE, JSON_DATES, epoch_sql
from traffic.store.files.naming import columns_in
from traffic.store.files.table import ISO, NUMBERS, Table, there
from traffic.store.files.when import MIDNIGHT, by_year
from traffic.store.files.zones import formatted_sql, iso_sql

_TIMES = re.compile(r"TIMESTAMP.*|DATE")
_WIDTH = {"%H%M": 4, "%H%M%S": 6}


def time_sql(name: str, table: Table, columns: Columns) -> tuple[str, str]:
    """SQL of the seconds since 1970 of a row, and of the text that they were read from (null where there was none).

    Args:
        name: of the file, for messages.
        table: that is read.
        columns: of which the time is meant, and how it is written.

    Raises:
        UsageFailure: a column is of a type that is no time.
    """
    names = columns_in(columns.time, table.names)
    # What the database has read as a time needs no format, be it that its text has one.
    if len(names) == 1 and (columns.time_format is None or _TIMES.fullmatch(table.types[names[0]])):
        return _seconds(name, table, names[0], columns.zone)
    if columns.time_format == EXCEL:
        return _seconds_of_days([f"trim(CAST({table.names[column]} AS VARCHAR))" for column in names])
    cells = [f"trim(CAST({table.names[column]} AS VARCHAR))" for column in names]
    if columns.time_format == JSON_DATE:
        return f"TRY_CAST(regexp_extract({cells[0]}, '{JSON_DATES}', 1) AS BIGINT) / 1000", cells[0]
    if columns.time_format and (counted := columns.time_format[0]) in EPOCHS and len(cells) == 1:
        number = f"TRY_CAST({cells[0]} AS DOUBLE)"
        return _by_size(number) if counted == "unix" else epoch_sql(cells[0], counted), cells[0]
    raw = cells[0] if len(cells) == 1 else _together(names, cells, columns.time_format or ())
    if columns.time_format is not None:
        return f"epoch({formatted_sql(raw, columns.time_format, columns.zone)})", raw
    return _seconds_of_text(f"({raw})", columns.zone), raw


def _seconds(name: str, table: Table, column: str, zone: str) -> tuple[str, str]:
    sql, kind = table.names[column], table.types[column]
    if _TIMES.fullmatch(kind):
        return f"epoch(CAST({sql} AS TIMESTAMPTZ))", "NULL"
    if NUMBERS.fullmatch(kind) and kind != "BOOLEAN":
        return _by_size(sql), "NULL"
    if kind == ISO:
        # A time whose zone is given in letters is not of this kind.
        found = f"epoch(TRY_CAST({sql} AS TIMESTAMPTZ))"
        return f"CASE WHEN suffix({sql}, 'Z') THEN {found} WHEN right({sql}, 1) <= '9' THEN {found} END", sql
    if kind == "VARCHAR":
        return _seconds_of_text(f"trim({sql})", zone), sql
    raise UsageFailure(f"{name}: column {column} (--time) holds {kind}, which is not a time: use another column")


def _seconds_of_days(cells: Sequence[str]) -> tuple[str, str]:
    """Of days since 30 December 1899, on the clocks of the data's zone; a time of the day may be a cell of its own.

    To the nearest second: spreadsheets write five digits of a day, which are 0.9 s.
    """
    days = f"TRY_CAST(replace({cells[0]}, ',', '.') AS DOUBLE)"
    raw = cells[0]
    for cell in cells[1:]:
        part = f"TRY_CAST(replace({cell}, ',', '.') AS DOUBLE)"
        days += f" + CASE WHEN contains({cell}, ':') THEN epoch(TRY_CAST({cell} AS TIME)) / 86400 ELSE {part} END"
        raw += f" || ' ' || {there(cell)}"
    # Other numbers are not such days: they would be times in other centuries.
    seconds = f"CASE WHEN ({days}) BETWEEN 20000 AND 80000 THEN CAST(round((({days}) - 25569) * 86400) AS BIGINT) END"
    return f"epoch(CAST(make_timestamp({seconds} * 1000000) AS TIMESTAMPTZ))", raw


def _seconds_of_text(cell: str, zone: str) -> str:
    # Trying the wrong one first takes longer than everything else.
    dated = f"substr({cell}, 5, 1) IN ('-', '/')"
    number = _by_size(f"TRY_CAST({cell} AS DOUBLE)")
    return f"CASE WHEN {dated} THEN epoch({iso_sql(cell, zone)}) ELSE {number} END"


def _together(names: Sequence[str], cells: Sequence[str], formats: Sequence[str]) -> str:
    """The parts of a time as one text (as `when.together`); null where a part is missing."""
    if by_year(names):
        day = " || '-' || ".join([there(cells[0]), *(f"lpad({there(cell)}, 2, '0')" for cell in cells[1:3])])
        rest = cells[3:]
    else:
        day, rest = f"regexp_replace({there(cells[0])}, '{MIDNIGHT}', '')", cells[1:]
    if not rest:
        return day
    digits = re.search(r"%H%M(?:%S)?$", formats[0]) if formats else None
    if digits:
        width = _WIDTH[digits[0]]
        clock = f"lpad({there(rest[0])}, {width}, '0')"
    else:
        minute = there(rest[1]) if len(rest) > 1 else "'0'"
        bare = f"lpad({there(rest[0])}, 2, '0') || ':' || lpad({minute}, 2, '0')"
        clock = f"CASE WHEN contains({rest[0]}, ':') THEN {there(rest[0])} ELSE {bare} END"
    return f"{day} || ' ' || {clock}"


def _by_size(sql: str) -> str:
    """Seconds of a number that may be in milli-, micro- or nanoseconds: since 1973 the ranges do not meet."""
    return (
        f"CASE WHEN abs({sql}) < 1e11 THEN {sql} WHEN abs({sql}) < 1e14 THEN {sql} / 1e3 "
        f"WHEN abs({sql}) < 1e17 THEN {sql} / 1e6 WHEN abs({sql}) < 1e20 THEN {sql} / 1e9 END"
    )
