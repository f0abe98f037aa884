"""Classes of events: what the policy raises, what is unusual below it, and what looks like a measurement artefact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyzer.judging.policy import read_policy
from analyzer.model import CLASSES, RULES, Event, EventClass, Policy, event_id
from analyzer.pipeline import Ledger, Search, discover
from analyzer.reading.scope import Scope
from analyzer.verdict import compare
from tests.conformance import KINDS, SPAN
from tests.worlds import MONDAY, MemorySource
from traffic.errors import UsageFailure
from traffic.model import BITS, DAY, HOUR, WEEK, Floats, Label, Metric, Window

GAUGE = Metric(name="load", field="load", statistic="sum")
MINUTES = 7 * 24 * 60


def quiet(weeks: int = 6, noise: float = 0.03, seed: int = 1, growth: float = 1.0) -> Floats:
    """A day's wave by the minute, with little noise; it grows by `growth` from first to last."""
    count = weeks * MINUTES
    wave = 100 * (1 + 0.5 * np.sin(2 * np.pi * (np.arange(count) % 1440) / 1440))
    return wave * np.random.default_rng(seed).lognormal(0, noise, count) * growth ** (np.arange(count) / count)


def events_of(values: Floats, folder: Path, policy: Policy | None = None, **more: Any) -> list[Event]:
    world = MemorySource(MONDAY, {"a": values}, metric=GAUGE)
    search = Search(folder, policy or Policy(), Scope(60, MONDAY + 60 * WEEK), **more)
    return list(discover(world, search, None, Ledger(), lambda _done, _total: None).events)


def minute(day: int, hour: float) -> int:
    return day * 1440 + round(hour * 60)


