"""What traffic in a user's files is made of: sums by the columns beside time, key and value, in one pass over them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, product

import numpy as np

from traffic.errors import UsageFailure
from traffic.flows import MORE, MOST, SEVERAL, Beyond, FlowAnswer, FlowQuery, like_dimensions, split_of
from traffic.model import Metric, Window
from traffic.store.columns import Columns
from traffic.store.files.database import Database, paths
from traffic.store.files.look import Input
from traffic.store.files.naming import columns_in
from traffic.store.files.sql import is_list, select_cells


def default_dimensions(inputs: Sequence[Input], columns: Columns, metric: Metric) -> tuple[str, ...]:
    """The columns that every file has and that are called like a dimension, as they are called.

    None where values are averaged that nobody said are those of lines: most are states, such as a temperature.
    """
    if not able(columns) or not metric.adds_up:
        return ()
    used = {*columns_in(columns.time, inputs[0].columns), *columns_in(columns.key, inputs[0].columns), columns.value}
    shared = [name for name in inputs[0].columns if all(name in file.columns for file in inputs) and name not in used]
    return like_dimensions(shared)


def check_dimensions(name: str, wanted: Sequence[str], inputs: Sequence[Input], columns: Columns) -> None:
    """Make sure that traffic can be told apart by these columns.

    Raises:
        UsageFailure: one is not there, or what is read does not add up.
    """
    if not able(columns):
        raise UsageFailure(f"{name}: counters and series in columns cannot be broken down: leave out --by")
    for one in wanted:
        for file in inputs:
            if one not in file.columns:
                there = ", ".join(file.columns)
                raise UsageFailure(f"{file.name} has no column {one!r} to break traffic down by (columns: {there})")


def able(columns: Columns) -> bool:
    """Whether what is read has parts: not the growth of counters, nor what stands in columns of its own."""
    return not columns.counter and not columns.wide


def split(
    database: Database, inputs: Sequence[Input], columns: Columns, metric: Metric, queries: Sequence[FlowQuery]
) -> Iterator[FlowAnswer]:
    """An answer for each query: all rows are looked at once, for all of them."""
    dimensions = tuple(dict.fromkeys(name for query in queries for name in query.by))
    parts, parameters, lists = [], list[object](), set[str]()
    for _, group in groupby(sorted(inputs, key=_layout), key=_layout):
        alike = list(group)
        table = database.table(alike[0])
        lists |= {name for name in dimensions if alike[0].paths or is_list(table, name)}
        parts.append(select_cells(table, alike[0], columns, dimensions))
        parameters.append(paths(alike))
    events = {asked: place for place, asked in enumerate(dict.fromkeys(map(_asked, queries)))}
    windows = [
        (key, event, place, window.start, window.end, *_edge(beyond, metric), 1.0 if not place else -1 / (len(own) - 1))
        for (key, own, beyond), event in events.items()
        for place, window in enumerate(own)
    ]
    cells = [f"c{place}" for place in range(len(dimensions))]
    by = {query.by: [f"c{dimensions.index(name)}" for name in query.by] for query in queries}
    sql = _sql(cells, list(by.values()), parts, _amount(columns, metric, queries[0].beyond))
    bounds: list[object] = [list(column) for column in zip(*windows, strict=True)]
    found: dict[tuple[int, int], list[_Row]] = {}
    for grouped, event, more, *names, place, amount, rows in database.run(
        sql, [*bounds, *parameters], inputs
    ).fetchall():
        found.setdefault((grouped, event), []).append((more, names, place, amount, rows))
    means, scale = split_of(metric), 1.0 if queries[0].beyond is not None else metric.scale
    for query in queries:
        places = [dimensions.index(name) for name in query.by]
        # The bit of a column is 0 if rows are grouped by it; the first column is the highest bit.
        grouped = sum(1 << (len(cells) - 1 - place) for place in range(len(cells)) if place not in places)
        rows = found.get((grouped, events[_asked(query)]), [])
        answer = _answer(rows, places, len(query.windows), scale, [name in lists for name in query.by])
        yield answer if means != "excess" else replace(answer, rows=None, all_rows=None)


_Row = tuple[bool, list[str | None], int, float, int]
"""Whether it is all values beyond those that are told apart, the values, which window, the amount, how many rows."""


def _asked(query: FlowQuery) -> tuple[str, tuple[Window, ...], Beyond | None]:
    return query.key, query.windows, query.beyond


def _edge(beyond: Beyond | None, metric: Metric) -> tuple[float, float]:
    """A sign, and the limit times that, as the values of the rows have it."""
    if beyond is None:
        return 1.0, 0.0
    sign = 1.0 if (beyond.direction == "above") == (metric.scale > 0) else -1.0
    return sign, sign * beyond.limit / metric.scale


def _amount(columns: Columns, metric: Metric, beyond: Beyond | None) -> str:
    """SQL of what is added up of a row."""
    if beyond is not None:
        return "CAST(sign * v > edge AS DOUBLE)"
    # Rows in which a 1 marks an error are added up; others are counted, whatever their value.
    return "1.0::DOUBLE" if metric.statistic == "count" and columns.errors is None else "v"


def _sql(cells: Sequence[str], by: Sequence[Sequence[str]], parts: Sequence[str], amount: str) -> str:
    """Of each set of columns, event and window the sums of the values that differ most, and of all others together."""
    names = ", ".join(cells)
    sets = ", ".join(f"({', '.join(('event', 'place', *own))})" for own in by)
    left = ", ".join(f"CASE WHEN more THEN NULL ELSE {cell} END AS {cell}" for cell in cells)
    return f"""
        WITH asked AS (
            SELECT unnest(?::VARCHAR[]) AS key, unnest(?::BIGINT[]) AS event, unnest(?::BIGINT[]) AS place,
                unnest(?::BIGINT[]) AS start, unnest(?::BIGINT[]) AS stop, unnest(?::DOUBLE[]) AS sign,
                unnest(?::DOUBLE[]) AS edge, unnest(?::DOUBLE[]) AS weight
        ), found AS ({" UNION ALL ".join(parts)}), summed AS (
            SELECT grouping({names}) AS g, event, place, {names}, sum({amount}) AS a, count(*) AS n,
                any_value(weight) AS weight
            FROM found JOIN asked ON k = key AND t >= start AND t < stop
            WHERE isfinite(v) GROUP BY GROUPING SETS ({sets})
        ), valued AS (
            SELECT g, event, {names}, list({{'place': place, 'a': a, 'n': n}}) AS parts,
                abs(sum(a * weight)) AS excess
            FROM summed GROUP BY ALL
        ), ranked AS (
            SELECT *, row_number() OVER (PARTITION BY g, event ORDER BY excess DESC, {names}) > {MOST} AS more
            FROM valued
        )
        SELECT g, event, more, {names}, part.place, sum(part.a), sum(part.n)
        FROM (SELECT g, event, more, {left}, unnest(parts) AS part FROM ranked) GROUP BY ALL"""  # noqa: S608


def _answer(
    rows: Sequence[_Row], places: Sequence[int], windows: int, scale: float, lists: Sequence[bool]
) -> FlowAnswer:
    """Of the rows of a query their values and sums.

    A row with a list counts for each of its values, as a document does in an index; what that is too often is one more.

    Args:
        lists: of each dimension whether its texts may be lists.
    """
    known: dict[tuple[str, ...], int] = {}
    figures, totals = list[tuple[int, int, float, float]](), np.zeros((2, windows))
    for more, names, window, amount, count in sorted(rows, key=_order):
        totals[:, window] += amount * scale, count
        cells = [names[one] or "" for one in places]
        parts = [_members(cell) if listed else [cell] for cell, listed in zip(cells, lists, strict=True)]
        values = [(MORE,) * len(places)] if more else list(product(*parts))
        for value in values:
            figures.append((known.setdefault(value, len(known)), window, amount * scale, float(count)))
        if len(places) == 1 and (often := len(values) - 1):
            row = known.setdefault((SEVERAL,), len(known))
            figures.append((row, window, -often * amount * scale, -float(often * count)))
    whole, numbers = np.zeros((2, len(known), windows))
    for row, window, amount, number in figures:
        whole[row, window] += amount
        numbers[row, window] += number
    return FlowAnswer(tuple(known), whole, totals[0], there=totals[1] > 0, rows=numbers, all_rows=totals[1])


def _members(cell: str) -> list[str]:
    """The values of a list, each once; of anything else the text itself."""
    if not cell.startswith("["):
        return [cell]
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError):
        return [cell]
    texts = [one if isinstance(one, str) else json.dumps(one) for one in found if one is not None]
    return list(dict.fromkeys(texts)) or [""]


def _order(row: _Row) -> tuple[bool, list[str], int]:
    more, names, window, _, _ = row
    return more, [name or "" for name in names], window


def _layout(file: Input) -> str:
    return repr(file.layout)
