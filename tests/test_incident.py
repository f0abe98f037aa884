"""Incidents, from outside: what the amounts of a world without noise show must be what its labels say."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.customer import BackupJob, Customer, trend
from generator.disturbance import BackupDecoy, BlipDecoy, Decoys, Events, GapDecoy, GrowthDecoy, Outage, Required
from generator.incident import MARGIN, Incidents, TrafficIncident
from generator.scenario import CustomerSettings, Noise, Scenario
from generator.shape import Shape
from generator.world import MISSING, World
from tests.noise import noise_of
from traffic.model import HOUR, WEEK, Floats, Grid, Label, Window, week_start
from traffic.times import instant

MONDAY = week_start(instant("2026-09-07", 0))
EVENTS = {"square", "ramp", "pulse_train", "slow_burn"}

# Bytes are rounded to whole numbers: so much traffic that this cannot be seen.
BUSY = replace(
    Scenario(),
    customers=CustomerSettings(count=12, rate=1e12),
    events=replace(Events(), per_week=3),
    decoys=Decoys(BlipDecoy(per_week=1), GapDecoy(per_week=1), BackupDecoy(share=0.3), GrowthDecoy(share=0.1)),
    outage=replace(Outage(), per_week=1),
)


def silent(scenario: Scenario) -> Scenario:
    """The same without noise. What is drawn does not change: every purpose has draws of its own."""
    return replace(scenario, noise=Noise(minute=0, hour=0, day=0, week=0, bursts=0))


def burstless(scenario: Scenario) -> Scenario:
    """The same without natural bursts; all other noise stays as it is."""
    return replace(scenario, noise=replace(scenario.noise, bursts=0))


def eventless(scenario: Scenario) -> Scenario:
    """The same without anything that happens; backup jobs and growth are habits, not happenings."""
    return replace(
        scenario,
        events=replace(scenario.events, per_week=0),
        decoys=replace(
            scenario.decoys,
            blip=replace(scenario.decoys.blip, per_week=0),
            gap=replace(scenario.decoys.gap, per_week=0),
        ),
        outage=replace(scenario.outage, per_week=0),
    )


class Key:
    """A scenario that can be looked up: it holds a dict, which has no hash, but its fingerprint has."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario

    def __hash__(self) -> int:
        return hash(self.scenario.fingerprint)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and other.scenario.fingerprint == self.scenario.fingerprint


@lru_cache(maxsize=8)
def series(scenario: Key, window: Window) -> dict[str, Floats]:
    """Amounts of every customer in a window, shape (steps,); NaN = missing."""
    world = World(scenario.scenario)
    found = {}
    for key in world.customers:
        parts = [world.block([key], Grid.over(week, world.step))[0] for week in window.weeks()]
        amounts = np.concatenate(parts).astype(np.float64)
        found[key] = np.where(amounts == MISSING, np.nan, amounts)
    return found


def ratios(scenario: Scenario, window: Window) -> dict[str, Floats]:
    """How many times the usual traffic each step is, by comparing two worlds."""
    with_all = series(Key(silent(scenario)), window)
    without = series(Key(silent(eventless(scenario))), window)
    return {key: with_all[key] / without[key] for key in with_all}


def labels_of(scenario: Scenario, window: Window) -> dict[str, list[Label]]:
    found: dict[str, list[Label]] = {key: [] for key in scenario.customers.names}
    for label in World(scenario).labels(window):
        if label.shape != "burst":
            found[label.key].append(label)
    return found


WINDOW = Window(MONDAY + 17 * HOUR, MONDAY + 4 * WEEK + 5 * HOUR)


# --- shapes ----------------------------------------------------------------------------------------


def test_a_square_is_up_at_once_and_down_at_once() -> None:
    assert TrafficIncident(0, 5, "square", 4.5).factors().tolist() == [4.5] * 5


