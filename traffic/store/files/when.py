"""When rows are: which columns tell it, how these are written, and how several of them are put together.

A column of days is never taken alone where another one moves within the day: the two are joined, or it is said that
they cannot be.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from traffic.errors import UsageFailure
from traffic.store.files.amounts import kind_of_value
from traffic.store.files.cells import EXCEL, Holds, excel_days, time_format
from traffic.store.files.epochs import epoch_format
from traffic.store.files.look import listed
from traffic.store.files.naming import KEYS, columns_in, joined, named, plain
from traffic.store.files.numerals import is_blank
from traffic.store.files.sampled import Sampled

TIMES = (
    *("ts", "time", "timestamp", "datetime", "eventtime", "start", "starttime", "begin", "when", "minute", "hour"),
    *("date", "day", "datum", "zeit", "epoch", "zeitstempel", "horodatage", "fecha", "jour", "heure", "hora", "ora"),
    *("时间", "日期", "日時", "時刻"),
)
"""Names that say that a column is a time, the clearest first; compared without case and punctuation."""

_YEARS = ("year", "yyyy", "yr", "jahr", "annee", "année", "ano", "año", "anno", "年")
_MONTHS = ("month", "mon", "mm", "monat", "mois", "mes", "mês", "mese", "月")
_DAYS = ("day", "dd", "dayofmonth", "tag", "jour", "dia", "día", "giorno", "日")
_HOURS = ("hour", "hr", "hh", "hourofday", "stunde", "heure", "hora", "ora", "小时", "時")
_MINUTES = ("minute", "min", "mi", "minuto", "minuten", "分")
_CLOCKS = ("time", "clock", "timeofday", "hhmm", "hhmmss", "zeit", "uhrzeit", "时间", "時刻", *_HOURS)
_PERIODS = (
    *_CLOCKS,
    *_MINUTES,
    *("second", "seconds", "sec", "secondofday", "minuteofday"),
    "period",
    "interval",
    "slot",
    "block",
    "quarter",
    "halfhour",
    "periode",
    "intervall",
)
"""What a column may be called that numbers the parts of a day."""
MIDNIGHT = r"[T ]0?0:00(?::00(?:[.,]0+)?)?(?:Z|[+]00:?00)?$"
"""A time of day that says nothing."""


def time_of(table: Sampled, free: Sequence[str], holds: dict[str, Holds]) -> str | None:
    """The column of the times, or those of their parts, as a person would name them; None where none stands out.

    Args:
        table: as far as it was looked at.
        free: the columns that nobody named for something else.
        holds: what each column holds.

    Raises:
        UsageFailure: there are days, and what tells the time of the day cannot be joined to them.
    """
    stamps = [column for column in free if holds[column] in ("time", "epoch") and not _midnights(table, column)]
    # An amount may be as large as the seconds since 1970.
    stamps = [column for column in stamps if holds[column] == "time" or not _measured(column)]
    days = [column for column in free if holds[column] in ("date", "time") and column not in stamps]
    if any(_changes(table, column) for column in free if holds[column] in ("time", "date", "clock")):
        # A time that is the same in all rows is when the file was written.
        stamps = [column for column in stamps if holds[column] == "epoch" or _changes(table, column)]
    written = [column for column in stamps if holds[column] == "time"]
    # A column that changes within a day wins over one that does not, whatever they are called.
    found = named(TIMES, written) or (written[0] if len(written) == 1 else None)
    found = found or (None if written else named(TIMES, stamps))
    if found is None and not written:
        found = _day(table, days, free, holds) if days else _parts(table, free, holds)
    if found is None and not stamps and not days:
        found = _excel(table, free, holds)
    epochs = [column for column in stamps if holds[column] == "epoch"]
    return (
        found
        # A number may look like a time by chance, so it counts as one only if another column can be the value.
        or (epochs[0] if len(stamps) == 1 and epochs and any(holds[c] == "number" for c in free) else None)
        # Without rows there is only the name; a column that is called a time but holds none is reported with its row.
        or (None if days else named(TIMES, [c for c in free if holds[c] in ("nothing", "text")], whole=True))
    )


def _measured(column: str) -> bool:
    """Whether a column is called like an amount or a level, and not like a time as well."""
    kind = kind_of_value(column)
    return (kind.amount or kind.level or kind.counter) and named(TIMES, [column]) is None


def _changes(table: Sampled, column: str) -> bool:
    return len(set(table.cells(column))) > 1


def format_of(table: Sampled, time: str) -> tuple[str, ...] | None:
    """How a column of times is written, or the parts of one are once they are put together; None: as ISO 8601.

    Raises:
        UsageFailure: day and month cannot be told apart.
    """
    names = columns_in(time, table.columns)
    if not names:
        return None
    places = [table.columns.index(name) for name in names]
    rows = [[(row[place] or "").strip() for place in places] for row in table.rows]
    whole = [parts for parts in rows if not any(is_blank(part) for part in parts)]
    if excel_days(parts[0] for parts in whole):
        return EXCEL
    if len(names) == 1 and (counted := epoch_format(names[0], (parts[0] for parts in whole))) is not None:
        return counted
    width = _digits(table, names[1]) if len(names) == 2 else 0
    texts = [parts[0] if width else together(names, parts) for parts in whole]
    found = time_format(texts)
    if found == "ambiguous":
        raise UsageFailure(
            f"{table.name}: {texts[0]!r} in {time} can be day or month first: use --time-format %d/%m/%Y or "
            "--time-format %m/%d/%Y (with the time of day, as '%d/%m/%Y %H:%M')"
        )
    if found == "year first":
        raise UsageFailure(
            f"{table.name}: {texts[0]!r} in {time} can have its year first or last: use --time-format %y.%m.%d or "
            "--time-format %d.%m.%y (with the time of day, as '%y.%m.%d %H:%M')"
        )
    if width and texts:
        days = found or (("%Y/%m/%d",) if "/" in texts[0] else ("%Y-%m-%d",))
        return tuple(f"{day} %H%M{'%S' if width == 6 else ''}" for day in days)
    return found


def together(names: Sequence[str], parts: Sequence[str]) -> str:
    """The parts of a time as one text: a day with a time of day, a day with an hour, or year, month, day and so on."""
    day, rest = re.sub(MIDNIGHT, "", parts[0]) if parts[1:] else parts[0], parts[1:]
    if by_year(names):
        day, rest = f"{parts[0]}-{parts[1]:0>2}-{parts[2]:0>2}", parts[3:]
    if not rest:
        return day
    if ":" in rest[0]:
        return f"{day} {rest[0]}"
    minute = rest[1] if len(rest) > 1 else "0"
    return f"{day} {rest[0]:0>2}:{minute:0>2}"


def by_year(names: Sequence[str]) -> bool:
    """Whether the parts of a time begin with a year and a month."""
    return len(names) > 2 and plain(names[0]) in _YEARS


def _day(table: Sampled, days: Sequence[str], free: Sequence[str], holds: dict[str, Holds]) -> str | None:
    """A column of days, with the column of the time of day beside it."""
    day = named(TIMES, days) or (days[0] if len(days) == 1 else None)
    if day is None:
        return None
    clocks = [column for column in free if holds[column] == "clock"]
    clocks += [column for column in free if plain(column) in _CLOCKS and _digits(table, column)]
    if clocks:
        clock = named(TIMES, clocks) or named(_CLOCKS, clocks) or (clocks[0] if len(clocks) == 1 else None)
        if clock is None:
            raise UsageFailure(
                f"{table.name}: {day} contains dates, and {listed(clocks)} contain times of day: specify which to "
                f"use, such as --time {joined([day, clocks[0]])}"
            )
        return joined([day, clock])
    hour, minute = _numbered(table, free, holds, _HOURS, 23), _numbered(table, free, holds, _MINUTES, 59)
    if hour is not None:
        return joined([day, hour, *([minute] if minute else [])])
    texts = [column for column in free if holds[column] == "text" and plain(column) in (*TIMES, *_CLOCKS)]
    if texts:
        cell = table.cells(texts[0])[0]
        raise UsageFailure(
            f"{table.name}: {day} contains dates, and {texts[0]} contains {cell!r}, which is not a time of day: write "
            f"HH:MM:SS, or use --time {day} for dates only"
        )
    if (moving := _moving(table, day, free, holds)) is not None:
        cells = [int(cell) for cell in table.cells(moving)]
        raise UsageFailure(
            f"{table.name}: {day} contains dates, and {moving} ({min(cells)} to {max(cells)}) may be the time of day: "
            f"write HH:MM or hours from 0 to 23, or use --time {day} for dates only"
        )
    return day


def _excel(table: Sampled, free: Sequence[str], holds: dict[str, Holds]) -> str | None:
    """A column of the days of a spreadsheet that is called like a time, with the time of day beside it where one is."""
    days = [column for column in free if holds[column] == "number" and excel_days(table.cells(column))]
    # PRTG writes `Date Time(RAW)` beside a text that is none.
    shown = {re.sub(r"[\W_]*raw\W*$", "", column, flags=re.IGNORECASE): column for column in days}
    day = shown.get(named(TIMES, list(shown)) or "")
    if day is None or any("." in cell or "," in cell for cell in table.cells(day)):
        return day
    clocks = [column for column in free if holds[column] == "clock" or (plain(column) in _CLOCKS and column != day)]
    clock = named(_CLOCKS, clocks) or (clocks[0] if len(clocks) == 1 else None)
    return joined([day, clock]) if clock else day


def _parts(table: Sampled, free: Sequence[str], holds: dict[str, Holds]) -> str | None:
    """Columns of a year, a month, a day and what follows."""
    bounds = ((_YEARS, 2100), (_MONTHS, 12), (_DAYS, 31), (_HOURS, 23), (_MINUTES, 59))
    found = [_numbered(table, free, holds, names, top) for names, top in bounds]
    if None in found[:3] or any(len(cell) != 4 for cell in table.cells(found[0] or "")):
        return None
    return joined([one for one, _ in zip(found, range(5 if found[3] else 3), strict=False) if one is not None])


def _numbered(
    table: Sampled, free: Sequence[str], holds: dict[str, Holds], names: Sequence[str], top: int
) -> str | None:
    """The column with one of the names that holds whole numbers up to `top`."""
    for column in free:
        cells = table.cells(column)
        if plain(column) in names and holds[column] in ("number", "epoch") and all(c.isdigit() for c in cells):
            return column if max(map(int, cells)) <= top else None
    return None


def _digits(table: Sampled, column: str) -> int:
    """4 or 6, where a column holds times of the day as HHMM or HHMMSS, with zeros in front or without; else 0."""
    cells = table.cells(column)
    if not cells or not all(cell.isdigit() and len(cell) <= 6 for cell in cells):
        return 0
    numbers = [int(cell) for cell in cells]
    if max(numbers) <= 24 and max(map(len, cells)) <= 2:
        return 0
    for width, top in ((4, 2359), (6, 235959)):
        fits = all(n <= top and n % 100 < 60 and n // 100 % 100 < (60 if width == 6 else 24) for n in numbers)
        if fits and max(map(len, cells)) <= width and (max(numbers) > 59 or min(map(len, cells)) == width):
            return width
    return 0


def _moving(table: Sampled, day: str, free: Sequence[str], holds: dict[str, Holds]) -> str | None:
    """A column of whole numbers that goes on within each day, or is called as if it did."""
    texts = [table.columns.index(column) for column in free if holds[column] == "text"]
    where = table.columns.index(day)
    for column in free:
        if holds[column] not in ("number", "epoch") or kind_of_value(column).amount or named(KEYS, [column]):
            continue
        place = table.columns.index(column)
        groups: dict[tuple[str | None, ...], list[int]] = defaultdict(list)
        cells = [row[place] or "" for row in table.rows]
        if not all(cell.strip().isdigit() for cell in cells if not is_blank(cell)):
            continue
        for row, cell in zip(table.rows, cells, strict=True):
            if cell.strip().isdigit():
                groups[(row[where], *(row[text] for text in texts))].append(int(cell))
        several = [one for one in groups.values() if len(one) > 1]
        if 2 * len(several) < len(groups) or not several:
            continue
        if plain(column) in _PERIODS:
            return column
        rising = all(one < two for group in several for one, two in pairwise(group))
        starts = {group[0] for group in several}
        if rising and len(several) > 1 and len(starts) <= max(1, len(several) // 3):
            return column
    return None


def _midnights(table: Sampled, column: str) -> bool:
    """Whether every time in the column is the start of a day."""
    cells = table.cells(column)
    return bool(cells) and all(re.search(MIDNIGHT, cell) for cell in cells)
