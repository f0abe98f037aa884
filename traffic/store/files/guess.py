"""Which columns are the time, the series and the value, where nobody said so: by their names, then by what they hold.

A guess is made only where one column stands out; it is always said, and never made against what a person named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from traffic.errors import UsageFailure
from traffic.store.base import Columns
from traffic.store.files.look import Row, listed, require_columns
from traffic.store.files.sql import BLANK

Holds = Literal["time", "epoch", "number", "text", "nothing"]

TIMES = (
    "ts",
    "time",
    "timestamp",
    "datetime",
    "date",
    "eventtime",
    "start",
    "starttime",
    "begin",
    "when",
    "minute",
    "hour",
)
KEYS = ("key", "customer", "series", "client", "tenant", "account", "host", "device", "interface", "name", "id")
VALUES = ("bytes", "value", "octets", "bits", "bps", "traffic", "requests", "hits", "packets", "latency", "count")
"""Names that say what a column is, the clearest first; compared without case and punctuation."""

_DATED = re.compile(r"\s*\d{4}[-/]\d{1,2}[-/]\d{1,2}(?:[T ].*)?")
_NAMELESS = re.compile(r"column \d+")
_NUMBER = re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*|[-+]?inf(?:inity)?", re.IGNORECASE)
# 1995 to 2100, in seconds and in finer units: what a number has to be to be taken for a time.
_SECONDS = (8e8, 4.1e9)


def held_by(cells: Sequence[str | None]) -> Holds:
    """What a column holds, from some of its cells."""
    there = [cell for cell in cells if cell is not None and cell.strip().lower() not in BLANK]
    if not there:
        return "nothing"
    if all(_DATED.fullmatch(cell) for cell in there):
        return "time"
    if all(_NUMBER.fullmatch(cell) for cell in there):
        return "epoch" if all(_is_epoch(float(cell)) for cell in there) else "number"
    return "text"


def contents(columns: Sequence[str], sample: Sequence[Row]) -> dict[str, Holds]:
    """What each column holds; of columns with one name the first."""
    found: dict[str, Holds] = {}
    for place, column in enumerate(columns):
        found.setdefault(column, held_by([row[place] for row in sample]))
    return found


def complete(name: str, columns: Sequence[str], sample: Sequence[Row], said: Columns) -> Columns:
    """What was said about the columns, with what can be told from the table on top of it.

    Args:
        name: of the file, for messages.
        columns: that it has.
        sample: its first rows.
        said: by options.

    Raises:
        UsageFailure: a column is not there, or more than one could be meant.
    """
    require_columns(name, columns, {"--time": said.time, "--key": said.key, "--value": said.value})
    holds = contents(columns, sample)
    free = [column for column in holds if column and column not in (said.time, said.key, said.value)]
    time = said.time or _time(free, holds)
    # A column without a name may be the index of a frame, and that may be the time; it is nothing else.
    free = [column for column in free if column != time and not _NAMELESS.fullmatch(column)]
    key, value = said.key, said.value
    if not said.wide:
        keyless = False
        if key is None:
            key = _named(KEYS, free)
            free = [column for column in free if column != key]
        counts = said.statistic in ("count", "share")
        if value is None and not counts:
            value = _value(free, holds)
            free = [column for column in free if column != value]
        if key is None:
            texts = [column for column in free if holds[column] not in ("nothing", "number")]
            key = texts[0] if len(texts) == 1 else None
            keyless = not texts and time is not None and (value is not None or counts)
        missing = {
            "--time": time is None,
            "--key": key is None and not keyless,
            "--value": value is None and not counts,
        }
    else:
        missing = {"--time": time is None}
    nameless = [option for option, is_missing in missing.items() if is_missing]
    if nameless:
        raise UsageFailure(_unclear(name, columns, holds, nameless))
    guessed = (time if said.time is None else None, value if said.value is None else None)
    if any(held_by([column]) not in ("text", "nothing") for column in guessed if column):
        raise UsageFailure(_no_header(name, columns))
    return replace(said, time=time, key=key, value=value)


def series_of(columns: Sequence[str], sample: Sequence[Row], time: str) -> tuple[list[str], list[str]]:
    """Of a wide table: the columns that are series, and those that are not, for they hold other than numbers."""
    holds = contents(columns, sample)
    others = [column for column in holds if column and column != time]
    series = [column for column in others if holds[column] in ("number", "epoch", "nothing")]
    return series, [column for column in others if column not in series]


def _time(free: Sequence[str], holds: Mapping[str, Holds]) -> str | None:
    timely = [column for column in free if holds[column] in ("time", "epoch")]
    dated = [column for column in free if holds[column] == "time"]
    # Without rows a name is all there is; and what is called a time but holds none is told with its row.
    return (
        _named(TIMES, timely)
        or (dated[0] if len(dated) == 1 else None)
        # A number may happen to look like a time: only beside another that can be the value.
        or (timely[0] if len(timely) == 1 and any(holds[column] == "number" for column in free) else None)
        or _named(TIMES, [column for column in free if holds[column] in ("nothing", "text")], whole=True)
    )


def _value(free: Sequence[str], holds: Mapping[str, Holds]) -> str | None:
    numbers = [column for column in free if holds[column] in ("number", "epoch")]
    return (
        _named(VALUES, numbers)
        or (numbers[0] if len(numbers) == 1 else None)
        or _named(VALUES, [column for column in free if holds[column] in ("nothing", "text")], whole=True)
    )


def _named(names: Sequence[str], columns: Sequence[str], whole: bool = False) -> str | None:
    """The column with the clearest of the names; unless `whole`, one whose last word it is will do."""
    plain = {column: re.sub(r"[^a-z0-9]", "", column.lower()) for column in columns}
    for name in names:
        for column, text in plain.items():
            if text == name:
                return column
    for name in () if whole else names:
        ending = [column for column in columns if re.split(r"[^a-z0-9]+", column.lower())[-1] == name]
        if len(ending) == 1:
            return ending[0]
    return None


def _unclear(name: str, columns: Sequence[str], holds: Mapping[str, Holds], nameless: Sequence[str]) -> str:
    if len(columns) == 1:
        return (
            f"{name} has only one column, {columns[0][:60]!r}: "
            f"the columns of a CSV are told apart by comma, semicolon, tab or |"
        )
    if any(held_by([column]) not in ("text", "nothing") for column in columns):
        return _no_header(name, columns)
    kinds = {"epoch": "number", "nothing": "empty"}
    shown = [f"{column} ({kinds.get(holds[column], holds[column])})" for column in holds if column]
    many = sum(held in ("number", "epoch") for held in holds.values()) > 2 and "--value" in nameless
    or_wide = " (or --wide if each is a series)" if many else ""
    return f"say which columns of {name} to use with {', '.join(nameless)}{or_wide}: it has {listed(shown)}"


def _no_header(name: str, columns: Sequence[str]) -> str:
    first = listed(columns)[:80]
    return f"{name} has no header, its first line is {first}: put a line above it that names the columns"


def _is_epoch(number: float) -> bool:
    return any(_SECONDS[0] * unit <= number <= _SECONDS[1] * unit for unit in (1, 1e3, 1e6, 1e9))
