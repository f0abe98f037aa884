"""The calendar: a CSV file in which a person keeps holidays and maintenance. Words and examples: docs/detection.md."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from difflib import get_close_matches
from fnmatch import fnmatchcase
from io import StringIO
from pathlib import Path
from typing import get_args

from analyzer.judging.holiday import ICS, holidays_of, is_region, read_ics
from analyzer.model import CalendarRow, Meaning
from traffic.errors import UsageFailure
from traffic.lists import rows_of, text_of
from traffic.model import Window
from traffic.text import uncell, visible

COLUMNS = ("start", "end", "what", "key", "note")
NEEDED = ("start", "what")

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(_DAY.pattern + r"([T ].+)?")
_YEARS = range(1970, 2200)


def read_calendar(path: Path) -> tuple[CalendarRow, ...]:
    """The rows of a calendar, in their order: a CSV, an iCalendar file, or the holidays of a region (DE-BY).

    Raises:
        UsageFailure: the file is not there or a row of it is not valid: one line with file, line and what to do.
        StorageFailure: the file is there but cannot be read.
    """
    year = datetime.now(UTC).year
    if is_region(str(path)) and not path.exists():
        return holidays_of(str(path), year)
    if path.suffix.lower() == ICS:
        return read_ics(path, year)
    text = text_of(path, f"calendar not found; create a CSV with the columns {','.join(COLUMNS)}")
    head = text.partition("\n")[0]
    # Spreadsheets of some countries part cells with semicolons.
    lines = csv.reader(StringIO(text, newline=""), delimiter=";" if ";" in head else ",", strict=True)
    try:
        return tuple(_rows(lines))
    except csv.Error as error:
        raise UsageFailure(f"{path}:{lines.line_num}: not valid CSV ({error})") from None
    except UsageFailure as failure:
        raise UsageFailure(f"{path}:{max(1, lines.line_num)}: {visible(str(failure))}") from None


def span(row: CalendarRow, zone: tzinfo) -> Window:
    """The time that a row speaks of: what says no zone itself is meant on the clock of `zone`."""
    first, last = bounds(row)
    start, end = (int((time if time.tzinfo else time.replace(tzinfo=zone)).timestamp()) for time in (first, last))
    # Where a clock is turned, a time that it skips may come out after a later one.
    return Window(start, max(start, end))


def bounds(row: CalendarRow) -> tuple[datetime, datetime]:
    """Start and end of a row as it says them, without a zone where it names none; a day ends with the day.

    Raises:
        UsageFailure: it is not valid.
    """
    first, last = _time("start", row.start), _time("end", row.end) if row.end else None
    if last is None and not _DAY.fullmatch(row.start):
        raise UsageFailure(f"end: is empty; it can be left out only if start is a whole day, and start is {row.start}")
    last = first if last is None else last
    if (first.tzinfo is None) != (last.tzinfo is None):
        raise UsageFailure("only one of start and end has a time zone; write both the same way")
    last += timedelta(days=1) if _DAY.fullmatch(row.end or row.start) else timedelta()
    if last <= first:
        raise UsageFailure(f"the end ({row.end}) is not after the start ({row.start})")
    return first, last


def unmet(rows: Iterable[CalendarRow], keys: Iterable[str]) -> Iterator[str]:
    """A remark for each glob of a calendar that no key is like: it may be a slip."""
    keys = list(keys)
    for glob in dict.fromkeys(row.key for row in rows if row.key):
        if not any(fnmatchcase(key, glob) for key in keys):
            yield f"calendar: no series matches {visible(glob)!r}"


def _rows(lines: Iterator[list[str]]) -> Iterator[CalendarRow]:
    header = [name.strip().lower() for name in next(lines, [])]
    for name in header:
        if name not in COLUMNS:
            raise UsageFailure(f"{name!r} is not a column of a calendar; the columns are {','.join(COLUMNS)}")
    for name in NEEDED:
        if name not in header:
            raise UsageFailure(f"column {name!r} is missing; the columns of a calendar are {','.join(COLUMNS)}")
    for values in rows_of(lines, header):
        cells = {name: uncell(value.strip()) for name, value in values.items()}
        row = CalendarRow(
            cells["start"], cells.get("end", ""), _what(cells["what"]), cells.get("key", ""), cells.get("note", "")
        )
        bounds(row)
        yield row


def _what(text: str) -> Meaning:
    said = " ".join(re.split(r"[\s_-]+", text.lower()))
    known: dict[str, Meaning] = {word: word for word in get_args(Meaning)}
    if said not in known:
        close = get_close_matches(said, known, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"write {', '.join(known)}"
        raise UsageFailure(f"what: {text!r} is not known; {hint}")
    return known[said]


def _time(name: str, text: str) -> datetime:
    try:
        # Other forms of ISO 8601 (20261224, 2026-W52-4) would be days here and midnights there.
        if not _TIME.fullmatch(text):
            raise ValueError
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UsageFailure(
            f"{name}: {text!r} is neither a day nor a time; write 2026-12-24 or 2026-12-24T18:00"
        ) from None
    if time.year not in _YEARS:
        raise UsageFailure(f"{name}: {text!r} is outside the years {_YEARS[0]} to {_YEARS[-1]}")
    return time.astimezone(UTC) if time.tzinfo else time
