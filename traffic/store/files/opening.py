"""From the names of files to the columns that are read: inspect, guess, and check on the first rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO

import numpy as np

from traffic.errors import UsageFailure
from traffic.model import Floats, Ints
from traffic.store.columns import Columns
from traffic.store.files.amounts import kind_of_value
from traffic.store.files.apart import FirstRows, able_to_tell, counters_within, grown, staggered, taken
from traffic.store.files.database import Database, paths
from traffic.store.files.evidence import Evidence
from traffic.store.files.guess import complete, series_of
from traffic.store.files.look import Hints, Input, require_columns
from traffic.store.files.markers import Markers
from traffic.store.files.naming import columns_in
from traffic.store.files.rows import batches
from traffic.store.files.sampled import Sampled
from traffic.store.files.sql import NO_TIME, select_cells
from traffic.store.files.survey import survey, table_of, with_members
from traffic.store.log_fields import check_errors

HEAD = 200_000
"""Number of rows on which guesses are checked."""
_LOOKED_AT = 20_000
"""Number of rows of which other columns are inspected as well."""
_SHOWN = 20


@dataclass(frozen=True)
class Opened:
    """Files that were inspected, and the columns to read."""

    inputs: tuple[Input, ...]
    table: Sampled
    columns: Columns
    empty: tuple[str, ...]
    kept: tuple[IO[bytes], ...]


def open_files(paths: Sequence[str], said: Columns, database: Database, names: Mapping[str, str]) -> Opened:
    """Look at files, and tell which of their columns are meant.

    Args:
        paths: of the files.
        said: by options.
        database: that reads what cannot be looked at otherwise.
        names: path -> name in messages, for files that are not named by their paths.

    Raises:
        NoSuchStore: all are empty.
        UsageFailure: a column is not there, or it is not clear which is meant.
        DamagedStore: one is no table.
        StorageFailure: one cannot be read.
    """
    said = replace(said, zone=database.zone)
    wanted = [one for text in (said.time, said.key, said.value) if text for one in (text, *text.split(","))]

    def sample(file: Input) -> Input:
        names, rows = database.sample(file)
        return replace(file, columns=names, sample=rows)

    seen = survey(paths, wanted, Hints(said.delimiter, said.decimal), sample, names)
    inputs = list(seen.inputs)
    partly = any(file.kind == "json" and not file.whole for file in inputs)
    if partly and (said.where or said.errors):
        # A condition may name any member, even one that appears only late in the file.
        inputs = _looked_through(inputs, database)
        partly = False
    try:
        columns = _told(inputs, said)
    except UsageFailure:
        if not partly:
            raise
        inputs = _looked_through(inputs, database)
        partly = False
        columns = _told(inputs, said)
    try:
        _require_all(inputs, columns)
    except UsageFailure:
        if not partly:
            raise
        inputs = _looked_through(inputs, database)
        _require_all(inputs, columns)
    return Opened(tuple(inputs), table_of(inputs), columns, seen.empty, seen.kept)


def head_of(database: Database, inputs: Sequence[Input], columns: Columns) -> tuple[Ints, Ints, Floats]:
    """The first rows: which series, epoch seconds, value (NaN where there is none), shape (n,) each."""
    names: dict[str, int] = {}
    rows, times, values = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)], [np.zeros(0)]
    for batch in batches(database, inputs, replace(columns, counter=None), HEAD, limit=HEAD):
        encoded = batch.column(0).dictionary_encode()
        numbers = np.array(
            [names.setdefault(one, len(names)) for one in encoded.dictionary.to_pylist()], dtype=np.int64
        )
        there = batch.column(1).to_numpy() != NO_TIME
        rows.append(numbers[encoded.indices.to_numpy()][there])
        times.append(batch.column(1).to_numpy()[there])
        values.append(batch.column(2).to_numpy()[there])
    return np.concatenate(rows), np.concatenate(times), np.concatenate(values)


def values_called(inputs: Sequence[Input], table: Sampled, used: Columns) -> list[str]:
    """The names of the values."""
    if not used.wide:
        return [used.value or ""]
    columns = series_of(table.columns, table.rows, used.time or "", table.numbers)[0]
    return [f"{file.series if file.several else ''} {column}" for file in inputs for column in columns]


def without_markers(values: Floats) -> Floats:
    """Values, with NaN for those that stand for a missing one: a counter that could not be read did not fall."""
    looked_at = Markers()
    looked_at.add(values[np.isfinite(values)])
    return np.where(np.isin(values, [one.value for one in looked_at.found() if one.sure]), np.nan, values)


def told_apart(database: Database, inputs: Sequence[Input], table: Sampled, used: Columns, said: Columns) -> list[str]:
    """Check the key against the other columns of the first rows; returns notes for a person.

    Raises:
        UsageFailure: the key was guessed, and rows of one series differ in a column that may have to be part of it.
    """
    others = able_to_tell(table, table.holds(), used)
    if not others or inputs[0].columns != table.columns:
        return []
    head = _head_apart(database, inputs, used, others)
    lines = [grown(table.name, used, column) for column in counters_within(head)]
    if used.how == "avg":
        lines += [taken(table.name, used, column) for column in staggered(head)]
    if lines and said.key is None and not said.total:
        raise UsageFailure(lines[0])
    return lines[:1]


def _head_apart(database: Database, inputs: Sequence[Input], columns: Columns, others: Sequence[str]) -> FirstRows:
    """The first rows, with the values of other columns."""
    file = inputs[0]
    sql = f"SELECT * FROM ({select_cells(database.table(file), file, columns, others)}) LIMIT {_LOOKED_AT}"  # noqa: S608
    rows = [row for row in database.run(sql, [paths([file])], [file]).fetchall() if row[0] and row[1] is not None]
    numbers: dict[str, int] = {}
    row = np.array([numbers.setdefault(one[0], len(numbers)) for one in rows], dtype=np.int64)
    cells = {}
    for place, column in enumerate(others, 3):
        known: dict[str, int] = {}
        cells[column] = np.array([known.setdefault(one[place] or "", len(known)) for one in rows], dtype=np.int64)
    time = np.array([one[1] for one in rows], dtype=np.int64)
    return FirstRows(row, time, np.array([np.nan if one[2] is None else one[2] for one in rows]), cells)


def with_evidence(columns: Columns, said: Columns, found: Evidence, names: Sequence[str]) -> Columns:
    """Derive the statistic from the first rows, unless it was specified: counters become rates.

    In an empty bucket, amounts that arrive regularly are missing; those of flows are 0.

    Args:
        columns: as guessed.
        said: as specified by options.
        found: what the first rows show.
        names: of the values.
    """
    if said.statistic is not None or said.counter is not None or columns.statistic in ("count", "share"):
        return columns
    kinds = [kind_of_value(name) for name in names]
    octets = bool(kinds) and all(kind.octets for kind in kinds)
    # The volume of a flow is not a counter, even if it only grew for a while.
    flows = columns.format and columns.statistic == "sum"
    level = any(kind.level for kind in kinds)
    moves = found.moves
    grows = moves.fast or (moves.slow and all(kind.amount or kind.counter for kind in kinds))
    if grows and not moves.others and not moves.saws and not flows and not level:
        plain = said.scale == 1.0 and not said.unit
        unit = said.unit or ("" if octets and plain else "/s")
        return replace(columns, counter=True, statistic="avg", bits=octets and plain, unit=unit)
    if columns.wide and kinds and all(kind.amount for kind in kinds):
        plain = said.scale == 1.0 and not said.unit
        columns = replace(columns, statistic="sum", bits=octets and plain)
    if columns.statistic == "sum" and found.step is not None and said.empty is None:
        return replace(columns, empty="missing")
    return columns


def _told(inputs: Sequence[Input], said: Columns) -> Columns:
    check_errors(said)
    return complete(table_of(inputs), replace(said, key=None) if said.total else said)


def _looked_through(inputs: Sequence[Input], database: Database) -> list[Input]:
    files = [file for file in inputs if file.kind == "json"]
    paths = database.members(files)
    known = {path for file in files for path in file.paths}
    late = [path for path in paths if path not in known]
    if not late:
        return list(inputs)
    found = with_members(inputs, paths, [])
    of_json = [file for file in found if file.kind == "json"]
    late_columns = [".".join(path) for path in late][:_SHOWN]
    rows = [row for file in of_json[:_SHOWN] for row in database.rows_with(file, late_columns, _SHOWN)]
    return with_members(found, paths, rows)


def _require_all(inputs: Sequence[Input], columns: Columns) -> None:
    """Stop unless the further files have the columns that are read; the objects of JSON files share their members."""
    for file in inputs[1:]:
        if file.kind == "json" and inputs[0].kind == "json":
            continue
        for option, text in (("--time", columns.time), ("--key", columns.key), ("--value", columns.value)):
            if not text or columns_in(text, file.columns):
                continue
            if option == "--time" or text.replace(",", "").isidentifier():
                missing = next((one for one in text.split(",") if one not in file.columns), text)
                require_columns(file.name, file.columns, {option: missing})
