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
from traffic.store.files.look import Input
from traffic.store.log_fields import ERROR_LEVELS, ERROR_STATUS, LogFields

STOP = "this is no"
NO_TIME = -(2**63)
BLANK = ("", "-", "na", "n/a", "nan", "nat", "null", "none")
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
    shown: Mapping[str, str] = field(default_factory=dict)
    """Column -> SQL of what a row filter sees of it, where that is not the column itself."""


def csv_table(file: Input, numbers: Sequence[str] = (), types: Mapping[str, str] | None = None) -> Table:
    """Everything is text and nothing guessed: a later row may contradict a sample, and 007 stays 007.

    Args:
        file: one of those that look like this.
        numbers: columns that a row filter sees as numbers.
        types: of columns that are read as what they seem to hold: half the work, and an error where one is not.
    """
    types = types or {}
    layout = ", ".join(f"sl_{place}: '{types.get(column, 'VARCHAR')}'" for place, column in enumerate(file.columns))
    scan = (
        f"read_csv(?, columns = {{{layout}}}, auto_detect = false, header = true, delim = '{file.delimiter}', "
        f"quote = '\"', escape = '\"', compression = '{_compression(file)}'"
    )
    names: dict[str, str] = {}
    for place, column in enumerate(file.columns):
        names.setdefault(column, f"sl_{place}")
    known = {column: types.get(column, "VARCHAR") for column in names}
    return Table(f"{scan})", names, known, _filtered(names, numbers))


def seeming_types(holds: Mapping[str, str], columns: Columns, series: Sequence[str]) -> dict[str, str]:
    """The types that the columns which are read seem to have; none where texts are needed all the same."""
    values = [*series, *filter(None, [columns.value])]
    wanted = [*filter(None, [columns.time, columns.key]), *values]
    if columns.where is not None or columns.errors is not None or len(set(wanted)) < len(wanted):
        return {}
    types = {column: "DOUBLE" for column in values if holds[column] in ("number", "epoch")}
    if columns.time and holds[columns.time] in ("time", "epoch"):
        types[columns.time] = "TIMESTAMPTZ" if holds[columns.time] == "time" else "DOUBLE"
    return types


