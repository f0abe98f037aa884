"""Which events are one incident: in time, by what they came by, and no chain of them."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.causes import check_group
from analyzer.incidents import groups_by, incidents
from analyzer.kernels.together import by_chance, together
from analyzer.model import Contributor, Event
from tests.commands import refused, sl, well
from tests.findings_maker import make_event
from tests.kentik.opened import flat
from tests.kentik.opened import source as kentik_source
from tests.kentik.server import Kentik
from tests.worlds import MONDAY, MemorySource
from traffic import truth
from traffic.errors import UsageFailure
from traffic.model import WEEK, Window, week_start
from traffic.store import open_source
from traffic.store.base import FlowSource

WEAK = {"above"}
some_events = st.lists(
    st.tuples(st.integers(0, 3000), st.integers(60, 2000), st.frozensets(st.sampled_from(["x", "y", "above"]))),
    max_size=12,
)


def slow_together(events: Sequence[tuple[int, int, frozenset[str]]], near: int) -> list[set[int]]:
    """By the words of the rule: all pairs, the closest first, joined as long as nothing lasts too long."""
    groups = [{place} for place in range(len(events))]
    pairs = []
    for a, b in combinations(range(len(events)), 2):
        (start, long, links), (later, short, others) = events[a], events[b]
        shared = links & others
        together_ = min(start + long, later + short) - later
        if (shared and later - start <= near) or (
            shared - WEAK and together_ >= min(long, short) / 2 and later <= start + long
        ):
            pairs.append((later - start, a, b))
    for _, a, b in sorted(pairs):
        one, other = (next(group for group in groups if place in group) for place in (a, b))
        if one is other:
            continue
        both = one | other
        begin, end = min(events[place][0] for place in both), max(sum(events[place][:2]) for place in both)
        longest = max(events[place][1] for place in both)
        if end - begin <= max(3 * longest, longest + 2 * near):
            groups.remove(other)
            one |= other
    return groups


@given(some_events)
def test_events_are_joined_as_the_rule_says(drawn: list[tuple[int, int, frozenset[str]]]) -> None:
    events = sorted(drawn, key=lambda one: one[:2])
    starts, ends = [one[0] for one in events], [one[0] + one[1] for one in events]
    found = together(starts, ends, [one[2] for one in events], WEAK, 300)
    groups: dict[int, set[int]] = {}
    for place, first in enumerate(found):
        groups.setdefault(first, set()).add(place)
        assert first in groups[first] or first == place
    assert sorted(map(sorted, groups.values())) == sorted(map(sorted, slow_together(events, 300)))


@pytest.mark.parametrize("count", [2, 3, 6, 172, 400, 2000])
@pytest.mark.parametrize("mean", [0.001, 0.1, 2.0, 30.0, 900.0])
def test_by_chance_is_what_a_poisson_process_does(count: int, mean: float) -> None:
    others, window = 40, 1_000_000
    seconds = round(mean * window / others)
    expected = others * math.fsum(
        math.exp(number * math.log(seconds * others / window) - seconds * others / window - math.lgamma(number + 1))
        for number in range(count - 1, count + 2000)
    )
    assert by_chance(count, seconds, others, window) == pytest.approx(expected, rel=0.1)


def events_of(*starts: int, minutes: float = 20) -> list[Event]:
    return [make_event(f"site-{place % 2}-{place}", MONDAY + start, minutes) for place, start in enumerate(starts)]


def came_by(
    event: Event, value: str, share: float = 1.0, usual: float = 1.0, all_of_it: float = 100.0
) -> list[Contributor]:
    return [
        Contributor(event.id, "port", value, 9.0, usual, 8.0, share, weight=usual / all_of_it),
        Contributor(event.id, "port", "rest", 9.0, all_of_it - usual, 0.0, 1 - share, weight=1 - usual / all_of_it),
    ]


SPAN = Window(MONDAY, MONDAY + WEEK)


def groups(events: Sequence[Event], made_of: Sequence[Contributor] = (), group: str | None = None) -> list[list[str]]:
    group_of = None if group is None else groups_by(group, {event.key for event in events})
    found, _ = incidents(events, made_of, SPAN, 60, group_of)
    ids = dict.fromkeys(event.incident_id for event in found)
    return [[event.key for event in found if event.incident_id == name] for name in ids]


def test_what_begins_together_by_the_same_value_is_one_incident_with_its_order_and_chance() -> None:
    events = events_of(0, 120, 200, 90_000)
    made_of = [row for event in events for row in came_by(event, "53")]
    found, (one, other) = incidents(events, made_of, SPAN, 60)
    assert (one.keys, one.events, one.common, one.onset) == (3, 3, "port=53", "site-0-0 > site-1-1 > site-0-2")
    assert one.chance is not None
    assert one.chance < 0.01
    assert (other.keys, other.chance, other.common) == (1, None, "port=53")
    assert [event.incident_id for event in found] == [one.id] * 3 + [other.id]


def test_other_values_directions_and_a_rise_of_what_there_always_is_are_not_joined() -> None:
    events = events_of(0, 60)
    apart = [*came_by(events[0], "53"), *came_by(events[1], "80")]
    assert len(groups(events, apart)) == 2
    monday = [row for event in events for row in came_by(event, "443", share=0.7, usual=70.0)]
    assert len(groups(events, monday)) == 2
    falls = [events[0], replace(events[1], direction="below")]
    assert len(groups(falls, [row for event in falls for row in came_by(event, "53")])) == 2


def test_where_nothing_is_known_time_and_direction_decide_and_groups_of_keys() -> None:
    events = events_of(0, 200, 100)
    assert len(groups(events)) == 1
    assert len(groups([*events[:2], replace(events[2], direction="below")])) == 2
    later = events_of(0, 600)
    assert len(groups(later)) == 2, "overlapping in the same direction is no more than chance"
    made_of = [row for event in events for row in came_by(event, event.key)]
    assert groups(events, made_of, r"^(site-\d)") == [["site-0-0", "site-0-2"], ["site-1-1"]]


def test_one_event_after_the_other_is_no_chain() -> None:
    events = events_of(*range(0, 7200, 240), minutes=5)
    made_of = [row for event in events for row in came_by(event, "53")]
    found, _ = incidents(events, made_of, SPAN, 60)
    spans = {name: [event for event in found if event.incident_id == name] for name in {e.incident_id for e in found}}
    assert len(spans) > 5
    assert all(max(e.end for e in mine) - min(e.start for e in mine) <= 3 * 300 for mine in spans.values())


SCENARIO = """
seed: 7
window: {start: 2026-10-05, end: 2026-11-09}
customers: {count: 24}
events: {per_week: 0.3}
campaigns: {per_week: 1.5, share: [0.15, 0.4], monday: {chance: 1}}
dimensions: {enabled: true}
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("campaigns")
    (folder / "scenario.yaml").write_text(SCENARIO)
    well(sl("generate", "--scenario", folder / "scenario.yaml", "--store", folder / "s", "--output", folder, "-q"))
    well(sl("discover", "--store", folder / "s", "--output", folder, "--charts", "0", "--no-html", "-q"))
    return folder


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_campaigns_are_found_as_they_were_made(world: Path) -> None:
    labels = {label.id: label for label in truth.read(world / "ground_truth.csv")[0]}
    events = [row for row in read(world / "events.csv") if row["label_id"]]
    made = {row["event_id"]: labels[row["label_id"]].campaign for row in events}
    assert len({name for name in made.values() if name}) >= 4
    right = wrong = missed = 0
    for one, other in combinations(events, 2):
        truly = made[one["event_id"]] != "" and made[one["event_id"]] == made[other["event_id"]]
        said = one["incident_id"] == other["incident_id"]
        right, wrong, missed = right + (truly and said), wrong + (said and not truly), missed + (truly and not said)
    assert right > 50
    assert 2 * right / (2 * right + wrong + missed) >= 0.9
    rows = {row["incident_id"]: row for row in read(world / "incidents.csv")}
    assert {row["incident_id"] for row in read(world / "events.csv")} == set(rows)
    assert sum(int(row["events"]) for row in rows.values()) == len(read(world / "events.csv"))
    several = [row for row in rows.values() if int(row["keys"]) > 2]
    assert several
    assert all(float(row["chance"]) < 0.5 for row in several)


