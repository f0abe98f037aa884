"""What a value is, by its name: an amount, of which several add up, or a level or a rate, of which a mean is taken."""

from __future__ import annotations

import re
from dataclasses import dataclass

_OCTETS = {"bytes", "byte", "octets", "octet", "ibyt", "obyt", "byt", "sbytes", "dbytes"}
_AMOUNTS = {
    *_OCTETS,
    *("kbyte", "mbyte", "gbyte", "tbyte", "kbytes", "mbytes", "gbytes", "tbytes"),
    *("kilobytes", "megabytes", "gigabytes", "terabytes", "kibibytes", "mebibytes", "gibibytes", "tebibytes"),
    *("kb", "mb", "gb", "tb", "kib", "mib", "gib", "tib"),
    *("bits", "kbits", "mbits", "gbits", "tbits", "kilobits", "megabits", "gigabits", "terabits"),
    *("packets", "packet", "pkts", "pkt", "ipkt", "opkt", "frames", "flows", "flow"),
    *("requests", "request", "reqs", "hits", "count", "counts", "views", "visits", "clicks", "queries", "calls"),
    *("volume", "errors", "orders", "messages", "msgs", "events", "downloads", "logins", "transactions"),
    *(
        "pakete",
        "anfragen",
        "aufrufe",
        "zugriffe",
        "fehler",
        "paquets",
        "requêtes",
        "erreurs",
        "paquetes",
        "peticiones",
    ),
}
# A word that says that the value is a level or already a rate, whatever else its name says.
_LEVELS = {
    *("per", "rate", "avg", "average", "mean", "max", "min", "median", "peak", "p50", "p90", "p95", "p99"),
    *(
        "percentile",
        "percentiles",
        "quantile",
        "stddev",
        "stdev",
        "variance",
        "lowest",
        "highest",
        "minimum",
        "maximum",
    ),
    *("mittel", "mittelwert", "durchschnitt", "moyenne", "promedio"),
    *("bps", "kbps", "mbps", "gbps", "pps", "s", "sec", "second", "speed", "throughput", "bandwidth"),
    *("used", "usage", "free", "available", "avail", "limit", "size", "mem", "memory", "heap", "rss", "disk", "cache"),
    *("pct", "percent", "ratio", "share", "utilization", "util", "load", "ms", "latency", "duration", "time"),
    *("temperature", "temp", "humidity", "pressure", "voltage", "price"),
    *("filesystem", "memstats", "alloc", "resident", "capacity", "quota", "storage", "stored", "swap", "ram"),
    *("coverage", "downtime", "uptime"),
    *("active", "open", "current", "concurrent", "inflight", "pending", "queue", "queued", "depth", "length"),
}


# `ifHCInOctets`, `bytesSent`, `network.bytes`, `Bytes*SamplingRate`; `MBytes` and `kB` are no bytes.
_WORDS = re.compile(r"[kKMGT]i?[Bb](?:ytes?|its?)?(?![a-zß-ÿ])|[A-Z]+(?![a-zß-ÿ])|[A-Z]?[a-zß-ÿ]+\d*|\d+")
_COUNTERS = re.compile(r"_total$|counter|cumul|\bif(?:HC)?(?:In|Out)", re.IGNORECASE)


@dataclass(frozen=True)
class ValueKind:
    """What is known of a value."""

    amount: bool
    octets: bool
    """Whether it is bytes, an amount or not."""
    level: bool
    """Whether its name says that it is a level or a rate."""
    counter: bool = False
    """Whether its name says that it only grows, as those of Prometheus and SNMP do."""


def kind_of_value(name: str) -> ValueKind:
    """What a column of that name holds."""
    words = {word.lower() for word in _WORDS.findall(name)}
    if "sampling" in words:
        words -= {"rate"}
    level = bool(words & _LEVELS)
    return ValueKind(bool(words & _AMOUNTS) and not level, bool(words & _OCTETS), level, bool(_COUNTERS.search(name)))
