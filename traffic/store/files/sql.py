"""SQL that reads a user's table as the columns k (key), t (epoch seconds) and v (number).

Nothing is null: a row without a key has the key '', one without a time `NO_TIME`, one without a value NaN. A text that
is no time or no number stops the reading, with `STOP`, what was wanted and the text itself as the message.
Identifiers and texts are always quoted; names of files travel as parameters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from traffic.errors import UsageFailure
from traffic.store.base import Columns
from traffic.store.files import patterns
from traffic.store.files.cells import BLANK, PLAIN, Numbers, formatted_sql, iso_sql
from traffic.store.files.formats import trailer_of
from traffic.store.files.look import Input
from traffic.store.files.naming import columns_in
from traffic.store.log_fields import ERROR_LEVELS, ERROR_STATUS, LogFields

STOP = "this is no"
NO_TIME = -(2**63)
ISO = "ISO 8601"
"""The type of a column of texts that are all times, and name zones by offsets only."""
FIRST, RESET = "'-infinity'::DOUBLE", "'infinity'::DOUBLE"
"""What stands for the rate of a counter where there is none: at its first row, and where it fell."""

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
    shown: Mapping[str, str] = field(default_factory=dict)
    """Column -> SQL of what a row filter sees of it, where that is not the column itself."""
    numbers: Numbers = PLAIN
    """How numbers are written in its texts."""


def csv_table(file: Input, numbers: Sequence[str] = (), types: Mapping[str, str] | None = None) -> Table:
    """Everything is text and nothing guessed: a later row may contradict a sample, and 007 stays 007.

    Args:
        file: one of those that look like this.
        numbers: columns that a row filter sees as numbers.
        types: of columns that are read as what they seem to hold: half the work, and an error where one is not.
    """
    types = types or {}
    stored = {column: "VARCHAR" if kind == ISO else kind for column, kind in types.items()}
    layout = ", ".join(f"sl_{place}: '{stored.get(column, 'VARCHAR')}'" for place, column in enumerate(file.columns))
    above = "header = true" if file.skip is None else f"header = false, skip = {file.skip}"
    quote = "" if file.marked and file.delimiter == "\t" else '"'
    # Lines that are no rows come where a format has them; what else is none is an error all the same (`Rejected`).
    lenient = ", store_rejects = true" if lines_may_differ(file) else ""
    scan = (
        f"read_csv(?, columns = {{{layout}}}, auto_detect = false, {above}, delim = '{file.delimiter}', "
        f"quote = '{quote}', escape = '{quote}', compression = '{_compression(file)}'{lenient})"
    )
    names = {column: f"sl_{place}" for place, column in enumerate(file.columns)}
    known = {column: types.get(column, "VARCHAR") for column in names}
    if file.marked:
        # Notes between the rows, and headers that come again.
        last = len(file.columns) - 1
        again = f"sl_{last} = {text(file.columns[last])}"
        scan = f"(SELECT * FROM {scan} WHERE NOT starts_with(coalesce(sl_0, ''), '#') AND ({again}) IS NOT TRUE)"  # noqa: S608
    if file.padded:
        cells = ", ".join(f"trim({name}) AS {name}" if known[c] == "VARCHAR" else name for c, name in names.items())
        scan = f"(SELECT {cells} FROM {scan})"  # noqa: S608
    return Table(scan, names, known, _filtered(names, numbers, file.numbers), file.numbers or PLAIN)


def lines_may_differ(file: Input) -> bool:
    """Whether a text file may hold lines of another width that are no rows."""
    return file.kind == "csv" and (file.marked or bool(trailer_of(file.columns)))


def seeming_types(table: Table, holds: Mapping[str, str], columns: Columns, series: Sequence[str]) -> dict[str, str]:
    """The types that the columns which are read seem to have; none where texts are needed all the same.

    Times that are texts are not read as times by the database, which would take any zone that they name.
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


def json_table(file: Input, numbers: Sequence[str] = ()) -> Table:
    """The same for objects: their members as text, `a.b` for the member b of a member a."""
    tops = {path[0]: "JSON" if len(path) > 1 else "VARCHAR" for path in sorted(file.paths, key=len)}
    layout = ", ".join(f"{text(top)}: '{kind}'" for top, kind in tops.items())
    members = []
    for place, path in enumerate(file.paths):
        # What is an object in one row may be a text in another.
        inner = f"({identifier(path[0])} ->> {text(json_path(path[1:]))})"
        member = inner if tops[path[0]] == "JSON" else identifier(path[0])
        members.append(f"{member} AS sl_{place}")
    scan = (
        f"(SELECT {', '.join(members)} FROM read_json(?, columns = {{{layout}}}, "  # noqa: S608
        f"format = '{'array' if file.array else 'newline_delimited'}', compression = '{_compression(file)}'))"
    )
    names = {column: f"sl_{place}" for place, column in enumerate(file.columns)}
    return Table(scan, names, dict.fromkeys(names, "VARCHAR"), _filtered(names, numbers))


