"""Times that are written in rare ways, or count from elsewhere than 1970, and values that are told by their units."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conformance import MONDAY
from tests.test_file_situations import Right, assert_read_rightly, assert_refused, at, parquet, rows
from traffic.store import Columns

MINUTES = {"a": {at(n, "%H:%M"): n % 3 + 1.0 for n in range(9)}}
GPS = 315_964_800 - 18  # GPS does not know the 18 leap seconds since it began
WINDOWS = [(MONDAY + 60 * n + 11_644_473_600) * 10**7 for n in range(9)]


def timed(name: str, write: Callable[[int], object]) -> str:
    return rows(f"{name},key,load", *(f"{write(MONDAY + 60 * n)},a,{n % 3 + 1}" for n in range(9)))


def written(form: str, step: int = 1) -> str:
    return timed("time", lambda t: at((t - MONDAY) / 60 * step, form))


RIGHT: dict[str, Right] = {
    "an hour without minutes": Right(written("%Y-%m-%dT%H", 60), {"a": {f"{n:02}:00": n % 3 + 1.0 for n in range(9)}}),
    "an hour without minutes behind a blank": Right(
        written("%Y-%m-%d %H", 60), {"a": {f"{n:02}:00": n % 3 + 1.0 for n in range(9)}}
    ),
    "RFC 3339 in small letters": Right(written("%Y-%m-%dt%H:%M:%Sz"), MINUTES),
    "RFC 3339 in small letters with an offset": Right(written("%Y-%m-%dt%H:%M:%S.500+00:00"), MINUTES),
    "a small z, with a zone for times that have none": Right(
        written("%Y-%m-%dt%H:%M:%Sz"), MINUTES, Columns(zone="Europe/Berlin")
    ),
    "a Z behind digits, with a zone for times that have none": Right(
        written("%Y%m%dT%H%M%SZ"), MINUTES, Columns(zone="Europe/Berlin")
    ),
    "generalized time of LDAP": Right(written("%Y%m%d%H%M%S.0Z"), MINUTES),
    "times of .NET in JSON": Right(timed("time", lambda t: f"/Date({t * 1000})/"), MINUTES),
    # The offset is that of whoever wrote it, and changes nothing.
    "times of .NET in JSON with an offset": Right(timed("time", lambda t: f"/Date({t * 1000}+0100)/"), MINUTES),
    "times of Windows": Right(
        timed("time", lambda t: (t + 11_644_473_600) * 10**7),
        MINUTES,
        told="the times in time are read as steps of 100 ns since 1601, as Windows counts them",
    ),
    "times of Windows in Parquet": Right(
        {"rows.parquet": parquet(time=WINDOWS, key=["a"] * 9, load=[n % 3 + 1 for n in range(9)])}, MINUTES
    ),
    "ticks of .NET": Right(timed("ticks", lambda t: (t + 62_135_596_800) * 10**7), MINUTES),
    "GPS, by the name of the column": Right(
        timed("gps_time", lambda t: t - GPS), MINUTES, told="are read as seconds since 6 January 1980, as GPS counts"
    ),
    "Unix times of a GPS receiver": Right(timed("gps_time", lambda t: t), MINUTES),
    **{
        f"{name}, where it is said": Right(timed("t", count), MINUTES, Columns(time="t", time_format=(name,)))
        for name, count in (
            ("ntp", lambda t: t + 2_208_988_800),
            ("cocoa", lambda t: t - 978_307_200),
            ("gps", lambda t: t - GPS),
            ("unix", lambda t: t * 1000),
        )
    },
    # --- amounts by their units ------------------------------------------------------------------------
    **{
        f"{name} of flows": Right(
            rows(f"time,key,{name}", *(f"{at(n / 4)},a,{n // 4 % 3 + 1}" for n in range(20))),
            {"a": {at(n, "%H:%M"): 4.0 * (n % 3 + 1) for n in range(5)}},
            told=f"using time, key, {name} (summed)",
        )
        for name in ("gb", "bits", "mb_total", "Traffic (MB)", "GiB", "kB", "MBytes", "KBytesSent", "terabytes")
    },
    **{
        f"{name} are no amounts": Right(
            rows(f"time,key,{name}", *(f"{at(n / 4)},a,{n // 4 % 3 + 1}" for n in range(20))),
            {"a": {at(n, "%H:%M"): n % 3 + 1.0 for n in range(5)}},
        )
        for name in ("memory_gb", "MB/s", "kbits_per_sec", "disk_used_gb")
    },
}


@pytest.mark.parametrize("situation", RIGHT)
def test_a_time_or_an_amount_is_read_rightly(situation: str, tmp_path: Path) -> None:
    assert_read_rightly(RIGHT[situation], tmp_path)


REFUSED: dict[str, tuple[str, Columns, str]] = {
    "NTP": (
        timed("ts", lambda t: t + 2_208_988_800),
        Columns(),
        "They may be seconds since 1900, as NTP counts them (of 2025-01-06T00:00:00Z): --time-format ntp",
    ),
    "Apple": (
        timed("t", lambda t: t - 978_307_200),
        Columns(time="t", value="load"),
        "They may be seconds since 2001, as Apple counts them (of 2025-01-06T00:00:00Z): --time-format cocoa",
    ),
}


@pytest.mark.parametrize("situation", REFUSED)
def test_times_that_lie_absurdly_far_off_are_refused_with_what_they_may_be(situation: str, tmp_path: Path) -> None:
    assert_refused(*REFUSED[situation], tmp_path)
