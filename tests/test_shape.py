from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b
from statistics import NormalDist
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from generator.customer import BackupJob, Customer, Season, customers, trend
from generator.noise import MINUTES, TrafficNoise, sigmas
from generator.rng import Rng, bits, bits_of, few, few_bits, lognormal_table, poisson
from generator.scenario import Bursts, CustomerSettings, Growth, Noise, RelativeNoise, Scenario, TrafficProfile
from generator.shape import Shape, heights, local_minutes
from tests.noise import noise_of
from traffic.model import DAY, HOUR, WEEK, Floats, Window, week_start
from traffic.times import instant

SPRING = week_start(instant("2026-03-29", 0))
AUTUMN = week_start(instant("2026-10-25", 0))
SILENCE = Noise(minute=0, hour=0, day=0, week=0, bursts=0)
OFTEN = replace(SILENCE, bursts=1)
QUIET = replace(Scenario(), noise=SILENCE, growth=Growth((0, 0)))
ACME = Customer("ACME", 1e8, "business", 14.0, 8.0, 0.0)


def in_zone(name: str) -> Shape:
    return Shape(replace(QUIET, time_zone=name))


def hours_of(level: Floats) -> Floats:
    return level.reshape(7, 24, 60)[:, :, 0]


def digest(array: NDArray[Any]) -> str:
    return blake2b(
        np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes(), digest_size=8
    ).hexdigest()


# --- random numbers ----------------------------------------------------------------------------------------


def test_raw_draws_are_the_same_for_ever() -> None:
    assert digest(bits(MINUTES, 1, "minute", SPRING, "ACME")) == "a8150e26a53369cd"
    assert digest(few_bits(169, 1, "hour", SPRING, "ACME")) == "fed96c6a9419e70b"
    rng = Rng(1, "incident", SPRING, "ACME")
    assert [rng.whole(0, 999) for _ in range(20)] == [
        46,
        322,
        317,
        335,
        739,
        947,
        677,
        912,
        615,
        458,
        203,
        116,
        224,
        302,
        121,
        859,
        620,
        608,
        657,
        636,
    ]


def test_tables_are_the_same_for_ever() -> None:
    assert digest(lognormal_table(0.12)) == "9e907a047626333a"
    assert digest(lognormal_table(0.06)) == "6b7d5e5802419535"
    assert digest(lognormal_table(0.5)) == "2fb1f5db3aaccbf7"


def test_no_entry_of_a_table_lies_so_near_to_a_rounding_border_that_another_machine_could_round_it_the_other_way() -> (
    None
):
    z = np.array([NormalDist().inv_cdf((level + 0.5) / 4096) for level in range(4096)])
    assert np.abs(np.abs(z * 1e6 - np.rint(z * 1e6)) - 0.5).min() > 1e-8
    scenario = Scenario()
    restless = {one.restless for one in customers(scenario).values()}
    assert len(restless) == 5
    found = {
        sigma for one in scenario.profiles.values() for step in restless for sigma in sigmas(scenario.noise, one, step)
    }
    assert len(found) > 50
    for sigma in found:
        exact = np.exp(sigma * np.round(z, 6) - sigma * sigma / 2) * 1e6
        # The last bit of these is worth 1e-10 or less.
        assert np.abs(np.abs(exact - np.rint(exact)) - 0.5).min() > 1e-9


def test_draws_for_another_seed_purpose_week_or_key_have_nothing_in_common() -> None:
    base = bits(MINUTES, 1, "minute", SPRING, "ACME")
    for other in (
        bits(MINUTES, 2, "minute", SPRING, "ACME"),
        bits(MINUTES, 1, "second", SPRING, "ACME"),
        bits(MINUTES, 1, "minute", SPRING + WEEK, "ACME"),
        bits(MINUTES, 1, "minute", SPRING, "ACME "),
    ):
        assert (base == other).sum() < 5
    assert (few_bits(168, 1, "hour", 0, "1\x00hour\x000") != few_bits(168, 1, "hour", 0, "1")).any()


def test_fewer_of_a_few_draws_are_the_first_of_them() -> None:
    assert few_bits(169, 1, "hour", 0, "a")[0] == few_bits(1, 1, "hour", 0, "a")[0]


def test_draws_of_several_purposes_are_those_of_each() -> None:
    wanted = [("hour", SPRING, 3, 168), ("hour", SPRING + WEEK, 0, 1), ("day", 0, 0, 0)]
    each = [few_bits(last, 1, purpose, week, "Zürich\0")[first:] for purpose, week, first, last in wanted]
    assert np.array_equal(bits_of([few(1, *one) for one in wanted], "Zürich\0"), np.concatenate(each))


