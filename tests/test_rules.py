"""The rules of the detector, one by one, against slow, obvious twins; and what each of them is for."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from analyzer.judging.policy import read_policy
from analyzer.kernels import level, tail, usual
from analyzer.kernels.baseline import every_week, other_weeks, suspects, threshold, weeks_before
from analyzer.kernels.breach import Criterion, runs
from analyzer.kernels.grid import utc
from analyzer.kernels.learning import Learned, Settings
from analyzer.kernels.limits import HourLimits, limits_of
from analyzer.kernels.rollup import low_median, roll_up
from analyzer.kernels.rollup import percentile as percentiles
from analyzer.kernels.rules import RULES
from analyzer.kernels.severity import height_of, missing_of, severity
from analyzer.model import Policy
from tests.slow_rules import slow_rare
from tests.worlds import MONDAY, percentile
from traffic.errors import UsageFailure
from traffic.model import BITS, HOUR, Floats

DEFAULT = Settings(
    percentile=50.0,
    multiple=3.0,
    floor=0.0,
    min_share=0.5,
    rules=tuple(RULES),
    source="retrospective",
    min_weeks=2,
    lookback=4,
    every=336.0,
)
heights = st.floats(0, 1e6, allow_subnormal=False) | st.just(np.nan)


def there(values: Floats) -> list[float]:
    return [float(value) for value in values if not math.isnan(value)]


@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 2), st.integers(1, 700)), elements=heights),
    st.integers(0, 200),
    st.integers(1, 4),
)
def test_weeks_before_and_every_week_are_what_their_words_say(hourly: Floats, offset: int, lookback: int) -> None:
    start = MONDAY + offset * HOUR
    grid = utc(start, hourly.shape[1])
    before, learned = weeks_before(hourly, grid, 50.0, lookback)
    pooled, count = every_week(hourly, grid, 95.0)
    slot = (start - MONDAY) // HOUR % 168 + np.arange(hourly.shape[1])
    slot, week = slot % 168, slot // 168
    for hour in range(0, hourly.shape[1], 37):
        same = slot == slot[hour]
        past = there(hourly[0, same & (week < week[hour]) & (week >= week[hour] - lookback)])
        assert learned[0, hour] == len(past)
        assert (
            before[0, hour] == pytest.approx(percentile(past, 50), nan_ok=True) if past else np.isnan(before[0, hour])
        )
        every = there(hourly[0, same])
        assert count[0, hour] == len(every)
        assert pooled[0, hour] == pytest.approx(percentile(every, 95)) if every else np.isnan(pooled[0, hour])


@given(hnp.arrays(np.float64, st.integers(1, 40), elements=heights))
def test_percentile_and_low_median_of_what_is_there(values: Floats) -> None:
    known = there(values)
    middle, count = low_median(values)
    assert count == len(known)
    if known:
        assert middle == sorted(known)[(len(known) - 1) // 2]
        assert percentiles(values, 80.0) == pytest.approx(percentile(known, 80))
    else:
        assert np.isnan(middle)
        assert np.isnan(percentiles(values, 80.0))


@given(hnp.arrays(np.float64, st.integers(1, 300), elements=heights), st.sampled_from([1.0, 168.0, 336.0]))
def test_what_is_rare_is_an_exponential_tail_with_its_top_censored(values: Floats, every: float) -> None:
    known = there(values)
    if len(known) < 48:
        assert np.isnan(tail.rare(values, every))
    else:
        assert tail.rare(values, every) == pytest.approx(slow_rare(known, every), rel=1e-9)


def test_what_is_rare_is_about_what_an_exponential_passes_so_rarely() -> None:
    values = np.random.default_rng(3).exponential(size=(50, 20_000))
    assert tail.rare(values, 336.0).mean() == pytest.approx(math.log(336), rel=0.02)
    attacked = values.copy()
    attacked[:, :200] *= 50
    assert tail.rare(attacked, 336.0).mean() == pytest.approx(math.log(336), rel=0.15), "attacks hardly shape it"


@given(hnp.arrays(np.float64, st.tuples(st.just(1), st.integers(1, 30)), elements=heights))
def test_neighbours_correct_a_baseline(baseline: Floats) -> None:
    edges, pooled, row = usual.edges(baseline), usual.pooled(baseline), baseline[0]
    for hour, own in enumerate(row):
        if math.isnan(own):
            assert np.isnan(edges[0, hour])
            assert np.isnan(pooled[0, hour])
            continue
        beside = there(np.array([row[h] for h in (hour - 1, hour + 1) if 0 <= h < len(row)]))
        assert edges[0, hour] == max([own, *(0.5 * value for value in beside)])
        assert pooled[0, hour] == pytest.approx(percentile([own, *beside], 50))


def week_of(height: float, noise: float, weeks_: int, seed: int = 1) -> Floats:
    """Hourly p95s with a day's wave: shape (1, hours)."""
    hour = np.arange(weeks_ * 168)
    wave = 1 + 0.6 * np.sin(hour % 24 / 24 * 2 * np.pi)
    return (height * wave * np.random.default_rng(seed).lognormal(0, noise, len(hour)))[None]


