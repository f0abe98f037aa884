"""Which incidents a policy finds, by size and length, and the smallest one of each series."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from analyzer.report.columns import COUNT, NUMBER, TEXT, Column, CsvTable, optional
from analyzer.tuning.score import Score
from traffic.model import Label
from traffic.text import length, visible

SHOWN = 8
_SIZES = (1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 100.0)
_LENGTHS = (0, 600, 1800, 7200, 28800)
"""Borders of classes, used if there are too many different sizes or lengths to list each."""


@dataclass(frozen=True)
class SeriesFound:
    """What was found in a series: a row of smallest.csv."""

    key: str
    incidents: int
    found: int
    smallest: float | None
    """Size of the smallest incident that was found; None if none was."""
    missed: float | None
    """Size of the largest incident that was missed; None if all were found."""


SMALLEST: CsvTable[SeriesFound] = CsvTable(
    "smallest.csv",
    (
        Column("key", TEXT, lambda row: row.key, "", "the series"),
        Column("incidents", COUNT, lambda row: row.incidents, "", "rises of known size"),
        Column("found", COUNT, lambda row: row.found, "", "how many of them were found"),
        Column("smallest_found", optional(NUMBER), lambda row: row.smallest, "", "size, in times of the usual"),
        Column("largest_missed", optional(NUMBER), lambda row: row.missed, "", "size, in times of the usual"),
    ),
)


@dataclass(frozen=True)
class Sizes:
    """What one policy finds, by size and length."""

    sizes: tuple[str, ...]
    lengths: tuple[str, ...]
    cells: tuple[tuple[tuple[int, int], ...], ...]
    """For each size, by length: incidents found, and all incidents."""
    series: tuple[SeriesFound, ...]
    """Series in which only large incidents are found come first."""


def sizes_of(score: Score, labels: Sequence[Label]) -> Sizes | None:
    """What was found by size and length; None if no rise among the incidents has a known size."""
    told = score.found | score.missed
    known = [one for one in labels if one.id in told and math.isfinite(one.factor) and one.factor > 1]
    if not known:
        return None
    size_names, size_of = _classes([one.factor for one in known], _SIZES, lambda size: f"x{size:g}")
    spans = [float(one.end - one.start) for one in known]
    length_names, length_of = _classes(spans, _LENGTHS, length)
    cells = [[[0, 0] for _ in length_names] for _ in size_names]
    for one, row, column in zip(known, size_of, length_of, strict=True):
        cells[row][column][0] += one.id in score.found
        cells[row][column][1] += 1
    return Sizes(
        tuple(size_names),
        tuple(length_names),
        tuple(tuple((found, there) for found, there in row) for row in cells),
        tuple(_series(known, score)),
    )


def _classes(values: Sequence[float], borders: Sequence[float], name: Any) -> tuple[list[str], list[int]]:
    """Names of classes, and the class of each value: the values themselves if they are few, else between borders."""
    own = sorted(set(values))
    if len(own) <= SHOWN:
        return [name(value) for value in own], [own.index(value) for value in values]
    place = [max(at for at, border in enumerate(borders) if border <= value) for value in values]
    there = sorted(set(place))
    names = [
        f"{name(borders[at])} to {name(borders[at + 1])}" if at + 1 < len(borders) else f"{name(borders[at])} and more"
        for at in there
    ]
    return names, [there.index(at) for at in place]


def _series(known: Sequence[Label], score: Score) -> list[SeriesFound]:
    found = []
    for key in sorted({one.key for one in known}):
        own = [one for one in known if one.key == key]
        hits = [one.factor for one in own if one.id in score.found]
        misses = [one.factor for one in own if one.id not in score.found]
        found.append(SeriesFound(key, len(own), len(hits), min(hits, default=None), max(misses, default=None)))
    return sorted(found, key=lambda row: (-(row.smallest or math.inf), row.key))


def lines(sizes: Sizes, what: str) -> Iterator[str]:
    """For a person."""
    yield f"Found by size (times the usual) and length: {what}"
    table = [["", *sizes.lengths, "all"]]
    for name, row in zip(sizes.sizes, sizes.cells, strict=True):
        whole = (sum(found for found, _ in row), sum(there for _, there in row))
        table.append([name, *(f"{found}/{there}" if there else "-" for found, there in (*row, whole))])
    wide = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for cells_of in table:
        cells = (f"{cell:>{room}}" for cell, room in zip(cells_of[1:], wide[1:], strict=True))
        yield f"  {cells_of[0]:<{wide[0]}}  {'  '.join(cells)}".rstrip()
    yield "Smallest incident found, by series:"
    for one in sizes.series[:SHOWN]:
        least = "none" if one.smallest is None else f"x{one.smallest:g}"
        yield f"  {visible(one.key)}  {least}  ({one.found} of {one.incidents})"
    if len(sizes.series) > SHOWN:
        yield f"  ... and {len(sizes.series) - SHOWN:,} more in {SMALLEST.file}"


def document(sizes: Sizes) -> dict[str, Any]:
    """As values for `json.dumps`."""
    return {
        "by_size": [
            {"size": size, "length": long, "found": found, "incidents": there}
            for size, row in zip(sizes.sizes, sizes.cells, strict=True)
            for long, (found, there) in zip(sizes.lengths, row, strict=True)
            if there
        ],
        "by_series": [SMALLEST.document(row) for row in sizes.series],
    }
