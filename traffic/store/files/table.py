"""How a table is seen by the database: what its columns are called there, of which types they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from traffic.store.files.numerals import BLANK, PLAIN, Numbers

ISO = "ISO 8601"
"""The type of a column of texts that are all times, and name zones by offsets only."""
FILE = "sl_file"
"""What the path of the file that a row is of is called in SQL."""
NUMBERS = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*|BOOLEAN")
"""Types of numbers."""


@dataclass(frozen=True)
class Table:
    """Files of one layout, and how to read them. `scan` is a table function with one parameter: the list of files."""

    scan: str
    names: Mapping[str, str]
    """Column -> what it is called in SQL."""
    types: Mapping[str, str]
    """Column -> its type."""
    shown: Mapping[str, str] = field(default_factory=dict)
    """Column -> SQL of what a row filter sees of it, where that is not the column itself."""
    numbers: Numbers = PLAIN
    """How numbers are written in its texts."""


def identifier(name: str) -> str:
    """A name as SQL wants it."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text as SQL wants it."""
    return "'" + value.replace("'", "''") + "'"


def there(cell: str) -> str:
    """SQL of a cell (an expression for text), null where it says nothing."""
    blank = ", ".join(map(text, BLANK))
    return f"CASE WHEN NOT list_contains([{blank}], lower({cell})) THEN {cell} END"
