"""The rows of a user's files as they stream out of DuckDB: key, time, value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any

import duckdb

from traffic.errors import UsageFailure
from traffic.store.base import Columns
from traffic.store.files.database import Database, paths
from traffic.store.files.guess import contents, series_of
from traffic.store.files.look import Input
from traffic.store.files.sql import seeming_types, select_rows


def batches(
    database: Database,
    inputs: Sequence[Input],
    columns: Columns,
    size: int,
    limit: int | None = None,
    typed: bool = False,
) -> Iterator[Any]:
    """The rows of some files as Arrow record batches with the columns k, t and v (see `sql`), none of them null.

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
    keyless = columns.key is None and not columns.wide
    chosen = inputs[:1] if limit else inputs
    layout = partial(_layout, keyless=keyless)
    for _, group in groupby(sorted(chosen, key=layout), key=layout):
        alike = list(group)
        file = alike[0]
        holds = contents(file.columns, file.sample)
        series = series_of(file.columns, file.sample, columns.time or "")[0] if columns.wide else []
        numbers = [column for column, held in holds.items() if held in ("number", "epoch")]
        table = database.table(file, numbers, seeming_types(holds, columns, series) if typed else None)
        if columns.wide and not series:
            raise UsageFailure(
                f"{file.name} has no column of numbers beside {columns.time}: --wide has nothing to read"
            )
        parts.append(select_rows(file, table, columns, series))
        parameters.append(paths(alike))
    sql = " UNION ALL ".join(parts)
    if limit:
        sql = f"SELECT * FROM ({sql}) LIMIT {limit}"  # noqa: S608
    try:
        yield from database.rows(sql, parameters, inputs, size, ordered=limit is not None)
    except (duckdb.Error, ValueError, RuntimeError, OSError) as error:
        # While batches are taken, what DuckDB says comes as one of Arrow's errors.
        raise database.failure(error, inputs) from error


def _layout(file: Input, keyless: bool) -> str:
    # A file without keys is a series, so each is read for itself.
    return repr((file.layout, file.path if keyless else ""))
