"""Files that are damaged a little: quotes that swallow rows, last lines that are cut, members that are there twice."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.test_file_situations import Files, Right, assert_read_rightly, assert_refused, at, laid, ndjson, read, rows
from traffic.model import HOUR, Window, ceil_to, floor_to
from traffic.store import Columns, open_source

COUNT = 40


def table(changed: dict[int, str], note: str = "x") -> str:
    """Rows of which some are others."""
    return rows(
        "time,key,requests,note",
        *(changed.get(n, f"{at(n)},a,{n % 3 + 1},{note}") for n in range(COUNT)),
    )


SWALLOWED: dict[str, tuple[str, Columns, str]] = {
    "in a key": (
        table({10: f'{at(10)},"a,2,x', 20: f'{at(20)},a",2,x'}),
        Columns(),
        "line 12: a quote (\") makes one cell of the 11 lines from 'a,2,x' on: remove it, or double it",
    ),
    "in a column that is not read": (
        table({10: f'{at(10)},a,2,"big', 20: f'{at(20)},a,2,small"'}),
        Columns(),
        "line 12: a quote (\") makes one cell of the 11 lines from 'big' on",
    ),
    "over a single line break": (
        table({10: f'{at(10)},a,2,"big', 11: f'{at(11)},a,2,small"'}),
        Columns(key="key", value="requests", where="requests > 0"),
        "line 12: a quote (\") makes one cell of the 2 lines from 'big' on",
    ),
    "never closed": (table({10: f'{at(10)},a,2,"big'}), Columns(), "line 12: a quote is never closed: fix that line"),
}


@pytest.mark.parametrize("situation", SWALLOWED)
def test_rows_that_a_stray_quote_swallows_are_refused(situation: str, tmp_path: Path) -> None:
    assert_refused(*SWALLOWED[situation], tmp_path)


def whole(count: int) -> dict[str, dict[str, float]]:
    return {"a": {at(n, "%H:%M"): 995.0 + n for n in range(count)}}


LOADS = rows("time,key,load", *(f"{at(n)},a,{995 + n}" for n in range(COUNT)))
KEYS = rows("time,load,key", *(f"{at(n)},{995 + n},customer-1" for n in range(COUNT)))
OBJECTS = ndjson({"time": at(n), "key": "a", "load": 995 + n} for n in range(COUNT))
DECIMALS = rows("time,key,load", *(f"{at(n)},a,{995 + n}.50" for n in range(COUNT)))
CUT = "has no line break and may be cut: it is left out"

RIGHT: dict[str, Right] = {
    "texts over two lines": Right(
        table({}, note='"a text\nof two lines"'), {"a": {at(n, "%H:%M"): n % 3 + 1.0 for n in range(COUNT)}}
    ),
    "inches": Right(table({}, note='19" rack'), {"a": {at(n, "%H:%M"): n % 3 + 1.0 for n in range(COUNT)}}),
    "a last value that is cut": Right(LOADS[:-2], whole(COUNT - 1), told=CUT),
    "a last value that may be cut": Right(LOADS[:-1], whole(COUNT - 1), told=CUT),
    "a last line that is cut in its middle": Right(LOADS[:-9], whole(COUNT - 1), told=CUT),
    "a last key that is cut": Right(
        KEYS[:-3], {"customer-1": {at(n, "%H:%M"): 995.0 + n for n in range(COUNT - 1)}}, told=CUT
    ),
    "a last key that is not": Right(KEYS[:-1], {"customer-1": {at(n, "%H:%M"): 995.0 + n for n in range(COUNT)}}),
    "last decimals that are not cut": Right(DECIMALS[:-1], {"a": {at(n, "%H:%M"): 995.5 + n for n in range(COUNT)}}),
    "last decimals that are cut": Right(
        DECIMALS[:-2], {"a": {at(n, "%H:%M"): 995.5 + n for n in range(COUNT - 1)}}, told=CUT
    ),
    "a last object that is cut": Right({"rows.json": OBJECTS[:-5]}, whole(COUNT - 1), told=CUT),
    "a last object that is not": Right({"rows.json": OBJECTS[:-1]}, whole(COUNT)),
    "a last value that is cut and packed": Right(
        {"rows.csv.gz": gzip.compress(LOADS[:-2].encode())}, whole(COUNT - 1), told=CUT
    ),
    **{
        f"keys that begin with a mark, {what}": Right(
            rows("key,time,load", *(f"{key},{at(n)},{n % 3 + 1}" for n in range(9) for key in keys)),
            {key: {at(n, "%H:%M"): n % 3 + 1.0 for n in range(9)} for key in keys},
        )
        for what, keys in (("all", ("#general", "#random")), ("some", ("#general", "north")))
    },
    "rows that were struck out": Right(
        rows("key,time,load", *(f"{'#' if n == 4 else ''}a,{at(n)},{n % 3 + 1}" for n in range(9))),
        {"a": {at(n, "%H:%M"): n % 3 + 1.0 for n in range(9) if n != 4}},
    ),
}


@pytest.mark.parametrize("situation", RIGHT)
def test_what_is_whole_of_a_damaged_file_is_read(situation: str, tmp_path: Path) -> None:
    assert_read_rightly(RIGHT[situation], tmp_path)
    assert CUT in RIGHT[situation].told or not any("may be cut" in line for line in _told(tmp_path))


def _told(folder: Path) -> list[str]:
    return read(str(folder), Columns())[1]


def test_a_last_line_that_may_be_cut_is_counted(tmp_path: Path) -> None:
    source = open_source(laid(tmp_path, LOADS[:-2]), Columns())
    reach = source.extent(None, 60)
    (part,) = source.coverage(Window(floor_to(reach.start, HOUR), ceil_to(reach.end, HOUR)), reach).parts
    assert (part.rows, part.used) == (COUNT, COUNT - 1)
    assert [(one.rows, one.reason) for one in part.left_out] == [(1, "have no line break, and may be cut")]


TWICE = '{{"time":"{}","key":"a",{}}}\n'


@pytest.mark.parametrize(
    ("files", "where"),
    [
        ({"rows.json": "".join(TWICE.format(at(n), '"load":1,"load":2') for n in range(9))}, "line 1"),
        ({"rows.json": "".join(TWICE.format(at(n), '"v":{"load":1,"load":2}') for n in range(9))}, "line 1"),
        ({"rows.json": "[" + ",".join(TWICE.format(at(n), '"load":1,"load":2') for n in range(9)) + "]"}, "line 1"),
        (
            {
                "rows.json": '{"data":{"rows":['
                + ",".join(TWICE.format(at(n), '"load":1,"load":2') for n in range(9))
                + "]}}"
            },
            "rows.json",
        ),
    ],
)
def test_objects_with_two_members_of_one_name_are_refused(files: Files, where: str, tmp_path: Path) -> None:
    assert_refused(files, Columns(), f"{where}: an object has two members called load: rename one", tmp_path)
