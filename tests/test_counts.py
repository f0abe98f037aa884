"""Small counts: what chance does is no fall, and what it does not do is one."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from analyzer.kernels.counts import at_most, by_chance, mean_of_low
from analyzer.model import Event, Policy
from analyzer.pipeline import Ledger, Search, discover
from analyzer.reading.scope import Scope
from tests.worlds import MONDAY, MemorySource
from traffic.model import WEEK, Floats, Metric

REQUESTS = Metric(name="requests", field="requests", statistic="count")
MINUTES = WEEK // 60


def falls(values: Floats, folder: Path) -> list[Event]:
    search = Search(folder, Policy(direction="below"), Scope(60, MONDAY + 60 * WEEK))
    world = MemorySource(MONDAY, {"a": values}, metric=REQUESTS)
    return list(discover(world, search, None, Ledger(), lambda _done, _total: None).events)


@pytest.mark.parametrize("mean", [0.5, 2.0, 4.0, 30.0])
def test_the_chance_of_so_few_is_poissons(mean: float) -> None:
    counts = np.array([-1.0, 0.0, 1.0, 3.0, 12.0])
    expected = [sum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(int(n) + 1)) for n in counts]
    np.testing.assert_allclose(at_most(counts, np.full(5, mean)), expected, rtol=1e-9)


def test_where_means_are_high_or_missing_nothing_is_chance() -> None:
    assert at_most(np.array([30.0, 5.0]), np.array([150.0, np.nan]))[0] == 0
    assert not by_chance(at_most(np.array([30.0, 5.0]), np.array([150.0, np.nan])), 2, 10).any()


def test_the_mean_is_told_by_what_a_fifth_of_counts_lies_below() -> None:
    rng = np.random.default_rng(3)
    for mean in (4.0, 12.0, 60.0):
        low = np.percentile(rng.poisson(mean, 100_000), 20)
        assert mean_of_low(np.array(low)) == pytest.approx(mean, rel=0.12)


@pytest.mark.parametrize("usual", [2.0, 4.0, 8.0, 60.0])
def test_minutes_without_any_are_no_fall_where_few_are_usual_and_an_hour_without_any_is(
    usual: float, tmp_path: Path
) -> None:
    values = np.random.default_rng(1).poisson(usual, 6 * MINUTES).astype(float)
    assert falls(values, tmp_path / "quiet") == []
    at = 4 * MINUTES + 3000
    values[at : at + 60] = 0
    [event] = falls(values, tmp_path / "outage")
    assert abs(event.start - (MONDAY + 60 * at)) <= 600
    assert event.end >= MONDAY + 60 * (at + 60)
    # What chance does within half an hour of a fall goes on with it: of a few a minute the end is not sharp.
    assert usual < 8 or event.end <= MONDAY + 60 * (at + 70)
    assert event.peak == 0
    # Counts are no rate: what is missing is made seconds of the usual by the width of a bucket.
    seconds = event.end - event.start
    missing = min(1.0, event.excess * 60 / (event.baseline * seconds))
    assert usual < 4 or missing > 0.5
    assert event.severity == pytest.approx(25 + 75 * missing * seconds / (seconds + 900))