def json_path(path: Sequence[str]) -> str:
    """Where a member of a JSON value is, as DuckDB wants it."""
    return "$" + "".join('."' + part.replace('"', '\\"') + '"' for part in path)


def objects_scan(packed: bool, array: bool) -> str:
    """SQL that reads JSON files (a parameter: their list) as one column, json."""
    form, compression = ("array" if array else "newline_delimited"), ("gzip" if packed else "none")
    return f"read_json_objects(?, format = '{form}', compression = '{compression}')"


def lines_table(file: Input, numbers: Sequence[str] = ()) -> Table:
    """Lines of a log that are no table: text, but for the time."""
    names = {column: f"sl_{place}" for place, column in enumerate(file.columns)}
    types = dict.fromkeys(names, "VARCHAR") | {patterns.TIME: "TIMESTAMPTZ"}
    scan = patterns.scan(patterns.PATTERNS[file.pattern], _compression(file), list(names.values()))
    return Table(scan, names, types, _filtered(names, numbers))


def parquet_table(types: Mapping[str, str]) -> Table:
    """Of a Parquet file with columns of these types."""
    return Table("read_parquet(?)", {column: identifier(column) for column in types}, types)


def select_rows(file: Input, table: Table, columns: Columns, series: Sequence[str] = ()) -> str:
    """The query for k, t and v.

    Args:
        file: one that looks like this.
        table: how it is read.
        columns: which of its columns are meant.
        series: of a wide table, the columns that are series.

    Raises:
        UsageFailure: a column is of a type that is not valid.
    """
    t, raw_t = _time(file.name, table, columns)
    rows = f"(SELECT * FROM {_with_filter(table, columns.where, columns.errors, _computed(table, columns))})"  # noqa: S608
    if columns.wide:
        written = all(table.types[column] == "VARCHAR" for column in series)
        values = [table.names[column] if written else _number(file.name, table, column)[0] for column in series]
        k = f"unnest([{', '.join(text(_series_name(file, column)) for column in series)}])"
        rows = (
            f"(SELECT * FROM (SELECT {k} AS sl_k, {t} AS sl_t, {raw_t} AS sl_raw_t, "  # noqa: S608
            f"unnest([{', '.join(values)}]) "
            f"AS sl_v FROM {rows}) WHERE sl_v IS NOT NULL)"
        )
        k, t, raw_t = "sl_k", "sl_t", "sl_raw_t"
        v, raw_v = (_numeric(table, "sl_v"), "sl_v") if written else ("sl_v", "NULL")
    else:
        k = _key(file, table, columns)
        v, raw_v = _value(file, table, columns)
    clean = table.types.get(columns.time or "") == ISO
    return f"""
        SELECT coalesce({k}, '') AS k,
            {_or_stop(f"TRY_CAST(floor({t}) AS BIGINT)", raw_t, "time", str(NO_TIME), clean)} AS t,
            {_or_stop(v, raw_v, "number", "'nan'::DOUBLE")} AS v
        FROM {rows}"""  # noqa: S608


def rates_of(rows: str) -> str:
    """Of rows of counters (a query for k, t, v) their rates a second, each at the middle of the time that it is of.

    A counter of 32 or 64 bits that ran over goes on; one that fell otherwise began anew, and when is not known.
    """
    return f"""
        SELECT k, CASE WHEN used AND t1 IS NOT NULL THEN (t1 + t) // 2 ELSE t END AS t,
            CASE WHEN NOT used THEN v WHEN t1 IS NULL OR t1 = t THEN {FIRST} WHEN grown < 0 THEN {RESET}
                ELSE grown / (t - t1) END AS v
        FROM (
            SELECT k, t, v, t1, used,
                CASE WHEN v >= v1 THEN v - v1
                    WHEN v1 < 2.0 ** 32 AND v1 > 0.75 * 2.0 ** 32 AND v < 0.25 * 2.0 ** 32 THEN v + 2.0 ** 32 - v1
                    WHEN v1 > 0.75 * 2.0 ** 64 AND v < 0.25 * 2.0 ** 64 THEN v + 2.0 ** 64 - v1
                    ELSE -1 END AS grown
            FROM (
                SELECT k, t, v, used, lag(v) OVER one AS v1, lag(t) OVER one AS t1
                FROM (SELECT *, k <> '' AND t <> {NO_TIME} AND isfinite(v) AS used FROM ({rows}))
                WINDOW one AS (PARTITION BY used, k ORDER BY t, v)
            )
        )"""  # noqa: S608


