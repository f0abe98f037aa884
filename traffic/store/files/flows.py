"""What traffic in a user's files is made of: sums by the columns beside time, key and value, in one pass over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from traffic.errors import UsageFailure
from traffic.flows import FlowAnswer, FlowQuery, like_dimensions
from traffic.model import Metric
from traffic.store.base import Columns
from traffic.store.files.database import Database, paths
from traffic.store.files.look import Input
from traffic.store.files.naming import columns_in
from traffic.store.files.sql import select_cells


def default_dimensions(inputs: Sequence[Input], columns: Columns) -> tuple[str, ...]:
    """The columns that every file has and that are called like a dimension, as they are called."""
    used = {*columns_in(columns.time, inputs[0].columns), *columns_in(columns.key, inputs[0].columns), columns.value}
    shared = [name for name in inputs[0].columns if all(name in file.columns for file in inputs) and name not in used]
    return like_dimensions(shared)


def check_dimensions(
    name: str, wanted: Sequence[str], inputs: Sequence[Input], columns: Columns, metric: Metric
) -> None:
    """Make sure that traffic can be told apart by these columns.

    Raises:
        UsageFailure: one is not there, or what is read does not add up.
    """
    if not able(columns, metric):
        raise UsageFailure(f"{name}: what is read does not add up by row, so it has no parts: leave out --by")
    for one in wanted:
        for file in inputs:
            if one not in file.columns:
                there = ", ".join(file.columns)
                raise UsageFailure(f"{file.name} has no column {one!r} to tell traffic apart by (columns: {there})")


def able(columns: Columns, metric: Metric) -> bool:
    """Whether values of rows add up to those of buckets."""
    return metric.adds_up and not columns.counter and not columns.wide


def split(
    database: Database, inputs: Sequence[Input], columns: Columns, metric: Metric, queries: Sequence[FlowQuery]
) -> Iterator[FlowAnswer]:
    """An answer for each query: all rows are looked at once, for all of them."""
    dimensions = tuple(dict.fromkeys(name for query in queries for name in query.by))
    parts, parameters = [], list[object]()
    for _, group in groupby(sorted(inputs, key=_layout), key=_layout):
        alike = list(group)
        parts.append(select_cells(database.table(alike[0]), alike[0], columns, dimensions))
        parameters.append(paths(alike))
    windows = sorted({(query.key, window.start, window.end) for query in queries for window in query.windows})
    bounds: list[object] = [list(column) for column in zip(*windows, strict=True)]
    cells = [f"c{place}" for place in range(len(dimensions))]
    wanted = {query.by: [f"c{dimensions.index(name)}" for name in query.by] for query in queries}
    sets = ", ".join(f"({', '.join(('key', 'start', 'stop', *own))})" for own in wanted.values())
    sql = f"""
        WITH asked AS (
            SELECT unnest(?::VARCHAR[]) AS key, unnest(?::BIGINT[]) AS start, unnest(?::BIGINT[]) AS stop
        ), found AS ({" UNION ALL ".join(parts)})
        SELECT grouping({", ".join(cells)}), key, start, stop, {", ".join(cells)}, sum(v)
        FROM found JOIN asked ON k = key AND t >= start AND t < stop
        WHERE isfinite(v) GROUP BY GROUPING SETS ({sets})"""  # noqa: S608
    summed: dict[tuple[int, str, int, int], list[tuple[tuple[str | None, ...], float]]] = {}
    for grouped, key, start, stop, *rest in database.run(sql, [*bounds, *parameters], inputs).fetchall():
        summed.setdefault((grouped, key, start, stop), []).append((tuple(rest[:-1]), rest[-1] * metric.scale))
    for query in queries:
        places = [dimensions.index(name) for name in query.by]
        # Of the columns that are grouped by the bit is 0; the first one is the highest.
        grouped = sum(1 << (len(cells) - 1 - place) for place in range(len(cells)) if place not in places)
        there = [summed.get((grouped, query.key, window.start, window.end), []) for window in query.windows]
        yield _answer([[(tuple(row[one] or "" for one in places), amount) for row, amount in rows] for rows in there])


def _answer(windows: Sequence[Sequence[tuple[tuple[str, ...], float]]]) -> FlowAnswer:
    """Of each window, the values and their sums."""
    known = {value: None for rows in windows for value, _ in rows}
    places = {value: place for place, value in enumerate(known)}
    amounts = np.zeros((len(known), len(windows)))
    for column, rows in enumerate(windows):
        for value, amount in rows:
            amounts[places[value], column] += amount
    return FlowAnswer(tuple(known), amounts, amounts.sum(axis=0), np.array([bool(rows) for rows in windows]))


def _layout(file: Input) -> str:
    return repr(file.layout)
