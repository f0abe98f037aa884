"""The recursion, the cache and the events of whole small worlds, against slow twins."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.judging.detect import weeks_round
from analyzer.judging.suspects import suspect_days
from analyzer.model import RULES, Baseline, CalendarRow, Findings, Looking, Meaning, Policy, Slots
from analyzer.pipeline import Ledger, Search, discover
from analyzer.reading.blocks import groups
from analyzer.reading.cache import AnswerFiles
from analyzer.reading.scope import Scope
from tests.worlds import MONDAY, MemoryRollups, MemorySource, ScarceMemory, slow_events
from traffic.errors import UsageFailure
from traffic.model import BITS, DAY, HOUR, WEEK, Matrix, Metric, Query, Window
from traffic.store.base import Limits, StoreError

NOW = MONDAY + 60 * WEEK
MEANINGS = get_args(Meaning)
GAUGE = Metric(name="load", field="load", statistic="sum")


def run(source: MemorySource, output: Path, policy: Policy | None = None, **job: Any) -> tuple[Findings, Ledger]:
    ledger = Ledger()
    search = {name: job.pop(name) for name in ("full_scan", "charts") if name in job}
    what = Search(output, policy or Policy(), Scope(**{"resolution": 600, "now": NOW, **job}), **search)
    return discover(source, what, None, ledger, lambda _done, _total: None), ledger


@st.composite
def worlds(draw: st.DrawFn) -> MemorySource:
    """A few keys of two to five weeks at ten-minute steps: noise, spikes, gaps, an odd start; clocks may change."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    start = draw(st.sampled_from(MONDAYS)) + draw(st.integers(0, 167)) * HOUR + draw(st.sampled_from([0, 600, 2400]))
    values = {}
    for number in range(draw(st.integers(1, 4))):
        series = 10 + rng.integers(0, 5, draw(st.integers(2 * 1008, 5 * 1008))).astype(float)
        for _ in range(draw(st.sampled_from([0, 3, 20]))):
            at = rng.integers(0, len(series))
            series[at : at + rng.integers(1, 30)] *= rng.choice([2.0, 3.0, 4.0, 50.0])
        for _ in range(draw(st.integers(0, 3))):
            at = rng.integers(0, len(series))
            series[at : at + rng.integers(1, 300)] = np.nan
        values[f"key-{number}"] = series
    return MemorySource(start, values, metric=GAUGE, native=600)


