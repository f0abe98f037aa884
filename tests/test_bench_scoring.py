"""How bench scores detectors: events against labels, strictly and one to one."""

from __future__ import annotations

import numpy as np
import pytest

from bench.scoring import Alarm, score, total
from bench.suites import Labelled, LabelledSeries, Suite
from traffic.model import HOUR, WEEK

SERIES = LabelledSeries("a", "plain", 60, 0, HOUR, np.ones(2 * WEEK // 60))


def labels(*some: tuple[int, int, str]) -> Suite:
    return Suite("made up", (SERIES,), {"a": tuple(Labelled(a, b, kind) for a, b, kind in some)})


@pytest.mark.parametrize(
    ("alarms", "expected"),
    [
        ([], (0, 1, 0, 0)),
        ([(10_000, 10_600)], (1, 0, 0, 0)),
        # A bucket beside the label is still on it; two are not.
        ([(11_200, 11_800)], (1, 0, 0, 0)),
        ([(11_320, 11_800)], (0, 1, 1, 0)),
        # A second piece of the same label is a false alarm, and so is an alarm of half a day.
        ([(10_000, 10_200), (10_500, 11_000)], (1, 0, 1, 0)),
        ([(5_000, 5_000 + 12 * HOUR)], (0, 1, 1, 0)),
        # Optional labels and what is ignored are neutral; what comes before the score begins is nothing.
        ([(30_000, 30_300)], (0, 1, 0, 0)),
        ([(60_000, 60_300)], (0, 1, 0, 1)),
        ([(100, 300)], (0, 1, 0, 0)),
    ],
)
def test_what_an_alarm_counts_as(alarms: list[tuple[int, int]], expected: tuple[int, int, int, int]) -> None:
    suite = labels((10_000, 11_200, "required"), (30_000, 30_600, "optional"), (59_000, 61_000, "ignore"))
    found = score(SERIES, suite, [Alarm(a, b, 1.0) for a, b in alarms])
    assert (found.hits, found.misses, found.false_alarms, found.neutral) == expected


def test_average_precision_is_that_of_the_alarms_by_severity_over_all_series() -> None:
    suite = labels((10_000, 11_200, "required"), (40_000, 41_000, "required"))
    first = score(SERIES, suite, [Alarm(10_000, 10_500, 9.0), Alarm(70_000, 70_500, 8.0), Alarm(40_000, 40_500, 7.0)])
    assert first.average_precision == pytest.approx((1 + 2 / 3) / 2)
    both = total([first, score(SERIES, suite, [Alarm(90_000, 90_500, 10.0)])])
    assert both.average_precision == pytest.approx((1 / 2 + 2 / 4) / 4)
    assert both.f1 == pytest.approx(2 * 2 / (2 * 2 + 2 + 2))
    assert both.per_week == pytest.approx(2 / (2 * (2 - HOUR / WEEK)))