def test_a_ramp_rises_and_falls_in_straight_lines_with_its_factor_at_the_top() -> None:
    factors = TrafficIncident(0, 10, "ramp", 6.0, turn=0.4).factors()
    assert factors == pytest.approx([2.25, 3.5, 4.75, 6, 5.2857, 4.5714, 3.8571, 3.1429, 2.4286, 1.7143], abs=1e-4)
    assert TrafficIncident(0, 1, "ramp", 6.0, turn=0.3).factors().tolist() == [6.0]


def test_a_pulse_train_begins_and_ends_with_a_pulse() -> None:
    factors = TrafficIncident(0, 11, "pulse_train", 8.0, pulse=3, pause=1).factors()
    assert factors.tolist() == [8, 8, 8, 1, 8, 8, 8, 1, 8, 8, 8]


def test_a_slow_burn_rises_for_a_quarter_and_falls_for_an_eighth() -> None:
    factors = TrafficIncident(0, 240, "slow_burn", 5.0).factors()
    assert np.flatnonzero(factors == 5.0).tolist() == list(range(59, 211))
    assert (np.diff(factors[:60]) > 0).all()
    assert (np.diff(factors[210:]) < 0).all()
    assert 1 < factors[0] < 1.1
    assert 1 < factors[-1] < 1.2


@pytest.mark.parametrize("minutes", [1, 2, 3, 7])
@pytest.mark.parametrize("shape", ["square", "ramp", "slow_burn", "blip", "outage"])
def test_the_shortest_incidents_have_a_factor_for_each_minute(shape: str, minutes: int) -> None:
    factors = TrafficIncident(0, minutes, shape, 5.0).factors()
    assert factors.shape == (minutes,)
    assert ((factors >= 1) & (factors <= 5)).all()


# --- labels and traffic say the same ---------------------------------------------------------------