def test_draws_are_uniform() -> None:
    drawn = np.concatenate([bits(MINUTES, 1, "minute", week * WEEK, "a") for week in range(50)])
    counts = np.bincount(drawn >> 8, minlength=256)
    # Chi-square with 255 degrees of freedom: 99.99 % of all good generators lie in this range.
    assert 175 < ((counts - len(drawn) / 256) ** 2 / (len(drawn) / 256)).sum() < 350


def test_draws_keep_to_what_they_are_asked_for() -> None:
    rng = Rng(7, "test", 0, "a")
    wholes = [rng.whole(3, 5) for _ in range(3000)]
    assert {3, 4, 5} == set(wholes)
    assert 900 < wholes.count(4) < 1100
    drawn = [rng.index([0, 3, 1, 0]) for _ in range(2000)]
    assert set(drawn) == {1, 2}
    assert 1400 < drawn.count(1) < 1600
    reals = [rng.real(-2, 2) for _ in range(2000)]
    assert -2 <= min(reals) < -1.9
    assert 1.9 < max(reals) < 2
    normals = [rng.normal() for _ in range(4000)]
    assert abs(np.mean(normals)) < 0.06
    assert 0.95 < np.std(normals) < 1.05


@pytest.mark.parametrize("mean", [0.0, 0.05, 0.55, 3.0, 7.0])
def test_as_many_things_happen_as_are_expected(mean: float) -> None:
    rng = Rng(7, "number", 0, "a")
    cumulative = poisson(mean)
    numbers = [rng.count(cumulative) for _ in range(4000)]
    assert abs(np.mean(numbers) - mean) < 4 * (mean / 4000) ** 0.5 + 1e-9
    assert abs(np.var(numbers) - mean) < 0.15 * mean + 0.01


# --- the day and the week --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "week"),
    [
        ("UTC", SPRING),
        ("Europe/Berlin", SPRING),
        ("Europe/Berlin", AUTUMN),
        ("America/New_York", week_start(instant("2026-03-08", 0))),
        ("Asia/Kolkata", SPRING),
        ("Asia/Kathmandu", SPRING),
        ("Australia/Lord_Howe", week_start(instant("2026-04-05", 0))),
        ("Australia/Lord_Howe", week_start(instant("2026-10-04", 0))),
        ("Pacific/Kiritimati", SPRING),
        ("Pacific/Pago_Pago", SPRING),
    ],
)
def test_local_time_is_what_a_clock_on_the_wall_shows(zone: str, week: int) -> None:
    here = ZoneInfo(zone)
    monday = datetime.fromtimestamp(week, UTC).replace(tzinfo=None)
    clock = [datetime.fromtimestamp(week + 60 * minute, here).replace(tzinfo=None) for minute in range(MINUTES)]
    assert local_minutes(here, week).tolist() == [round((shown - monday).total_seconds() / 60) for shown in clock]


def test_the_hour_that_is_skipped_in_spring_is_skipped() -> None:
    shape, utc = in_zone("Europe/Berlin"), in_zone("UTC")
    local, plain = shape.level(ACME, SPRING), utc.level(ACME, SPRING)
    change = 6 * 1440 + 60
    # An hour ahead of UTC until Sunday 01:00 UTC, two hours from then on.
    assert np.array_equal(local[: change - 1], plain[60 : change + 59])
    assert np.array_equal(local[change : MINUTES - 120], plain[change + 120 :])


def test_the_hour_that_comes_twice_in_autumn_comes_twice() -> None:
    local, plain = in_zone("Europe/Berlin").level(ACME, AUTUMN), in_zone("UTC").level(ACME, AUTUMN)
    change = 6 * 1440 + 60
    assert np.array_equal(local[change - 60 : change], local[change : change + 60])
    assert np.array_equal(local[change : MINUTES - 60], plain[change + 60 :])


def test_a_zone_of_a_half_hour_shifts_the_day_by_a_half_hour() -> None:
    local, plain = in_zone("Asia/Kolkata").level(ACME, SPRING), in_zone("UTC").level(ACME, SPRING)
    assert np.array_equal(local[: MINUTES - 330], plain[330:])


def test_rate_peak_hour_and_multiplier_are_what_they_say() -> None:
    level = in_zone("UTC").level(ACME, SPRING)
    assert level.mean() == pytest.approx(1e8, rel=1e-9)
    assert level.max() / level.min() == pytest.approx(8.0, rel=1e-9)
    assert (hours_of(level)[:5].argmax(axis=1) == 14).all()


