"""Files of other people that were read wrongly and in silence, or ended in a mistake of the program.

Each is of a kind; what it must come to is written beside it, and was reckoned by hand.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance import MONDAY
from tests.test_file_situations import (
    Right,
    assert_read_rightly,
    assert_refused,
    at,
    laid,
    many,
    ndjson,
    parquet,
    read,
    rows,
)
from traffic.store import Columns
from traffic.store.base import SEVERAL

WIDE = {
    "in": {at(n, "%H:%M"): float(7 * n % 5 + 1) for n in range(9)},
    "out": {at(n, "%H:%M"): 3.0 for n in range(9)},
}
BUCKETS = [
    {"key_as_string": at(n), "key": 1000 * (MONDAY + 60 * n), "doc_count": 7 + n % 2}  # as Elasticsearch answers
    for n in range(9)
]
AUTUMN = ["01:30", "02:00", "02:30", "02:00", "02:30", "03:00", "03:30", "04:00", "04:30"]
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
    # --- times and headers ------------------------------------------------------------------------------
    "a short year behind the day": Right(
        rows("time;key;load", *(f"{at(n + 20 * 1440, '%d.%m.%y %H:%M')};a;{n % 3 + 1}" for n in range(5))),
        {"a": {at(n, "%H:%M"): float(n % 3 + 1) for n in range(5)}},
    ),
    "UTC in the name of the times": Right(
        rows("Time (UTC+00:00),key,load", *(f"{at(n, '%Y-%m-%d %H:%M:%S')},a,{n % 3 + 1}" for n in range(5))),
        {"a": {at(n, "%H:%M"): float(n % 3 + 1) for n in range(5)}},
    ),
    "four lines above the rows, of CloudWatch": Right(
        rows(
            "Full label,In i-1,In i-2\nLabel,In i-1,In i-2\nStatistic,Sum,Sum\nPeriod,60,60",
            *(f"{at(n, '%Y/%m/%d %H:%M:%S')},{n % 3 + 1},7" for n in range(9)),
        ),
        {
            "In i-1": {at(n, "%H:%M"): float(n % 3 + 1) for n in range(9)},
            "In i-2": {at(n, "%H:%M"): 7.0 for n in range(9)},
        },
    ),
    "numbers as names below a title": Right(
        rows("site,x,y\ntime,1,2", *(f"{at(n)},{n % 3 + 1},7" for n in range(9))),
        {"1": {at(n, "%H:%M"): float(n % 3 + 1) for n in range(9)}, "2": {at(n, "%H:%M"): 7.0 for n in range(9)}},
    ),
    "when a file was written beside the times of its rows": Right(
        rows("timestamp,event_timestamp,key,load", *(f"{at(999)},{at(n)},a,{n % 3 + 1}" for n in range(9))),
        {"a": {at(n, "%H:%M"): n % 3 + 1.0 for n in range(9)}},
    ),
    "when a file was written beside days": Right(
        rows("updated_at,date,key,load", *(f"{at(9999)},2025-01-0{n},a,{n}" for n in (6, 7, 8))),
        {"a": {"00:00": 6.0}},
    ),
    "clocks that are set back": Right(
        rows("time,key,load", *(f"2024-10-27 {clock},a,{n + 1}" for n, clock in enumerate(AUTUMN))),
        {"a": {"01:30": 1.0, "02:00": 3.0, "02:30": 4.0, "03:00": 6.0, "03:30": 7.0, "04:00": 8.0, "04:30": 9.0}},
        told="the times go back by an hour after 2024-10-27T02:30:00Z, as clocks do in autumn: --timezone-of-data ZONE",
    ),
    "clocks that are set back in a zone that is known": Right(
        rows("time,key,load", *(f"2024-10-27 {clock},a,{n + 1}" for n, clock in enumerate(AUTUMN))),
        {"a": {"23:30": 1.0, "01:00": 3.0, "01:30": 4.0, "02:00": 6.0, "02:30": 7.0, "03:00": 8.0, "03:30": 9.0}},
        Columns(zone="Europe/Berlin"),
        told="the clocks of Europe/Berlin change at 2024-10-27T01:30:00Z, where the times go back: some rows may be",
    ),
    # --- what values count ------------------------------------------------------------------------------
    "a percentile of bytes": Right(
        rows("time,key,bytes 95th percentile", *(f"{at(n / 4)},a,{n // 4 + 1}" for n in range(20))),
        {"a": {at(n, "%H:%M"): n + 1.0 for n in range(5)}},
    ),
    "bytes that are in use": Right(
        rows("time,key,node_filesystem_bytes", *(f"{at(n / 4)},a,{n // 4 % 3 + 1}" for n in range(20))),
        {"a": {at(n, "%H:%M"): n % 3 + 1.0 for n in range(5)}},
    ),
    "kilobytes of flows": Right(
        rows("time,key,kbytes", *(f"{at(n / 4)},a,{n // 4 % 3 + 1}" for n in range(20))),
        {"a": {at(n, "%H:%M"): 4.0 * (n % 3 + 1) for n in range(5)}},
    ),
    "a unit for each row": Right(
        rows("time,key,load,unit", *(f"{at(n)},{key},{n % 3 + 1},{key}bps" for n in range(9) for key in "KM")),
        {key: {at(n, "%H:%M"): n % 3 + 1.0 for n in range(9)} for key in "KM"},
        told="unit names several units (Kbps, Mbps), and the values are not converted: read the rows of one with",
    ),
    "a percent sign in some values": Right(
        rows("time,key,load", *(f"{at(n)},a,{n % 3 + 1}{'%' if n % 2 else ''}" for n in range(9))),
        {"a": {at(n, "%H:%M"): n % 3 + 1.0 for n in range(9)}},
        told="some values of load end in % and others do not: all are read as one unit",
    ),
    # --- columns that are none of the series -----------------------------------------------------------
    "numbers of rows beside columns of values": Right(
        rows("#,time,in,out", *(f"{n + 1},{at(n)},{7 * n % 5 + 1},3" for n in range(9))),
        WIDE,
        told="not series, because they number the rows or repeat the time: #",
    ),
    "the time in seconds beside the time as text": Right(
        rows("time,unix,in,out", *(f"{at(n)},{MONDAY + 60 * n},{7 * n % 5 + 1},3" for n in range(9))),
        WIDE,
        told="not series, because they number the rows or repeat the time: unix",
    ),
    "a year and a month beside the time": Right(
        rows("time,year,month,in,out", *(f"{at(n)},2025,1,{7 * n % 5 + 1},3" for n in range(9))),
        WIDE,
        told="not series, because they number the rows or repeat the time: year, month",
    ),
    "what Splunk adds to a chart of times": Right(
        rows(
            '"_time",in,out,"_span"',
            *(f'"{at(n, "%Y-%m-%dT%H:%M:%S.000+0000")}",{7 * n % 5 + 1},3,60' for n in range(9)),
        ),
        WIDE,
    ),
    "bits that only look like times stay a series": Right(
        rows("time,in,out", *(f"{at(n)},{10**9 + 60 * n * n},3" for n in range(9))),
        {
            "in": {at(n, "%H:%M"): float(10**9 + 60 * n * n) for n in range(9)},
            "out": {at(n, "%H:%M"): 3.0 for n in range(9)},
        },
        Columns(statistic="avg", wide=True),
    ),
    "buckets of times, of Elasticsearch": Right(
        {"rows.json": json.dumps({"took": 1, "aggregations": {"t": {"buckets": BUCKETS}}})},
        {"rows": {at(n, "%H:%M"): 7.0 + n % 2 for n in range(9)}},
    ),
    "buckets of times in buckets of hosts": Right(
        {
            "rows.json": json.dumps(
                {
                    "aggregations": {
                        "h": {"buckets": [{"key": k, "doc_count": 9, "t": {"buckets": BUCKETS}} for k in "ab"]}
                    }
                }
            )
        },
        {k: {at(n, "%H:%M"): 7.0 + n % 2 for n in range(9)} for k in "ab"},
    ),
    "sites that are mostly numbers": Right(
        rows("time,site,load", *(f"{at(n // 3)},{('12', '15', 'north')[n % 3]},{n % 3 + 1}" for n in range(60))),
        {site: {at(n, "%H:%M"): load for n in range(20)} for site, load in (("12", 1.0), ("15", 2.0), ("north", 3.0))},
    ),
    **{
        f"series that look alike, {what}": Right(
            rows("time,key,load", *(f"{at(n)},{key},{n % 3 + 1}" for n in range(9) for key in names)),
            {key: {at(n, "%H:%M"): n % 3 + 1.0 for n in range(9)} for key in names},
            told="1 series look like others but are written in other characters, such as",
        )
        for what, names in (
            ("with an accent on its own", ("caf\u00e9", "cafe\u0301")),
            ("with a character of no width", ("a", "a\u200b")),
            ("with a blank that holds words together", ("a b", "a\u00a0b")),
        )
    },
    "a temperature that rises": Right(
        rows("time,key,temperature", *(f"{at(n)},a,{20 + n / 2}" for n in range(40))),
        {"a": {at(n, "%H:%M"): 20 + n / 2 for n in range(40)}},
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
    assert_read_rightly(RIGHT[situation], tmp_path)


CELLS = ",".join(str(10 + 7 * hour % 11) for hour in range(24))


def across(names: list[str], beside: str = "") -> str:
    """A row a day, with a column for each hour."""
    return rows(
        f"date{beside and ',meter'},{','.join(names)}", *(f"2025-01-{day:02}{beside},{CELLS}" for day in range(1, 29))
    )


REFUSED: dict[str, tuple[dict[str, str | bytes] | str, Columns, str]] = {
    "a column for each hour": (
        across([f"{hour:02}:00" for hour in range(24)]),
        Columns(),
        "00:00, 01:00, 02:00 and 21 more columns are times: write a row for each time",
    ),
    "a column for each hour, beside a meter": (
        across([f"{hour}:00" for hour in range(24)], beside=",m1"),
        Columns(),
        "0:00, 1:00, 2:00 and 21 more columns are times",
    ),
    "columns that number the hours": (
        across([f"H{hour}" for hour in range(1, 25)]),
        Columns(),
        "H1, H2, H3 and 21 more columns are times",
    ),
    "a column for each time": (
        rows("host," + ",".join(map(at, range(24))), *(f"{key},{CELLS}" for key in "abcd")),
        Columns(),
        "2025-01-06T00:00:00Z, 2025-01-06T00:01:00Z, 2025-01-06T00:02:00Z and 21 more columns are times",
    ),
    "a year before the month": (
        rows("time;key;load", *(f"{at(n, '%y.%m.%d %H:%M')};a;{n % 3}" for n in range(5))),
        Columns(),
        "'25.01.06 00:00' in time can have its year first or last: use --time-format %y.%m.%d or",
    ),
    "years before the month, over days": (
        rows("time;key;load", *(f"{at(600 * n, '%y.%m.%d')};a;{n % 3}" for n in range(60))),
        Columns(),
        "can have its year first or last",
    ),
    "seconds of a day": (
        rows("date,seconds,key,load", *(f"2025-01-06,{60 * n},a,{n % 3}" for n in range(20))),
        Columns(),
        "date contains dates, and seconds (0 to 1140) may be the time of day",
    ),
    **{
        f"{name} as the name of the times": (
            rows(f"{name};key;load", *(f"{at(n, '%Y-%m-%d %H:%M:%S')};a;{n % 3}" for n in range(5))),
            Columns(),
            f"the name of {name} says that its times are {zone}: use --timezone-of-data {advice}, or --time",
        )
        for name, zone, advice in (
            ("Time (CET)", "CET", "Europe/Berlin"),
            ("timestamp [America/New_York]", "America/New_York", "America/New_York"),
            ("Zeit (UTC+1)", "UTC+1", "Etc/GMT-1"),
            ("(PDH-CSV 4.0) (W. Europe Standard Time)", "W. Europe Standard Time", "ZONE"),
            ("time_local", "local", "ZONE"),
        )
    },
    "objects that hold a list": (
        {"rows.json": ndjson({"resourceMetrics": [{"a": 1, "b": [1, 2]}]} for _ in range(3))},
        Columns(),
        "its objects contain only resourceMetrics: if that is a list of rows, write one per line, as jq",
    ),
    "bounds of buckets as numbers": (
        rows(
            "time,le,duration_seconds_bucket",
            *(f"{at(n)},{le},{n * count}" for n in range(20) for le, count in (("0.1", 6), ("0.5", 12), ("+Inf", 18))),
        ),
        Columns(),
        "up to 3 rows of the file have the same time and differ in le: use --key le to make each a series",
    ),
    **{
        f"a log of {of}, as a table": ({"a.log": line * 9}, Columns(), "; a log is read with --metric requests")
        for of, line in (
            ("Java", "2025-01-06 00:00:00,123 INFO  [main] com.example.A: started\n"),
            ("syslog", "<14>1 2025-01-06T00:00:00.003Z web app 123 ID47 - started\n"),
            ("keys and values", 'time=2025-01-06T00:00:00Z level=info msg="hello world" service=a status=200\n'),
        )
    },
    "a word among the numbers of a column": (
        rows("time,in,out", *(f"{at(n)},{n % 7},{'ERR' if n % 5 == 3 else 10 + 7 * n % 11}" for n in range(20))),
        Columns(),
        "out holds numbers and 'ERR': empty such cells",
    ),
    "a word among measures": (
        rows("Time,a,b", *(f"{at(n)},{n % 7} Mb/s,{'undefined' if n == 3 else f'{n % 5} Kb/s'}" for n in range(20))),
        Columns(),
        "b holds numbers and 'undefined': empty such cells",
    ),
    "how many samples a sum is of": (
        {
            "rows.json": ndjson(
                {"time": at(n), "host": "a", "value": {"max": 9.5, "min": 1.5, "sum": 20 + n % 3, "count": 5}}
                for n in range(20)
            )
        },
        Columns(),
        "with --value (or --wide if each is a series): it has time (time), host (text, 1 value), value.max",
    ),
    "notes in JSON beside a table": (
        {"a.csv": many("time,key,value", "{t},a,{i}"), "metadata.json": ndjson([{"source": "x", "created": at(0)}])},
        Columns(),
        "metadata.json has no column time (--time): it has source, created",
    ),
}


@pytest.mark.parametrize("situation", REFUSED)
def test_what_was_misread_is_refused_with_what_helps(situation: str, tmp_path: Path) -> None:
    assert_refused(*REFUSED[situation], tmp_path)


CLF = '10.0.0.{} - - [06/Jan/2025:00:{:02}:00 +0000] "GET /a HTTP/1.1" 200 15 "-" "curl/8"\n'


def test_an_access_log_is_a_table_too(tmp_path: Path) -> None:
    content = "".join(CLF.format(n % 2, n // 2) for n in range(40))
    found, told = read(laid(tmp_path, {"access.log": content}), Columns(key="ip"))
    assert found == {key: {at(n, "%H:%M"): 2.0 for n in range(20)} for key in ("10.0.0.0", "10.0.0.1")}
    assert "not used: method (text, 1+ value), endpoint" in told[0]


@pytest.mark.parametrize("name", ["latest.csv", "z.csv"])
def test_a_file_under_two_names_is_read_once(name: str, tmp_path: Path) -> None:
    (tmp_path / "flows.csv").write_text(many("time,key,requests", "{t},a,{i}", 3))
    (tmp_path / name).symlink_to("flows.csv")
    (tmp_path / "flows-too.csv").hardlink_to(tmp_path / "flows.csv")
    both = f"{tmp_path}/flows.csv{SEVERAL}{tmp_path}/./flows.csv"
    for place in (str(tmp_path), f"{tmp_path}/*.csv", both):
        found, told = read(place, Columns())
        assert found == {"a": {"00:00": 10.0, "00:01": 17.0, "00:02": 13.0}}
        assert told == ["using time, key, requests (summed)"]


def test_a_copy_of_a_parquet_file_is_said(tmp_path: Path) -> None:
    content = parquet(time=[MONDAY + 60 * n for n in range(9)], key=["a"] * 9, requests=[n % 4 for n in range(9)])
    _, told = read(laid(tmp_path, {"a.parquet": content, "b.parquet": content}), Columns())
    assert any("begin with the same rows: if one is a copy, its rows count twice" in line for line in told)
