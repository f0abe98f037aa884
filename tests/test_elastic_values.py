"""What the values of an index are, on a real node: amounts add up, counters are rates, anything else is a mean."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyzer.model import Findings
from tests.elasticsearch.server import Server
from tests.test_elastic_as_it_is import END, MONDAY, SPIKE, Documents, documents, events, put, run
from traffic.errors import UsageFailure
from traffic.model import HOUR, WEEK, Query, Window
from traffic.store import Columns, open_source
from traffic.store.elastic.rates import LEAD, rates

BYTES = Columns(None, "customer", "bytes")
RESET = MONDAY + 2 * WEEK + 5 * HOUR


def counters(more: int = 0) -> Documents:
    """What these documents come to, as an interface counts it: two of the keys begin anew, others stand still."""
    total = {"1": 10**9, "2": 0, "3": 5}
    found = []
    for one in documents():
        if one["@timestamp"] == RESET * 1000 and one["customer"] != "2":
            total[one["customer"]] = 0
        total[one["customer"]] += one["bytes"]
        found.append({**one, "bytes": total[one["customer"]]})
        if one["customer"] == "3" and one["@timestamp"] >= (END - WEEK) * 1000:
            found += [{**one, "customer": f"idle {number}"} | {"bytes": number} for number in range(more)]
    return found


def notes(server: Server, index: str, columns: Columns = BYTES) -> str:
    return "; ".join(open_source(f"{server.url}/{index}", columns).notes())


def look(server: Server, index: str, output: Path, columns: Columns = BYTES, **policy: Any) -> Findings:
    return run(f"{server.url}/{index}", output, columns, **policy)


def test_amounts_add_up_and_bytes_are_bits_as_of_files(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    # Three hundred small flows make the event, each no larger than usual.
    there = []
    for one in documents(END - 3 * WEEK, spike=False):
        many = 8 if one["customer"] == "3" and SPIKE <= one["@timestamp"] // 1000 < SPIKE + 2 * HOUR else 1
        there += [{**one, "packets": 3, "load": one["bytes"], "@timestamp": one["@timestamp"] + i} for i in range(many)]
    put(elasticsearch, elasticsearch_index, there)
    assert "bytes is an amount: summed, as bit/s" in notes(elasticsearch, elasticsearch_index)
    assert open_source(f"{elasticsearch.url}/{elasticsearch_index}", BYTES).metric.unit == "bit/s"
    for value in ("bytes", "packets"):
        found = look(elasticsearch, elasticsearch_index, tmp_path, replace(BYTES, value=value), floor=0.0)
        assert events(found) == [("3", SPIKE)]
    assert not look(elasticsearch, elasticsearch_index, tmp_path, replace(BYTES, value="load"), floor=0.0).events


def test_means_of_many_documents_are_said_to_be_that_also_from_the_cache(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    there = [{**one, "@timestamp": one["@timestamp"] + i} for one in documents(END - 3 * WEEK) for i in range(4)]
    put(elasticsearch, elasticsearch_index, there)
    for _ in range(2):
        said = look(elasticsearch, elasticsearch_index, tmp_path, replace(BYTES, statistic="avg")).coverage.sentence()
        assert "a bucket is the mean of 4 documents, so a rise in their number does not show" in said
    said = look(elasticsearch, elasticsearch_index, tmp_path, replace(BYTES, statistic="sum")).coverage.sentence()
    assert "mean" not in said


@pytest.mark.parametrize("kind", ["long", {"type": "long", "time_series_metric": "counter"}])
@pytest.mark.parametrize("more", [0, 60])
def test_counters_are_how_fast_they_grow_and_begin_anew_without_an_event(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path, kind: Any, more: int
) -> None:
    put(elasticsearch, elasticsearch_index, counters(more), bytes=kind)
    assert "its rate is used" in notes(elasticsearch, elasticsearch_index)
    for _ in range(2):
        found = look(elasticsearch, elasticsearch_index, tmp_path, floor=0.0)
        assert [(event.key, event.start, event.end) for event in found.events] == [("3", SPIKE, SPIKE + 2 * HOUR)]
        assert found.coverage.whole
        assert found.coverage.read == len(counters(more))


def test_rates_are_those_of_the_documents_in_whatever_window_they_are_asked_for(
    elasticsearch: Server, elasticsearch_index: str
) -> None:
    there = counters()
    put(elasticsearch, elasticsearch_index, there)
    source = open_source(f"{elasticsearch.url}/{elasticsearch_index}", BYTES)
    whole = source.series(Query(source.metric, ("1", "3"), Window(MONDAY, END), HOUR)).values
    of_key = [one["bytes"] for one in there if one["customer"] == "3"]
    expected = np.concatenate([[np.nan], np.diff(of_key) * 8.0 / HOUR])
    expected[expected < 0] = np.nan
    np.testing.assert_allclose(whole[1], expected)
    assert np.isnan(whole[1]).sum() == 2
    start = RESET - 6 * HOUR
    part = source.series(Query(source.metric, ("3",), Window(start, start + 12 * HOUR), HOUR)).values
    np.testing.assert_array_equal(part[0], whole[1, (start - MONDAY) // HOUR :][:12])


def test_a_statistic_that_says_nothing_of_a_counter_is_refused_or_said(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    put(elasticsearch, elasticsearch_index, counters())
    with pytest.raises(UsageFailure, match=r"only grows, as a counter does: .* use --statistic rate"):
        open_source(f"{elasticsearch.url}/{elasticsearch_index}", replace(BYTES, statistic="sum"))
    for statistic in ("avg", "max"):
        said = notes(elasticsearch, elasticsearch_index, replace(BYTES, statistic=statistic))
        assert "only grow, as counters do" in said
    rate = replace(BYTES, statistic="avg", counter=True)
    assert events(look(elasticsearch, elasticsearch_index, tmp_path, rate, floor=0.0)) == [("3", SPIKE)]


def test_a_level_that_grows_is_no_counter(elasticsearch: Server, elasticsearch_index: str) -> None:
    there = [{**one, "disk": {"used": one["bytes"]}} for one in counters()]
    put(elasticsearch, elasticsearch_index, there)
    source = open_source(f"{elasticsearch.url}/{elasticsearch_index}", replace(BYTES, value="disk.used"))
    assert source.metric.statistic == "avg"
    assert source.notes() == []


@pytest.mark.parametrize(
    ("totals", "times", "expected"),
    [
        ([0.0, 60.0, 180.0], [0, 60, 120], [np.nan, 1.0, 2.0]),
        # It began anew.
        ([100.0, 160.0, 30.0, 90.0], [0, 60, 120, 180], [np.nan, 1.0, np.nan, 1.0]),
        # A reading is missing: the rate since the last one.
        ([0.0, np.nan, 240.0], [0, np.nan, 120], [np.nan, np.nan, 2.0]),
        # Readings that lie off the grid.
        ([0.0, 90.0, 120.0], [10, 100, 130], [np.nan, 1.0, 1.0]),
        # Too long ago.
        ([0.0, 99.0, 100.0], [0, LEAD + 1, LEAD + 2], [np.nan, np.nan, 1.0]),
        ([7.0, 7.0], [0, 60], [np.nan, 0.0]),
        ([np.nan, np.nan], [np.nan, np.nan], [np.nan, np.nan]),
    ],
)
def test_rates_of_readings(totals: list[float], times: list[float], expected: list[float]) -> None:
    np.testing.assert_array_equal(rates(np.array([totals]), np.array([times])), [expected])
