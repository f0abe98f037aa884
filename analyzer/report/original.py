"""The files that kentik_event_discovery wrote, by its names and in its units, for whoever has programs that read them.

Beside our own files of a run, never instead of them: these know no zone, no id, no verdict and no baseline.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from analyzer.model import Event, Findings
from analyzer.report.chart.picture import Picture, StartByPeak, as_shown
from analyzer.report.columns import number
from analyzer.report.table import as_written, remove
from traffic.disk import write_atomic
from traffic.model import Metric
from traffic.text import cell

CUSTOMERS = "customer.json"
KEYS = "customer_raw.json"
EVENTS = "kentik_historic_events.csv"
ALL = "kentik_historic_events.png"
LONG = "kentik_historic_events_long.png"
FILES = (CUSTOMERS, KEYS, EVENTS, ALL, LONG)

COLUMNS = ("CustomerASN", "StartTime", "EndTime", "Length", "Value", "Baseline", "Metric")

BITS = "both_bits_per_sec"
"""The series that it asked Kentik for: what stands in its last column."""

_ASN = re.compile(r"\((\d+)\)\s*$")
_MEGA = 1e6


def asn(key: str) -> str:
    """`64500` of `Example Net, DE (64500)`; a key without a number in parentheses at its end is its own name."""
    found = _ASN.search(key)
    return found[1] if found else key


def write_original(findings: Findings, folder: Path) -> list[Path]:
    """Write customer.json, customer_raw.json (one entry a key, in the same order) and the table; their paths.

    Raises:
        StorageFailure: the folder cannot be written.
    """
    written = [folder / CUSTOMERS, folder / KEYS, folder / EVENTS]
    write_atomic(written[0], _array(map(asn, findings.keys)))
    write_atomic(written[1], _array(findings.keys))
    lines = (",".join(COLUMNS), *_lines(findings))
    write_atomic(written[2], ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace"))
    return written


def original_pictures(findings: Findings, folder: Path) -> Mapping[Path, Picture]:
    """Its two pictures, to be drawn: start by peak in Mb/s, colour and size by length; all, and above a minute."""
    metric = findings.metric
    events = tuple(_in_its_units(as_written(event), metric) for event in findings.events)
    unit = "Mb/s" if _in_bits(metric) else metric.unit
    shown = replace(
        as_shown(findings),
        metric=replace(metric, name=_series(metric), unit=unit),
        events=events,
        verdict=None,
        traces=(),
    )
    return {folder / ALL: StartByPeak(shown), folder / LONG: StartByPeak(shown, longer_than=60)}


def remove_original(folder: Path) -> None:
    """Take away what an earlier run wrote here.

    Raises:
        StorageFailure: a file is there and stays.
    """
    for name in FILES:
        remove(folder / name)


def remove_pictures(folder: Path) -> None:
    """Take away the pictures among them.

    Raises:
        StorageFailure: one is there and stays.
    """
    for name in (ALL, LONG):
        remove(folder / name)


def _lines(findings: Findings) -> Iterator[str]:
    """Customer by customer, as it listed them; each in order of time."""
    series = _series(findings.metric)
    series = series if series.isidentifier() else _quoted(series)
    for event in sorted(findings.events, key=lambda event: (event.key, event.start)):
        scaled = _in_its_units(as_written(event), findings.metric)
        yield (
            f"{_quoted(event.key)},{_time(event.start)},{_time(event.end)},{number(max(1.0, event.minutes))},"
            f"{number(scaled.peak)},{number(scaled.threshold)},{series}"
        )


def _in_bits(metric: Metric) -> bool:
    return metric.unit == "bit/s"


def _series(metric: Metric) -> str:
    """By the name that Kentik has for it; our own stores call theirs just bits."""
    return BITS if _in_bits(metric) and metric.name == "bits" else metric.name


def _in_its_units(event: Event, metric: Metric) -> Event:
    """Traffic in Mb/s; anything else in its own unit, for which a million means nothing."""
    scale = _MEGA if _in_bits(metric) else 1.0
    # `number`, not the float itself: dividing must not bring back digits that the other tables do not show.
    peak, threshold, baseline = (
        float(number(value / scale)) for value in (event.peak, event.threshold, event.baseline)
    )
    return replace(event, peak=peak, threshold=threshold, baseline=baseline)


def _time(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _quoted(text: str) -> str:
    return '"' + cell(text).replace('"', '""') + '"'


def _array(texts: Iterable[str]) -> bytes:
    return (json.dumps(list(texts), indent=2) + "\n").encode("ascii")
