"""What a person is told of a table: which columns were taken for what, and what may not be what it seems."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from traffic.model import DAY
from traffic.store.columns import Columns
from traffic.store.files.amounts import kind_of_value
from traffic.store.files.beside import no_values
from traffic.store.files.cells import EXCEL, few_digits
from traffic.store.files.epochs import EPOCHS
from traffic.store.files.evidence import Evidence
from traffic.store.files.guess import series_of, unused
from traffic.store.files.look import Input, listed
from traffic.store.files.naming import columns_in
from traffic.store.files.numerals import ambiguous_thousands
from traffic.store.files.overlooked import copies, joined_by_blanks, later_columns, zones_beside
from traffic.store.files.sampled import Sampled
from traffic.times import iso

_EARLY = 788_918_400
"""1995: what lies before it is rarely meant."""
_MOST = 6
_UNITS = re.compile(r"(?:\w*_)?units?|einheit|uom|unité|unidad", re.IGNORECASE)
_SAMPLING = re.compile(r"sampl\w*[_ -]?(?:rate|interval)|sampling$", re.IGNORECASE)


def how_read(table: Sampled, used: Columns, said: Columns) -> list[str]:
    """Which columns were taken for what, and which were not used."""
    found = []
    guessed = said.time is None or (not said.wide and not said.total and said.key is None)
    guessed = guessed or (not said.wide and said.value is None) or used.statistic != said.statistic or used.bits
    if used.wide:
        series, others = series_of(table.columns, table.rows, used.time or "", table.numbers)
        if guessed:
            time = _shown(used.time, table)
            found.append(f"using {time}, and {len(series)} columns as series: {listed(series)}{_way(used)}")
        if others:
            found.append(f"not series, because they contain no numbers: {listed(others)}")
        if beside := no_values(table.columns, table.rows, used.time):
            found.append(f"not series, because they number the rows or repeat the time: {listed(beside)}")
        return found
    if not guessed or (said.time and said.key and said.value and used.how == "avg" and not used.counter):
        return found
    key = _shown(used.key, table) or ("all rows as one series" if used.total else _files(table))
    line = f"using {', '.join(filter(None, (_shown(used.time, table), key, used.value)))}{_way(used)}"
    if rest := unused(table, used):
        more = f" and {len(rest) - _MOST} more" if len(rest) > _MOST else ""
        line += f"; not used: {', '.join(rest[:_MOST])}{more}"
    found.append(f"{used.format}: {line}" if used.format else line)
    return found


def doubts(table: Sampled, used: Columns, said: Columns) -> list[str]:
    """What looks as if it were meant otherwise."""
    found = []
    names = [used.value] if used.value in table.columns else []
    if used.wide:
        names = list(series_of(table.columns, table.rows, used.time or "", table.numbers)[0])
    for name in names if said.decimal is None else ():
        if name and (cell := ambiguous_thousands(table.cells(name))):
            mark = "," if "," in cell else "."
            decimals = table.numbers is None or table.numbers.decimal == mark
            taken, other = ("decimals", "thousands") if decimals else ("thousands", "decimals")
            say = mark if other == "decimals" else "," if mark == "." else "."
            found.append(
                f"every value of {name} has three digits behind its {mark} ({cell}), read as the separator of "
                f"{taken}: use --decimal '{say}' if it separates {other}"
            )
            break
    found += _units(table, used)
    rate = next((column for column in table.columns if _SAMPLING.search(column)), None)
    if rate and said.value is None and used.value in table.columns and set(table.cells(rate)) - {"1", "0"}:
        found.append(f"{rate} is not used: use --value '{used.value}*{rate}' if the rows are sampled")
    times = columns_in(used.time, table.columns)
    if said.time and (zones := zones_beside(table, table.holds(), used)):
        found.append(f"{zones} seems to contain time zones, which are not used: times are read as {used.zone}")
    if used.time_format == EXCEL and said.time_format is None:
        found.append(f"the times in {used.time} are read as days since 1899, as spreadsheets count them")
    if used.time_format and said.time_format is None and (counted := EPOCHS.get(used.time_format[0])):
        found.append(f"the times in {used.time} are read as {counted.title} (--time-format unix: as since 1970)")
    if len(times) == 1 and few_digits(table.cells(times[0])):
        cell = table.cells(times[0])[0]
        found.append(
            f"the times in {used.time} have only six digits ({cell}), which means a resolution of hours: write them out"
        )
    if len(times) == 1 and said.time and table.holds()[times[0]] == "date":
        clocks = [column for column, held in table.holds().items() if held == "clock"]
        if clocks:
            found.append(f"{said.time} contains only dates: --time {said.time},{clocks[0]} adds the time of day")
    return found


def _units(table: Sampled, used: Columns) -> list[str]:
    """What is odd about the units of the values."""
    found = []
    for column in table.columns:
        units = sorted(set(table.cells(column))) if _UNITS.fullmatch(column) else []
        if len(units) > 1 and not used.wide and column not in columns_in(used.key, table.columns):
            found.append(
                f"{column} names several units ({', '.join(units[:3])}), and the values are not converted: read the "
                f"rows of one with --where \"{column} = '{units[0]}'\""
            )
    if used.value in table.columns:
        cells = table.cells(used.value or "")
        share = sum(cell.endswith("%") for cell in cells)
        if 0 < share < len(cells):
            found.append(f"some values of {used.value} end in % and others do not: all are read as one unit")
    return found


def of_several(inputs: Sequence[Input], used: Columns) -> list[str]:
    """What is odd about files that are read together."""
    found = []
    for what, says in (("left out", "it is left out"), ("read", "it is read all the same, for the file is large")):
        if names := [file.name for file in inputs if file.cut == what]:
            where = names[0] if len(names) == 1 else f"{len(names):,} files ({names[0]} ...)"
            found.append(f"the last line of {where} has no line break and may be cut: {says}")
    found += [f"{file.name} {file.told}" for file in inputs if file.told][:_MOST]
    if (used.key is not None or used.total) and (twice := copies(inputs)):
        found.append(f"{twice[0]} begin with the same rows: if one is a copy, its rows count twice")
    if joined := joined_by_blanks(inputs, used.key):
        found.append(f"blanks around cells are removed, so {joined!r} and {joined.strip()!r} are one series")
    later = [] if used.wide else later_columns(inputs)
    if later:
        found.append(f"not used, because the first file does not have them: {listed(later[:_MOST])}")
    return found


def tried(used: Columns, said: Columns, found: Evidence) -> list[str]:
    """What the first rows say of the statistic."""
    lines, moves = _clocks(used, found), found.moves
    if used.counter and said.counter is None and said.statistic is None:
        lines.append(
            "the values only grow, so they are read as counters and their rate is used (--statistic avg: use them as "
            "they are)"
        )
    elif not used.counter and said.statistic is None and not kind_of_value(used.value or "").level:
        growing, every = moves.fast + moves.slow, moves.every
        if growing:
            lines.append(
                f"the values of {growing} of {every} series only grow, as counters do: --statistic rate reads all as "
                f"counters"
            )
        if moves.saws:
            lines.append(
                f"the values of {moves.saws} of {every} series repeatedly grow and fall back to zero, like counters "
                "that reset: --statistic rate reads all as counters"
            )
    if found.below:
        column = used.value or "COLUMN"
        lines.append(
            f"the values of {found.below:,} series are never above 0, as some tools write what is sent: rises are only "
            f"found with the sign turned, --value=-{column}"
        )
    averaged = used.how == "avg" and said.statistic is None and not used.counter
    if averaged and found.step is None and found.a_minute >= 1.5:
        lines.append(
            f"about {found.a_minute:.3g} rows of a series in a minute are averaged: --statistic sum adds them up"
        )
    return lines


def _clocks(used: Columns, found: Evidence) -> list[str]:
    if found.set_back is None:
        return []
    when = iso(found.set_back)
    if used.zone == "UTC":
        way = "--timezone-of-data ZONE reads them as those of a zone"
        return [f"the times go back by an hour after {when}, as clocks do in autumn: {way}"]
    return [f"the clocks of {used.zone} change at {when}, where the times go back: some rows may be an hour off"]


def dated(column: str | None, first: int, last: int) -> list[str]:
    """What is odd about the times."""
    found = []
    if last > time.time() + DAY:
        found.append(f"the last row is of {iso(last)}, which is in the future: check {column}")
    if first < _EARLY:
        found.append(f"the first row is of {iso(first)}, before 1995: check {column}")
    return found


def _shown(text: str | None, table: Sampled) -> str:
    return "+".join(columns_in(text, table.columns)) or (text or "")


def _way(used: Columns) -> str:
    if used.counter:
        return f" (counters, as {'bit/s' if used.bits else used.unit or 'a rate'})"
    if used.statistic == "sum":
        return f" (summed{', as bit/s' if used.bits else ''})"
    return ""


def _files(table: Sampled) -> str:
    return "the name of the file" if table.files == 1 else "the names of the files"
