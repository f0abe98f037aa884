"""What tells series apart beside the key: columns in which rows differ that would become one series."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from traffic.errors import UsageFailure
from traffic.model import Floats, Ints
from traffic.store.columns import Columns
from traffic.store.files.cells import Holds
from traffic.store.files.evidence import directions
from traffic.store.files.layout import Row
from traffic.store.files.look import listed
from traffic.store.files.naming import columns_in, joined, plain
from traffic.store.files.numerals import measures
from traffic.store.files.sampled import Sampled
from traffic.store.files.step import own_step

_OFTENER = 1.5
"""How many times as far apart the rows of one value have to be as those of all values of a column together."""
_NEARLY_ALL = 0.8
_FEWEST = 3
_PARTS = ("quantile", "percentile", "le")
_MOST = 400
"""Series of which it is looked how far apart their rows are."""


def refuse_rivals(table: Sampled, holds: dict[str, Holds], found: Columns, said: Columns) -> None:
    """Stop where rows of one series at one time differ in a column that may tell the series apart, and do not add up.

    Raises:
        UsageFailure: they do.
    """
    if found.statistic != "avg" or said.statistic is not None or said.key is not None or found.time is None:
        return
    rivals, most = rivals_of(table, holds, found)
    if rivals:
        raise UsageFailure(not_told_apart(table.name, found.key, rivals, most))


def refuse_labels(table: Sampled, found: Columns) -> None:
    """Stop where columns were taken for series, and one of them only tells the rows of a time apart.

    Raises:
        UsageFailure: it holds the same values at nearly every time, each of them once.
    """
    times = [table.columns.index(column) for column in columns_in(found.time, table.columns)]
    groups: dict[tuple[str | None, ...], list[Row]] = defaultdict(list)
    for row in table.rows:
        groups[tuple(row[place] for place in times)].append(row)
    several = [rows for rows in groups.values() if len(rows) > 1]
    if len(several) < _FEWEST or 2 * len(several) < len(groups):
        return
    labels = []
    for place, column in enumerate(table.columns):
        values = [frozenset(row[place] for row in rows) for rows in several]
        _, often = Counter(values).most_common(1)[0]
        once = all(len(one) == len(rows) for one, rows in zip(values, several, strict=True))
        if place not in times and once and often >= _NEARLY_ALL * len(several):
            labels.append(column)
    if labels:
        raise UsageFailure(not_told_apart(table.name, None, labels, max(map(len, several))))


def not_told_apart(name: str, key: str | None, rivals: Sequence[str], most: int) -> str:
    """The line for rows of one series at one time that would be averaged away."""
    all_of = joined([*([key] if key else []), *rivals[:1]])
    of = f"one {key}" if key else "the file"
    alone = f" or --key {rivals[0]}" if key else ""
    return (
        f"{name}: up to {most:,} rows of {of} have the same time and differ in {listed(rivals)}: use --key {all_of}"
        f"{alone} to make each a series, --statistic sum to add them up, or --statistic avg for their mean"
    )


def rivals_of(table: Sampled, holds: dict[str, Holds], found: Columns) -> tuple[list[str], int]:
    """Columns in which rows of one series at one time differ, and how many such rows there are at most."""
    named = [*columns_in(found.time, table.columns), *columns_in(found.key, table.columns)]
    places = [table.columns.index(column) for column in named]
    groups: dict[tuple[str | None, ...], list[Row]] = defaultdict(list)
    for row in table.rows:
        groups[tuple(row[place] for place in places)].append(row)
    several = [rows for rows in groups.values() if len(rows) > 1]
    if not several:
        return [], 1
    able = [c for c in table.columns if holds[c] in ("text", "number") and c not in named and c != found.value]
    rivals = []
    for column in able:
        place = table.columns.index(column)
        differ = sum(len({row[place] for row in rows}) > 1 for rows in several)
        # A second measure differs too, but its values do not recur.
        again = holds[column] == "text" or _codes(column, table.cells(column))
        if again and 2 * differ > len(several):
            rivals.append(column)
    return rivals, max(map(len, several))


def _codes(column: str, cells: Sequence[str]) -> bool:
    """Whether numbers are names: whole and few of them, or bounds of parts of a distribution."""
    if plain(column) in _PARTS:
        return True
    counts = Counter(cells)
    return all(cell.isdigit() for cell in counts) and len(counts) <= max(2, len(cells) // 3)


def able_to_tell(table: Sampled, holds: dict[str, Holds], found: Columns) -> list[str]:
    """Columns that are not read and may tell series apart: texts, and numbers that come back."""
    named = {*columns_in(found.time, table.columns), *columns_in(found.key, table.columns), found.value}
    return [
        column
        for column in table.columns
        if column not in named
        and (holds[column] == "text" or (holds[column] == "number" and _codes(column, table.cells(column))))
        and len(set(table.cells(column))) > 1
        and not measures(table.cells(column))
    ]


@dataclass(frozen=True)
class FirstRows:
    """The first rows with what else stands in them, shape (n,) each."""

    row: Ints
    """Which series."""
    time: Ints
    """Epoch seconds."""
    value: Floats
    """NaN where there is none."""
    others: dict[str, Ints]
    """Column -> which of its values."""


def staggered(head: FirstRows) -> list[str]:
    """Columns whose values take turns within a series: each comes with a beat of its own, so each is a series."""
    return [column for column, codes in head.others.items() if _takes_turns(head.row, head.time, codes)]


def counters_within(head: FirstRows) -> list[str]:
    """Columns for each value of which the values of a series only grow, while those of the series do not."""
    found = []
    for column, codes in head.others.items():
        there = np.isfinite(head.value)
        inner = _pairs(head.row, codes)
        several = len(np.unique(inner)) > len(np.unique(head.row))
        if several and directions(inner[there], head.time[there], head.value[there]).only_grow:
            found.append(column)
    return found


def grown(name: str, used: Columns, column: str) -> str:
    """The line for counters of several series that would become one."""
    key = ",".join(filter(None, (used.key, column)))
    return (
        f"{name}: the values of {used.value} only grow within each {column}, as counters do: use --key {key} to read "
        f"each as one, or --statistic {used.how} to use the values as they are"
    )


def taken(name: str, used: Columns, column: str) -> str:
    """The line for series that take turns and would be averaged."""
    key = ",".join(filter(None, (used.key, column)))
    return (
        f"{name}: the values of {column} alternate in the rows of one {used.key or 'file'}: use --key {key} to make "
        "each a series, --statistic sum to add them up, or --statistic avg for their mean"
    )


def _takes_turns(row: Ints, time: Ints, codes: Ints) -> bool:
    inner = _pairs(row, codes)
    chosen = np.unique(inner)[:_MOST]
    oftener, beats = [], []
    for one in chosen:
        of_inner = inner == one
        own = np.sort(time[of_inner])
        all_of = np.sort(time[row == row[of_inner][0]])
        if len(own) < _FEWEST or len(all_of) == len(own):
            continue
        gap, of_all = np.median(np.diff(own)), np.median(np.diff(all_of))
        oftener.append(of_all > 0 and gap >= _OFTENER * of_all)
        beats.append(own_step(np.zeros(len(own), dtype=np.int64), own) is not None or len(own) <= 2 * _FEWEST)
    return bool(oftener) and min(np.mean(oftener), np.mean(beats)) >= _NEARLY_ALL


def _pairs(row: Ints, codes: Ints) -> Ints:
    """A number for each pair of a series and a value."""
    return np.unique(row * (int(codes.max()) + 1) + codes, return_inverse=True)[1] if len(row) else row
