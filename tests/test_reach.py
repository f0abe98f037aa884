"""How near a label came, and what would have found it: each said percentage and setting is tried by discover itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from analyzer.judging.blocks import Aside, JudgedBlock
from analyzer.judging.breaches import above, breaches_of, raised
from analyzer.judging.events import events_of, figures
from analyzer.judging.reach import counted, highest_percent
from analyzer.judging.reaches import in_lockstep
from analyzer.judging.tries import OtherSetting, Trial, Try
from analyzer.judging.wanted import wanted_hours
from analyzer.kernels.breach import held, held_in_each
from analyzer.kernels.match import each_last, last_is_met, one_to_one
from analyzer.model import Event, Looking, Policy
from analyzer.outcome import Outcome
from analyzer.pipeline import Ledger, Search, discover
from analyzer.reading.scope import Scope
from analyzer.verdict import LONGEST_EXTRA
from tests.worlds import MONDAY, MemorySource
from traffic.model import DAY, HOUR, WEEK, Direction, Floats, Grid, Ints, Label, Matrix, Metric, Window

GAUGE = Metric(name="load", field="load", statistic="sum", unit="req/s")
NOW = MONDAY + 60 * WEEK
AT = MONDAY + 3 * WEEK + 10 * HOUR


def world(*lifts: tuple[int, int, float]) -> MemorySource:
    """Six weeks by ten minutes of 100 to 105, with lifts: first bucket from `AT`, buckets, times."""
    series = 100 + 5 * np.random.default_rng(5).random(6 * 1008)
    for first, buckets, factor in lifts:
        at = (AT - MONDAY) // 600 + first
        series[at : at + buckets] *= factor
    return MemorySource(MONDAY, {"a": series}, metric=GAUGE, native=600)


def label(first: int = 0, buckets: int = 6, **more: object) -> Label:
    start = AT + 600 * first
    return Label("x", "a", start, start + 600 * buckets, "square", float("nan"), "above", "required", **more)  # type: ignore[arg-type]


def outcome(source: MemorySource, policy: Policy, output: Path, labels: Sequence[Label] = (label(),)) -> Outcome:
    what = Search(output, policy, Scope(resolution=600, now=NOW))
    found = discover(source, what, labels, Ledger(), lambda _done, _total: None)
    assert found.verdict is not None
    return next(one for one in found.verdict.outcomes if one.label.id == "x")


ALONE = Policy(within=3600)


@pytest.mark.parametrize("policy", [ALONE, replace(ALONE, baseline="trailing"), replace(ALONE, rules=())])
@pytest.mark.parametrize("factor", [1.6, 2.34, 2.9, 4.0])
def test_the_percentage_that_is_said_finds_it_and_one_more_does_not(
    policy: Policy, factor: float, tmp_path: Path
) -> None:
    source = world((0, 6, factor))
    missed = outcome(source, policy, tmp_path)
    assert missed.verdict == ("hit" if factor > 3.1 else "miss")
    at = missed.found_at_percent
    assert at is not None
    assert missed.reached is not None
    assert at == np.ceil(100 * (missed.reached - 1)) - 1
    assert f"{missed.reached:.3g}x reached, 3x required" in missed.why
    assert (f"--over-percent {at:g} finds it" in missed.why) == (missed.verdict == "miss")
    assert outcome(source, replace(policy, over_percent=at), tmp_path).verdict == "hit"
    assert outcome(source, replace(policy, over_percent=at + 1), tmp_path).verdict == "miss"


NIGHTLY = tuple((144 * day + (9, -9, 12)[day % 3], 3, 4.0) for day in range(-21, 21) if day)


@pytest.mark.parametrize(
    ("source", "policy", "said", "change"),
    [
        (world((0, 1, 9.0)), replace(ALONE, matches=2), "--matches 1 finds it", {"matches": 1}),
        (world((0, 6, 4.0)), replace(ALONE, floor=1000.0), "the floor is 1.00 k req/s: --floor", {"floor": 390.0}),
        (
            world((0, 6, 4.0)),
            replace(ALONE, over_percent=0, over_units=1000.0),
            "over the baseline reached, 1.00 k req/s required: --over-units 290 finds it",
            {"over_units": 290.0},
        ),
        (
            world((0, 6, 4.0), *((w * 1008, 6, 3.5) for w in (-3, -2, -1, 1, 2))),
            replace(ALONE, rules=("tail", "habit")),
            "",
            {},
        ),
    ],
)
def test_a_setting_that_is_said_to_find_it_does(
    source: MemorySource, policy: Policy, said: str, change: dict[str, object], tmp_path: Path
) -> None:
    missed = outcome(source, policy, tmp_path)
    assert missed.verdict == "miss"
    assert missed.why
    assert said in missed.why
    if change:
        assert outcome(source, replace(policy, **change), tmp_path).verdict == "hit"  # type: ignore[arg-type]


def test_a_rule_that_stands_in_the_way_is_named_and_without_it_the_label_is_found(tmp_path: Path) -> None:
    # What the key does round this time of day on all days, a little higher on one of them.
    source = world((0, 3, 4.2), *NIGHTLY)
    policy = replace(ALONE, rules=("habit", "tail"))
    missed = outcome(source, policy, tmp_path)
    assert missed.verdict == "miss"
    rule = missed.why.partition("--without ")[2].partition(" ")[0]
    assert rule in policy.rules
    without = replace(policy, rules=tuple(name for name in policy.rules if name != rule))
    assert outcome(source, without, tmp_path).verdict == "hit"


def test_what_stands_in_the_way_of_an_event_that_is_there_is_said(tmp_path: Path) -> None:
    long = outcome(world((-30, 66, 5.0)), ALONE, tmp_path)
    assert long.verdict == "miss"
    assert "longer than the label; the limit is 3 h" in long.why
    two = outcome(world((0, 6, 5.0)), ALONE, tmp_path / "two", [label(), replace(label(0, 7), id="y")])
    assert "matches another label" in two.why
    falls = outcome(world((0, 6, 5.0)), ALONE, tmp_path / "two", [replace(label(), direction="below")])
    assert falls.verdict == "hit"
    assert "falls are not looked for, although an event in the other direction matches it" in falls.why


def test_a_label_whose_time_is_not_judged_says_why(tmp_path: Path) -> None:
    values = dict(world().values)
    values["a"][(AT - MONDAY) // 600 - 6 : (AT - MONDAY) // 600 + 12] = np.nan
    found = outcome(MemorySource(MONDAY, values, metric=GAUGE, native=600), ALONE, tmp_path)
    assert found.verdict == "not judged"
    assert found.why == "not judged: fewer than 50 % of the hour's buckets"
    assert found.reached is None


def test_a_fall_says_how_far_it_fell(tmp_path: Path) -> None:
    source, fallen = world((0, 12, 0.5)), replace(label(0, 12), direction="below")
    policy = replace(ALONE, direction="both")
    missed = outcome(source, policy, tmp_path, [fallen])
    assert missed.verdict == "miss"
    assert missed.reached == pytest.approx(0.52, abs=0.05)
    assert missed.needed == pytest.approx(0.3)
    percent = float(missed.why.partition("--under-percent ")[2].partition(" ")[0])
    assert outcome(source, replace(policy, under_percent=percent), tmp_path, [fallen]).verdict == "hit"


@given(
    hnp.arrays(np.float64, st.integers(0, 12), elements=st.floats(-5, 5) | st.just(np.nan)),
    st.integers(1, 4),
    st.integers(1, 5),
)
def test_what_is_held_is_the_best_of_all_places(values: Floats, needed: int, inside: int) -> None:
    best = -np.inf
    for first in range(len(values)):
        there = sorted((v for v in values[first : first + inside] if not np.isnan(v)), reverse=True)
        if len(there) >= needed:
            best = max(best, there[needed - 1])
    place = held(values, needed, inside)
    assert (place is None) == np.isneginf(best)
    if place is not None:
        assert values[place] == best


@given(
    st.lists(hnp.arrays(np.float64, st.integers(0, 6), elements=st.floats(-5, 5) | st.just(np.nan)), max_size=4),
    st.integers(1, 4),
    st.integers(1, 5),
)
def test_what_is_held_in_each_of_several_stretches_is_what_each_holds_alone(
    stretches: list[Floats], needed: int, inside: int
) -> None:
    counts = np.array([len(one) for one in stretches], dtype=np.int64)
    starts = np.cumsum(counts) - counts
    together = held_in_each(np.concatenate([np.zeros(0), *stretches]), starts, counts, needed, inside)
    alone = [held(one, needed, inside) for one in stretches]
    assert together.tolist() == [
        -1 if place is None else start + place for start, place in zip(starts.tolist(), alone, strict=True)
    ]


@settings(max_examples=200)
@given(st.floats(0, 1000), st.integers(-1, 1000))
def test_the_highest_percentage_is_looked_for_downwards(reached: float, highest: int) -> None:
    (found,) = in_lockstep([highest_percent("over_percent", reached)], lambda asked: [asked[0][1].value <= highest])
    below = int(np.ceil(reached)) - 1
    expected = min(below, highest)
    assert found == (None if reached <= 0 or expected < 0 else expected)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("policy", [Policy(), ALONE, replace(ALONE, rules=(), within=1800)])
@pytest.mark.parametrize("looking", ["above", "below", "both"])
@pytest.mark.parametrize("direction", ["above", "below"])
def test_hours_that_roll_ups_decide_are_not_looked_at_and_nothing_is_told_otherwise(
    seed: int,
    policy: Policy,
    looking: Looking,
    direction: Direction,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chance = np.random.default_rng(seed)
    factor = (1, 2) if direction == "above" else (1, -0.99)
    policy = replace(policy, direction=looking, missing_is_fallen=seed > 2)
    lifts = [
        (int(chance.integers(-1000, 1000)), int(chance.integers(1, 9)), factor[0] + factor[1] * chance.random())
        for _ in range(6)
    ]
    source = world(*lifts)
    if seed % 2:
        source.values["a"][int(chance.integers(3000, 4000)) :][:3] = np.nan
    start, buckets = int(chance.integers(-900, 0)), int(chance.integers(1, 900))
    kind = ("decoy", "optional", "ignore")[seed % 3]
    labels = [replace(label(start, buckets), kind=kind, direction=direction)]  # type: ignore[arg-type]
    told = outcome(source, policy, tmp_path / "few", labels)
    picked: list[int] = []

    def all_around(of_labels: list[tuple[int, Label]], block: JudgedBlock, aside: Aside | None) -> tuple[int, Ints]:
        picked.extend(wanted_hours(of_labels, block, aside)[1].tolist())
        return 0, np.arange(Grid.over(block.query.window, HOUR).count)

    monkeypatch.setattr("analyzer.judging.detect.wanted_hours", all_around)
    assert outcome(source, policy, tmp_path / "all", labels) == told
    assert 0 < len(picked) <= max(2, buckets // 6 + 2) + 6, "its own hours, and three on either side"
    far = told.reached is not None and (told.reached > 1.2 or told.reached < 0.8)
    if buckets > 300 and far:
        assert len(picked) < buckets // 12, "most of its hours lie on this side of the best of the medians"


def test_what_stands_in_the_way_of_a_fall_that_nobody_looks_for_is_looked_at_also_on_another_day(
    tmp_path: Path,
) -> None:
    # Until midnight next to nothing is left, and then a fifth for five hours: one event, of which that is no label.
    source = world((72, 12, 0.01), (84, 30, 0.2))
    told = outcome(source, ALONE, tmp_path, [replace(label(72, 12), kind="optional", direction="below")])
    assert told.reached == pytest.approx(0.01, rel=0.06)
    assert "longer than the label" in told.why


@pytest.mark.parametrize("kind", ["required", "optional", "ignore", "decoy"])
@pytest.mark.parametrize(
    ("factor", "direction", "policy", "option", "setting"),
    [
        (2.34, "above", ALONE, "--over-percent", "over_percent"),
        (0.5, "below", ALONE, "--under-percent", "under_percent"),
        (0.5, "below", replace(ALONE, direction="both"), "--under-percent", "under_percent"),
        (2.34, "above", replace(ALONE, direction="below"), "--over-percent", "over_percent"),
    ],
)
def test_every_label_says_how_near_it_came_and_at_what_it_is_found(
    kind: str, factor: float, direction: str, policy: Policy, option: str, setting: str, tmp_path: Path
) -> None:
    source = world((0, 12, factor))
    own = replace(label(0, 12), kind=kind, direction=direction)  # type: ignore[arg-type]
    told = outcome(source, policy, tmp_path, [own])
    assert told.verdict == {"required": "miss", "decoy": "quiet"}.get(kind, "neutral")
    assert told.reached == pytest.approx(factor, rel=0.06)
    assert told.needed == pytest.approx(3 if factor > 1 else 0.3)
    at = told.found_at_percent
    assert at is not None
    assert f"{option} {at:g} finds it" in told.why
    assert ("not looked for" in told.why) == (policy.direction not in ("both", direction))
    looking = replace(policy, direction="both")
    as_required = [replace(own, kind="required")]
    for percent, verdict in ((at, "hit"), (at + 1, "miss")):
        there = outcome(source, replace(looking, **{setting: percent}), tmp_path, as_required)  # type: ignore[arg-type]
        assert there.verdict == verdict


def test_a_fall_that_both_directions_would_find_says_so(tmp_path: Path) -> None:
    told = outcome(world((0, 12, 0.1)), ALONE, tmp_path, [replace(label(0, 12), direction="below")])
    assert told.verdict == "miss"
    assert told.why.startswith("it falls, and falls are not looked for; fell to 0.0994 of its usual low")
    assert told.why.endswith(": --direction both finds it")
    both = outcome(
        world((0, 12, 0.1)), replace(ALONE, direction="both"), tmp_path, [replace(label(0, 12), direction="below")]
    )
    assert both.verdict == "hit"


def test_a_label_that_is_shorter_than_what_is_asked_for_says_what_its_buckets_reached(tmp_path: Path) -> None:
    source, short = world((0, 1, 9.0)), replace(label(0, 1), kind="decoy")
    told = outcome(source, replace(ALONE, matches=2), tmp_path, [short])
    assert told.reached == pytest.approx(9, rel=0.06)
    assert "by 1 of the 2 required buckets" in told.why


def test_a_label_of_all_keys_is_told_of_the_key_that_came_nearest(tmp_path: Path) -> None:
    near, far = (world((0, 6, factor)).values["a"] for factor in (2.5, 1.5))
    source = MemorySource(MONDAY, {"far": far, "near": near, "quiet": world().values["a"]}, metric=GAUGE, native=600)
    told = outcome(source, ALONE, tmp_path, [replace(label(), key="")])
    assert told.verdict == "miss"
    assert told.reached == pytest.approx(2.5, rel=0.06)
    assert told.why.startswith("near: 2.")
    at = told.found_at_percent
    assert at is not None
    found = outcome(source, replace(ALONE, over_percent=at), tmp_path, [replace(label(), key="")])
    assert found.verdict == "hit"
    assert found.why.startswith("near: ")


def test_a_key_that_fell_silent_says_that_nothing_was_left(tmp_path: Path) -> None:
    amounts = replace(GAUGE, empty="zero")
    series = world().values["a"]
    source = MemorySource(MONDAY, {"a": series[: (AT - MONDAY) // 600], "b": series}, metric=amounts, native=600)
    fallen = replace(label(0, 60), direction="below")
    told = outcome(source, replace(ALONE, direction="both"), tmp_path, [fallen])
    assert told.reached == 0
    assert told.found_at_percent is None, "its event lasts to the end"
    assert "longer than the label" in told.why


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**20),
    kind=st.sampled_from(["required", "optional", "ignore", "decoy"]),
    direction=st.sampled_from(["above", "below"]),
    policy=st.sampled_from([Policy(), ALONE, replace(ALONE, direction="both"), replace(ALONE, direction="below")]),
    whole=st.booleans(),
)
def test_no_label_is_without_its_reason(
    seed: int, kind: str, direction: str, policy: Policy, whole: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    chance = np.random.default_rng(seed)
    lifts = [(int(chance.integers(-900, 900)), int(chance.integers(1, 30)), 4 * chance.random()) for _ in range(5)]
    values = dict(world(*lifts).values)
    values["a"][int(chance.integers(0, 6000)) :][: int(chance.integers(0, 300))] = np.nan
    own = replace(
        label(int(chance.integers(-4000, 4000)), int(chance.integers(1, 300))),
        kind=kind,  # type: ignore[arg-type]
        direction=direction,  # type: ignore[arg-type]
        key="" if whole else "a",
    )
    what = Search(tmp_path_factory.mktemp("run"), policy, Scope(resolution=600, now=NOW))
    source = MemorySource(MONDAY, values, metric=GAUGE, native=600)
    found = discover(source, what, [own], Ledger(), lambda _done, _total: None)
    assert found.verdict is not None
    for told in found.verdict.outcomes:
        assert told.why
        assert told.reached is not None or "judged" in told.why


def tried_alone(asked: Sequence[tuple[Try, OtherSetting]], trial: Trial) -> Iterator[bool]:
    """The slow twin of `tried`: each key judged as a whole by another policy, and looked at bucket by bucket."""
    resolution = trial.block.query.resolution
    for one, change in asked:
        policy = replace(trial.block.policy, **{change.setting: change.value})
        block = trial.again([one.row], policy)
        days = Window(one.label.start - DAY, one.label.end + DAY).widen(DAY)
        pieces = [
            ([0], Matrix(block.query.keys, matrix.grid, matrix.values[rows.index(one.row)][None]))
            for rows, matrix in trial.buckets.pieces
            if one.row in rows and matrix.grid.window.overlap(days)
        ]
        events: list[Event] = []
        for judged in block.judged:
            breaches = breaches_of(above(pieces, judged, resolution, judged.threshold), judged)
            said = figures(raised(breaches, policy, resolution), breaches, block.query, judged)
            events += events_of(said, block.query, judged)
        spans = np.array([(event.start, event.end) for event in counted(events)], dtype=np.int64).reshape(-1, 2)
        met = one_to_one(spans, one.targets, resolution, LONGEST_EXTRA)
        yield any(place == len(one.targets) - 1 for _, place in met)


def lifted(seed: int) -> tuple[MemorySource, list[Label]]:
    """Three keys with lifts and falls, the last of them of small counts, and labels of most of these."""
    chance = np.random.default_rng(seed)
    values: dict[str, Floats] = {}
    labels: list[Label] = []
    for key in "abc":
        lifts = [
            (int(chance.integers(-400, 2500)), int(chance.integers(1, 9)), (4 if at % 3 else 1) * chance.random())
            for at in range(8)
        ]
        series = world(*lifts).values["a"]
        values[key] = np.floor(series / 20) if key == "c" else series
        for number, (first, buckets, factor) in enumerate(lifts):
            one = replace(label(first, buckets), id=f"{key}{number}", key=key)
            one = replace(one, direction="above" if factor > 1 else "below")
            labels.append(replace(one, kind=("required", "optional", "decoy", "ignore")[number // 2]))
        labels.append(replace(label(lifts[0][0] + 2, 4), id=f"{key} too", key=key))
    return MemorySource(MONDAY, values, metric=GAUGE, native=600), labels


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "policy",
    [
        Policy(),
        ALONE,
        replace(ALONE, rules=(), over_percent=120),
        replace(ALONE, baseline="trailing"),
        replace(ALONE, direction="both", missing_is_fallen=True),
        replace(ALONE, direction="below", under_percent=90, floor=30, over_units=20),
    ],
)
def test_labels_that_are_tried_together_come_to_what_each_comes_to_alone(
    policy: Policy, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, labels = lifted(seed)

    def outcomes(folder: str) -> tuple[Outcome, ...]:
        what = Search(tmp_path / folder, policy, Scope(resolution=600, now=NOW))
        found = discover(source, what, labels, Ledger(), lambda _done, _total: None)
        assert found.verdict is not None
        return found.verdict.outcomes

    monkeypatch.setattr("analyzer.judging.tries.TOGETHER", 300)
    together = outcomes("together")
    monkeypatch.setattr("analyzer.judging.reaches.tried", lambda *asked: list(tried_alone(*asked)))
    assert outcomes("alone") == together
    assert {one.found_at_percent is None for one in together} == {True, False}


SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)).map(lambda at: (at[0], sum(at))), max_size=4)


@given(st.lists(st.tuples(SPANS, SPANS.filter(bool)), max_size=5))
def test_the_last_label_of_each_group_is_met_as_in_the_group_alone(
    groups: list[tuple[list[tuple[int, int]], list[tuple[int, int]]]],
) -> None:
    events, labels = ([np.array(group[side], dtype=np.int64).reshape(-1, 2) for group in groups] for side in (0, 1))
    of = np.repeat(np.arange(len(groups)), [len(some) for some in events])
    together = last_is_met(of, np.concatenate([np.zeros((0, 2), dtype=np.int64), *events]), labels, 1, 3)
    alone = [
        any(place == len(there) - 1 for _, place in one_to_one(some, there, 1, 3))
        for some, there in zip(events, labels, strict=True)
    ]
    assert together.tolist() == alone


@given(SPANS)
def test_intervals_are_there_once_for_each_with_that_one_last(spans: list[tuple[int, int]]) -> None:
    found = each_last(np.array(spans, dtype=np.int64).reshape(-1, 2))
    expected = [[*spans[:place], *spans[place + 1 :], own] for place, own in enumerate(spans)]
    assert found.tolist() == [[list(span) for span in spans] for spans in expected]