@pytest.mark.parametrize(("peak", "minute"), [(9.5, 570), (23.0, 1380), (0.25, 15), (2.0, 120)])
def test_the_week_is_turned_to_the_hour_of_the_peak(peak: float, minute: int) -> None:
    level = in_zone("UTC").level(replace(ACME, peak_hour=peak), SPRING)
    # The highest of a working day; a peak after midnight belongs to the evening before.
    assert int(np.argmax(level[1440:2880])) == pytest.approx(minute, abs=25)
    assert level.mean() == pytest.approx(1e8, rel=1e-9)


def test_a_late_peak_belongs_to_the_day_before() -> None:
    late = in_zone("UTC").level(replace(ACME, profile="residential", peak_hour=2.0), SPRING)
    plain = in_zone("UTC").level(replace(ACME, profile="residential", peak_hour=21.0), SPRING)
    assert np.array_equal(late[300:], plain[: MINUTES - 300])


def test_weekends_are_not_like_weekdays() -> None:
    days = in_zone("UTC").level(ACME, SPRING).reshape(7, 1440).mean(axis=1)
    assert days[5:].max() < 0.5 * days[:5].min()


def test_the_curve_goes_through_the_heights_and_stays_between_the_lowest_and_the_highest() -> None:
    profile = Scenario().profiles["business"]
    curve = heights(profile)
    hours = np.array([*profile.weekday * 5, *profile.weekend * 2])
    assert curve[::60] == pytest.approx((hours - 2) / 98)
    assert (curve.min(), curve.max()) == (0, 1)
    assert np.abs(np.diff(curve)).max() < 0.01


def test_a_flat_profile_is_flat() -> None:
    flat = TrafficProfile(1, 12, 5, (3,) * 24, (3,) * 24)
    shape = Shape(replace(QUIET, profiles={"business": flat}))
    assert shape.level(ACME, SPRING) == pytest.approx(1e8)


# --- the long run ----------------------------------------------------------------------------------


def test_growth_starts_on_its_date_and_compounds() -> None:
    scenario = replace(Scenario(), growth=Growth((0, 0), "2026-01-01"))
    grower, since = replace(ACME, growth=0.01), instant("2026-01-01", 0)
    assert trend(scenario, grower, since) == 1
    assert trend(scenario, grower, since + 10 * WEEK) == pytest.approx(1.01**10)
    assert trend(scenario, grower, since - 10 * WEEK) == pytest.approx(1.01**-10)


def test_growth_has_no_step_between_weeks() -> None:
    shape, grower = Shape(QUIET), replace(ACME, growth=0.1)
    plain = [Shape(QUIET).level(ACME, SPRING + week * WEEK) for week in range(2)]
    ratio = np.concatenate([shape.level(grower, SPRING + week * WEEK) / plain[week] for week in range(2)])
    assert np.abs(np.diff(np.log(ratio))).max() < 2 * np.log(1.1) / MINUTES
    assert (np.diff(ratio) > 0).all()


def test_a_season_rises_and_falls_back_and_never_leaves_its_range() -> None:
    grower = replace(ACME, season=Season(0.1, 12, 3.0))
    found = np.array([trend(QUIET, grower, instant("2026-01-01", 0) + week * WEEK) for week in range(160)])
    assert found.min() == pytest.approx(1.1**-6, rel=1e-6)
    assert found.max() == pytest.approx(1.1**6, rel=1e-6)
    assert found[16:] == pytest.approx(found[:-16])
    assert (np.diff(found) > 0).mean() == pytest.approx(0.75, abs=0.05)


# --- the backup job --------------------------------------------------------------------------------

JOB = BackupJob(day=6, minute=90, minutes=60, factor=5.0)


def test_a_job_belongs_to_the_noise_free_level() -> None:
    shape = in_zone("UTC")
    ratio = shape.level(replace(ACME, job=JOB), SPRING) / shape.level(ACME, SPRING)
    first = 6 * 1440 + 90
    assert set(np.flatnonzero(ratio > 1)) == set(range(first, first + 60))
    assert ratio[first : first + 60] == pytest.approx(5.0)


def test_a_job_starts_by_the_local_clock_also_after_the_change_of_time() -> None:
    here = ZoneInfo("Europe/Berlin")
    starts = [JOB.run(SPRING + week * WEEK, here).start for week in (-1, 0, 1)]
    # Sunday 01:30 in Berlin is 00:30 UTC in winter, and 23:30 UTC of the Saturday before in summer.
    assert [start - week_start(start) - 6 * DAY for start in starts] == [1800, 1800, -1800]


