"""The rows of a user's files as they stream out of DuckDB: key, time, value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Any

import duckdb
import numpy as np

from traffic.errors import UsageFailure
from traffic.model import Ints
from traffic.store.columns import Columns
from traffic.store.files.database import Database, paths
from traffic.store.files.formats import trailer_of
from traffic.store.files.guess import series_of
from traffic.store.files.layout import other_fields
from traffic.store.files.look import Input
from traffic.store.files.sampled import contents
from traffic.store.files.scans import lines_may_differ
from traffic.store.files.sql import file_place, rates_of, seeming_types, select_rows


def batches(
    database: Database,
    inputs: Sequence[Input],
    columns: Columns,
    size: int,
    limit: int | None = None,
    typed: bool = False,
) -> Iterator[Any]:
    """The rows of some files as Arrow record batches with the columns k, t and v (see `sql`), none of them null.

    Where the files are several there is a column f as well: which of `inputs` a row is of.

    Args:
        database: that reads them.
        inputs: the files.
        columns: which of their columns are meant.
        size: rows of a batch, about.
        limit: read no more than the first so many rows of the first file, in their order.
        typed: take columns of a CSV for what their first rows hold, and fail where a later one is something else.

    Raises:
        UsageFailure: a column is missing, or holds what it cannot mean.
        DamagedStore: a file cannot be read.
    """
    parts, parameters = [], []
    by_file = columns.wide or (columns.key is None and not columns.total)
    chosen = inputs[:1] if limit else inputs
    layout = partial(_layout, database, by_file=by_file)
    several = len(chosen) > 1
    places = {file.path: place for place, file in enumerate(chosen)}
    for _, group in groupby(sorted(chosen, key=layout), key=layout):
        alike = list(group)
        place = file_place({file.path: places[file.path] for file in alike}) if several else None
        parts.append(_select(database, alike[0], columns, typed, place))
        parameters.append(paths(alike))
    sql = " UNION ALL ".join(parts)
    if columns.counter:
        sql = rates_of(sql, several)
    if limit:
        sql = f"SELECT * FROM ({sql}) LIMIT {limit}"  # noqa: S608
    try:
        yield from database.rows(sql, parameters, inputs, size, ordered=limit is not None)
    except (duckdb.Error, ValueError, RuntimeError, OSError) as error:
        # While batches are read, errors of DuckDB arrive as errors of Arrow.
        raise database.failure(error, inputs) from error


def odd_lines(database: Database, inputs: Sequence[Input]) -> Ints:
    """How many lines of each file were read over, for a format has them below its rows: shape (files,).

    Raises:
        UsageFailure: one was that no format has, with what it says.
    """
    odd = database.rejected() if any(map(lines_may_differ, inputs)) else []
    places = {file.path: place for place, file in enumerate(inputs)}
    found = np.zeros(len(inputs), dtype=np.int64)
    for path, line, written in odd:
        file, said = inputs[places[path]], written.strip()
        if file.marked and other_fields(said, file.columns, file.delimiter):
            raise UsageFailure(
                f"{file.name}, line {line}: the fields change ({said[:60]!r}): split the file there, and read the "
                "parts one by one"
            )
        allowed = (file.marked and said.startswith("#")) or not said
        trailer = trailer_of(file.columns)
        if not allowed and not (trailer and re.fullmatch(trailer, said)):
            raise UsageFailure(
                f"{file.name}, line {line}: {said[:60]!r} is not a row of {len(file.columns)} columns: fix that line"
            )
        found[places[path]] += 1
    return found


def _select(database: Database, file: Input, columns: Columns, typed: bool, place: str | None) -> str:
    """The query for the rows of files like this one."""
    holds = contents(file.columns, file.sample, file.numbers)
    series = series_of(file.columns, file.sample, columns.time or "", file.numbers)[0] if columns.wide else []
    if columns.wide and not series:
        raise UsageFailure(f"{file.name} has no numeric column except {columns.time}: --wide has nothing to read")
    table = database.table(file)
    # If malformed lines may be skipped, a line with a value of another type would be skipped too.
    if typed and file.kind == "csv" and not lines_may_differ(file):
        table = database.table(file, seeming_types(table, holds, columns, series))
    return select_rows(file, table, columns, series, place)


def _layout(database: Database, file: Input, by_file: bool) -> str:
    # A file without keys is one series, so each file is read separately.
    own = file.series if by_file else ""
    if file.kind != "parquet":
        return repr((file.layout, own))
    # What differs in its path alone is read in one go: a query for each of many files would fill the memory.
    table, holds = database.table(file), contents(file.columns, file.sample, file.numbers) if by_file else {}
    return repr((replace(file, path="").layout, dict(table.names), dict(table.types), holds, own))
