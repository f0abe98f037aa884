"""Which of the lines above the rows of a table is its header, and where the rows begin: told from the rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from traffic.store.files.cells import TIMELY, held_by
from traffic.store.files.numerals import NUMBER, UNIT_WORD, is_blank

_LAST = 100
"""Rows from which it is told what the columns hold."""
_NEARLY = 0.9
_CALLED_TIME = re.compile(r"time|date|stamp|zeit|datum|hora|fecha|heure", re.IGNORECASE)


def find_header(records: Sequence[Sequence[str]]) -> tuple[int, int, list[str]]:
    """Index of the header, index of the first row, and the names of the columns."""
    there = [index for index, row in enumerate(records) if row and not _rule(row)]
    if len(there) < 2:
        first = there[0] if there else 0
        return first, len(records), _stripped(records[first]) if records else []
    width = Counter(len(records[index]) for index in there[len(there) // 2 :]).most_common(1)[0][0]
    wide = [index for index in there if len(records[index]) == width]
    # In a short file, half of the lines may be text above the table.
    last = [records[index] for index in wide[-max(1, min(len(wide) - 1, len(there) // 2, _LAST)) :]]
    body = [row for row in last if not _units(row) and not row[0].startswith("#")]
    kinds = [_mostly([row[column] for row in body]) for column in range(width)]
    timely = [column for column, kind in enumerate(kinds) if kind in TIMELY]
    plain = there[0], there[1], _stripped(records[there[0]])
    if width < 2 or not wide or not timely:
        return plain
    first = next((index for index in wide if _is_row(records[index], {c: kinds[c] for c in timely})), wide[-1])
    above = [index for index in wide if index < first]
    if not above:
        return plain
    # Lines below the header that are not rows of the table are reported when they are read.
    first = min([first, *(index for index in there if index > above[-1] and not records[index][0].startswith("#"))])
    names = _stripped(records[above[-1]])
    if len(above) > 1:
        if _is_numbers(names, timely[0]) and (better := _last_names(records, above)) is not None:
            return better, first, _stripped(records[better])
        # The line right above the rows may contain units or types for the names in the line above it.
        upper = _stripped(records[above[-2]])
        several, distinct = len(set(names)) < len(names), len(set(upper)) == len(upper) and all(upper)
        if _units(names) or (distinct and several):
            return above[-2], first, upper
        both = [" ".join(filter(None, pair)) for pair in zip(upper, names, strict=True)]
        if several and len(set(both)) == len(both):
            return above[-2], first, both
        if several and (better := _last_names(records, above)) is not None:
            return better, first, _stripped(records[better])
    return above[-1], first, names


def _is_numbers(names: Sequence[str], time: int) -> bool:
    """Whether a line above rows is one of numbers, such as periods, and names nothing."""
    others = [name for place, name in enumerate(names) if place != time]
    return all(map(NUMBER.fullmatch, others)) and not _CALLED_TIME.search(names[time])


def _last_names(records: Sequence[Sequence[str]], above: Sequence[int]) -> int | None:
    """The lowest of some lines in which each cell is a name of its own."""
    for index in reversed(above):
        cells = _stripped(records[index])
        if all(cells) and len(set(cells)) == len(cells) and not any(map(NUMBER.fullmatch, cells)):
            return index
    return None


def _stripped(row: Sequence[str]) -> list[str]:
    return [cell.strip() for cell in row]


def _rule(row: Sequence[str]) -> bool:
    """Whether a record is a line of a drawn table."""
    cells = "".join(row)
    return len(cells) > 2 and not cells.strip("-=+: |")


def _mostly(cells: Sequence[str]) -> str:
    """What nearly all of these cells hold: among the rows of a file a header may come again."""
    kinds = Counter(held_by([cell]) for cell in cells if not is_blank(cell))
    kind, often = kinds.most_common(1)[0] if kinds else ("nothing", 0)
    return kind if often >= _NEARLY * sum(kinds.values()) else "text"


def _is_row(row: Sequence[str], timely: Mapping[int, str]) -> bool:
    """Whether a record has times where the rows of the table have them."""
    found = [held_by([row[column]]) for column in timely]
    return not row[0].startswith("#") and any(one in TIMELY for one in found) and "text" not in found


def _units(row: Sequence[str]) -> bool:
    cells = [cell.strip() for cell in row if not is_blank(cell)]
    return bool(cells) and all(UNIT_WORD.fullmatch(cell) for cell in cells)
