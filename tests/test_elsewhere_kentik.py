"""Kentik's alert policies: worked by hand to the digit, mode by mode and fallback by fallback, and read from JSON."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyzer.elsewhere.judge import judge
from analyzer.elsewhere.kentik import kentik_policies
from analyzer.elsewhere.levels import bounds
from analyzer.elsewhere.policy import Activation, Fallback, Level, OfBaseline, Percentage, Static, Thresholds
from analyzer.elsewhere.raised import Raised
from analyzer.reading.scope import Scope
from tests.histories import history_of
from tests.worlds import MONDAY, MemorySource
from traffic.errors import UsageFailure
from traffic.model import BITS, DAY, HOUR, WEEK, Floats, Metric

LIVE: dict[str, Any] = {
    "source": {"policyType": "POLICY_TYPE_TRAFFIC", "id": "4711"},
    "name": "Traffic up",
    "enabled": True,
    "levels": [
        {
            "severity": "SEVERITY_MAJOR",
            "flow": {
                "conditions": [
                    {"baseline": {"percentage": "200", "delta": "DELTA_TYPE_ABOVE", "skip": True}},
                    {"static": {"metric": "bits", "operator": "OPERATOR_GREATER_THAN_OR_EQUALS", "value": 1000000}},
                ],
                "activation": {"matchTimes": "2", "matchWindow": "600s", "resetCountWindow": "900s"},
            },
        }
    ],
    "flow": {
        "dataset": {"sources": {"allDevices": True}, "filters": {}, "dimensions": ["AS_dst"], "metrics": ["bits"]},
        "evaluation": {"frequency": "60s", "keyCount": "25"},
        "baseline": {
            "storedKeyCount": "25",
            "windowLength": "2419200s",
            "windowStartOffset": "86400s",
            "rollupAggregation": "AGGREGATION_TYPE_REL_P98",
            "compareMode": "COMPARE_MODE_PREVIOUS_WEEKS",
            "neighbourhoodRadius": "0s",
            "neighbourhoodAggregation": "AGGREGATION_TYPE_REL_P50",
            "finalAggregation": "AGGREGATION_TYPE_REL_P95",
        },
    },
}


def live(**baseline: str) -> dict[str, Any]:
    """The policy with another baseline, evaluated by the hour."""
    found = copy.deepcopy(LIVE)
    found["flow"]["baseline"].update(baseline)
    found["flow"]["evaluation"]["frequency"] = "3600s"
    return found


def read(document: Any, percentage: Percentage = "over", metric: Metric = BITS) -> Thresholds:
    (policy,) = kentik_policies(document, "live.json", metric, percentage)
    return policy


def judged(document: Any, source: MemorySource, tmp_path: Path, percentage: Percentage = "over") -> Raised:
    history = history_of(source, Scope(source.native, MONDAY + 60 * WEEK), tmp_path)
    return judge(read(document, percentage, source.metric), history)


def stairs(days: int = 21) -> MemorySource:
    """Hours of one key from a Monday on: at hour h of day d, 10 (d + 1) + h."""
    day, hour = np.divmod(np.arange(24 * days), 24)
    metric = Metric("bits", "bits", "avg", unit="bit/s")
    return MemorySource(MONDAY, {"a": 10.0 * (day + 1) + hour}, metric=metric, native=HOUR)


WEEKS_2, DAYS_3, DAYS_2, HOURS_3 = "1209600s", "259200s", "172800s", "10800s"
P50, P95, HIGHEST, LOWEST = (f"AGGREGATION_TYPE_REL_{name}" for name in ("P50", "P95", "MAX", "MIN"))


@pytest.mark.parametrize(
    ("baseline", "day", "expected"),
    [
        # Monday of the third week, 10:00. The Mondays before: 20 and 90; 20 + 0.95 (90 - 20).
        ({"windowLength": WEEKS_2}, 14, 86.5),
        ({"windowLength": WEEKS_2, "finalAggregation": LOWEST}, 14, 20.0),
        # An offset of eight days leaves out the Monday before; a window of six days with it holds day 0 alone.
        ({"windowLength": "518400s", "windowStartOffset": "777600s"}, 14, 20.0),
        # The days before: 150, 140, 130; 140 + 0.9 (150 - 140).
        ({"compareMode": "COMPARE_MODE_PREVIOUS_DAYS", "windowLength": DAYS_3}, 14, 149.0),
        ({"compareMode": "COMPARE_MODE_PREVIOUS_DAYS", "windowLength": DAYS_3, "finalAggregation": P50}, 14, 140.0),
        # Two days off, the days before those: 140, 130, 120.
        (
            {"compareMode": "COMPARE_MODE_PREVIOUS_DAYS", "windowLength": DAYS_3, "windowStartOffset": DAYS_2},
            14,
            139.0,
        ),
        # Of Sunday, Saturday and Friday only Friday is no weekend: 130; of a Sunday's Saturday, Friday, Thursday: 200.
        ({"compareMode": "COMPARE_MODE_PREVIOUS_DAYS_DISTINGUISH_WEEKENDS", "windowLength": DAYS_3}, 14, 130.0),
        ({"compareMode": "COMPARE_MODE_PREVIOUS_DAYS_DISTINGUISH_WEEKENDS", "windowLength": DAYS_3}, 20, 210.0),
        # A Saturday's Friday, Thursday and Wednesday are none: there is no baseline.
        ({"compareMode": "COMPARE_MODE_PREVIOUS_DAYS_DISTINGUISH_WEEKENDS", "windowLength": DAYS_3}, 19, np.nan),
        # Yesterday's 10:00, 9:00 and 8:00: 150, 149, 148; 149 + 0.9.
        ({"compareMode": "COMPARE_MODE_PREVIOUS_HOURS", "windowLength": HOURS_3}, 14, 149.9),
        ({"compareMode": "COMPARE_MODE_PREVIOUS_HOURS", "windowLength": HOURS_3, "finalAggregation": HIGHEST}, 14, 150),
        # Without an offset the three hours before: 159, 158, 157.
        (
            {"compareMode": "COMPARE_MODE_PREVIOUS_HOURS", "windowLength": HOURS_3, "windowStartOffset": "0s"},
            14,
            158.9,
        ),
        # The highest of 9:00 to 11:00 of two days before: 151 and 141; 141 + 0.95 x 10.
        (
            {
                "compareMode": "COMPARE_MODE_PREVIOUS_DAYS",
                "windowLength": DAYS_2,
                "neighbourhoodRadius": "3600s",
                "neighbourhoodAggregation": HIGHEST,
            },
            14,
            150.5,
        ),
    ],
)
def test_each_compare_mode_equals_its_worked_example(
    baseline: dict[str, str], day: int, expected: float, tmp_path: Path
) -> None:
    raised = judged(live(**baseline), stairs(), tmp_path)
    assert raised.baseline is not None
    np.testing.assert_allclose(raised.baseline[0, 24 * day + 10], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("rollup", "expected"),
    [
        # Of minutes at 1 to 60: place 0.98 x 59 = 57.82 from the lowest.
        ("P98", 58.82),
        ("P05", 3.95),
        ("P10", 6.9),
        ("P25", 15.75),
        ("P50", 30.5),
        ("P75", 45.25),
        ("P80", 48.2),
        ("P90", 54.1),
        ("P95", 57.05),
        ("P99", 59.41),
        ("MAX", 60.0),
        ("MIN", 1.0),
    ],
)
@pytest.mark.parametrize("stored_keys", ["25", "1"])
def test_each_aggregation_of_an_hour_equals_its_worked_example(
    rollup: str, expected: float, stored_keys: str, tmp_path: Path
) -> None:
    minutes = np.tile(1.0 + np.arange(60), 24 * 8)
    metric = Metric("bits", "bits", "avg", unit="bit/s")
    source = MemorySource(MONDAY, {"a": minutes, "z": minutes - 0.5}, metric=metric)
    document = copy.deepcopy(LIVE)
    document["flow"]["baseline"] |= {
        "rollupAggregation": f"AGGREGATION_TYPE_REL_{rollup}",
        "storedKeyCount": stored_keys,
    }
    raised = judged(document, source, tmp_path)
    assert raised.baseline is not None
    np.testing.assert_allclose(raised.baseline[0, 7 * 24 + 3], expected, rtol=0, atol=1e-9)
    # Of the smaller one nothing was kept where only the largest of each minute is.
    np.testing.assert_allclose(
        raised.baseline[1, 7 * 24 + 3], np.nan if stored_keys == "1" else expected - 0.5, rtol=0, atol=1e-9
    )


@pytest.mark.parametrize(
    ("above", "amount", "percent", "percentage", "limit"),
    [
        # Of a baseline of 100.
        (True, 200, True, "over", 300.0),
        (True, 200, True, "of", 200.0),
        (True, 50, False, "over", 150.0),
        (False, 30, True, "over", 70.0),
        (False, 30, True, "of", 30.0),
        (False, 25, False, "of", 75.0),
    ],
)
def test_a_limit_of_a_baseline_equals_its_worked_example(
    above: bool, amount: float, percent: bool, percentage: Percentage, limit: float
) -> None:
    level = Level("major", (OfBaseline(above=above, amount=amount, percent=percent),), Activation())
    one = np.array([[100.0]])
    found = bounds(level, one, one < 0, percentage, one[0], one[0])
    assert (found.lower[0, 0], found.upper[0, 0]) == ((limit, np.inf) if above else (-np.inf, limit))


@pytest.mark.parametrize(
    ("fallback", "limit"),
    # Of three series one has no baseline; the others' are 100 and 300, and the stated value is 50: 200 % over each.
    [("lowest", 300.0), ("highest", 900.0), ("value", 150.0), ("trigger", -np.inf), ("skip", np.inf)],
)
def test_each_fallback_equals_its_worked_example(fallback: Fallback, limit: float) -> None:
    condition = OfBaseline(above=True, amount=200, percent=True, fallback=fallback, value=50.0)
    usual = np.array([[100.0], [np.nan], [300.0]])
    lowest, most = np.array([100.0]), np.array([300.0])
    blank = np.zeros((3, 1), dtype=bool)
    found = bounds(Level("major", (condition,), Activation()), usual, blank, "over", lowest, most)
    assert found.lower[:, 0].tolist() == [300.0, limit, 900.0]
    unknown = bounds(Level("major", (condition,), Activation()), usual, np.isnan(usual), "over", lowest, most)
    assert np.isnan(unknown.lower[1, 0]), "history does not reach back: nothing is fallen back on"
    falls = OfBaseline(above=False, amount=50, percent=True, fallback=fallback, value=50.0)
    below = bounds(Level("major", (falls,), Activation()), usual, blank, "over", lowest, most)
    assert below.upper[1, 0] == {"trigger": np.inf, "skip": -np.inf}.get(fallback, limit / 6)


def spike(minutes: list[int], level: float, at: int) -> Floats:
    """Five weeks of minutes at 10 M, and these minutes from `at` on at another level."""
    series = np.full(5 * 7 * 1440, 1e7)
    series[[at // 60 + minute for minute in minutes]] = level
    return series


AT = 4 * WEEK + 2 * DAY + 10 * HOUR
"""From the start: Wednesday of the fifth week, 10:00."""


def bits(**series: Floats) -> MemorySource:
    return MemorySource(MONDAY, series, metric=Metric("bits", "bits", "avg", unit="bit/s"))


@pytest.mark.parametrize(
    ("minutes", "level", "percentage", "alerts"),
    [
        # More than three times 10 M, twice in ten minutes; over after 15 minutes without.
        ([0, 9], 3.1e7, "over", [(0, 10, 10)]),
        ([0, 10], 3.1e7, "over", []),
        ([0, 9], 3.0e7, "over", []),
        ([0, 9], 3.0e7, "of", [(0, 10, 10)]),
        ([0, 1, 16, 32, 33], 3.1e7, "over", [(0, 17, 2), (32, 34, 34)]),
        ([0, 1, 17, 33, 34], 3.1e7, "over", [(0, 2, 2), (33, 35, 35)]),
    ],
)
def test_a_policy_raises_what_was_worked_by_hand(
    minutes: list[int], level: float, percentage: Percentage, alerts: list[tuple[int, int, int]], tmp_path: Path
) -> None:
    raised = judged(LIVE, bits(a=spike(minutes, level, AT), b=spike([], 0, AT)), tmp_path, percentage)
    one = raised.alerts
    begin = MONDAY + AT
    told = [
        ((s - begin) // 60, (e - begin) // 60, (d - begin) // 60)
        for s, e, d in zip(one.start, one.end, one.detected, strict=True)
    ]
    assert told == alerts
    assert one.key.tolist() == [0] * len(alerts)
    assert one.level == ("major",) * len(alerts)
    assert one.usual.tolist() == [1e7] * len(alerts)
    # One week and one day: before that there is nothing to compare with.
    assert raised.judged.sum(axis=1).tolist() == [4 * 168] * 2


def test_levels_are_one_alert_that_has_the_loudest(tmp_path: Path) -> None:
    document = copy.deepcopy(LIVE)
    louder = copy.deepcopy(document["levels"][0])
    louder["severity"] = 90
    louder["flow"]["conditions"][0]["baseline"]["percentage"] = 500
    document["levels"].append(louder)
    series = spike([0, 1, 2, 3], 4e7, AT)
    series[AT // 60 + 2 : AT // 60 + 4] = 8e7
    raised = judged(document, bits(a=series), tmp_path)
    one = raised.alerts
    assert one.level == ("critical",)
    assert (one.start - MONDAY - AT).tolist() == [0]
    assert (one.detected - MONDAY - AT).tolist() == [120], "of the lower level, which came first"
    assert (one.peak.tolist(), one.limit.tolist()) == ([8e7], [6e7])


def test_what_is_not_among_the_largest_of_a_minute_is_not_looked_at(tmp_path: Path) -> None:
    document = copy.deepcopy(LIVE)
    document["flow"]["evaluation"]["keyCount"] = "1"
    # Of b's spikes only the one that passes the largest is seen.
    small = spike([0, 1, 2], 9e7, AT)
    small[AT // 60 + 100 : AT // 60 + 110] = 4.5e7
    large = np.full(len(small), 5e7)
    never = np.full(len(small), 1e7)
    raised = judged(document, bits(a=large, b=small, c=never), tmp_path)
    assert raised.looked.tolist() == [True, True, False]
    assert (raised.alerts.key.tolist(), (raised.alerts.start - MONDAY - AT).tolist()) == ([1], [0])
    document["flow"]["evaluation"]["keyCount"] = "3"
    raised = judged(document, bits(a=large, b=small, c=never), tmp_path)
    assert raised.looked.all()
    assert (raised.alerts.start - MONDAY - AT).tolist() == [0, 6000]


def test_names_of_the_schema_and_numbers_for_words_are_taken_too() -> None:
    text = json.dumps(LIVE)
    for camel, snake in {
        "windowLength": "window_length",
        "windowStartOffset": "window_start_offset",
        "keyCount": "key_count",
        "matchTimes": "match_times",
        "resetCountWindow": "reset_count_window",
        '"COMPARE_MODE_PREVIOUS_WEEKS"': "4",
        '"AGGREGATION_TYPE_REL_P98"': "9",
        '"DELTA_TYPE_ABOVE"': "1",
        '"OPERATOR_GREATER_THAN_OR_EQUALS"': "1",
        '"SEVERITY_MAJOR"': "40",
        '"200"': "200",
    }.items():
        assert camel in text
        text = text.replace(camel, snake)
    assert read(json.loads(text)) == read(LIVE)
    assert read({"policy": LIVE}) == read([LIVE]) == read({"policies": [LIVE]}) == read(LIVE)
    assert read(LIVE).levels[0].conditions[1] == Static(">=", 1e6)


def changed(path: str, value: Any) -> dict[str, Any]:
    """The policy with something else at `flow.baseline.windowLength`."""
    found = copy.deepcopy(LIVE)
    *way, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
    inner: Any = found
    for part in way:
        inner = inner[part]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return found


CONDITIONS = "levels.0.flow.conditions"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, 'is not a flow policy of Kentik\'s v202505 API (it has no "flow")'),
        ([], "contains no policy"),
        ("policy", "contains no policy"),
        ({"name": "x", "nms": {}}, "is a policy for NMS"),
        (changed("flow.baseline.windowLength", "4w"), "live.json.flow.baseline.windowLength: is not a length of time"),
        (changed("flow.baseline.windowLength", "90s"), "must be a whole number of hours"),
        (changed("flow.baseline.compareMode", "COMPARE_MODE_MOON"), "'COMPARE_MODE_MOON' is unknown"),
        (changed("flow.baseline.finalAggregation", 99), "99 is unknown; there are REL_P05"),
        (changed("flow.evaluation.keyCount", "many"), "flow.evaluation.keyCount: is not a number: 'many'"),
        (changed("flow.evaluation.keyCount", 0), "is 0, must be a whole number of at least 1"),
        (changed("levels.0.severity", "LOUD"), "'LOUD' is unknown; there are MINOR"),
        (changed("levels", []), "no level of 'Traffic up' can be evaluated"),
        (changed(f"{CONDITIONS}.0", {"ratio": {}}), "its condition ratio cannot be evaluated"),
        (changed(f"{CONDITIONS}.0", {"magic": {}}), "is not one of the conditions static, baseline"),
        (
            changed(f"{CONDITIONS}.1.static.metric", "packets"),
            "it compares packets, which is not the metric of this run",
        ),
        (changed(f"{CONDITIONS}.1.static.operator", "OPERATOR_EQUALS"), "is neither greater nor less"),
        (changed(f"{CONDITIONS}.0.baseline.percentage", None), 'has neither "percentage" nor "absolute"'),
        (changed(f"{CONDITIONS}.0.baseline.delta", None), "is unknown; there are ABOVE, BELOW"),
        (changed("flow.baseline", "none"), "flow.baseline: is not a group of settings"),
    ],
)
def test_what_cannot_be_judged_is_one_line(document: Any, said: str) -> None:
    with pytest.raises(UsageFailure) as failure:
        kentik_policies(document, "live.json", BITS, "over")
    assert said in str(failure.value)
    assert "\n" not in str(failure.value)


def test_what_is_not_emulated_is_said() -> None:
    document = copy.deepcopy(LIVE)
    document["flow"]["dataset"]["filters"] = {"connector": "AND", "filters": [{"field": "i_dst", "value": "x"}]}
    document["flow"]["dataset"]["sources"] = {"siteIds": ["1"]}
    document["flow"]["dataset"]["dimensions"] = ["AS_dst", "i_device_site_name"]
    document["flow"]["baseline"]["compareMode"] = 3
    top = copy.deepcopy(document["levels"][0])
    top |= {"severity": "SEVERITY_CRITICAL"}
    top["flow"]["conditions"] = [{"topKeys": {"event": "TOP_KEYS_EVENT_JOINS", "count": 5}}]
    document["levels"].append(top)
    policy = read(document)
    assert [level.severity for level in policy.levels] == ["major"]
    assert policy.not_emulated == (
        "its filters are not applied: all series of the run are evaluated",
        "its device selection is not applied",
        "its keys are of AS_dst and i_device_site_name; the series of the run are used instead",
        "level critical is skipped: its condition topKeys cannot be evaluated from the history of one metric",
        "weekends are in UTC",
    )


def test_evaluations_that_no_buckets_make_up_are_refused(tmp_path: Path) -> None:
    document = copy.deepcopy(LIVE)
    document["flow"]["evaluation"]["frequency"] = "420s"
    with pytest.raises(UsageFailure, match="evaluated every 7 min"):
        judged(document, bits(a=spike([], 0, AT)), tmp_path)