def select_cells(table: Table, file: Input, columns: Columns, others: Sequence[str]) -> str:
    """The query for k, t and some other columns as texts, c0, c1 and so on."""
    t, _ = _time(file.name, table, columns)
    cells = "".join(f", CAST({table.names[column]} AS VARCHAR) AS c{place}" for place, column in enumerate(others))
    rows = _with_filter(table, columns.where, columns.errors, _computed(table, columns))
    return f"SELECT {_key(file, table, columns)} AS k, TRY_CAST(floor({t}) AS BIGINT) AS t{cells} FROM {rows}"  # noqa: S608


def select_lines(
    file: Input, table: Table, known: LogFields, scale: float, where: str | None, errors: str | None
) -> str:
    """The query for the lines of a log: t (seconds, `NO_TIME` where there is none), ms, error (0 or 1), and its texts.

    Args:
        file: one that looks like this.
        table: how it is read.
        known: which of its columns are meant.
        scale: what its response times are multiplied with.
        where: the lines that are read.
        errors: those that are errors; None where nothing says so.

    Raises:
        UsageFailure: a column is of a type that is not valid.
    """
    t, raw_t = _seconds(file.name, table, known.time or "", "--field time=")
    ms, raw_ms = ("NULL::DOUBLE", "NULL")
    if known.latency is not None:
        ms, raw_ms = _number(file.name, table, known.latency, "--field latency=")
    texts = []
    for role in ("service", "endpoint", "method", "status", "level", "address"):
        column = getattr(known, role)
        sql = "''" if column is None else f"coalesce(CAST({table.names[column]} AS VARCHAR), '')"
        texts.append(f"{sql} AS {role}")
    flag = "0" if errors is None else "CAST(sl_error AS INTEGER)"
    return f"""
        SELECT {_or_stop("t", "raw_t", "time", str(NO_TIME))}::DOUBLE AS t,
            CASE WHEN isfinite(ms) THEN ms * {scale!r} END AS ms, error,
            service, endpoint, method, status, level, address
        FROM (
            SELECT {t} AS t, {raw_t} AS raw_t, {_or_stop(ms, raw_ms, "number", "NULL")} AS ms, {flag} AS error,
                {", ".join(texts)}
            FROM {_with_filter(table, where, errors)}
        )"""  # noqa: S608


def find_row(table: Table, column: str) -> str:
    """The query for the number of the first row, from 1, in which `column` holds a text (the second parameter)."""
    return f"""
        SELECT row FROM (SELECT row_number() OVER () AS row, {table.names[column]} AS raw FROM {table.scan})
        WHERE raw = ? LIMIT 1"""  # noqa: S608


def identifier(name: str) -> str:
    """A name as SQL wants it."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text as SQL wants it."""
    return "'" + value.replace("'", "''") + "'"


def error_condition(known: LogFields) -> str:
    """The condition for the lines that are errors where nobody said which."""
    ways = []
    if known.level is not None:
        levels = ", ".join(map(text, ERROR_LEVELS))
        ways.append(f"upper(CAST({identifier(known.level)} AS VARCHAR)) IN ({levels})")
    if known.status is not None:
        ways.append(f"TRY_CAST({identifier(known.status)} AS DOUBLE) >= {ERROR_STATUS}")
    return " OR ".join(ways)


def _with_filter(table: Table, where: str | None, errors: str | None, more: str = "") -> str:
    if where is None and errors is None and not more:
        return table.scan
    shown = "".join(f", {sql} AS {identifier(column)}" for column, sql in table.shown.items())
    # On lines of its own: a comment at its end would swallow what follows.
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


def _filtered(names: Mapping[str, str], numbers: Sequence[str], way: Numbers | None = None) -> dict[str, str]:
    """What a row filter sees of texts: numbers where the column holds numbers."""
    seen: dict[str, str] = {}
    taken: set[str] = set()
    for column, name in names.items():
        # SQL does not tell upper from lower case: of such columns the first is seen.
        if column and column.lower() not in taken:
            number = f"TRY_CAST({name} AS DOUBLE)" if way is None else way.sql(name)
            seen[column] = number if column in numbers else name
            taken.add(column.lower())
    return seen


def _seconds(name: str, table: Table, column: str, option: str = "--time", zone: str = "UTC") -> tuple[str, str]:
    """SQL of the seconds since 1970, and of the text that they were read from (null where there was none)."""
    sql, kind = table.names[column], table.types[column]
    if _TIMES.fullmatch(kind):
        return f"epoch(CAST({sql} AS TIMESTAMPTZ))", "NULL"
    if _NUMBERS.fullmatch(kind) and kind != "BOOLEAN":
        return _by_size(sql), "NULL"
    if kind == ISO:
        # A time that names its zone by letters is not of this kind.
        found = f"epoch(TRY_CAST({sql} AS TIMESTAMPTZ))"
        return f"CASE WHEN suffix({sql}, 'Z') THEN {found} WHEN right({sql}, 1) <= '9' THEN {found} END", sql
    if kind == "VARCHAR":
        return _seconds_of_text(f"trim({sql})", zone), sql
    raise UsageFailure(f"{name}: column {column} ({option}) holds {kind}, which is no time: name another column")


