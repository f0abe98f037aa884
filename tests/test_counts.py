"""Small counts: what chance does is no fall, and what it does not do is one."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.kernels.counts import at_most, by_chance, mean_of_low, mean_under, passed
from analyzer.model import Event, Policy
from analyzer.pipeline import Ledger, Search, discover
from analyzer.reading.scope import Scope
from tests.worlds import MONDAY, MemorySource
from traffic.model import WEEK, Floats, Metric

REQUESTS = Metric(name="requests", field="requests", statistic="count")
MINUTES = WEEK // 60
FALLS = Policy(direction="below")


def judged(values: Floats, folder: Path, policy: Policy = FALLS) -> list[Event]:
    search = Search(folder, policy, Scope(60, MONDAY + 60 * WEEK))
    world = MemorySource(MONDAY, {"a": values}, metric=REQUESTS)
    return list(discover(world, search, None, Ledger(), lambda _done, _total: None).events)


@pytest.mark.parametrize("mean", [0.5, 2.0, 4.0, 30.0])
def test_the_chance_of_so_few_is_poissons(mean: float) -> None:
    counts = np.array([-1.0, 0.0, 1.0, 3.0, 12.0])
    expected = [sum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(int(n) + 1)) for n in counts]
    np.testing.assert_allclose(at_most(counts, np.full(5, mean)), expected, rtol=1e-9)


def test_where_means_are_high_or_missing_nothing_is_chance() -> None:
    assert at_most(np.array([30.0, 5.0]), np.array([150.0, np.nan]))[0] == 0
    assert not by_chance(at_most(np.array([30.0, 5.0]), np.array([150.0, np.nan])), 2, 10, 60).any()


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
    assert judged(values, tmp_path / "quiet") == []
    at = 4 * MINUTES + 3000
    values[at : at + 60] = 0
    [event] = judged(values, tmp_path / "outage")
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


@pytest.mark.parametrize("mean", [0.01, 0.3, 1.0, 7.5, 60.0])
@pytest.mark.parametrize("probability", [0.05, 3e-4, 1e-6])
def test_what_is_passed_so_rarely_is_the_least_such_count(mean: float, probability: float) -> None:
    def above(count: float) -> float:
        return 1 - sum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(int(count) + 1))

    least = float(passed(np.array(mean), probability))
    assert above(least) <= probability < above(least - 1)


@given(st.floats(0, 80), st.sampled_from([0.5, 0.95]))
def test_a_mean_is_at_least_that_of_counts_with_such_a_level(mean: float, share: float) -> None:
    level = int(
        np.flatnonzero(np.cumsum([math.exp(-mean) * mean**k / math.factorial(k) for k in range(150)]) >= share)[0]
    )
    highest = float(mean_under(np.array(float(level)), share))
    assert highest >= mean * (1 - 1e-9)
    assert float(mean_under(np.array(level - 1.0), share)) <= mean or level == 0


def test_large_counts_are_no_matter_of_chance() -> None:
    large = mean_under(np.array([200.0, 1e9, np.nan]), 0.95)
    assert passed(large, 1e-6).tolist() == [0, 0, 0]


@pytest.mark.parametrize("usual", [0.05, 0.2, 0.5, 3.0])
def test_what_chance_counts_is_no_rise(usual: float, tmp_path: Path) -> None:
    wave = 1 + 0.6 * np.sin(np.arange(8 * MINUTES) / 1440 * 2 * np.pi)
    values = np.random.default_rng(2).poisson(usual * wave).astype(float)
    assert judged(values, tmp_path / "ruled", Policy()) == []
    plain = judged(values, tmp_path / "plain", Policy(rules=(), classes=("policy",)))
    assert plain or usual > 0.2, "the stated policy alone takes it for events"


@pytest.mark.parametrize(("usual", "times"), [(4.0, 4.0), (8.0, 3.0), (20.0, 2.5), (2.0, 6.0)])
def test_half_an_hour_of_several_times_as_many_is_seen_though_below_the_policy(
    usual: float, times: float, tmp_path: Path
) -> None:
    rng = np.random.default_rng(4)
    values = rng.poisson(usual, 6 * MINUTES).astype(float)
    begins = [week * MINUTES + int(rng.integers(0, MINUTES - 60)) for week in range(6)]
    for at in begins:
        values[at : at + 30] = rng.poisson(times * usual, 30)
    found = judged(values, tmp_path, Policy())
    met = [at for at in begins if any(e.start < MONDAY + 60 * (at + 30) and e.end > MONDAY + 60 * at for e in found)]
    assert len(met) >= 5
    assert len(found) <= 7