def told(events: list[Event]) -> list[tuple[EventClass, int, int]]:
    """Class, first minute and length."""
    return [(e.event_class, (e.start - MONDAY) // 60, (e.end - e.start) // 60) for e in events]


AT = minute(24, 6)


@pytest.mark.parametrize(
    ("times", "long", "expected"),
    [
        (1.15, 20, []),
        (1.6, 20, [("unusual", AT, 20)]),
        (2.5, 20, [("unusual", AT, 20)]),
        (6.0, 20, [("policy", AT, 20)]),
        (80.0, 2, [("suspect", AT, 2)]),
        (80.0, 3, [("policy", AT, 3)]),
        (12.0, 2, [("policy", AT, 2)]),
    ],
)
def test_an_event_is_of_the_class_of_what_raises_it(
    times: float, long: int, expected: list[tuple[EventClass, int, int]], tmp_path: Path
) -> None:
    values = quiet()
    values[AT : AT + long] *= times
    found = events_of(values, tmp_path)
    assert told(found) == expected
    for event in found:
        assert (event.severity >= 25) == (event.event_class == "policy")
        assert (event.severity < 5) == (event.event_class == "suspect")


def test_only_the_classes_that_are_asked_for_are_reported(tmp_path: Path) -> None:
    values = of_all_classes()
    everything = events_of(values, tmp_path)
    assert [event.event_class for event in everything] == ["unusual", "policy", "suspect"]
    for name in CLASSES:
        found = events_of(values, tmp_path, Policy(classes=(name,)))
        assert found == [event for event in everything if event.event_class == name]
    [plain] = events_of(values, tmp_path, read_policy(None, GAUGE, {}, without=("all",)))
    assert plain.event_class == "policy"
    assert plain.threshold / plain.baseline == pytest.approx(3.0)


def test_what_is_unusual_beside_an_event_of_the_policy_is_part_of_it(tmp_path: Path) -> None:
    values = quiet()
    values[AT - 20 : AT + 60] *= 1.8
    values[AT : AT + 30] *= 3.0
    assert [event.event_class for event in events_of(values, tmp_path)] == ["policy"]


def test_an_attack_at_the_same_hour_of_most_weeks_is_seen_and_said_to_recur(tmp_path: Path) -> None:
    values = quiet()
    for week in range(2, 6):
        values[week * MINUTES + minute(3, 10) :][:40] *= 8
    found = events_of(values, tmp_path)
    assert [event.recurs for event in found] == ["", "weekly", "weekly", "weekly"]
    without = Policy(rules=tuple(rule for rule in RULES if rule != "recurring"), classes=("policy",))
    assert events_of(values, tmp_path / "without", without) == []


def test_a_weekly_job_that_was_always_there_is_nothing(tmp_path: Path) -> None:
    values = quiet()
    for week in range(6):
        values[week * MINUTES + minute(3, 10) - 15 :][:40] *= 4
    assert events_of(values, tmp_path) == []


def test_ten_days_are_judged_by_other_days_and_marked(tmp_path: Path) -> None:
    values = quiet()[: 10 * 1440]
    at = minute(8, 14)
    values[at : at + 30] *= 7
    [event] = events_of(values, tmp_path)
    assert (event.start, event.confidence) == (MONDAY + 60 * at, "low")
    # Of the Saturday of ten days from Monday on there is no other: all days are what it is compared with.
    lone = quiet()[: 10 * 1440]
    lone[minute(5, 14) :][:30] *= 7
    [event] = events_of(lone, tmp_path / "lone")
    assert (event.start, event.confidence) == (MONDAY + 60 * minute(5, 14), "low")
    strict = read_policy(None, GAUGE, {"min_weeks": 2})
    assert "days" not in strict.rules
    assert events_of(values, tmp_path / "strict", strict) == []
    long = quiet()
    long[AT : AT + 30] *= 7
    assert [event.confidence for event in events_of(long, tmp_path / "long")] == ["normal"]


def test_a_job_that_wanders_is_a_habit_and_an_attack_beside_it_is_none(tmp_path: Path) -> None:
    values, rng = quiet(), np.random.default_rng(4)
    for day in range(42):
        values[minute(day, rng.uniform(0, 4)) :][:40] *= rng.uniform(3.5, 6)
    values[AT : AT + 30] *= 7
    night = minute(30, 2)
    values[night : night + 60] *= 12
    world = MemorySource(MONDAY, {"a": values}, metric=GAUGE)
    search = Search(tmp_path, Policy(classes=("policy",)), Scope(60, MONDAY + 60 * WEEK))
    findings = discover(world, search, None, Ledger(), lambda _done, _total: None)
    assert [(e.start - MONDAY) // 60 for e in findings.events] == [AT, night]
    # Said once, not 40 times.
    [habit] = [some for some in findings.suppressed if some.reason.startswith("a habit")]
    assert 35 <= habit.hours <= 80


@pytest.mark.parametrize("growth", [35.0, 1 / 35.0])
def test_under_a_level_that_moves_one_way_events_are_found_and_nothing_else(growth: float, tmp_path: Path) -> None:
    """35 times as much, or as little, in nine weeks."""
    values = quiet(weeks=9, growth=growth)
    places = [minute(day, 14 + day % 5) for day in range(16, 62, 4)]
    for at in places:
        values[at : at + 40] *= 7
    found = events_of(values, tmp_path)
    assert [(event.start - MONDAY) // 60 for event in found] == places


def test_a_counter_that_wraps_hides_no_attack(tmp_path: Path) -> None:
    values, rng = quiet(), np.random.default_rng(4)
    for at in rng.integers(0, len(values) - 5, 25):
        values[at : at + 2] *= 300
    values[AT - 120 : AT + 120] = quiet()[AT - 120 : AT + 120]
    values[AT : AT + 30] *= 7
    found = events_of(values, tmp_path, Policy(classes=("policy", "suspect")))
    assert [(e.start - MONDAY) // 60 for e in found if e.event_class == "policy"] == [AT]
    assert sum(e.event_class == "suspect" for e in found) >= 20
    without = Policy(rules=tuple(rule for rule in RULES if rule != "artefacts"), classes=("policy",))
    assert events_of(values, tmp_path / "without", without) == []


def test_only_what_the_policy_raises_is_a_hit_or_a_false_alarm() -> None:
    start = MONDAY + DAY
    label = Label(
        id="x", key="a", start=start, end=start + HOUR, shape="", factor=5.0, direction="above", kind="required"
    )
    for name, hits, seen_below, neutral in (
        ("policy", 1, 0, 0),
        ("unusual", 0, 1, 1),
        ("new", 0, 0, 1),
        ("suspect", 0, 0, 1),
    ):
        event = Event(
            id=event_id("a", "load", "above", start),
            key="a",
            start=start,
            end=start + 120,
            detected=start + 120,
            breaches=2,
            peak_at=start,
            peak=9.0,
            baseline=1.0,
            threshold=3.0,
            ratio=9.0,
            excess=8.0,
            event_class=name,  # type: ignore[arg-type]
        )
        verdict = compare([event], [label], [], Window(MONDAY, MONDAY + WEEK), 60)
        assert (verdict.hits, verdict.false_alarms, verdict.neutral_events) == (hits, 0, neutral), name
        assert (verdict.misses, verdict.seen_below) == (1 - hits, seen_below), name
        assert bool(verdict.outcomes[0].event_id) == bool(hits or seen_below), name
        alone = compare([event], [], [], Window(MONDAY, MONDAY + WEEK), 60)
        assert alone.false_alarms == 1 - neutral, name


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("classes: [polite]", "unknown class 'polite'; use policy, unusual"),
        ("classes: []", "classes is empty"),
    ],
)
def test_a_class_that_there_is_not_is_one_line(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(UsageFailure, match=says):
        read_policy(path, BITS, {})


def of_all_classes() -> Floats:
    values = quiet()
    for day, times, long in ((20, 1.7, 30), (24, 6.0, 30), (28, 90.0, 2)):
        values[minute(day, 6) :][:long] *= times
    return values


def test_roll_ups_first_finds_each_class_as_a_full_scan_does(tmp_path: Path) -> None:
    found = events_of(of_all_classes(), tmp_path / "first")
    assert [event.event_class for event in found] == ["unusual", "policy", "suspect"]
    assert events_of(of_all_classes(), tmp_path / "full", full_scan=True) == found


def test_every_kind_of_store_gives_the_same_events_of_each_class(tmp_path: Path) -> None:
    values = np.round(1e6 * of_all_classes()[: (SPAN.end - SPAN.start) // 60]).astype(int)
    # The surges lie in the third and fourth week of six, those of the last of these three.
    values[minute(16, 6) :][:30] = values[minute(16, 6) :][:30] * 8
    values[minute(18, 9) :][:2] = values[minute(18, 9) :][:2] * 200
    world = {"customer-1": {SPAN.start + 60 * place: value for place, value in enumerate(values.tolist())}}
    told = {}
    # The stand-in of Kentik has a clock and a window of its own.
    for number, kind in enumerate(kind for kind in KINDS if not kind.name.startswith("kentik")):
        folder = tmp_path / str(number)
        folder.mkdir()
        with kind.at(folder) as place:
            place.put(world)
            search = Search(folder / "run", Policy(floor=0.0), Scope(60, SPAN.end + WEEK))
            found = discover(place.opened(), search, None, Ledger(), lambda _done, _total: None).events
            told[kind.name] = [(event.start, event.end, event.event_class) for event in found]
    first = next(iter(told.values()))
    assert {name for _, _, name in first} == {"policy", "unusual", "suspect"}
    assert told == dict.fromkeys(told, first)
