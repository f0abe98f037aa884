"""DuckDB, which reads the tables: opened when it is needed."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import duckdb

from traffic.errors import Failure, UsageFailure
from traffic.store.columns import Columns
from traffic.store.files.complaints import Attempt, complaint, first_line
from traffic.store.files.look import Input, Row
from traffic.store.files.reading import told
from traffic.store.files.sampled import contents
from traffic.store.files.scans import csv_table, json_path, json_table, lines_table, objects_scan, parquet_table
from traffic.store.files.sql import computed, find_row
from traffic.store.files.table import Table, identifier, text
from traffic.watched import watcher

MEMORY = "512MiB"
"""Memory limit of DuckDB: it only reads, and rows are passed on as they arrive."""
_THREADS = 4
"""Maximum number of threads: each has its own buffers."""
_SAMPLE = 200
_MOST_MEMBERS = 300
_DEEPEST = 6


class Database:
    """One in-memory connection that reads files with certain columns."""

    def __init__(self, name: str, columns: Columns) -> None:
        """Open it.

        Args:
            name: of the store, for messages.
            columns: the columns to read; their time zone becomes that of the database.

        Raises:
            UsageFailure: unknown time zone.
        """
        self._name = name
        self._threads = min(_THREADS, os.cpu_count() or 1)
        self._columns = columns
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": MEMORY,
            "threads": self._threads,
            # The order of rows does not matter, and preserving it would buffer many of them.
            "preserve_insertion_order": False,
            # Nothing is ever fetched from a network.
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        self._connection = duckdb.connect(config=settings)
        self._watcher = watcher.get()
        self.zone = self._set_zone(columns.zone)
        """The time zone, by its name in DuckDB's list."""

    def reads(self, columns: Columns) -> None:
        """Set the columns that are read, including guessed ones: for messages."""
        self._columns = columns

    def rows(
        self, sql: str, parameters: Sequence[object], inputs: Sequence[Input], size: int, ordered: bool = False
    ) -> Iterator[Any]:
        """The result of a query as Arrow record batches of about `size` rows, produced while they are consumed.

        Args:
            sql: with ? for parameters.
            parameters: its parameters.
            inputs: the files that it reads, to locate errors.
            size: rows per batch.
            ordered: keep the order of the rows in the files, which is slower.
        """
        # A few rows in order are a first look, which is too short to report progress.
        with told(self._connection, inputs, None if ordered else self._watcher):
            try:
                # With several threads, rows arrive in any order.
                self._connection.execute(f"SET threads = {1 if ordered else self._threads}")
                answer = self._connection.sql(sql, params=list(parameters)).to_arrow_reader(size)
            except duckdb.Error as error:
                raise self.failure(error, inputs) from error
            yield from answer

    def run(
        self,
        sql: str,
        parameters: Sequence[object] | None = None,
        inputs: Sequence[Input] = (),
        whole: bool = False,
    ) -> duckdb.DuckDBPyConnection:
        """A cursor with the result of a query.

        Args:
            sql: with ? for parameters.
            parameters: its parameters.
            inputs: the files that it reads, to locate errors.
            whole: whether it reads them completely, so that progress is shown.
        """
        cursor = self._connection.cursor()
        try:
            with told(cursor, inputs, self._watcher if whole else None):
                return cursor.execute(sql, parameters)
        except duckdb.Error as error:
            raise self.failure(error, inputs) from error

    def table(self, file: Input, types: Mapping[str, str] | None = None) -> Table:
        """How files like this one are read.

        Args:
            file: one of them.
            types: of the columns of a CSV; what is not in it is text.
        """
        holds = contents(file.columns, file.sample, file.numbers)
        numbers = [column for column, held in holds.items() if held in ("number", "epoch")]
        if file.kind == "csv":
            return csv_table(file, numbers, types)
        if file.kind == "json":
            return json_table(file, numbers)
        if file.kind == "lines":
            return lines_table(file, numbers)
        return parquet_table(self._leaves(file))

    def sample(self, file: Input) -> tuple[tuple[str, ...], tuple[Row, ...]]:
        """The columns of a Parquet file, and its first rows as text."""
        leaves = self._leaves(file)
        cells = ", ".join(f"CAST({sql} AS VARCHAR)" for sql, _ in leaves.values())
        found = self.run(f"SELECT {cells} FROM read_parquet(?) LIMIT {_SAMPLE}", [paths([file])], [file])  # noqa: S608
        return tuple(leaves), tuple(found.fetchall())

    def _leaves(self, file: Input) -> dict[str, tuple[str, str]]:
        """The columns of a Parquet file, those in structs by their paths -> SQL and type."""
        empty = self.run("SELECT * FROM read_parquet(?) LIMIT 0", [paths([file])], [file])
        found: dict[str, tuple[str, str]] = {}

        def look(name: str, sql: str, kind: Any) -> None:
            if kind.id != "struct":
                found[name] = sql, str(kind)
                return
            for member, inner in kind.children:
                look(f"{name}.{member}", f"struct_extract({sql}, {text(member)})", inner)

        for column in empty.description or ():
            look(column[0], identifier(column[0]), column[1])
        return found

    def members(self, inputs: Sequence[Input]) -> list[tuple[str, ...]]:
        """The paths of all members that any object in these JSON files has, in the order in which they come."""
        found: dict[tuple[str, ...], None] = {}
        for packed, array in {(file.packed, file.array) for file in inputs}:
            alike = [file for file in inputs if (file.packed, file.array) == (packed, array)]
            scan = objects_scan(packed, array)
            todo: list[tuple[str, ...]] = [()]
            while todo and len(found) < _MOST_MEMBERS:
                names = " || ".join(
                    f"list_transform(coalesce(json_keys(json, {text(json_path(above))}), []), "
                    f"lambda one: [{', '.join(map(text, above))}] || [one])"
                    for above in todo
                )
                sql = f"SELECT DISTINCT unnest({names}) FROM {scan}"  # noqa: S608
                rows = self.run(sql, [paths(alike)], alike).fetchall()
                deeper = [tuple(row[0]) for row in rows]
                found.update(dict.fromkeys(sorted(deeper)))
                todo = self._objects_among(deeper, scan, alike) if len(deeper[0] if deeper else ()) < _DEEPEST else []
        inner = {path[:length] for path in found for length in range(1, len(path))}
        return [path for path in found if path not in inner]

    def _objects_among(
        self, found: Sequence[tuple[str, ...]], scan: str, inputs: Sequence[Input]
    ) -> list[tuple[str, ...]]:
        """Those of the members that are objects with members anywhere."""
        if not found:
            return []
        able = ", ".join(
            f"bool_or(json_type(json, {text(json_path(path))}) = 'OBJECT')" for path in found[:_MOST_MEMBERS]
        )
        (row,) = self.run(f"SELECT {able} FROM {scan}", [paths(inputs)], inputs).fetchall()  # noqa: S608
        return [path for path, is_object in zip(found, row, strict=False) if is_object]

    def rows_with(self, file: Input, columns: Sequence[str], most: int) -> list[Row]:
        """Some rows, as texts, in which any of these columns holds something."""
        table = self.table(file)
        cells = ", ".join(f"CAST({name} AS VARCHAR)" for name in table.names.values())
        found: list[Row] = []
        for column in columns:
            sql = f"SELECT {cells} FROM {table.scan} WHERE {table.names[column]} IS NOT NULL LIMIT {most}"  # noqa: S608
            found += self.run(sql, [paths([file])], [file]).fetchall()
        return found

    def rejected(self) -> list[tuple[str, int, str]]:
        """Lines that were read over for not being rows: file, line, text. They are forgotten with this."""
        try:
            found = self._connection.execute(
                "SELECT DISTINCT s.file_path, e.line, e.csv_line FROM reject_errors e "
                "JOIN reject_scans s USING (scan_id, file_id) ORDER BY ALL"
            ).fetchall()
            self._connection.execute("DROP TABLE reject_errors; DROP TABLE reject_scans")
        except duckdb.CatalogException:
            return []
        return [(str(path), int(line), str(said)) for path, line, said in found]

    def spill_to(self, folder: str) -> None:
        """Where to put what does not fit into memory."""
        self.run("SET temp_directory = ?", [folder])

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()

    def _set_zone(self, zone: str) -> str:
        known = {row[0].lower(): row[0] for row in self.run("SELECT name FROM pg_timezone_names()").fetchall()}
        if zone.lower() not in known:
            close = [known[one] for one in get_close_matches(zone.lower(), known, n=3, cutoff=0.5)]
            hint = f"did you mean {' or '.join(close)}?" if close else "write for instance UTC or Europe/Berlin"
            raise UsageFailure(f"unknown time zone {zone} (--timezone-of-data): {hint}")
        self.run(f"SET GLOBAL TimeZone = '{known[zone.lower()]}'")
        return str(known[zone.lower()])

    def failure(self, error: Exception, inputs: Sequence[Input]) -> Failure:
        """An error of DuckDB as one line for people."""
        attempt = Attempt(self._name, self._columns, inputs, MEMORY)
        return complaint(error, attempt, self._objection, self._find)

    def _objection(self, file: Input, expression: str) -> str | None:
        """Why an expression on the columns of a file is not valid; None if it is."""
        sql = f"SELECT {computed(self.table(file), expression)} LIMIT 0"
        try:
            self._connection.cursor().execute(sql, [paths([file])])
        except duckdb.Error as error:
            return first_line(error)
        return None

    def _find(self, file: Input, column: str, cell: str) -> tuple[int, str] | None:
        """The first row of a file with this text, from 1, and its column, searched in `column` ("": in all)."""
        table = self.table(file)
        for name in [column] if column else table.names:
            if name in table.names and table.types[name] == "VARCHAR":
                # Only with insertion order preserved are rows numbered as they are in the file.
                cursor = self._connection.cursor()
                cursor.execute("SET preserve_insertion_order = true")
                try:
                    found = cursor.execute(find_row(table, name), [paths([file]), cell]).fetchone()
                finally:
                    cursor.execute("SET preserve_insertion_order = false")
                if found:
                    return int(found[0]), name
        return None


def paths(inputs: Sequence[Input]) -> list[str]:
    """Names of files as a query parameter, with wildcards escaped."""
    return [glob.escape(file.path) for file in inputs]