@pytest.mark.parametrize(
    ("event", "there", "expected"),
    [
        ((10 * WEEK, 10 * WEEK + 60), (0, 20 * WEEK), (7 * WEEK, 13 * WEEK)),
        ((60, 120), (0, 20 * WEEK), (0, 6 * WEEK)),
        ((20 * WEEK - 60, 20 * WEEK), (0, 20 * WEEK), (14 * WEEK, 20 * WEEK)),
        ((DAY, DAY + 60), (0, 2 * WEEK), (0, 2 * WEEK)),
        ((10 * WEEK + 61, 10 * WEEK + 121), (HOUR, 20 * WEEK), (7 * WEEK, 13 * WEEK + HOUR)),
    ],
)
def test_an_event_is_shown_among_the_six_weeks_in_whose_middle_it_lies(
    event: tuple[int, int], there: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert weeks_round(Window(*event), Window(*there)) == Window(*expected)


def test_an_event_carries_the_hourly_means_of_its_weeks(tmp_path: Path) -> None:
    values = 10 + np.random.default_rng(3).random(4 * 1008)
    values[3000:3010] *= 20
    (trace,) = run(MemorySource(MONDAY, {"a": values}, metric=GAUGE, native=600), tmp_path)[0].traces
    assert trace.weeks == Window(MONDAY, MONDAY + 4 * WEEK)
    assert np.array_equal(trace.hourly, values.reshape(-1, 6).mean(axis=1).astype(np.float32))


stated: dict[str, Any] = {
    "over_percent": st.sampled_from([50.0, 200.0]),
    "matches": st.integers(1, 3),
    "within": st.sampled_from([600, 1200, 3600]),
    "merge": st.sampled_from([600, 3600]),
    "floor": st.sampled_from([0.0, 35.0]),
    "percentile": st.sampled_from([50.0, 95.0]),
    "rollup_percentile": st.sampled_from([95.0, 98.0, 60.0]),
    "rollup_width": st.sampled_from([HOUR, 4 * HOUR, DAY]),
    "slots": st.sampled_from(get_args(Slots)),
    "over_units": st.sampled_from([0.0, 25.0]),
}
MONDAYS = (MONDAY, *(int(datetime(2025, *day, tzinfo=UTC).timestamp()) for day in ((3, 10), (10, 13))))
"""Two weeks before clocks change in Europe, and about when they do in Australia and America."""
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe")


@st.composite
def calendar_rows(draw: st.DrawFn) -> CalendarRow:
    """A day or some days in one of the worlds."""
    monday = datetime.fromtimestamp(draw(st.sampled_from(MONDAYS)), UTC).date()
    start = monday + timedelta(days=draw(st.integers(0, 30)))
    end = start + timedelta(days=draw(st.sampled_from([0, 1, 3, 12])))
    key = draw(st.sampled_from(["", "", "key-[02]"]))
    return CalendarRow(str(start), draw(st.sampled_from(["", str(end)])), draw(st.sampled_from(MEANINGS)), key)


stated |= {
    "timezone": st.sampled_from(ZONES),
    "calendar": st.just(()) | st.lists(calendar_rows(), max_size=4).map(tuple),
}
plain_policies = st.builds(Policy, rules=st.just(()), classes=st.just(("policy", "suspect")), **stated)
some_rules = st.sets(st.sampled_from(RULES)).map(lambda on: tuple(name for name in RULES if name in on))
policies = st.builds(
    Policy,
    rules=st.just(RULES) | some_rules,
    baseline=st.sampled_from(get_args(Baseline)),
    lookback=st.integers(1, 4),
    rare_weeks=st.sampled_from([0.5, 2.0]),
    direction=st.sampled_from(get_args(Looking)),
    under_percent=st.sampled_from([30.0, 70.0, 100.0]),
    missing_is_fallen=st.booleans(),
    of_keys=st.just(()) | some_rules.map(lambda on: (("key-[13]", (("over_percent", 100.0), ("rules", on))),)),
    **stated,
)
modest = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@modest
@given(world=worlds(), policy=plain_policies)
def test_the_events_are_those_of_the_slow_rule(
    world: MemorySource, policy: Policy, tmp_path_factory: pytest.TempPathFactory
) -> None:
    findings, _ = run(world, tmp_path_factory.mktemp("run"), policy)
    slow = []
    for key, series in world.values.items():
        times = [world.start + 600 * i for i in range(len(series))]
        slow += [
            (start, key, end, met, n) for start, end, met, n in slow_events(times, series.tolist(), 600, policy.of(key))
        ]
    assert [(e.start, e.key, e.end, e.detected, e.breaches) for e in findings.events] == sorted(slow)


@modest
@given(world=worlds(), policy=policies, resolution=st.sampled_from([600, 1800, 3600]))
def test_roll_ups_first_finds_what_a_full_scan_finds(
    world: MemorySource, policy: Policy, resolution: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first, _ = run(world, tmp_path_factory.mktemp("first"), policy, resolution=resolution)
    full, _ = run(world, tmp_path_factory.mktemp("full"), policy, resolution=resolution, full_scan=True)
    assert first.events == full.events
    assert first.not_judged == full.not_judged
    assert first.suppressed == full.suppressed


@modest
@given(world=worlds(), limit=st.integers(400, 5000))
def test_a_store_that_refuses_large_requests_gives_the_same_in_halves(
    world: MemorySource, limit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole, _ = run(world, tmp_path_factory.mktemp("whole"))
    halves, _ = run(replace(world, largest=limit, asked=[]), tmp_path_factory.mktemp("halves"))
    assert halves.events == whole.events
    assert halves.not_judged == whole.not_judged


@pytest.mark.parametrize("limit", [6, 7, 50])
def test_a_store_that_takes_hardly_an_hour_at_once_gives_the_same(limit: int, tmp_path: Path) -> None:
    world = MemorySource(
        MONDAY + 3 * HOUR, {"a": (np.arange(3 * 1008) % 7 + 1).astype(np.float64)}, metric=GAUGE, native=600
    )
    world.values["a"][1500:1503] *= 9
    whole, _ = run(world, tmp_path / "whole")
    halves, _ = run(replace(world, largest=limit, asked=[]), tmp_path / "halves")
    assert halves.events == whole.events
    assert halves.not_judged == whole.not_judged
    assert len(whole.events) == 1


def test_what_cannot_be_halved_is_an_error_and_no_coarser_data(tmp_path: Path) -> None:
    world = MemorySource(MONDAY, {"a": np.ones(1008 * 3)}, metric=GAUGE, native=600, largest=0)
    with pytest.raises(StoreError, match="even one series for one bucket"):
        run(world, tmp_path)


def spiky(keys: int = 3, weeks: int = 4) -> MemorySource:
    rng = np.random.default_rng(7)
    values = {f"k{n}": 10 + rng.integers(0, 4, weeks * 1008).astype(float) for n in range(keys)}
    for n, series in enumerate(values.values()):
        series[2 * 1008 + 100 * (n + 1) :][:6] *= 9
    return MemorySource(MONDAY, values, metric=GAUGE, native=600)


def test_a_second_run_asks_the_store_nothing_and_finds_the_same(tmp_path: Path) -> None:
    world = spiky()
    first, paid = run(world, tmp_path)
    assert paid.queries["sent"] == len(world.asked) > 0
    world.asked.clear()
    second, free = run(world, tmp_path)
    assert world.asked == []
    assert free.queries["sent"] == 0
    assert second.events == first.events
    assert second.not_judged == first.not_judged
    for a, b in zip(first.traces, second.traces, strict=True):
        np.testing.assert_array_equal(a.values, b.values)
        np.testing.assert_array_equal(a.threshold, b.threshold)


def test_another_policy_costs_no_roll_up(tmp_path: Path) -> None:
    world = spiky()
    run(world, tmp_path)
    world.asked.clear()
    stricter, _ = run(world, tmp_path, Policy(over_percent=400.0, percentile=50.0))
    assert world.asked == []
    assert stricter.events
    looser, _ = run(world, tmp_path, Policy(over_percent=5.0, rules=()))
    assert len(looser.events) > len(stricter.events)
    assert all(query.window.seconds <= DAY for query in world.asked), "only the buckets of suspect days are new"


@pytest.mark.parametrize("kind", [MemorySource, MemoryRollups, ScarceMemory])
def test_another_percentile_of_the_roll_ups_is_not_answered_from_those_that_are_kept(
    kind: type[MemorySource], tmp_path: Path
) -> None:
    world = kind(MONDAY, spiky().values, metric=GAUGE, native=600)
    plain, _ = run(world, tmp_path / "both", Policy(floor=1.0))
    other = Policy(floor=1.0, rollup_percentile=50.0)
    again, _ = run(world, tmp_path / "both", other)
    alone, _ = run(world, tmp_path / "alone", other)
    assert again.events == alone.events
    assert [event.baseline for event in again.events] != [event.baseline for event in plain.events]
    back, free = run(world, tmp_path / "both", Policy(floor=1.0))
    assert (back.events, free.queries["sent"]) == (plain.events, 0)


def test_new_data_is_noticed(tmp_path: Path) -> None:
    world = spiky()
    before, _ = run(world, tmp_path)
    world.version += 1
    world.values["k0"][3 * 1008 + 500 :][:6] *= 9
    after, ledger = run(world, tmp_path)
    assert ledger.queries["sent"] > 0
    assert len(after.events) == len(before.events) + 1


def test_what_may_still_change_is_asked_again(tmp_path: Path) -> None:
    world = spiky(keys=1)
    world.settling = 600
    now = world.extent(None, HOUR).end + 300
    run(world, tmp_path, now=now)
    world.asked.clear()
    run(world, tmp_path, now=now)
    assert [query.window for query in world.asked] == [Window(now - 300 - HOUR, now - 300)]


class Power(Exception):
    """The moment at which a run dies."""


@pytest.fixture(scope="module")
def undisturbed_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Findings, Ledger]:
    """Three blocks of keys, without anything going wrong."""
    return run(spiky(keys=130), tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("survived", range(8))
def test_a_run_that_dies_after_any_answer_goes_on_without_asking_it_again(
    survived: int, undisturbed_run: tuple[Findings, Ledger], tmp_path: Path
) -> None:
    undisturbed, paid = undisturbed_run
    world = spiky(keys=130)
    ask = world.series
    left = survived

    def dying(query: Query) -> Matrix:
        nonlocal left
        if left == 0:
            raise Power
        left -= 1
        return ask(query)

    world.series = dying  # type: ignore[method-assign]
    if survived < paid.queries["sent"]:
        with pytest.raises(Power):
            run(world, tmp_path / "torn")
    else:
        run(world, tmp_path / "torn")
    world.series = ask  # type: ignore[method-assign]
    resumed, _ = run(world, tmp_path / "torn")
    assert resumed.events == undisturbed.events
    seen = [(query.keys, query.window) for query in world.asked]
    assert len(seen) == len(set(seen)), "a query was sent twice though its answer was committed"


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "zeros"])
def test_a_damaged_answer_is_a_miss_and_never_data(damage: str, tmp_path: Path) -> None:
    world = spiky()
    first, _ = run(world, tmp_path)
    files = sorted((tmp_path / "buffer_cache").rglob("*.slc"))
    for place, path in enumerate(files):
        raw = bytearray(path.read_bytes())
        if damage == "flip":
            raw[(place * 7919) % len(raw)] ^= 0x40
        elif damage == "cut":
            raw = raw[: len(raw) // 2]
        elif damage == "empty":
            raw = bytearray()
        else:
            raw[len(raw) // 2 :] = bytes(len(raw) - len(raw) // 2)
        path.write_bytes(raw)
    again, ledger = run(world, tmp_path)
    assert again.events == first.events
    assert ledger.damaged == len(files)
    _, clean = run(world, tmp_path)
    assert clean.queries["sent"] == 0, "the asked-again answers replaced the damaged ones"


def test_the_log_lists_the_answers_and_is_rebuilt_when_it_is_lost_or_broken(tmp_path: Path) -> None:
    world = spiky()
    run(world, tmp_path)
    log = tmp_path / "buffer_log.json"
    good = log.read_bytes()
    assert len(json.loads(good)["queries"]) == len(list((tmp_path / "buffer_cache").rglob("*.slc")))
    for broken in (b"", b"{", b"[1, 2]", b'{"queries": 3}', None):
        if broken is None:
            log.unlink()
        else:
            log.write_bytes(broken)
        run(world, tmp_path)
        assert json.loads(log.read_bytes()) == json.loads(good), broken
    before = log.stat().st_mtime_ns
    run(world, tmp_path)
    assert log.stat().st_mtime_ns == before, "a run that asks nothing leaves the log alone"


def test_clearing_the_shelf_removes_every_file(tmp_path: Path) -> None:
    run(spiky(), tmp_path)
    folder = tmp_path / "buffer_cache"
    assert AnswerFiles(folder).clear() > 0
    assert list(folder.rglob("*")) == []


def test_keys_of_far_apart_times_do_not_share_a_request(tmp_path: Path) -> None:
    spans = {"old": Window(MONDAY, MONDAY + 3 * WEEK), "new": Window(MONDAY + 500 * WEEK, MONDAY + 503 * WEEK)}
    reach = Window(MONDAY, MONDAY + 503 * WEEK)
    assert dict(groups(spans, reach, 600, Limits(points=10**9))) == {("old",): spans["old"], ("new",): spans["new"]}


def test_blocks_are_cut_so_that_a_block_fits_into_a_request() -> None:
    window = Window(MONDAY, MONDAY + 4 * WEEK)
    keys = {f"k{n}": window for n in range(500)}
    found = list(groups(keys, window, 60, Limits(points=8 * 4 * 10080)))
    assert sorted(key for block, _ in found for key in block) == sorted(keys)
    assert np.mean([len(block) for block, _ in found]) <= 8


def test_a_suspect_hour_asks_for_its_utc_day_inside_the_window() -> None:
    hot = np.zeros((3, 60), dtype=bool)
    hot[1, 0] = hot[2, 0] = hot[1, 59] = True
    start = MONDAY + 20 * HOUR
    assert suspect_days(hot, start) == [
        (Window(start, MONDAY + DAY), [1, 2]),
        (Window(MONDAY + 3 * DAY, start + 60 * HOUR), [1]),
    ]


@pytest.mark.parametrize(
    ("job", "says"),
    [
        ({"start": MONDAY + WEEK, "end": MONDAY}, "ends .* before it starts"),
        ({"start": MONDAY + 50 * WEEK, "end": MONDAY + 51 * WEEK}, "has no data from"),
        ({"only": ("nobody-*",)}, "leave none of the 3 series"),
        ({"exclude": ("*",)}, "leave none of the 3 series"),
    ],
)
def test_a_run_with_nothing_to_look_at_says_why(job: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageFailure, match=says):
        run(spiky(), tmp_path, **job)


def test_globs_choose_keys(tmp_path: Path) -> None:
    findings, _ = run(spiky(), tmp_path, only=("k[01]",), exclude=("k1",))
    assert findings.keys == ("k0",)


def test_a_short_history_is_not_judged_and_says_so(tmp_path: Path) -> None:
    policy = Policy(rules=tuple(rule for rule in RULES if rule != "days"))
    findings, _ = run(spiky(keys=1, weeks=2), tmp_path, policy)
    assert findings.events == ()
    assert [(n.start, n.end) for n in findings.not_judged] == [(MONDAY, MONDAY + 2 * WEEK)]
    assert "fewer than 2 other weeks" in findings.not_judged[0].reason


def test_bits_are_eight_times_the_bytes_over_the_seconds() -> None:
    assert BITS.factor(60) * 60 * 1_000_000 == pytest.approx(8_000_000)


def test_a_narrow_window_is_judged_by_all_of_its_history(tmp_path: Path) -> None:
    world = spiky(keys=3, weeks=6)
    whole, _ = run(world, tmp_path / "whole")
    looked = Window(MONDAY + 2 * WEEK + 3 * HOUR, MONDAY + 2 * WEEK + 3 * DAY)
    part, _ = run(world, tmp_path / "part", start=looked.start, end=looked.end)
    assert part.window == looked
    assert part.events == tuple(e for e in whole.events if looked.start <= e.start and e.end <= looked.end)
    assert part.events
    assert part.not_judged == ()


def test_a_window_that_moves_with_the_clock_asks_for_no_roll_up_again(tmp_path: Path) -> None:
    world = spiky(keys=3, weeks=6)
    run(world, tmp_path, start=MONDAY + 4 * WEEK, end=MONDAY + 5 * WEEK)
    world.asked.clear()
    run(world, tmp_path, start=MONDAY + 4 * WEEK + 5 * HOUR, end=MONDAY + 5 * WEEK + 5 * HOUR)
    assert all(query.window.seconds <= DAY for query in world.asked)


def falling(missing: bool = False) -> MemorySource:
    """Four weeks of calm traffic with an outage of an hour and a half."""
    values = 1000 + np.random.default_rng(7).integers(0, 100, 4 * 1008).astype(float)
    values[2 * 1008 + 203 :][:9] = np.nan if missing else 5.0
    return MemorySource(MONDAY, {"a": values, "b": np.full(len(values), 500.0)}, metric=GAUGE, native=600)


OUTAGE = (MONDAY + 2 * WEEK + 203 * 600, MONDAY + 2 * WEEK + 212 * 600)


def test_an_outage_is_found_where_falls_are_looked_for(tmp_path: Path) -> None:
    assert run(falling(), tmp_path)[0].events == ()
    for policy in (Policy(direction="below"), Policy(direction="both")):
        found, ledger = run(falling(), tmp_path, policy)
        [event] = found.events
        assert (event.key, event.start, event.end, event.direction) == ("a", *OUTAGE, "below")
        assert event.peak == 5.0
        assert event.threshold == pytest.approx(0.3 * event.baseline)
        assert event.ratio == pytest.approx(event.peak / event.baseline)
        assert event.excess == pytest.approx(9 * (event.baseline - 5.0), rel=0.05)
        assert event.severity > 60
        assert ledger.points["suspect hours"] == 3


def test_what_is_missing_has_fallen_only_if_the_policy_says_so(tmp_path: Path) -> None:
    assert run(falling(missing=True), tmp_path, Policy(direction="below"))[0].events == ()
    found, _ = run(falling(missing=True), tmp_path, Policy(direction="below", missing_is_fallen=True))
    [event] = found.events
    assert (event.start, event.end, event.peak, event.ratio) == (*OUTAGE, 0.0, 0.0)


def test_falls_are_not_looked_for_where_there_is_nothing_to_fall_from(tmp_path: Path) -> None:
    policy = Policy(direction="below", floor=2000.0)
    assert run(falling(), tmp_path, policy)[0].events == ()


def test_what_the_stated_threshold_alone_would_raise_is_counted_with_its_reason(tmp_path: Path) -> None:
    values = 10 + np.random.default_rng(7).integers(0, 4, 4 * 1008).astype(float)
    bursts = range(50, len(values) - 10, 61)
    for at in bursts:
        values[at : at + 2] *= 5
    values[1500:1530] *= 20
    world = MemorySource(MONDAY, {"busy": values, "calm": values * 0 + 10}, metric=GAUGE, native=600)
    plain, _ = run(world, tmp_path, Policy(rules=()))
    ruled, _ = run(world, tmp_path)
    assert len(plain.events) > 30
    assert plain.suppressed == ()
    assert [(event.start - MONDAY) // 600 for event in ruled.events] == [1500]
    assert {some.key for some in ruled.suppressed} == {"busy"}
    touched = {bucket // 6 for at in bursts for bucket in (at, at + 1)}
    assert 20 < sum(some.hours for some in ruled.suppressed) <= len(touched)
    assert any("ordinary" in some.reason for some in ruled.suppressed)


def test_keys_with_settings_of_their_own_share_the_roll_ups_of_the_others(tmp_path: Path) -> None:
    world = spiky()
    run(world, tmp_path)
    world.asked.clear()
    policy = Policy(of_keys=(("k1", (("over_percent", 2000.0),)),), classes=("policy",))
    found, _ = run(world, tmp_path, policy)
    assert world.asked == []
    assert {event.key for event in found.events} == {"k0", "k2"}


def test_another_zone_and_a_calendar_cost_no_query(tmp_path: Path) -> None:
    world = spiky(weeks=6)
    run(world, tmp_path, direction_both := Policy(direction="both"))
    paid = len(world.asked)
    rows = (CalendarRow(str(datetime.fromtimestamp(MONDAY + 8 * DAY, UTC).date()), "", "ignore"),)
    for zone in ZONES:
        findings, ledger = run(world, tmp_path, replace(direction_both, timezone=zone, calendar=rows))
        assert (ledger.queries["sent"], len(world.asked)) == (0, paid), zone
        assert len(findings.events) == 3
        hours = {gap.reason: (gap.end - gap.start) // HOUR for gap in findings.not_judged}
        assert hours == {"calendar: ignore": 24 if zone in ("UTC", "Europe/Berlin", "America/New_York") else 25}


def test_a_key_may_have_a_clock_of_its_own(tmp_path: Path) -> None:
    # Five whole weeks in UTC, each hour with four others; where a clock is put back in the third, some have fewer.
    world = replace(spiky(keys=2, weeks=5), start=MONDAYS[2])
    own = (("k1", (("timezone", "America/New_York"),)),)
    apart, _ = run(world, tmp_path, Policy(of_keys=own, min_weeks=4, rules=()))
    alike, _ = run(world, tmp_path, Policy(timezone="America/New_York", min_weeks=4, rules=()))
    assert run(world, tmp_path, Policy(min_weeks=4, rules=()))[0].not_judged == ()
    assert {gap.key for gap in alike.not_judged} == {"k0", "k1"}
    assert apart.not_judged == tuple(gap for gap in alike.not_judged if gap.key == "k1")


def test_where_both_ways_are_looked_at_an_hour_is_not_judged_once(tmp_path: Path) -> None:
    world = spiky(keys=1, weeks=4)
    series = world.values["k0"]
    series[1008:1100] = np.nan
    series[:3] = np.nan
    for missing in (False, True):
        policy = Policy(direction="both", missing_is_fallen=missing)
        gaps = run(world, tmp_path / str(missing), policy)[0].not_judged
        assert gaps
        assert all(a.end <= b.start for a, b in pairwise(gaps))
