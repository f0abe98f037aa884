"""Files of other people that were read wrongly and in silence, or ended in a mistake of the program.

Each is of a kind; what it must come to is written beside it, and was reckoned by hand.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance import MONDAY
from tests.test_file_situations import Right, at, laid, many, ndjson, parquet, read, rows
from traffic.errors import Failure, UsageFailure
from traffic.store import Columns

HOURS = {"a": {f"{hour:02}:00": float(10 + hour) for hour in range(24)}}

RIGHT: dict[str, Right] = {
    # --- several files -------------------------------------------------------------------------------
    "a folder an hour whose rows hold no time": Right(
        {
            f"year=2025/month=01/day=06/hour={hour:02}/part.parquet": parquet(key=["a"], value=[10 + hour])
            for hour in range(24)
        },
        HOURS,
    ),
    "a day and an hour as folders": Right(
        {f"dt=2025-01-06/hour={hour:02}/part.parquet": parquet(key=["a"], value=[10 + hour]) for hour in range(24)},
        HOURS,
    ),
    "files of Parquet that differ in their types": Right(
        {
            "a.parquet": parquet(time=[MONDAY], key=["a"], value=[5]),
            "b.parquet": parquet(time=[MONDAY + 60], key=["a"], value=["6"]),
            "c.parquet": parquet(time=[MONDAY + 120], key=["a"], value=[7]),
        },
        {"a": {"00:00": 5.0, "00:01": 6.0, "00:02": 7.0}},
    ),
    # --- numbers ---------------------------------------------------------------------------------------
    "commas for thousands that begin late": Right(
        rows("time,key,value", *(f'{at(n)},a,"{"" if n < 300 else "1,"}{700 + 7 * n % 11}"' for n in range(306))),
        {"a": {at(n, "%H:%M"): 700.0 + 7 * n % 11 + (0 if n < 300 else 1000) for n in range(306)}},
        told="every value of value has three digits behind its , (1,710), read as the separator of thousands",
    ),
    "a point for thousands in few of many numbers": Right(
        rows("time;key;value", *(f"{at(n)};a;{'1.234' if n % 10 == 9 else 900 + n}" for n in range(20))),
        {"a": {at(n, "%H:%M"): 1.234 if n % 10 == 9 else 900.0 + n for n in range(20)}},
        told="every value of value has three digits behind its . (1.234), read as the separator of decimals",
    ),
    "a column called sampling": Right(
        rows("time,src,bytes,sampling", f"{at(0)},a,15,1000"),
        {"a": {"00:00": 2.0}},
        told="sampling is not used: use --value 'bytes*sampling' if the rows are sampled",
    ),
}


@pytest.mark.parametrize("situation", RIGHT)
def test_what_was_misread_is_read_rightly_or_said(situation: str, tmp_path: Path) -> None:
    case = RIGHT[situation]
    found, told = read(laid(tmp_path, case.files), case.said)
    assert found == case.values, told
    if case.told:
        assert any(case.told in line for line in told), told


REFUSED: dict[str, tuple[dict[str, str | bytes] | str, Columns, str]] = {
    "notes in JSON beside a table": (
        {"a.csv": many("time,key,value", "{t},a,{i}"), "metadata.json": ndjson([{"source": "x", "created": at(0)}])},
        Columns(),
        "metadata.json has no column time (--time): it has source, created",
    ),
}


@pytest.mark.parametrize("situation", REFUSED)
def test_what_was_misread_is_refused_with_what_helps(situation: str, tmp_path: Path) -> None:
    files, said, line = REFUSED[situation]
    with pytest.raises(Failure) as refused:
        read(laid(tmp_path, files), said)
    assert isinstance(refused.value, UsageFailure)
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)
