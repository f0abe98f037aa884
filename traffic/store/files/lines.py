"""Files of log lines, summed up by DuckDB (`traffic.access_log.AccessLog`)."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from math import nan
from typing import Any

import numpy as np

from traffic.access_log import PERCENTS, Count, Fences, Line, LogColumns, Spread, Top, Traffic, percentiles
from traffic.model import HOUR, Grid, Ints, Window
from traffic.store.columns import Columns
from traffic.store.files.database import Database
from traffic.store.files.inputs import STDIN, STDIN_SHOWN, find_files, shown, spool
from traffic.store.files.log import LaidLog, Said
from traffic.store.log_fields import NO_ERRORS, roles

_TEXTS = ("service", "endpoint", "method", "status", "level", "address")
_NEWEST = f"ORDER BY t DESC, {', '.join(_TEXTS)}, ms"


class FilesLog:
    """Log files of any format that is known. They are parsed once, into a packed temporary table."""

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
        self.name = STDIN_SHOWN if pattern == STDIN else shown(pattern)
        self._piped = spool()[0] if pattern == STDIN else None
        if self._piped:
            weakref.finalize(self, self._piped.close)
        files = [self._piped.name] if self._piped else find_files(pattern)
        database = Database(self.name, Columns(where=said.where, errors=said.errors, zone=said.zone))
        spoken = Said(
            said.named,
            errors=said.errors,
            where=said.where,
            scale=said.scale,
            skip_bad_lines=said.skip_bad_lines,
            raw_paths=said.raw_paths,
            zone=said.zone,
        )
        self._laid = LaidLog(self.name, files, spoken, database, STDIN_SHOWN if self._piped else None)
        self._errors = self._laid.told is not None
        self._wrong: int | None = None
        self._known = self._laid.known

    @property
    def errors_told(self) -> str | None:
        """How errors are told."""
        return self._laid.told

    def notes(self) -> list[str]:
        """How the lines are read."""
        return list(self._laid.notes)

    @property
    def roles(self) -> Mapping[str, str]:
        """Role -> column, of those that the files have."""
        return roles(self._known)

    def extent(self) -> Window:
        """From the first line to a second after the last."""
        first, last = self._laid.ends
        return Window(int(first), int(last) + 1)

    def traffic(self, window: Window) -> Traffic:
        """Lines per hour; hours without any are 0."""
        grid = Grid.over(window, HOUR)
        requests, errors, sent = (np.zeros(grid.count, dtype=np.int64) for _ in range(3))
        p95 = np.full(grid.count, np.nan)
        what = "floor(t / 3600) * 3600 AS hour, count(*), sum(error), quantile_cont(ms, 0.95), sum(bytes)"
        for hour, count, wrong, slow, amount in self._ask(f"SELECT {what} FROM lines GROUP BY hour", window):  # noqa: S608
            place = grid.index(int(hour))
            requests[place], errors[place], sent[place] = count, wrong, amount or 0
            p95[place] = np.nan if slow is None else slow
        self._wrong = int(errors.sum()) if self._errors and requests.any() else None
        return Traffic(
            grid,
            requests,
            errors if self._errors else None,
            p95 if self._known.latency else None,
            sent if self._known.bytes else None,
        )

    def top(self, role: str, window: Window, most: int, status: str | None = None) -> Top:
        """Exact."""
        self.roles[role]
        only = "" if status is None else "AND status = ?"
        said = [] if status is None else [status]
        rows = self._ask(
            f"SELECT {role}, count(*) AS n, sum(error), sum(bytes) FROM lines WHERE {role} <> '' {only} "  # noqa: S608
            f"GROUP BY {role} ORDER BY n DESC, {role} LIMIT {int(most)}",
            window,
            *said,
        )
        counted = f"SELECT count(*), count(*) FILTER ({role} <> '') FROM lines WHERE TRUE {only}"  # noqa: S608
        ((every, there),) = self._ask(counted, window, *said)
        counts = tuple(
            Count(
                str(value),
                count,
                int(wrong) if self._errors else None,
                int(sent or 0) if self._known.bytes else None,
            )
            for value, count, wrong, sent in rows
        )
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
        """Which lines were left out and why, and what was not understood."""
        none = [NO_ERRORS] if self._wrong == 0 else []
        return [*self._laid.account.remarks(), *self._laid.remarks, *self._laid.folding, *none]

    def _ask(self, sql: str, window: Window, *parameters: object) -> list[Any]:
        """Rows of a query on `lines`: those in the window."""
        return self._laid.ask(sql.replace("FROM lines", f"FROM {_within(window)}"), *parameters)


def _within(window: Window) -> str:
    return f"(SELECT * FROM lines WHERE t >= {window.start} AND t < {window.end}) AS lines"  # noqa: S608


def _fields() -> str:
    return f"t, ms, {', '.join(_TEXTS)}"


def _line(row: Sequence[Any]) -> Line:
    time, milliseconds, *texts = row
    return Line(time, nan if milliseconds is None else milliseconds, **dict(zip(_TEXTS, texts, strict=True)))


def _spread(count: int, mean: float | None, percents: Sequence[float] | None, most: float | None) -> Spread:
    if not count or mean is None or percents is None or most is None:
        return Spread(0)
    return Spread(count, mean, **percentiles(percents), most=most)