def test_a_job_across_the_border_of_a_week_runs_once() -> None:
    zone = ZoneInfo("Pacific/Kiritimati")
    job = BackupJob(day=0, minute=13 * 60 + 30, minutes=60, factor=5.0)
    shape = in_zone("Pacific/Kiritimati")
    ratio = np.concatenate(
        [shape.level(replace(ACME, job=job), w) / shape.level(ACME, w) for w in (SPRING - WEEK, SPRING)]
    )
    assert set(np.flatnonzero(ratio > 1)) == {
        *range(30),
        *range(MINUTES - 30, MINUTES + 30),
        *range(2 * MINUTES - 30, 2 * MINUTES),
    }
    runs = list(job.runs(Window(SPRING, SPRING + 1), zone))
    assert [run for _, run in runs] == [Window(SPRING - 1800, SPRING + 1800)]


# --- noise -----------------------------------------------------------------------------------------


PLAIN, NEVER = RelativeNoise(), Bursts()


def kind_of(noise: Noise, own: RelativeNoise = PLAIN, bursts: Bursts = NEVER) -> TrafficNoise:
    """The noise of a scenario in which every customer is of one kind."""
    flat = TrafficProfile(1, 12, 5, (3,) * 24, (3,) * 24, own, bursts)
    return TrafficNoise(replace(Scenario(), noise=noise, profiles={"business": flat}))


def weeks_of(noise: TrafficNoise, count: int) -> Floats:
    return np.concatenate([noise_of(noise, ACME, SPRING + week * WEEK) for week in range(count)])


