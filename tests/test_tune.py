"""Sweeps: what is counted for a policy is what discover finds with it; and honest choices from few incidents."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.judging.policy import read_policy
from analyzer.model import CLASSES, RULES, CalendarRow, EventClass, Policy
from analyzer.pipeline import Ledger, Search, discover
from analyzer.reading.scope import Scope
from analyzer.tuning.candidate import Candidate
from analyzer.tuning.grid import DEFAULT, candidates
from analyzer.tuning.policy_file import policy_files
from analyzer.tuning.run import tuned
from analyzer.tuning.score import Score, choose, front, halves, interval, score
from analyzer.tuning.sweep import sweep
from analyzer.tuning.truth import LabelArrays, Spans
from analyzer.verdict import compare
from tests.commands import refused, sl, well
from tests.histories import history_of
from tests.test_reach import GAUGE, NOW, label, world
from tests.worlds import MONDAY, MemorySource
from traffic.errors import UsageFailure
from traffic.model import BITS, HOUR, WEEK, Label, Window


def noisy(seed: int) -> MemorySource:
    """Keys of three to six weeks at ten-minute steps, with spikes, gaps, silence and a new level."""
    rng, values = np.random.default_rng(seed), {}
    for number in range(5):
        series = rng.lognormal(4, 0.3, int(rng.integers(3 * 1008, 6 * 1008)))
        for _ in range(int(rng.integers(0, 25))):
            at = int(rng.integers(0, len(series)))
            series[at : at + int(rng.integers(1, 40))] *= rng.choice([1.8, 3.0, 5.0, 40.0, 0.05])
        if rng.random() < 0.4:
            series[len(series) // 2 :] *= rng.choice([0.2, 4.0])
        if rng.random() < 0.5:
            at = int(rng.integers(0, len(series)))
            series[at : at + int(rng.integers(1, 400))] = np.nan
        values[f"key-{number}"] = series
    return MemorySource(MONDAY + 7 * HOUR, values, metric=GAUGE, native=600)


def labels_of(source: MemorySource, seed: int) -> list[Label]:
    rng, found = np.random.default_rng(seed), []
    for number in range(12):
        start = MONDAY + 7 * HOUR + 600 * int(rng.integers(0, 5 * 1008))
        kind = ("required", "required", "optional", "decoy", "ignore")[number % 5]
        key = "" if number == 7 and seed % 3 == 0 else f"key-{rng.integers(0, 5)}"
        length = 600 * int(rng.integers(3, 20))
        found.append(replace(label(), id=f"l{number}", key=key, start=start, end=start + length, kind=kind))  # type: ignore[arg-type]
    return found


policies = st.builds(
    Policy,
    percentile=st.sampled_from([25.0, 50.0, 95.0]),
    over_percent=st.sampled_from([20.0, 50.0, 150.0, 200.0, 500.0]),
    over_units=st.sampled_from([0.0, 60.0]),
    matches=st.integers(1, 4),
    within=st.sampled_from([600, 1800, 3600]),
    floor=st.sampled_from([0.0, 100.0]),
    min_weeks=st.integers(1, 3),
    merge=st.sampled_from([600, 1800]),
    baseline=st.sampled_from(["retrospective", "trailing", "original"]),
    lookback=st.integers(1, 4),
    rare_weeks=st.sampled_from([0.5, 2.0]),
    rules=st.sets(st.sampled_from(RULES)).map(lambda names: tuple(name for name in RULES if name in names)),
    direction=st.sampled_from(["above", "below", "both"]),
    missing_is_fallen=st.booleans(),
    slots=st.sampled_from(["week", "week", "day"]),
    rollup_percentile=st.sampled_from([95.0, 95.0, 80.0]),
    calendar=st.sampled_from([(), (CalendarRow("2025-08-20", "", "ignore"),)]),
    of_keys=st.sampled_from([(), (("key-1", (("over_percent", 90.0),)), ("key-[23]", (("matches", 1),)))]),
)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(tried=st.lists(policies, min_size=5, max_size=5), seed=st.integers(0, 2**20))
def test_what_is_counted_for_a_policy_is_what_discover_finds_with_it(
    tried: Sequence[Policy], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    source, labels = noisy(seed), labels_of(noisy(seed), seed)
    scope = Scope(600, NOW)
    history = history_of(source, scope, tmp_path_factory.mktemp("tune"))
    surveyed = history.surveyed
    swept = sweep(history, [Candidate(policy) for policy in tried], frozenset(surveyed.spans))
    for policy, raised in zip(tried, swept, strict=True):
        search = Search(tmp_path_factory.mktemp("discover"), policy, scope)
        found = discover(source, search, labels, Ledger(), lambda _done, _total: None)
        expected = [event for event in found.events if event.event_class == "policy"]
        keys = list(surveyed.spans)
        told = [(one.id, one.key, one.start, one.end, one.detected) for one in raised.events(keys, "load")]
        assert told == [(one.id, one.key, one.start, one.end, one.detected) for one in expected]
        truth = [one for one in labels if one.key in surveyed.spans or not one.key]
        counted = score(Candidate(policy), raised, surveyed, LabelArrays(truth, surveyed, 600), "load")
        verdict = found.verdict
        assert verdict is not None
        assert counted.total(counted.hits) == verdict.hits
        assert counted.total(counted.misses) == verdict.misses
        assert counted.total(counted.not_judged) == verdict.not_judged
        assert counted.total(counted.false_alarms) == verdict.false_alarms
        assert counted.total(counted.alerts) == len(expected)
        assert counted.delay == verdict.median_onset_delay


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 50), st.integers(1, 20)), max_size=12),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 60), st.integers(1, 30)), max_size=6),
)
def test_spans_cover_what_each_of_their_seconds_does(
    spans: list[tuple[int, int, int]], others: list[tuple[int, int, int]]
) -> None:
    key, start, length = np.array(spans, dtype=np.int64).reshape(-1, 3).T
    asked = np.array(others, dtype=np.int64).reshape(-1, 3).T
    found = Spans(key, start, start + length, 1000).covered(asked[0], asked[1], asked[1] + asked[2])
    inside = {(k, second) for k, first, much in spans for second in range(first, first + much)}
    expected = [sum((k, second) in inside for second in range(a, a + n)) for k, a, n in others]
    assert found.tolist() == expected


class Growing(MemorySource):
    """A store in which keys are there from their first value on."""

    def keys(self, window: Window) -> dict[str, Window]:
        found = {}
        for key, series in sorted(self.values.items()):
            there = np.flatnonzero(~np.isnan(series))
            span = Window(self.start + self.native * int(there[0]), self.start + self.native * len(series))
            if span.overlap(window):
                found[key] = span.clip(window)
        return found


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    tried=st.lists(st.tuples(policies, st.sets(st.sampled_from(CLASSES), min_size=1)), min_size=4, max_size=4),
    seed=st.integers(0, 2**20),
)
def test_what_is_counted_of_other_classes_is_what_discover_finds_of_them(
    tried: Sequence[tuple[Policy, set[EventClass]]], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    plain, rng = noisy(seed), np.random.default_rng(seed)
    values = dict(plain.values)
    for key in ("key-0", "key-3"):
        values[key][: int(rng.integers(500, 2500))] = np.nan
    source = Growing(plain.start, values, metric=GAUGE, native=600)
    labels, scope = labels_of(plain, seed), Scope(600, NOW)
    history = history_of(source, scope, tmp_path_factory.mktemp("tune"))
    surveyed = history.surveyed
    counted = [tuple(name for name in CLASSES if name in names) for _, names in tried]
    asked = [Candidate(policy, counted=classes) for (policy, _), classes in zip(tried, counted, strict=True)]
    swept = sweep(history, asked, frozenset(surveyed.spans))
    for one, raised in zip(asked, swept, strict=True):
        policy, classes = one.policy, one.counted
        search = Search(tmp_path_factory.mktemp("discover"), replace(policy, classes=classes), scope)
        found = discover(source, search, labels, Ledger(), lambda _done, _total: None)
        keys = list(surveyed.spans)
        told = [(one.id, one.key, one.start, one.end, one.detected) for one in raised.events(keys, "load")]
        assert told == [(one.id, one.key, one.start, one.end, one.detected) for one in found.events]
        truth = [one for one in labels if one.key in surveyed.spans or not one.key]
        score_of = score(one, raised, surveyed, LabelArrays(truth, surveyed, 600), "load")
        as_alerts = [replace(event, event_class="policy") for event in found.events]
        verdict = compare(as_alerts, truth, found.not_judged, surveyed.window, 600, surveyed.spans)
        assert score_of.total(score_of.hits) == verdict.hits
        assert score_of.total(score_of.misses) == verdict.misses
        assert score_of.total(score_of.false_alarms) == verdict.false_alarms


def test_new_keys_are_alerts_where_their_class_is_varied(tmp_path: Path) -> None:
    source, scope = world((0, 6, 5.0)), Scope(600, NOW)
    late = source.values["a"].copy()
    late[:5040] = np.nan  # It is there for the last week, of which there is no other.
    plain = Policy(rules=())
    growing = Growing(MONDAY, {"a": source.values["a"], "late": late}, metric=GAUGE, native=600)
    vary = ["classes=policy,policy+new,all,unusual"]
    history = history_of(growing, scope, tmp_path)
    found = tuned(history, plain, vary, [label()], None)
    alerts = {one.candidate.words: one.total(one.alerts) for one in found.scores}
    assert found.present.candidate.words == "classes=policy"
    assert alerts["classes=policy+new"] == alerts["classes=policy"] + 1
    assert alerts["classes=all"] >= alerts["classes=policy+new"]
    with pytest.raises(UsageFailure, match="know no classes but policy"):
        tuned(history, plain, vary, [label()], None, "prometheus")


def test_the_default_grid_has_200_policies_the_default_one_among_them() -> None:
    found = candidates(Policy(), DEFAULT)
    assert len(found) == len({one.policy for one in found}) == 200
    assert sum(one.policy == Policy() for one in found) == 1
    assert len(candidates(Policy(over_percent=333), DEFAULT)) == 201


def test_a_grid_is_all_combinations_of_what_is_varied() -> None:
    found = candidates(Policy(), ["over-percent=50..100/25", "within=5m..15m/5m", "rules=all,none,-tail-habit"])
    assert {one.policy.over_percent for one in found} == {50, 75, 100, 200}
    assert {one.policy.within for one in found} == {300, 600, 900}
    without = tuple(name for name in RULES if name not in ("tail", "habit"))
    assert {one.policy.rules for one in found} == {RULES, (), without}
    assert len(found) == 3 * 3 * 3 + 1


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        (["over-percent=1..1000000/1"], "1,000,000 policies; the limit is 5,000"),
        (["over-percent=1..1000/1", "matches=1..1000/1"], "1,000,000 policies; the limit is 5,000"),
        (["overpercent=50"], "did you mean over-percent?"),
        (["over-percent"], "write a setting and its values"),
        (["over-percent=many"], "not a number"),
        (["over-percent=9..1/2"], "goes up in steps"),
        (["over-percent=-5"], "over_percent is -5.0, it must be 0 or more"),
        (["matches=0"], "matches is 0"),
        (["within=ages"], "is not a length of time"),
        (["rules=tails"], "unknown rule 'tails'"),
        (["classes=loud"], "unknown class 'loud'; use policy, unusual, new, suspect"),
        (["baseline=yesterday"], "there are retrospective, trailing, original"),
        (["matches=1", "matches=2"], "is given twice"),
    ],
)
def test_a_grid_that_is_not_valid_is_one_line(vary: list[str], said: str) -> None:
    with pytest.raises(UsageFailure) as failure:
        candidates(Policy(), vary)
    assert said in str(failure.value)
    assert "\n" not in str(failure.value)


def made(words: str, hits: list[int], alerts: list[int], wrong: list[int]) -> Score:
    none = np.zeros(len(hits), dtype=np.int64)
    return Score(
        candidate=Candidate(Policy(over_percent=float(len(words))), (("name", words),)),
        hits=np.array(hits),
        misses=np.array([3] * len(hits)) - np.array(hits),
        not_judged=none,
        false_alarms=np.array(wrong),
        alerts=np.array(alerts),
        weeks=np.ones(len(hits)),
        worst_key="a",
        worst_per_week=1.0,
        night=None,
        delay=None,
        found=frozenset(),
        missed=frozenset(),
    )


def test_a_policy_is_chosen_on_the_first_weeks_alone() -> None:
    loud = made("loud", [3, 3, 3], [30, 30, 3], [20, 20, 0])
    good = made("good one", [3, 3, 0], [4, 4, 9], [0, 0, 9])
    quiet = made("quiet policy", [1, 1, 3], [1, 1, 3], [0, 0, 0])
    scores = [loud, good, quiet]
    parts = halves(Window(MONDAY, MONDAY + 3 * WEEK))
    assert parts is not None
    assert parts.first.tolist() == [True, True, False]
    assert choose(scores, loud, parts, None) is good
    assert choose(scores, loud, parts, 2.0) is quiet
    assert choose(scores, loud, parts, 50.0) is good, "as many hits, fewer false alarms"
    assert choose(scores, loud, parts, 0.5) is None
    assert front(scores) == [quiet, good, loud]
    assert interval(good, parts.last).recall == (0.0, 0.0)
    both = interval(good, parts.first | parts.last)
    assert both.recall is not None
    assert both.recall[0] < 2 / 3 < both.recall[1]


@pytest.mark.parametrize(
    "policy",
    [
        Policy(floor=1e6),
        Policy(
            percentile=75.0,
            over_percent=130.5,
            within=1500,
            floor=2.5e6,
            baseline="trailing",
            rules=("idle", "tail"),
            classes=("policy",),
            timezone="Europe/Berlin",
            calendar=(CalendarRow("2025-12-24", "2025-12-26", "sunday", "de-*", "quiet, mostly"),),
            of_keys=(("a*", (("over_percent", 400.0), ("within", 300), ("rules", ("tail",)), ("timezone", "UTC"))),),
        ),
    ],
)
def test_a_policy_that_was_written_is_read_as_the_same(policy: Policy, tmp_path: Path) -> None:
    for name, content in policy_files(policy, BITS, "two\nlines").items():
        (tmp_path / name).write_bytes(content)
    assert read_policy(tmp_path / "policy.tuned.yaml", BITS, {}) == policy


def test_without_a_truth_or_with_few_incidents_nothing_is_recommended(tmp_path: Path) -> None:
    history = history_of(world((0, 6, 5.0)), Scope(600, NOW), tmp_path)

    def run(labels: list[Label] | None) -> str:
        found = tuned(history, Policy(), ["over-percent=100,200"], labels, None)
        assert found.chosen is None
        assert len(found.scores) == 2
        return found.why_not

    assert "--truth" in run(None)
    assert "only 1 incident; at least 5 are needed" in run([label()])


def incidents(output: Path, weeks: int) -> Path:
    """A file of two keys by five minutes, and six incidents at 2.5 times the usual, with its list."""
    rng, rows, known = np.random.default_rng(4), ["ts,key,v"], ["key,start,end"]
    steps = weeks * 2016
    for key in "ab":
        series = 100 + 5 * rng.random(steps)
        for number in range(3):
            at = 2016 * (2 * number) + 500 + 37 * number + (9 if key == "b" else 0)
            series[at : at + 6] *= 2.5
            known.append(f"{key},{MONDAY + 300 * at},{MONDAY + 300 * (at + 6)}")
        rows += [f"{MONDAY + 300 * place},{key},{value:.2f}" for place, value in enumerate(series)]
    (output / "own.csv").write_text("\n".join(rows) + "\n")
    (output / "truth.csv").write_text("\n".join(known) + "\n")
    return output / "own.csv"


def test_a_policy_that_misses_all_is_tuned_to_one_that_discover_finds_all_with(tmp_path: Path) -> None:
    file, output, truth = incidents(tmp_path, 6), tmp_path / "out", tmp_path / "truth.csv"
    run = (file, "--output", output, "--resolution", "5m", "--charts", "0", "--no-html", "--truth", truth)
    before = json.loads(well(sl("discover", *run, "--json")).out)
    assert (before["scores"]["hits"], before["scores"]["misses"]) == (0, 6)
    answer = well(sl("tune", "--output", output, "--vary", "over-percent=50..300/25", "--vary", "matches=1,2,3"))
    assert "6 incidents" in answer.out
    assert "Recommended: over-percent=" in answer.out
    again = json.loads(well(sl("tune", "--output", output, "--vary", "over-percent=50..300/25", "--json")).out)
    assert again["queries_sent"] == 0
    assert again["present"]["misses"] == 6
    assert again["chosen"]["hits"] == 6
    with (output / "tuning.csv").open() as file_:
        table = list(csv.DictReader(file_))
    assert len(table) == again["policies"] == 11
    assert [row["policy"] for row in table if row["chosen"]] == [again["chosen"]["policy"]]
    assert (output / "tuning.png").read_bytes().startswith(b"\x89PNG")
    after = json.loads(well(sl("discover", *run, "--policy", output / "policy.tuned.yaml", "--json")).out)
    assert after["scores"]["hits"] == again["chosen"]["hits"]
    assert after["scores"]["false_alarms"] == again["chosen"]["false_alarms"]
    none = well(sl("tune", "--output", output, "--vary", "matches=2,3", "--budget", "0/week"))
    assert "No recommendation" in none.out or "Recommended" in none.out
    assert "--budget 'cheap'" in refused(sl("tune", "--output", output, "--budget", "cheap"), 2)
    assert "unknown setting" in refused(sl("tune", "--output", output, "--vary", "speed=1"), 2)


def test_a_dry_run_counts_the_requests_that_are_sent_then(tmp_path: Path) -> None:
    file, output = incidents(tmp_path, 4), tmp_path / "out"
    run = (file, "--output", output, "--resolution", "5m", "--charts", "0", "--no-html")
    well(sl("discover", *run))
    loose = ("tune", "--output", output, "--vary", "over-percent=1,20", "--vary", "rules=none", "--json")
    told = json.loads(well(sl(*loose, "--dry-run")).out)
    assert (told["policies"], told["at_least"]) == (3, False)
    assert told["requests"] > 0
    assert json.loads(well(sl(*loose)).out)["queries_sent"] == told["requests"]
    assert json.loads(well(sl(*loose, "--dry-run")).out)["requests"] == 0
    said = refused(sl("tune", "--output", output, "--dry-run", "--as", "prometheus"), 2)
    assert "leave one of them out" in said
