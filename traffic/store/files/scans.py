"""How files are read: the table functions of the database for each kind of file, and what their columns are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from traffic.store.files import patterns
from traffic.store.files.formats import trailer_of
from traffic.store.files.look import Input
from traffic.store.files.numerals import PLAIN, Numbers
from traffic.store.files.table import FILE, ISO, Table, identifier, text


def csv_table(file: Input, numbers: Sequence[str], types: Mapping[str, str] | None) -> Table:
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
        f"quote = '{quote}', escape = '{quote}', compression = '{_compression(file)}', filename = '{FILE}'{lenient})"
    )
    names = {column: f"sl_{place}" for place, column in enumerate(file.columns)}
    known = {column: types.get(column, "VARCHAR") for column in names}
    if file.marked:
        # Notes between the rows, and repeated headers.
        last = len(file.columns) - 1
        again = f"sl_{last} = {text(file.columns[last])}"
        # Names of other fields stay, and stop the reading where a time is looked for: below them columns are others.
        others = (
            " OR ".join(f"sl_{place} <> {text(name)}" for place, name in enumerate(file.columns) if place) or "TRUE"
        )
        note = f"starts_with(coalesce(sl_0, ''), '#') AND NOT (starts_with(lower(sl_0), '#fields') AND ({others}))"
        scan = f"(SELECT * FROM {scan} WHERE NOT ({note}) AND ({again}) IS NOT TRUE)"  # noqa: S608
    if file.padded:
        cells = ", ".join(f"trim({name}) AS {name}" if known[c] == "VARCHAR" else name for c, name in names.items())
        scan = f"(SELECT {cells}, {FILE} FROM {scan})"  # noqa: S608
    return Table(scan, names, known, _filtered(names, numbers, file.numbers), file.numbers or PLAIN)


def lines_may_differ(file: Input) -> bool:
    """Whether a text file may hold lines of another width that are no rows."""
    return file.kind == "csv" and (file.marked or bool(trailer_of(file.columns)))


def json_table(file: Input, numbers: Sequence[str]) -> Table:
    """The same for objects: their members as text, `a.b` for the member b of a member a."""
    tops = {path[0]: "JSON" if len(path) > 1 else "VARCHAR" for path in sorted(file.paths, key=len)}
    layout = ", ".join(f"{text(top)}: '{kind}'" for top, kind in tops.items())
    members = []
    for place, path in enumerate(file.paths):
        # A member that is an object in one row may be a string in another.
        inner = f"({identifier(path[0])} ->> {text(json_path(path[1:]))})"
        member = inner if tops[path[0]] == "JSON" else identifier(path[0])
        members.append(f"{member} AS sl_{place}")
    scan = (
        f"(SELECT {', '.join(members)}, {FILE} FROM read_json(?, columns = {{{layout}}}, "  # noqa: S608
        f"format = '{'array' if file.array else 'newline_delimited'}', compression = '{_compression(file)}', "
        f"filename = '{FILE}'))"
    )
    names = {column: f"sl_{place}" for place, column in enumerate(file.columns)}
    return Table(
        scan,
        names,
        dict.fromkeys(names, "VARCHAR"),
        _filtered(names, numbers, file.numbers),
        file.numbers or PLAIN,
    )


def json_path(path: Sequence[str]) -> str:
    """Where a member of a JSON value is, as DuckDB wants it."""
    return "$" + "".join('."' + part.replace('"', '\\"') + '"' for part in path)


def objects_scan(packed: bool, array: bool) -> str:
    """SQL that reads JSON files (a parameter: their list) as one column, json."""
    form, compression = ("array" if array else "newline_delimited"), ("gzip" if packed else "none")
    return f"read_json_objects(?, format = '{form}', compression = '{compression}')"


def lines_table(file: Input, numbers: Sequence[str]) -> Table:
    """Lines of a log that are no table: text, but for the time."""
    names = {column: f"sl_{place}" for place, column in enumerate(file.columns)}
    types = dict.fromkeys(names, "VARCHAR") | {patterns.TIME: "TIMESTAMPTZ"}
    scan = patterns.scan(patterns.TABLES[file.pattern], _compression(file), list(names.values()))
    return Table(scan, names, types, _filtered(names, numbers))


def parquet_table(leaves: Mapping[str, tuple[str, str]]) -> Table:
    """Of a Parquet file: column -> SQL of it and its type; `a.b` is the member b of a struct a."""
    names = {column: sql for column, (sql, _) in leaves.items()}
    inner = {column: sql for column, sql in names.items() if sql != identifier(column)}
    return Table(
        f"read_parquet(?, filename = '{FILE}')", names, {column: kind for column, (_, kind) in leaves.items()}, inner
    )


def _filtered(names: Mapping[str, str], numbers: Sequence[str], way: Numbers | None = None) -> dict[str, str]:
    """What a row filter sees of texts: numbers where the column holds numbers."""
    seen: dict[str, str] = {}
    taken: set[str] = set()
    for column, name in names.items():
        # SQL names are case-insensitive: of columns that differ only in case, the first one is visible.
        if column and column.lower() not in taken:
            number = f"TRY_CAST({name} AS DOUBLE)" if way is None else way.sql(name)
            seen[column] = number if column in numbers else name
            taken.add(column.lower())
    return seen


def _compression(file: Input) -> str:
    return "gzip" if file.packed else "none"
