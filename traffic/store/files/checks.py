"""Guesses checked on all rows, once these were read: what the first rows did not show, and notes for the user."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from traffic.errors import UsageFailure
from traffic.store.columns import Columns
from traffic.store.files.apart import not_told_apart, rivals_of
from traffic.store.files.database import Database, paths
from traffic.store.files.epochs import other_epoch
from traffic.store.files.look import Input, listed
from traffic.store.files.markers import remarks_on
from traffic.store.files.naming import columns_in
from traffic.store.files.overlooked import totals_among
from traffic.store.files.sampled import Sampled, contents
from traffic.store.files.sql import BETWEEN, select_cells
from traffic.store.files.staged import Staged
from traffic.store.files.step import steps_apart
from traffic.store.files.swallowed import refuse_swallowed
from traffic.text import length
from traffic.times import iso

_LOOKED_AT = 200_000
"""Rows of which it is told how far apart those of each file are."""
_OFTEN = 0.01
"""A guess is withdrawn if this share of the times of series has several rows."""
_ONCE = 2.0
"""With fewer rows per series, a column identifies rows instead of series."""
_FEWEST, _SEVERAL, _MOMENT = 100, 20, 0.01
"""Series that come and go: at least so many series, with fewer rows each, over a smaller share of the time."""
_RESETS = 0.02
_MERGED = 0.5
"""A guess is withdrawn if this share of the rows has no key or no time."""


@dataclass(frozen=True)
class Seen:
    """What all rows show."""

    rows: int
    series: int
    repeated: float
    """Share of (series, time) with several rows."""
    most: int
    """Maximum number of rows of one series at one time."""
    times: tuple[int, ...]
    """Some of the times with several rows of one series."""
    resets: int
    """Rows in which a counter fell."""
    lasting: float
    """Median length of the series, as a share of the time of all rows."""
    following: int
    """Number of files that are series, if each begins after the one before it ends; else 0."""
    read: int
    """Rows that were read."""
    keyless: int
    """Of these, rows without a key ..."""
    timeless: int
    """... and without a time."""
    regular: bool
    """Whether the first rows of a series are regular."""

    @classmethod
    def of(cls, rows: Staged, inputs: Sequence[Input], used: Columns, *, regular: bool) -> Seen:
        """From all rows."""
        repeated, most, times = rows.instants.repeated()
        whole = int(rows.last.max()) - int(rows.first.min())
        return cls(
            rows=rows.rows,
            series=len(rows.ids),
            repeated=repeated,
            most=most,
            times=tuple(times),
            resets=rows.resets,
            lasting=float(np.median(rows.last - rows.first)) / whole if whole else 1.0,
            following=_following(inputs, used, rows),
            read=rows.seen,
            keyless=rows.left_out.get("without a key", 0),
            timeless=rows.left_out.get("without a time", 0),
            regular=regular,
        )


def check_all(
    name: str,
    database: Database,
    inputs: Sequence[Input],
    used: Columns,
    said: Columns,
    rows: Staged,
    *,
    regular: bool,
) -> list[str]:
    """Check the guesses, and return notes for a person about the rows.

    Args:
        name: of the store, for messages.
        database: to look rows up.
        inputs: the files.
        used: the columns that are read.
        said: the columns as specified by options.
        rows: all of them.
        regular: whether the first rows of a series are regular.

    Raises:
        UsageFailure: the rows contradict a guess.
    """
    refuse_swallowed(database, inputs)
    _refuse_epoch(name, inputs, used, rows)
    found = _steps(inputs, used, said, rows)
    found += remarks_on(rows.markers, used.value or "the columns")
    found += _contradictions(name, database, inputs, used, said, Seen.of(rows, inputs, used, regular=regular))
    if alike := [key for key in rows.ids if key != key.strip() and key.strip() in rows.ids]:
        found.append(f"{len(alike):,} series differ from others only in blanks, such as {alike[0]!r}")
    if written := _written_otherwise(rows.ids):
        found.append(
            f"{len(written):,} series differ from others only in case or in the decimals of a number, such as "
            f"{written[0]!r}"
        )
    if seen := [key for key in rows.ids if not key.isascii() and _as_seen(key) != key and _as_seen(key) in rows.ids]:
        found.append(f"{len(seen):,} series look like others but are written in other characters, such as {seen[0]!a}")
    if totals := totals_among(list(rows.ids)):
        found.append(f"a series is called {totals[0]}: if it is the sum of the others, exclude it with --exclude")
    return found


def _refuse_epoch(name: str, inputs: Sequence[Input], used: Columns, rows: Staged) -> None:
    """Refuse numbers that lie absurdly far off as seconds since 1970, and do not where they count from elsewhere."""
    if used.time_format is not None or not used.time:
        return
    file = inputs[0]
    if contents(file.columns, file.sample, file.numbers).get(used.time) not in ("epoch", "number"):
        return
    first, last = int(rows.first.min()), int(rows.last.max())
    if (others := other_epoch(first, last)) is not None:
        raise UsageFailure(
            f"{name}: the times in {used.time} are of {iso(first)} if they count from 1970; use --time-format unix if "
            f"that is right. They may be {others}"
        )


def _steps(inputs: Sequence[Input], used: Columns, said: Columns, rows: Staged) -> list[str]:
    """What is said of files that hold one series at several steps, such as hourly and daily sums.

    Raises:
        UsageFailure: their values were taken for amounts, and would be added up.
    """
    if len(inputs) < 2 or (found := steps_apart(*rows.some(_LOOKED_AT))) is None:
        return []
    shown = " and ".join(f"{inputs[number].name} every {length(step)}" for number, step in found)
    line = f"values of the same series and time come in {shown}"
    if used.how == "sum" and said.statistic is None:
        raise UsageFailure(f"{line}: read one of them, for both together count twice")
    return [f"{line}: if they are of the same traffic, read one of them"]


def _written_otherwise(keys: Collection[str]) -> list[str]:
    """Keys that are others but for case, or for the decimals that whole numbers get in a column with gaps."""
    small = [key for key in keys if (lower := key.lower()) != key and lower in keys]
    return small + [key for key in keys if re.fullmatch(r"\d+\.0+", key) and key.partition(".")[0] in keys]


def _as_seen(key: str) -> str:
    """A key in the characters that it looks like: without those of no width, blanks as blanks, letters in one piece."""
    shown = "".join(letter for letter in key if unicodedata.category(letter) != "Cf")
    return unicodedata.normalize("NFKC", shown).strip()


def _contradictions(
    name: str, database: Database, inputs: Sequence[Input], used: Columns, said: Columns, seen: Seen
) -> list[str]:
    if said.key is None and used.key is not None and not used.wide:
        _refuse_identifiers(name, inputs, used, seen)
    _refuse_merged(name, inputs, used, said, seen)
    found = []
    if used.how == "sum" and said.statistic is None and seen.regular and not used.format and seen.repeated:
        of = f"one {used.key}" if used.key else "a series"
        found.append(
            f"up to {seen.most:,} rows of {of} have the same time and are added up: if rows are duplicated, as in "
            "overlapping exports, --statistic avg counts them once"
        )
    if seen.following:
        found.append(
            f"{seen.following:,} files follow each other in time, and each is read as a separate series: give them "
            f"names that differ only in a date{'' if used.wide else ', or use --total,'} to read them as one"
        )
    if used.counter and seen.resets > max(seen.series, _RESETS * seen.rows) and said.counter is None:
        raise UsageFailure(
            f"{name}: {used.value} only grows in the first rows and falls in {seen.resets:,} later ones, so it may "
            "not be a counter: use --statistic avg for the values as they are, or --statistic rate"
        )
    if used.how != "avg" or not seen.repeated:
        return found
    differing, most = _differing(database, inputs, used, seen) if seen.times else ([], seen.most)
    most = max(most, seen.most)
    if said.statistic is None and said.key is None and differing and seen.repeated >= _OFTEN:
        raise UsageFailure(not_told_apart(name, used.key, differing, most))
    of = f"one {used.key}" if used.key else "a series"
    what = f"; they differ in {listed(differing)}" if differing else ""
    way = f": --key {','.join(filter(None, (used.key, *differing[:1])))} makes each a series, " if differing else ": "
    found.append(
        f"up to {most:,} rows of {of} have the same time and are averaged{what}{way}--statistic sum adds them up"
    )
    return found


def _following(inputs: Sequence[Input], used: Columns, rows: Staged) -> int:
    """Number of files that are series and follow each other in time; 0 if they do not."""
    series = {file.series for file in inputs if file.several}
    if used.total or (used.key is not None and not used.wide) or len(series) < 2:
        return 0
    spans: dict[str, list[int]] = {}
    for key, number in rows.ids.items():
        of = key if not used.wide else next((one for one in series if key.startswith(one + BETWEEN)), key)
        first, last = int(rows.first[number]), int(rows.last[number])
        known = spans.setdefault(of, [first, last])
        known[:] = min(known[0], first), max(known[1], last)
    inorder = sorted(spans.values())
    apart = len(inorder) > 1 and all(one[1] < two[0] for one, two in pairwise(inorder))
    return len(inorder) if apart else 0


def _refuse_merged(name: str, inputs: Sequence[Input], used: Columns, said: Columns, seen: Seen) -> None:
    """Refuse a guess that most rows of a CSV have no value for: a spreadsheet writes merged cells only once."""
    if any(file.kind != "csv" for file in inputs):
        return
    for what, guessed, column, rows in (
        ("key", said.key is None, used.key, seen.keyless),
        ("time", said.time is None, used.time, seen.timeless),
    ):
        if guessed and column and rows > 1 and rows >= _MERGED * seen.read:
            raise UsageFailure(
                f"{name}: {rows:,} of {seen.read:,} rows have no {what} ({column}): fill the cells if they were "
                f"merged with the one above, or use --{what} {column} to leave such rows out"
            )


def _refuse_identifiers(name: str, inputs: Sequence[Input], used: Columns, seen: Seen) -> None:
    once = seen.rows < _ONCE * seen.series
    # What exists for a moment and never again is a session, not a series.
    passing = seen.series >= _FEWEST and seen.rows < _SEVERAL * seen.series and seen.lasting < _MOMENT
    if seen.rows < _FEWEST or not (once or (passing and not used.format)):
        return
    often = "nearly one per row" if once else "each of them only for a moment"
    others = [column for column in inputs[0].columns if column not in columns_in(used.key, inputs[0].columns)]
    raise UsageFailure(
        f"{name}: {used.key} names {seen.series:,} series in {seen.rows:,} rows, {often}: use --key with another "
        f"column, or --total; columns: {listed(others)}"
    )


def _differing(database: Database, inputs: Sequence[Input], used: Columns, seen: Seen) -> tuple[list[str], int]:
    """Columns in which rows of one series at one time differ, looked up at some times; and the most such rows."""
    if used.wide:
        return [], seen.most
    rows: list[tuple[str | None, ...]] = []
    columns: list[str] = []
    for file in inputs:
        named = (*columns_in(used.time, file.columns), *columns_in(used.key, file.columns))
        others = [column for column in file.columns if column not in named][:60]
        if columns and others != columns:
            continue
        columns = others
        query = select_cells(database.table(file), file, used, others)
        at = ", ".join(map(str, seen.times))
        sql = f"SELECT CAST(t AS VARCHAR), * EXCLUDE (t, v) FROM ({query}) WHERE t IN ({at}) LIMIT 5000"  # noqa: S608
        rows += database.run(sql, [paths([file])], [file]).fetchall()
        if len(rows) >= 2000:
            break
    table = Sampled("", ("t", "k", *columns), tuple(rows), whole=False)
    return rivals_of(table, table.holds(), Columns(time="t", key="k", value=used.value))
