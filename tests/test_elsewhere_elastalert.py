"""ElastAlert's rules: what they raise, worked by hand, and which are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analyzer.elsewhere.judge import judge
from analyzer.elsewhere.policy import Aggregated, Spike
from analyzer.elsewhere.raised import Raised
from analyzer.elsewhere.read import policies
from analyzer.reading.scope import Scope
from tests.histories import history_of
from tests.worlds import MONDAY, MemorySource
from traffic.errors import UsageFailure
from traffic.model import BITS, Floats, Metric

COUNT = Metric("rows", "rows", "count", unit="", empty="zero")

ABOVE = """
name: too much
type: metric_aggregation
index: flows-*
metric_agg_key: network.bytes
metric_agg_type: sum
query_key: client.ip
max_threshold: 6000
buffer_time: {minutes: 10}
alert: [email]
email: [noc@example.com]
"""
SPIKE = """
name: many errors
type: spike
index: app-*
timeframe: {minutes: 5}
spike_height: 3
spike_type: up
threshold_ref: 10
query_key: service
alert: [debug]
"""


def rule(text: str, tmp_path: Path, metric: Metric = BITS) -> Aggregated | Spike:
    (tmp_path / "rule.yaml").write_text(text)
    (policy,) = policies(str(tmp_path / "rule.yaml"), metric, "over")
    assert isinstance(policy, (Aggregated, Spike))
    return policy


def judged(text: str, metric: Metric, tmp_path: Path, **series: Floats) -> Raised:
    source = MemorySource(MONDAY, series, metric=metric)
    history = history_of(source, Scope(60, MONDAY + 10**8), tmp_path / f"out{len(series)}")
    return judge(rule(text, tmp_path, metric), history)


def told(raised: Raised, key: int = 0) -> list[tuple[int, int, int, int]]:
    """Start, end, detection in minutes, and how often it was told."""
    one = raised.alerts
    rows = zip(one.key, one.start, one.end, one.detected, one.told, strict=True)
    return [
        (int(start - MONDAY) // 60, int(end - MONDAY) // 60, int(detected - MONDAY) // 60, int(count))
        for of, start, end, detected, count in rows
        if of == key
    ]


def test_a_sum_of_documents_over_a_window_is_compared_and_not_a_rate(tmp_path: Path) -> None:
    # Bytes a minute: ten minutes at 600 are 6,000, which is no more than 6,000; one byte more is.
    quiet = np.full(240, 600.0)
    loud = quiet.copy()
    loud[65] += 1
    loud[[121, 135]] += 5000
    raised = judged(ABOVE, BITS, tmp_path, a=quiet, b=loud)
    assert told(raised) == []
    # Windows begin at multiples of ten minutes. 120-130 and 130-140 are told, and are one alert.
    assert told(raised, 1) == [(60, 70, 70, 1), (120, 140, 130, 2)]
    assert raised.alerts.peak.tolist() == [6001.0, 11000.0]
    assert raised.alerts.limit.tolist() == [6000.0, 6000.0]


def test_windows_that_overlap_move_by_the_run_and_are_silenced(tmp_path: Path) -> None:
    loud = np.full(240, 600.0)
    loud[65] += 1
    slides = ABOVE + "allow_buffer_time_overlap: true\nrealert: {minutes: 4}\n"
    # Minute 65 is in the windows that end at 66 to 75; told at 66, 70 and 74.
    assert told(judged(slides, BITS, tmp_path, a=loud)) == [(56, 74, 66, 3)]


def test_a_window_without_documents_is_not_below_a_threshold(tmp_path: Path) -> None:
    low = ABOVE.replace("max_threshold", "min_threshold")
    series = np.full(120, 600.0)
    series[30:40] = 0.0
    series[60:65] = 0.0
    assert told(judged(low, BITS, tmp_path, a=series)) == [(60, 70, 70, 1)]


@pytest.mark.parametrize(
    ("counts", "alerts"),
    [
        # Ten in five minutes, then thirty in five: at the minute in which the sum reaches three times.
        ({20: 20}, [(16, 21, 21, 1)]),
        ({20: 19}, []),
        # It has to have seen two windows, and then two more after each match (11 minutes on at least).
        ({5: 40}, []),
        ({8: 40}, [(6, 11, 11, 1)]),
        ({20: 50, 26: 90}, [(16, 21, 21, 1)]),
        ({20: 50, 40: 50}, [(16, 41, 21, 2)]),
        ({20: 50, 60: 50}, [(16, 21, 21, 1), (56, 61, 61, 1)]),
    ],
)
def test_a_spike_is_a_window_against_the_one_before(
    counts: dict[int, int], alerts: list[tuple[int, int, int, int]], tmp_path: Path
) -> None:
    series = np.full(120, 2.0)
    for minute, more in counts.items():
        series[minute] += more
    assert told(judged(SPIKE, COUNT, tmp_path, a=series)) == alerts


def test_a_series_is_looked_at_two_windows_after_it_began_or_was_forgotten(tmp_path: Path) -> None:
    late = np.full(120, np.nan)
    late[40:] = 20.0
    back = np.full(120, 20.0)
    back[30:60] = 0.0
    any_ = SPIKE.replace("threshold_ref: 10\n", "")
    raised = judged(any_, COUNT, tmp_path, a=late, b=back)
    assert told(raised) == []
    assert told(raised, 1) == []


def test_a_spike_of_a_field_and_downwards(tmp_path: Path) -> None:
    falls = SPIKE.replace(
        "type: spike\n", "type: spike_aggregation\nmetric_agg_key: network.bytes\nmetric_agg_type: sum\n"
    )
    falls = falls.replace("spike_type: up", "spike_type: down").replace("threshold_ref: 10", "threshold_ref: 1")
    series = np.full(120, 600.0)
    series[60:] = 100.0
    # Five minutes at 100 are 500, the five before 3,000: a third of it is reached with the fourth, (600 + 4 x 100).
    assert told(judged(falls, BITS, tmp_path, a=series)) == [(59, 64, 64, 1)]


@pytest.mark.parametrize(
    ("text", "metric", "said"),
    [
        ("name: x\n", BITS, "is not an ElastAlert rule (it has no `type`)"),
        ("type: frequency\n", BITS, "rules of the type 'frequency' are not judged"),
        (ABOVE.replace("max_threshold: 6000", ""), BITS, "max_threshold or min_threshold is needed"),
        (ABOVE.replace("6000", "much"), BITS, "max_threshold is not a number"),
        (ABOVE.replace("sum", "avg"), BITS, "looks at avg of network.bytes, which the sum of each bucket"),
        (ABOVE.replace("sum", "cardinality"), BITS, "it cannot be evaluated here"),
        (ABOVE.replace("{minutes: 10}", "10m"), BITS, "buffer_time is not a length of time such as minutes: 15"),
        (ABOVE + "bucket_interval: {minutes: 3}\n", BITS, "buffer_time must be a multiple of bucket_interval"),
        (SPIKE, BITS, "use --statistic count"),
        (SPIKE.replace("height: 3", "height: 0"), COUNT, "spike_height must be a number above 0"),
        (SPIKE.replace("type: up", "type: odd"), COUNT, "spike_type is 'odd'; there are up, down, both"),
        (SPIKE.replace("timeframe: {minutes: 5}", ""), COUNT, "timeframe is missing"),
        (SPIKE + "field_value: bytes\n", COUNT, "use spike_aggregation"),
        ("type: [\n", BITS, "not valid YAML:"),
    ],
)
def test_a_rule_that_cannot_be_judged_is_one_line(text: str, metric: Metric, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageFailure) as failure:
        rule(text, tmp_path, metric)
    assert said in str(failure.value)
    assert "\n" not in str(failure.value)


def test_a_rule_of_all_series_together_wants_one(tmp_path: Path) -> None:
    alone = ABOVE.replace("query_key: client.ip\n", "")
    series = np.full(120, 700.0)
    assert len(told(judged(alone, BITS, tmp_path, a=series))) == 1
    with pytest.raises(UsageFailure, match="no query_key and so treats all 2 series as one"):
        judged(alone, BITS, tmp_path, a=series, b=series)
    with pytest.raises(UsageFailure, match="not a multiple of 1 min buckets"):
        judged(ABOVE.replace("minutes: 10", "seconds: 90"), BITS, tmp_path, a=series)


def test_what_is_not_emulated_is_said(tmp_path: Path) -> None:
    more = "filter:\n- term: {a: b}\nexponential_realert: {hours: 1}\nmin_doc_count: 5\n"
    lost = " ".join(rule(ABOVE.replace("network.bytes", "bytes") + more, tmp_path).not_emulated)
    for said in ("its filter", "exponential_realert", "min_doc_count", "bytes is matched to network.bytes"):
        assert said in lost
    lost = " ".join(rule(SPIKE + "use_terms_query: true\nterms_size: 20\n", tmp_path, COUNT).not_emulated)
    assert "terms_size (20): not applied" in lost
    assert "whole buckets" in lost
