"""Exports that say by the names of their fields what they are: a row a format, and all that is known of it.

A new format is a row here, a row in docs/files.md and a real header in tests/test_file_formats.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Format:
    """An export. Names of columns are compared without case; the first of the alternatives that is there is taken."""

    name: str
    has: tuple[str, ...]
    """Columns that tell it from all others."""
    time: tuple[str, ...]
    key: tuple[str, ...]
    """Columns whose values make the series, with + between several; `*`: all that `apart` does not list."""
    value: tuple[str, ...]
    """Columns in braces, alone or in an expression."""
    statistic: Literal["sum", "avg", ""] = "sum"
    """Empty: told from the name and the data, as of any other table."""
    octets: bool = True
    """Whether the values are bytes, which are shown in bit/s."""
    apart: tuple[str, ...] = ()
    trailer: str = ""
    """What lines that are no rows look like, where such come after the rows."""


# What nfdump adds below its rows: a title, a header of its own, a row of totals.
_NFDUMP = r"Summary.*|flows,.*|\d+(?:,[\d.]+){5}|No matched flows.*|"
_INFLUX = ("", "result", "table", "_start", "_stop", "_time", "_value")

FORMATS: tuple[Format, ...] = (
    Format("nfdump 1.6", ("ts", "te", "sa", "da", "ibyt"), ("ts",), ("da",), ("{ibyt}",), trailer=_NFDUMP),
    Format(
        "nfdump 1.7",
        ("firstseen", "srcaddr", "dstaddr", "bytes"),
        ("firstseen",),
        ("dstaddr",),
        ("{bytes}",),
        trailer=_NFDUMP,
    ),
    Format(
        "pmacct",
        ("src_ip", "dst_ip", "bytes", "packets"),
        ("timestamp_start", "timestamp_arrival", "stamp_inserted"),
        ("dst_ip",),
        ("{bytes}*greatest({sampling_rate}, 1)", "{bytes}"),
    ),
    Format(
        "pmacct JSON",
        ("ip_src", "ip_dst", "bytes", "packets"),
        ("timestamp_start", "timestamp_arrival", "stamp_inserted"),
        ("ip_dst",),
        ("{bytes}*greatest({sampling_rate}, 1)", "{bytes}"),
    ),
    Format(
        "goflow2",
        ("time_received_ns", "bytes", "src_addr", "dst_addr"),
        ("time_received_ns",),
        ("dst_addr",),
        ("{bytes}*greatest({sampling_rate}, 1)", "{bytes}"),
    ),
    Format(
        "akvorado or goflow",
        ("timereceived", "bytes"),
        ("timereceived",),
        ("exportername+inifname", "exporteraddress+inifname", "exportername", "dstaddr", "sampleraddress", "dstas"),
        ("{bytes}*greatest({samplingrate}, 1)", "{bytes}"),
    ),
    Format("SiLK rwcut", ("sip", "dip", "bytes", "stime"), ("stime",), ("dip",), ("{bytes}",)),
    Format(
        "Zeek conn",
        ("ts", "uid", "id.orig_h", "id.resp_h", "conn_state"),
        ("ts",),
        ("id.resp_h",),
        (
            "coalesce({orig_ip_bytes}, 0)+coalesce({resp_ip_bytes}, 0)",
            "coalesce({orig_bytes}, 0)+coalesce({resp_bytes}, 0)",
        ),
    ),
    Format(
        "Suricata netflow",
        ("timestamp", "event_type", "dest_ip", "netflow.bytes"),
        ("timestamp",),
        ("dest_ip",),
        ("{netflow.bytes}",),
    ),
    Format(
        "Suricata flow",
        ("timestamp", "event_type", "dest_ip", "flow.bytes_toserver"),
        ("timestamp",),
        ("dest_ip",),
        # Other events describe a flow that has not ended yet; each flow is counted once, when it ends.
        (
            "CASE WHEN {event_type} = 'flow' THEN {flow.bytes_toserver}+{flow.bytes_toclient} END",
            "CASE WHEN {event_type} = 'flow' THEN {flow.bytes_toserver} END",
        ),
    ),
    Format("AWS VPC flow log", ("interface-id", "bytes", "start"), ("start",), ("interface-id",), ("{bytes}",)),
    Format("AWS VPC flow log", ("interface_id", "bytes", "start"), ("start",), ("interface_id",), ("{bytes}",)),
    Format("tshark", ("frame.len",), ("frame.time_epoch", "frame.time"), ("ip.dst", "ip.src"), ("{frame.len}",)),
    Format(
        "IPFIX",
        ("octetdeltacount", "destinationipv4address"),
        ("flowstartmilliseconds", "flowstartseconds"),
        ("destinationipv4address",),
        ("{octetdeltacount}",),
    ),
    Format("Argus ra", ("starttime", "srcaddr", "dstaddr", "totbytes"), ("starttime",), ("dstaddr",), ("{totbytes}",)),
    Format("AWS ALB", ("balancer", "target_processing_time", "bytes"), ("timestamp",), ("balancer",), ("{bytes}",)),
    Format(
        "AWS NLB",
        ("balancer", "listener", "received_bytes", "sent_bytes"),
        ("timestamp",),
        ("balancer",),
        ("{received_bytes}+{sent_bytes}",),
    ),
    Format("AWS S3", ("operation", "error_code", "service", "bytes"), ("timestamp",), ("service",), ("{bytes}",)),
    Format("InfluxDB 2", ("_time", "_value"), ("_time",), ("*",), ("{_value}",), "", apart=_INFLUX),
    Format("InfluxDB 1", ("name", "tags", "time", "value"), ("time",), ("name+tags",), ("{value}",), ""),
    Format("Grafana", ("series", "time", "value"), ("time",), ("series",), ("{value}",), ""),
    Format("Grafana", ("time", "metric", "value"), ("time",), ("metric",), ("{value}",), ""),
    Format(
        "collectd",
        ("host", "plugin", "plugin_instance", "type", "type_instance", "value"),
        ("time", "timestamp", "epoch"),
        ("host+plugin+plugin_instance+type+type_instance",),
        ("{value}",),
        "",
    ),
)


@dataclass(frozen=True)
class Recognised:
    """What a format makes of the columns of a table."""

    format: Format
    time: str
    key: tuple[str, ...]
    value: str
    """The column, or an expression in SQL."""
    values: tuple[str, ...]
    """The columns in it."""


def recognise_format(columns: Sequence[str]) -> Recognised | None:
    """The first format whose fields the table has; None where it has those of none."""
    known: dict[str, str] = {}
    for column in columns:
        known.setdefault(column.lower(), column)
    for one in FORMATS:
        if not all(name in known for name in one.has):
            continue
        time = next((known[name] for name in one.time if name in known), None)
        key = _key(one, columns, known)
        value = next((text for text in one.value if all(name in known for name in _braced(text))), None)
        if time is not None and key and value is not None:
            names = tuple(known[name] for name in _braced(value))
            return Recognised(one, time, key, _filled(value, known), names)
    return None


def trailer_of(columns: Sequence[str]) -> str:
    """What lines that are no rows look like in such a table; nothing where all lines have to be rows."""
    found = recognise_format(columns)
    return found.format.trailer if found else ""


def _key(one: Format, columns: Sequence[str], known: dict[str, str]) -> tuple[str, ...]:
    for names in one.key:
        if names == "*":
            return tuple(c for c in columns if c.lower() not in one.apart and not re.fullmatch(r"column \d+", c))
        if all(name in known for name in names.split("+")):
            return tuple(known[name] for name in names.split("+"))
    return ()


def _braced(text: str) -> list[str]:
    return re.findall(r"{([^}]+)}", text)


def _filled(text: str, known: dict[str, str]) -> str:
    """The column itself where it stands alone, else the expression with its names as SQL wants them."""
    if re.fullmatch(r"{[^}]+}", text):
        return known[text[1:-1]]
    return re.sub(r"{([^}]+)}", lambda match: '"' + known[match[1]].replace('"', '""') + '"', text)
