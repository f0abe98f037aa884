"""Rows of more than a moment, such as flows: each is counted at one time, which is said where they last long."""

from __future__ import annotations

from traffic.store.columns import Columns
from traffic.store.files.beside import moment
from traffic.store.files.layout import Row
from traffic.store.files.naming import columns_in, plain
from traffic.store.files.numerals import NUMBER
from traffic.store.files.sampled import Sampled
from traffic.text import length

_BEGINS = (
    *("ts", "start", "starttime", "firstseen", "first", "stime", "timestampstart", "flowstart", "flowstartseconds"),
    *("flowstartmilliseconds", "timeflowstart", "timeflowstartns", "timeflowstartms", "begin", "firstswitched"),
)
_ENDS = (
    *("te", "end", "endtime", "lastseen", "last", "etime", "timestampend", "flowend", "flowendseconds"),
    *("flowendmilliseconds", "timeflowend", "timeflowendns", "timeflowendms", "finish", "lastswitched"),
)
_FINAL = "flow.final"
_DURATIONS = ("td", "duration", "dur")
"""Of which the unit is known, in the formats that have them: seconds."""
_LEAST, _LONG = 0.005, 60
"""Share of the rows that have to last longer than so many seconds."""


def lasting(table: Sampled, used: Columns, step: int | None) -> list[str]:
    """What is said of rows that last longer than a bucket; nothing where they come as regularly as they last.

    Args:
        table: as far as it was looked at.
        used: the columns that are read.
        step: seconds between the rows of a series; None if they are irregular.
    """
    if used.how != "sum" or used.wide:
        return []
    lengths = [found for row in table.rows if (found := _length(table, row, used)) is not None]
    long = [one for one in lengths if one > max(_LONG, step or 0)]
    if not long or len(long) < _LEAST * len(lengths):
        return []
    share = max(1, round(100 * len(long) / len(lengths)))
    how = f"each is counted wholly at its {used.time}, not spread: --resolution 10m or 60m blurs that"
    return [f"{share} % of the first rows last longer than 1 min, up to {length(max(long))}; {how}"]


def going_on(table: Sampled, used: Columns, said: Columns) -> list[str]:
    """What is said of flows as Packetbeat reports them while they go on: each report counts from their beginning."""
    if used.how != "sum" or said.where or _FINAL not in table.columns:
        return []
    if "false" not in {cell.lower() for cell in table.cells(_FINAL)}:
        return []
    way = f'--where "\\"{_FINAL}\\" = \'true\'"'
    return [
        f"rows of flows that go on ({_FINAL}: false) count all since the flow began, so sums are too high: use {way}"
    ]


def _length(table: Sampled, row: Row, used: Columns) -> float | None:
    """Seconds that a row is of; None if it does not say."""
    names = {plain(column): place for place, column in enumerate(table.columns)}
    for name in _DURATIONS if used.format else ():
        if name in names and NUMBER.fullmatch(cell := (row[names[name]] or "").strip()):
            return float(cell)
    end = next((names[name] for name in _ENDS if name in names), None)
    begin = next((names[name] for name in _BEGINS if name in names), None)
    if begin is None and len(times := columns_in(used.time, table.columns)) == 1:
        begin = table.columns.index(times[0])
    if begin is None or end is None or begin == end:
        return None
    one, two = moment(row[begin]), moment(row[end])
    return None if one is None or two is None else (two - one).total_seconds()