COMMON = """
seed: 7
window: {start: 2026-10-05, end: 2026-11-09}
customers: {count: 24}
events: {per_week: 0}
hard:
  many_keys: {share: 0.45, factor: [1.6, 2.2], minutes: [15, 40]}
"""


def test_a_rise_of_many_keys_by_less_than_twice_is_one_unusual_incident_each_time(tmp_path: Path) -> None:
    (tmp_path / "scenario.yaml").write_text(COMMON)
    well(
        sl("generate", "--scenario", tmp_path / "scenario.yaml", "--store", tmp_path / "s", "--output", tmp_path, "-q")
    )
    well(sl("discover", "--store", tmp_path / "s", "--output", tmp_path, "--charts", "0", "--no-html", "-q"))
    labels = [one for one in truth.read(tmp_path / "ground_truth.csv")[0] if one.shape == "many_keys"]
    by_start = sorted(labels, key=lambda one: one.start)
    rises = [[by_start[0]]]
    for one in by_start[1:]:
        rises.append([one]) if one.start > rises[-1][0].start + 3600 else rises[-1].append(one)
    assert [len(rise) for rise in rises] == [10] * 5
    events, rows = read(tmp_path / "events.csv"), read(tmp_path / "incidents.csv")
    several = [row for row in rows if int(row["keys"]) > 2]
    assert len(several) == len(rises), "and no other incident of more than two keys"
    for rise, row in zip(rises, sorted(several, key=lambda row: row["start"]), strict=True):
        mine = [event for event in events if event["incident_id"] == row["incident_id"]]
        assert len({event["key"] for event in mine} & {one.key for one in rise}) >= 6
        assert {event["class"] for event in mine} == {"unusual"}
        assert float(row["chance"]) < 1e-6


