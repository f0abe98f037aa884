"""Columns of numbers that stand beside the values and are none: the time once more, numbers of rows, parts of dates.

As series they would be wrong, and as keys each of their rows would be a series of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise

from traffic.errors import UsageFailure
from traffic.store.files.cells import TIMELY, held_by, unit_of_epoch
from traffic.store.files.layout import Row
from traffic.store.files.look import listed
from traffic.store.files.naming import columns_in, plain
from traffic.store.files.numerals import is_blank

_FEWEST = 3
"""Rows from which on it is told what a column goes along with."""
_LOOKED_AT = 100
_NUMBERED = {"", "no", "nr", "num", "number", "row", "rownum", "rownumber", "rowid", "index", "idx", "id", "unnamed0"}
"""What a column may be called that numbers the rows; `#` is nothing without its punctuation."""
_IDENTIFIERS = {"itemid", "hostid", "deviceid", "sensorid", "interfaceid", "portid", "graphid", "accountid", "userid"}
"""What a column may be called that is the same number in all rows, for they are all of one thing."""
_NAMELESS = re.compile(r"column\d+")
_SPANS = {"_span", "_spandays"}
"""How long a row is, as Splunk says it."""
_PARTS: Mapping[str, Callable[[datetime], int]] = {
    "year": lambda time: time.year,
    "month": lambda time: time.month,
    "day": lambda time: time.day,
    "hour": lambda time: time.hour,
    "minute": lambda time: time.minute,
    "week": lambda time: time.isocalendar().week,
    "quarter": lambda time: (time.month + 2) // 3,
}
_WEEKDAYS = ("weekday", "dow", "dayofweek")
_HOUR = re.compile(r"(?:h|hr|hour|he|stunde|std|t|period|block|slot|v)?[ _.-]?(\d{1,3})(?:h|hr|uhr)?", re.IGNORECASE)
_ACROSS = 12
"""Columns called like hours from which on these are times."""
_DAYS = {23, 24, 25, 48, 96, 144, 288}
"""Parts of a day that columns may stand for."""


def no_values(columns: Sequence[str], rows: Sequence[Row], time: str | None) -> list[str]:
    """The columns that repeat the time, number the rows, or are parts of a date.

    Args:
        columns: of the table.
        rows: some of it, the first ones as they follow each other.
        time: the column of the times, or several with commas between.
    """
    taken = columns_in(time, columns)
    found = [column for column in columns if column in _SPANS]
    if not taken or len(rows) < _FEWEST:
        return found
    place = columns.index(taken[0])
    times = [moment(row[place]) for row in rows[:_LOOKED_AT]] if len(taken) == 1 else []
    for where, column in enumerate(columns):
        numbers = [_whole(row[where]) for row in rows[:_LOOKED_AT]]
        if column in (*taken, *found) or any(number is None for number in numbers):
            continue
        whole = [number for number in numbers if number is not None]
        if _numbers_rows(column, whole) or (times and all(times) and _of_time(column, whole, times)):
            found.append(column)
    return found


def refuse_times_across(name: str, columns: Sequence[str], day_only: bool) -> None:
    """Stop where the header holds times: each of its columns is a time of the series in its row.

    Args:
        name: of the table.
        columns: of it.
        day_only: whether its rows have a day and no time of the day.

    Raises:
        UsageFailure: it does.
    """
    kinds = [held_by([column]) for column in columns]
    timely = [column for column, kind in zip(columns, kinds, strict=True) if kind in TIMELY]
    across = len(timely) >= _FEWEST and 2 * len(timely) > len(columns) and timely == sorted(timely, key=_in_order)
    hours = [int(match[1]) for column in columns if (match := _HOUR.fullmatch(column))]
    numbered = hours[:1] in ([0], [1]) and all(two == one + 1 for one, two in pairwise(hours))
    if day_only and numbered and len(hours) in _DAYS and len(hours) >= _ACROSS:
        across, timely = True, [column for column in columns if _HOUR.fullmatch(column)]
    if across:
        raise UsageFailure(
            f"{name}: {listed(timely[:3])} and {len(timely) - 3} more columns are times: write a row for each time "
            "(pandas calls that melt), or use --wide to make each column a series"
        )


def _numbers_rows(column: str, numbers: Sequence[int]) -> bool:
    name = plain(column)
    if name in _IDENTIFIERS and len(set(numbers)) == 1:
        return True
    return (name in _NUMBERED or bool(_NAMELESS.fullmatch(name))) and all(
        two == one + 1 for one, two in pairwise(numbers)
    )


def _of_time(column: str, numbers: Sequence[int], times: Sequence[datetime | None]) -> bool:
    """Whether whole numbers say no more than the times beside them."""
    there = [time for time in times if time is not None]
    # `date.year`, of vnStat's objects.
    name = plain(column.rpartition(".")[2])
    if name in _WEEKDAYS:
        return all(0 <= number <= 7 for number in numbers)
    if name in _PARTS:
        return all(number == _PARTS[name](time) for number, time in zip(numbers, there, strict=True))
    unit = unit_of_epoch(numbers[0])
    if unit is None or held_by(map(str, numbers)) != "epoch" or len(set(numbers)) < 2:
        return False
    moved = [(number - numbers[0]) / unit for number in numbers]
    passed = [time.timestamp() - there[0].timestamp() for time in there]
    return all(abs(one - two) <= 1 for one, two in zip(moved, passed, strict=True))


def _whole(cell: str | None) -> int | None:
    text = "" if cell is None else cell.strip()
    return int(text) if re.fullmatch(r"\d{1,19}", text) else None


def moment(cell: str | None) -> datetime | None:
    """The time of a cell; None where it holds none that is ISO 8601 or counts from 1970."""
    if cell is None or is_blank(cell):
        return None
    if held_by([cell]) == "epoch" and (unit := unit_of_epoch(float(cell))):
        return datetime.fromtimestamp(float(cell) / unit, UTC)
    try:
        time = datetime.fromisoformat(cell.strip())
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _in_order(column: str) -> tuple[int, str]:
    """`9:00` before `10:00`."""
    return (len(column) if held_by([column]) == "clock" else 0), column
