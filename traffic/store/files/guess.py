"""Which columns are the time, the series and the value, where nobody said so: by their names, then by what they hold.

A guess is made only where one column stands out, and only where the rows agree with it; it is always said, and never
made against what a person named.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from traffic.errors import UsageFailure
from traffic.store.columns import Columns
from traffic.store.files.amounts import kind_of_value
from traffic.store.files.apart import refuse_labels, refuse_rivals
from traffic.store.files.beside import no_values, refuse_times_across
from traffic.store.files.cells import Holds, held_by
from traffic.store.files.formats import Recognised, recognise_format
from traffic.store.files.layout import Row
from traffic.store.files.look import listed
from traffic.store.files.naming import KEYS, columns_in, joined, named, one_member, plain, require
from traffic.store.files.numerals import NUMBER, Numbers, is_measure, measures
from traffic.store.files.overlooked import numbers_that_name, refuse_zones
from traffic.store.files.sampled import Sampled, contents
from traffic.store.files.when import format_of, time_of

VALUES = ("bytes", "value", "octets", "bits", "bps", "traffic", "requests", "hits", "packets", "latency", "count")
"""Names that say what a column is, the clearest first; compared without case and punctuation."""

_NAMELESS = re.compile(r"column \d+")
_CALENDAR = re.compile(
    r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?|(?:mo|di|mi|do|fr|sa|so)"
    r"|(?:montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag)|(?:week(?:day|end)?|work(?:day)?|holiday|night)"
    r"|(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*|q[1-4]|[ap]m",
    re.IGNORECASE,
)
_COUNTS = ("count", "hits")
_SUMMED_UP = {"sum", "min", "max", "avg", "average", "mean", "median", "minimum", "maximum"}
"""Last words of columns that sum up the samples of a time: a count beside them is of these samples."""
_ONCE = 0.9
"""Share of rows with a value of their own from which a column names rows, not series."""
_FEW = 30
"""Rows below which nothing is told from how often a value comes back."""


def complete(table: Sampled, said: Columns) -> Columns:
    """What was said about the columns, with what can be told from the table on top of it.

    Raises:
        UsageFailure: a column is not there, or more than one could be meant.
    """
    require(table.name, table.columns, said)
    holds = table.holds()
    if not said.wide and said.value is None:
        day_only = "date" in holds.values() and not {"time", "clock", "epoch"} & set(holds.values())
        refuse_times_across(table.name, table.columns, day_only)
    known = None if said.wide else recognise_format(table.columns)
    if known and said.key is None and said.value is None and not said.total:
        found = _by_format(table, known, said)
    else:
        found = _by_name(table, holds, said)
    if found.time_format is None and found.time is not None:
        found = replace(found, time_format=format_of(table, found.time))
    guessed = [column for column, told in ((found.time, said.time), (found.value, said.value)) if column and not told]
    if any(held_by([column]) not in ("text", "nothing") for column in guessed):
        raise UsageFailure(_no_header(table))
    refuse_zones(table, holds, found, said)
    if not found.wide:
        found = _with_statistic(found, said, known)
        refuse_rivals(table, holds, found, said)
    elif not said.wide:
        refuse_labels(table, found)
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
    taken = {*columns_in(time, columns), *no_values(columns, sample, time)}
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
    time = said.time or time_of(table, free, holds)
    # A column without a name may be the index of a frame, and that may be the time; it is nothing else.
    free = [c for c in free if c not in columns_in(time, table.columns) and not _NAMELESS.fullmatch(c)]
    beside = no_values(table.columns, table.rows, time)
    free = [column for column in free if column not in beside]
    if said.wide:
        _refuse_missing(table, holds, {"--time": time is None})
        return replace(said, time=time)
    counts = said.statistic in ("count", "share")
    key, value = said.key, said.value
    keyless = said.total
    # A column that identifies rows instead of series, or a day of the week, is not a key.
    able = [column for column in free if _names_series(table, column, holds[column])]
    if key is None and not keyless:
        key = named(KEYS, able)
    free = [column for column in free if column != key]
    if value is None and not counts:
        value = _value(free, holds)
        free = [column for column in free if column != value]
    if key is None and not keyless:
        texts = [column for column in able if holds[column] == "text" and column != value]
        varied = [column for column in texts if len(set(table.cells(column))) > 1]
        one = varied if len(varied) == 1 else texts
        key = one[0] if len(one) == 1 else None
        # A port or an AS number is a name, although it looks like a number.
        names = numbers_that_name(table, free, holds) if not texts else []
        keyless = not texts and not names and time is not None
    numbers = [column for column in free if holds[column] in ("number", "epoch")]
    spoilt = [column for column in free if holds[column] == "text" and _nearly_numbers(table.cells(column))]
    if keyless and not said.total and said.value is None and not counts and named(VALUES, [value or ""]) is None:
        _refuse_spoilt(table, spoilt)
    if keyless and not said.total and value is None and not counts and time is not None and len(numbers) > 1:
        # Nothing names the series, and nothing says which number is meant: each numeric column is a series.
        return replace(said, time=time, wide=True)
    missing = {
        "--time": time is None,
        "--key": key is None and not keyless,
        "--value": value is None and not counts,
    }
    _refuse_missing(table, holds, missing)
    return replace(said, time=time, key=key, value=value)


def _names_series(table: Sampled, column: str, held: Holds) -> bool:
    cells = table.cells(column)
    if held not in ("text", "number", "epoch", "nothing"):
        return False
    if held == "text" and (all(_CALENDAR.fullmatch(cell) for cell in cells) or measures(cells)):
        return False
    if held == "text" and not named(KEYS, [column]) and _nearly_numbers(cells):
        return False
    return len(cells) < _FEW or len(set(cells)) < _ONCE * len(cells)


def _nearly_numbers(cells: Sequence[str]) -> bool:
    """Whether texts are numbers, with a few words between them where something could not be measured."""
    numbers = [cell for cell in cells if NUMBER.fullmatch(cell) or is_measure(cell)]
    if len(numbers) == len(cells) or 2 * len(numbers) < len(cells):
        return False
    # Whole numbers that come back again and again may be names all the same.
    names = all(cell.isdigit() for cell in numbers) and len(set(numbers)) <= max(2, len(cells) // 3)
    return not names


def _refuse_spoilt(table: Sampled, columns: Sequence[str]) -> None:
    for column in columns:
        cell = next(cell for cell in table.cells(column) if not NUMBER.fullmatch(cell) and not is_measure(cell))
        raise UsageFailure(
            f"{table.name}: {column} holds numbers and {cell!r}: empty such cells, or choose columns with --value, or "
            "--wide to leave that column out"
        )


def _value(free: Sequence[str], holds: dict[str, Holds]) -> str | None:
    numbers = [column for column in free if holds[column] in ("number", "epoch")]
    found = named(VALUES, numbers)
    clearest = next((name for name in VALUES if any(name == _last_word(column) for column in numbers)), None)
    if found is not None and clearest is not None and clearest != _last_word(found) and plain(found) not in VALUES:
        # Of source.bytes and destination.bytes neither stands out; the only column of packets is not meant therefore.
        return None
    if found is not None and _last_word(found) in _COUNTS and {_last_word(one) for one in numbers} & _SUMMED_UP:
        # How many samples a sum or a mean is of is not what is asked for.
        return None
    return (
        found
        or (numbers[0] if len(numbers) == 1 else None)
        or (None if numbers else named(VALUES, [c for c in free if holds[c] in ("nothing", "text")], whole=True))
    )


def _with_statistic(found: Columns, said: Columns, known: Recognised | None) -> Columns:
    """What several rows of a bucket come to, where nobody said so: amounts add up, anything else is a mean."""
    if said.statistic is not None or found.value is None:
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


def _refuse_missing(table: Sampled, holds: dict[str, Holds], missing: dict[str, bool]) -> None:
    options = [option for option, is_missing in missing.items() if is_missing]
    if options:
        raise UsageFailure(_unclear(table, holds, options))


def _unclear(table: Sampled, holds: dict[str, Holds], options: Sequence[str]) -> str:
    if len(table.columns) == 1 and table.objects:
        return f"{table.name}: {one_member(table.columns[0], 'rows')}"
    if len(table.columns) == 1:
        return (
            f"{table.name} has only one column, {table.columns[0][:60]!r}: columns of a CSV are separated by comma, "
            f"semicolon, tab or | (or set --delimiter){_if_a_log(table)}"
        )
    if any(held_by([column]) not in ("text", "nothing") for column in table.columns):
        return _no_header(table)
    shown = [f"{column} ({_content(table, column, holds[column])})" for column in holds if column]
    many = sum(held in ("number", "epoch") for held in holds.values()) > 2 and "--value" in options
    or_wide = " (or --wide if each is a series)" if many else ""
    clocks = [column for column in holds if holds[column] == "clock"]
    if options[0] == "--time" and clocks and not any(holds[c] in ("time", "date", "epoch") for c in holds):
        return f"{table.name}: {clocks[0]} contains times of day, but no column has the date: add one"
    return f"specify which columns of {table.name} to use with {', '.join(options)}{or_wide}: it has {listed(shown)}"


def _content(table: Sampled, column: str, held: Holds) -> str:
    names = {"epoch": "number", "nothing": "empty", "clock": "time of day"}
    if held != "text":
        return names.get(held, held)
    values = len(set(table.cells(column)))
    return f"text, {values:,}{'' if table.whole else '+'} value{'' if values == 1 else 's'}"


def _last_word(column: str) -> str:
    return re.split(r"[\W_]+", column.lower())[-1]


def _quoted(expression: str) -> list[str]:
    return [name.replace('""', '"') for name in re.findall(r'"((?:[^"]|"")+)"', expression)] + re.findall(
        r"[A-Za-z_][\w.]*", expression
    )


def _no_header(table: Sampled) -> str:
    first = listed(table.columns)[:80]
    way = f"add a line above it that names the columns{_if_a_log(table)}"
    return f"{table.name} has no header; its first line is {first}: {way}"


def _if_a_log(table: Sampled) -> str:
    """What else to do with lines of words, with a time of the day among them."""
    line = " ".join(table.columns)
    words = line.count(" ") > 3 and re.search(r"\d\d:\d\d:\d\d|[a-z]+=[^ ]+ [a-z]+=", line)
    return "; a log is read with --metric requests" if words else ""