def test_no_incident_of_several_is_made_of_a_common_rise_on_a_monday(world: Path) -> None:
    rises = [one for one in truth.read(world / "ground_truth.csv")[0] if one.shape == "monday_rise"]
    begun = defaultdict(list)
    for label in rises:
        begun[week_start(label.start)].append(label)
    assert max(map(len, begun.values())) >= 10, "many customers at once"
    assert not any(label.culprit or label.campaign for label in rises)
    labelled = {label.id for label in rises}
    events = read(world / "events.csv")
    risen = [row for row in events if row["label_id"] in labelled]
    assert len(risen) >= 20
    keys = {row["incident_id"]: int(row["keys"]) for row in read(world / "incidents.csv")}
    assert {keys[row["incident_id"]] for row in risen} == {1}


def test_they_are_told_shown_again_and_can_fail_a_pipeline(world: Path) -> None:
    store = ("--store", world / "s", "--output", world, "--charts", "0", "--no-html")
    told = well(sl("discover", *store)).out
    several = sum(int(row["keys"]) > 1 for row in read(world / "incidents.csv"))
    assert f"{len(read(world / 'incidents.csv'))} incidents, {several} of several series" in " ".join(told.split())
    before = (world / "incidents.csv").read_bytes()
    shown = well(sl("report", "--output", world, "--charts", "0", "--no-html")).out
    assert "of several series" in shown
    assert (world / "incidents.csv").read_bytes() == before
    assert sl("discover", *store, "-q", "--fail-on-incidents").code == 3
    assert sl("discover", *store, "-q", "--fail-on-incidents", "--only", "customer-0001").code == 0
    assert sl("discover", *store, "-q", "--group", "(").code == 2


def test_a_common_rise_on_a_monday_is_no_incident_where_it_is_known_what_it_is_made_of(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = []
    for minute in range(0, 5 * 7 * 1440, 10):
        rise = 5 if 28 * 1440 + 540 <= minute < 28 * 1440 + 600 else 1
        for key in range(5):
            for port, amount in ((443, 700), (80, 200), (25, 100)):
                value = round(amount * rise * rng.uniform(0.95, 1.05))
                rows.append(f"{MONDAY + 60 * minute},k{key},{value},{port}")
    path = tmp_path / "flows.csv"
    path.write_text("\n".join(["time,customer,bytes,dst_port", *rows]) + "\n")
    run = ("discover", path, "--output", tmp_path, "--charts", "0", "--no-html", "--floor", "1", "-q")
    well(sl(*run))
    assert [row["keys"] for row in read(tmp_path / "incidents.csv")] == ["1"] * 5
    well(sl(*run, "--by", "none"))
    assert [row["keys"] for row in read(tmp_path / "incidents.csv")] == ["5"], "time and direction are all there is"


def test_keys_are_grouped_by_what_a_store_has_or_it_is_said_why_not(world: Path, tmp_path: Path) -> None:
    run = ("discover", "--store", world / "s", "--output", world, "--charts", "0", "--no-html", "-q")
    store = open_source(str(world / "s"))
    assert isinstance(store, FlowSource)
    for column in store.dimensions():
        check_group(store, column, ())
    well(sl(*run, "--group", "country"))
    assert any(
        row["common"].startswith("group ") or ", group " in row["common"] for row in read(world / "incidents.csv")
    )
    assert "fits the name of no key, and" in refused(sl(*run, "--group", "sight"), 2)
    with Kentik(flat(1, 1)) as fake:
        account = kentik_source(fake)
        with pytest.raises(UsageFailure, match="all of the history of each key; give a pattern"):
            check_group(account, "i_device_site_name", ["customer-1"])
        with pytest.raises(UsageFailure, match="fits the name of no key, and kentik:"):
            check_group(account, "site", ["customer-1"])
        check_group(account, r"^(cust\w+)", ["customer-1"])
    with pytest.raises(UsageFailure, match="memory has no columns"):
        check_group(MemorySource(MONDAY, {"a": np.ones(10)}), "site", ["a"])


def test_keys_of_a_group_are_told_by_a_column_as_well(tmp_path: Path) -> None:
    rng, rows = np.random.default_rng(2), []
    for minute in range(0, 5 * 7 * 1440, 10):
        rise = 6 if 28 * 1440 + 540 <= minute < 28 * 1440 + 600 else 1
        for key, site in (("a", "paris"), ("b", "rome"), ("c", "paris"), ("d", "")):
            rows.append(f"{MONDAY + 60 * minute},{key},{round(1000 * rise * rng.uniform(0.95, 1.05))},443,{site}")
    path = tmp_path / "flows.csv"
    path.write_text("\n".join(["time,customer,bytes,dst_port,site", *rows]) + "\n")
    run = ("discover", path, "--output", tmp_path, "--charts", "0", "--no-html", "--floor", "1", "-q")
    well(sl(*run, "--group", "site"))
    assert sorted((row["keys"], row["common"]) for row in read(tmp_path / "incidents.csv")) == [
        ("1", ""),
        ("1", "group rome"),
        ("2", "group paris"),
    ]
    well(sl(*run, "--group", "[ab]"))
    assert [row["keys"] for row in read(tmp_path / "incidents.csv")] == ["1"] * 4, "no column, so a pattern"
