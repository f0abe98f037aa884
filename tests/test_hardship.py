"""What makes customers hard to judge: each kind happens as input/scenario-hard.yaml says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from generator.disturbance import BlipDecoy, GapDecoy
from generator.hardship import ATTACKS, DECOYS, Hard, Hardship
from generator.scenario import CustomerSettings, Scenario
from generator.world import MISSING, World
from traffic.config import load
from traffic.model import DAY, FIRST_MONDAY, HOUR, WEEK, Label, Window
from traffic.settings import BadSetting

MONDAY = FIRST_MONDAY + 2950 * WEEK
WINDOW = Window(MONDAY, MONDAY + 6 * WEEK)
SHIPPED = load(Path(__file__).parents[1] / "input" / "scenario-hard.yaml", Scenario)


def of_kind(name: str) -> tuple[World, dict[str, list[Label]]]:
    """Four customers that are all of one kind and have no events besides; and what is labelled of it."""
    own: Hardship = replace(vars(SHIPPED.hard)[name], share=1.0)
    alone = replace(
        SHIPPED,
        hard=Hard(**{name: own}),
        customers=CustomerSettings(count=4),
        events=replace(SHIPPED.events, per_week=0),
        decoys=replace(SHIPPED.decoys, blip=BlipDecoy(per_week=0), gap=GapDecoy(per_week=0)),
        outage=replace(SHIPPED.outage, per_week=0),
    )
    world = World(alone)
    found: dict[str, list[Label]] = {key: [] for key in world.customers}
    for label in world.labels(WINDOW):
        if label.shape == name:
            found[label.key].append(label)
    return world, found


@pytest.mark.parametrize("name", sorted(ATTACKS | DECOYS))
def test_what_happens_is_as_long_as_high_and_of_the_kind_that_the_scenario_says(name: str) -> None:
    own: Hardship = vars(SHIPPED.hard)[name]
    _, found = of_kind(name)
    assert all(found.values())
    for label in (label for some in found.values() for label in some):
        whole = WINDOW.start < label.start and label.end < WINDOW.end
        assert not whole or own.minutes[0] <= (label.end - label.start) / 60 <= own.minutes[1]
        assert own.factor[0] <= label.factor <= own.factor[1]
        owed = "required" if label.start >= WINDOW.start + 2 * WEEK else "optional"
        assert label.kind == (owed if name in ATTACKS else "decoy")


def test_many_keys_are_hit_at_the_same_times() -> None:
    _, found = of_kind("many_keys")
    times = {tuple(label.start for label in some) for some in found.values()}
    assert len(times) == 1
    assert len(times.pop()) >= 3


def test_the_same_hour_is_that_of_four_weeks_of_six() -> None:
    _, found = of_kind("same_hour")
    for some in found.values():
        assert len({label.start % WEEK for label in some}) == 1
        assert len(some) == 4


def test_a_campaign_is_three_days_of_attacks_and_a_moving_job_comes_every_night() -> None:
    for some in of_kind("campaign")[1].values():
        starts = sorted(label.start for label in some)
        assert starts[-1] - starts[0] < 3 * DAY
    for some in of_kind("moving_job")[1].values():
        assert len(some) == 42
        assert all(label.start % DAY <= 5 * HOUR for label in some)
        assert len({label.start % DAY for label in some}) > 30


def test_who_is_late_is_there_for_two_weeks_of_six_and_what_wraps_is_back_at_once() -> None:
    world, found = of_kind("late")
    for key in found:
        there = sum(bool((world.amounts(key, week) != MISSING).any()) for week in range(MONDAY, WINDOW.end, WEEK))
        assert there == 2
    world, found = of_kind("wraps")
    for key, some in found.items():
        for label in some[:3]:
            week = label.start - (label.start - MONDAY) % WEEK
            minute = (label.start - week) // 60
            amounts = world.amounts(key, week)[max(0, minute - 30) : minute + 32]
            usual = np.median(amounts)
            assert (amounts > 30 * usual).sum() == 2


def test_a_scenario_without_hard_customers_is_the_one_that_it_was() -> None:
    assert Scenario().fingerprint == Scenario(hard=replace(Hard())).fingerprint == "aa3c55aa2a71c2de"
    assert {customer.hardship for customer in World(Scenario()).customers.values()} == {""}
    assert len({customer.hardship for customer in World(SHIPPED).customers.values()}) == 10
    with pytest.raises(BadSetting, match="more than 1"):
        Hard(late=Hardship(0.6, (1, 1), (10080, 10080)), wraps=Hardship(0.6, (100, 300), (2, 2)))