def obvious(scenario: Scenario, customer: Customer, week: int) -> Floats:
    """The noise without bursts as its description says it: lattices, wide to narrow, and straight lines on them."""
    noise, own = scenario.noise, scenario.profiles[customer.profile].noise
    scales = {10080: noise.week * own.day, 1440: noise.day * own.day}
    scales |= {span: noise.hour * own.hour * (span / 60) ** (noise.hurst - 1) for span in (240, 60, 20, 5)}
    scales[1] = noise.minute * own.minute
    times, found = np.array([0.0, 10080.0]), np.ones(2)
    for span, scale in scales.items():
        sigma = round(scale * customer.restless, 4)
        finer = np.arange(0, 10080 + (span > 1), span)
        if span == 1:
            draws = bits(MINUTES, scenario.seed, "minute", week, customer.key).tolist()
        else:
            first = [int(few_bits(1, scenario.seed, f"knots {span}", week + WEEK, customer.key)[0])]
            draws = few_bits(MINUTES // span, scenario.seed, f"knots {span}", week, customer.key).tolist() + first
        z = np.array([NormalDist().inv_cdf((draw // 16 + 0.5) / 4096) for draw in draws])
        found = np.interp(finer, times, found) * np.exp(sigma * z - sigma * sigma / 2)
        times = finer
    return found


@pytest.mark.parametrize("profile", ["business", "residential", "hosting", "bursty"])
def test_noise_is_what_its_description_says(profile: str) -> None:
    customer = replace(ACME, profile=profile, restless=1.25)
    (found,) = TrafficNoise(Scenario()).steady([customer], SPRING)
    assert found == pytest.approx(obvious(Scenario(), customer, SPRING), abs=1e-4)


@pytest.mark.parametrize(
    ("own", "most"), [(RelativeNoise(), 0.12), (RelativeNoise(0.5, 0.8, 0.8), 0.1), (RelativeNoise(8, 4, 2), 0.6)]
)
def test_noise_has_the_mean_one_and_the_95th_percentile_that_is_told(own: RelativeNoise, most: float) -> None:
    noise = kind_of(Noise(), own)
    found = weeks_of(noise, 80)
    assert found.mean() == pytest.approx(1, abs=0.02)
    assert 0.6 * most < np.log(found).std() < most
    # Between two knots it varies less than on them, so a little less is never exceeded more often.
    assert 0.95 * noise.q95(ACME) < np.quantile(found, 0.95) <= noise.q95(ACME)
    assert found.max() < noise.most(ACME)


def test_a_larger_hurst_exponent_is_a_longer_memory() -> None:
    def kept(hurst: float) -> float:
        logarithm = np.log(weeks_of(kind_of(Noise(0, 0.1, 0, 0, hurst)), 60))
        return float(logarithm.reshape(-1, 240).mean(axis=1).std() / logarithm.std())

    found = [kept(hurst) for hurst in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)]
    assert found == sorted(found)
    assert found[0] < 0.3
    assert found[-1] > 0.45


def test_days_and_weeks_differ_by_what_is_said() -> None:
    days = weeks_of(kind_of(Noise(minute=0, hour=0, day=0.1, week=0)), 150)[::1440]
    assert np.log(days).std() == pytest.approx(0.1, rel=0.06)
    weeks = weeks_of(kind_of(Noise(minute=0, hour=0, day=0, week=0.1)), 300)[::10080]
    assert np.log(weeks).std() == pytest.approx(0.1, rel=0.12)


@pytest.mark.parametrize("name", ["hour", "day", "week"])
def test_waves_run_on_where_a_new_week_begins(name: str) -> None:
    noise = kind_of(replace(SILENCE, **{name: 0.2}))
    steps = np.abs(np.diff(np.log(weeks_of(noise, 3))))
    inside = np.delete(steps, [MINUTES - 1, 2 * MINUTES - 1]).max()
    assert steps[[MINUTES - 1, 2 * MINUTES - 1]].max() <= inside
    assert steps.max() > 0


def test_bursts_are_as_many_as_high_and_as_long_as_is_said_and_most_are_small() -> None:
    own = Bursts(per_week=20, factor=(1.5, 6), minutes=(3, 60))
    found = weeks_of(kind_of(OFTEN, bursts=own), 60)
    assert found.min() == 1
    assert 5.5 < found.max() <= kind_of(OFTEN, bursts=own).highest_burst(ACME) == 6
    edges = np.flatnonzero(np.diff((found > 1).astype(int)))
    starts, ends = edges[::2], edges[1::2]
    lengths = ends - starts
    # Some touch one another and count as one here.
    assert 0.85 * 20 * 60 < len(starts) <= 1.1 * 20 * 60
    assert lengths.min() == 3
    assert np.median(lengths) < 8
    assert np.median(found[starts + 1]) < 2.5
    assert (weeks_of(kind_of(OFTEN, bursts=replace(own, per_week=0)), 1) == 1).all()


def test_a_burst_runs_on_into_the_next_week() -> None:
    noise = kind_of(OFTEN, bursts=Bursts(per_week=30, factor=(2, 2), minutes=(600, 600)))
    found = weeks_of(noise, 20) > 1
    borders = np.arange(MINUTES, len(found), MINUTES)
    crossing = found[borders - 1] & found[borders]
    assert crossing.sum() > 5
    lengths = np.diff(np.flatnonzero(np.diff(np.concatenate([[0], found, [0]]))))[::2]
    assert lengths.min() >= 599


def test_without_noise_there_is_none() -> None:
    assert (weeks_of(Shape(QUIET).noise, 1) == 1).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 3000), st.text(max_size=8))
def test_a_week_of_a_customer_is_the_same_whenever_it_is_asked_for(week: int, key: str) -> None:
    monday = week_start(4 * DAY) + week * WEEK
    one = replace(ACME, key=key)
    shape, other = Shape(Scenario()), Shape(Scenario())
    one = replace(one, profile="bursty")
    noise_of(other.noise, one, monday + WEEK)
    assert np.array_equal(noise_of(shape.noise, one, monday), noise_of(other.noise, one, monday))
    assert np.array_equal(shape.level(one, monday), other.level(one, monday))


def test_zones_change_on_quarters_of_an_hour_as_the_arrays_assume() -> None:
    for name in ("Europe/London", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Havana"):
        zone = ZoneInfo(name)
        for time in range(instant("2026-01-01", 0), instant("2027-01-01", 0), HOUR // 4):
            before, after = (datetime.fromtimestamp(at, zone).utcoffset() for at in (time, time + HOUR // 4 - 60))
            assert before == after


def test_customers_are_the_same_for_ever() -> None:
    found = customers(replace(Scenario(), customers=CustomerSettings(count=25)))
    assert [found[f"customer-{number:04d}"] for number in (1, 10, 21)] == [
        Customer(
            key="customer-0001",
            rate=186000000.0,
            profile="hosting",
            peak_hour=16.7,
            multiplier=2.07,
            growth=0.002367,
            restless=1.25,
        ),
        Customer(
            key="customer-0010",
            rate=69200000.0,
            profile="business",
            peak_hour=13.92,
            multiplier=6.8,
            growth=0.000873,
            season=Season(per_week=0.07144, weeks=12, phase=2.2813941091299057),
        ),
        Customer(
            key="customer-0021",
            rate=375000000.0,
            profile="business",
            peak_hour=15.23,
            multiplier=7.51,
            growth=0.002961,
            restless=0.799,
            job=BackupJob(day=0, minute=1380, minutes=45, factor=9.13),
        ),
    ]
