"""What kentik_event_discovery got wrong, on the same traffic: docs/original.md names a test of ours for each defect."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyzer.cli.report import RUN
from analyzer.model import RULES, Findings, Policy
from analyzer.pipeline import Ledger, Search, discover
from analyzer.reading.scope import Scope
from analyzer.report.original import write_original
from bench.original_twin import Alert, alerts
from tests.commands import sl
from tests.findings_maker import make_event, make_findings
from tests.worlds import MONDAY, MemorySource
from traffic.model import DAY, HOUR, WEEK, Floats, Metric

GAUGE = Metric("bits", "bits", "sum", unit="bit/s")
FLAT, FLOOR = 1e7, 1e6
WEDNESDAY = 3 * WEEK + 2 * DAY + 10 * HOUR
"""Seconds from the start of the world: 10:00 of the last of four weeks' Wednesday."""


def flat(weeks: float = 4, start: int = 0) -> Floats:
    """Minutes of a level that never changes, from `start` seconds on."""
    return np.full(int(weeks * WEEK - start) // 60, FLAT)


def spike(minutes: Floats, at: int, length: int, factor: float = 5.0) -> Floats:
    """`at`: seconds from the start; `length`: minutes."""
    minutes = minutes.copy()
    minutes[at // 60 : at // 60 + length] *= factor
    return minutes


def found_in(values: dict[str, Floats] | Floats, folder: Path, begin: int = MONDAY, **job: Any) -> Findings:
    series = values if isinstance(values, dict) else {"key": values}
    policy = Policy(floor=FLOOR, **job.pop("policy", {}))
    what = Search(folder, policy, Scope(**{"resolution": 60, "now": MONDAY + 99 * WEEK, **job}))
    return discover(MemorySource(begin, series, metric=GAUGE), what, None, Ledger(), lambda _done, _total: None)


def spans(findings: Findings) -> list[tuple[int, int]]:
    """Start and end in minutes from 10:00 of that Wednesday."""
    return [((e.start - MONDAY - WEDNESDAY) // 60, (e.end - MONDAY - WEDNESDAY) // 60) for e in findings.events]


# -- the baseline ---------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [2, 3, 5, 10, 30, 90])
def test_a_spike_inside_an_hour_is_found_at_any_length_and_the_original_finds_none(length: int, tmp_path: Path) -> None:
    minutes = spike(flat(), WEDNESDAY + 20 * 60, length)
    assert spans(found_in(minutes, tmp_path)) == [(20, 20 + length)]
    assert alerts(minutes) == []


@pytest.mark.parametrize(("length", "seen"), [(2, True), (3, True), (4, False), (10, False), (90, False)])
def test_the_mode_original_hides_a_spike_in_its_own_baseline_from_four_minutes_on(
    length: int, seen: bool, tmp_path: Path
) -> None:
    minutes = spike(flat(), WEDNESDAY + 20 * 60, length)
    assert bool(found_in(minutes, tmp_path, policy={"baseline": "original"}).events) is seen


def test_slots_are_hours_of_the_week_wherever_the_data_begin(tmp_path: Path) -> None:
    """Every Wednesday at 10:00 is high, so it is usual; a Thursday as high is none."""
    for name, begin in (("monday", 0), ("tuesday", 29 * HOUR), ("friday", 4 * DAY + 30 * 60)):
        week = np.full(WEEK // 60, FLAT)
        week[(2 * DAY + 10 * HOUR) // 60 :][:60] *= 10
        minutes = np.tile(week, 4)
        minutes[(3 * WEEK + 3 * DAY + 10 * HOUR) // 60 :][:30] *= 10
        findings = found_in(minutes[begin // 60 :], tmp_path / name, MONDAY + begin)
        assert spans(findings) == [(DAY // 60, DAY // 60 + 30)]


def test_an_hour_that_no_other_week_has_is_not_judged_rather_than_compared_with_0(tmp_path: Path) -> None:
    """Three days of data: the original's other hours have a baseline of 0, and anything above the floor alarms."""
    strict = tuple(rule for rule in RULES if rule != "days")
    findings = found_in(spike(flat(3 / 7), DAY, 60, 50.0), tmp_path, policy={"rules": strict})
    assert findings.events == ()
    assert sum(gap.end - gap.start for gap in findings.not_judged) == 3 * DAY
    assert {gap.reason for gap in findings.not_judged} == {"fewer than 2 other weeks to compare with"}


def test_an_hour_whose_baseline_is_0_is_judged_by_what_the_key_usually_has(tmp_path: Path) -> None:
    """A key that is silent at night: a little traffic above the floor is no event, a tenth of its day's p95 x 3 is."""
    minutes = flat().reshape(-1, 60)
    minutes[np.arange(len(minutes)) % 24 < 6] = 0
    night = 3 * WEEK + 2 * DAY + 2 * HOUR
    quiet, loud = minutes.ravel().copy(), minutes.ravel().copy()
    quiet[night // 60 :][:30] = 2 * FLOOR
    loud[night // 60 :][:30] = FLAT
    assert found_in(quiet, tmp_path / "quiet").events == ()
    assert [e.start for e in found_in(loud, tmp_path / "loud").events] == [MONDAY + night]


# -- what is looked at ----------------------------------------------------------------------------


@pytest.mark.parametrize("minute", [0, 1, 2, 29, 57, 58, 59, 60])
def test_two_minutes_anywhere_in_an_hour_are_an_event_of_just_these_two(minute: int, tmp_path: Path) -> None:
    """The original drops the first minute of an hour, and looks at every second one only."""
    minutes = spike(flat(), WEDNESDAY + minute * 60, 2)
    assert spans(found_in(minutes, tmp_path)) == [(minute, minute + 2)]


def test_an_hour_is_judged_by_its_own_threshold_and_not_by_the_next_ones(tmp_path: Path) -> None:
    """A busy hour before an idle one: the original judges its last minutes by the idle hour's threshold, and alarms."""
    week = np.full(WEEK // 60, FLAT)
    week[(2 * DAY + 10 * HOUR) // 60 :][:60] *= 10
    minutes = np.tile(week, 4)
    assert found_in(minutes, tmp_path).events == ()
    assert alerts(minutes), "an alarm every week"


def test_an_event_begins_with_its_first_breach_and_ends_after_its_last(tmp_path: Path) -> None:
    """Found in a lone stretch of minutes too, which fills one of the original's windows only."""
    (event,) = found_in(spike(flat(), WEDNESDAY + 600, 25), tmp_path).events
    assert (event.start - MONDAY - WEDNESDAY, event.end - event.start) == (600, 25 * 60)
    assert event.detected - event.start == 2 * 60


@pytest.mark.parametrize("hours", [8, 9, 11])
def test_the_end_of_a_range_that_fills_no_slice_is_looked_at(hours: int, tmp_path: Path) -> None:
    """The original asks for slices of 3 h and leaves out what remains; the event lies in the last half hour."""
    length = 3 * WEEK + hours * HOUR
    minutes = spike(flat(length / WEEK), length - 1800, 30)
    start, end = MONDAY + length - hours * HOUR, MONDAY + length
    for given in ({}, {"start": start}, {"start": start, "end": end}):
        findings = found_in(minutes, tmp_path, **given)
        assert [(e.start, e.end) for e in findings.events] == [(end - 1800, end)]


@pytest.mark.parametrize("count", [1, 2, 39, 40, 41, 80, 81, 100])
def test_every_customer_is_asked_for_and_judged_whatever_their_number(count: int, tmp_path: Path) -> None:
    """The original loses customers between its groups of 40: of 40 none is asked for, of 80 only 39."""
    hours = np.full(4 * WEEK // 600, FLAT)
    hours[WEDNESDAY // 600 : WEDNESDAY // 600 + 6] *= 5
    source = MemorySource(MONDAY, {f"AS{n}": hours for n in range(count)}, metric=GAUGE, native=600)
    job = Search(tmp_path, Policy(floor=FLOOR), Scope(600, MONDAY + 99 * WEEK))
    findings = discover(source, job, None, Ledger(), lambda _done, _total: None)
    assert {key for query in source.asked for key in query.keys} == set(findings.keys)
    assert len({e.key for e in findings.events}) == len(findings.events) == len(findings.keys) == count


@pytest.mark.parametrize("minute", [1, 30, 59])
def test_data_that_begin_at_any_minute_are_judged(minute: int, tmp_path: Path) -> None:
    """The original ends in an index error, after all of the download, where a start is not on the hour."""
    begin = 5 * HOUR + minute * 60
    minutes = spike(flat(start=begin), WEDNESDAY - begin, 10)
    findings = found_in(minutes, tmp_path, MONDAY + begin, start=MONDAY + begin)
    assert spans(findings) == [(0, 10)]


# -- gaps -----------------------------------------------------------------------------------------


def test_after_a_gap_every_hour_is_compared_with_its_own(tmp_path: Path) -> None:
    """The original makes the hours that are missing of the first minutes after a gap."""
    week = FLAT * np.repeat(1 + np.arange(168) % 24, 60)
    minutes = np.tile(week, 4)
    gap = slice((WEDNESDAY - 5 * HOUR) // 60, WEDNESDAY // 60)
    minutes[gap] = np.nan
    assert found_in(minutes, tmp_path / "calm").events == ()
    findings = found_in(spike(minutes, WEDNESDAY + 600, 10), tmp_path / "spike")
    assert spans(findings) == [(10, 20)]
    gone = [g for g in findings.not_judged if "buckets" in g.reason]
    assert [(g.start - MONDAY, g.end - MONDAY) for g in gone] == [(WEDNESDAY - 5 * HOUR, WEDNESDAY)]


def test_a_customer_without_data_is_said_to_be_unjudged_and_a_missing_value_breaks_nothing(tmp_path: Path) -> None:
    holes = spike(flat(), WEDNESDAY, 10)
    holes[np.arange(len(holes)) % 7 == 3] = np.nan
    findings = found_in({"empty": np.full(len(holes), np.nan), "holes": holes}, tmp_path)
    assert {e.key for e in findings.events} == {"holes"}
    silent = [g for g in findings.not_judged if g.key == "empty"]
    assert sum(g.end - g.start for g in silent) == 4 * WEEK


# -- the cache ------------------------------------------------------------------------------------


def test_an_answer_never_serves_another_resolution_end_or_set_of_customers(tmp_path: Path) -> None:
    """The original's hash knows the customers of a group and the start of a slice, and nothing else."""
    values = {"a": spike(flat(), WEDNESDAY, 45), "b": spike(flat(), WEDNESDAY + HOUR, 45)}
    questions: list[dict[str, Any]] = [
        {},
        {"resolution": 300},
        {"resolution": 3600},
        {"end": MONDAY + WEDNESDAY + 1800},
        {"end": MONDAY + WEDNESDAY + 2 * HOUR},
        {"only": ("b",)},
        {"policy": {"over_percent": 350.0}},
    ]
    for number, question in enumerate(questions):
        shared = found_in(values, tmp_path / "shared", **dict(question))
        fresh = found_in(values, tmp_path / str(number), **dict(question))
        assert shared.events == fresh.events
        assert shared.not_judged == fresh.not_judged
        assert shared.events


# -- what is written ------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_times_do_not_depend_on_the_clock_of_who_runs_it(zone: str, tmp_path: Path) -> None:
    """The original asks in UTC and writes in the machine's own time."""
    table = tmp_path / "flows.csv"
    minutes = spike(flat()[::10], WEDNESDAY // 10, 6)
    lines = (f"{MONDAY + 600 * i},k,{value:.0f}" for i, value in enumerate(minutes))
    table.write_text("time,key,value\n" + "\n".join(lines) + "\n")
    answer = sl("discover", "--store", table, "--output", tmp_path, "-q", "--charts", "0", "--original-files", TZ=zone)
    assert answer.code == 0, answer
    with (tmp_path / "kentik_historic_events.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    begin = np.datetime64(MONDAY + WEDNESDAY, "s")
    assert (row["StartTime"], row["Length"]) == (str(begin).replace("T", " "), "60")
    assert json.loads((tmp_path / RUN).read_text())["findings"]["window"][0].endswith("T00:00:00Z")


def test_its_table_says_the_threshold_that_was_passed_and_ours_says_the_baseline_as_well(tmp_path: Path) -> None:
    """The original's column Baseline is the trigger, three times the baseline; programs that read it expect that."""
    event = make_event("AS (1)", MONDAY, 20, 6.0, 5e7)
    write_original(replace(make_findings(0, keys=("AS (1)",)), events=(event,)), tmp_path)
    (row,) = csv.DictReader((tmp_path / "kentik_historic_events.csv").read_text().splitlines())
    assert (float(row["Baseline"]), event.baseline / 1e6) == (150.0, 50.0)


def test_the_twin_of_the_original_sees_what_touches_the_end_of_an_hour_and_little_else() -> None:
    """So that the comparison in docs/original.md is with what the tool does; it was held against the tool itself."""
    inside = spike(flat(), WEDNESDAY + 30 * 60, 10)
    touching = spike(flat(), WEDNESDAY + 50 * 60, 10)
    minute = (WEDNESDAY + 59 * 60) // 60
    assert alerts(inside) == []
    assert alerts(touching) == [Alert(minute, minute, 5 * FLAT, 3 * FLAT)], "of no length at all"
    assert alerts(spike(flat(20), 19 * WEEK + WEDNESDAY % WEEK + 1200, 10)) == []
    assert len(alerts(spike(flat(21), 20 * WEEK + WEDNESDAY % WEEK + 1200, 10))) == 1
