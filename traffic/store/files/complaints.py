"""Errors of DuckDB, as one line for people."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import duckdb

from traffic.errors import Failure, StorageFailure, UsageFailure
from traffic.store.base import DamagedStore, StoreError
from traffic.store.columns import Columns
from traffic.store.files.look import Input, listed
from traffic.store.files.naming import columns_in
from traffic.store.files.sql import STOP
from traffic.store.files.whole import NotUtf8
from traffic.store.files.zones import zone_advice

_MOST_QUOTED = 60

_STOPPED = re.compile(rf"{STOP} (time|number): (.*)", re.DOTALL)
_CSV_LINE = re.compile(r"CSV Error on Line: (\d+)")
_CSV_FILE = re.compile(r"^  file = (.*)$", re.MULTILINE)
_CSV_FIELDS = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")
_JSON = re.compile(r'JSON.* in file "(.*)", (?:at byte \d+ )?in (?:line|record/value) (\d+)')
_UNKNOWN = re.compile(r'Referenced column "(.*?)" (?:was )?not found')
_TWICE = re.compile(r'duplicate key "(.*?)"')
_FORMAT = re.compile(r"Failed to parse format specifier (.*?): (.*)")
_FULL = re.compile(r"No space left|max_temp_directory_size|Disk quota", re.IGNORECASE)
_SQL_ERRORS = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException, duckdb.ConversionException)

Objection = Callable[[Input, str], str | None]
"""Why an expression on the columns of a file is not valid; None if it is."""
Find = Callable[[Input, str, str], tuple[int, str] | None]
"""The first row of a file with a text in a column ("": in any), and that column; None if there is none."""


@dataclass(frozen=True)
class Attempt:
    """What was being read when the error occurred."""

    name: str
    """Of the store."""
    columns: Columns
    inputs: Sequence[Input]
    memory: str
    """Memory limit of DuckDB."""


def complaint(error: Exception, attempt: Attempt, objection: Objection, find: Find) -> Failure:
    """The failure to raise for an error of DuckDB."""
    said = str(error)
    if stopped := _STOPPED.search(said):
        return _stopped(stopped[1], stopped[2], attempt, find)
    if _FULL.search(said):
        return StorageFailure(f"no disk space left for the rows of {attempt.name}: free some")
    if "Out of Memory" in said:
        return StoreError(f"{attempt.name} does not fit into {attempt.memory} of memory: split it by time or by series")
    bad = _bad_sql(error, attempt, objection) if isinstance(error, _SQL_ERRORS) else None
    return bad or _unreadable(said, attempt.name, attempt.inputs)


def first_line(error: Exception) -> str:
    """The first line of its message, without the type of error."""
    return str(error).partition("\n")[0].partition(": ")[2] or str(error)


def _unreadable(said: str, name: str, inputs: Sequence[Input]) -> Failure:
    """A file that cannot be read in the way in which it began."""
    line, file, fields = _CSV_LINE.search(said), _CSV_FILE.search(said), _CSV_FIELDS.search(said)
    if format_ := _FORMAT.search(said):
        return UsageFailure(
            f"--time-format {format_[1]!r} is not a valid format ({format_[2]}): write it like %Y-%m-%d %H:%M:%S"
        )
    if json := _JSON.search(said):
        # DuckDB counts from 1 and names the line after it.
        where = f"{_shown(json[1], inputs)}, line {max(1, int(json[2]) - 1)}"
        if twice := _TWICE.search(said):
            return UsageFailure(f"{where}: an object has two members called {twice[1]}: rename one")
        return DamagedStore(f"{where}: not a JSON object: write one complete object per line")
    where = (_shown(file[1], inputs) if file else name) + (f", line {line[1]}" if line else "")
    if fields:
        return UsageFailure(f"{where}: {fields[2]} columns where the header has {fields[1]}: fix that line")
    if "unicode" in said:
        return NotUtf8(f"{where}: not UTF-8: save the file as UTF-8")
    if "unterminated quote" in said:
        return UsageFailure(f"{where}: a quote is never closed: fix that line")
    if "state machine" in said:
        return UsageFailure(f"{where}: line breaks or quotes are mixed: save the file with one kind")
    if "Maximum line size" in said:
        return DamagedStore(f"{where}: a line of more than 2 MB: this is not a table, or a quote is never closed")
    reason = said.partition("\n")[0].partition(": ")[2] or said
    for one in inputs:
        reason = reason.replace(one.path, one.name)
    return DamagedStore(f"{where} cannot be read ({reason}): recreate it or use another file")


def _bad_sql(error: Exception, attempt: Attempt, objection: Objection) -> Failure | None:
    """What is wrong with a condition or an expression of the user; None if nothing is."""
    columns = attempt.columns
    conditions = {"--where": columns.where, "--errors": columns.errors}
    texts = {**conditions, "--key": columns.key, "--value": columns.value}
    for file in attempt.inputs[:1]:
        for option, said in texts.items():
            if not said or (option not in conditions and columns_in(said, file.columns)):
                continue
            # Which columns the lines of a log have is known only after they were read.
            reason = objection(file, said) if file.columns else first_line(error)
            if reason is None:
                continue
            if unknown := _UNKNOWN.search(reason):
                there = f"it has {listed(file.columns)} (put text in single quotes)"
                return UsageFailure(
                    f"{option} uses {unknown[1]}, which is not a column of {attempt.name}: "
                    f"{there if file.columns else 'put text in single quotes'}"
                )
            what = "condition" if option in conditions else "expression"
            example = "bytes > 0" if option in conditions else "'bytes * 8'"
            return UsageFailure(f"{option} {said!r} is not a valid {what} ({reason}): write for instance {example}")
    return None


def _stopped(wanted: str, cell: str, attempt: Attempt, find: Find) -> Failure:
    """A text that is not a valid time or number, and where it is."""
    time = wanted == "time"
    columns = attempt.columns
    name = columns.time if time else None if columns.wide else columns.value
    where, column = attempt.name, name or ""
    for file in attempt.inputs:
        parts = columns_in(column, file.columns)
        found = find(file, column, cell) if len(parts) < 2 else None
        if found:
            where, column = f"{file.name}, row {found[0]}", found[1]
            break
    shown = repr(cell if len(cell) <= _MOST_QUOTED else cell[:_MOST_QUOTED] + "...")
    advice = (
        zone_advice(cell)
        or "use ISO 8601 (2026-11-22T10:00:00Z) or seconds since 1970, or describe the format with --time-format"
        if time
        else "use a decimal point and no other characters (or --decimal ,)"
    )
    option = "--time" if time else "--wide" if columns.wide else "--value"
    return UsageFailure(f"{where}: {shown} in column {column} ({option}) is not a valid {wanted}: {advice}")


def _shown(path: str, inputs: Sequence[Input]) -> str:
    return next((file.name for file in inputs if file.path == path), path)
