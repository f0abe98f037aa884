"""A log laid down: its lines as a packed table of known columns in a temporary folder, and an account of them."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from traffic.disk import temporary_folder
from traffic.store.base import NoSuchStore
from traffic.store.files.database import Database
from traffic.store.files.log.account import Account, LogLines, Said, find_line
from traffic.store.files.log.looked import beginning, copied, look, remarks_of
from traffic.store.files.log.meaning import Meaning
from traffic.store.files.log.part import Interpreter, LogPart, parts_of
from traffic.store.files.look import Input
from traffic.store.files.table import text
from traffic.store.log_fields import ROLES, LogFields
from traffic.store.log_paths import folded, folded_sql

_EXAMPLES = 100
_TEMPLATES = 200_000
"""Paths that are looked at together, to fold what is hardly asked for."""


class LaidLog:
    """The lines of some files as a table: t (seconds), ms, error (0 or 1), bytes, key and the texts of a request."""

    path: Path
    """A Parquet file."""
    account: Account
    known: LogFields
    """Which fields play a role; several of one role with commas between."""
    told: str | None
    """How errors are told; None where nothing tells them."""
    notes: tuple[str, ...]
    """What a person should know before anything else."""
    remarks: tuple[str, ...]
    """What a person should know of what was not understood."""
    series: tuple[str, ...]
    """Roles that tell series apart, one of each format."""
    folding: tuple[str, ...]
    """How many paths became how many endpoints."""
    ends: tuple[float, float]
    """Seconds of the first line and the last."""

    def __init__(
        self, name: str, files: Sequence[str], said: Said, database: Database, shown: str | None = None
    ) -> None:
        """Read the files.

        Args:
            name: of the log, for messages.
            files: where they are.
            said: by options.
            database: to read them with.
            shown: what a file is called in messages, if not by its path.

        Raises:
            NoSuchStore: there is no line in them that can be used.
            UsageFailure: they are no log that is known, or too many lines are not recognised.
            DamagedStore: a file cannot be read.
            StorageFailure: the temporary folder is full.
        """
        self._name, self._said, self._database = name, said, database
        held = ExitStack()
        weakref.finalize(self, held.close)
        self._folder = held.enter_context(temporary_folder())
        database.spill_to(str(self._folder))
        self.path = self._folder / "lines.parquet"
        looked = [(path, found) for path in files if (found := beginning(path, shown or path)) is not None]
        if not looked:
            raise NoSuchStore(f"{name} is empty")
        copies = (self._folder / f"whole{place}" for place in count())
        inputs = [look(path, first, shown, database, next(copies)) for path, first in looked]
        self._origins = {one.input.path: path for one, (path, _) in zip(inputs, looked, strict=True)}
        parts = parts_of(inputs, self._folder)
        interpreter = Interpreter(name, said, database, self._folder, self._origins)
        read = [interpreter.lay_down(part) for part in parts]
        meanings = [meaning for meaning, _ in read]
        self.series = tuple(dict.fromkeys(role for _, role in read if role is not None))
        self._fold([part.file for part in parts])
        self.account = self._account([one.input for one in inputs])
        self._tell(parts, meanings)
        self.remarks += remarks_of(inputs, len(files) - len(looked))
        if twice := copied(looked):
            self.notes += (f"{twice} begin with the same lines: if one is a copy, its lines count twice",)

    def ask(self, sql: str, *parameters: object) -> list[Any]:
        """The rows of a query on `lines`."""
        return self._database.run(sql, list(parameters)).fetchall()

    def _fold(self, files: Sequence[Path]) -> None:
        """Put the lines that count together, with the endpoints that their paths belong to."""
        said = ", ".join(text(str(file)) for file in files)
        self._database.run(
            f"CREATE OR REPLACE VIEW every AS SELECT * FROM read_parquet([{said}], union_by_name = true)"
        )
        counts = (
            "count(*), count(*) FILTER (NOT understood OR (timed AND t IS NULL)), "
            "count(*) FILTER (understood AND NOT timed), count(*) FILTER (t IS NOT NULL AND NOT met)"
        )
        self._counts = self._database.run(f"SELECT file, {counts} FROM every GROUP BY file").fetchall()
        good = "t IS NOT NULL AND met AND understood"
        template = "path" if self._said.raw_paths else folded_sql("path")
        self._keep(
            "paths",
            f"SELECT path, n, {template} AS template FROM "
            f"(SELECT path, count(*) AS n FROM every WHERE {good} GROUP BY path)",
        )
        counts = "SELECT template, sum(n) FROM paths WHERE template <> '' GROUP BY 1 ORDER BY 2 DESC, 1"
        rows = self._database.run(f"{counts} LIMIT {_TEMPLATES}").fetchall()
        mapped = {} if self._said.raw_paths else folded({path: int(count) for path, count in rows})
        self._keep(
            "endpoints",
            "SELECT path, coalesce(endpoint, template) AS endpoint FROM paths "
            "LEFT JOIN (SELECT unnest(?) AS name, unnest(?) AS endpoint) ON template = name",
            [list(mapped), list(mapped.values())],
        )
        self._keep(
            "lines",
            "SELECT every.* EXCLUDE (key, by_path, understood, timed, met, bad), endpoint, "
            f"CASE WHEN by_path THEN endpoint ELSE key END AS key FROM every JOIN endpoints USING (path) WHERE {good}",
        )
        bad = "SELECT DISTINCT bad FROM every WHERE NOT understood OR (timed AND t IS NULL)"
        self._examples = [str(line) for (line,) in self._database.run(f"{bad} LIMIT {_EXAMPLES}").fetchall()]
        for file in (*files, self._folder / "paths.parquet", self._folder / "endpoints.parquet"):
            file.unlink()
        ((first, last, self._used, *self._folded),) = self.ask(
            "SELECT min(t), max(t), count(*), count(DISTINCT nullif(path, '')), count(DISTINCT nullif(endpoint, '')) "
            "FROM lines"
        )
        self.ends = (first or 0.0, last or 0.0)

    def _tell(self, parts: Sequence[LogPart], meanings: Sequence[Meaning]) -> None:
        fields: dict[str, Any] = {}
        for role in ROLES:
            names = dict.fromkeys(name for meaning in meanings for name in meaning.fields[role])
            fields[role] = ", ".join(names) or None
        unit = next((meaning.unit for meaning in meanings if meaning.unit is not None), None)
        self.known = LogFields(**fields)
        if unit is not None:
            self.known = replace(self.known, unit=unit)
        titles = dict.fromkeys(part.reading.title for part in parts if part.reading.kind != "table")
        notes = [f"read as {' and as '.join(titles)}"] if titles else []
        if any(part.reading.goes_on for part in parts):
            notes.append("continuation lines (such as stack traces) are not counted")
        if self.known.latency and self._said.scale is None:
            assert unit is not None
            notes.append(f"response times: {self.known.latency} in {unit.name}, {unit.why} (--scale overrides this)")
        told = dict.fromkeys(meaning.told for meaning in meanings if meaning.told)
        self.told = self._said.errors or "; ".join(told) or None
        if any(one.zoneless and part.reading.kind != "w3c" for one, part in zip(meanings, parts, strict=True)):
            notes.append(f"times without a zone are read as {self._said.zone} (--timezone-of-data)")
        self.notes = tuple(notes)
        self.remarks = tuple(remark for meaning in meanings for remark in meaning.remarks)
        self.folding = self._fold_remark()

    def _fold_remark(self) -> tuple[str, ...]:
        before, after = self._folded
        if before <= after:
            return ()
        rows = self.ask(
            "SELECT endpoint FROM lines WHERE endpoint <> path GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
        )
        ends = "1 endpoint" if after == 1 else f"{after:,} endpoints"
        return (f"{before:,} paths folded into {ends}" + (f", such as {rows[0][0]}" if rows else ""),)

    def _keep(self, name: str, sql: str, parameters: Sequence[object] = ()) -> None:
        """Write what a query answers into a file of the folder, and call that file by its name from then on."""
        file = text(str(self._folder / f"{name}.parquet"))
        self._database.run(f"COPY ({sql}) TO {file} (FORMAT parquet)", list(parameters))
        self._database.run(f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM read_parquet({file})")

    def _account(self, inputs: Sequence[Input]) -> Account:
        counts = {path: LogLines(*numbers) for path, *numbers in self._counts}
        theirs = [replace(file, path=self._origins[file.path]) for file in inputs]
        files = {file.path: counts.get(file.path, LogLines(0, 0, 0, 0)) for file in theirs}
        where = find_line(self._examples, theirs) if any(lines.bad for lines in files.values()) else ""
        found = Account(files, self._used, where)
        found.check(self._name, self._said)
        return found
