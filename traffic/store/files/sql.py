"""SQL that reads a user's table as the columns k (key), t (epoch seconds) and v (number).

Nothing is null: a row without a key has the key '', one without a time `NO_TIME`, one without a value NaN. A text that
is not a valid time or number raises an error, whose message is `STOP`, what was expected, and the text itself.
Identifiers and texts are always quoted; names of files are passed as parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from traffic.errors import UsageFailure
from traffic.store.columns import Columns
from traffic.store.files.look import Input
from traffic.store.files.naming import columns_in
from traffic.store.files.numerals import BLANK, PLAIN
from traffic.store.files.table import FILE, ISO, NUMBERS, Table, identifier, text, there
from traffic.store.files.when_sql import time_sql

STOP = "this is no"
NO_TIME = -(2**63)
FIRST, RESET = "'-infinity'::DOUBLE", "'infinity'::DOUBLE"
"""In place of the rate of a counter that has none: at its first row, and where it fell."""


def seeming_types(table: Table, holds: Mapping[str, str], columns: Columns, series: Sequence[str]) -> dict[str, str]:
    """The apparent types of the columns that are read; empty if they have to be read as text.

    Times in text are not parsed by the database, which would accept any zone that they name.
    """
    names = [*columns_in(columns.time, table.names), *columns_in(columns.key, table.names)]
    if columns.value is not None and columns.value not in table.names:
        return {}
    values = [*series, *filter(None, [columns.value])]
    wanted = [*names, *values]
    if columns.where is not None or columns.errors is not None or len(set(wanted)) < len(wanted):
        return {}
    if (columns.key and not columns_in(columns.key, table.names)) or table.numbers != PLAIN:
        return {}
    types = {column: "DOUBLE" for column in values if holds[column] in ("number", "epoch")}
    if columns.time is not None and columns.time in table.names and columns.time_format is None:
        kinds = {"epoch": "DOUBLE", "time": ISO, "date": ISO}
        if holds[columns.time] in kinds:
            types[columns.time] = kinds[holds[columns.time]]
    return types


def file_place(places: Mapping[str, int]) -> str:
    """SQL for the number of the file that contains a row.

    Args:
        places: path -> number, for all files that are read together.
    """
    if len(places) == 1:
        return f"CAST({next(iter(places.values()))} AS UINTEGER)"
    listed, numbers = ", ".join(map(text, places)), ", ".join(map(str, places.values()))
    # All rows of a chunk come from one path, which is therefore looked up once for all of them.
    return f"CAST(list_extract([{numbers}], list_position([{listed}], {FILE})) AS UINTEGER)"


def select_rows(file: Input, table: Table, columns: Columns, series: Sequence[str], place: str | None) -> str:
    """The query for k, t and v.

    Args:
        file: one that looks like this.
        table: how it is read.
        columns: which of its columns are meant.
        series: of a wide table, the columns that are series.
        place: SQL of the number of the file, for a column f.

    Raises:
        UsageFailure: a column is of a type that is not valid.
    """
    t, raw_t = time_sql(file.name, table, columns)
    rows = f"(SELECT * FROM {_with_filter(table, columns.where, columns.errors, _computed(table, columns))})"  # noqa: S608
    if columns.wide:
        written = all(table.types[column] == "VARCHAR" for column in series)
        values = [table.names[column] if written else _number(file.name, table, column)[0] for column in series]
        k = f"unnest([{', '.join(text(_series_name(file, column)) for column in series)}])"
        rows = (
            f"(SELECT * FROM (SELECT {FILE}, {k} AS sl_k, {t} AS sl_t, {raw_t} AS sl_raw_t, "  # noqa: S608
            f"unnest([{', '.join(values)}]) "
            f"AS sl_v FROM {rows}) WHERE sl_v IS NOT NULL)"
        )
        k, t, raw_t = "sl_k", "sl_t", "sl_raw_t"
        v, raw_v = (_numeric(table, "sl_v"), "sl_v") if written else ("sl_v", "NULL")
    else:
        k = _key(file, table, columns)
        v, raw_v = _value(file, table, columns)
    clean = table.types.get(columns.time or "") == ISO
    value = _or_stop(v, raw_v, "number", "'nan'::DOUBLE")
    if columns.missing:
        value = f"coalesce({_but(value, columns)}, 'nan'::DOUBLE)"
    return f"""
        SELECT coalesce({k}, '') AS k,
            {_or_stop(f"TRY_CAST(floor({t}) AS BIGINT)", raw_t, "time", str(NO_TIME), clean)} AS t,
            {value} AS v{"" if place is None else f", {place} AS f"}
        FROM {rows}"""  # noqa: S608


def rates_of(rows: str, several: bool) -> str:
    """Of rows of counters (a query for k, t, v) their rates a second, each at the middle of the time that it is of.

    `several`: the rows have a column f, which is kept.

    A counter of 32 or 64 bits that ran over goes on; one that fell otherwise began anew, and when is not known. No
    counter is below 0, and one that is as large as it can be could not be read: both are no values.
    """
    f = ", f" if several else ""
    return f"""
        SELECT k, CASE WHEN used AND t1 IS NOT NULL THEN (t1 + t) // 2 ELSE t END AS t,
            CASE WHEN NOT used THEN 'nan'::DOUBLE WHEN t1 IS NULL OR t1 = t THEN {FIRST} WHEN grown < 0 THEN {RESET}
                ELSE grown / (t - t1) END AS v{f}
        FROM (
            SELECT k, t, v{f}, t1, used,
                CASE WHEN v >= v1 THEN v - v1
                    WHEN v1 < 2.0 ** 32 AND v1 > 0.75 * 2.0 ** 32 AND v < 0.25 * 2.0 ** 32 THEN v + 2.0 ** 32 - v1
                    WHEN v1 > 0.75 * 2.0 ** 64 AND v < 0.25 * 2.0 ** 64 THEN v + 2.0 ** 64 - v1
                    ELSE -1 END AS grown
            FROM (
                SELECT k, t, v{f}, used, lag(v) OVER one AS v1, lag(t) OVER one AS t1
                FROM (SELECT *, k <> '' AND t <> {NO_TIME} AND isfinite(v) AND v >= 0
                    AND v NOT IN (2.0 ** 32 - 1, 2.0 ** 64) AS used FROM ({rows}))
                WINDOW one AS (PARTITION BY used, k ORDER BY t, v)
            )
        )"""  # noqa: S608


def select_cells(table: Table, file: Input, columns: Columns, others: Sequence[str]) -> str:
    """The query for k, t, v and some other columns as texts, c0, c1 and so on; null is what cannot be read."""
    t, _ = time_sql(file.name, table, columns)
    v, _ = ("NULL", "") if columns.wide else _value(file, table, columns)
    texts = (f"to_json({table.names[one]})" if is_list(table, one) else table.names[one] for one in others)
    cells = "".join(f", CAST({one} AS VARCHAR) AS c{place}" for place, one in enumerate(texts))
    rows = _with_filter(table, columns.where, columns.errors, _computed(table, columns))
    k, v = _key(file, table, columns), _but(f"TRY_CAST({v} AS DOUBLE)", columns)
    return f"SELECT {k} AS k, TRY_CAST(floor({t}) AS BIGINT) AS t, {v} AS v{cells} FROM {rows}"  # noqa: S608


def is_list(table: Table, column: str) -> bool:
    """Whether a column holds lists, as one of a Parquet file may."""
    return table.types.get(column, "").endswith("[]")


def find_row(table: Table, column: str) -> str:
    """The query for the number of the first row, from 1, with a text (the second parameter) in `column`."""
    return f"""
        SELECT row FROM (SELECT row_number() OVER () AS row, {table.names[column]} AS raw FROM {table.scan})
        WHERE raw = ? LIMIT 1"""  # noqa: S608


def computed(table: Table, expression: str) -> str:
    """A query for what an expression makes of the rows, without its SELECT."""
    return f"*, (\n{expression}\n) FROM {_with_filter(table, 'TRUE', None)}"


def _with_filter(table: Table, where: str | None, errors: str | None, more: str = "") -> str:
    if where is None and errors is None and not more:
        return table.scan
    shown = "".join(f", {sql} AS {identifier(column)}" for column, sql in table.shown.items())
    # On a line of its own: a comment at the end of the condition would hide what follows.
    flag = "" if errors is None else f", CASE WHEN (\n{errors}\n) THEN 1.0 ELSE 0.0 END AS sl_error"
    met = "" if where is None else f" WHERE (\n{where}\n)"
    return f"(SELECT *{flag}{more} FROM (SELECT *{shown} FROM {table.scan}){met})"  # noqa: S608


def _computed(table: Table, columns: Columns) -> str:
    """The key and the value as further columns, where they are expressions."""
    found = ""
    if columns.key and not columns.total and not columns_in(columns.key, table.names):
        found += f", (\n{columns.key}\n) AS sl_key"
    if columns.value and columns.value not in table.names:
        found += f", (\n{columns.value}\n) AS sl_value"
    return found


def _key(file: Input, table: Table, columns: Columns) -> str:
    """SQL of the series of a row."""
    if columns.total:
        return "'total'"
    if columns.key is None:
        return text(file.series or file.name)
    names = columns_in(columns.key, table.names)
    if not names:
        return "CAST(sl_key AS VARCHAR)"
    if len(names) == 1:
        return f"CAST({table.names[names[0]]} AS VARCHAR)"
    cells = [f"coalesce({there(f'CAST({table.names[column]} AS VARCHAR)')}, '-')" for column in names]
    # The separator must not occur in any part: otherwise two series could get the same name.
    parts = [f"replace({cell}, {text(BETWEEN)}, {text(BETWEEN.replace('/', '//'))})" for cell in cells]
    whole = f" || {text(BETWEEN)} || ".join(parts)
    none = " AND ".join(f"{cell} = '-'" for cell in cells)
    return f"CASE WHEN {none} THEN '' ELSE {whole} END"


BETWEEN = " / "
"""Separator between the columns in the name of a series."""


def _value(file: Input, table: Table, columns: Columns) -> tuple[str, str]:
    """SQL of the value of a row, and of the text that it was read from."""
    if columns.errors is not None:
        return "sl_error", "NULL"
    if columns.value is None:
        return "1.0", "NULL"
    if columns.value not in table.names:
        return "TRY_CAST(sl_value AS DOUBLE)", "NULL"
    return _number(file.name, table, columns.value)


def _series_name(file: Input, column: str) -> str:
    return f"{file.series}{BETWEEN}{column}" if file.several else column


def _number(name: str, table: Table, column: str) -> tuple[str, str]:
    sql, kind = table.names[column], table.types[column]
    if NUMBERS.fullmatch(kind):
        return f"CAST({sql} AS DOUBLE)", "NULL"
    if kind == "VARCHAR":
        return _numeric(table, sql), sql
    raise UsageFailure(f"{name}: column {column} (--value) holds {kind}, which is not a number: use another column")


def _numeric(table: Table, cell: str) -> str:
    return f"TRY_CAST({cell} AS DOUBLE)" if table.numbers == PLAIN else table.numbers.sql(cell)


def _but(value: str, columns: Columns) -> str:
    """SQL of a value; null if it stands for a missing one."""
    for one in columns.missing or ():
        value = f"nullif({value}, {one!r}::DOUBLE)"
    return value


def _or_stop(value: str, raw: str, wanted: str, nothing: str, clean: bool = False) -> str:
    """`value`; `nothing` where there was none, or an error where there was a text that could not be read.

    `clean`: any text that cannot be read will do for an error: reading starts again with more patience.
    """
    if raw == "NULL":
        return f"coalesce({value}, {nothing})"
    # A list instead of IN, which DuckDB would turn into a join with all rows.
    blank = ", ".join(map(text, BLANK))
    stop = f"error('{STOP} {wanted}: ' || {raw})"
    # The cell is examined only if there is no value.
    blank = f"{raw} IS NULL" + ("" if clean else f" OR list_contains([{blank}], lower(trim({raw})))")
    return f"coalesce({value}, CASE WHEN {blank} THEN {nothing} ELSE {stop} END)"
