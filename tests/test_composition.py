"""How the rules are put together: whole worlds against a slow twin, and exact figures with each rule switched off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from analyzer.judging.judged import Judged, judge
from analyzer.kernels.rollup import roll_up
from analyzer.model import RULES, Baseline, Event, Findings, Policy
from analyzer.pipeline import Ledger, Search, discover
from analyzer.reading.scope import Scope
from tests.slow_rules import slow_ruled_events, slow_rules, slow_unusual
from tests.worlds import MONDAY, MemorySource
from traffic.model import DAY, HOUR, WEEK, Floats, Grid, Label, Metric, Rollup, Window

GAUGE = Metric(name="load", field="load", statistic="sum")
MINUTES = 7 * 24 * 60


def events_of(values: Floats, step: int, policy: Policy, folder: Path, key: str = "a") -> list[Event]:
    world = MemorySource(MONDAY, {key: values}, metric=GAUGE, native=step)
    job = Search(folder, policy, Scope(step, MONDAY + 60 * WEEK))
    return list(discover(world, job, None, Ledger(), lambda _done, _total: None).events)


@st.composite
def rough_series(draw: st.DrawFn, step: int) -> Floats:
    """Three to six weeks with a day's wave: idle nights, steps for good, bursts of a key's own, attacks, gaps."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    weeks, per_day = draw(st.integers(2, 3 if step == 60 else 6)), DAY // step
    count = weeks * 7 * per_day - draw(st.integers(0, per_day))
    day = np.arange(count) % per_day / per_day
    values = 100 * (1 + draw(st.sampled_from([0.0, 0.6])) * np.sin(2 * np.pi * day)) * rng.lognormal(0, 0.1, count)
    if draw(st.booleans()):
        values[day < 0.3] = draw(st.sampled_from([0.0, 1.0]))
    if draw(st.booleans()):
        values[draw(st.integers(count // 4, count - 1)) :] *= draw(st.sampled_from([0.2, 4.0, 6.0]))
    for most, height, long in draw(
        st.sampled_from([((0, 0, 1),), ((40, 9, 8),), ((300, 80, 2),), ((12, 12, 30), (60, 4, 4))])
    ):
        for at in rng.integers(0, count, most):
            values[at : at + rng.integers(1, long + 1)] *= rng.uniform(1, max(height, 1.1))
    values *= draw(st.sampled_from([1.0, 1.0, 0.1, 12.0])) ** (np.arange(count) / count)
    if draw(st.booleans()):
        values[(at := rng.integers(0, count)) : at + 20 * HOUR // step] *= 8
    if draw(st.booleans()):
        # A counter that wraps, now and then: two buckets, and back at once.
        for at in rng.integers(0, count - 2, 30):
            values[at : at + 2] *= 300
    if draw(st.booleans()):
        # A job that wanders, on most days.
        for midnight in range(0, count - per_day, per_day):
            at = midnight + rng.integers(0, per_day // 6 + 1)
            values[at : at + max(1, HOUR // step)] *= rng.uniform(4, 7)
    for _ in range(draw(st.integers(0, 2))):
        at = rng.integers(0, count)
        values[at : at + rng.integers(1, 3 * per_day)] = np.nan
    return values


# A twin of loops is slow, and a smaller world tells no more: what fails is shown as it was drawn.
brief = settings(
    max_examples=15,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
some_rules = st.sets(st.sampled_from(RULES)).map(lambda on: tuple(name for name in RULES if name in on))
policies = st.builds(
    Policy,
    rules=st.just(RULES) | st.sampled_from([tuple(r for r in RULES if r != off) for off in RULES]) | some_rules,
    baseline=st.sampled_from(get_args(Baseline)),
    lookback=st.integers(1, 4),
    rare_weeks=st.sampled_from([0.5, 2.0]),
    over_percent=st.sampled_from([50.0, 200.0]),
    matches=st.integers(1, 3),
    merge=st.sampled_from([600, 3600]),
    floor=st.sampled_from([0.0, 150.0]),
    percentile=st.sampled_from([50.0, 95.0]),
    min_weeks=st.sampled_from([2, 4]),
    classes=st.just(("policy", "suspect")),
)


@brief
@given(data=st.data(), policy=policies, step=st.sampled_from([600, 1200, 3600]))
def test_the_events_of_any_rules_are_those_of_the_slow_twin(
    data: st.DataObject, policy: Policy, step: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    values = data.draw(rough_series(step))
    found = events_of(values, step, policy, tmp_path_factory.mktemp("run"))
    times = [MONDAY + step * index for index in range(len(values))]
    judged = slow_rules(times, values.tolist(), step, policy)
    slow = slow_ruled_events(times, values.tolist(), step, policy, judged)
    assert [(event.start, event.end, event.detected, event.breaches) for event in found] == slow
    for event in found:
        hour = judged[event.peak_at // HOUR * HOUR]
        assert event.baseline == pytest.approx(hour.baseline, rel=1e-9)
        assert event.threshold == pytest.approx(min(hour.limits), rel=1e-9)


def judged_rows(values: Floats, step: int, start: int, policy: Policy) -> list[Judged]:
    rollup = Rollup(("a",), Grid(start, HOUR, len(values) * step // HOUR), roll_up(values[None], HOUR // step))
    return judge(rollup, policy, step)


@brief
@given(
    data=st.data(),
    policy=policies,
    step=st.sampled_from([600, 1200, 3600]),
    before=st.integers(0, 2),
    after=st.integers(0, 9),
)
def test_weeks_of_which_nothing_is_known_change_no_baseline(
    data: st.DataObject, policy: Policy, step: int, before: int, after: int
) -> None:
    values, both = data.draw(rough_series(step)), replace(policy, direction="both", classes=("policy", "unusual"))
    values = values[: len(values) // (DAY // step) * (DAY // step)]
    nothing = [np.full(weeks * WEEK // step, np.nan) for weeks in (before, after)]
    wide = judged_rows(np.concatenate([nothing[0], values, nothing[1]]), step, MONDAY - before * WEEK, both)
    # The outermost hours have neighbours more there, of which is known what is usual.
    own, inner = slice(before * 168 + 2, before * 168 + len(values) * step // HOUR - 2), slice(2, -2)
    for padded, alone in zip(wide, judged_rows(values, step, MONDAY, both), strict=True):
        np.testing.assert_array_equal(padded.baseline[:, own], alone.baseline[:, inner])


@brief
@given(data=st.data(), policy=policies, step=st.sampled_from([600, 1200, 3600]))
def test_what_is_unusual_is_what_the_slow_twin_says(
    data: st.DataObject, policy: Policy, step: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Beside the events of the policy: what is less than `merge` from one of these is part of it."""
    values = data.draw(rough_series(step))
    times = [MONDAY + step * index for index in range(len(values))]
    slow: list[tuple[int, int, int, int]] = []
    raised = slow_ruled_events(times, values.tolist(), step, policy, slow_rules(times, values.tolist(), step, policy))
    if policy.baseline != "original":
        unusual = slow_unusual(times, values.tolist(), step, policy)
        found = slow_ruled_events(times, values.tolist(), step, policy, unusual)
        merge = max(policy.merge, policy.within)
        slow = [e for e in found if not any(e[0] < p[1] + merge and p[0] < e[1] + merge for p in raised)]
    for classes in (("unusual",), ("policy", "unusual", "suspect")):
        asked = replace(policy, classes=classes)
        events = events_of(values, step, asked, tmp_path_factory.mktemp("run"))
        told = [(e.start, e.end, e.detected, e.breaches) for e in events if e.event_class == "unusual"]
        brief = {(e.start, e.end) for e in events if e.event_class == "suspect"}
        assert [e for e in slow if e[:2] not in brief] == told or (classes == ("unusual",) and set(told) <= set(slow))


def wave(weeks: int, step: int, noise: float = 0.1, seed: int = 1) -> Floats:
    """A day's wave round 100."""
    count = weeks * WEEK // step
    day = np.arange(count) * step % DAY / DAY
    noisy = np.random.default_rng(seed).lognormal(0, noise, count)
    return 100 * (1 + 0.6 * np.sin(2 * np.pi * day)) * noisy


@pytest.mark.parametrize("step", [600, 900, 1200, 1800, 3600])
def test_where_one_bucket_opens_an_event_it_is_the_highest_that_is_ordinary(step: int, tmp_path: Path) -> None:
    """A key that has a bucket at six times the usual every fifth hour has no events of its own, at any width."""
    values = wave(6, step, noise=0.05)
    for at in range(7, len(values), 5 * HOUR // step):
        values[at] *= 6
    policy = Policy(classes=("policy",), matches=1)
    assert events_of(values, step, policy, tmp_path / "ordinary") == []
    high = 4 * WEEK // step + 9
    values[high] = 3000
    [event] = events_of(values, step, policy, tmp_path / "more")
    assert event.start == MONDAY + step * high


def seeded() -> tuple[dict[str, Floats], list[Label]]:
    """Six weeks of keys of many kinds, at ten minutes, with a labelled attack or two on each."""
    rng = np.random.default_rng(11)
    count = 6 * WEEK // 600
    day = np.arange(count) % 144
    values = {
        kind: wave(6, 600, seed=n) for n, kind in enumerate(("calm", "step", "night", "bursts", "rare", "shifted"))
    }
    values["step"][4 * 1008 + 400 :] *= 5
    values["night"] = np.where(day < 48, 1.0, values["night"])
    for at in rng.integers(0, count // 144, 8):
        values["night"][144 * at + 20 :][:3] = 6.0
    for at in rng.integers(0, count, 24):
        values["bursts"][at : at + rng.integers(2, 5)] *= rng.uniform(3, 5)
    values["rare"] = rng.lognormal(0, 0.2, count)
    for at in rng.integers(0, count, 300):
        values["rare"][at : at + 2] += 100 * rng.lognormal(0, 0.6)
    values["shifted"] = np.where((day > 53) & (day < 130), 100.0, 20.0) * rng.lognormal(0, 0.1, count)
    values["shifted"][5 * 1008 :] = np.roll(values["shifted"], -6)[5 * 1008 :]
    values["rough"] = np.repeat(rng.lognormal(3, 0.5, count // 6), 6)
    values["job"] = wave(6, 600, seed=8)
    for midnight in range(0, count, 144):
        values["job"][midnight + rng.integers(0, 24) :][:4] *= rng.uniform(4, 7)
    values["young"] = wave(6, 600, seed=9)
    values["young"][: 4 * 1008 + 600] = np.nan
    labels = []
    for kind, series in values.items():
        for nth, (at, long, times) in enumerate(((1400, 4, 8.0), (2300, 9, 5.0), (4700, 30, 5.0), (5300, 3, 4.5))):
            series[at : at + long] *= times
            if kind == "rare":
                series[at : at + long] += 900.0
            if np.isnan(series[at]):
                continue
            start, end = MONDAY + 600 * at, MONDAY + 600 * (at + long)
            labels.append(
                Label(
                    id=f"{kind}-{nth}",
                    key=kind,
                    start=start,
                    end=end,
                    shape="plateau",
                    factor=times,
                    direction="above",
                    kind="required",
                )
            )
    return values, labels


def seeded_findings(policy: Policy, folder: Path, step: int) -> Findings:
    values, labels = seeded()
    world = MemorySource(MONDAY, values, metric=GAUGE, native=600)
    job = Search(folder, policy, Scope(step, MONDAY + 60 * WEEK))
    return discover(world, job, labels, Ledger(), lambda _done, _total: None)


@pytest.mark.parametrize(
    ("off", "step", "expected"),
    [
        ("", 600, (32, 2, 29, 4680)),
        ("level", 600, (30, 4, 28, 4340)),
        ("recurring", 600, (32, 2, 32, 4600)),
        ("days", 600, (30, 2, 29, 4350)),
        ("pooled", 600, (32, 2, 29, 4680)),
        ("idle", 600, (33, 1, 36, 4900)),
        ("edges", 600, (31, 3, 26, 4590)),
        ("tail", 600, (33, 1, 289, 13450)),
        ("artefacts", 600, (32, 2, 29, 4680)),
        ("volume", 600, (31, 3, 34, 4980)),
        ("held", 600, (25, 9, 22, 3190)),
        ("habit", 600, (32, 2, 59, 5950)),
        ("", 3600, (8, 1, 10, 4320)),
        ("pooled", 3600, (8, 1, 15, 4560)),
    ],
)
def test_each_rule_is_worth_just_this_in_a_seeded_world(
    off: str, step: int, expected: tuple[int, int, int, int], tmp_path: Path
) -> None:
    """Hits, misses, false alarms, and how many minutes all events last."""
    policy = Policy(rules=tuple(rule for rule in RULES if rule != off), classes=("policy", "suspect"))
    found = seeded_findings(policy, tmp_path, step)
    verdict = found.verdict
    assert verdict is not None
    minutes = sum(event.minutes for event in found.events)
    assert (verdict.hits, verdict.misses, verdict.false_alarms, minutes) == expected


def long_bursts(minutes: int, held: int, at: int) -> Floats:
    """A key that bursts by itself for some minutes every few hours, and an even rise, high for `held` of `minutes`."""
    values = wave(6, 60, noise=0.05)
    rng = np.random.default_rng(5)
    for start in range(0, len(values) - 60, 300):
        values[start : start + rng.integers(3, 12)] *= rng.uniform(3, 9)
    usual = wave(6, 60, noise=0.0)
    values[at - 60 : at + 120] = usual[at - 60 : at + 120]
    high = np.zeros(minutes, dtype=bool)
    high[np.linspace(0, minutes - 1, held).round().astype(int)] = True
    values[at : at + minutes][high] *= 4.5
    return values


@pytest.mark.parametrize(("minutes", "held", "events"), [(25, 20, 1), (25, 19, 0), (26, 20, 0)])
def test_what_is_held_for_twenty_of_twenty_five_minutes_is_an_event(
    minutes: int, held: int, events: int, tmp_path: Path
) -> None:
    at = 3 * MINUTES + 2 * 1440 + 14 * 60 + 5
    policy = Policy(rules=tuple(rule for rule in RULES if rule != "habit"), classes=("policy",))
    found = events_of(long_bursts(minutes, held, at), 60, policy, tmp_path)
    assert len([event for event in found if abs(event.start - MONDAY - 60 * at) < HOUR]) == events


def test_an_attack_of_twenty_hours_is_one_event_to_its_end(tmp_path: Path) -> None:
    values = wave(6, 600)
    at = 3 * 1008 + 300
    values[at : at + 120] *= 8
    [event] = events_of(values, 600, Policy(), tmp_path)
    assert (event.start, event.end) == (MONDAY + 600 * at, MONDAY + 600 * (at + 120))


def test_keys_that_begin_at_other_times_are_not_judged_only_where_they_are(tmp_path: Path) -> None:
    values = wave(6, 600)
    late = values.copy()
    late[: 4 * 1008 + 5 * 144] = np.nan
    first = 2 * 1008 + 30
    gap = values.copy()
    gap[first : first + 12] = np.nan
    world = _Spans(MONDAY, {"gap": gap, "late": late}, metric=GAUGE, native=600)
    strict = Policy(rules=tuple(rule for rule in RULES if rule != "days"))
    job = Search(tmp_path, strict, Scope(600, MONDAY + 60 * WEEK))
    found = discover(world, job, None, Ledger(), lambda _done, _total: None)
    begins = MONDAY + 600 * (4 * 1008 + 5 * 144)
    hour = MONDAY + 600 * first
    assert [(gap.key, gap.start, gap.end, gap.reason) for gap in found.not_judged] == [
        ("gap", hour, hour + 2 * HOUR, "fewer than 50 % of the hour's buckets"),
        ("late", begins, MONDAY + 6 * WEEK, "fewer than 2 other weeks to compare with"),
    ]


class _Spans(MemorySource):
    """A store that knows when each key begins."""

    def keys(self, window: Window) -> dict[str, Window]:
        """From the first value that is there."""
        found = {}
        for key, series in sorted(self.values.items()):
            there = np.flatnonzero(~np.isnan(series))
            found[key] = Window(
                self.start + self.native * int(there[0]), self.start + self.native * (int(there[-1]) + 1)
            )
        return {key: span.clip(window) for key, span in found.items() if span.overlap(window)}


def test_after_a_step_an_idle_night_is_measured_by_the_new_level(tmp_path: Path) -> None:
    """No baseline is below a tenth of the key's p95, at the level of its own time."""
    values = wave(6, 600)
    day = np.arange(len(values)) % 144
    values[day < 36] = 1.0
    step = 4 * 1008
    values[step:] *= 6
    night, quiet = step + 1008 + 144 + 12, step + 1008 + 2 * 144 + 12
    tenth = 0.1 * 6 * 160
    values[night : night + 3] = 4.5 * tenth
    values[quiet : quiet + 3] = 2.5 * tenth
    found = events_of(values, 600, Policy(classes=("policy",)), tmp_path)
    later = [event.start for event in found if event.start >= MONDAY + 600 * (step + 1008)]
    assert later == [MONDAY + 600 * night], "at the edge of the step there may be others"
