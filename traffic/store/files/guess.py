"""Which columns are the time, the series and the value, where nobody said so: by their names, then by what they hold.

A guess is made only where one column stands out, and only where the rows agree with it; it is always said, and never
made against what a person named.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from traffic.errors import UsageFailure
from traffic.store.base import Columns
from traffic.store.files.amounts import kind_of_value
from traffic.store.files.cells import Holds, Numbers, held_by, is_blank, time_format
from traffic.store.files.formats import Recognised, recognise_format
from traffic.store.files.layout import Row
from traffic.store.files.look import listed
from traffic.store.files.naming import columns_in, joined, require

TIMES = (
    *("ts", "time", "timestamp", "datetime", "eventtime", "start", "starttime", "begin", "when", "minute", "hour"),
    *("date", "day", "datum", "zeit", "epoch"),
)
KEYS = (
    *("key", "customer", "series", "client", "tenant", "account", "host", "device", "interface", "name", "id"),
    *("metric", "instance", "server", "node", "router", "subscriber", "circuit"),
)
VALUES = ("bytes", "value", "octets", "bits", "bps", "traffic", "requests", "hits", "packets", "latency", "count")
"""Names that say what a column is, the clearest first; compared without case and punctuation."""

_NAMELESS = re.compile(r"column \d+")
_HOURS = ("hour", "hr", "hh", "stunde")
_MINUTES = ("minute", "min", "mm")
_CALENDAR = re.compile(
    r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?|(?:mo|di|mi|do|fr|sa|so)"
    r"|(?:montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag)|(?:week(?:day|end)?|work(?:day)?|holiday|night)"
    r"|(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*|q[1-4]|[ap]m",
    re.IGNORECASE,
)
_ONCE = 0.9
"""Share of rows with a value of their own from which a column names rows, not series."""
_FEW = 30
"""Rows below which nothing is told from how often a value comes back."""


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


def complete(table: Sampled, said: Columns) -> Columns:
    """What was said about the columns, with what can be told from the table on top of it.

    Raises:
        UsageFailure: a column is not there, or more than one could be meant.
    """
    require(table.name, table.columns, said)
    holds = table.holds()
    known = None if said.wide else recognise_format(table.columns)
    if known and said.key is None and said.value is None and not said.total:
        found = _by_format(table, known, said)
    else:
        found = _by_name(table, holds, said)
    if found.time_format is None and found.time is not None:
        found = replace(found, time_format=_format_of(table, found.time))
    guessed = [column for column, told in ((found.time, said.time), (found.value, said.value)) if column and not told]
    if any(held_by([column]) not in ("text", "nothing") for column in guessed):
        raise UsageFailure(_no_header(table))
    if not found.wide:
        found = _with_statistic(found, said, known)
        _refuse_rivals(table, holds, found, said)
    return found


def unused(table: Sampled, used: Columns) -> list[str]:
    """The columns that are not read, each with what it holds."""
    holds = table.holds()
    taken = {*columns_in(used.time, table.columns), *columns_in(used.key, table.columns)}
    taken |= {column for column in table.columns if used.value and column in (used.value, *_quoted(used.value))}
    return [
        f"{column} ({_content(table, column, holds[column])})"
        for column in table.columns
        if column not in taken and holds[column] != "nothing" and not _NAMELESS.fullmatch(column)
    ]


def series_of(
    columns: Sequence[str], sample: Sequence[Row], time: str, numbers: Numbers | None = None
) -> tuple[list[str], list[str]]:
    """Of a wide table: the columns that are series, and those that are not, for they hold other than numbers."""
    holds = contents(columns, sample, numbers)
    taken = columns_in(time, columns)
    others = [column for column in holds if column and column not in taken]
    series = [column for column in others if holds[column] in ("number", "epoch", "nothing")]
    series = [column for column in series if holds[column] != "nothing" or not _NAMELESS.fullmatch(column)]
    return series, [column for column in others if column not in series and holds[column] != "nothing"]


def _by_format(table: Sampled, known: Recognised, said: Columns) -> Columns:
    blank = {column for column in known.key if not table.cells(column)}
    key = joined([column for column in known.key if column not in blank] or known.key)
    value = None if said.statistic in ("count", "share") else known.value
    return replace(said, time=said.time or known.time, key=key, value=value, format=known.format.name)


def _by_name(table: Sampled, holds: dict[str, Holds], said: Columns) -> Columns:
    taken = {*columns_in(said.time, table.columns), *columns_in(said.key, table.columns)}
    taken |= {said.value} if said.value else set()
    free = [column for column in holds if column and column not in taken]
    time = said.time or _time(table, free, holds)
    # A column without a name may be the index of a frame, and that may be the time; it is nothing else.
    free = [c for c in free if c not in columns_in(time, table.columns) and not _NAMELESS.fullmatch(c)]
    if said.wide:
        _refuse_missing(table, holds, {"--time": time is None})
        return replace(said, time=time)
    counts = said.statistic in ("count", "share")
    key, value = said.key, said.value
    keyless = said.total
    # A column that names rows and not series, or a day of the week, is no key.
    able = [column for column in free if _names_series(table, column, holds[column])]
    if key is None and not keyless:
        key = _named(KEYS, able)
    free = [column for column in free if column != key]
    if value is None and not counts:
        value = _value(free, holds)
        free = [column for column in free if column != value]
    if key is None and not keyless:
        texts = [column for column in able if holds[column] == "text" and column != value]
        varied = [column for column in texts if len(set(table.cells(column))) > 1]
        one = varied if len(varied) == 1 else texts
        key = one[0] if len(one) == 1 else None
        keyless = not texts and time is not None
    numbers = [column for column in free if holds[column] in ("number", "epoch")]
    if keyless and not said.total and value is None and not counts and time is not None and len(numbers) > 1:
        # Nothing names series, and nothing says which number is meant: each of them is one.
        return replace(said, time=time, wide=True)
    missing = {
        "--time": time is None,
        "--key": key is None and not keyless,
        "--value": value is None and not counts,
    }
    _refuse_missing(table, holds, missing)
    return replace(said, time=time, key=key, value=value)


def _time(table: Sampled, free: Sequence[str], holds: dict[str, Holds]) -> str | None:
    stamps = [column for column in free if holds[column] in ("time", "epoch") and not _midnights(table, column)]
    days = [column for column in free if holds[column] in ("date", "time") and column not in stamps]
    written = [column for column in stamps if holds[column] == "time"]
    # A column that moves within the day beats one that does not, whatever they are called.
    found = _named(TIMES, written) or (written[0] if len(written) == 1 else None)
    found = found or (None if written else _named(TIMES, stamps))
    if found is None and days and not written:
        found = _day(table, days, free, holds)
    epochs = [column for column in stamps if holds[column] == "epoch"]
    return (
        found
        # A number may happen to look like a time: only beside another that can be the value.
        or (epochs[0] if len(stamps) == 1 and epochs and any(holds[c] == "number" for c in free) else None)
        # Without rows a name is all there is; and what is called a time but holds none is told with its row.
        or (None if days else _named(TIMES, [c for c in free if holds[c] in ("nothing", "text")], whole=True))
    )


def _day(table: Sampled, days: Sequence[str], free: Sequence[str], holds: dict[str, Holds]) -> str | None:
    """A column of days, with the column of the time of day beside it."""
    day = _named(TIMES, days) or (days[0] if len(days) == 1 else None)
    if day is None:
        return None
    clocks = [column for column in free if holds[column] == "clock"]
    if clocks:
        clock = _named(TIMES, clocks) or (clocks[0] if len(clocks) == 1 else None)
        return joined([day, clock]) if clock else None
    parts = [
        next((c for c in free if _plain(c) in names and holds[c] == "number" and _within(table, c, top)), None)
        for names, top in ((_HOURS, 23), (_MINUTES, 59))
    ]
    if parts[0] is not None:
        return joined([day, *filter(None, parts)])
    texts = [column for column in free if holds[column] == "text" and _plain(column) in TIMES]
    if texts:
        cell = table.cells(texts[0])[0]
        raise UsageFailure(
            f"{table.name}: {day} holds days, and {texts[0]} beside it holds {cell!r}, which is no time of day: write "
            f"HH:MM:SS, or say --time {day} if a day is all that is meant"
        )
    return day


def _midnights(table: Sampled, column: str) -> bool:
    """Whether every time in the column is the start of a day."""
    return all(re.search(r"[T ]0?0:00(?::00(?:[.,]0+)?)?(?!\d)", cell) for cell in table.cells(column)) and bool(
        table.cells(column)
    )


def _within(table: Sampled, column: str, top: int) -> bool:
    return all(cell.isdigit() and int(cell) <= top for cell in table.cells(column))


def _names_series(table: Sampled, column: str, held: Holds) -> bool:
    cells = table.cells(column)
    if held not in ("text", "number", "epoch", "nothing"):
        return False
    if held == "text" and all(_CALENDAR.fullmatch(cell) for cell in cells):
        return False
    return len(cells) < _FEW or len(set(cells)) < _ONCE * len(cells)


def _value(free: Sequence[str], holds: dict[str, Holds]) -> str | None:
    numbers = [column for column in free if holds[column] in ("number", "epoch")]
    return (
        _named(VALUES, numbers)
        or (numbers[0] if len(numbers) == 1 else None)
        or (None if numbers else _named(VALUES, [c for c in free if holds[c] in ("nothing", "text")], whole=True))
    )


def _with_statistic(found: Columns, said: Columns, known: Recognised | None) -> Columns:
    """What several rows of a bucket come to, where nobody said so: amounts add up, anything else is a mean."""
    if said.statistic is not None or said.preset is not None or found.value is None:
        return found
    kind = kind_of_value(known.values[0] if known and found.format else found.value)
    if known and found.format and known.format.statistic:
        amount, octets = known.format.statistic == "sum", known.format.octets
    else:
        amount, octets = kind.amount, kind.octets
    if not amount:
        return replace(found, statistic="avg")
    plain = said.scale == 1.0 and not said.unit
    return replace(found, statistic="sum", bits=octets and plain)


def _refuse_rivals(table: Sampled, holds: dict[str, Holds], found: Columns, said: Columns) -> None:
    """Stop where rows of one series at one time differ in a column that may tell the series apart, and do not add up.

    Raises:
        UsageFailure: they do.
    """
    if found.statistic != "avg" or said.statistic is not None or said.key is not None or found.time is None:
        return
    rivals, most = rivals_of(table, holds, found)
    if rivals:
        raise UsageFailure(not_told_apart(table.name, found.key, rivals, most))


def not_told_apart(name: str, key: str | None, rivals: Sequence[str], most: int) -> str:
    """The line for rows of one series at one time that would be averaged away."""
    all_of = joined([*([key] if key else []), *rivals[:1]])
    of = f"one {key}" if key else "the file"
    alone = f" or --key {rivals[0]}" if key else ""
    return (
        f"{name}: up to {most:,} rows of {of} have the same time and differ in {listed(rivals)}: say --key {all_of}"
        f"{alone} for a series each, --statistic sum to add them up, or --statistic avg for their mean"
    )


def rivals_of(table: Sampled, holds: dict[str, Holds], found: Columns) -> tuple[list[str], int]:
    """Columns in which rows of one series at one time differ, and how many such rows there are at most."""
    named = [*columns_in(found.time, table.columns), *columns_in(found.key, table.columns)]
    places = [table.columns.index(column) for column in named]
    groups: dict[tuple[str | None, ...], list[Row]] = defaultdict(list)
    for row in table.rows:
        groups[tuple(row[place] for place in places)].append(row)
    several = [rows for rows in groups.values() if len(rows) > 1]
    if not several:
        return [], 1
    able = [c for c in table.columns if holds[c] in ("text", "number") and c not in named and c != found.value]
    rivals = []
    for column in able:
        place = table.columns.index(column)
        differ = sum(len({row[place] for row in rows}) > 1 for rows in several)
        # A measure of its own differs as well, but its values do not come back.
        again = holds[column] == "text" or _codes(table.cells(column))
        if again and 2 * differ > len(several):
            rivals.append(column)
    return rivals, max(map(len, several))


def _codes(cells: Sequence[str]) -> bool:
    """Whether numbers are names: whole, and few of them."""
    counts = Counter(cells)
    return all(cell.isdigit() for cell in counts) and len(counts) <= max(2, len(cells) // 3)


def _named(names: Sequence[str], columns: Sequence[str], whole: bool = False) -> str | None:
    """The column with the clearest of the names; unless `whole`, one whose last word it is will do."""
    plain = {column: _plain(column) for column in columns}
    for name in names:
        for column, text in plain.items():
            if text == name:
                return column
    for name in () if whole else names:
        ending = [column for column in columns if re.split(r"[^a-z0-9]+", column.lower())[-1] == name]
        if len(ending) == 1:
            return ending[0]
    return None


def _plain(column: str) -> str:
    return re.sub(r"[^a-z0-9]", "", column.lower())


def _format_of(table: Sampled, time: str) -> tuple[str, ...] | None:
    """How a column of times is written, or the parts of one are once they are put together.

    Raises:
        UsageFailure: day and month cannot be told apart.
    """
    names = columns_in(time, table.columns)
    if not names:
        return None
    places = [table.columns.index(name) for name in names]
    rows = [[(row[place] or "").strip() for place in places] for row in table.rows]
    whole = [" ".join(clock(parts)) for parts in rows if not any(is_blank(part) for part in parts)]
    found = time_format(whole)
    if found == "ambiguous":
        raise UsageFailure(
            f"{table.name}: {whole[0]!r} in {time} may be the day or the month first: say --time-format %d/%m/%Y or "
            f"--time-format %m/%d/%Y (with the time of day, as '%d/%m/%Y %H:%M')"
        )
    return found


def clock(parts: Sequence[str]) -> list[str]:
    """A day and a time of day as one text has them: bare hours and minutes get their colons."""
    if len(parts) == 1 or ":" in parts[1]:
        return list(parts)
    minute = parts[2] if len(parts) > 2 else "0"
    return [parts[0], f"{parts[1]:0>2}:{minute:0>2}"]


def _refuse_missing(table: Sampled, holds: dict[str, Holds], missing: dict[str, bool]) -> None:
    options = [option for option, is_missing in missing.items() if is_missing]
    if options:
        raise UsageFailure(_unclear(table, holds, options))


def _unclear(table: Sampled, holds: dict[str, Holds], options: Sequence[str]) -> str:
    if len(table.columns) == 1:
        return (
            f"{table.name} has only one column, {table.columns[0][:60]!r}: "
            f"the columns of a CSV are told apart by comma, semicolon, tab or | (or say --delimiter)"
        )
    if any(held_by([column]) not in ("text", "nothing") for column in table.columns):
        return _no_header(table)
    shown = [f"{column} ({_content(table, column, holds[column])})" for column in holds if column]
    many = sum(held in ("number", "epoch") for held in holds.values()) > 2 and "--value" in options
    or_wide = " (or --wide if each is a series)" if many else ""
    clocks = [column for column in holds if holds[column] == "clock"]
    if options[0] == "--time" and clocks and not any(holds[c] in ("time", "date", "epoch") for c in holds):
        return f"{table.name}: {clocks[0]} holds times of day, and no column holds their date: add one"
    return f"say which columns of {table.name} to use with {', '.join(options)}{or_wide}: it has {listed(shown)}"


def _content(table: Sampled, column: str, held: Holds) -> str:
    names = {"epoch": "number", "nothing": "empty", "clock": "time of day"}
    if held != "text":
        return names.get(held, held)
    values = len(set(table.cells(column)))
    return f"text, {values:,}{'' if table.whole else '+'} value{'' if values == 1 else 's'}"


def _quoted(expression: str) -> list[str]:
    return [name.replace('""', '"') for name in re.findall(r'"((?:[^"]|"")+)"', expression)] + re.findall(
        r"[A-Za-z_][\w.]*", expression
    )


def _no_header(table: Sampled) -> str:
    first = listed(table.columns)[:80]
    return f"{table.name} has no header, its first line is {first}: put a line above it that names the columns"
