"""SQL that reads a user's table as the columns k (key), t (epoch seconds) and v (number), null for nothing.

A text that is no time or no number stops the reading, with `STOP`, what was wanted and the text itself as the message.
Identifiers are always quoted; names of files travel as parameters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from traffic.errors import UsageFailure
from traffic.store.base import Columns
from traffic.store.files.inputs import Input, require_columns

STOP = "this is no"

_BLANK = "('', '-', 'na', 'n/a', 'nan', 'nat', 'null', 'none')"
"""What people write where there is nothing."""
_NUMBERS = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*|BOOLEAN")
_TIMES = re.compile(r"TIMESTAMP.*|DATE")


@dataclass(frozen=True)
class Table:
    """Files of one layout, and how to read them. `scan` is a table function with one parameter: the list of files."""

    scan: str
    names: Mapping[str, str]
    """Column -> what it is called in SQL."""
    types: Mapping[str, str]
    """Column -> its type."""


def csv_table(file: Input) -> Table:
    """Everything is text and nothing guessed: a later row may contradict a sample, and 007 stays 007."""
    layout = ", ".join(f"c{place}: 'VARCHAR'" for place in range(len(file.columns)))
    scan = (
        f"read_csv(?, columns = {{{layout}}}, auto_detect = false, header = true, delim = '{file.delimiter}', "
        f"quote = '\"', escape = '\"', compression = '{'gzip' if file.packed else 'none'}')"
    )
    names = {column: f"c{place}" for place, column in enumerate(file.columns)}
    return Table(scan, names, dict.fromkeys(file.columns, "VARCHAR"))


def parquet_table(types: Mapping[str, str]) -> Table:
    """Of a Parquet file with columns of these types."""
    names = {column: '"' + column.replace('"', '""') + '"' for column in types}
    return Table("read_parquet(?)", names, types)


def select_rows(file: Input, table: Table, columns: Columns) -> str:
    """The query for k, t and v.

    Raises:
        UsageFailure: a column is not there, or of a type that cannot be meant.
    """
    wanted = {"--time": columns.time, "--key": columns.key, "--value": columns.value}
    require_columns(file.path, list(file.columns or table.types), wanted)
    time, key, value = (name or "" for name in wanted.values())
    t, raw_t = _seconds(file.path, table, time)
    v, raw_v = _number(file.path, table, value)
    return f"""
        SELECT k, {_or_stop("t", "raw_t", "time")} AS t, {_or_stop("v", "raw_v", "number")} AS v
        FROM (
            SELECT CAST({table.names[key]} AS VARCHAR) AS k,
                TRY_CAST(floor({t}) AS BIGINT) AS t, {raw_t} AS raw_t, {v} AS v, {raw_v} AS raw_v
            FROM {table.scan}
        )"""  # noqa: S608


def find_row(table: Table, column: str) -> str:
    """The query for the number of the first row, from 1, in which `column` holds a text (the second parameter)."""
    return f"""
        SELECT row FROM (SELECT row_number() OVER () AS row, {table.names[column]} AS raw FROM {table.scan})
        WHERE raw = ? LIMIT 1"""  # noqa: S608


def _seconds(path: str, table: Table, column: str) -> tuple[str, str]:
    """SQL of the seconds since 1970, and of the text that they were read from (null where there was none)."""
    name, kind = table.names[column], table.types[column]
    if _TIMES.fullmatch(kind):
        return f"epoch(CAST({name} AS TIMESTAMPTZ))", "NULL"
    if _NUMBERS.fullmatch(kind) and kind != "BOOLEAN":
        return name, "NULL"
    if kind == "VARCHAR":
        text = f"trim({name})"
        # Trying the wrong one first would take longer than all the rest.
        dated = f"substr({text}, 5, 1) IN ('-', '/')"
        return (
            f"CASE WHEN {dated} THEN epoch(TRY_CAST({text} AS TIMESTAMPTZ)) ELSE TRY_CAST({text} AS DOUBLE) END",
            name,
        )
    raise UsageFailure(f"{path}: column {column} (--time) holds {kind}, which is no time: name another column")


def _number(path: str, table: Table, column: str) -> tuple[str, str]:
    name, kind = table.names[column], table.types[column]
    if _NUMBERS.fullmatch(kind):
        return f"CAST({name} AS DOUBLE)", "NULL"
    if kind == "VARCHAR":
        return f"TRY_CAST({name} AS DOUBLE)", name
    raise UsageFailure(f"{path}: column {column} (--value) holds {kind}, which is no number: name another column")


def _or_stop(value: str, raw: str, wanted: str) -> str:
    """`value`, or an error where there was a text that could not be read."""
    unread = f"{value} IS NULL AND {raw} IS NOT NULL AND lower(trim({raw})) NOT IN {_BLANK}"
    return f"CASE WHEN {unread} THEN error('{STOP} {wanted}: ' || {raw}) ELSE {value} END"
