"""What tools write, as they write it: read rightly, or with a word on what may be wrong.

What is expected is reckoned by hand: of N rows, one a minute, row n holds `load(n)`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import MONDAY
from tests.test_file_situations import Right, assert_read_rightly, assert_refused, at, ndjson, rows
from traffic.store import Columns, open_source
from traffic.store.base import DamagedStore

N = 20
PLAIN = "%Y-%m-%d %H:%M:%S"
UNEVEN = [0, 7, 11, 60, 61, 66, 120, 190, 191, 192]
"""Seconds at which something happens: three things in the first minute, three in the second, one and three."""
IN_MINUTES = {"00:00": 3, "00:01": 3, "00:02": 1, "00:03": 3}


def load(n: int) -> int:
    return 1000 + 7 * n % 11 * 100


def each(step: int = 1, times: float = 1.0) -> dict[str, float]:
    return {at(step * n, "%H:%M"): load(n) * times for n in range(N) if step * n < 1440}


def document(value: Any) -> dict[str, str | bytes]:
    return {"rows.json": json.dumps(value)}


def hit(n: int) -> dict[str, Any]:
    return {"_index": "x", "_id": str(n), "_source": {"@timestamp": at(n), "host": "a", "network": {"load": load(n)}}}


def answer(total: object, **more: object) -> dict[str, str | bytes]:
    return document({"took": 1, **more, "hits": {"total": total, "hits": [hit(n) for n in range(N)]}})


def matrix(**more: object) -> dict[str, str | bytes]:
    values = [[MONDAY + 60 * n, str(load(n))] for n in range(N)]
    return document(
        {
            "status": "success",
            **more,
            "data": {"resultType": "matrix", "result": [{"metric": {"i": "a"}, "values": values}]},
        }
    )


def range_of(n: int) -> str:
    """Hours as PRTG writes them: `1/6/2025 12:00:00 AM - 1:00:00 AM`."""
    clock = [f"{hour % 12 or 12}:00:00 {'AM' if hour % 24 < 12 else 'PM'}" for hour in (n % 24, n % 24 + 1)]
    return f"1/{6 + n // 24}/2025 {clock[0]} - {clock[1]}"


OBJECTS = [{"time": at(n), "key": "a", "load": load(n)} for n in range(N)]
ONE = {"a": each()}
ALB = (
    "https {} app/lb/50dc 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "
    '"GET https://www.example.com:443/ HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:x '
    '"Root=1-5833" "www.example.com" "arn:aws:acm" 1 '
    '2018-07-02T22:22:48.364000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-"\n'
)
NLB = (
    "tls 2.0 {} net/lb/c6e7 g3d4 72.21.218.154:51341 172.100.100.185:443 5 2 98 247 - arn:aws:acm:certificate/2a "
    "- ECDHE-RSA-AES128-SHA tlsv12 - lb-c6e7.elb.us-east-2.amazonaws.com - - - 2020-04-01T08:51:20\n"
)
S3 = (
    f"{'79a5' * 16} bucket-1 [{{}}] 192.0.2.3 {'79a5' * 16} 3E57 REST.GET.OBJECT photos/cat.jpg "
    '"GET /bucket-1/photos/cat.jpg?x=1 HTTP/1.1" 200 - 113 3000 7 - "-" "S3Console/0.4" - s9lz= SigV4 ECDHE AuthHeader '
    "bucket-1.s3.us-west-1.amazonaws.com TLSV1.2 - -\n"
)
EXPORT = "".join(
    json.dumps(
        {
            "metric": {"__name__": "up", "job": job},
            "values": [load(n) for n in range(N)],
            "timestamps": [1000 * (MONDAY + 60 * n) for n in range(N)],
        }
    )
    + "\n"
    for job in "ab"
)
# Each flow of five reports begins anew.
PACKETBEAT = ndjson(
    {
        "@timestamp": at(n),
        "flow": {"id": str(n // 5), "final": n == N - 1},
        "source": {"bytes": 9},
        "destination": {"bytes": 9},
        "network": {"bytes": 750 * (n % 5 + 1), "packets": 3},
        "host": {"name": "a"},
    }
    for n in range(N)
)

RIGHT: dict[str, Right] = {
    # --- answers of services --------------------------------------------------------------------------
    "VictoriaMetrics, /api/v1/export": Right({"rows.jsonl": EXPORT}, {f'up{{job="{job}"}}': each() for job in "ab"}),
    "Elasticsearch, an answer to a search": Right(answer({"value": N, "relation": "eq"}), ONE),
    "Elasticsearch, a page of an answer": Right(
        answer({"value": 10_000, "relation": "gte"}),
        ONE,
        told=f"holds {N} of the 10,000 or more documents that were found: the other pages are needed too",
    ),
    "Elasticsearch, an answer of some shards": Right(
        answer(N, _shards={"total": 2, "failed": 1}), ONE, told="says that it is not complete: ask again"
    ),
    "Prometheus, with a warning": Right(
        matrix(warnings=["one replica is away"]),
        {'{i="a"}': each()},
        told="says that it is not complete (one replica is away): ask again",
    ),
    "VictoriaMetrics, a part of an answer": Right(
        matrix(isPartial=True), {'{i="a"}': each()}, told="says that it is not complete: ask again"
    ),
    "CloudWatch, a page of an answer": Right(
        document(
            {
                "MetricDataResults": [
                    {
                        "Id": name,
                        "Label": f"In {name}",
                        "Timestamps": [at(n) for n in reversed(range(N))],
                        "Values": [float(load(n)) for n in reversed(range(N))],
                        "StatusCode": "Complete",
                    }
                    for name in ("i1", "i2")
                ],
                "NextToken": "abc",
            }
        ),
        {"i1": each(), "i2": each()},
        told="is one page of several (NextToken): the others are needed too",
    ),
    "InfluxDB 1, as many rows as it gives": Right(
        document(
            {
                "results": [
                    {
                        "partial": True,
                        "series": [
                            {"name": "x", "columns": ["time", "mean"], "values": [[at(n), load(n)] for n in range(N)]}
                        ],
                    }
                ]
            }
        ),
        {"rows": each()},
        told="says that it is not complete: ask again",
    ),
    # --- JSON that is not a line per object -----------------------------------------------------------
    "objects over several lines, of jq": Right(
        {"rows.json": "".join(json.dumps(one, indent=2) + "\n" for one in OBJECTS)}, ONE
    ),
    "objects without a line break": Right({"rows.json": "".join(map(json.dumps, OBJECTS))}, ONE),
    "objects with commas behind them": Right({"rows.json": ",\n".join(map(json.dumps, OBJECTS)) + ",\n"}, ONE),
    "a list that is never closed": Right(
        {"rows.json": "[\n" + ",\n".join(map(json.dumps, OBJECTS)) + ",\n"},
        ONE,
        told="has a list that is never closed, so rows may be missing: get it again",
    ),
    # --- logs and flows -------------------------------------------------------------------------------
    "AWS ALB": Right(
        {"a.log": "".join(ALB.format(at(s / 60, "%Y-%m-%dT%H:%M:%S.364000Z")) for s in UNEVEN)},
        {"app/lb/50dc": {minute: round(7.6 * count, 6) for minute, count in IN_MINUTES.items()}},
    ),
    "AWS NLB": Right(
        {"a.log": "".join(NLB.format(at(s / 60, "%Y-%m-%dT%H:%M:%S")) for s in UNEVEN)},
        {"net/lb/c6e7": {minute: 46.0 * count for minute, count in IN_MINUTES.items()}},
    ),
    "AWS S3": Right(
        {"a.log": "".join(S3.format(at(s / 60, "%d/%b/%Y:%H:%M:%S +0000")) for s in UNEVEN)},
        {"bucket-1": {minute: round(113 * 8 / 60 * count, 6) for minute, count in IN_MINUTES.items()}},
    ),
    "CloudFront": Right(
        "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip\n"
        + "".join(f"2025-01-06\t{at(s / 60, '%H:%M:%S')}\tFRA2\t150\t10.1.1.1\n" for s in UNEVEN),
        {"FRA2": {minute: 20.0 * count for minute, count in IN_MINUTES.items()}},
        Columns(key="x-edge-location"),
    ),
    "tshark": Right(
        rows("frame.time_epoch\tip.dst\tframe.len", *(f"{MONDAY + s}.123456789\t10.0.0.1\t150" for s in UNEVEN)),
        {"10.0.0.1": {minute: 20.0 * count for minute, count in IN_MINUTES.items()}},
        told="tshark: using frame.time_epoch, ip.dst, frame.len (summed, as bit/s)",
    ),
    "tshark, with times as text": Right(
        rows(
            "frame.time\tip.src\tframe.len",
            *(f"Jan  6, 2025 {at(s / 60, '%H:%M:%S')}.123456789 UTC\t10.0.0.1\t150" for s in UNEVEN),
        ),
        {"10.0.0.1": {minute: 20.0 * count for minute, count in IN_MINUTES.items()}},
    ),
    "IPFIX, flows that last long": Right(
        rows(
            "flowStartMilliseconds,flowEndMilliseconds,sourceIPv4Address,destinationIPv4Address,octetDeltaCount",
            *(f"{1000 * (MONDAY + s)},{1000 * (MONDAY + s + 1800 * (s % 2))},10.0.0.1,10.0.0.2,150" for s in UNEVEN),
        ),
        {"10.0.0.2": {minute: 20.0 * count for minute, count in IN_MINUTES.items()}},
        told="40 % of the first rows last longer than 1 min, up to 30 min; each is counted wholly at its "
        "flowStartMilliseconds, not spread: --resolution 10m or 60m blurs that",
    ),
    "nfdump 1.6, flows that last long": Right(
        rows(
            "ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt",
            *(f"{at(s / 60, PLAIN)},{at(s / 60 + 5, PLAIN)},300.000,1.1.1.1,a,1,2,TCP,.,0,0,5,150" for s in UNEVEN),
        ),
        {"a": {minute: 20.0 * count for minute, count in IN_MINUTES.items()}},
        told="100 % of the first rows last longer than 1 min, up to 5 min",
    ),
    "Argus": Right(
        rows(
            "StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,TotPkts,TotBytes,SrcBytes",
            *(f"{at(s / 60, '%Y/%m/%d %H:%M:%S')}.5,0.5,tcp,10.0.0.1,1,  ->,a,443,CON,10,150,70" for s in UNEVEN),
        ),
        {"a": {minute: 20.0 * count for minute, count in IN_MINUTES.items()}},
    ),
    "Packetbeat, flows that go on": Right(
        {"rows.json": PACKETBEAT},
        {"a": {at(n, "%H:%M"): 100.0 * (n % 5 + 1) for n in range(N)}},
        Columns(value="network.bytes", key="host.name"),
        told="rows of flows that go on (flow.final: false) count all since the flow began, so sums are too high: use "
        '--where "\\"flow.final\\" = \'true\'"',
    ),
    "Packetbeat, flows that are over": Right(
        {"rows.json": PACKETBEAT},
        {"a": {at(N - 1, "%H:%M"): 500.0}},
        Columns(value="network.bytes", key="host.name", where="\"flow.final\" = 'true'"),
    ),
    # --- monitoring -----------------------------------------------------------------------------------
    "PRTG": Right(
        rows(
            '"Date Time","Date Time(RAW)","Traffic In (Volume)","Traffic In (Volume)(RAW)","Coverage","Coverage(RAW)"',
            *(
                f'"{range_of(n)}",{(MONDAY + 3600 * n) / 86400 + 25569:.10f},"{load(n):,} MB",{load(n)}000000,"100 %",'
                "10000"
                for n in range(2 * N)
            ),
            '"Sums (of 40 values)","","30,000 MB",30000000000,"",""',
        ),
        {
            "Traffic In (Volume)": {f"{n:02}:00": load(n) * 1e6 for n in range(24)},
            "Traffic In (Volume)(RAW)": {f"{n:02}:00": load(n) * 1e6 for n in range(24)},
            **{
                name: {f"{n:02}:00": value for n in range(24)}
                for name, value in (("Coverage", 100.0), ("Coverage(RAW)", 10_000.0))
            },
        },
        told="the times in Date Time(RAW) are read as days since 1899",
    ),
    "vnStat": Right(
        document(
            {
                "vnstatversion": "2.9",
                "interfaces": [
                    {
                        "name": "eth0",
                        "traffic": {
                            "hour": [
                                {
                                    "id": n,
                                    "date": {"year": 2025, "month": 1, "day": 6},
                                    "time": {"hour": n, "minute": 0},
                                    "timestamp": MONDAY + 3600 * n,
                                    "rx": load(n),
                                    "tx": 7,
                                }
                                for n in range(N)
                            ]
                        },
                    }
                ],
            }
        ),
        {"rx": each(60), "tx": {f"{n:02}:00": 7.0 for n in range(N)}},
        told="repeat the time: id, date.year, date.month, date.day, time.hour, time.minute",
    ),
    "Zabbix, trends of one item": Right(
        rows("itemid,clock,value_avg,value_max", *(f"23296,{MONDAY + 3600 * n},{load(n)},9000" for n in range(N))),
        {"value_avg": each(60), "value_max": {f"{n:02}:00": 9000.0 for n in range(N)}},
        told="not series, because they number the rows or repeat the time: itemid",
    ),
    "SolarWinds": Right(
        rows('"Date / Time","Average Receive bps"', *(f'"6-Jan-2025 {n + 1:02}:00 AM",{load(n)}' for n in range(9))),
        {"rows": {f"{n + 1:02}:00": float(load(n)) for n in range(9)}},
    ),
    "Netdata, which turns the sign of what is sent": Right(
        rows("time,received,sent", *(f"{at(n, PLAIN)},{load(n)},-{load(n)}" for n in reversed(range(N)))),
        {"received": each(), "sent": each(times=-1)},
        told="the values of 1 series are never above 0, as some tools write what is sent",
    ),
    "Netdata, turned back": Right(
        rows("time,received,sent", *(f"{at(n, PLAIN)},{load(n)},-{load(n)}" for n in reversed(range(N)))),
        {"rows": each()},
        Columns(value="-sent"),
    ),
    # --- tables ---------------------------------------------------------------------------------------
    "columns of amounts, several a minute": Right(
        rows("time,bytes_in,bytes_out", *(f"{at(s / 60)},150,75" for s in UNEVEN)),
        {
            "bytes_in": {minute: 20.0 * count for minute, count in IN_MINUTES.items()},
            "bytes_out": {minute: 10.0 * count for minute, count in IN_MINUTES.items()},
        },
        told="(summed, as bit/s)",
    ),
    "a counter that was reset once, in few rows": Right(
        rows("time,key,rx_bytes_total", *(f"{at(n)},a,{600 * (n if n < 9 else n - 9)}" for n in range(N))),
        {"a": {at(n, "%H:%M"): 80.0 for n in range(N - 1) if n != 8}},
        told="the values only grow, so they are read as counters",
    ),
    "keys that differ in case": Right(
        rows("time,key,load", *(f"{at(n)},{key},{load(n)}" for n in range(N) for key in ("web", "Web"))),
        {"web": each(), "Web": each()},
        told="1 series differ from others only in case or in the decimals of a number, such as 'Web'",
    ),
    "keys with and without decimals": Right(
        {
            "a.csv": rows("time,id,load", *(f"{at(n)},12,{load(n)}" for n in range(N))),
            "b.csv": rows("time,id,load", *(f"{at(n)},12.0,{load(n)}" for n in range(N))),
        },
        {"12": each(), "12.0": each()},
        told="1 series differ from others only in case or in the decimals of a number, such as '12.0'",
    ),
}


@pytest.mark.parametrize("tool", RIGHT)
def test_what_a_tool_writes_is_read_rightly(tool: str, tmp_path: Path) -> None:
    assert_read_rightly(RIGHT[tool], tmp_path)


REFUSED: dict[str, tuple[dict[str, str | bytes] | str, str]] = {
    "bytes of several, and packets of one": ({"rows.json": PACKETBEAT}, "specify which columns of"),
    "parts of a distribution": (
        rows("time,service,quantile,value", *(f"{at(n)},a,{q},{load(n)}" for n in range(N) for q in ("0.5", "0.99"))),
        "up to 2 rows of one service have the same time and differ in quantile: use --key service,quantile",
    ),
}


@pytest.mark.parametrize("tool", REFUSED)
def test_what_a_tool_writes_is_refused_with_what_helps(tool: str, tmp_path: Path) -> None:
    files, says = REFUSED[tool]
    assert_refused(files, Columns(), says, tmp_path)


HOURS = [at(60 * n) for n in range(24 * 8)]
DAYS = [at(1440 * n) for n in range(8)]


def sums(name: str) -> dict[str, str | bytes]:
    return {
        "hourly.csv": rows(f"time,key,{name}", *(f"{time},a,10" for time in HOURS)),
        "daily.csv": rows(f"time,key,{name}", *(f"{time},a,240" for time in DAYS)),
    }


def test_hourly_and_daily_sums_of_one_series_are_refused(tmp_path: Path) -> None:
    says = "hourly.csv every 1 h: read one of them, for both together count twice"
    assert_refused(sums("requests"), Columns(), says, tmp_path)


def test_hourly_and_daily_means_of_one_series_are_pointed_out(tmp_path: Path) -> None:
    means = {"00:00": 125.0, **{f"{hour:02}:00": 10.0 for hour in range(1, 24)}}
    assert_read_rightly(
        Right(sums("load"), {"a": means}, told="hourly.csv every 1 h: if they are of the same traffic, read one"),
        tmp_path,
    )


def test_hourly_sums_that_follow_daily_ones_are_read(tmp_path: Path) -> None:
    files = sums("requests") | {
        "hourly.csv": rows("time,key,requests", *(f"{at(60 * n - 14400)},a,10" for n in range(240)))
    }
    files["daily.csv"] = rows("time,key,requests", *(f"{at(1440 * n)},a,240" for n in range(8)))
    assert_read_rightly(Right(files, {"a": {f"{hour:02}:00": 10.0 for hour in range(24)}}), tmp_path)


def test_a_line_that_is_none_of_an_export_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(EXPORT + ndjson([{"metric": {}, "values": [1, 2]}]))
    with pytest.raises(DamagedStore, match=r"rows.jsonl, line 3: not a line of an export of VictoriaMetrics"):
        open_source(str(tmp_path / "rows.jsonl"), Columns())