@pytest.mark.parametrize("factor", [4.0, 6.0, 0.2])
@pytest.mark.parametrize("at", [300, 3 * 168, 3 * 168 + 15, 500 + 84, 700])
def test_a_step_for_good_is_another_level(factor: float, at: int) -> None:
    hourly, true = week_of(1e8, 0.1, 6), week_of(1e8, 0.0, 6)
    for series in (hourly, true):
        series[:, at:] *= factor
    levels = level.lasting(hourly, utc(MONDAY, hourly.shape[1]), 0.1)
    baseline = other_weeks(hourly / levels, utc(MONDAY, hourly.shape[1]), 50.0)[0] * levels
    wrong = np.flatnonzero(np.abs(np.log(baseline / true)[0]) > np.log(2))
    assert len(wrong) <= 24
    assert (np.abs(wrong - at) <= 30).all(), "at the edge, and nowhere else"
    plain = other_weeks(hourly, utc(MONDAY, hourly.shape[1]), 50.0)[0]
    assert (np.abs(np.log(plain / true)) > np.log(2)).sum() > 150


@pytest.mark.parametrize("hours", [1, 12, 24])
def test_an_event_of_a_day_is_no_level(hours: int) -> None:
    hourly = week_of(1e8, 0.1, 6)
    hourly[:, 500 : 500 + hours] *= 8
    np.testing.assert_array_equal(level.lasting(hourly, utc(MONDAY, hourly.shape[1]), 0.1), 1.0)


def test_gaps_and_idle_hours_say_nothing_about_a_level() -> None:
    hourly = week_of(1e8, 0.1, 6)
    hourly[:, 200:400] = np.nan
    np.testing.assert_array_equal(level.lasting(hourly, utc(MONDAY, hourly.shape[1]), 0.1), 1.0)
    office = np.where(np.arange(hourly.shape[1]) % 24 < 9, 1e3 * np.random.default_rng(1).lognormal(0, 3), 1e8)[None]
    np.testing.assert_array_equal(level.lasting(office, utc(MONDAY, office.shape[1]), 0.1), 1.0)
    np.testing.assert_array_equal(level.lasting(np.zeros((2, 700)), utc(MONDAY, 700), 0.1), 1.0)
    np.testing.assert_array_equal(level.lasting(np.full((1, 200), np.nan), utc(MONDAY, 200), 0.1), 1.0)


@pytest.mark.parametrize("factor", [0.2, 1.0, 6.0])
@pytest.mark.parametrize("growth", [0.35, 1.0, 3.0])
@pytest.mark.parametrize(("before", "after"), [(0, 1), (1, 0), (2, 3), (0, 12)])
def test_weeks_of_which_nothing_is_known_change_no_level(growth: float, factor: float, before: int, after: int) -> None:
    hourly = week_of(1e8, 0.1, 5) * growth ** np.linspace(0, 1, 5 * 168)
    hourly[:, 500:] *= factor
    wide = np.full((1, (before + 5 + after) * 168), np.nan)
    own = slice(before * 168, (before + 5) * 168)
    wide[:, own] = hourly
    start = MONDAY - before * 7 * 24 * 3600
    expected = level.lasting(hourly, utc(MONDAY, hourly.shape[1]), 0.1)
    np.testing.assert_array_equal(level.lasting(wide, utc(start, wide.shape[1]), 0.1)[:, own], expected)