def _seconds_of_text(cell: str, zone: str) -> str:
    # Trying the wrong one first would take longer than all the rest.
    dated = f"substr({cell}, 5, 1) IN ('-', '/')"
    number = _by_size(f"TRY_CAST({cell} AS DOUBLE)")
    return f"CASE WHEN {dated} THEN epoch({iso_sql(cell, zone)}) ELSE {number} END"


def _time(name: str, table: Table, columns: Columns) -> tuple[str, str]:
    """The same of the column of the times, or of the columns of the date and the time of day."""
    names = columns_in(columns.time, table.names)
    if len(names) == 1 and columns.time_format is None:
        return _seconds(name, table, names[0], zone=columns.zone)
    cells = [f"trim(CAST({table.names[column]} AS VARCHAR))" for column in names]
    raw = cells[0]
    if len(cells) > 1:
        hour = f"CASE WHEN contains({cells[1]}, ':') THEN {cells[1]} ELSE {_clock(cells[1:])} END"
        # A row that lacks one of the two has no time.
        raw = f"{_there(cells[0])} || ' ' || {_there(hour)}"
    if columns.time_format is not None:
        return f"epoch({formatted_sql(raw, columns.time_format)})", raw
    return _seconds_of_text(f"({raw})", columns.zone), raw


def _clock(parts: Sequence[str]) -> str:
    """SQL of HH:MM of a bare hour, and a minute where there is one."""
    minute = parts[1] if len(parts) > 1 else "'0'"
    return f"lpad({parts[0]}, 2, '0') || ':' || lpad({minute}, 2, '0')"


def _there(cell: str) -> str:
    blank = ", ".join(map(text, BLANK))
    return f"CASE WHEN NOT list_contains([{blank}], lower({cell})) THEN {cell} END"


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
    cells = [f"coalesce({_there(f'CAST({table.names[column]} AS VARCHAR)')}, '-')" for column in names]
    # What stands between the parts is no part of any of them: else two series could get one name.
    parts = [f"replace({cell}, {text(BETWEEN)}, {text(BETWEEN.replace('/', '//'))})" for cell in cells]
    whole = f" || {text(BETWEEN)} || ".join(parts)
    none = " AND ".join(f"{cell} = '-'" for cell in cells)
    return f"CASE WHEN {none} THEN '' ELSE {whole} END"


BETWEEN = " / "
"""What parts the columns of a series' name."""


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


def _by_size(sql: str) -> str:
    """Seconds of a number that may be in milli-, micro- or nanoseconds: since 1973 the ranges do not meet."""
    return (
        f"CASE WHEN abs({sql}) < 1e11 THEN {sql} WHEN abs({sql}) < 1e14 THEN {sql} / 1e3 "
        f"WHEN abs({sql}) < 1e17 THEN {sql} / 1e6 WHEN abs({sql}) < 1e20 THEN {sql} / 1e9 END"
    )


def _number(name: str, table: Table, column: str, option: str = "--value") -> tuple[str, str]:
    sql, kind = table.names[column], table.types[column]
    if _NUMBERS.fullmatch(kind):
        return f"CAST({sql} AS DOUBLE)", "NULL"
    if kind == "VARCHAR":
        return _numeric(table, sql), sql
    raise UsageFailure(f"{name}: column {column} ({option}) holds {kind}, which is no number: name another column")


def _numeric(table: Table, cell: str) -> str:
    return f"TRY_CAST({cell} AS DOUBLE)" if table.numbers == PLAIN else table.numbers.sql(cell)


def _or_stop(value: str, raw: str, wanted: str, nothing: str, clean: bool = False) -> str:
    """`value`; `nothing` where there was none, or an error where there was a text that could not be read.

    `clean`: any text that cannot be read will do for an error: reading starts again with more patience.
    """
    if raw == "NULL":
        return f"coalesce({value}, {nothing})"
    # A list and not IN, which would become a join with all rows.
    blank = ", ".join(map(text, BLANK))
    stop = f"error('{STOP} {wanted}: ' || {raw})"
    # What is only needed where there is no value is only looked at there.
    blank = f"{raw} IS NULL" + ("" if clean else f" OR list_contains([{blank}], lower(trim({raw})))")
    return f"coalesce({value}, CASE WHEN {blank} THEN {nothing} ELSE {stop} END)"


def _compression(file: Input) -> str:
    return "gzip" if file.packed else "none"
