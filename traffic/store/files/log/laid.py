"""A log laid down: its lines as a packed table of known columns in a temporary folder, and an account of them."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import count, groupby
from pathlib import Path
from typing import Any

from traffic.disk import temporary_folder
from traffic.errors import UsageFailure
from traffic.store.base import NoSuchStore
from traffic.store.files.database import Database, paths
from traffic.store.files.log.account import Account, LogLines, Said, find_line
from traffic.store.files.log.looked import LogFile, beginning, copied, look, remarks_of
from traffic.store.files.log.meaning import Look, Meaning, meaning_of, wanted_fields
from traffic.store.files.log.raw import Raw, framed, lines_relation, raw_log
from traffic.store.files.log.reading import Reading
from traffic.store.files.look import Input, require_columns
from traffic.store.files.table import FILE, identifier, text
from traffic.store.log_fields import ROLES, SERIES, LogFields
from traffic.store.log_paths import folded, folded_sql

_EXAMPLES = 100
_NEARLY_ALL = 0.9
"""Share of the lines that a field has to be in to tell their series apart."""
_TEMPLATES = 200_000
"""Paths that are looked at together, to fold what is hardly asked for."""
_TEXTS = ("service", "host", "endpoint", "path", "method", "status", "level", "address", "agent", "referrer")


@dataclass(frozen=True)
class _Alike:
    """Lines of one format."""

    reading: Reading
    inputs: tuple[Input, ...]
    until: float
    file: Path
    """Of their fields, as they stand in the lines."""


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
        parts = self._parts(inputs)
        read = [self._read(part) for part in parts]
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

    def _parts(self, inputs: Sequence[LogFile]) -> list[_Alike]:
        """The files by what they are read as."""

        def alike(one: LogFile) -> str:
            return repr((one.reading, one.input.layout if one.reading.kind == "table" else ""))

        parts = []
        for place, (_, group) in enumerate(groupby(sorted(inputs, key=alike), key=alike)):
            same = list(group)
            until = max(Path(one.input.path).stat().st_mtime for one in same)
            objects = tuple(dict.fromkeys(path for one in same for path in one.reading.objects))
            scalars = tuple(path for one in same for path in one.reading.scalars if path not in objects)
            reading = replace(same[0].reading, objects=objects, scalars=tuple(dict.fromkeys(scalars)))
            files = tuple(one.input for one in same)
            parts.append(_Alike(reading, files, until, self._folder / f"part{place}.parquet"))
        return parts

    def _raw(self, part: _Alike) -> tuple[Raw, list[object]]:
        if part.reading.kind == "table":
            table = self._database.table(part.inputs[0])
            fields = {name: f"CAST({sql} AS VARCHAR)" for name, sql in table.names.items() if name}
            return Raw(f"(SELECT * FROM {table.scan})", fields, "TRUE"), [paths(part.inputs)]
        packed = sorted({file.packed for file in part.inputs})
        parameters: list[object] = [paths([file for file in part.inputs if file.packed is one]) for one in packed]
        relation = lines_relation(part.reading, packed)
        inside = framed(part.reading, relation)
        every = relation.replace(" AND NOT starts_with(line, '#')", "")

        def ask(of: str) -> Any:
            return lambda sql: self._database.run(f"WITH lines AS {of} {sql}", parameters, part.inputs).fetchall()

        return raw_log(part.reading, relation, ask(inside), ask(every)), parameters

    def _read(self, part: _Alike) -> tuple[Meaning, str | None]:
        """Lay the fields of a format down, see what they mean, and lay down the lines as what they mean.

        The answer is what they mean, and the role that tells series apart.
        """
        raw, parameters = self._raw(part)
        names = tuple(raw.fields)
        said = self._said
        named = {self._option(role): name for role, name in said.named.items() if name}
        if said.key and said.key not in SERIES:
            named["--key"] = said.key
        require_columns(part.inputs[0].name if len(part.inputs) == 1 else self._name, names, named)
        may = wanted_fields(names, said.named)
        spoken = " ".join(filter(None, (said.errors, said.where))).lower()
        wanted = dict.fromkeys(name for role in may.values() for name in role)
        wanted |= dict.fromkeys(name for name in names if name.lower() in spoken)
        if said.key in names:
            wanted[said.key] = None
        column = {name: f"c{place}" for place, name in enumerate(wanted)}
        file = self._folder / "raw.parquet"
        bad = "CASE WHEN NOT understood THEN left(line, 500) END AS bad"
        rows = f"SELECT * EXCLUDE (line), {bad} FROM ({raw.select(list(wanted), part.reading.kind != 'table')})"
        self._database.run(f"COPY ({rows}) TO {text(str(file))} (FORMAT parquet)", parameters, part.inputs, whole=True)

        def ask(sql: str) -> list[tuple[Any, ...]]:
            lines = f"SELECT * FROM read_parquet({text(str(file))}) WHERE understood"
            return self._database.run(f"WITH raw AS ({lines}) {sql}").fetchall()

        options = {role: self._option(role) for role in ROLES}
        look = Look(
            ask, column, {role: one for role, one in said.named.items() if one}, self._name, part.until, options
        )
        meaning = meaning_of(look, may, names, said.scale)
        if not meaning.fields["time"]:
            if not ask("SELECT count(*) FROM raw")[0][0]:
                raise NoSuchStore(f"{part.inputs[0].name} has no lines")
            self._no_time(part, names)
        role = self._series(part, meaning, names, ask)
        select = self._select(f"read_parquet({text(str(file))})", meaning, role, column, ask)
        self._database.run(f"COPY ({select}) TO {text(str(part.file))} (FORMAT parquet)", [], part.inputs)
        file.unlink()
        return meaning, role

    def _option(self, role: str) -> str:
        return self._said.options.get(role, f"--field {role}=")

    def _no_time(self, part: _Alike, names: Sequence[str]) -> None:
        shown = ", ".join(names[:20])
        what = f"is read as {part.reading.title}, and"
        if part.reading.kind == "json" and len(names) == 1 and part.reading.array == "":
            raise UsageFailure(
                f"{part.inputs[0].name} is read as JSON, and its objects contain only {names[0]}: if that is a list "
                f"of lines, write one per line, as jq -c '.{names[0]}[]' does"
            )
        if part.reading.kind == "table":
            what = "has no known log format (see docs/log-discovery.md); as a table it"
        raise UsageFailure(
            f"{part.inputs[0].name} {what} has no recognised time column ({shown}): specify it with "
            f"{self._option('time')}{'NAME' if self._option('time').endswith('=') else ''}"
        )

    def _select(self, file: str, meaning: Meaning, role: str | None, column: Mapping[str, str], ask: Any) -> str:
        """The query for all lines: what they mean, and whether they count."""
        said = self._said
        seen: dict[str, str] = {}
        for name, cell in column.items():
            # SQL does not tell upper from lower case: of such fields the first is seen.
            if name.lower() not in {one.lower() for one in seen}:
                seen[name] = cell
        numbers = self._numbers(seen, ask) if said.errors or said.where else set()
        shown = "".join(
            f", {f'TRY_CAST({cell} AS DOUBLE)' if name in numbers else cell} AS {identifier(name)}"
            for name, cell in seen.items()
            if said.errors or said.where
        )
        # On lines of its own: a comment at its end would swallow what follows.
        error = f"coalesce((\n{said.errors}\n), FALSE)" if said.errors else meaning.errors or "FALSE"
        met = f"coalesce((\n{said.where}\n), FALSE)" if said.where else "TRUE"
        sql = dict(meaning.sql)
        if said.key is not None and said.key in column and (role is None or role != said.key):
            key = f"coalesce({column[said.key]}, '')"
        else:
            key = text("all") if role is None else sql["path"] if role == "endpoint" else sql[role]
        texts = ", ".join(f"{sql[name]} AS {name}" for name in _TEXTS if name != "endpoint")
        return (
            f"SELECT {sql['t']} AS t, {sql['ms']} AS ms, CAST({error} AS INTEGER) AS error, {sql['bytes']} AS bytes, "
            f"{texts}, {key} AS key, {'TRUE' if role == 'endpoint' else 'FALSE'} AS by_path, understood, "
            f"coalesce({meaning.timed}, FALSE) AS timed, {met} AS met, {self._origin(FILE)} AS file, "
            f"coalesce(bad, CASE WHEN {meaning.timed} THEN {column[meaning.fields['time'][0]]} END) AS bad "
            f"FROM (SELECT *{shown} FROM {file})"
        )

    def _series(self, part: _Alike, meaning: Meaning, names: Sequence[str], ask: Any) -> str | None:
        """The role that tells series apart: as said, else the first that nearly all lines have, else that of most.

        Raises:
            UsageFailure: the log has not what was named.
        """
        said = self._said.key
        there = [role for role in SERIES if meaning.fields[role]]
        if said in SERIES:
            if said not in there and said not in names:
                shown = ", ".join(f"{role} ({', '.join(meaning.fields[role])})" for role in there) or "none of the kind"
                raise UsageFailure(
                    f"{part.inputs[0].name} has no recognised {said} field (--key): it has {shown}; specify any of "
                    "its fields"
                )
            return said if said in there else None
        if not there:
            return None
        cells = [meaning.sql["path" if role == "endpoint" else role] for role in there]
        counts = ", ".join(f"count(*) FILTER ({cell} <> '')" for cell in cells)
        ((every, *of_each),) = ask(f"SELECT count(*), {counts} FROM raw")
        nearly = next((role for role, lines in zip(there, of_each, strict=True) if lines >= _NEARLY_ALL * every), None)
        most = max(zip(of_each, there, strict=True), key=lambda one: one[0])
        return nearly or (most[1] if 2 * most[0] >= every else None)

    def _numbers(self, column: Mapping[str, str], ask: Any) -> set[str]:
        """Fields that a condition sees as numbers: those that hold nothing else."""
        counts = ", ".join(
            f"count(*) FILTER (nullif(trim({cell}), '-') <> '' AND TRY_CAST({cell} AS DOUBLE) IS NULL)"
            for cell in column.values()
        )
        (row,) = ask(f"SELECT {counts} FROM raw")
        return {name for name, others in zip(column, row, strict=True) if not others}

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

    def _tell(self, parts: Sequence[_Alike], meanings: Sequence[Meaning]) -> None:
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

    def _origin(self, file: str) -> str:
        """SQL of the file that a person named, of the one that is read."""
        cases = "".join(f" WHEN {text(read)} THEN {text(path)}" for read, path in self._origins.items() if read != path)
        return f"CASE {file}{cases} ELSE {file} END" if cases else file

    def _account(self, inputs: Sequence[Input]) -> Account:
        counts = {path: LogLines(*numbers) for path, *numbers in self._counts}
        theirs = [replace(file, path=self._origins[file.path]) for file in inputs]
        files = {file.path: counts.get(file.path, LogLines(0, 0, 0, 0)) for file in theirs}
        where = find_line(self._examples, theirs) if any(lines.bad for lines in files.values()) else ""
        found = Account(files, self._used, where)
        found.check(self._name, self._said)
        return found