def test_traffic_is_changed_where_there_is_a_label_and_nowhere_else() -> None:
    for key, ratio in ratios(BUSY, WINDOW).items():
        labels = [one for one in labels_of(BUSY, WINDOW)[key] if one.shape not in ("backup", "growth")]
        touched = np.zeros(len(ratio), dtype=bool)
        for label in labels:
            inside = slice((label.start - WINDOW.start) // 60, (label.end - WINDOW.start) // 60)
            touched[inside] = True
            part = ratio[inside]
            if label.shape == "gap":
                assert np.isnan(part).all()
            elif label.shape in ("square", "blip", "outage"):
                assert part == pytest.approx(label.factor, rel=1e-6, abs=1e-6)
            elif label.start > WINDOW.start and label.end < WINDOW.end:
                assert part.max() == pytest.approx(label.factor, rel=1e-6)
                assert part.min() >= 1 - 1e-9
        assert labels or World(BUSY).customers[key].season
        assert ratio[~touched] == pytest.approx(1.0, abs=1e-9)


def test_a_backup_job_is_labelled_each_week_where_it_runs() -> None:
    without_jobs = replace(BUSY, decoys=replace(BUSY.decoys, backup=replace(BUSY.decoys.backup, factor=(1, 1))))
    with_jobs, without = (series(Key(silent(eventless(one))), WINDOW) for one in (BUSY, without_jobs))
    found = 0
    for key, labels in labels_of(BUSY, WINDOW).items():
        ratio = with_jobs[key] / without[key]
        runs = [one for one in labels if one.shape == "backup"]
        inside = np.zeros(len(ratio), dtype=bool)
        for run in runs:
            assert run.kind == "decoy"
            inside[(run.start - WINDOW.start) // 60 : (run.end - WINDOW.start) // 60] = True
            found += 1
        assert (ratio[inside] > 4.9).all()
        assert ratio[~inside] == pytest.approx(1.0, abs=1e-9)
    assert found >= 8


def test_a_customer_that_grows_has_one_label_over_the_window_and_nothing_else_happens() -> None:
    world = World(BUSY)
    growers = {key for key, customer in world.customers.items() if customer.season}
    assert growers
    for key in growers:
        (label,) = labels_of(BUSY, WINDOW)[key]
        assert (label.start, label.end, label.kind, label.shape) == (WINDOW.start, WINDOW.end, "decoy", "growth")
        amounts = series(Key(silent(BUSY)), WINDOW)[key]
        start, later = WINDOW.start, WINDOW.start + 3 * WEEK
        first, last, end = (trend(BUSY, world.customers[key], at) for at in (start, later, WINDOW.end))
        # The same minute of the week; within a week growth is a straight line.
        assert amounts[3 * 10080] / amounts[0] == pytest.approx(last / first, rel=0.02)
        assert label.factor == pytest.approx(end / first, abs=0.001)
        assert label.direction == ("above" if label.factor >= 1 else "below")


def test_an_incident_runs_on_where_a_new_week_begins() -> None:
    crossing = 0
    whole = Window(MONDAY, MONDAY + 12 * WEEK)
    for key, labels in labels_of(BUSY, whole).items():
        for label in labels:
            border = week_start(label.end)
            if label.start < border < label.end and label.shape in EVENTS:
                crossing += 1
                near = Window(border - 6 * HOUR, border + 6 * HOUR)
                ratio = ratios(BUSY, near)[key]
                last = (label.end - near.start) // 60
                assert ratio[last] == pytest.approx(1.0)
                assert ratio[last - 1] > 1.01
    assert crossing


# --- kinds -----------------------------------------------------------------------------------------


def reached_by_itself(scenario: Scenario, customer: Customer) -> float:
    """How many times its level a customer's traffic is one minute in twenty, of noise in all its waves at once."""
    own, noise = scenario.profiles[customer.profile], scenario.noise
    slow = [noise.week * own.noise.day, noise.day * own.noise.day]
    waves = [noise.hour * own.noise.hour * (span / 60) ** (noise.hurst - 1) for span in (240, 60, 20, 5)]
    variance = sum((customer.restless * one) ** 2 for one in (*slow, *waves, noise.minute * own.noise.minute))
    return float(np.exp(1.6448536 * variance**0.5 - variance / 2))


def obvious_kind(label: Label, scenario: Scenario, window: Window, raised: Floats, usual: Floats) -> str:
    """The contract's definition, bucket by bucket, from the traffic of two worlds; both start at the window's hour."""
    if label.shape == "outage":
        return "ignore"
    if label.shape not in EVENTS:
        return "decoy"
    facts = scenario.required
    customer = World(scenario).customers[label.key]
    own = scenario.profiles[customer.profile].bursts
    habit = own.factor[1] if own.per_week * scenario.noise.bursts else 1
    limit = max(facts.multiple, habit) * facts.margin * reached_by_itself(scenario, customer)
    step = scenario.seconds
    first = window.start // HOUR * HOUR
    clear = 0
    for time in range(label.start // step * step, label.end, step):
        bucket = (time - first) // step
        hour = (time - first) // HOUR * (HOUR // step)
        highest = max(usual[hour : hour + HOUR // step])
        level = raised[bucket] * 8 / step
        clear += raised[bucket] >= limit * highest and level >= facts.margin * facts.floor
    judged = label.start >= window.start + facts.history_weeks * WEEK
    return "required" if clear >= facts.buckets and judged else "optional"


@pytest.mark.parametrize(
    "scenario",
    [
        BUSY,
        replace(BUSY, seed=5, required=Required(multiple=2, margin=1, buckets=10, history_weeks=1)),
        # Just at the floor, for customers of about its size.
        replace(BUSY, customers=CustomerSettings(count=12, rate=4e11), required=replace(Required(), floor=1e12)),
        replace(BUSY, seed=9, noise=Noise(0.2, 0.1, 0.1, 0.1, 0.7)),
        # Events of about the height that decides.
        replace(
            BUSY,
            events=replace(
                BUSY.events,
                shapes=replace(
                    BUSY.events.shapes,
                    **{name: replace(form, factor=(4, 7)) for name, form in vars(BUSY.events.shapes).items()},
                ),
            ),
        ),
    ],
)
def test_kinds_are_what_counting_buckets_says(scenario: Scenario) -> None:
    # Whole hours, so that the twin sees the highest level of the hours at the window's ends too.
    found = set()
    raised, usual = series(Key(burstless(scenario)), WINDOW), series(Key(silent(eventless(scenario))), WINDOW)
    for key, labels in labels_of(scenario, WINDOW).items():
        for label in labels:
            expected = obvious_kind(label, scenario, WINDOW, np.nan_to_num(raised[key]), usual[key])
            assert label.kind == expected, label
            found.add((label.shape in EVENTS, label.kind))
    assert found == {(True, "required"), (True, "optional"), (False, "decoy"), (False, "ignore")}


def test_a_wider_step_needs_as_many_of_its_own_buckets() -> None:
    wide = replace(BUSY, step="5m")
    kinds = {label.id: label.kind for label in World(wide).labels(WINDOW)}
    squares = [label for label in World(BUSY).labels(WINDOW) if label.shape == "square"]
    assert len(squares) > 20
    for label in squares:
        # Three buckets of five minutes do not fit into less than 15 minutes.
        assert kinds[label.id] == "optional" or label.end - label.start >= 15 * 60
    assert "required" in kinds.values()


def test_nothing_is_required_before_there_is_a_history() -> None:
    required = [label.start for label in World(BUSY).labels(WINDOW) if label.kind == "required"]
    assert len(required) > 20
    assert min(required) >= WINDOW.start + 2 * WEEK


@pytest.mark.parametrize("step", ["1m", "5m"])
@pytest.mark.parametrize("made", [WINDOW, Window(MONDAY + 3 * WEEK + 10 * HOUR, WINDOW.end + 20 * HOUR)])
def test_labels_are_the_same_whatever_traffic_was_made_before(made: Window, step: str) -> None:
    scenario = replace(Scenario(), step=step, customers=CustomerSettings(count=60))
    world = World(scenario)
    for week in made.weeks():
        world.block(tuple(world.customers), Grid.over(week, scenario.seconds))
    labels = world.labels(WINDOW)
    assert labels == World(scenario).labels(WINDOW)
    assert {"required", "optional"} <= {label.kind for label in labels if label.shape in EVENTS}
    assert "burst" in {label.shape for label in labels}


def test_the_default_scenario_has_enough_to_find_and_enough_to_leave_alone() -> None:
    window = Window(MONDAY, MONDAY + 6 * WEEK)
    labels = World(Scenario()).labels(window)
    assert 60 <= sum(label.kind == "required" for label in labels) <= 120
    assert 30 <= sum(label.kind == "decoy" for label in labels) <= 90
    assert {label.shape for label in labels} == EVENTS | {"blip", "gap", "backup", "growth", "outage", "burst"}


def test_own_bursts_are_neutral_where_they_reach_the_policy_and_no_incident_is_near() -> None:
    scenario = Scenario()
    world, shape = World(scenario), Shape(scenario)
    found = [label for label in world.labels(WINDOW) if label.shape == "burst"]
    others = [label for label in world.labels(WINDOW) if label.shape not in ("burst", "backup", "growth")]
    assert len(found) > 100
    assert {label.kind for label in found} == {"optional"}
    assert {world.customers[label.key].profile for label in found} == {"bursty"}
    for label in found[:60]:
        if WINDOW.start < label.start and label.end < WINDOW.end:
            week, customer = week_start(label.start), world.customers[label.key]
            first, last = (label.start - week) // 60, (label.end - week) // 60
            both = [noise_of(shape.noise, customer, at) for at in (week, week + WEEK)]
            assert (np.concatenate(both)[first:last] >= 3).sum() > 1
        near = [one for one in others if one.key == label.key]
        assert all(one.end + MARGIN <= label.start or label.end + MARGIN <= one.start for one in near)


def test_events_of_a_customer_seldom_fall_into_the_same_hour_of_the_week() -> None:
    window = Window(MONDAY, MONDAY + 6 * WEEK)
    scenario = replace(Scenario(), customers=CustomerSettings(count=300))
    same = total = 0
    for labels in labels_of(scenario, window).values():
        taken: dict[int, str] = {}
        for label in labels:
            if label.shape in EVENTS:
                hours = {hour % 168 for hour in range(label.start // HOUR, -(-label.end // HOUR))}
                same += any(hour in taken for hour in hours)
                total += 1
                taken |= dict.fromkeys(hours, label.id)
    assert same / total < 0.06


# --- which incidents take place --------------------------------------------------------------------


def test_incidents_of_a_customer_keep_their_distance() -> None:
    gaps = [
        after.start - before.end
        for labels in labels_of(BUSY, Window(MONDAY, MONDAY + 20 * WEEK)).values()
        for before, after in pairwise(sorted(labels, key=lambda one: one.start))
        if not before.shape == after.shape == "backup"
    ]
    assert len(gaps) > 500
    assert MARGIN <= min(gaps) < 2 * MARGIN


def test_only_what_comes_too_close_is_dropped() -> None:
    shape = Shape(BUSY)
    incidents = Incidents(BUSY, shape)
    dropped = 0
    for customer in World(BUSY).customers.values():
        for week in range(MONDAY, MONDAY + 20 * WEEK, WEEK):
            kept = incidents.of_week(customer, week)
            drawn = [*incidents.drawn(customer, week - WEEK), *incidents.drawn(customer, week)]
            jobs: list[Window] = []
            if isinstance(customer.job, BackupJob):
                jobs = [customer.job.run(week + n * WEEK, shape.zone) for n in (-1, 0, 1, 2)]
            for one in incidents.drawn(customer, week):
                wide = Window(one.start - MARGIN, one.window.end + MARGIN)
                reasons = [*(other.window for other in drawn if other < one), *jobs]
                near = any(other.start < wide.end and wide.start < other.end for other in reasons)
                assert (one in kept) == (not near)
                dropped += near
    assert dropped


def test_every_label_has_an_id_of_its_own() -> None:
    labels = World(replace(BUSY, customers=CustomerSettings(count=60))).labels(Window(MONDAY, MONDAY + 20 * WEEK))
    assert len({label.id for label in labels}) == len(labels) > 2000


@settings(max_examples=25, deadline=None)
@given(st.integers(-6 * 168, 6 * 168), st.integers(1, 8 * 168), st.integers(0, 3 * 168), st.integers(0, 3 * 168))
def test_a_longer_window_adds_labels_and_leaves_the_old_ones(offset: int, length: int, before: int, after: int) -> None:
    inner = Window(MONDAY + offset * HOUR, MONDAY + (offset + length) * HOUR)
    outer = Window(inner.start - before * HOUR, inner.end + after * HOUR)
    world = World(BUSY)
    small = {label.id: label for label in world.labels(inner)}
    large = {label.id: label for label in world.labels(outer)}
    assert set(small) <= set(large)
    for name, label in small.items():
        other = large[name]
        assert other.window.clip(inner) == label.window
        if other.window == label.window and other.shape != "growth":
            # More history can make an event one that has to be found, never the other way round.
            assert other == label or (label.kind, other.kind) == ("optional", "required")
    for name in set(large) - set(small):
        assert large[name].window.overlap(inner) == 0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.text(min_size=1, max_size=5).filter(str.strip))
def test_incidents_depend_on_seed_and_key_and_on_nothing_else(seed: int, key: str) -> None:
    scenario = replace(BUSY, seed=seed)
    customer = replace(next(iter(World(scenario).customers.values())), key=key, season=None)
    one, other = (Incidents(scenario, Shape(scenario)) for _ in range(2))
    weeks = [MONDAY + number * WEEK for number in range(4)]
    forward = [one.touching(customer, week) for week in weeks]
    backward = [other.touching(customer, week) for week in reversed(weeks)]
    assert forward == backward[::-1]
