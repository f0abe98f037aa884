"""What the cells of a table hold, and how its times are written: told from a sample.

A notation is taken for a column only where every cell of the sample has it, and a cell that has another one later
stops the reading: nothing is ever half understood.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from traffic.store.files.epochs import JSON_DATES, is_windows
from traffic.store.files.numerals import NUMBER, Numbers, is_blank
from traffic.store.files.zones import SUFFIX

Holds = Literal["time", "date", "clock", "epoch", "number", "text", "nothing"]
TIMELY: tuple[Holds, ...] = ("time", "date", "clock", "epoch")
"""What a cell of a column of times may hold."""

_ISO = re.compile(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}[Tt ]\d.*")
_DATE = re.compile(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}")
_CLOCK = re.compile(r"(?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?: ?[AaPp][Mm])?")
# 1995 to 2100, in seconds and in finer units: what a number has to be to be taken for a time.
_SECONDS = (8e8, 4.1e9)
_UNITS = (1, 10**3, 10**6, 10**9)
_MOST_DAYS, _RECENT = 31, 10
EXCEL = ("excel",)
"""The format of times that are days since 30 December 1899."""
_EXCEL_DAYS = (36526, 55153)


@dataclass(frozen=True)
class Stamp:
    """A way to write times that is not ISO 8601."""

    pattern: re.Pattern[str]
    formats: tuple[str, ...]
    """As DuckDB's strptime wants them; the first that fits is taken."""
    day_only: bool = False

    @property
    def digits(self) -> bool:
        """Whether it may be a number as well."""
        return self.pattern.pattern.startswith("(?:19|20)")


_HMS = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"


def _times(date: str, clocks: Sequence[str] = ("%H:%M:%S.%f", "%H:%M:%S,%f", "%H:%M:%S", "%H:%M")) -> tuple[str, ...]:
    return tuple(f"{date} {clock}" for clock in clocks)


def _lower(formats: Sequence[str]) -> tuple[str, ...]:
    return tuple(one.replace(" ", "t") for one in formats)


