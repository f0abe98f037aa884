"""Files as people have them: what is read of each, what is said of it, or the line that leads on.

Every case is small, and what it must come to is written beside it. What `using` says is in tests/test_files.py.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from tests.conformance import MONDAY
from traffic.errors import Failure, UsageFailure
from traffic.model import HOUR, Query, Window, ceil_to, floor_to
from traffic.store import Columns, open_source

Files = dict[str, str | bytes]


@dataclass(frozen=True)
class Right:
    """What a file comes to: key -> hour and minute -> value, where it is neither missing nor 0."""

    files: Files | str
    values: dict[str, dict[str, float]]
    said: Columns = field(default_factory=Columns)
    told: str = ""
    """Part of what is said of it."""


def at(minute: float, form: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    """A time of 6 January 2025."""
    return datetime.fromtimestamp(MONDAY + 60 * minute, UTC).strftime(form)


def rows(head: str, *lines: str) -> str:
    return "\n".join([head, *lines]) + "\n"


def many(head: str, row: str, count: int = 20, step: float = 1, form: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    """Rows of one a step: {t} the time, {i} a number that rises and falls, {n} one that grows."""
    values = [10 + (7 * index) % 11 for index in range(count)]
    return rows(
        head, *(row.format(t=at(step * n, form), e=MONDAY + 60 * step * n, i=values[n], n=n) for n in range(count))
    )


def ndjson(objects: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(one) + "\n" for one in objects)


def parquet(**columns: list[Any]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return bytes(sink.getvalue().to_pybytes())


def laid(folder: Path, files: Files | str) -> str:
    named = {"rows.csv": files} if isinstance(files, str) else files
    for name, content in named.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(folder / next(iter(named))) if len(named) == 1 else str(folder)


def read(place: str, said: Columns) -> tuple[dict[str, dict[str, float]], list[str]]:
    """The minutes of the first day that hold something, and all that is said."""
    source = open_source(place, said)
    extent = source.extent(None, 60)
    window = Window(floor_to(extent.start, HOUR), min(ceil_to(extent.end, HOUR), floor_to(extent.start, HOUR) + 86400))
    keys = tuple(source.keys(window))
    matrix = source.series(Query(source.metric, keys, window, 60))
    found = {
        key: {
            datetime.fromtimestamp(window.start + 60 * int(place), UTC).strftime("%H:%M"): round(float(row[place]), 6)
            for place in np.flatnonzero(~np.isnan(row) & (row != 0))
        }
        for key, row in zip(keys, matrix.values, strict=True)
    }
    source.coverage(window, extent).check(source.name)
    return found, [*source.notes(), *source.remarks()]


def assert_read_rightly(case: Right, folder: Path) -> None:
    found, told = read(laid(folder, case.files), case.said)
    assert found == case.values, told
    if case.told:
        assert any(case.told in line for line in told), told


def assert_refused(files: Files | str, said: Columns, line: str, folder: Path) -> None:
    with pytest.raises(Failure) as refused:
        read(laid(folder, files), said)
    assert isinstance(refused.value, UsageFailure)
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)


BOTH = {"a": {"13:10": 7.0, "23:55": 9.0}}
SUM = Columns(statistic="sum")
CLOCKS = ("13:10:00,7", "23:55:00,9")
TWO = {"eth0": {"00:00": 1.0}, "eth1": {"00:00": 100.0}}
GROWS = [1000 * n + (5000 if n > 5 else 0) for n in range(12)]
RATES = {at(n, "%H:%M"): 100.0 if n == 5 else 1000 / 60 for n in range(11)}
COUNTED = {"a": {minute: round(rate, 6) for minute, rate in RATES.items()}}
WRAPPED = [(200_000_000 * n) % 2**32 for n in range(40)]
PROMETHEUS = {
    "status": "success",
    "data": {
        "resultType": "matrix",
        "result": [
            {"metric": {"__name__": "up", "i": name}, "values": [[MONDAY + 60, value]]}
            for name, value in (("a", "3"), ("b", "4"))
        ],
    },
}
STEPS = [MONDAY + 60, MONDAY + 120]
ONE = {"rows": {"00:01": 3.0, "00:02": 4.0}}

RIGHT: dict[str, Right] = {
    # --- dates and times ---------------------------------------------------------------------------
    "a date beside a time": Right(
        rows("date,time,host,bytes", *(f"2025-01-06,{c.replace(',', ',a,')}" for c in CLOCKS)), BOTH, SUM
    ),
    "a date beside a full time": Right(
        rows(
            "date,event_time,customer,bytes",
            "2025-01-06,2025-01-06T13:10:00Z,a,7",
            "2025-01-06,2025-01-06T23:55:00Z,a,9",
        ),
        BOTH,
        SUM,
    ),
    "a date beside a time, and no key": Right(
        rows("Date,Time,Octets", *(f"2025-01-06,{c}" for c in CLOCKS)), {"rows": BOTH["a"]}, SUM
    ),
    "a time before its date, in German": Right(
        rows("Uhrzeit;Datum;Kunde;Wert", "13:10:00;06.01.2025;a;7", "23:55;06.01.2025;a;9"), BOTH
    ),
    "a date beside a time in Spanish": Right(
        rows("fecha,hora,cliente,valor", "2025-01-06,13:10,a,7", "2025-01-06,23:55,a,9"), BOTH
    ),
    "a date beside a time in Chinese": Right(
        rows("日期,时间,客户,流量", "2025-01-06,13:10,a,7", "2025-01-06,23:55,a,9"), BOTH
    ),
    "a day beside HHMM": Right(rows("date,time,key,v", "2025-01-06,1310,a,7", "2025-01-06,2355,a,9"), BOTH),
    "a day beside HHMM without zeros": Right(
        rows("date,time,key,v", "2025-01-06,5,a,1", "2025-01-06,1310,a,7", "2025-01-06,2355,a,9"),
        {"a": {"00:05": 1.0, **BOTH["a"]}},
    ),
    "compact days beside HHMMSS": Right(rows("date,time,key,v", "20250106,131000,a,7", "20250106,235500,a,9"), BOTH),
    "a day beside a time with AM and PM": Right(
        rows("Date,Time,Site,v", "2025-01-06,1:10 PM,a,7", "2025-01-06,11:55 PM,a,9"), BOTH
    ),
    "a day beside an hour": Right(
        rows("date,hour,customer,v", "2025-01-06,13,a,7", "2025-01-06,23,a,9"), {"a": {"13:00": 7.0, "23:00": 9.0}}
    ),
    "year, month, day, hour": Right(
        rows("year,month,day,hour,site,v", "2025,1,6,13,a,7", "2025,01,06,23,a,9"), {"a": {"13:00": 7.0, "23:00": 9.0}}
    ),
    "midnights beside a time of day": Right(
        rows("day,time,site,v", "2025-01-06 00:00:00,13:10,a,7", "2025-01-06 00:00:00,23:55,a,9"), BOTH
    ),
    "a day and a time in Parquet": Right(
        {
            "rows.parquet": parquet(
                date=[datetime(2025, 1, 6, tzinfo=UTC).date()] * 2,
                time=[datetime(2025, 1, 6, hour, minute, tzinfo=UTC).time() for hour, minute in ((13, 10), (23, 55))],
                key=["a", "a"],
                v=[7, 9],
            )
        },
        BOTH,
    ),
    "a day and a time in JSON": Right(
        {"rows.json": ndjson({"date": "2025-01-06", "time": c[:8], "key": "a", "v": int(c[9:])} for c in CLOCKS)}, BOTH
    ),
    "London's time, where it is said": Right(
        rows("time,key,value", "2025-07-06 12:00:00 BST,a,1"), {"a": {"11:00": 1.0}}, Columns(zone="Europe/London")
    ),
    "German abbreviations, where it is said": Right(
        rows("time,key,value", "06.07.2025 12:00:00 MESZ,a,1"), {"a": {"10:00": 1.0}}, Columns(zone="Europe/Berlin")
    ),
    "an offset behind a blank": Right(rows("time,key,value", "2025-07-06 12:00:00 +02,a,1"), {"a": {"10:00": 1.0}}),
    "UTC behind a German date": Right(rows("time,key,value", "06.07.2025 12:00 UTC,a,1"), {"a": {"12:00": 1.0}}),
    "a zone in brackets behind an offset": Right(
        rows("time,key,value", "2025-01-06T13:10:00+01:00[Europe/Berlin],a,1"), {"a": {"12:10": 1.0}}
    ),
    "milliseconds behind a comma": Right(rows("time;key;value", "2025-01-06 13:10:00,123;a;1"), {"a": {"13:10": 1.0}}),
    "times of mail": Right(rows("time;key;value", "Mon, 06 Jan 2025 13:10:00 GMT;a;1"), {"a": {"13:10": 1.0}}),
    "times of C": Right(rows("time,key,value", "Mon Jan  6 13:10:00 2025,a,1"), {"a": {"13:10": 1.0}}),
    "times of Kibana": Right(rows("time;key;value", "Jan 6, 2025 @ 13:10:00.000;a;1"), {"a": {"13:10": 1.0}}),
    "a named format with a zone": Right(
        rows("time,key,value", "06-01-2025 13:10 CET,a,1"),
        {"a": {"12:10": 1.0}},
        Columns(time_format=("%d-%m-%Y %H:%M %Z",), zone="Europe/Berlin"),
    ),
    "hours as ten digits": Right(
        rows("article,timestamp,views", "a,2025010600,5", "a,2025010601,6"), {"a": {"00:00": 5.0, "01:00": 6.0}}
    ),
    "hours as ten digits in Parquet": Right(
        {"rows.parquet": parquet(ts=[2025010600, 2025010601], key=["a", "a"], v=[5, 6])},
        {"a": {"00:00": 5.0, "01:00": 6.0}},
    ),
    "seconds as fourteen digits in JSON": Right(
        {"rows.json": ndjson({"ts": 20250106131000 + 4500 * n, "key": "a", "v": 7} for n in (0, 1))},
        {"a": {"13:10": 7.0, "13:55": 7.0}},
    ),
    # --- what tells series apart -------------------------------------------------------------------
    "two columns as the key": Right(
        rows("timestamp,device,interface,in_bps", f"{at(0)},r1,eth0,1", f"{at(0)},r1,eth1,100"),
        {f"r1 / {name}": value for name, value in TWO.items()},
        Columns(key="device,interface"),
    ),
    "tags of InfluxDB 1": Right(
        rows("name,tags,time,value", f'net,"if=eth0",{MONDAY}000000000,1', f'net,"if=eth1",{MONDAY}000000000,100'),
        {"net / if=eth0": TWO["eth0"], "net / if=eth1": TWO["eth1"]},
    ),
    "a name twice in a header": Right(
        rows("Time,Value,Value", f"{MONDAY}000.7249,1,100"), {"Value (1)": TWO["eth0"], "Value (2)": TWO["eth1"]}
    ),
    "names that differ in case only": Right(
        rows("Time,value,Value", f"{MONDAY}000,1,100"), {"Value": TWO["eth1"], "value": TWO["eth0"]}
    ),
    "names over two lines": Right(
        many(",r1,r1,r2\ntime,in,out,in", "{t},{i},5,7", 2),
        {
            "r1 in": {"00:00": 10.0, "00:01": 17.0},
            "r1 out": {"00:00": 5.0, "00:01": 5.0},
            "r2 in": {"00:00": 7.0, "00:01": 7.0},
        },
    ),
    "all rows as one series": Right(
        rows("time,key,value", f"{at(0)},a,1", f"{at(0)},b,2"),
        {"total": {"00:00": 3.0}},
        Columns(total=True, statistic="sum"),
    ),
    "a series that sums the others up": Right(
        rows("time,key,value", f"{at(0)},a,1", f"{at(0)},b,2", f"{at(0)},Total,3"),
        {"a": {"00:00": 1.0}, "b": {"00:00": 2.0}, "Total": {"00:00": 3.0}},
        told="a series is called Total: if it is the sum of the others, exclude it with --exclude",
    ),
    "a copy of a file": Right(
        {name: many("time,key,load", "{t},a,{i}", 3) for name in ("a.csv", "b.csv")},
        {"a": {"00:00": 10.0, "00:01": 17.0, "00:02": 13.0}},
        told="begin with the same rows: if one is a copy, its rows count twice",
    ),
    "overlapping exports,": Right(
        {
            "a.csv": many("time,key,requests", "{t},a,1", 8),
            "b.csv": rows("time,key,requests", *(f"{at(n)},a,1" for n in range(7, 16))),
        },
        {"a": {at(n, "%H:%M"): 2.0 if n == 7 else 1.0 for n in range(16)}},
        told="up to 2 rows of one key have the same time and are added up: if rows are duplicated, as in",
    ),
    "a column that only the second file has": Right(
        {"a.csv": rows("time,key,v", f"{at(0)},a,1"), "b.csv": rows("time,key,v,w", f"{at(1)},a,2,5")},
        {"a": {"00:00": 1.0, "00:01": 2.0}},
        told="not used, because the first file does not have them: w (",
    ),
    "a zone of their own that was not asked for": Right(
        rows("time,tz,key,value", "2025-01-06 00:00:00,CET,a,1"),
        {"a": {"00:00": 1.0}},
        Columns(time="time"),
        told="tz seems to contain time zones, which are not used: times are read as UTC",
    ),
    "a zone of their own that is UTC": Right(
        rows("time,tz,key,value", "2025-01-06 00:00:00,UTC,a,1"), {"a": {"00:00": 1.0}}
    ),
    "a file a day": Right(
        {f"if/rx-2025-01-0{day}": rows("epoch,rx", f"{MONDAY + 86400 * (day - 6)}.000,{day}") for day in (6, 7)},
        {"rx": {"00:00": 6.0}},
    ),
    "a folder a day": Right(
        {f"eth0/2025/01/0{day}.csv": rows("epoch,rx", f"{MONDAY + 86400 * (day - 6)},{day}") for day in (6, 7)},
        {"eth0": {"00:00": 6.0}},
    ),
    "German dates in the names": Right(
        {f"rx_0{day}.01.2025.csv": rows("epoch,rx", f"{MONDAY + 86400 * (day - 6)},{day}") for day in (6, 7)},
        {"rx": {"00:00": 6.0}},
    ),
    "files that follow each other under other names": Right(
        {f"part-{n}.csv": rows("epoch,rx", f"{MONDAY + 3600 * n},{n}") for n in (1, 2)},
        {"part-1": {"01:00": 1.0}, "part-2": {"02:00": 2.0}},
        told="2 files follow each other in time, and each is read as a separate series",
    ),
    "Suricata's flows, by their destination": Right(
        {
            "eve.json": ndjson(
                {
                    "timestamp": at(n, "%Y-%m-%dT%H:%M:%S.000000+0000"),
                    "flow_id": n,
                    "event_type": "netflow",
                    "src_ip": "1.1.1.1",
                    "dest_ip": "2.2.2.2",
                    "netflow": {"bytes": 15},
                }
                for n in range(40)
            )
        },
        {"2.2.2.2": {at(n, "%H:%M"): 2.0 for n in range(40)}},
    ),
    "keys in which only blanks differ": Right(
        rows("time,key,value", f"{at(0)},a,1", f"{at(1)},a ,2", f"{at(2)},a,3"),
        {"a": {"00:00": 1.0, "00:02": 3.0}, "a ": {"00:01": 2.0}},
        told="1 series differ from others only in blanks, such as 'a '",
    ),
    "blanks behind the commas": Right(
        rows("time, key, value", f"{at(0)}, a, 1", f"{at(1)}, a, 2"), {"a": {"00:00": 1.0, "00:01": 2.0}}
    ),
    "keys that blanks of other columns make one": Right(
        rows("time,key,value", f"{at(0)},a,    1", f"{at(1)},a ,    2"),
        {"a": {"00:00": 1.0, "00:01": 2.0}},
        told="blanks around cells are removed, so 'a ' and 'a' are one series",
    ),
    "cells filled up with blanks": Right(
        rows("time                ,key  ,value", f"{at(0)},a    ,    1", f"{at(1)},a    ,    2"),
        {"a": {"00:00": 1.0, "00:01": 2.0}},
    ),
    # --- amounts, counters, numbers ----------------------------------------------------------------
    "flows of one minute": Right(
        rows(
            "firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes,flows",
            *["2025-01-06 00:00:01.123,0.001,TCP,1.2.3.4,443,a,5000,9,1500,1"] * 5,
        ),
        {"a": {"00:00": 1000.0}},
    ),
    "requests in German": Right(
        rows("Zeit;Kunde;Anfragen", *[f"{at(n / 4)};a;5" for n in range(4)]), {"a": {"00:00": 20.0}}
    ),
    "an amount that nobody knows": Right(
        rows("Zeit;Kunde;Datenmenge", *[f"{at(n // 4 + (0, 0.1, 0.55, 0.6)[n % 4])};a;{7 * n % 4}" for n in range(24)]),
        {"a": {at(n, "%H:%M"): 1.5 for n in range(6)}},
        told="about 4 rows of a series in a minute are averaged: --statistic sum adds them up",
    ),
    "counters": Right(rows("time,key,value", *(f"{at(n)},a,{value}" for n, value in enumerate(GROWS))), COUNTED),
    "counters by their name, in few rows": Right(
        rows("time,key,requests_total", f"{at(0)},a,60", f"{at(1)},a,120", f"{at(2)},a,240"),
        {"a": {"00:00": 1.0, "00:01": 2.0}},
    ),
    "counters that run over": Right(
        rows("time,key,rx", *(f"{at(n)},a,{value}" for n, value in enumerate(WRAPPED))),
        {"a": {at(n, "%H:%M"): round(200_000_000 / 60, 6) for n in range(39)}},
    ),
    "counters that count what is rare": Right(
        rows("time,key,errors", *(f"{at(n)},a,{n // 10 * 60}" for n in range(40))),
        {"a": {"00:09": 1.0, "00:19": 1.0, "00:29": 1.0}},
    ),
    "counters that begin anew again and again": Right(
        rows("time,key,rx", *(f"{at(n)},a,{n % 13 * 100 + 7}" for n in range(60))),
        {"a": {at(n, "%H:%M"): float(n % 13 * 100 + 7) for n in range(60)}},
        told="grow and fall back to zero, like counters that reset:",
    ),
    "points for thousands, where another value says so": Right(
        rows("time;key;value", f"{at(0)};a;1.500", f"{at(1)};a;900.500", f"{at(2)};a;1.500.000"),
        {"a": {"00:00": 1500.0, "00:01": 900500.0, "00:02": 1500000.0}},
    ),
    "points that may part thousands": Right(
        rows("time;key;value", f"{at(0)};a;1.500", f"{at(1)};a;900.500", f"{at(2)};a;2.500"),
        {"a": {"00:00": 1.5, "00:01": 900.5, "00:02": 2.5}},
        told="every value of value has three digits behind its . (1.500), read as the separator of decimals",
    ),
    "commas that may part decimals": Right(
        rows("time;key;value", f"{at(0)};a;1,500", f"{at(1)};a;900,500", f"{at(2)};a;2,500"),
        {"a": {"00:00": 1500.0, "00:01": 900500.0, "00:02": 2500.0}},
        told="every value of value has three digits behind its , (1,500), read as the separator of thousands",
    ),
    "blanks and apostrophes for thousands": Right(
        rows("time;key;value", f"{at(0)};a;1 500", f"{at(1)};a;2'500", f"{at(2)};a;3\u202f500"),
        {"a": {"00:00": 1500.0, "00:01": 2500.0, "00:02": 3500.0}},
    ),
    "thousands of India": Right(
        rows("time;key;value", f"{at(0)};a;1,00,000", f"{at(1)};a;9,000"), {"a": {"00:00": 1e5, "00:01": 9000.0}}
    ),
    "decimal commas in JSON": Right(
        {"rows.json": ndjson({"ts": at(n), "key": "a", "value": f"{n},5"} for n in range(3))},
        {"a": {"00:00": 0.5, "00:01": 1.5, "00:02": 2.5}},
    ),
    "an address is no number": Right(
        rows("time;host;value", f"{at(0)};192.168.100.200;1.500", f"{at(1)};192.168.100.200;2.25"),
        {"192.168.100.200": {"00:00": 1.5, "00:01": 2.25}},
    ),
    "units in cells": Right(
        rows("Time,in,out", f"{at(0)},1.25 Mb/s,2 kb/s", f"{at(1)},1 Mb/s,3 b/s"),
        {"in": {"00:00": 1.25e6, "00:01": 1e6}, "out": {"00:00": 2000.0, "00:01": 3.0}},
    ),
    "a row of units": Right(rows("time,in\n,bps", f"{at(0)},1", f"{at(1)},2"), {"rows": {"00:00": 1.0, "00:01": 2.0}}),
    "a row of units that nobody knows": Right(
        rows("time,in,out\n,Octets/s,Octets/s", f"{at(0)},1,2", f"{at(1)},2,1"),
        {"in": {"00:00": 1.0, "00:01": 2.0}, "out": {"00:00": 2.0, "00:01": 1.0}},
    ),
    "a row of types": Right(
        rows("time,in,out\ndatetime,float,float", f"{at(0)},1,2", f"{at(1)},2,1"),
        {"in": {"00:00": 1.0, "00:01": 2.0}, "out": {"00:00": 2.0, "00:01": 1.0}},
    ),
    "samples of flows": Right(
        rows("time,src,octets,sampling_rate", f"{at(0)},a,15,1000"),
        {"a": {"00:00": 2.0}},
        told="sampling_rate is not used: use --value 'octets*sampling_rate' if the rows are sampled",
    ),
    "samples of flows, multiplied": Right(
        rows("time,src,bytes,sampling_rate", f"{at(0)},a,15,1000"),
        {"a": {"00:00": 2000.0}},
        Columns(value="bytes*sampling_rate"),
    ),
    "seconds since 1970 in six digits": Right(
        rows("time,key,value", "1.73612e+09,a,1", "1.73612e+09,a,2", "1.73613e+09,a,3"),
        {"a": {"23:33": 1.5, "02:20": 3.0}},
        told="have only six digits (1.73612e+09), which means a resolution of hours: write them out",
    ),
    "milliseconds since 1970 in six digits": Right(
        rows("time,key,value", "1.73612E+12,a,1", "1.73613E+12,a,3"),
        {"a": {"23:33": 1.0, "02:20": 3.0}},
        told="have only six digits (1.73612E+12)",
    ),
    "a time that has not been yet": Right(
        rows("time,key,value", "2000000000,a,1"), {"a": {"03:33": 1.0}}, told="which is in the future: check time"
    ),
    "days of a spreadsheet": Right(
        rows("Time,Device,Mbps", "45663.5,a,1", "45663.50069,a,2"),
        {"a": {"12:00": 1.0, "12:01": 2.0}},
        told="the times in Time are read as days since 1899, as spreadsheets count them",
    ),
    "days of a spreadsheet with decimal commas, in Berlin": Right(
        rows("Zeit;Gerät;Mbit/s", "45663,5;a;1,5", "45663,50069;a;2"),
        {"a": {"11:00": 1.5, "11:01": 2.0}},
        Columns(zone="Europe/Berlin"),
    ),
    "days of a spreadsheet beside a time of day": Right(
        rows("Date,Time,Site,v", "45663,13:10,a,7", "45663,23:55,a,9"), BOTH
    ),
    "days of a spreadsheet beside parts of a day": Right(
        rows("Date;Time;Site;v", "45663;0.548611;a;7", "45663;0.996528;a;9"), BOTH
    ),
    "seconds long ago": Right(
        rows("time,key,value", "145663.5,a,1"),
        {"a": {"16:27": 1.0}},
        Columns(time="time"),
        told="before 1995: check time",
    ),
    # --- how tables are written --------------------------------------------------------------------
    "sep= above the header": Right(rows("sep=;\nTime;Series;Value", f"{at(0)};a;1"), {"a": {"00:00": 1.0}}),
    "comments above the header": Right(
        rows("# made by hand, in a hurry\ntime,key,value", f"{at(0)},a,1", f"{at(1)},a,2"),
        {"a": {"00:00": 1.0, "00:01": 2.0}},
    ),
    "title lines above the header": Right(
        rows(
            '"Title:","edge"\n"Unit:","bit/s"\n\n"Date","In","Out"', f'"{at(0)}","1.0e5","2"', f'"{at(1)}","1.0e5","3"'
        ),
        {"In": {"00:00": 1e5, "00:01": 1e5}, "Out": {"00:00": 2.0, "00:01": 3.0}},
    ),
    "a header with more commas than semicolons": Right(
        rows('"Time";"{device=""eth0"", job=""node""}"', f"{MONDAY}000;1"), {"rows": {"00:00": 1.0}}
    ),
    "titles with commas in their names": Right(
        rows("Time;In (bit/s, avg);Out (bit/s, avg)", f"{at(0)};1;2"),
        {"In (bit/s, avg)": {"00:00": 1.0}, "Out (bit/s, avg)": {"00:00": 2.0}},
    ),
    "another delimiter, said": Right(
        rows("time~key~value", f"{at(0)}~a~1"), {"a": {"00:00": 1.0}}, Columns(delimiter="~")
    ),
    "a table of Markdown": Right(
        rows("| time | key | value |\n|------|-----|-------|", f"| {at(0)} | a | 1 |", f"| {at(1)} | a | 2 |"),
        {"a": {"00:00": 1.0, "00:01": 2.0}},
    ),
    "line ends of an old Mac": Right(
        f"time,key,value\r{at(0)},a,1\r{at(1)},a,2\r", {"a": {"00:00": 1.0, "00:01": 2.0}}
    ),
    "blank lines and line ends of Windows": Right(
        f"\ufefftime,key,value\r\n\r\n{at(0)},a,1\r\n\r\n{at(1)},a,2\r\n", {"a": {"00:00": 1.0, "00:01": 2.0}}
    ),
    "rows that end in a delimiter": Right(
        rows("time,key,value", f"{at(0)},a,1,", f"{at(1)},a,2,"), {"a": {"00:00": 1.0, "00:01": 2.0}}
    ),
    "a trailer of nfdump": Right(
        rows("ts,te,sa,da,ibyt", *[f"{at(0, '%Y-%m-%d %H:%M:%S')},{at(0)},b,a,15"] * 2)
        + "Summary\nflows,bytes,packets,avg_bps,avg_pps,avg_bpp\n2,30,2,160000,22,900\n",
        {"a": {"00:00": 4.0}},
    ),
    "an empty file among others": Right(
        {"a.csv": "", "b.csv": rows("time,key,value", f"{at(0)},a,1")},
        {"a": {"00:00": 1.0}},
        told="a.csv is empty: left out",
    ),
    "a packed empty file among others": Right(
        {"a.csv.gz": gzip.compress(b""), "b.csv": rows("time,key,value", f"{at(0)},a,1")},
        {"a": {"00:00": 1.0}},
        told="a.csv.gz is empty: left out",
    ),
    "a mark of the byte order before JSON": Right(
        {"rows.json": "\ufeff" + ndjson([{"ts": at(0), "key": "a", "value": 3}])}, {"a": {"00:00": 3.0}}
    ),
    "a mark of the byte order before packed JSON": Right(
        {"rows.json.gz": gzip.compress(("\ufeff" + ndjson([{"ts": at(0), "key": "a", "value": 3}])).encode())},
        {"a": {"00:00": 3.0}},
    ),
    "columns in another order in the next file": Right(
        {"a.csv": rows("time,key,value", f"{at(0)},a,1"), "b.csv": rows("value,time,key", f"2,{at(1)},a")},
        {"a": {"00:00": 1.0, "00:01": 2.0}},
    ),
    # --- members of JSON, and documents ------------------------------------------------------------
    "a member that comes late, in a condition": Right(
        {
            "rows.json": ndjson({"time": at(0), "service": "web", "msg": "boot"} for _ in range(400))
            + ndjson({"time": at(1), "service": "web", "status": 503} for _ in range(3))
        },
        {"web": {"00:01": 3.0}},
        Columns(key="service", statistic="count", errors="status >= 500"),
    ),
    "a key that comes late": Right(
        {
            "rows.json": ndjson({"ts": at(0), "msg": "boot"} for _ in range(400))
            + ndjson({"ts": at(1), "request": {"host": "h"}, "size": 5} for _ in range(3))
        },
        {"h": {"00:01": 3.0}},
        Columns(key="request.host", statistic="count"),
    ),
    "members of structs in Parquet": Right(
        {"rows.parquet": parquet(ts=[MONDAY] * 2, source=[{"ip": "a", "as": {"n": 1}}] * 2, octets=[5, 10])},
        {"a": {"00:00": 2.0}},
        Columns(key="source.ip"),
    ),
    "an answer of Prometheus": Right(
        {"rows.json": json.dumps(PROMETHEUS)}, {'up{i="a"}': {"00:01": 3.0}, 'up{i="b"}': {"00:01": 4.0}}
    ),
    "a packed answer of Prometheus": Right(
        {"rows.json.gz": gzip.compress(json.dumps(PROMETHEUS).encode())},
        {'up{i="a"}': {"00:01": 3.0}, 'up{i="b"}': {"00:01": 4.0}},
    ),
    "rows in a list": Right(
        {"rows.json": json.dumps({"items": [{"timestamp": "2025010601", "article": "a", "views": 6}]}, indent=2)},
        {"a": {"01:00": 6.0}},
    ),
    "rows in lists of lists, of Azure": Right(
        {
            "rows.json": json.dumps(
                {
                    "cost": 0,
                    "value": [
                        {
                            "id": "x",
                            "timeseries": [
                                {"data": [{"timeStamp": at(1), "average": 3}, {"timeStamp": at(2), "average": 4}]}
                            ],
                        }
                    ],
                }
            )
        },
        ONE,
    ),
    "lists side by side, of CloudWatch": Right(
        {"rows.json": json.dumps({"MetricDataResults": [{"Id": "m", "Timestamps": [at(1), at(2)], "Values": [3, 4]}]})},
        ONE,
    ),
    "pairs of a value and a time, of Graphite": Right(
        {"rows.json": json.dumps([{"target": name, "datapoints": [[3, STEPS[0]], [4, STEPS[1]]]} for name in "ab"])},
        dict.fromkeys("ab", ONE["rows"]),
    ),
    "names beside rows, of InfluxDB": Right(
        {
            "rows.json": json.dumps(
                {
                    "results": [
                        {
                            "statement_id": 0,
                            "series": [{"name": "net", "columns": ["time", "in"], "values": [[at(1), 3], [at(2), 4]]}],
                        }
                    ]
                }
            )
        },
        ONE,
    ),
    "values by their times, of OpenTSDB": Right(
        {
            "rows.json": json.dumps(
                [
                    {
                        "metric": "net",
                        "tags": {"h": "a"},
                        "dps": {str(one): value for one, value in zip(STEPS, (3, 4), strict=True)},
                    }
                ]
            )
        },
        ONE,
    ),
    "a start and a step, of RRDtool": Right(
        {"rows.json": json.dumps({"meta": {"start": STEPS[0], "step": 60, "legend": ["in"]}, "data": [[3], [4]]})}, ONE
    ),
    "columns of frames, of Grafana": Right(
        {
            "rows.json": json.dumps(
                {
                    "results": {
                        "A": {
                            "frames": [
                                {
                                    "schema": {"fields": [{"name": "time"}, {"name": "v"}]},
                                    "data": {"values": [[1000 * one for one in STEPS], [3, 4]]},
                                }
                            ]
                        }
                    }
                }
            )
        },
        ONE,
    ),
}


@pytest.mark.parametrize("situation", RIGHT)
def test_a_file_as_people_have_it_is_read_rightly(situation: str, tmp_path: Path) -> None:
    assert_read_rightly(RIGHT[situation], tmp_path)


REFUSED: dict[str, tuple[Files | str, Columns, str]] = {
    # --- dates and times ---------------------------------------------------------------------------
    "hours from 1 to 24": (
        rows("date,hour,customer,v", "2025-01-06,1,a,7", "2025-01-06,24,a,9"),
        Columns(),
        "date contains dates, and hour (1 to 24) may be the time of day",
    ),
    "the number of a half hour": (
        rows("date,period,site,bytes", *(f"2025-01-0{6 + n // 48},{n % 48 + 1},a,{n}" for n in range(96))),
        Columns(),
        "date contains dates, and period (1 to 48) may be the time of day",
    ),
    "a number that goes on within each day": (
        rows("date,x,site,bytes", *(f"2025-01-0{6 + n // 24},{5 * (n % 24)},a,{n % 7}" for n in range(96))),
        Columns(),
        "date contains dates, and x (0 to 115) may be the time of day",
    ),
    "an hour as a word": (
        rows("date,hour,site,v", "2025-01-06,13h,a,7"),
        Columns(),
        "hour contains '13h', which is not a time of day",
    ),
    "two times of day": (
        rows("date,on,off,site,v", "2025-01-06,13:00,14:00,a,7"),
        Columns(),
        "on, off contain times of day: specify which to use, such as --time date,on",
    ),
    "two times": (
        rows("received,sent,key,v", f"{at(1)},{at(2)},a,7"),
        Columns(),
        "--time: it has received (time), sent (time)",
    ),
    "a zone that means two things": (
        rows("time,key,value", "2025-07-06 12:00:00 BST,a,1"),
        Columns(),
        "BST can be one of several time zones: use --timezone-of-data Europe/London if that is right, or write offsets",
    ),
    "a zone that means two things, in a format that was named": (
        rows("time,key,value", "2025-07-06 12:00:00 BST,a,1"),
        Columns(time_format=("%Y-%m-%d %H:%M:%S %Z",)),
        "BST can be one of several time zones: use --timezone-of-data Europe/London if that is right, or write offsets",
    ),
    "a zone of the other season": (
        rows("time,key,value", "2025-07-06 12:00:00 IST,a,1"),
        Columns(zone="Europe/Berlin"),
        "IST can be one of several time zones: use --timezone-of-data Asia/Kolkata if that is right, or write offsets",
    ),
    "day and month that cannot be told apart": (
        rows("time,key,value", "11/6/2017 9:16:55.000000000 AM,a,1"),
        Columns(),
        "can be day or month first: use --time-format %d/%m/%Y or --time-format %m/%d/%Y",
    ),
    "a format that is none": (
        rows("time,key,value", "x,a,1"),
        Columns(time="time", time_format=("%Q",)),
        "--time-format '%Q' is not a valid format",
    ),
    "zones in a column of their own": (
        rows("time,tz,key,value", "2025-01-06 00:00:00,UTC,a,1", "2025-01-06 01:01:00,CET,a,2"),
        Columns(),
        "tz holds the zones of time (UTC, CET): use --timezone-of-data ZONE if all are the same",
    ),
    "offsets in a column of their own": (
        rows("time,utc_offset,key,value", "2025-01-06 00:00:00,3600,a,1", "2025-01-06 00:01:00,3600,a,1"),
        Columns(),
        "utc_offset holds the zones of time (3600)",
    ),
    "merged cells of times": (
        rows("time,key,value", *(f"{at(n) if key == 'a' else ''},{key},{n}" for n in range(9) for key in "ab")),
        Columns(),
        "9 of 18 rows have no time (time): fill the cells if they were merged with the one above",
    ),
    "merged cells of keys": (
        rows("key,time,value", *(f"{'' if n else 'a'},{at(n)},{n}" for n in range(9))),
        Columns(),
        "8 of 9 rows have no key (key): fill the cells if they were merged with the one above",
    ),
    "days of a week": (rows("time,key,value", "2025-W02-1,a,1"), Columns(), "is not a valid time: use ISO 8601"),
    # --- what tells series apart -------------------------------------------------------------------
    "two interfaces of one device": (
        rows("timestamp,device,interface,in_bps", f"{at(0)},r1,eth0,1", f"{at(0)},r1,eth1,100"),
        Columns(),
        "up to 2 rows of one device have the same time and differ in interface: use --key device,interface",
    ),
    "two interfaces of one device, one after the other": (
        rows(
            "timestamp,device,interface,in_bps",
            *(f"{at(5 * n + place)},r1,eth{place},{10**place}" for n in range(20) for place in (0, 1, 2)),
        ),
        Columns(),
        "the values of interface alternate in the rows of one device: use --key device,interface",
    ),
    "two interfaces under numbers": (
        rows(
            "timestamp,device,ifIndex,in_bps",
            *(f"{at(5 * n)},r1,{place},{10**place}" for n in range(20) for place in (1, 2)),
        ),
        Columns(),
        "differ in ifIndex: use --key device,ifIndex",
    ),
    "counters of two interfaces": (
        rows(
            "timestamp,device,interface,in_octets",
            *(f"{at(n)},r1,eth{place},{1000 * n + 10**7 * place}" for n in range(20) for place in (0, 1)),
        ),
        Columns(),
        "the values of in_octets only grow within each interface, as counters do: use --key device,interface",
    ),
    "pods of a node": (
        rows("time,node,pod,cpu", *(f"{at(n)},n1,p{place},{place}" for n in range(20) for place in (0, 1))),
        Columns(),
        "up to 2 rows of one node have the same time and differ in pod",
    ),
    "one of two columns of a name": (
        rows("Time,Value,Value", f"{MONDAY},1,100"),
        Columns(value="Value"),
        "has 2 columns called Value (--value): use 'Value (1)' or 'Value (2)'",
    ),
    "a name twice beside a key": (
        rows("Time,host,v,v", f"{MONDAY},a,1,100"),
        Columns(),
        "--value (or --wide if each is a series): it has Time (number), host (text, 1 value), v (1) (number), v (2)",
    ),
    "a member twice in an object": (
        {"rows.json": '{"ts":"2025-01-06T00:00:00Z","key":"a","v":1,"v":2}\n' * 2},
        Columns(),
        "line 1: an object has two members called v: rename one",
    ),
    "sessions": (
        rows("time,session_id,bytes", *(f"{at(n)},s{n // 3},5" for n in range(900))),
        Columns(),
        "session_id names 300 series in 900 rows, each of them only for a moment: use --key with another column",
    ),
    "sources and destinations": (
        rows("timestamp,flow_id,src,dst,bytes", *(f"{at(n)},{n},a{n % 3},b{n % 4},5" for n in range(200))),
        Columns(),
        "with --key: it has timestamp (time), flow_id (number), src (text, 3+ values), dst (text, 4+ values)",
    ),
    "a column that the next file calls otherwise": (
        {"a.csv": rows("time,key,value", f"{at(0)},a,1"), "b.csv": rows("time,customer,value", f"{at(0)},a,1")},
        Columns(),
        "b.csv has no column key (--key): it has time, customer, value",
    ),
    # --- numbers and rows --------------------------------------------------------------------------
    "counters that fall often further on": (
        rows("time,key,v", *(f"{at(n)},a,{n if n < 200_000 else n % 3}" for n in range(230_000))),
        Columns(),
        "so it may not be a counter: use --statistic avg for the values as they are, or --statistic rate",
    ),
    "a comma in a cell without quotes": (
        rows("ts,te,sa,da,org,ibyt", f"{at(0)},{at(0)},b,a,Foo, Inc.,15", *[f"{at(0)},{at(0)},b,a,Foo,15"] * 3),
        Columns(),
        "is not a row of 6 columns: fix that line",
    ),
    "a comma in the first cells of a plain table": (
        rows("time,key,value", f"{at(0)},a,b,15", *[f"{at(n)},a,15" for n in range(5)]),
        Columns(),
        "line 2: 4 columns where the header has 3: fix that line",
    ),
    "points for thousands that begin late": (
        rows("time;key;value", *(f"{at(n)};a;1.500" for n in range(3000)), f"{at(3000)};a;1.234.567"),
        Columns(),
        "row 3001: '1.234.567' in column value (--value) is not a valid number: use a decimal point",
    ),
    "units that nobody knows": (
        rows("time,a,b", *(f"{at(n)},{n} requests,{n} requests" for n in range(20))),
        Columns(),
        "with --value: it has time (time), a (text, 20 values), b (text, 20 values)",
    ),
    "a total at the end": (
        rows("time,key,value", f"{at(0)},a,1", f"{at(1)},a,1", f"{at(2)},a,1", "Total,,3"),
        Columns(),
        "'Total' in column time (--time) is not a valid time",
    ),
    "a header that comes again": (
        rows("time,key,value", f"{at(0)},a,1", "time,key,value", f"{at(1)},a,2"),
        Columns(),
        "row 2: 'time' in column time (--time) is not a valid time",
    ),
    "two tables one after the other": (
        rows("time,key,value", f"{at(0)},a,1", f"{at(1)},a,2", *many("value,time,key", "{i},{t},a").splitlines()),
        Columns(),
        "line 4: a header (value, time, key) follows other rows: split the file there",
    ),
    "two tables of another width": (
        many("key,time,value", "a,{t},{i}") + many("time,key,value,x", "{t},a,{i},7", 30),
        Columns(),
        "line 22: a header (time, key, value, x) follows other rows: split the file there",
    ),
    "fields that change": (
        many("#fields\ttime\tkey\tv\tw", "{t}\ta\t{i}\t7") + many("#fields\ttime\tkey\tw\tv", "{t}\tb\t7\t{i}"),
        Columns(value="v"),
        "line 22: the fields change (",
    ),
    "fields with blanks that change": (
        many("#Fields: key\ttime\tv\tw", "a\t{t}\t{i}\t7") + many("#Fields: key\tw\tv\ttime", "a\t7\t{i}\t{t}"),
        Columns(key="key", value="v"),
        "is not a valid time",
    ),
    "the numbers of ASs": (
        rows("time,asn,bytes", *(f"{at(n)},{64512 + n % 2},{n % 5}" for n in range(20))),
        Columns(),
        "with --key: it has time (time), asn (number), bytes (number)",
    ),
    "no header": (rows(f"{at(0)},a,1", f"{at(1)},a,1"), Columns(), "has no header; its first line is"),
    "blanks as delimiters": (rows("time host bytes", f"{MONDAY} a 1"), Columns(), "(or set --delimiter)"),
    "another encoding": (
        {"rows.csv": "time;kunde;wert\n2025-01-06;Müller;1\n".encode("latin-1")},
        Columns(),
        "is not UTF-8 (line 2): save it as UTF-8",
    ),
    "UTF-16": ({"rows.json": "{}".encode("utf-16")}, Columns(), "is encoded in UTF-16: save it as UTF-8"),
    # --- expressions -------------------------------------------------------------------------------
    "a value that breaks off": (
        rows("time,key,a,b", f"{at(0)},x,1,2"),
        Columns(value="a*"),
        "--value 'a*' is not a valid expression (syntax error",
    ),
    "a value of a column that is not there": (
        rows("time,key,a,b", f"{at(0)},x,1,2"),
        Columns(value="a*zz"),
        "--value uses zz, which is not a column of",
    ),
    "a value of what is no number": (
        rows("time,key,a,b", f"{at(0)},x,1,2"),
        Columns(value="a*key"),
        "--value 'a*key' is not a valid expression (No function matches",
    ),
    "a function that is not there": (
        rows("time,key,a,b", f"{at(0)},x,1,2"),
        Columns(value="nofn(a)"),
        "--value 'nofn(a)' is not a valid expression (Scalar Function with name nofn does not exist!)",
    ),
    "a sum of all rows": (
        rows("time,key,a,b", f"{at(0)},x,1,2"),
        Columns(value="sum(a)"),
        "--value 'sum(a)' is not a valid expression",
    ),
    "a key that breaks off": (
        rows("time,key,a,b", f"{at(0)},x,1,2"),
        Columns(key="upper(key", value="a"),
        "--key 'upper(key' is not a valid expression",
    ),
    "a condition that breaks off beside a good value": (
        rows("time,key,a,b", f"{at(0)},x,1,2"),
        Columns(value="a*b", where="a >"),
        "--where 'a >' is not a valid condition",
    ),
}


@pytest.mark.parametrize("situation", REFUSED)
def test_what_cannot_be_known_is_refused_with_what_helps(situation: str, tmp_path: Path) -> None:
    assert_refused(*REFUSED[situation], tmp_path)
