"""How times and numbers are written in the cells of a table: told from a sample, and the SQL that reads them.

A notation is taken for a column only where every cell of the sample has it, and a cell that has another one later
stops the reading: nothing is ever half understood.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo

BLANK = ("", "-", "na", "n/a", "nan", "nat", "null", "none")
"""What people write where there is nothing."""

Holds = Literal["time", "date", "clock", "epoch", "number", "text", "nothing"]

_ISO = re.compile(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}[T ]\d.*")
_DATE = re.compile(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}")
_CLOCK = re.compile(r"(?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?: ?[AaPp][Mm])?")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?inf(?:inity)?", re.IGNORECASE)
# 1995 to 2100, in seconds and in finer units: what a number has to be to be taken for a time.
_SECONDS = (8e8, 4.1e9)


@dataclass(frozen=True)
class Stamp:
    """A way to write times that is not ISO 8601."""

    pattern: re.Pattern[str]
    formats: tuple[str, ...]
    """As DuckDB's strptime wants them; the first that fits is taken."""
    day_only: bool = False


_HMS = r"\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"


def _times(date: str, clocks: Sequence[str] = ("%H:%M:%S.%f", "%H:%M:%S", "%H:%M")) -> tuple[str, ...]:
    return tuple(f"{date} {clock}" for clock in clocks)