_NANO = ("%H:%M:%S.%n", "%H:%M:%S,%f", "%H:%M:%S", "%H:%M")
_TWELVE = ("%I:%M:%S.%n %p", "%I:%M:%S %p", "%I:%M %p")
# The first row whose pattern every cell has, and whose dates every cell can mean, is the notation of the column.
STAMPS: tuple[Stamp, ...] = (
    Stamp(re.compile(r"(?:19|20)\d{6}"), ("%Y%m%d",), day_only=True),
    Stamp(re.compile(r"(?:19|20)\d{8}"), ("%Y%m%d%H",)),
    Stamp(re.compile(r"(?:19|20)\d{10}"), ("%Y%m%d%H%M",)),
    Stamp(re.compile(r"(?:19|20)\d{12}"), ("%Y%m%d%H%M%S",)),
    Stamp(re.compile(r"(?:19|20)\d{6}[T ]?\d{6}"), ("%Y%m%dT%H%M%S", "%Y%m%d %H%M%S")),
    Stamp(re.compile(r"20\d{6}[T ]?\d{6}(?:\.\d+)?Z"), ("%Y%m%dT%H%M%S%Z", "%Y%m%d%H%M%S.%f%Z", "%Y%m%d%H%M%S%Z")),
    Stamp(re.compile(rf"20\d{{6}} {_HMS}"), _times("%Y%m%d")),
    Stamp(re.compile(rf"20\d{{6}} {_HMS}\s?[AaPp][Mm]"), _times("%Y%m%d", _TWELVE)),
    Stamp(re.compile(r"\d{1,2}\.\d{1,2}\.\d{4}"), ("%d.%m.%Y",), day_only=True),
    Stamp(re.compile(rf"\d{{1,2}}\.\d{{1,2}}\.\d{{4}},? {_HMS}"), (*_times("%d.%m.%Y"), *_times("%d.%m.%Y,"))),
    Stamp(re.compile(r"\d{1,2}\.\d{1,2}\.\d\d"), ("%d.%m.%y",), day_only=True),
    Stamp(re.compile(rf"\d{{1,2}}\.\d{{1,2}}\.\d\d,? {_HMS}"), (*_times("%d.%m.%y"), *_times("%d.%m.%y,"))),
    Stamp(re.compile(r"\d{4}\.\d{1,2}\.\d{1,2}"), ("%Y.%m.%d",), day_only=True),
    Stamp(re.compile(rf"\d{{4}}\.\d{{1,2}}\.\d{{1,2}} {_HMS}"), _times("%Y.%m.%d")),
    Stamp(re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d"), ("%Y-%m-%dT%H", "%Y-%m-%d %H")),
    # RFC 3339 allows small letters.
    Stamp(re.compile(rf"\d{{4}}-\d\d-\d\dt{_HMS}"), _lower(_times("%Y-%m-%d"))),
    Stamp(
        re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d,\d+"),
        ("%Y-%m-%d %H:%M:%S,%f", "%Y-%m-%dT%H:%M:%S,%f"),
    ),
    Stamp(re.compile(rf"\d\d/{_MONTH}/\d{{4}}:\d\d:\d\d:\d\d"), ("%d/%b/%Y:%H:%M:%S",)),
    Stamp(re.compile(rf"{_DAY}, \d\d? {_MONTH} \d{{4}} {_HMS}"), _times("%a, %d %b %Y")),
    Stamp(re.compile(rf"{_DAY} {_MONTH} +\d\d? {_HMS} \d{{4}}"), ("%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S.%f %Y")),
    Stamp(re.compile(rf"{_DAY} {_MONTH} +\d\d? {_HMS} [A-Z]{{3,5}} \d{{4}}"), ("%a %b %d %H:%M:%S %Z %Y",)),
    Stamp(re.compile(rf"\d\d?[- ]{_MONTH}[- ]\d{{4}}"), ("%d-%b-%Y", "%d %b %Y"), day_only=True),
    Stamp(re.compile(rf"\d\d?[- ]{_MONTH}[- ]\d{{4}} {_HMS}"), (*_times("%d-%b-%Y"), *_times("%d %b %Y"))),
    Stamp(re.compile(rf"{_MONTH} +\d\d?,? \d{{4}},? {_HMS}"), (*_times("%b %d %Y"), *_times("%b %d, %Y", _NANO))),
    Stamp(re.compile(rf"\d\d?-{_MONTH}-\d{{4}} {_HMS}\s?[AaPp][Mm]"), _times("%d-%b-%Y", _TWELVE)),
    Stamp(re.compile(rf"{_MONTH} \d\d?, \d{{4}} @ {_HMS}"), _times("%b %d, %Y @")),
    Stamp(re.compile(rf"\d{{4}}-\d\d-\d\d {_HMS}\s?[AaPp][Mm]"), _times("%Y-%m-%d", _TWELVE)),
    Stamp(re.compile(rf"\d{{4}}/\d\d/\d\d {_HMS}\s?[AaPp][Mm]"), _times("%Y/%m/%d", _TWELVE)),
)
_ISO_SPACED = (
    Stamp(re.compile(rf"\d{{4}}-\d\d-\d\d {_HMS}"), _times("%Y-%m-%d")),
    Stamp(re.compile(rf"\d{{4}}/\d\d/\d\d {_HMS}"), _times("%Y/%m/%d")),
    Stamp(re.compile(rf"\d{{4}}-\d\d-\d\dT{_HMS}"), tuple(one.replace(" ", "T") for one in _times("%Y-%m-%d"))),
)
"""What is read as ISO 8601 unless a zone stands behind it that this does not know."""
_ISO_ZONE = re.compile(r"\d(?:Z| ?(?:UTC|GMT)|[-+]\d\d(?::?\d\d)?)$")
# Which of two numbers is the day is told from the sample, or asked.
_SLASHED = re.compile(rf"(\d{{1,2}})([/-])(\d{{1,2}})\2(\d{{4}})(?:,? ({_HMS})(\s?[AaPp][Mm])?)?")


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
    if all(_SLASHED.fullmatch(SUFFIX.sub("", cell)) for cell in there):
        return "time" if all(":" in cell for cell in there) else "date"
    if all(NUMBER.fullmatch(cell) for cell in there):
        return "epoch" if all(unit_of_epoch(float(cell)) or is_windows(cell) for cell in there) else "number"
    if all(re.fullmatch(JSON_DATES, cell) for cell in there):
        return "time"
    if numbers is not None and all(numbers.pattern.fullmatch(cell) for cell in there):
        return "number"
    return "text"


def stamp_of(cells: Sequence[str]) -> Stamp | None:
    """The notation of `STAMPS` that every one of these cells has, with a zone behind it or not; None: there is none."""
    if not cells:
        return None
    zoned = [SUFFIX.search(cell) for cell in cells]
    if all(zoned):
        # Digits alone are not a time that a zone could follow.
        bare = [cell[: match.start()] for cell, match in zip(cells, zoned, strict=True) if match]
        known = STAMPS if any(_ISO_ZONE.search(cell) for cell in cells) else (*_ISO_SPACED, *STAMPS)
        if (stamp := _stamp(bare, [one for one in known if not one.digits])) is not None:
            formats = tuple(f"{one}{blank}%Z" for one in stamp.formats for blank in ("", " "))
            return replace(stamp, formats=formats)
    return _stamp(cells, STAMPS)


def _stamp(cells: Sequence[str], known: Sequence[Stamp]) -> Stamp | None:
    for stamp in known:
        # Digits are dates only if every cell is one, before 2100: anything else is likelier to be a number.
        if all(stamp.pattern.fullmatch(cell) for cell in cells) and (
            not stamp.digits or all(_parses(cell, stamp.formats) for cell in cells)
        ):
            return stamp
    return None


def time_format(cells: Iterable[str | None]) -> tuple[str, ...] | Literal["ambiguous", "year first"] | None:
    """The formats of a column of times for strptime; None where it is ISO 8601 or a number.

    `ambiguous`: day and month cannot be told apart. `year first`: what seems to be the day may be the year.
    """
    there = [cell.strip() for cell in cells if cell is not None and not is_blank(cell)]
    if stamp := stamp_of(there):
        return "year first" if "%d.%m.%y" in stamp.formats[0] and _year_first(there) else stamp.formats
    slashed = [_SLASHED.fullmatch(SUFFIX.sub("", cell)) for cell in there]
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
    formats = _times(date + comma, _TWELVE) if twelve else _times(date + comma)
    if all(SUFFIX.search(cell) for cell in there) and not twelve:
        return tuple(f"{one}{blank}%Z" for one in formats for blank in ("", " "))
    return formats


def _year_first(cells: Sequence[str]) -> bool:
    """Whether dates of six digits have the year in front, or may have: a year moves less than a day, and is recent."""
    parts = [re.split(r"[.,\s]", cell)[:3] for cell in cells]
    first, last = ({int(part[place]) for part in parts} for place in (0, 2))
    if max(last) > _MOST_DAYS or len(first) != len(last):
        return len(first) < len(last)
    newest = datetime.now(UTC).year % 100 + 1
    return all(newest - year < _RECENT for year in first if year <= newest) and min(last) <= newest - _RECENT


def excel_days(cells: Iterable[str | None]) -> bool:
    """Whether a column holds days since 1899, as spreadsheets count them: of the years 2000 to 2050."""
    there = [cell.strip().replace(",", ".") for cell in cells if cell is not None and not is_blank(cell)]
    return bool(there) and all(
        re.fullmatch(r"\d{5}(?:\.\d+)?", cell) and _EXCEL_DAYS[0] <= float(cell) < _EXCEL_DAYS[1] for cell in there
    )


def few_digits(cells: Iterable[str | None]) -> bool:
    """Whether times since 1970 are written with six digits or fewer and an exponent, as %g does."""
    there = [cell.strip() for cell in cells if cell is not None and not is_blank(cell)]
    return bool(there) and all(re.fullmatch(r"\d[.,]?\d{0,6}[eE]\+?(?:0?9|1[258])", cell) for cell in there)


def _parses(cell: str, formats: Sequence[str]) -> bool:
    for one in formats:
        try:
            if datetime.strptime(cell, one).year < 2100:  # noqa: DTZ007  # only whether it can be read
                return True
        except ValueError:
            continue
    return False


def unit_of_epoch(number: float) -> int | None:
    """How many of what a number counts since 1970 are a second; None if it is not a plausible time."""
    return next((unit for unit in _UNITS if _SECONDS[0] * unit <= number <= _SECONDS[1] * unit), None)
