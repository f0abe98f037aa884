"""What becomes of events and labels, case by case."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analyzer.model import Event, NotJudged, event_id
from analyzer.outcome import Reach, Verdict
from analyzer.verdict import compare
from tests.worlds import MONDAY
from traffic.model import DAY, HOUR, Kind, Label, Window

WINDOW = Window(MONDAY, MONDAY + 7 * DAY)


def at(hours: float) -> int:
    return MONDAY + round(hours * HOUR)


def event(start: float, end: float, key: str = "a") -> Event:
    a, b = at(start), at(end)
    return Event(event_id(key, "bits", "above", a), key, a, b, a + 120, 2, a, 9.0, 1.0, 3.0, 9.0, 8.0)


def label(start: float, end: float, kind: Kind = "required", key: str = "a", name: str = "") -> Label:
    return Label(name or f"{key}-{start}", key, at(start), at(end), "square", 5.0, "above", kind)


def fates(verdict: Verdict) -> tuple[list[str], list[str]]:
    """The verdicts of the events in the order they were given, and of the labels in order of start."""
    return [v for v, _ in verdict.of_event.values()], [o.verdict for o in verdict.outcomes]


@pytest.mark.parametrize(
    ("name", "events", "labels", "gaps", "of_events", "of_labels"),
    [
        ("an event on its label is a hit", [event(10, 11)], [label(10, 11)], [], ["hit"], ["hit"]),
        ("a label without an event is a miss", [], [label(10, 11)], [], [], ["miss"]),
        ("an event without a label is a false alarm", [event(10, 11)], [], [], ["false alarm"], []),
        ("of another key it is both", [event(10, 11, "b")], [label(10, 11)], [], ["false alarm"], ["miss"]),
        (
            "a second piece on the same label is a false alarm",
            [event(10, 10.5), event(10.8, 11)],
            [label(10, 11)],
            [],
            ["hit", "false alarm"],
            ["hit"],
        ),
        (
            "a day-long alarm does not find a spike",
            [event(1, 24)],
            [label(10, 11)],
            [],
            ["false alarm"],
            ["miss"],
        ),
        (
            "an optional label that is found is neutral",
            [event(10, 11)],
            [label(10, 11, "optional")],
            [],
            ["neutral"],
            ["neutral"],
        ),
        ("and one that is not is neutral too", [], [label(10, 11, "optional")], [], [], ["neutral"]),
        (
            "an event half inside neutral time is neutral",
            [event(10, 12)],
            [label(9, 10.75, "ignore")],
            [],
            ["neutral"],
            ["neutral"],
        ),
        (
            "one that lies less than half inside is a false alarm",
            [event(10, 12)],
            [label(9, 10.7, "ignore")],
            [],
            ["false alarm"],
            ["neutral"],
        ),
        (
            "half inside counts from the first second of neutral time",
            [event(8, 10)],
            [label(9, 12, "ignore")],
            [],
            ["neutral"],
            ["neutral"],
        ),
        (
            "and not from the second before",
            [event(8, 10)],
            [label(9 + 1 / 3600, 12, "ignore")],
            [],
            ["false alarm"],
            ["neutral"],
        ),
        ("a decoy that nobody fell for is quiet", [], [label(10, 11, "decoy")], [], [], ["quiet"]),
        (
            "an event on a decoy is a false alarm",
            [event(10, 11)],
            [label(10, 11, "decoy")],
            [],
            ["false alarm"],
            ["fired"],
        ),
        (
            "a hit on a growing key is no fault of the growth",
            [event(10, 11)],
            [label(0, 160, "decoy", name="growth"), label(10, 11)],
            [],
            ["hit"],
            ["quiet", "hit"],
        ),
        (
            "a label in time that was not judged is no miss",
            [],
            [label(10, 11)],
            [NotJudged("a", at(9), at(10.5), "gap")],
            [],
            ["not judged"],
        ),
        (
            "unless most of it was judged",
            [],
            [label(10, 11)],
            [NotJudged("a", at(9), at(10.4), "gap")],
            [],
            ["miss"],
        ),
        ("a label that leaves the window is neutral", [], [label(167, 169)], [], [], ["neutral"]),
        ("a label outside of the window does not count", [], [label(169, 170)], [], [], []),
    ],
)
def test_every_event_and_every_label_gets_its_verdict(
    name: str,
    events: list[Event],
    labels: list[Label],
    gaps: list[NotJudged],
    of_events: list[str],
    of_labels: list[str],
) -> None:
    assert fates(compare(events, labels, gaps, WINDOW, 60)) == (of_events, of_labels), name


def test_a_label_too_short_for_the_resolution_is_neutral() -> None:
    short = label(10, 10.5)
    assert fates(compare([], [short], [], WINDOW, 600)) == ([], ["miss"])
    assert fates(compare([], [short], [], WINDOW, 900)) == ([], ["neutral"])


def test_a_label_without_a_key_is_met_by_every_event_that_fits_it() -> None:
    outage = replace(label(10, 11), key="")
    verdict = compare([event(10, 11, "a"), event(10, 11, "b"), event(20, 21, "b")], [outage], [], WINDOW, 60)
    assert fates(verdict) == (["hit", "hit", "false alarm"], ["hit"])
    assert fates(compare([], [outage], [], WINDOW, 60)) == ([], ["miss"])


@pytest.mark.parametrize(
    ("gaps", "keys", "fate"),
    [
        ([("a", 10, 11), ("b", 9, 12)], "ab", "not judged"),
        ([("a", 10, 10.4), ("a", 10.6, 11), ("b", 9, 12)], "ab", "not judged"),
        ([("a", 10, 11), ("b", 9, 10.4)], "ab", "miss"),
        ([("a", 10, 11)], "ab", "miss"),
        ([("a", 10, 11)], "a", "not judged"),
        ([("a", 10, 11)], "", "miss"),
    ],
)
def test_a_label_without_a_key_is_missed_where_one_key_could_have_shown_it(
    gaps: list[tuple[str, float, float]], keys: str, fate: str
) -> None:
    outage = replace(label(10, 11), key="")
    not_judged = [NotJudged(key, at(start), at(end), "gap") for key, start, end in gaps]
    assert fates(compare([], [outage], not_judged, WINDOW, 60, keys)) == ([], [fate])


@pytest.mark.parametrize(
    ("start", "end", "fate"),
    [
        (9.5, 10.5, "neutral"),
        (9.5 - 2 / HOUR, 10.5, "false alarm"),
        (10.75, 11.75, "neutral"),
        (10.75, 11.75 + 2 / HOUR, "false alarm"),
    ],
)
def test_an_event_is_neutral_from_just_half_of_it_inside_on(start: float, end: float, fate: str) -> None:
    """Neutral time here is from 10:00 to 11:15: a quarter of an hour after its label belongs to it."""
    assert fates(compare([event(start, end)], [label(10, 11, "ignore")], [], WINDOW, 60))[0] == [fate]


def test_the_scores_are_those_of_the_counts() -> None:
    events = [event(10, 11), event(20, 21), event(30, 31), event(40, 41)]
    labels = [label(10, 11), label(20, 21), label(30, 31), label(60, 61), label(70, 71), label(80, 81, "decoy")]
    verdict = compare(events, labels, [], WINDOW, 60)
    assert (verdict.hits, verdict.misses, verdict.false_alarms) == (3, 2, 1)
    assert (verdict.decoys, verdict.decoys_fired) == (1, 0)
    assert verdict.precision == 3 / 4
    assert verdict.recall == 3 / 5
    assert verdict.f1 == pytest.approx(2 * (3 / 4) * (3 / 5) / (3 / 4 + 3 / 5))
    assert verdict.median_onset_delay == 120


def test_nothing_to_find_and_nothing_found_has_no_score() -> None:
    verdict = compare([], [], [], WINDOW, 60)
    assert (verdict.precision, verdict.recall, verdict.f1, verdict.median_onset_delay) == (None, None, None, None)


def test_the_outcome_says_when_it_was_detected_and_what_is_shared() -> None:
    outcome = compare([event(10.1, 10.9)], [label(10, 11)], [], WINDOW, 60).outcomes[0]
    assert outcome.onset_delay == 360 + 120
    assert outcome.overlap == round(0.8 * HOUR)


def test_how_near_labels_came_is_told_with_their_verdicts() -> None:
    labels = [
        label(10, 11, name="found"),
        label(20, 21, name="missed"),
        label(30, 31, "decoy", name="decoy"),
        label(40, 41, "optional", name="optional"),
        label(10, 11, key="", name="outage"),
        label(50, 51, name="unknown"),
    ]
    near = {one.id: Reach(2.5 + place, 3.0, 40.0 + place, f"why {one.id}") for place, one in enumerate(labels[:-1])}
    bare = compare([event(10, 11), event(10, 11, "b")], labels, [], WINDOW, 60)
    told = compare([event(10, 11), event(10, 11, "b")], labels, [], WINDOW, 60, reaches=near)
    assert [replace(one, reached=None, needed=None, found_at_percent=None, why="") for one in told.outcomes] == list(
        bare.outcomes
    )
    for one in told.outcomes:
        expected = near.get(one.label.id, Reach(None, None, None, ""))
        assert Reach(one.reached, one.needed, one.found_at_percent, one.why) == expected


def test_values_of_which_there_are_many_have_no_dict() -> None:
    made = compare([event(10, 11)], [label(10, 11)], [], WINDOW, 60).outcomes[0]
    for one in (event(10, 11), label(10, 11), NotJudged("a", 0, 1, "gap"), made, Reach(None, None, None, "")):
        assert not hasattr(one, "__dict__"), one