def test_one_who_only_knows_the_past_sees_a_level_half_a_day_later() -> None:
    hourly, baseline = np.full((1, 300), 50.0), np.full((1, 300), 10.0)
    hourly[:, :100] = 10.0
    levels = level.lately(hourly, baseline)[0]
    assert levels[:112].tolist() == [1.0] * 112
    assert levels[113:].tolist() == [5.0] * 187


def minutes(weeks_: int = 6, noise: float = 0.1, seed: int = 1) -> Floats:
    """A day's wave by the minute: shape (1, minutes)."""
    wave = np.repeat(week_of(1e6, 0.0, weeks_), 60, axis=1)
    return wave * np.random.default_rng(seed).lognormal(0, noise, wave.shape)


def found_in(values: Floats, settings: Settings = DEFAULT, per_hour: int = 60) -> HourLimits:
    hours = roll_up(values, per_hour)
    return limits_of(hours, hours.high, utc(MONDAY, values.shape[1] // per_hour), per_hour, settings)


@pytest.mark.parametrize("source", ["retrospective", "trailing", "original"])
def test_on_calm_traffic_the_rules_change_nothing(source: Learned) -> None:
    values = minutes()
    plain = found_in(values, replace(DEFAULT, rules=(), source=source))
    ruled = found_in(values, replace(DEFAULT, source=source))
    np.testing.assert_array_equal(plain.lowest, plain.stated)
    np.testing.assert_array_equal(plain.baseline * 3, plain.lowest)
    np.testing.assert_array_equal(ruled.lowest, plain.lowest)
    np.testing.assert_array_equal(ruled.limits[0], plain.lowest)


@given(st.integers(0, 1000), st.sets(st.sampled_from(list(RULES))), st.sampled_from([1, 6, 60]))
def test_no_rule_asks_for_less_than_three_times_the_baseline(seed: int, on: set[str], per_hour: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.lognormal(0, rng.uniform(0.1, 2), (2, 4 * 168 * per_hour)) * rng.choice(
        [1.0, 0.0], (2, 1), p=[0.9, 0.1]
    )
    values[:, rng.integers(0, values.shape[1]) :][:, :300] = np.nan
    limits = found_in(values, replace(DEFAULT, rules=on, floor=0.5), per_hour)
    judged = ~np.isnan(limits.baseline)
    for limit in (*limits.limits, limits.lowest):
        assert (limit >= np.maximum(3 * limits.baseline, 0.5))[judged].all()
        assert np.isnan(limit[~judged]).all()


def test_what_is_held_for_twenty_minutes_needs_less_than_two_buckets_and_more_than_half_an_hour() -> None:
    """The key bursts by itself for some minutes every few hours: what lasts is another thing."""
    values = minutes(noise=0.3)
    rng = np.random.default_rng(5)
    for at in range(0, values.shape[1] - 60, 300):
        values[:, at : at + rng.integers(5, 45)] *= rng.uniform(3, 9)
    limits = found_in(values)
    ratios = [float(np.nanmedian(way / limits.baseline)) for way in limits.limits[:3]]
    assert ratios[0] > 1.2 * ratios[1] > 1.2 * ratios[2]
    ten = found_in(values.reshape(1, -1, 10).mean(axis=-1), per_hour=6)
    np.testing.assert_array_equal(ten.limits[1], ten.limits[0], "two buckets are 20 minutes there")


def test_a_key_that_often_passes_three_times_must_pass_more() -> None:
    values = minutes()
    rng = np.random.default_rng(5)
    for at in rng.integers(0, values.shape[1] - 30, 60):
        values[:, at : at + 20] *= rng.uniform(3, 6)
    limits = found_in(values)
    assert np.nanmedian(limits.limits[0] / limits.baseline) > 3.2
    np.testing.assert_array_equal(limits.limits[3], limits.stated)
    without = found_in(values, replace(DEFAULT, rules=set(RULES) - {"tail"}))
    np.testing.assert_array_equal(without.lowest, without.stated)


def test_a_bursty_key_must_pass_its_peaks_however_long_it_lasts() -> None:
    rng = np.random.default_rng(5)
    values = rng.lognormal(0, 0.2, (1, 6 * 10080))
    for at in rng.integers(0, values.shape[1] - 30, 400):
        values[:, at : at + rng.integers(3, 9)] += 100 * rng.lognormal(0, 0.7)
    limits = found_in(values, replace(DEFAULT, rules=("tail", "held")))
    assert float(limits.limits[0, 0, 0] / limits.baseline[0, 0]) > 20
    for way in limits.limits[1:]:
        np.testing.assert_array_equal(way, limits.limits[0])
    calmer = found_in(values + 40, replace(DEFAULT, rules=("tail", "held")))
    assert 3 < float(calmer.limits[0, 0, 0] / calmer.baseline[0, 0]) < 20
    assert (calmer.limits[3] < calmer.limits[0]).all(), "a key that bursts less is compared with what was held"


def test_an_idle_hour_is_compared_with_a_tenth_of_the_weeks_p95() -> None:
    values = minutes()
    values[:, np.arange(values.shape[1]) % 1440 < 360] = 1.0
    limits = found_in(values, replace(DEFAULT, rules=("idle",)))
    weekly = float(percentiles(roll_up(values, 60).high, 95.0)[0])
    assert np.nanmin(limits.baseline) == pytest.approx(0.1 * weekly)


def test_an_event_may_open_in_any_of_its_ways() -> None:
    time = 60 * np.array([*range(60), 500, 505], dtype=np.int64)
    value, none = np.ones(len(time)), np.zeros(len(time), dtype=bool)
    pair, held = none.copy(), none.copy()
    pair[-2:] = True
    held[10:60] = True
    ways = [Criterion(pair, 2, 600), Criterion(held, 24, 1800), Criterion(none, 48, 3600)]
    found = runs(np.zeros_like(time), time, value, np.zeros(len(time)), ways, 1800, 60)
    assert found.first.tolist() == [10, 60]
    assert found.last.tolist() == [59, 61]
    assert found.met.tolist() == [33, 61]


def test_an_event_does_not_open_across_a_gap_that_parts_events() -> None:
    time = 60 * np.array([0, 1, 20, 21], dtype=np.int64)
    some = np.ones(len(time), dtype=bool)
    ways = [Criterion(some, 4, 3600)]
    for merge, events in ((1800, 1), (600, 0)):
        found = runs(np.zeros_like(time), time, np.ones(len(time)), np.zeros(len(time)), ways, merge, 60)
        assert len(found.first) == events


@pytest.mark.parametrize(
    ("margin", "minutes", "expected"),
    [
        (1.0, 15, 25 + 75 * 0.2 / 2),
        (3.0, 15, 25 + 75 * 0.6 / 2),
        (5.0, 15, 25 + 75 / 2),
        (300.0, 15, 25 + 75 / 2),
        (math.inf, 45, 25 + 75 * 0.75),
    ],
)
def test_severity_is_height_times_length_and_height_saturates(margin: float, minutes: float, expected: float) -> None:
    height = height_of(np.array(margin))
    assert float(severity(height, np.array(60.0 * minutes), 25.0, 100.0)) == pytest.approx(expected)


def test_an_attack_of_48_minutes_is_above_a_blip_of_two_at_300_times() -> None:
    figures = severity(height_of(np.array([8 / 3, 100.0])), np.array([48 * 60.0, 120.0]), 25.0, 100.0)
    assert figures[0] > figures[1]


@pytest.mark.parametrize(
    ("lost", "minutes", "expected"), [(1.0, 15, 62.5), (0.8, 15, 55.0), (0.8, 45, 70.0), (1.3, 15, 62.5)]
)
def test_severity_of_a_fall_is_the_share_that_is_missing_times_length(
    lost: float, minutes: float, expected: float
) -> None:
    usual, seconds = np.array(4e6), np.array(60.0 * minutes)
    share = missing_of(lost * usual * seconds, usual, seconds)
    assert float(severity(share, seconds, 25.0, 100.0)) == pytest.approx(expected)


def policy_of(text: str, folder: Path, **overrides: object) -> Policy:
    path = folder / "policy.yaml"
    path.write_text(text)
    return read_policy(path, BITS, overrides)


def test_rules_are_switched_off_in_the_file_and_by_name(tmp_path: Path) -> None:
    assert "held" not in policy_of("rules: {held: false}", tmp_path).rules
    assert read_policy(None, BITS, {}, without=("tail", "level")).rules == tuple(
        name for name in RULES if name not in ("tail", "level")
    )


def test_some_keys_have_their_own_settings(tmp_path: Path) -> None:
    text = """
    over_percent: 100
    keys:
      "backup-*": {over_percent: 400, within: 1h, rules: {held: false}}
      "*": {matches: 3}
    """
    policy = policy_of(text, tmp_path)
    own = policy.of("backup-1")
    assert (own.over_percent, own.within, own.matches) == (400.0, 3600, 2)
    assert "held" not in own.rules
    assert (policy.of("a").over_percent, policy.of("a").matches) == (100.0, 3)


def test_a_threshold_may_lie_so_many_units_above_the_baseline() -> None:
    """The original's other kind of threshold: baseline + X; beside a percentage both must be passed."""
    baseline = np.array([0.0, 40.0, 1000.0, np.nan])
    for over, units, floor, expected in (
        (0.0, 50.0, 0.0, [50.0, 90.0, 1050.0]),
        (200.0, 50.0, 0.0, [50.0, 120.0, 3000.0]),
        (10.0, 50.0, 100.0, [100.0, 100.0, 1100.0]),
        (200.0, 0.0, 10.0, [10.0, 120.0, 3000.0]),
    ):
        policy = Policy(over_percent=over)
        limit = threshold(baseline, policy.multiple, floor, units)
        assert limit[:3].tolist() == expected
        assert np.isnan(limit[3])
        assert not suspects(limit, limit).any()


def test_no_rule_asks_for_less_than_the_units_that_are_stated() -> None:
    values = minutes(noise=0.3)
    for units in (1e5, 1e6, 1e7):
        plain = found_in(values, replace(DEFAULT, rules=(), multiple=1.0, units=units))
        np.testing.assert_array_equal(plain.lowest, plain.baseline + units)
        ruled = found_in(values, replace(DEFAULT, multiple=1.0, units=units))
        assert (ruled.lowest >= ruled.baseline + units).all()
    # Far above what the key ever reaches, the stated units decide alone.
    high = found_in(values, replace(DEFAULT, multiple=1.0, units=1e8))
    np.testing.assert_array_equal(high.limits[0], high.baseline + 1e8)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rules: {helt: false}", "unknown rule 'helt'; use level, "),
        ("keys: {a: {rules: {helt: false}}}", "unknown rule 'helt'"),
        ("keys: {a: {over: 3}}", "keys: a: over: 3 is not valid; settings that may differ by series: percentile, "),
        ("keys: {a: {over_percent: much}}", "'much' is not valid"),
        ("keys: {a: {over_percent: -1}}", "over_percent is -1.0, it must be 0 or more"),
        ("baseline: both", "baseline"),
        ("slots: month", "slots"),
        ("keys: {a: {slots: month}}", "slots is month, it must be week or workdays or day"),
        (
            "keys: {a: {rollup_percentile: 98}}",
            "rollup_percentile: 98 is not valid; settings that may differ by series: ",
        ),
        ("rollup_percentile: 101", "rollup_percentile is 101"),
        ("rollup_width: 30m", "rollup_width must be 1h, 2h, 3h, 4h, 6h, 8h, 12h or 24h"),
        ("rollup_width: 5h", "rollup_width must be"),
        ("rollup_width: 48h", "rollup_width must be"),
        ("over_units: -1", "over_units is -1"),
        ("under_percent: 0", "under_percent is 0"),
        ("rare_weeks: 0", "rare_weeks is 0"),
    ],
)
def test_what_cannot_be_meant_is_one_line(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageFailure, match=says.replace("(", r"\(")) as failure:
        policy_of(text, tmp_path)
    assert "\n" not in str(failure.value)
