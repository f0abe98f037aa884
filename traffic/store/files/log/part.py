"""Lines of one format, laid down as what they mean: a table of known columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from traffic.errors import UsageFailure
from traffic.store.base import NoSuchStore
from traffic.store.files.database import Database, paths
from traffic.store.files.log.account import Said
from traffic.store.files.log.looked import LogFile
from traffic.store.files.log.meaning import Look, Meaning, meaning_of, wanted_fields
from traffic.store.files.log.raw import Raw, framed, lines_relation, raw_log
from traffic.store.files.log.reading import Reading
from traffic.store.files.look import Input, require_columns
from traffic.store.files.naming import one_member
from traffic.store.files.table import FILE, identifier, text
from traffic.store.log_fields import ROLES, SERIES

_NEARLY_ALL = 0.9
"""Share of the lines that a field has to be in to tell their series apart."""
_TEXTS = ("service", "host", "endpoint", "path", "method", "status", "level", "address", "agent", "referrer")


@dataclass(frozen=True)
class LogPart:
    """Lines of one format."""

    reading: Reading
    inputs: tuple[Input, ...]
    until: float
    """When they were written last, epoch seconds."""
    file: Path
    """Of what they mean, as Parquet."""


def parts_of(inputs: Sequence[LogFile], folder: Path) -> list[LogPart]:
    """The files by what they are read as; what they mean is laid down in `folder`."""

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
        parts.append(LogPart(reading, files, until, folder / f"part{place}.parquet"))
    return parts


@dataclass(frozen=True, eq=False)
class Interpreter:
    """Lays the lines of a log down as what they mean, format by format."""

    name: str
    """Of the log, for messages."""
    said: Said
    database: Database
    folder: Path
    """For files that are needed for a moment."""
    origins: Mapping[str, str]
    """File that is read -> the one that a person named."""

    def lay_down(self, part: LogPart) -> tuple[Meaning, str | None]:
        """Lay the fields of a format down, see what they mean, and lay down the lines as what they mean.

        The answer is what they mean, and the role that tells series apart.
        """
        raw, parameters = self._raw_of(part)
        names = tuple(raw.fields)
        said = self.said
        named = {self._option(role): name for role, name in said.named.items() if name}
        if said.key and said.key not in SERIES:
            named["--key"] = said.key
        require_columns(part.inputs[0].name if len(part.inputs) == 1 else self.name, names, named)
        may = wanted_fields(names, said.named)
        spoken = " ".join(filter(None, (said.errors, said.where))).lower()
        wanted = dict.fromkeys(name for role in may.values() for name in role)
        wanted |= dict.fromkeys(name for name in names if name.lower() in spoken)
        if said.key in names:
            wanted[said.key] = None
        column = {name: f"c{place}" for place, name in enumerate(wanted)}
        file = self.folder / "raw.parquet"
        bad = "CASE WHEN NOT understood THEN left(line, 500) END AS bad"
        rows = f"SELECT * EXCLUDE (line), {bad} FROM ({raw.select(list(wanted), part.reading.kind != 'table')})"
        self.database.run(f"COPY ({rows}) TO {text(str(file))} (FORMAT parquet)", parameters, part.inputs, whole=True)

        def ask(sql: str) -> list[tuple[Any, ...]]:
            lines = f"SELECT * FROM read_parquet({text(str(file))}) WHERE understood"
            return self.database.run(f"WITH raw AS ({lines}) {sql}").fetchall()

        options = {role: self._option(role) for role in ROLES}
        look = Look(ask, column, {role: one for role, one in said.named.items() if one}, self.name, part.until, options)
        meaning = meaning_of(look, may, names, said.scale)
        if not meaning.fields["time"]:
            if not ask("SELECT count(*) FROM raw")[0][0]:
                raise NoSuchStore(f"{part.inputs[0].name} has no lines")
            self._no_time(part, names)
        role = self._series(part, meaning, names, ask)
        select = self._select(f"read_parquet({text(str(file))})", meaning, role, column, ask)
        self.database.run(f"COPY ({select}) TO {text(str(part.file))} (FORMAT parquet)", [], part.inputs)
        file.unlink()
        return meaning, role

    def _raw_of(self, part: LogPart) -> tuple[Raw, list[object]]:
        if part.reading.kind == "table":
            table = self.database.table(part.inputs[0])
            fields = {name: f"CAST({sql} AS VARCHAR)" for name, sql in table.names.items() if name}
            return Raw(f"(SELECT * FROM {table.scan})", fields, "TRUE"), [paths(part.inputs)]
        packed = sorted({file.packed for file in part.inputs})
        parameters: list[object] = [paths([file for file in part.inputs if file.packed is one]) for one in packed]
        relation = lines_relation(part.reading, packed)
        inside = framed(part.reading, relation)
        every = relation.replace(" AND NOT starts_with(line, '#')", "")

        def ask(of: str) -> Any:
            return lambda sql: self.database.run(f"WITH lines AS {of} {sql}", parameters, part.inputs).fetchall()

        return raw_log(part.reading, relation, ask(inside), ask(every)), parameters

    def _option(self, role: str) -> str:
        return self.said.options.get(role, f"--field {role}=")

    def _no_time(self, part: LogPart, names: Sequence[str]) -> None:
        shown = ", ".join(names[:20])
        what = f"is read as {part.reading.title}, and"
        if part.reading.kind == "json" and len(names) == 1 and part.reading.array == "":
            raise UsageFailure(f"{part.inputs[0].name} is read as JSON, and {one_member(names[0], 'lines')}")
        if part.reading.kind == "table":
            what = "has no known log format (see docs/log-discovery.md); as a table it"
        raise UsageFailure(
            f"{part.inputs[0].name} {what} has no recognised time column ({shown}): specify it with "
            f"{self._option('time')}{'NAME' if self._option('time').endswith('=') else ''}"
        )

    def _select(self, file: str, meaning: Meaning, role: str | None, column: Mapping[str, str], ask: Any) -> str:
        """The query for all lines: what they mean, and whether they count."""
        said = self.said
        seen: dict[str, str] = {}
        for name, cell in column.items():
            # SQL names are case-insensitive: of fields that differ only in case, the first one is visible.
            if name.lower() not in {one.lower() for one in seen}:
                seen[name] = cell
        numbers = self._numbers(seen, ask) if said.errors or said.where else set()
        shown = "".join(
            f", {f'TRY_CAST({cell} AS DOUBLE)' if name in numbers else cell} AS {identifier(name)}"
            for name, cell in seen.items()
            if said.errors or said.where
        )
        # On a line of its own: a comment at the end of the condition would hide what follows.
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

    def _series(self, part: LogPart, meaning: Meaning, names: Sequence[str], ask: Any) -> str | None:
        """The role that tells series apart: as said, else the first that nearly all lines have, else that of most.

        Raises:
            UsageFailure: the log has not what was named.
        """
        said = self.said.key
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

    def _origin(self, file: str) -> str:
        """SQL of the file that a person named, of the one that is read."""
        cases = "".join(f" WHEN {text(read)} THEN {text(path)}" for read, path in self.origins.items() if read != path)
        return f"CASE {file}{cases} ELSE {file} END" if cases else file
