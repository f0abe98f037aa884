"""Metrics as other people have them, on real servers: the right values, or a line that says what is odd about them.

Six weeks of a sample each five minutes of three keys, of which the last has eight times its traffic for two hours.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyzer.model import Findings, Policy
from analyzer.pipeline import Ledger, Search, discover
from analyzer.reading.scope import Scope
from tests.prometheus.server import PromServer, Series
from traffic.errors import UsageFailure
from traffic.model import HOUR, WEEK, Query, Window, week_start
from traffic.store import Columns, open_source

MONDAY = week_start(1_792_000_000)
END = MONDAY + 6 * WEEK
SPIKE = END - 4 * 24 * HOUR + 14 * HOUR
STEP, OFF = 300, 7
KEYS = ("1", "2", "3")
TOP = 2.0**32 - 1
Samples = list[tuple[float, float]]


def level(key: str) -> Samples:
    """What a key has every five minutes."""
    found: Samples = []
    place = KEYS.index(key)
    for time in range(MONDAY, END, STEP):
        value = 1000 * (place + 1) * (1 + math.sin((time / HOUR - 6) / 12 * math.pi) / 2)
        value *= 8 if key == "3" and SPIKE <= time < SPIKE + 2 * HOUR else 1
        value *= 1 + (time // STEP * 7919 + place * 104_729) % 1000 / 5000
        found.append((time + OFF, float(round(value))))
    return found


def total(key: str, times: int = 1) -> Samples:
    """The same as a counter has it, which begins anew in the third week."""
    found: Samples = []
    so_far = 0.0
    for time, value in level(key):
        so_far = (0.0 if time - OFF == MONDAY + 2 * WEEK else so_far) + times * value
        found.append((time, so_far))
    return found


def marked(key: str, value: float) -> Samples:
    """One in forty hours, of one key, a sample is that value."""
    return [(time, value if key == "2" and place % 480 == 5 else one) for place, (time, one) in enumerate(level(key))]


def every_series() -> Iterator[Series]:
    for key in KEYS:
        yield "level", {"key": key}, level(key)
        yield "queue_total", {"key": key}, level(key)
        yield "connections_count", {"key": key}, level(key)
        yield "minus_one", {"key": key}, marked(key, -1.0)
        yield "top", {"key": key}, marked(key, TOP)
        yield "named", {"key": {"1": "Site A", "2": "site a", "3": "site a "}[key]}, level(key)
        for name in ("received_bytes", "disk_used_bytes", "sent_kilobytes_total", "request_size_bytes_count"):
            yield name, {"key": key}, total(key)
        for replica in ("a", "b"):
            yield "octets_total", {"key": key, "prometheus_replica": replica}, total(key)
            yield "by_pod", {"key": key, "replicaset": replica}, level(key)
        for place, le in enumerate(("1", "5", "+Inf"), 1):
            yield "seconds_bucket", {"key": key, "le": le}, total(key, place)


@pytest.fixture(scope="module")
def others(prom_server: PromServer) -> PromServer:
    prom_server.fill(every_series())
    return prom_server


@dataclass(frozen=True)
class Read:
    """What is asked, and what has to come of it."""

    value: str
    says: str
    """A pattern of all that is said."""
    times: float = 1.0
    """The right values are so many times those of `level` ..."""
    growth: bool = False
    """... a second."""
    statistic: Any = None
    event: str = "3"
    """The series that has the event ..."""
    found: bool = True
    """... and whether it is found."""
    whole: bool = True
    """Whether every sample counts."""


COUNTER = r"is read as a counter and its rate is used \(--statistic avg: use it as it is\)"
BITS = r"counts bytes, and is shown in bit/s"
ADDED = "series of one key that differ in prometheus_replica are added up: if they are copies"
GROW = "the values of all 3 series only grow, as counters do: .* is not found;"
SITUATIONS = {
    "a gauge": Read("level", r"^read all 36,288 samples$"),
    "a counter that is not called so": Read(
        "received_bytes", rf"^received_bytes only grows, so its rate is used .*{BITS}", times=8, growth=True
    ),
    "a level that only grew": Read("disk_used_bytes", r"^read all", found=False),
    "a counter by the matcher of its name": Read(
        '{__name__="octets_total", prometheus_replica="a"}', rf"^octets_total {COUNTER}.*{BITS}", times=8, growth=True
    ),
    "how many sizes of requests were seen": Read(
        "request_size_bytes_count", rf"^request_size_bytes_count {COUNTER}.*; read all", growth=True
    ),
    "a counter of kilobytes": Read("sent_kilobytes_total", rf"^sent_kilobytes_total {COUNTER}; read", growth=True),
    "copies by two servers": Read("octets_total", rf"{ADDED}.*prometheus_replica=\.\.\.", times=16, growth=True),
    "one of these": Read(
        'octets_total{prometheus_replica="b"}', r"bit/s.*; read all \S+ samples$", times=8, growth=True
    ),
    "what is no copy": Read("by_pod", r"^read all 72,576 samples$", times=2, statistic="sum"),
    "a counter whose highest value is asked for": Read(
        'octets_total{prometheus_replica="a"}', rf"^{GROW} --statistic rate", statistic="max", found=False
    ),
    "a sum of counters": Read("sum by (key) (octets_total)", rf"^{GROW} use rate\(\) in --value", found=False),
    "-1 where nothing was measured": Read(
        "minus_one", r"26 samples are -1: .* use --value 'minus_one != -1'", whole=False
    ),
    "4294967295 where nothing was measured": Read(
        "top", "26 samples are 4294967295: .*'top != 4294967295'", found=False
    ),
    "the way out of that": Read("top != 4294967295", r"^read all 36,262 values$", whole=False),
    "names that differ in case and blanks": Read(
        "named", "3 keys differ from others only in case or blanks, such as 'Site A' and 'site a',", event="site a "
    ),
    "a gauge that is called like a counter, as it is": Read("queue_total", "^read all", statistic="avg"),
}


def run(server: PromServer, columns: Columns, output: Path) -> tuple[Findings, str]:
    source = open_source(server.store, columns)
    search = Search(output, Policy(floor=0.0), Scope(resolution=HOUR, now=END + WEEK), charts=0)
    found = discover(source, search, None, Ledger(), lambda _done, _total: None)
    return found, "; ".join((*source.notes()[1:], *source.remarks(), found.coverage.sentence()))


@pytest.mark.parametrize("name", SITUATIONS)
def test_values_are_those_of_the_samples_and_what_is_odd_is_said(others: PromServer, tmp_path: Path, name: str) -> None:
    told = SITUATIONS[name]
    columns = Columns(key="key", value=told.value, statistic=told.statistic)
    for _ in range(2):
        # From the cache as well.
        found, said = run(others, columns, tmp_path)
        assert re.search(told.says, said), said
        events = {(event.key, event.start) for event in found.events}
        assert (events == {(told.event, SPIKE)}) is told.found
    if told.found and told.whole:
        source = open_source(others.store, columns)
        window = Window(END - 2 * WEEK, END)
        values = source.series(Query(source.metric, (told.event,), window, STEP)).values[0]
        right = np.array([value for time, value in level("3") if time >= window.start]) * told.times
        np.testing.assert_allclose(values, right / STEP if told.growth else right, rtol=1e-9)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("seconds_bucket", r"seconds_bucket is a histogram, .*use seconds_count, or histogram_quantile\("),
        ("queue_total", r"queue_total is named like a counter, but fell \d+ times in 864 samples: use --statistic avg"),
        ("connections_count", "connections_count is named like a counter, but fell"),
    ],
)
def test_what_has_no_meaning_is_refused_with_what_to_do(
    others: PromServer, tmp_path: Path, value: str, says: str
) -> None:
    with pytest.raises(UsageFailure, match=says):
        run(others, Columns(key="key", value=value), tmp_path)


@pytest.mark.parametrize("columns", [Columns(value="seconds_bucket"), Columns(key="key, le", value="seconds_bucket")])
def test_buckets_of_a_histogram_can_be_series_of_their_own(others: PromServer, columns: Columns) -> None:
    source = open_source(others.store, columns)
    assert len(source.keys(Window(MONDAY, END))) == 9


def test_who_insists_on_a_rate_has_it(others: PromServer) -> None:
    source = open_source(others.store, Columns(key="key", value="queue_total", counter=True))
    assert source.metric.unit == ""
