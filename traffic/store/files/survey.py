"""All files of a store looked at together, before any of them is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO

from traffic.store.base import NoSuchStore
from traffic.store.files.documents import rewritten
from traffic.store.files.inputs import series_names
from traffic.store.files.layout import Row
from traffic.store.files.look import Hints, Input, look_at
from traffic.store.files.numerals import Numbers, numbers_of
from traffic.store.files.objects import leaves_of
from traffic.store.files.sampled import Sampled
from traffic.store.files.unfinished import may_be_cut, never_closed, without_rest

_PLACES = 64
"""That are looked at in all files together, beside how each begins."""
_LEAST, _BLOCKS = 2, 16


@dataclass(frozen=True)
class Survey:
    """What was seen."""

    inputs: tuple[Input, ...]
    table: Sampled
    """Rows of all files that have the columns of the first."""
    empty: tuple[str, ...] = ()
    """Files that hold nothing."""
    kept: tuple[IO[bytes], ...] = ()
    """Temporary files, that go when they are closed."""


def survey(
    paths: Sequence[str],
    wanted: Sequence[str],
    hints: Hints,
    sample: Callable[[Input], Input],
    names: Mapping[str, str],
) -> Survey:
    """Look at the files.

    Args:
        paths: of the files.
        wanted: columns that a person named.
        hints: what a person said of how they are written.
        sample: fills in the columns of a file that speaks for itself (Parquet).
        names: of those that are called otherwise in messages than by their paths.

    Raises:
        NoSuchStore: all are empty.
        UsageFailure: one is packed or encoded in a way that is not read.
        DamagedStore: one is neither text nor Parquet.
        StorageFailure: one cannot be read.
    """
    hints = replace(hints, blocks=max(_LEAST, min(_BLOCKS, _PLACES // len(paths))))
    found: list[Input] = []
    empty: list[str] = []
    kept: list[IO[bytes]] = []
    for path in paths:
        name = names.get(path, path)
        try:
            document = rewritten(path, name)
            if document is not None:
                kept.append(document.copy)
            file = look_at(document.copy.name if document else path, wanted, name, hints)
            file = replace(file, told=document.told if document else "")
        except NoSuchStore:
            if len(paths) == 1:
                raise
            empty.append(name)
            continue
        if document is None and (whole := may_be_cut(file)) is not None:
            rest = without_rest(file, whole)
            if rest is not None:
                kept.append(rest)
                file = look_at(rest.name, wanted, name, hints)
            file = replace(file, cut="read" if rest is None else "left out")
        if document is None and never_closed(file):
            file = replace(file, told="has a list that is never closed, so rows may be missing: get it again")
        found.append(sample(file) if file.kind == "parquet" else file)
    if not found:
        raise NoSuchStore(f"{paths[0]} and the {len(paths) - 1} other files are all empty")
    series = series_names([file.name for file in found])
    several = len(set(series)) > 1
    inputs = [replace(file, series=own, several=several) for file, own in zip(found, series, strict=True)]
    inputs = _one_way_of_numbers(together(inputs), hints)
    return Survey(tuple(inputs), table_of(inputs), tuple(empty), tuple(kept))


def together(inputs: Sequence[Input]) -> list[Input]:
    """The same, with one set of columns for all JSON files: a member may come in a later one only."""
    files = [file for file in inputs if file.kind == "json"]
    if len({file.paths for file in files}) < 2:
        return list(inputs)
    paths = leaves_of(path for file in files for path in file.paths)
    return [_with_paths(file, paths) if file.kind == "json" else file for file in inputs]


def _one_way_of_numbers(inputs: Sequence[Input], hints: Hints) -> list[Input]:
    """The same, with numbers written alike in all files of the same columns: 1.500 is told by what stands elsewhere."""
    ways: dict[tuple[str, ...], Numbers | None] = {}
    for file in inputs:
        if file.kind == "csv" and len(inputs) > 1 and file.columns not in ways:
            rows = [row for other in inputs if other.columns == file.columns for row in other.sample]
            cells = [[cell.strip() for cell in column if cell and cell.strip()] for column in zip(*rows, strict=True)]
            ways[file.columns] = numbers_of(cells, hints.decimal)
    return [replace(file, numbers=ways.get(file.columns, file.numbers)) for file in inputs]


def with_members(inputs: Sequence[Input], paths: Sequence[tuple[str, ...]], rows: Sequence[Row]) -> list[Input]:
    """The same, with all members that a look at every line has found, and rows that have the late ones.

    Args:
        inputs: the files.
        paths: of all members.
        rows: of these members, as texts.
    """
    found = [_with_paths(file, tuple(paths)) if file.kind == "json" else file for file in inputs]
    first = next(place for place, file in enumerate(found) if file.kind == "json")
    found[first] = replace(found[first], sample=(*found[first].sample, *rows))
    return found


def table_of(inputs: Sequence[Input]) -> Sampled:
    """What columns are guessed from: the rows of all files that have the columns of the first."""
    first = inputs[0]
    alike = [file for file in inputs if file.columns == first.columns]
    rows = tuple(row for file in alike for row in file.sample)
    numbers = next((file.numbers for file in alike if file.numbers is not None), None)
    whole = all(file.whole for file in inputs)
    return Sampled(first.name, first.columns, rows, whole, numbers, len(inputs), objects=first.kind == "json")


def _with_paths(file: Input, paths: tuple[tuple[str, ...], ...]) -> Input:
    place = {path: index for index, path in enumerate(file.paths)}
    rows = tuple(tuple(row[place[path]] if path in place else None for path in paths) for row in file.sample)
    return replace(file, paths=paths, columns=tuple(".".join(path) for path in paths), sample=rows)
