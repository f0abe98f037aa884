"""Explanations, done again by hand from the numbers that they hold."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyzer.explaining.explain import Place, explain
from analyzer.explaining.values import Explanation, UnusualSteps
from analyzer.model import Event, Policy
from analyzer.pipeline import Ledger, Search, discover, survey
from analyzer.reading.scope import Scope, opened
from analyzer.report.explained import document, text
from tests.commands import refused, sl, well
from tests.worlds import MONDAY, MemorySource, percentile
from traffic.model import DAY, HOUR, WEEK, Metric

GAUGE = Metric(name="load", field="load", statistic="sum", unit="req/s")
NOW = MONDAY + 60 * WEEK
AT = MONDAY + 3 * WEEK + DAY + 10 * HOUR


def steady() -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(8)
    minutes = np.arange(6 * 10080)
    return (100 + 60 * np.sin(2 * np.pi * minutes / 1440)) * rng.lognormal(0, 0.1, len(minutes))


def lifted(series: np.ndarray[Any, Any], at: int, minutes: int, factor: float) -> np.ndarray[Any, Any]:
    first = (at - MONDAY) // 60
    return np.concatenate([series[:first], factor * series[first : first + minutes], series[first + minutes :]])


def moved() -> np.ndarray[Any, Any]:
    series = steady()
    series[4 * 10080 :] *= 3
    return series


def nightly() -> np.ndarray[Any, Any]:
    """A job of twenty minutes at ten, but for the day that matters, where it is higher and later."""
    series, rng = steady(), np.random.default_rng(1)
    for at in range(0, len(series), 1440):
        start = at + 600 + int(rng.integers(-100, 100))
        series[start : start + 20] *= 5
    return series


def recurring() -> np.ndarray[Any, Any]:
    series = steady()
    for week in (0, 1, 2):
        series = lifted(series, AT + (week - 3) * WEEK, 40, 6)
    return series


WORLDS = {
    "steady": lifted(steady(), AT + 600, 12, 4.0),
    "moved": lifted(moved(), AT + 2 * WEEK, 12, 4.0),
    "nightly": lifted(nightly(), AT + 600, 25, 7.0),
    "recurring": lifted(recurring(), AT, 40, 6.0),
    "nothing": np.where(np.arange(6 * 10080) // 30 == (AT - MONDAY) // 1800, 7.0, 0.0),
    "few": np.random.default_rng(1).poisson(0.2, 6 * 10080)
    + np.where(np.arange(6 * 10080) // 30 == (AT - MONDAY) // 1800, 6.0, 0.0),
    "outage": lifted(steady(), AT, 50, 0.0),
    "sagging": lifted(steady(), AT, 50, 0.2),
    "short": lifted(steady(), AT, 30, 5.0)[10080 * 2 : 10080 * 2 + 14400],
    "idle": np.where(np.arange(6 * 10080) % 1440 < 700, 0.5, 1.0) * steady(),
}


def place(name: str, policy: Policy, output: Path) -> Place:
    start = MONDAY + (2 * WEEK if name == "short" else 0)
    store = MemorySource(start, {"a": WORLDS[name], "b": WORLDS["steady"]}, metric=GAUGE)
    scope = Scope(60, NOW)
    source = opened(store, scope, output)[1]
    found = survey(source, scope)
    keys, learned = next((keys, reach) for keys, reach in found.blocks if "a" in keys)
    return Place(source, keys, learned, found.presence, resolution=60, policy=policy)


def events(there: Place, output: Path) -> list[Event]:
    store = there.source._store  # the same store, looked at by discover
    found = discover(store, Search(output, there.policy, Scope(60, NOW)), None, Ledger(), lambda _a, _b: None)
    return [event for event in found.events if event.key == "a"]


def median(values: list[float]) -> float:
    return percentile(values, 50)


def low_median(values: list[float]) -> float:
    """The lower of the middle values."""
    return sorted(values)[(len(values) - 1) // 2] if values else float("nan")


def level_by_hand(found: Explanation) -> float:
    """The level of the hour: of the hours before, or as the weeks say it."""
    if found.learned_from != "trailing":
        return next(step.factor for step in found.weeks if step.start == found.hour)
    ratios = [step.level / step.baseline for step in found.hours if step.baseline > 0 and not np.isnan(step.level)]
    middle = low_median(ratios)
    return middle if len(ratios) >= 12 and not 0.5 <= middle <= 2 else 1.0


def baselines_by_hand(found: Explanation, of: Explanation | UnusualSteps, percent: float) -> dict[str, float]:
    """The baseline after each rule, from the numbers of the explanation and the sentences of the rules."""
    said: dict[str, float] = {}
    weeks, own = [step for step in of.weeks if step.use == "learned"], level_by_hand(found)
    live = found.learned_from == "trailing"
    base = percentile([step.level for step in weeks], percent)
    for step in of.rules:
        figures = step.figures
        if step.on:
            if step.rule == "level":
                base = base * own if live else percentile([step.level / step.factor for step in weeks], percent) * own
            elif step.rule == "recurring" and len(weeks) >= 4 and not live:
                second = sorted(step.level / step.factor for step in weeks)[1] * own
                base = second if base > 3 * second else base
            elif step.rule == "days" and of.days:
                base = median([one.level / one.factor for one in of.days if one.use == "learned"]) * own
            elif step.rule == "idle":
                base = max(base, 0.1 * figures["weekly p95"] * figures["factor"])
            elif step.rule == "edges":
                base = max(base, 0.5 * max(figures["hour before"], figures["hour after"]))
        said[step.rule] = base
    return said


def by_hand(found: Explanation) -> dict[str, tuple[float, float]]:
    """Baseline and limit after each rule."""
    said: dict[str, tuple[float, float]] = {}
    bases, limit = baselines_by_hand(found, found, found.percentile), 0.0
    more = float("-inf")
    for step in found.rules:
        figures, base = step.figures, bases[step.rule]
        if step.on:
            limit = max(base * found.multiple, found.floor)
            if step.rule in ("tail", "artefacts", "volume"):
                times, reached = figures["rare, times"], figures["rare"]
                volume = "volume" in [one.rule for one in found.rules[: found.rules.index(step) + 1] if one.on]
                wanted = (base * times * reached**3) ** 0.25 if volume else times * base
                more = wanted if times > found.multiple else float("-inf")
                if base == 0:
                    more = reached
                more = max(more, figures.get("by chance", 0.0))
            if step.rule == "habit" and figures.get("on half of the days, times", 0) > found.multiple:
                more = max(more, figures["1.25 x four days of five, times"] * base)
            limit = max(limit, more)
        said[step.rule] = (base, limit)
    return said


def unusual_by_hand(found: Explanation, below: UnusualSteps) -> float:
    """What must be passed to be unusual for the key; NaN where it is not quiet."""
    figures, hours = below.figures, below.hours
    bases = baselines_by_hand(found, below, found.percentile)
    base = bases[below.rules[-1].rule]
    base = max(base, 0.8 * max(figures["baseline of the hour before"], figures["baseline of the hour after"]))
    ratios: dict[int, list[float]] = {}
    for hour in hours:
        if hour.baseline > 0 and not np.isnan(hour.level):
            ratios.setdefault(hour.block, []).append(hour.level / hour.baseline)
    if found.learned_from == "trailing":
        day = median([ratio for (ratio,) in ratios.values()]) if ratios else float("nan")
    else:
        blocks = [low_median(of_block) for of_block in ratios.values()]
        day = low_median(blocks) if 4 * len(blocks) >= 9 else 1.0
    assert figures["level of the day, times"] == pytest.approx(day, nan_ok=True)
    expected = base * max(1.0, day)  # Where the day's level is not known it is 1.
    assert figures["expected"] == pytest.approx(expected)
    yard = max(expected, figures["by chance"] / 1.25)
    peaks = 1.25 * found.baseline if found.baseline > 1.5 * expected else found.floor
    asked = [max(figures["rare, times"], 1.25) * yard, peaks, figures["habit, times"] * yard]
    levels = {hour.start: hour.level for hour in hours}
    asked.append(1.25 * median([levels[found.hour - HOUR * back] for back in range(1, 7)]))
    if found.learned_from != "trailing":
        asked.append(1.25 * median([levels[found.hour + HOUR * on] for on in range(1, 7)]))
    limit = found.ways[0].limit
    stated = max(found.baseline * found.multiple, found.floor)
    return float("nan") if figures["rare, times"] > 2 or limit > stated else max(asked)


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize(
    "policy",
    [Policy(), Policy(baseline="trailing"), Policy(rules=()), Policy(percentile=75, over_percent=120)],
    ids=["default", "trailing", "plain", "other"],
)
def test_an_hour_can_be_judged_again_by_hand(name: str, policy: Policy, tmp_path: Path) -> None:
    moment = AT + 600 + (2 * WEEK if name == "moved" else 0)
    there = place(name, policy, tmp_path)
    found = explain(there, "a", moment)
    if found.not_judged:
        assert name == "short"
        return
    for rule, (base, limit) in by_hand(found).items():
        step = next(one for one in found.rules if one.rule == rule)
        assert step.baseline == pytest.approx(base, rel=1e-9), rule
        assert step.limit == pytest.approx(limit, rel=1e-9), rule
    last = found.rules[-1]
    assert last.limit == found.ways[0].limit
    assert last.baseline == found.baseline
    below = found.unusual
    assert (below is None) == ("unusual" not in policy.classes)
    if found.event is not None:
        assert any(way.passed for way in (*found.ways, *(below.ways if below else ())))


@pytest.mark.parametrize("trailing", [False, True])
@pytest.mark.parametrize("name", [name for name in WORLDS if name not in ("nothing", "short")])
def test_what_is_unusual_can_be_reckoned_again_by_hand(name: str, trailing: bool, tmp_path: Path) -> None:
    policy = Policy(baseline="trailing") if trailing else Policy()
    there = place(name, policy, tmp_path)
    for moment in (AT + 600 + (2 * WEEK if name == "moved" else 0), AT + DAY + 9 * HOUR):
        found = explain(there, "a", moment)
        assert found.unusual is not None
        (way,) = found.unusual.ways
        assert way.limit == pytest.approx(unusual_by_hand(found, found.unusual), rel=1e-9, nan_ok=True)
        assert way.limit == pytest.approx(found.unusual.figures["limit"], nan_ok=True)
        told = document(found)
        assert json.loads(json.dumps(told, allow_nan=False)) == told
        if not np.isnan(way.limit):
            assert f"expected {found.unusual.figures['expected']:.4g}" in text(found, 100)


def test_a_live_level_comes_of_the_hours_that_are_listed(tmp_path: Path) -> None:
    found = explain(place("moved", Policy(baseline="trailing"), tmp_path), "a", MONDAY + 4 * WEEK + 3 * DAY)
    assert len(found.hours) == 24
    own = level_by_hand(found)
    assert own == pytest.approx(3, rel=0.1)
    assert next(step.factor for step in found.weeks if step.start == found.hour) == own
    assert "the median of the 24 hours before" in text(found, 100)


@pytest.mark.parametrize("name", ["steady", "moved", "nightly", "recurring"])
def test_every_event_of_a_run_can_be_explained_and_its_severity_reckoned_again(name: str, tmp_path: Path) -> None:
    there = place(name, Policy(), tmp_path)
    found = events(there, tmp_path)
    assert found
    for event in found[:10]:
        told = explain(there, "a", event.start, event.id)
        # What belongs together is told of all events of a run, not of one.
        assert told.event == replace(event, incident_id="")
        over = [bucket for bucket in told.buckets if bucket.over]
        assert (over[0].time, over[-1].time + 60, len(over)) == (event.start, event.end, event.breaches)
        assert max(bucket.value for bucket in over) == event.peak
        terms = told.terms
        assert terms is not None
        margin = event.peak / event.threshold
        height = 0.2 + 0.8 * min(1, (margin - 1) / 4)
        seconds = event.end - event.start
        severity = terms.least + (terms.most - terms.least) * height * seconds / (seconds + 900)
        assert event.severity == pytest.approx(severity)
        assert json.loads(json.dumps(document(told)))["event"]["id"] == event.id
        assert event.id in text(told, 100)


@pytest.mark.parametrize(("name", "share"), [("outage", 1.0), ("sagging", 0.78)])
def test_a_falls_severity_is_reckoned_again_by_what_is_missing(name: str, share: float, tmp_path: Path) -> None:
    there = place(name, Policy(direction="below"), tmp_path)
    [event] = events(there, tmp_path)
    told = explain(there, "a", event.start, event.id)
    terms, seconds = told.terms, event.end - event.start
    assert terms is not None
    missing = min(1.0, event.excess / (event.baseline * seconds))
    assert missing == pytest.approx(share, abs=0.03)
    assert event.severity == pytest.approx(25 + 75 * missing * seconds / (seconds + 900))
    assert terms.height == pytest.approx(missing)
    assert (terms.margin, terms.severity) == (None, event.severity)
    assert f"height {missing:.3f} (of the usual volume is missing)" in text(told, 200)
    assert document(told)["terms"]["margin"] is None


def test_a_limit_that_chance_lifts_is_said(tmp_path: Path) -> None:
    there = place("few", Policy(), tmp_path)
    [event] = events(there, tmp_path)
    told = explain(there, "a", event.start, event.id)
    tail = next(step for step in told.rules if step.rule == "tail")
    assert (told.rules[0].limit, tail.limit, tail.figures["by chance"]) == (3, 4, 4)
    assert "by chance 4" in text(told, 200)


def test_a_rise_from_nothing_is_told_and_its_document_is_json(tmp_path: Path) -> None:
    there = place("nothing", Policy(), tmp_path)
    [event] = events(there, tmp_path)
    told = explain(there, "a", event.start, event.id)
    assert "height 1.000 (the limit is 0)" in text(told, 200)
    assert json.loads(json.dumps(document(told), allow_nan=False))["terms"]["margin"] is None
    assert event.severity == pytest.approx(25 + 75 * 1800 / 2700)


def test_what_would_have_to_differ_is_tried(tmp_path: Path) -> None:
    there = place("steady", replace(Policy(), over_percent=500), tmp_path)
    told = explain(there, "a", AT + 700)
    assert told.event is None or told.event.event_class != "policy"
    percent = told.reach.found_at_percent
    assert percent is not None
    assert f"--over-percent {percent:g} finds it" in text(told, 200)
    looser = explain(replace(there, policy=replace(there.policy, over_percent=percent)), "a", AT + 700)
    assert looser.event is not None
    assert looser.event.event_class == "policy"


def test_the_command_explains_the_last_run_and_asks_nothing(tmp_path: Path) -> None:
    rows = ["ts,key,v"]
    for minute, value in enumerate(WORLDS["steady"]):
        rows += [f"{MONDAY + 60 * minute},a,{value:.3f}"] if minute % 5 == 0 else []
    file, output = tmp_path / "own.csv", tmp_path / "out"
    file.write_text("\n".join(rows) + "\n")
    (tmp_path / "truth.csv").write_text(f"key,start,end\na,{AT + 600},{AT + 1320}\n")
    truth = ("--truth", tmp_path / "truth.csv")
    well(sl("discover", file, "--output", output, "--resolution", "5m", "--charts", "0", "--no-html", *truth))
    answer = well(sl("explain", "a", str(AT + 700), "--output", output))
    assert "Tuesday 10:00 UTC in each week" in answer.out
    assert "requests" not in answer.err
    told = json.loads(well(sl("explain", "a", str(AT + 700), "--output", output, "--json")).out)
    assert told["event"]["event_class"] == "policy"
    assert told == json.loads(well(sl("explain", told["event"]["id"][:6], "--output", output, "--json")).out)
    for arguments, said in (
        (("nobody", "2026-01-01"), "no series 'nobody'"),
        (("ffff",), "has no event 'ffff'"),
        (("a",), "for a series, give a time too"),
        (("a", "1999-01-01"), "no data to explain at 1999-01-01"),
        (("a", "soon"), "is not a time"),
    ):
        assert said in refused(sl("explain", *arguments, "--output", output), 2)
    assert "contains no run:" in refused(sl("explain", "a", "--output", tmp_path / "none"), 2)