_TWELVE = ("%I:%M:%S.%n %p", "%I:%M:%S %p", "%I:%M %p")
# The first row whose pattern every cell has, and whose dates every cell can mean, is the notation of the column.
STAMPS: tuple[Stamp, ...] = (
    Stamp(re.compile(r"(?:19|20)\d{6}"), ("%Y%m%d",), day_only=True),
    Stamp(re.compile(r"(?:19|20)\d{8}"), ("%Y%m%d%H",)),
    Stamp(re.compile(r"(?:19|20)\d{10}"), ("%Y%m%d%H%M",)),
    Stamp(re.compile(r"(?:19|20)\d{12}"), ("%Y%m%d%H%M%S",)),
    Stamp(re.compile(r"(?:19|20)\d{6}[T ]?\d{6}Z?"), ("%Y%m%dT%H%M%SZ", "%Y%m%dT%H%M%S", "%Y%m%d %H%M%S")),
    Stamp(re.compile(r"\d{1,2}\.\d{1,2}\.\d{4}"), ("%d.%m.%Y",), day_only=True),
    Stamp(re.compile(rf"\d{{1,2}}\.\d{{1,2}}\.\d{{4}},? {_HMS}"), (*_times("%d.%m.%Y"), *_times("%d.%m.%Y,"))),
    Stamp(re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d,\d{3}"), ("%Y-%m-%d %H:%M:%S,%g", "%Y-%m-%dT%H:%M:%S,%g")),
    Stamp(re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [-+]\d\d:?\d\d"), ("%Y-%m-%d %H:%M:%S %z",)),
    Stamp(re.compile(rf"\d\d/{_MONTH}/\d{{4}}:\d\d:\d\d:\d\d [-+]\d{{4}}"), ("%d/%b/%Y:%H:%M:%S %z",)),
    Stamp(re.compile(rf"[A-Z][a-z]{{2}}, \d\d? {_MONTH} \d{{4}} {_HMS} [-+]\d{{4}}"), ("%a, %d %b %Y %H:%M:%S %z",)),
    Stamp(re.compile(rf"\d\d?[- ]{_MONTH}[- ]\d{{4}}"), ("%d-%b-%Y", "%d %b %Y"), day_only=True),
    Stamp(re.compile(rf"\d\d?[- ]{_MONTH}[- ]\d{{4}} {_HMS}"), (*_times("%d-%b-%Y"), *_times("%d %b %Y"))),
    Stamp(re.compile(rf"{_MONTH} \d\d?,? \d{{4}},? {_HMS}"), (*_times("%b %d %Y"), *_times("%b %d, %Y"))),
)
# Which of two numbers is the day is told from the sample, or asked.
_SLASHED = re.compile(rf"(\d{{1,2}})([/-])(\d{{1,2}})\2(\d{{4}})(?:,? ({_HMS})(\s?[AaPp][Mm])?)?")

ZONES = (
    *("Europe/London", "Europe/Berlin", "Europe/Helsinki", "Europe/Lisbon", "Europe/Moscow"),
    *("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Halifax"),
    *("Asia/Kolkata", "Asia/Tokyo", "Asia/Hong_Kong", "Australia/Sydney", "Australia/Perth", "Pacific/Auckland"),
)
"""Which zone an abbreviation is likely to be meant of, for advice."""


def is_blank(cell: str | None) -> bool:
    """Whether it says nothing."""
    return cell is None or cell.strip().lower() in BLANK


def held_by(cells: Iterable[str | None], numbers: Numbers | None = None) -> Holds:
    """What a column holds, from some of its cells.

    Args:
        cells: of it.
        numbers: how the file writes numbers.
    """
    there = [cell.strip() for cell in cells if cell is not None and not is_blank(cell)]
    if not there:
        return "nothing"
    if all(_DATE.fullmatch(cell) for cell in there):
        return "date"
    if all(_ISO.fullmatch(cell) or _DATE.fullmatch(cell) for cell in there):
        return "time"
    if all(_CLOCK.fullmatch(cell) for cell in there):
        return "clock"
    if stamp := stamp_of(there):
        return "date" if stamp.day_only else "time"
    if all(_SLASHED.fullmatch(cell) for cell in there):
        return "time" if all(":" in cell for cell in there) else "date"
    if all(_NUMBER.fullmatch(cell) for cell in there):
        return "epoch" if all(_is_epoch(float(cell)) for cell in there) else "number"
    if numbers is not None and all(numbers.pattern.fullmatch(cell) for cell in there):
        return "number"
    return "text"


def stamp_of(cells: Sequence[str]) -> Stamp | None:
    """The notation of `STAMPS` that every one of these cells has; None where there is none."""
    for stamp in STAMPS:
        if cells and all(stamp.pattern.fullmatch(cell) for cell in cells):
            digits = stamp.pattern.pattern.startswith("(?:19|20)")
            # Digits are dates only where each is one, and no number of a plausible size.
            if not digits or all(_parses(cell, stamp.formats) for cell in cells):
                return stamp
    return None


def time_format(cells: Iterable[str | None]) -> tuple[str, ...] | Literal["ambiguous"] | None:
    """The formats of a column of times for strptime; None where it is ISO 8601 or a number.

    `ambiguous`: day and month cannot be told apart.
    """
    there = [cell.strip() for cell in cells if cell is not None and not is_blank(cell)]
    if stamp := stamp_of(there):
        return stamp.formats
    slashed = [_SLASHED.fullmatch(cell) for cell in there]
    if not there or not all(slashed):
        return None
    first, second = (max(int(match[place]) for match in slashed if match) for place in (1, 3))
    if first > 12 and second > 12:
        return None
    if first <= 12 and second <= 12:
        return "ambiguous"
    twelve = any(match[6] for match in slashed if match)
    mark = next(match[2] for match in slashed if match)
    date = f"%d{mark}%m{mark}%Y" if first > 12 else f"%m{mark}%d{mark}%Y"
    if not any(":" in cell for cell in there):
        return (date,)
    comma = "," if any("," in cell for cell in there) else ""
    return _times(date + comma, _TWELVE) if twelve else _times(date + comma)


@dataclass(frozen=True)
class Numbers:
    """How a file writes numbers."""

    decimal: Literal[".", ","] = "."
    """What parts the decimals; the other one, blanks and apostrophes part thousands."""
    units: bool = False
    """Whether cells end in a unit with its prefix, as `1.23 Mb/s`."""

    @property
    def pattern(self) -> re.Pattern[str]:
        """What a cell with a number looks like."""
        return _cell_pattern(self.decimal, self.units)

    def sql(self, cell: str) -> str:
        """SQL of the number in a cell (an expression for text); null where it is none."""
        other = "," if self.decimal == "." else "."
        mark = re.escape(self.decimal)
        plain = rf"[-+]?(?:\d+(?:{mark}\d*)?|{mark}\d+)(?:[eE][-+]?\d+)?"
        grouped = rf"[-+]?\d{{1,3}}(?:[{re.escape(other)} ''’\x{{A0}}\x{{202F}}]\d{{3}})+(?:{mark}\d*)?"
        body, factor = f"trim({cell})", "1.0"
        if self.units:
            parts = r"'^([-+0-9.,eE ''’]*\d[.,]?)\s*([^\d\s].*)?$'"
            body = f"trim(regexp_extract({cell}, {parts}, 1))"
            factor = _factor_sql(f"regexp_extract({cell}, {parts}, 2)")
        stripped = f"regexp_replace({body}, '[^-+0-9{self.decimal}]', '', 'g')"
        number = (
            f"CASE WHEN regexp_full_match({body}, '{plain}') THEN TRY_CAST(replace({body}, ',', '.') AS DOUBLE) "
            f"WHEN regexp_full_match({body}, '{grouped}') THEN TRY_CAST(replace({stripped}, ',', '.') AS DOUBLE) END"
        )
        return f"({number}) * {factor}" if self.units else f"({number})"


PLAIN = Numbers()

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


@cache
def _cell_pattern(decimal: str, units: bool) -> re.Pattern[str]:
    other = "," if decimal == "." else "."
    mark = re.escape(decimal)
    number = (
        rf"[-+]?(?:\d{{1,3}}(?:[{re.escape(other)} '’\xa0\u202f]\d{{3}})+(?:{mark}\d*)?|"
        rf"\d+(?:{mark}\d*)?(?:[eE][-+]?\d+)?|{mark}\d+)"
    )
    return re.compile(number + (rf"(?:\s*{_UNIT})?" if units else ""))


def numbers_of(columns: Iterable[Sequence[str]], decimal: str | None = None) -> Numbers | None:
    """How numbers are written, where a plain point does not do; None where nothing but plain numbers and texts occurs.

    Args:
        columns: cells of each column that are there.
        decimal: what parts the decimals, where a person said so.
    """
    odd = [cells for cells in columns if cells and not all(_NUMBER.fullmatch(cell) for cell in cells)]
    marks: tuple[Literal[".", ","], ...] = (".", ",") if decimal is None else ("," if decimal == "," else ".",)
    ways = [Numbers(mark, units) for units in (False, True) for mark in marks]
    found = [way for way in ways if any(all(way.pattern.fullmatch(cell) for cell in cells) for cells in odd)]
    if not found:
        return Numbers(marks[0]) if decimal == "," else None
    # A number with a comma of decimals in one column decides for all of them.
    decided = [way for way in found if any(_decides(cells, way) for cells in odd)]
    return (decided or found)[0]


def _decides(cells: Sequence[str], way: Numbers) -> bool:
    """Whether the column has numbers that can be read in this way only."""
    other = Numbers("," if way.decimal == "." else ".", way.units)
    return all(way.pattern.fullmatch(cell) for cell in cells) and not all(other.pattern.fullmatch(c) for c in cells)


def ambiguous_thousands(cells: Iterable[str | None]) -> bool:
    """Whether all decimals are three digits, as they are where the mark parts thousands."""
    there = [cell.strip() for cell in cells if cell is not None and not is_blank(cell)]
    marked = [cell for cell in there if re.fullmatch(r"[-+]?[1-9]\d{0,2}[.,]\d{3}", cell)]
    return len(marked) >= 3 and all(re.fullmatch(r"[-+]?\d{1,3}(?:[.,]\d{3})?", cell) for cell in there)


def few_digits(cells: Iterable[str | None]) -> bool:
    """Whether times since 1970 are written with six digits or fewer and an exponent, as %g does."""
    there = [cell.strip() for cell in cells if cell is not None and not is_blank(cell)]
    return bool(there) and all(re.fullmatch(r"\d\.?\d{0,6}[eE]\+?0?9", cell) for cell in there)


def zone_names(zone: str) -> dict[str, str]:
    """The abbreviations of a zone, each with the offset that it stands for, as `+01:00`."""
    place = ZoneInfo(zone)
    found: dict[str, str] = {}
    for month in range(12 * 30):
        time = datetime(2005 + month // 12, month % 12 + 1, 15, 12, tzinfo=place)
        name, offset = time.tzname(), time.utcoffset()
        if name and name.isalpha() and offset is not None:
            sign, minutes = ("-" if offset < timedelta() else "+"), abs(offset) // timedelta(minutes=1)
            found[name] = f"{sign}{minutes // 60:02}:{minutes % 60:02}"
    return found


def zone_meant(abbreviation: str) -> str | None:
    """The zone that an abbreviation most likely speaks of."""
    return next((zone for zone in ZONES if abbreviation in zone_names(zone)), None)


def zone_advice(cell: str) -> str | None:
    """What to do about a time that names its zone by an abbreviation; None where it does not."""
    named = re.fullmatch(r"\d.*\d\s*([A-Za-z]{2,5})", cell.strip())
    if not named or named[1].upper() in ("AM", "PM"):
        return None
    zone = zone_meant(named[1].upper())
    say = f"say --timezone-of-data {zone} if that is meant" if zone else "say which zone with --timezone-of-data"
    return f"{named[1]} can mean several zones: {say}, or write offsets"


def iso_sql(cell: str, zone: str) -> str:
    """SQL of the moment that an ISO 8601 text means; null where it is none, or names a zone by an abbreviation.

    Abbreviations mean several zones each, and a database picks one without a word: BST is Bangladesh. Those of the
    zone that a person named are read; UTC and GMT always are.
    """
    last = f"right({cell}, 1)"
    known = {"UTC": "+00:00", "GMT": "+00:00", "Z": "+00:00"}
    if zone != "UTC":
        known |= zone_names(zone)
    cases = " ".join(
        f"WHEN '{name}' THEN regexp_replace({cell}, '\\s*[A-Za-z]+$', '') || '{offset}'"
        for name, offset in known.items()
    )
    named = f"CASE upper(regexp_extract({cell}, '([A-Za-z]+)$', 1)) {cases} END"
    return f"TRY_CAST(CASE WHEN {last} <= '9' OR {last} = 'Z' THEN {cell} ELSE {named} END AS TIMESTAMPTZ)"


def formatted_sql(cell: str, formats: Sequence[str]) -> str:
    """SQL of the moment that a text in one of these formats means."""
    quoted = ", ".join("'" + one.replace("'", "''") + "'" for one in formats)
    zoned = [one for one in formats if "%z" in one or "%Z" in one]
    if zoned and len(zoned) < len(formats):
        return f"coalesce({', '.join(formatted_sql(cell, (one,)) for one in formats)})"
    return f"CAST(try_strptime({cell}, [{quoted}]) AS TIMESTAMPTZ)"


def _factor_sql(unit: str) -> str:
    """SQL of what a prefix is worth."""
    words = " ".join(f"WHEN '{word}' THEN {factor!r}" for word, factor in _WORDS.items())
    prefixes = " ".join(f"WHEN '{prefix}' THEN {factor!r}" for prefix, factor in _PREFIXES.items())
    prefix = f"regexp_extract({unit}, '^([kKMGTPmµun]i?)?{_BASES}$', 1)"
    known = f"regexp_full_match({unit}, '(?:[kKMGTPmµun]i?)?{_BASES}')"
    return f"CASE {unit} WHEN '' THEN 1.0 {words} ELSE CASE WHEN {known} THEN CASE {prefix} {prefixes} END END END"


def _parses(cell: str, formats: Sequence[str]) -> bool:
    for one in formats:
        try:
            if datetime.strptime(cell, one).year < 2100:  # noqa: DTZ007  # only whether it can be read
                return True
        except ValueError:
            continue
    return False


def _is_epoch(number: float) -> bool:
    return any(_SECONDS[0] * unit <= number <= _SECONDS[1] * unit for unit in (1, 1e3, 1e6, 1e9))
