"""Files of log lines, summed up by DuckDB (`traffic.access_log.AccessLog`)."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from traffic.access_log import PERCENTS, Count, Fences, Line, LogColumns, Spread, Top, Traffic
from traffic.disk import storage
from traffic.errors import UsageFailure
from traffic.model import HOUR, Grid, Ints, Window
from traffic.store.base import Columns, NoSuchStore
from traffic.store.files.database import Database, paths
from traffic.store.files.guess import contents
from traffic.store.files.inputs import STDIN, STDIN_SHOWN, find_files, spool
from traffic.store.files.look import Input, look_at, require_columns
from traffic.store.files.sql import NO_TIME, error_condition, select_lines, text
from traffic.store.log_fields import recognise, renamed, roles

_TEXTS = ("service", "endpoint", "method", "status", "level", "address")
_NEWEST = f"ORDER BY t DESC, {', '.join(_TEXTS)}, ms"


class FilesLog:
    """CSV, NDJSON, Parquet or Apache's log files. They are parsed once, into a packed temporary table."""

    exact = True

    def __init__(self, pattern: str, said: LogColumns) -> None:
        """Find the files that `pattern` names, see what their fields mean, and read them.

        Args:
            pattern: a file, a glob of files, or `-` for what is piped in.
            said: which fields are meant; those that are not said are told from their names.

        Raises:
            NoSuchStore: there is none, or it is empty.
            UsageFailure: a field is not there, or holds what it cannot mean.
            DamagedStore: a file cannot be read.
            StorageFailure: the temporary folder is full.
        """
        self.name = STDIN_SHOWN if pattern == STDIN else pattern
        self._piped = spool()[0] if pattern == STDIN else None
        if self._piped:
            weakref.finalize(self, self._piped.close)
        files = [self._piped.name] if self._piped else find_files(pattern)
        self._database = Database(self.name, Columns(where=said.where, errors=said.errors, zone=said.zone))
        self._inputs = [self._look(path) for path in files]
        first = self._inputs[0]
        self._known = known = renamed(recognise(first.columns), said.named)
        for file in self._inputs:
            require_columns(file.name, file.columns, {f"--field {role}=": name for role, name in roles(known).items()})
        if known.time is None:
            raise UsageFailure(f"{first.name} has no column that is known to be a time: name it with --field time=NAME")
        self._errors = said.errors or error_condition(known) or None
        self._scale = said.scale or known.milliseconds
        with storage(tempfile.gettempdir()):
            self._folder = tempfile.mkdtemp(prefix="sl-")
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._table = f"read_parquet({text(str(Path(self._folder) / 'lines.parquet'))})"
        self._lay_down(said)

    @property
    def roles(self) -> Mapping[str, str]:
        """Role -> column, of those that the files have."""
        return roles(self._known)

    def extent(self) -> Window:
        """From the first line to a second after the last."""
        first, last, _ = self._ends
        return Window(int(first), int(last) + 1)

    def traffic(self, window: Window) -> Traffic:
        """Lines per hour; hours without any are 0."""
        grid = Grid.over(window, HOUR)
        requests, errors = (np.zeros(grid.count, dtype=np.int64) for _ in range(2))
        p95 = np.full(grid.count, np.nan)
        what = "floor(t / 3600) * 3600 AS hour, count(*), sum(error), quantile_cont(ms, 0.95)"
        for hour, count, wrong, slow in self._ask(f"SELECT {what} FROM lines GROUP BY hour", window):  # noqa: S608
            place = grid.index(int(hour))
            requests[place], errors[place] = count, wrong
            p95[place] = np.nan if slow is None else slow
        return Traffic(grid, requests, errors if self._errors else None, p95 if self._known.latency else None)

    def top(self, role: str, window: Window, most: int) -> Top:
        """Exact."""
        self.roles[role]
        rows = self._ask(
            f"SELECT {role}, count(*) AS n, sum(error) FROM lines WHERE {role} <> '' "  # noqa: S608
            f"GROUP BY {role} ORDER BY n DESC, {role} LIMIT {int(most)}",
            window,
        )
        ((every, there),) = self._ask(f"SELECT count(*), count(*) FILTER ({role} <> '') FROM lines", window)  # noqa: S608
        counts = tuple(Count(str(value), count, int(wrong) if self._errors else None) for value, count, wrong in rows)
        return Top(counts, there - sum(count.requests for count in counts), every - there)

    def spreads(self, window: Window, endpoints: Sequence[str]) -> tuple[Spread, dict[str, Spread]]:
        """Exact."""
        quantiles = ", ".join(str(percent / 100) for percent in PERCENTS)
        what = f"count(ms), avg(ms), quantile_cont(ms, [{quantiles}]), max(ms)"
        ((count, *rest),) = self._ask(f"SELECT {what} FROM lines", window)  # noqa: S608
        each = self._ask(
            f"SELECT endpoint, {what} FROM lines WHERE list_contains(?, endpoint) AND ms IS NOT NULL "  # noqa: S608
            f"GROUP BY endpoint",
            window,
            list(endpoints),
        )
        return _spread(count, *rest), {endpoint: _spread(*rest) for endpoint, *rest in each}

    def histogram(self, window: Window, edges: Sequence[float]) -> Ints:
        """Counted by DuckDB."""
        rows = self._ask(
            "SELECT len(list_filter(?, lambda edge: edge <= ms)) AS bin, count(*) FROM lines "
            "WHERE ms IS NOT NULL GROUP BY bin",
            window,
            list(edges),
        )
        found = np.zeros(len(edges) + 1, dtype=np.int64)
        for place, count in rows:
            found[place] = count
        return found

    def beyond(self, window: Window, fences: Fences, most: int) -> tuple[dict[str, int], list[Line]]:
        """One look at all lines for the counts, one for the slowest."""
        limits = "(SELECT unnest(?) AS name, unnest(?) AS fence)"
        slow = (
            f"SELECT lines.*, coalesce(name, '') AS fenced FROM lines LEFT JOIN {limits} AS limits "  # noqa: S608
            "ON endpoint = name WHERE ms > coalesce(fence, ?)"
        )
        said = [list(fences.own), list(fences.own.values()), float(fences.rest)]
        counts = self._ask(f"SELECT fenced, count(*) FROM ({slow}) GROUP BY fenced ORDER BY fenced", window, *said)  # noqa: S608
        slowest = f"SELECT {_fields()} FROM ({slow}) ORDER BY ms DESC, t DESC, {', '.join(_TEXTS)} LIMIT {int(most)}"  # noqa: S608
        return dict(counts), [_line(row) for row in self._ask(slowest, window, *said)]

    def latest(self, window: Window, most: int) -> list[Line]:
        """Newest first; of one time in the order of their texts."""
        rows = self._ask(f"SELECT {_fields()} FROM lines {_NEWEST} LIMIT {int(most)}", window)  # noqa: S608
        return [_line(row) for row in rows]

    def remarks(self) -> list[str]:
        """How many lines were left out, and why."""
        lost = self._ends[2]
        return [f"{lost:,} {'line' if lost == 1 else 'lines'} left out: without a time"] if lost else []

    def _ask(self, sql: str, window: Window, *parameters: object) -> list[Any]:
        """Rows of a query on `lines`: those in the window."""
        inside = f"SELECT * FROM {self._table} WHERE t >= {window.start} AND t < {window.end}"  # noqa: S608
        return self._database.run(f"WITH lines AS ({inside}) {sql}", list(parameters), self._inputs).fetchall()

    def _look(self, path: str) -> Input:
        file = look_at(path, [], STDIN_SHOWN if self._piped else None)
        if file.kind == "parquet":
            names, sample = self._database.sample(file)
            file = replace(file, columns=names, sample=sample)
        return file

    def _lay_down(self, said: LogColumns) -> None:
        parts, parameters = [], []
        for _, group in groupby(sorted(self._inputs, key=_layout), key=_layout):
            alike = list(group)
            holds = contents(alike[0].columns, alike[0].sample)
            numbers = [column for column, held in holds.items() if held in ("number", "epoch")]
            table = self._database.table(alike[0], numbers)
            parts.append(select_lines(alike[0], table, self._known, self._scale, said.where, self._errors))
            parameters.append(paths(alike))
        rows = " UNION ALL ".join(parts)
        self._database.spill_to(self._folder)
        target = self._table.removeprefix("read_parquet(").removesuffix(")")
        self._database.run(f"COPY ({rows}) TO {target} (FORMAT parquet)", parameters, self._inputs)
        ((first, last, lost),) = self._database.run(
            f"SELECT min(t) FILTER (t <> {NO_TIME}), max(t), count(*) FILTER (t = {NO_TIME}) FROM {self._table}"  # noqa: S608
        ).fetchall()
        if first is None:
            why = f"no line with a time ({lost:,} without)" if lost else "no lines"
            raise NoSuchStore(f"{self.name} has {why}: name another column with --field time=NAME, or another file")
        self._ends = (first, last, lost)


def _layout(file: Input) -> str:
    return repr(file.layout)


def _fields() -> str:
    return f"t, ms, {', '.join(_TEXTS)}"


def _line(row: Sequence[Any]) -> Line:
    time, milliseconds, *texts = row
    return Line(time, float("nan") if milliseconds is None else milliseconds, *texts)


def _spread(count: int, mean: float | None, percents: Sequence[float] | None, most: float | None) -> Spread:
    if not count or mean is None or percents is None or most is None:
        return Spread(0)
    return Spread(count, mean, *percents, most)  # type: ignore[call-arg]  # as many as there are PERCENTS
