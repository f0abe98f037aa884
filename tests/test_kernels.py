"""The fast arithmetic against slow, obvious twins, and its edges one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from analyzer.kernels.baseline import other_weeks, suspects, threshold
from analyzer.kernels.breach import Criterion, runs
from analyzer.kernels.grid import utc
from analyzer.kernels.match import covered, one_to_one
from analyzer.kernels.rollup import middles, roll_up
from tests.worlds import MONDAY, percentile, slow_runs
from traffic.model import HOUR_FIELDS, second_percent

HOUR = 3600
values_with_gaps = st.floats(0, 1e12) | st.just(np.nan)


@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 3), st.sampled_from([6, 12, 24])), elements=values_with_gaps),
    st.sampled_from([95.0, 98.0, 50.0, 100.0]),
)
def test_a_rolled_up_hour_is_what_numpy_says_of_the_buckets_that_are_there(values: np.ndarray, high: float) -> None:
    per_hour = 6
    rolled = roll_up(values, per_hour, high)
    for key in range(values.shape[0]):
        for hour in range(values.shape[1] // per_hour):
            there = values[key, hour * per_hour : (hour + 1) * per_hour]
            there = there[~np.isnan(there)]
            found = {name: float(array[key, hour]) for name, array in zip(HOUR_FIELDS, rolled, strict=True)}
            assert found.pop("count") == len(there)
            if len(there):
                assert found.pop("mean") == pytest.approx(there.mean(), rel=1e-12)
                assert (found.pop("maximum"), found.pop("minimum")) == (there.max(), there.min())
                if len(there) == per_hour:
                    assert found["second"] == np.sort(there)[-2]
                assert found == pytest.approx(
                    {
                        "high": np.percentile(there, high),
                        "second": np.percentile(there, second_percent(per_hour)),
                        "p50": np.percentile(there, 50),
                        "p20": np.percentile(there, 20),
                    },
                    rel=1e-12,
                )
            else:
                assert np.isnan(list(found.values())).all()


def test_of_one_bucket_the_second_highest_is_the_highest() -> None:
    assert [second_percent(buckets) for buckets in (1, 2, 3, 60)] == [100.0, 0.0, 50.0, pytest.approx(100 * 58 / 59)]


def test_hours_of_one_and_two_buckets_have_a_second() -> None:
    assert roll_up(np.array([[5.0, 3.0]]), 1).second.tolist() == [[5.0, 3.0]]
    assert roll_up(np.array([[5.0, 3.0]]), 2).second.tolist() == [[3.0]]


@pytest.mark.parametrize("length", range(1, 10))
def test_the_middles_of_a_few_values_are_those_of_sorting_them(length: int) -> None:
    rng = np.random.default_rng(length)
    for missing in (0.0, 0.4, 1.0):
        values = rng.normal(size=(30, 20, length)).round(1)
        values[rng.random(values.shape) < missing] = np.nan
        low, high, there = middles(values)
        ordered, count = np.sort(values, axis=-1), (~np.isnan(values)).sum(axis=-1)
        expected = [
            np.where(count > 0, np.take_along_axis(ordered, at[..., None], -1)[..., 0], np.nan)
            for at in (np.maximum(count - 1, 0) // 2, np.minimum(count // 2, length - 1))
        ]
        assert (there == count).all()
        np.testing.assert_array_equal(low, expected[0])
        np.testing.assert_array_equal(np.where(count > 0, high, np.nan), expected[1])


def test_rolling_up_does_not_depend_on_how_many_keys_are_sorted_together() -> None:
    values = np.random.default_rng(1).lognormal(size=(40, 24 * 60 * 7))
    together = roll_up(values, 60)
    for row in (0, 13, 39):
        for whole, alone in zip(together, roll_up(values[row : row + 1], 60), strict=True):
            np.testing.assert_array_equal(whole[row], alone[0])


@pytest.mark.parametrize(
    ("start", "first_slot"),
    [(MONDAY, 0), (MONDAY + HOUR, 1), (MONDAY - HOUR, 167), (0, 72), (MONDAY + 6 * 86400 + 23 * HOUR, 167)],
)
def test_slot_0_is_monday_midnight_utc(start: int, first_slot: int) -> None:
    assert utc(start, 3).slot.tolist() == [first_slot, (first_slot + 1) % 168, (first_slot + 2) % 168]


@given(st.integers(0, 400), st.integers(1, 500))
def test_hours_laid_out_by_week_come_back_as_they_were(offset: int, hours: int) -> None:
    weeks = utc(MONDAY + offset * HOUR, hours)
    values = np.arange(2.0 * hours).reshape(2, hours)
    cube = weeks.by_week(values)
    np.testing.assert_array_equal(weeks.by_hour(cube), values)
    for hour in (0, hours - 1):
        assert cube[1, (offset % 168 + hour) // 168, weeks.slot[hour]] == values[1, hour]


@given(
    hnp.arrays(
        np.float64, st.tuples(st.just(2), st.integers(1, 168 * 3 + 40)), elements=st.floats(0, 1e9) | st.just(np.nan)
    ),
    st.integers(0, 167),
    st.sampled_from([0.0, 50.0, 95.0, 100.0]),
)
def test_the_baseline_of_an_hour_is_the_percentile_of_the_same_slot_in_all_other_weeks(
    hourly: np.ndarray, offset: int, q: float
) -> None:
    baseline, learned = other_weeks(hourly, utc(MONDAY + offset * HOUR, hourly.shape[1]), q)
    for key in range(2):
        for hour in range(0, hourly.shape[1], 7):
            others = [
                float(hourly[key, h])
                for h in range(hour % 168, hourly.shape[1], 168)
                if h != hour and not np.isnan(hourly[key, h])
            ]
            assert learned[key, hour] == len(others)
            if others:
                assert baseline[key, hour] == pytest.approx(percentile(others, q), rel=1e-12)
            else:
                assert np.isnan(baseline[key, hour])


def test_a_week_never_judges_itself() -> None:
    quiet = np.ones((1, 168 * 5))
    loud = quiet.copy()
    loud[0, 168 * 2 + 10] = 1e9
    assert other_weeks(loud, utc(MONDAY, 168 * 5), 95.0)[0][0, 168 * 2 + 10] == 1.0


@pytest.mark.parametrize(
    ("value", "breaches"), [(29.999, False), (30.0, False), (np.nextafter(30.0, 31), True), (31.0, True)]
)
def test_200_percent_over_means_strictly_more_than_three_times(value: float, breaches: bool) -> None:
    limit = threshold(np.array([10.0]), 3.0, 0.0)
    assert suspects(np.array([value]), limit)[0] == breaches


def test_a_threshold_never_lies_below_the_floor_and_nan_stays_nan() -> None:
    limit = threshold(np.array([1.0, 10.0, np.nan]), 3.0, 12.0)
    np.testing.assert_array_equal(limit, [12.0, 30.0, np.nan])


@pytest.mark.parametrize(
    ("name", "minutes", "needed", "resolution", "expected"),
    [
        ("one breach alone is nothing", [0], 2, 1, []),
        ("two in a row are an event", [0, 1], 2, 1, [(0, 2, 2)]),
        ("two that start 9 minutes apart are an event", [0, 9], 2, 1, [(0, 10, 10)]),
        ("two that start 10 minutes apart are none", [0, 10], 2, 1, []),
        ("a third one extends it, 9 minutes after the last", [0, 1, 10], 2, 1, [(0, 11, 2)]),
        ("a third one does not, 10 minutes after the last", [0, 1, 11], 2, 1, [(0, 2, 2)]),
        ("a lone breach before the pair that meets the rule is left out", [0, 12, 13], 2, 1, [(12, 14, 14)]),
        ("three needed: the first three that fit together open it", [0, 9, 18, 19, 20], 3, 1, [(18, 21, 21)]),
        (
            "an hour is one bucket: one is enough, and the next hour goes on",
            [0, 60, 180],
            1,
            60,
            [(0, 120, 60), (180, 240, 240)],
        ),
        ("ten-minute buckets that touch are one event", [0, 10, 20], 1, 10, [(0, 30, 10)]),
    ],
)
def test_breaches_join_into_events(
    name: str, minutes: list[int], needed: int, resolution: int, expected: list[tuple[int, int, int]]
) -> None:
    time = np.array(minutes, dtype=np.int64) * 60
    way = Criterion(np.ones(len(time), dtype=bool), needed, 600)
    found = runs(np.zeros_like(time), time, np.ones(len(time)), np.zeros(len(time)), [way], 600, resolution * 60)
    step = resolution * 60
    events = [
        (int(time[first]) // 60, int(time[last] + step) // 60, int(time[met] + step) // 60)
        for first, last, met in zip(found.first, found.last, found.met, strict=True)
    ]
    assert events == expected, name


breach_times = st.lists(st.integers(0, 120), unique=True).map(sorted)


@given(
    st.lists(breach_times, min_size=1, max_size=4),
    st.integers(1, 4),
    st.sampled_from([1, 3, 10, 25]),
    st.sampled_from([1, 5]),
)
def test_events_of_many_keys_at_once_are_the_slow_rule_key_by_key(
    world: list[list[int]], needed: int, within: int, resolution: int
) -> None:
    step = resolution * 60
    key = np.array([k for k, times in enumerate(world) for _ in times], dtype=np.int64)
    time = np.array([t * step for times in world for t in times], dtype=np.int64)
    value = np.array([float((t * 7919) % 13) for t in time])
    way = Criterion(np.ones(len(time), dtype=bool), needed, within * 60)
    found = runs(key, time, value, np.full(len(value), 0.5), [way], within * 60, step)
    place = 0
    for k, times in enumerate(world):
        for start, end, met, n in slow_runs([t * step for t in times], needed, within * 60, step):
            first, last, peak = found.first[place], found.last[place], found.peak[place]
            assert (key[first], time[first], time[last] + step) == (k, start, end)
            assert (time[found.met[place]] + step, last - first + 1) == (met, n)
            inside = value[first : last + 1]
            assert peak == first + int(np.argmax(inside))
            assert found.excess[place] == pytest.approx(float((inside - 0.5).sum()))
            place += 1
    assert place == len(found.first)


@pytest.mark.parametrize(
    ("name", "events", "labels", "pairs"),
    [
        ("the larger overlap wins", [(0, 100), (100, 300)], [(90, 300)], [(1, 0)]),
        ("one label takes one event", [(0, 50), (60, 100)], [(0, 100)], [(0, 0)]),
        ("one event takes one label", [(0, 100)], [(0, 30), (40, 100)], [(0, 1)]),
        ("one bucket of tolerance at the edge", [(160, 200)], [(0, 120)], [(0, 0)]),
        ("two buckets off are too far", [(180, 240)], [(0, 120)], []),
        ("three hours longer than the label is still it", [(0, 10800 + 60)], [(0, 60)], [(0, 0)]),
        ("longer than that is not", [(0, 10800 + 61)], [(0, 60)], []),
        ("nothing to match", [], [(0, 60)], []),
    ],
)
def test_events_meet_labels_one_to_one(
    name: str, events: list[tuple[int, int]], labels: list[tuple[int, int]], pairs: list[tuple[int, int]]
) -> None:
    a, b = (np.array(x, dtype=np.int64).reshape(-1, 2) for x in (events, labels))
    assert one_to_one(a, b, 60, 10800) == pairs, name


intervals = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)).map(lambda p: (p[0], p[0] + p[1])), max_size=6)


@given(intervals, st.integers(0, 40), st.integers(1, 30))
def test_covered_seconds_are_counted_once(others: list[tuple[int, int]], start: int, length: int) -> None:
    slow = sum(any(a <= second < b for a, b in others) for second in range(start, start + length))
    assert covered((start, start + length), np.array(others, dtype=np.int64).reshape(-1, 2)) == slow


@given(intervals, intervals)
def test_no_event_and_no_label_is_used_twice(events: list[tuple[int, int]], labels: list[tuple[int, int]]) -> None:
    a, b = (np.array(x, dtype=np.int64).reshape(-1, 2) for x in (events, labels))
    pairs = one_to_one(a, b, 2, 10)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