def json_table(file: Input, numbers: Sequence[str] = ()) -> Table:
    """The same for objects: their members as text, `a.b` for the member b of a member a."""
    tops = {path[0]: "JSON" if len(path) > 1 else "VARCHAR" for path in sorted(file.paths, key=len)}
    layout = ", ".join(f"{text(top)}: '{kind}'" for top, kind in tops.items())
    members = []
    for place, path in enumerate(file.paths):
        inner = "".join('."' + part.replace('"', '\\"') + '"' for part in path[1:])
        # What is an object in one row may be a text in another.
        member = f"({identifier(path[0])} ->> {text('$' + inner)})" if tops[path[0]] == "JSON" else identifier(path[0])
        members.append(f"{member} AS sl_{place}")
    scan = (
        f"(SELECT {', '.join(members)} FROM read_json(?, columns = {{{layout}}}, "  # noqa: S608
        f"format = '{'array' if file.array else 'newline_delimited'}', compression = '{_compression(file)}'))"
    )
    names = {column: f"sl_{place}" for place, column in enumerate(file.columns)}
    return Table(scan, names, dict.fromkeys(names, "VARCHAR"), _filtered(names, numbers))


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
        UsageFailure: a column is of a type that cannot be meant.
    """
    t, raw_t = _seconds(file.name, table, columns.time or "")
    rows = f"(SELECT * FROM {_with_filter(table, columns.where, columns.errors)})"  # noqa: S608
    if columns.wide:
        written = all(table.types[column] == "VARCHAR" for column in series)
        values = [table.names[column] if written else _number(file.name, table, column)[0] for column in series]
        k = f"unnest([{', '.join(map(text, series))}])"
        rows = (
            f"(SELECT * FROM (SELECT {k} AS sl_k, {t} AS sl_t, {raw_t} AS sl_raw_t, "  # noqa: S608
            f"unnest([{', '.join(values)}]) "
            f"AS sl_v FROM {rows}) WHERE sl_v IS NOT NULL)"
        )
        k, t, raw_t = "sl_k", "sl_t", "sl_raw_t"
        v, raw_v = ("TRY_CAST(sl_v AS DOUBLE)", "sl_v") if written else ("sl_v", "NULL")
    else:
        k = f"CAST({table.names[columns.key]} AS VARCHAR)" if columns.key else text(_stem(file))
        v, raw_v = _number(file.name, table, columns.value) if columns.value else ("1.0", "NULL")
        if columns.errors is not None:
            v, raw_v = "sl_error", "NULL"
    return f"""
        SELECT coalesce(k, '') AS k, coalesce({_or_stop("t", "raw_t", "time")}, {NO_TIME}) AS t,
            coalesce({_or_stop("v", "raw_v", "number")}, 'nan'::DOUBLE) AS v
        FROM (
            SELECT {k} AS k, TRY_CAST(floor({t}) AS BIGINT) AS t, {raw_t} AS raw_t, {v} AS v, {raw_v} AS raw_v
            FROM {rows}
        )"""  # noqa: S608


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
        UsageFailure: a column is of a type that cannot be meant.
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
        SELECT coalesce({_or_stop("t", "raw_t", "time")}, {NO_TIME})::DOUBLE AS t,
            CASE WHEN isfinite(ms) THEN ms * {scale!r} END AS ms, error,
            service, endpoint, method, status, level, address
        FROM (
            SELECT {t} AS t, {raw_t} AS raw_t, {_or_stop(ms, raw_ms, "number")} AS ms, {flag} AS error,
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


def _with_filter(table: Table, where: str | None, errors: str | None) -> str:
    if where is None and errors is None:
        return table.scan
    shown = "".join(f", {sql} AS {identifier(column)}" for column, sql in table.shown.items())
    # On lines of its own: a comment at its end would swallow what follows.
    flag = "" if errors is None else f", CASE WHEN (\n{errors}\n) THEN 1.0 ELSE 0.0 END AS sl_error"
    met = "" if where is None else f" WHERE (\n{where}\n)"
    return f"(SELECT *{flag} FROM (SELECT *{shown} FROM {table.scan}){met})"  # noqa: S608


def _filtered(names: Mapping[str, str], numbers: Sequence[str]) -> dict[str, str]:
    """What a row filter sees of texts: numbers where the column holds numbers."""
    seen: dict[str, str] = {}
    taken: set[str] = set()
    for column, name in names.items():
        # SQL does not tell upper from lower case: of such columns the first is seen.
        if column and column.lower() not in taken:
            seen[column] = f"TRY_CAST({name} AS DOUBLE)" if column in numbers else name
            taken.add(column.lower())
    return seen


def _seconds(name: str, table: Table, column: str, option: str = "--time") -> tuple[str, str]:
    """SQL of the seconds since 1970, and of the text that they were read from (null where there was none)."""
    sql, kind = table.names[column], table.types[column]
    if _TIMES.fullmatch(kind):
        return f"epoch(CAST({sql} AS TIMESTAMPTZ))", "NULL"
    if _NUMBERS.fullmatch(kind) and kind != "BOOLEAN":
        return _by_size(sql), "NULL"
    if kind == "VARCHAR":
        cell = f"trim({sql})"
        # Trying the wrong one first would take longer than all the rest.
        dated = f"substr({cell}, 5, 1) IN ('-', '/')"
        number = _by_size(f"TRY_CAST({cell} AS DOUBLE)")
        return f"CASE WHEN {dated} THEN epoch(TRY_CAST({cell} AS TIMESTAMPTZ)) ELSE {number} END", sql
    raise UsageFailure(f"{name}: column {column} ({option}) holds {kind}, which is no time: name another column")


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
        return f"TRY_CAST({sql} AS DOUBLE)", sql
    raise UsageFailure(f"{name}: column {column} ({option}) holds {kind}, which is no number: name another column")


def _or_stop(value: str, raw: str, wanted: str) -> str:
    """`value`, or an error where there was a text that could not be read."""
    blank = ", ".join(map(text, BLANK))
    unread = f"{value} IS NULL AND {raw} IS NOT NULL AND lower(trim({raw})) NOT IN ({blank})"
    return f"CASE WHEN {unread} THEN error('{STOP} {wanted}: ' || {raw}) ELSE {value} END"


def _compression(file: Input) -> str:
    return "gzip" if file.packed else "none"


def _stem(file: Input) -> str:
    """A file without a column of keys is a series, called like it."""
    base = file.name.replace("\\", "/").rpartition("/")[2]
    for ending in (".gz", ".csv", ".tsv", ".txt", ".parquet", ".pq", ".ndjson", ".jsonl", ".json"):
        base = base.removesuffix(ending)
    return base or file.name
