"""How numbers are written in the cells of a table: with points, commas and blanks in them, and units behind them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

BLANK = ("", "-", "na", "n/a", "nan", "nat", "null", "none")
"""What people write where there is nothing."""

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?inf(?:inity)?", re.IGNORECASE)
"""A number as machines write it."""


_FEWEST_MARKED = 2
"""Cells with three decimals from which on they may be thousands."""


def is_blank(cell: str | None) -> bool:
    """Whether it says nothing."""
    return cell is None or cell.strip().lower() in BLANK


@dataclass(frozen=True)
class Numbers:
    """How a file writes numbers."""

    decimal: Literal[".", ","] = "."
    """What parts the decimals; the other one, blanks and apostrophes part thousands."""
    units: bool = False
    """Whether cells end in a unit with its prefix, as `1.23 Mb/s`."""
    grouped: bool = True
    """Whether thousands may be parted at all."""

    @property
    def pattern(self) -> re.Pattern[str]:
        """What a cell with a number looks like."""
        return _cell_pattern(self.decimal, self.units)

    def sql(self, cell: str) -> str:
        """SQL of the number in a cell (an expression for text); null where it is none."""
        other = "," if self.decimal == "." else "."
        mark = re.escape(self.decimal)
        plain = rf"[-+]?(?:\d+(?:{mark}\d*)?|{mark}\d+)(?:[eE][-+]?\d+)?"
        part = rf"[{re.escape(other)} ''’\x{{A0}}\x{{202F}}]"
        grouped = rf"[-+]?\d{{1,3}}(?:{part}\d{{{_further(other)}}})*{part}\d{{3}}(?:{mark}\d*)?"
        body, factor = f"trim({cell})", "1.0"
        if self.units:
            parts = r"'^([-+0-9.,eE ''’\x{A0}\x{202F}]*\d[.,]?)\s*([^\d\s].*)?$'"
            body = f"trim(regexp_extract({cell}, {parts}, 1))"
            factor = _factor_sql(f"regexp_extract({cell}, {parts}, 2)")
        stripped = f"regexp_replace({body}, '[^-+0-9{self.decimal}]', '', 'g')"
        number = (
            f"CASE WHEN regexp_full_match({body}, '{plain}') THEN TRY_CAST(replace({body}, ',', '.') AS DOUBLE) "
            f"WHEN regexp_full_match({body}, '{grouped}') THEN TRY_CAST(replace({stripped}, ',', '.') AS DOUBLE) END"
        )
        return f"({number}) * {factor}" if self.units else f"({number})"


_MARKS: tuple[Literal[".", ","], ...] = (".", ",")
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_MEASURE = re.compile(r"[-+]?\d+(?:[.,]\d+)*\s*([^\d\s.,:/_-]\D*)")
PLAIN = Numbers(grouped=False)
"""As machines write them."""

_PREFIXES = {
    "": 1.0,
    "k": 1e3,
    "K": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "m": 1e-3,
    "µ": 1e-6,
    "u": 1e-6,
    "n": 1e-9,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
}
# The base units that carry a prefix. A bare word (`min`, `pps`, `%`) is a unit of its own, without one.
_BASES = r"(?:b|B|bit|bits|Bit|byte|bytes|Byte|bps|Bps|s|Hz|W|p|pps|pkt|pkts|req|reqs|ops|iops|c)(?:/s|ps|/sec|/min)?"
_WORDS = {"Mil": 1e6, "Bil": 1e9, "Tri": 1e12, "K": 1e3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "%": 1.0, "°C": 1.0}
_UNIT = rf"(?:{'|'.join(map(re.escape, sorted(_WORDS, key=len, reverse=True)))}|(?:[kKMGTPmµun]i?)?{_BASES})"
UNIT_WORD = re.compile(rf"[\[(]?(?:{_UNIT}|pps|count|ms|sec|seconds|UTC|packets(?:/s)?|flows(?:/s)?)[\])]?")
"""A cell that is nothing but a unit: of a row of units below a header."""


def _further(part: str) -> str:
    """How many digits stand between two marks of thousands: in India two, but for the last."""
    return "2,3" if part == "," else "3"


@cache
def _cell_pattern(decimal: str, units: bool) -> re.Pattern[str]:
    other = "," if decimal == "." else "."
    mark, part = re.escape(decimal), rf"[{re.escape(other)} '’\xa0\u202f]"
    number = (
        rf"[-+]?(?:\d{{1,3}}(?:{part}\d{{{_further(other)}}})*{part}\d{{3}}(?:{mark}\d*)?|"
        rf"\d+(?:{mark}\d*)?(?:[eE][-+]?\d+)?|{mark}\d+)"
    )
    return re.compile(number + (rf"(?:\s*{_UNIT})?" if units else ""))


def numbers_of(columns: Iterable[Sequence[str]], decimal: str | None) -> Numbers | None:
    """How numbers are written, where a plain point does not do; None where nothing but plain numbers and texts occurs.

    Args:
        columns: cells of each column that are there.
        decimal: what parts the decimals, where a person said so.
    """
    odd = [cells for cells in columns if cells and not all(NUMBER.fullmatch(cell) for cell in cells)]
    odd = [cells for cells in odd if not all(_ADDRESS.fullmatch(cell) for cell in cells)]
    marks: tuple[Literal[".", ","], ...] = (".", ",") if decimal is None else ("," if decimal == "," else ".",)
    ways = [Numbers(mark, units) for units in (False, True) for mark in marks]
    found = [way for way in ways if any(all(way.pattern.fullmatch(cell) for cell in cells) for cells in odd)]
    if not found:
        return Numbers(marks[0]) if decimal == "," else None
    # A decimal comma in one column decides for all of them.
    decided = [way for way in found if any(_decides(cells, way) for cells in odd)]
    return (decided or found)[0]


def _decides(cells: Sequence[str], way: Numbers) -> bool:
    """Whether the column has numbers that can be read in this way only."""
    other = Numbers("," if way.decimal == "." else ".", way.units)
    return all(way.pattern.fullmatch(cell) for cell in cells) and not all(other.pattern.fullmatch(c) for c in cells)


def ambiguous_thousands(cells: Iterable[str | None]) -> str | None:
    """One of the cells with decimals, where all of these are three digits, as they are where the mark parts thousands.

    None where some are not, or none has any.
    """
    there = [cell.strip() for cell in cells if cell is not None and not is_blank(cell)]
    marked = [cell for cell in there if re.fullmatch(r"[-+]?[1-9]\d{0,2}[.,]\d{3}", cell)]
    every = all(re.fullmatch(r"[-+]?\d{1,3}(?:[.,]\d{3})?", cell) for cell in there)
    return marked[0] if len(marked) >= _FEWEST_MARKED and every else None


def measures(cells: Sequence[str]) -> bool:
    """Whether texts are numbers with a unit, be it one that is not known."""
    units = [match[1] for cell in cells if (match := _MEASURE.fullmatch(cell))]
    return bool(units) and len(units) == len(cells) and len(set(units)) <= 2 < len(set(cells))


def is_measure(cell: str) -> bool:
    """Whether a text is a number with a unit that is known."""
    return any(Numbers(mark, units=True).pattern.fullmatch(cell) for mark in _MARKS)


def _factor_sql(unit: str) -> str:
    """SQL of what a prefix is worth."""
    words = " ".join(f"WHEN '{word}' THEN {factor!r}" for word, factor in _WORDS.items())
    prefixes = " ".join(f"WHEN '{prefix}' THEN {factor!r}" for prefix, factor in _PREFIXES.items())
    prefix = f"regexp_extract({unit}, '^([kKMGTPmµun]i?)?{_BASES}$', 1)"
    known = f"regexp_full_match({unit}, '(?:[kKMGTPmµun]i?)?{_BASES}')"
    return f"CASE {unit} WHEN '' THEN 1.0 {words} ELSE CASE WHEN {known} THEN CASE {prefix} {prefixes} END END END"
