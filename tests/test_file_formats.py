"""Exports of flows and metrics, as their tools write them: read without options, and what was put into them is found.

Each has the real header of its tool. The worlds are small: six hours and a surge, of which the buckets are looked at.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.conformance import MONDAY
from traffic.errors import UsageFailure
from traffic.model import HOUR, Query, Window
from traffic.store import Columns
from traffic.store.files import FilesSource

SPAN = Window(MONDAY, MONDAY + 6 * HOUR)
STEP, COUNT = 300, 72
SURGE = slice(40, 44)
BASE = 3_000_000
TIMES = [MONDAY + STEP * index for index in range(COUNT)]
Write = Callable[[Path], str]


def amounts(series: int) -> list[int]:
    """Bytes in each five minutes; the second of two series has a surge."""
    values = BASE + 1000 * (37 * np.arange(COUNT) % 43)
    if series:
        values[SURGE] *= 8
    return [int(value) for value in values]


def at(time: int, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    return datetime.fromtimestamp(time, UTC).strftime(form)


def lines(name: str, header: str, row: Callable[[int, int, int], str], tail: str = "") -> Write:
    """A file of a row for each series (0 and 1) and time."""

    def write(folder: Path) -> str:
        rows = [row(time, one, amounts(one)[index]) for index, time in enumerate(TIMES) for one in (0, 1)]
        (folder / name).write_text("\n".join([*([header] if header else []), *rows]) + "\n" + tail, encoding="utf-8")
        return str(folder / name)

    return write


def wide(name: str, head: str, row: Callable[[int, int, int], str]) -> Write:
    """A file of a row for each time, with both series in it."""

    def write(folder: Path) -> str:
        pairs = zip(TIMES, amounts(0), amounts(1), strict=True)
        text = head + "".join(row(time, one, two) + "\n" for time, one, two in pairs)
        (folder / name).write_text(text, encoding="utf-8")
        return str(folder / name)

    return write


def objects(name: str, row: Callable[[int, int, int], dict[str, object]]) -> Write:
    return lines(name, "", lambda time, one, value: json.dumps(row(time, one, value)))


def prometheus(folder: Path) -> str:
    result = [
        {
            "metric": {"__name__": "ifHCInOctets_rate", "instance": f"edge{one}"},
            "values": [[time, str(value)] for time, value in zip(TIMES, amounts(one), strict=True)],
        }
        for one in (0, 1)
    ]
    answer = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    (folder / "range.json").write_text(json.dumps(answer))
    return str(folder / "range.json")


def collectd(folder: Path) -> str:
    """A folder an interface, a file a day, counters: here both lie around midnight."""
    total = [0, 0]
    for index, time in enumerate(TIMES):
        total = [sum_ + amounts(one)[index] for one, sum_ in enumerate(total)]
        for one in (0, 1):
            path = folder / "edge" / f"interface-eth{one}" / f"if_octets-{at(time - 3 * HOUR, '%Y-%m-%d')}"
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                path.write_text("epoch,rx,tx\n")
            with path.open("a") as file:
                file.write(f"{time}.000,{total[one]},{total[one] // 2}\n")
    return str(folder / "edge")


NFDUMP_16 = (
    "ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt,in,out,sas,das,smk,dmk,dtos,dir,nh,nhb,svln,dvln,ismc,"
    "odmc,idmc,osmc,mpls1,mpls2,mpls3,mpls4,mpls5,mpls6,mpls7,mpls8,mpls9,mpls10,cl,sl,al,ra,eng,exid,tr"
)
SUMMARY = "Summary\nflows,bytes,packets,avg_bps,avg_pps,avg_bpp\n144,432000000,480000,160000,22,900\n"
SILK = (
    "            sIP|            dIP|sPort|dPort|pro|   packets|     bytes|   flags|"
    "                  sTime| duration|                  eTime|sen|"
)
ZEEK = (
    "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n"
    "#open\t2025-01-06-00-00-00\n"
    "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\t"
    "conn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\t"
    "tunnel_parents\n"
    "#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\tbool\tbool\tcount\t"
    "string\tcount\tcount\tcount\tcount\tset[string]"
)
INFLUX_2 = (
    "#group,false,false,true,true,false,false,true,true,true\n"
    "#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string,string\n"
    "#default,_result,,,,,,,,\n"
    ",result,table,_start,_stop,_time,_value,_field,_measurement,host"
)
VPC = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)
CACTI = '"Title:","edge - Traffic"\n"Vertical Label:","bits per second"\n"Start Date:","2025-01-06 00:00:00"\n'

BITS = 8 / STEP
"""Bytes in five minutes as bit/s."""

FORMATS: dict[str, tuple[Write, float]] = {
    "nfdump 1.6": (
        lines(
            "nfdump.csv",
            NFDUMP_16,
            lambda t, s, v: f"{at(t)},{at(t)},1.000,198.51.100.1,192.0.2.{s},443,5000,TCP,.A....,0,0,{v // 900},{v}"
            + ",0" * 35,
            SUMMARY,
        ),
        BITS,
    ),
    "nfdump 1.7": (
        lines(
            "nfdump17.csv",
            "firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes,flows",
            lambda t, s, v: f"{at(t)}.123,0.001,TCP,198.51.100.1,443,192.0.2.{s},5000,{v // 900},{v},1",
        ),
        BITS,
    ),
    "pmacct": (
        lines(
            "pmacct.csv",
            "SRC_IP,DST_IP,SRC_PORT,DST_PORT,PROTOCOL,TIMESTAMP_START,TIMESTAMP_END,PACKETS,FLOWS,BYTES",
            lambda t, s, v: f"198.51.100.1,192.0.2.{s},443,5000,tcp,{at(t)}.000000,{at(t)}.0,{v // 900},1,{v}",
        ),
        BITS,
    ),
    "goflow2": (
        objects(
            "goflow2.json",
            lambda t, s, v: {
                "type": "NETFLOW_V9",
                "time_received_ns": t * 10**9,
                "sequence_num": 1,
                "sampling_rate": 100,
                "sampler_address": "192.168.1.1",
                "time_flow_start_ns": (t - 30) * 10**9,
                "time_flow_end_ns": t * 10**9,
                "bytes": v // 100,
                "packets": v // 90000,
                "src_addr": "198.51.100.1",
                "dst_addr": f"192.0.2.{s}",
                "etype": "IPv4",
                "proto": "TCP",
                "src_port": 443,
                "dst_port": 50001,
            },
        ),
        BITS,
    ),
    "akvorado": (
        lines(
            "akvorado.csv",
            "TimeReceived,SamplingRate,ExporterName,SrcAddr,DstAddr,SrcAS,DstAS,InIfName,OutIfName,Proto,Bytes,Packets",
            lambda t, s, v: f"{at(t)},1000,edge{s},2001:db8::1,2001:db8::2,64500,64501,Gi0/1,Gi0/2,6,{v // 1000},9",
        ),
        BITS,
    ),
    "SiLK rwcut": (
        lines(
            "silk.txt",
            SILK,
            lambda t, s, v: f"   198.51.100.1|      192.0.2.{s}|  443| 5000|  6|{v // 900:10d}|{v:10d}| S PA   |"
            f"{at(t, '%Y/%m/%dT%H:%M:%S')}.000|    1.000|{at(t, '%Y/%m/%dT%H:%M:%S')}.000| S0|",
        ),
        BITS,
    ),
    "Zeek conn, TSV": (
        lines(
            "conn.log",
            ZEEK,
            lambda t, s, v: f"{t}.123456\tC{t}{s}\t198.51.100.1\t39681\t192.0.2.{s}\t443\ttcp\t-\t0.5\t97\t-"
            f"\tSF\t-\t-\t0\tShADTdtr\t10\t{v // 3}\t6\t{v - v // 3}\t-",
            "#close\t2025-01-06-06-00-00\n",
        ),
        BITS,
    ),
    "Zeek conn, JSON": (
        objects(
            "conn.json",
            lambda t, s, v: {
                "ts": t + 0.25,
                "uid": f"C{t}{s}",
                "id.orig_h": "198.51.100.1",
                "id.orig_p": 39681,
                "id.resp_h": f"192.0.2.{s}",
                "id.resp_p": 443,
                "proto": "tcp",
                "conn_state": "SF",
                "orig_bytes": 1,
                "resp_bytes": 2,
                "orig_ip_bytes": v // 3,
                "resp_ip_bytes": v - v // 3,
            },
        ),
        BITS,
    ),
    "Suricata EVE flow": (
        objects(
            "eve.json",
            lambda t, s, v: {
                "timestamp": at(t, "%Y-%m-%dT%H:%M:%S.593199+0000"),
                "flow_id": t * 10 + s,
                "in_iface": "eth0",
                "event_type": "flow",
                "src_ip": "198.51.100.1",
                "src_port": 443,
                "dest_ip": f"192.0.2.{s}",
                "dest_port": 50001,
                "proto": "TCP",
                "flow": {"pkts_toserver": 1, "bytes_toserver": v // 3, "bytes_toclient": v - v // 3},
            },
        ),
        BITS,
    ),
    "Suricata EVE netflow": (
        objects(
            "eve_netflow.json",
            lambda t, s, v: {
                "timestamp": at(t, "%Y-%m-%dT%H:%M:%S.007515+0000"),
                "flow_id": t * 10 + s,
                "event_type": "netflow",
                "src_ip": "45.129.33.153",
                "src_port": 47047,
                "dest_ip": f"192.0.2.{s}",
                "dest_port": 16463,
                "proto": "TCP",
                "netflow": {"pkts": 1, "bytes": v, "age": 0, "min_ttl": 241, "max_ttl": 241},
            },
        ),
        BITS,
    ),
    "AWS VPC flow logs": (
        lines(
            "vpc.log",
            VPC,
            lambda t, s, v: f"2 123456789012 eni-0a1b2c{s} 10.0.1.201 198.51.100.2 443 49153 6 25 {v} {t} "
            f"{t + 60} ACCEPT OK",
        ),
        BITS,
    ),
    "collectd CSV": (collectd, BITS),
    "InfluxDB 2, annotated": (
        lines(
            "influx2.csv",
            INFLUX_2,
            lambda t, s, v: f",,{s},2025-01-06T00:00:00Z,2025-01-06T06:00:00Z,"
            f"{at(t, '%Y-%m-%dT%H:%M:%SZ')},{v},in,net,edge{s}",
            "\n" + INFLUX_2 + "\n",
        ),
        1.0,
    ),
    "InfluxDB 1": (
        lines("influx1.csv", "name,tags,time,value", lambda t, s, v: f'net,"if=eth{s},host=r1",{t}000000000,{v}'),
        1.0,
    ),
    "Grafana, series as rows": (
        lines(
            "grafana.csv",
            "sep=;\nSeries;Time;Value",
            lambda t, s, v: f"edge{s};{at(t, '%Y-%m-%dT%H:%M:%S+00:00')};{v}",
        ),
        1.0,
    ),
    "Grafana, joined by time": (
        wide("joined.csv", '"Time","Value","Value"\n', lambda t, a, b: f"{t}123.7249,{a},{b}"),
        1.0,
    ),
    "Grafana, formatted": (
        wide(
            "formatted.csv",
            '"Time","edge0 in","edge1 in"\n',
            lambda t, a, b: f'"{at(t)}","{a / 1e6:.3f} Mb/s","{b / 1e3:.0f} kb/s"',
        ),
        1.0,
    ),
    "Prometheus legends, semicolons": (
        wide(
            "legends.csv",
            '"Time";"{device=""eth0"", instance=""r1:9100"", job=""node""}";'
            '"{device=""eth1"", instance=""r1:9100"", job=""node""}"\n',
            lambda t, a, b: f"{t}000;{a};{b}",
        ),
        1.0,
    ),
    "Prometheus query_range": (prometheus, 1.0),
    "Cacti": (
        wide("cacti.csv", CACTI + '"Step:","300"\n"Total Rows:","72"\n\n"Date","Inbound","Outbound"\n',
             lambda t, a, b: f'"{at(t)}","{a:.4e}","{b:.4e}"'),
        1.0,
    ),
    "LibreNMS, with a row of units": (
        wide("librenms.csv", "edge: Traffic\nTimestamp,In,Out\n,bps,bps\n", lambda t, a, b: f"{at(t)},{a},{b}"),
        1.0,
    ),
    "Excel, German": (
        lines(
            "excel.csv",
            "Datum;Uhrzeit;Kunde;Mbit/s",
            lambda t, s, v: f"{at(t, '%d.%m.%Y;%H:%M')};Kunde {s};{v / 1e6:.2f}".replace(",", "").replace(
                f"{v / 1e6:.2f}", f"{v / 1e6:.2f}".replace(".", ",")
            ),
        ),
        1e-6,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_is_read_without_options(tmp_path: Path, name: str) -> None:
    write, factor = FORMATS[name]
    source = FilesSource(write(tmp_path), Columns())
    keys = tuple(source.keys(SPAN))
    values = source.series(Query(source.metric, keys, SPAN, STEP)).values
    surges = {}
    for key, row in zip(keys, values, strict=True):
        there = ~np.isnan(row)
        assert there.sum() >= COUNT - 2, (key, row)
        surges[key] = float(np.nanmax(row) / np.nanmedian(row))
    # Counters tell of the time between two of their rows.
    loud = [key for key in keys if surges[key] > 6]
    quiet = [key for key in keys if surges[key] < 1.1]
    assert len(loud) == len(quiet) == len(keys) // 2, surges
    first = float(np.nanmax(values[keys.index(loud[0])]))
    assert first == pytest.approx(8 * BASE * factor, rel=0.02)
    assert source.left_out == {}
    assert source.metric.unit == ("bit/s" if factor == BITS else "")


def test_the_series_of_an_export_are_called_as_it_calls_them(tmp_path: Path) -> None:
    expected = {
        "nfdump 1.6": ["192.0.2.0", "192.0.2.1"],
        "SiLK rwcut": ["192.0.2.0", "192.0.2.1"],
        "akvorado": ["edge0 / Gi0/1", "edge1 / Gi0/1"],
        "InfluxDB 2, annotated": ["in / net / edge0", "in / net / edge1"],
        "collectd CSV": [
            *(f"interface-eth0/if_octets / {way}" for way in ("rx", "tx")),
            *(f"interface-eth1/if_octets / {way}" for way in ("rx", "tx")),
        ],
        "Prometheus query_range": [f'ifHCInOctets_rate{{instance="edge{one}"}}' for one in (0, 1)],
        "Excel, German": ["Kunde 0", "Kunde 1"],
    }
    for name, keys in expected.items():
        folder = tmp_path / name.replace(" ", "_")
        folder.mkdir()
        assert list(FilesSource(FORMATS[name][0](folder), Columns()).keys(SPAN)) == keys, name


def test_a_line_that_is_no_trailer_of_the_format_stops_the_run(tmp_path: Path) -> None:
    path = Path(FORMATS["nfdump 1.6"][0](tmp_path))
    path.write_text(path.read_text().replace(SUMMARY, "2025-01-06 00:00:00,2025-01-06\n" + SUMMARY))
    with pytest.raises(
        UsageFailure, match=r"nfdump\.csv, line \d+: '2025-01-06 00:00:00,2025-01-06' is not a row of 48"
    ):
        FilesSource(str(path), Columns()).keys(SPAN)


def test_what_is_gzipped_is_recognised_as_well(tmp_path: Path) -> None:
    path = Path(FORMATS["AWS VPC flow logs"][0](tmp_path))
    (tmp_path / "vpc.log.gz").write_bytes(gzip.compress(path.read_bytes()))
    source = FilesSource(str(tmp_path / "vpc.log.gz"), Columns())
    assert list(source.keys(SPAN)) == ["eni-0a1b2c0", "eni-0a1b2c1"]
    assert source.notes()[0].startswith(
        "AWS VPC flow log: using start, interface-id, bytes (summed, as bit/s); not used:"
    )
