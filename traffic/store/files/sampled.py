"""A table as far as it was looked at, before anything of it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from traffic.store.files.cells import Holds, held_by
from traffic.store.files.layout import Row
from traffic.store.files.numerals import Numbers, is_blank


@dataclass(frozen=True)
class Sampled:
    """A table as far as it was looked at."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    whole: bool
    """Whether these are all rows."""
    numbers: Numbers | None = None
    files: int = 1
    objects: bool = False
    """Whether the rows are JSON objects."""

    def cells(self, column: str) -> list[str]:
        """What is there in a column."""
        place = self.columns.index(column)
        return [cell.strip() for row in self.rows if (cell := row[place]) is not None and not is_blank(cell)]

    def holds(self) -> dict[str, Holds]:
        """What each column holds."""
        return {column: held_by(self.cells(column), self.numbers) for column in self.columns}


def contents(columns: Sequence[str], sample: Sequence[Row], numbers: Numbers | None = None) -> dict[str, Holds]:
    """What each column holds; of columns with one name the first."""
    found: dict[str, Holds] = {}
    for place, column in enumerate(columns):
        found.setdefault(column, held_by([row[place] for row in sample], numbers))
    return found
