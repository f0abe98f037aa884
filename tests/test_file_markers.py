"""Values that stand for nothing (-1, -9999, 4294967295): left out, counted and said; what may be meant stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.test_file_situations import COUNTED, GROWS, at, read, rows
from traffic.errors import UsageFailure
from traffic.flows import FlowQuery
from traffic.model import Query, Window
from traffic.store import Columns, open_source
from traffic.store.files import FilesSource
from traffic.store.files.markers import Markers

PLAIN = (10.0, 60.0, 35.0, 20.0)
SIGNED = (-12.5, 3.0, 31.0, -1.0, -2.0)

LEFT_OUT: dict[str, tuple[tuple[float, ...], float]] = {
    "-1 among values that are never negative": (PLAIN, -1),
    "-1 among fractions of which none is large": ((0.1, 0.25, 0.3), -1),
    "-99 among percentages": (PLAIN, -99),
    "-9999 among temperatures": (SIGNED, -9999),
    "-32768 among temperatures": (SIGNED, -(2.0**15)),
    "-2147483648 among anything": ((1e6, 2e6, 5e6), -(2.0**31)),
    "65535 among readings": (PLAIN, 65535),
    "2^31 - 1 among readings": (PLAIN, 2.0**31 - 1),
    "2^32 - 1 among bytes": ((1e9, 2e9, 1.5e9), 2.0**32 - 1),
    "2^63 - 1": ((1e15, 2e15, 3e17), 2.0**63),
    "2^64 - 1": ((1e15, 2e15, 3e18), 2.0**64),
    "99999 among readings": (PLAIN, 99999),
}
KEPT: dict[str, tuple[float, ...]] = {
    "temperatures": (*SIGNED, -1, -1, -1),
    "temperatures as low as -99": (*SIGNED, -40, -99, -99),
    "a balance that goes far below": (-5000, -9999, -9999, 4000, -1),
    "nothing below 0": (0, 0, 1, 1, 3),
    "a value that occurs once": (*PLAIN, -9999),
    "values up to 65535": (60000, 41000, 65535, 65535),
    "values up to 2^32": (4.0e9, 3.9e9, 2.0**32 - 1, 2.0**32 - 1),
    "one that is nearly it": (*PLAIN, -1.5, -1.5),
    "-1 alone": (-1, -1, -1),
    "nothing": (),
}
SAID: dict[str, tuple[float, ...]] = {
    "states": (-1, 0, 1, 1, -1, 0),
    "small changes": (0, 2, -1, -1, 4, 3),
    "shares, and a little below": (0.5, 0.9, -1, -1),
    "0 and below": (0, 0, -1, -1),
    "a number that nobody writes for nothing": (*PLAIN, -5, -5),
}


def seen(*values: float, parts: int = 1, octets: bool = False) -> list[tuple[float, int, bool]]:
    markers = Markers()
    for part in np.array_split(np.array(values, dtype=float), parts):
        markers.add(part)
    return [(one.value, one.rows, one.sure) for one in markers.found(octets)]


@pytest.mark.parametrize("parts", [1, 3, 100])
@pytest.mark.parametrize("case", LEFT_OUT)
def test_what_recurs_and_is_like_no_other_value_stands_for_nothing(case: str, parts: int) -> None:
    others, marker = LEFT_OUT[case]
    mixed = [marker, *others, marker, *others, marker]
    assert seen(*mixed, parts=parts) == [(marker, 3, True)]


@pytest.mark.parametrize("parts", [1, 3, 100])
@pytest.mark.parametrize("case", KEPT)
def test_what_may_be_a_value_stays(case: str, parts: int) -> None:
    assert seen(*KEPT[case], parts=parts) == []


@pytest.mark.parametrize("parts", [1, 3, 100])
@pytest.mark.parametrize("case", SAID)
def test_what_may_be_either_is_only_said(case: str, parts: int) -> None:
    assert seen(*SAID[case], parts=parts) == [(min(SAID[case]), 2, False)]


def test_both_ends_are_looked_at_and_a_packet_of_65535_bytes_is_one() -> None:
    both = (*PLAIN, -1, -1, 65535, 65535, 65535)
    assert seen(*both) == [(-1, 2, True), (65535, 3, True)]
    assert seen(*both, octets=True) == [(-1, 2, True)]


def table(*values: float, column: str = "load") -> str:
    return rows(f"time,key,{column}", *(f"{at(n)},a,{value:.0f}" for n, value in enumerate(values)))


NUMBERS = (10, 60, -1, 35, -1, 20)
THERE = {"a": {at(n, "%H:%M"): float(value) for n, value in enumerate(NUMBERS) if value != -1}}
WHOLE = {"a": {at(n, "%H:%M"): float(value) for n, value in enumerate(NUMBERS)}}


@pytest.mark.parametrize(
    ("said", "expected", "told"),
    [
        (
            Columns(),
            THERE,
            "2 rows contain -1 in load, which is treated as missing: --missing none keeps it",
        ),
        (Columns(missing=()), WHOLE, None),
        (Columns(missing=(-1.0,)), THERE, None),
        (
            Columns(missing=(10.0, 20.0)),
            {"a": {time: value for time, value in WHOLE["a"].items() if value not in (10, 20)}},
            None,
        ),
        (Columns(statistic="max"), THERE, "2 rows contain -1 in load"),
        (Columns(wide=True), {"load": THERE["a"]}, "2 rows contain -1 in the columns"),
    ],
)
def test_they_are_left_out_of_a_file_and_said(
    said: Columns, expected: dict[str, dict[str, float]], told: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    content = table(*NUMBERS)
    path.write_text(content.replace("key,", "").replace(",a,", ",") if said.wide else content)
    found, lines = read(str(path), said)
    assert found == expected
    of_them = [line for line in lines if " rows contain " in line]
    assert [told in line for line in of_them] == [True] if told else of_them == []


@pytest.mark.parametrize("late", [False, True])
def test_they_come_late_in_a_file_of_several_parts(late: bool, tmp_path: Path) -> None:
    numbers = [40 + n % 7 for n in range(600)]
    for place in (450, 451) if late else (3, 4):
        numbers[place] = 65535
    path = tmp_path / "rows.csv"
    path.write_text(table(*numbers))
    source = open_source(str(path), Columns())
    window = source.extent(None, 60)
    coverage = source.coverage(window, window)
    assert [(one.reason, one.rows) for one in coverage.parts[0].left_out] == [("have no finite value", 2)]
    assert any("2 rows contain 65535" in note for note in coverage.notes)


@pytest.mark.parametrize("marker", [-1, 2**32 - 1, 2**64 - 1])
def test_a_counter_that_could_not_be_read_goes_on(marker: int, tmp_path: Path) -> None:
    lines = [f"{at(n)},a,{value}" for n, value in enumerate(GROWS)]
    lines += [f"{at(n, '%Y-%m-%dT%H:%M:30Z')},a,{marker}" for n in (2, 4, 7)]
    path = tmp_path / "rows.csv"
    path.write_text(rows("time,key,value", *lines))
    found, said = read(str(path), Columns())
    assert found == COUNTED
    assert any("read as counters" in line for line in said)


def test_what_an_event_is_made_of_is_reckoned_without_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(
        rows(
            "time,key,bytes,port",
            *(f"{at(n)},a,{value},{port}" for n, (value, port) in enumerate([(10, 1), (-1, 2), (35, 1), (-1, 2)] * 5)),
        )
    )
    source = FilesSource(str(path), Columns(statistic="sum"))
    window = source.extent(None, 60)
    (answer,) = source.flows([FlowQuery("a", (Window(window.start, window.end),), ("port",))])
    assert answer.values == (("1",),)


def test_response_times_below_0_are_said_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("".join(f'{{"time":"{at(0)}","service":"a","duration_ms":{ms}}}\n' for ms in (20, -1, 40, -1)))
    source = open_source(str(path), Columns(preset="latency"))
    assert "2 lines have a duration_ms below 0: --where 'duration_ms >= 0' leaves them out" in source.remarks()
    source = open_source(str(path), Columns(preset="latency", where="duration_ms >= 0"))
    window = source.extent(None, 60)
    assert source.series(Query(source.metric, ("a",), window, 60)).values == pytest.approx(30.0)
    assert source.remarks() == []
    with pytest.raises(UsageFailure, match="does not use --missing"):
        open_source(str(path), replace(Columns(preset="latency"), missing=(-1.0,)))
