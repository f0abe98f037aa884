"""What cannot be answered: marks of events that are gone, rules that history is too short for, grids without end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.commands import Answer, refused, sl, well
from tests.worlds import MONDAY

DAYS = 5


def rows(days: int, keys: str) -> str:
    rng = np.random.default_rng(3)
    found = ["ts,key,v,w"]
    for key in keys:
        values = 100 + 5 * rng.random(days * 288)
        values[700:712] *= 6
        found += [f"{MONDAY + 300 * place},{key},{value:.2f},{value:.2f}" for place, value in enumerate(values)]
    return "\n".join(found) + "\n"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with five days of two series, a run on them, and policies of other engines."""
    folder = tmp_path_factory.mktemp("vain")
    (folder / "own.csv").write_text(rows(DAYS, "ab"))
    weekly = {
        "name": "week over week",
        "flow": {
            "dataset": {"metrics": ["v"]},
            "evaluation": {"frequency": "300s"},
            "baseline": {"compareMode": "COMPARE_MODE_PREVIOUS_WEEKS", "windowLength": "2419200s"},
        },
        "levels": [
            {
                "severity": "SEVERITY_MAJOR",
                "flow": {"conditions": [{"baseline": {"percentage": 200, "delta": "DELTA_TYPE_ABOVE"}}]},
            }
        ],
    }
    (folder / "weekly.json").write_text(json.dumps(weekly))
    daily = json.loads(json.dumps(weekly))
    daily["name"] = "day over day"
    daily["flow"]["baseline"]["compareMode"] = "COMPARE_MODE_PREVIOUS_DAYS"
    (folder / "daily.json").write_text(json.dumps(daily))
    spike = "name: s\ntype: spike_aggregation\nmetric_agg_type: avg\nmetric_agg_key: v\nspike_height: 3\n"
    for name, days in (("long", 3), ("short", 1)):
        text = f"{spike}spike_type: up\nquery_key: key\ntimeframe: {{days: {days}}}\n"
        (folder / f"{name}.yaml").write_text(text)
    windows = "name: w\ntype: metric_aggregation\nmetric_agg_type: avg\nmetric_agg_key: v\nmax_threshold: 300\n"
    (folder / "windows.yaml").write_text(f"{windows}query_key: key\nbuffer_time: {{days: 6}}\n")
    (folder / "form.json").write_text("[1, 2]")
    (folder / "form.yaml").write_text("type: cardinality\n")
    well(discovered(folder))
    return folder


def discovered(folder: Path, *more: str) -> Answer:
    run = (folder / "own.csv", "--output", folder / "out", "--resolution", "5m", "--charts", "0", "--no-html")
    return sl("discover", *run, *(() if "--value" in more else ("--value", "v")), *more)


SHORT = "of history are known, so that nothing of it can be judged"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--policy-of", "weekly.json"), f"week over week: it looks back 7 d, and 5 d {SHORT}"),
        (("--policy-of", "long.yaml"), f"s: it looks back 6 d, and 5 d {SHORT}"),
        (("--policy-of", "windows.yaml"), f"w: it looks back 6 d, and 5 d {SHORT}"),
        (("--policy-of", "form.json"), "contains no policy of Kentik's v202505 API"),
        (("--policy-of", "form.yaml"), "rules of the type 'cardinality' are not judged"),
        (("--policy-of", "5G"), "it is not a known policy"),
        (("--policy-of", "static=many"), "'many' is not a valid value"),
        (("--vary", "over-percent=1..1000000/1"), "makes 1,000,000 policies; the limit is 5,000"),
        (("--vary", "over-percent=1..1e12/1"), "makes 1,000,000,000,000 policies; the limit is 5,000"),
        (("--vary", "over-percent=1..inf/1"), "a range goes up in steps"),
        (("--vary", "over-percent=1..1000/1", "--vary", "matches=1..1000/1"), "--vary makes 1,000,000 policies"),
        (("--vary", "over-percent=nan"), "over_percent is nan, it must be 0 or more"),
        (("--vary", "classes=loud"), "unknown class 'loud'"),
        (("--truth", "none.csv"), "file not found"),
        (("--budget", "few"), "--budget 'few'"),
    ],
)
def test_what_tune_cannot_answer_is_one_line(ran: Path, arguments: tuple[str, ...], said: str) -> None:
    there = [str(ran / one) if one.endswith((".json", ".yaml", ".csv")) else one for one in arguments]
    assert said in refused(sl("tune", "--output", ran / "out", *there), 2)


@pytest.mark.parametrize("policy", ["weekly.json", "long.yaml", "windows.yaml"])
def test_a_policy_that_history_is_too_short_for_ends_discover_before_it_searches(ran: Path, policy: str) -> None:
    before = (ran / "out" / "run.json").read_bytes()
    answer = discovered(ran, "--policy-of", str(ran / policy))
    assert answer.code == 2
    (line,) = [one for one in answer.err.splitlines() if "using ts, key, v" not in one]
    assert line.startswith("sl: --policy-of ")
    assert SHORT in line
    assert (ran / "out" / "run.json").read_bytes() == before


@pytest.mark.parametrize(("policy", "share"), [("daily.json", "80 %"), ("short.yaml", "60 %")])
def test_a_policy_that_judges_a_part_of_the_hours_says_so(ran: Path, policy: str, share: str) -> None:
    told = well(
        sl("tune", "--output", ran / "out", "--vary", "over-percent=200", "--policy-of", ran / policy, "--json")
    )
    (row,) = [one for one in json.loads(told.out)["elsewhere"] if one["engine"] != "sl"]
    assert f"{share} of the hours are judged, for the others" in row["not_emulated"]


def test_marks_of_events_that_are_gone_are_told_and_count_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(rows(21, "abc"))
    found = well(discovered(tmp_path, "--json"))
    events = [one for one in json.loads(found.out)["events"] if one["class"] == "policy"]
    assert len(events) == 3
    for event in events:
        well(sl("mark", event["event_id"], "right", "--output", tmp_path / "out"))
    assert "marks do not count" not in well(discovered(tmp_path)).err
    (tmp_path / "own.csv").write_text(rows(21, "a"))
    answer = well(discovered(tmp_path, "--json"))
    assert json.loads(answer.out)["scores"]["hits"] == 1
    (line,) = [one for one in answer.err.splitlines() if "do not count" in one]
    assert "2 marks do not count because their series or time was not read, such as b at" in line
    answer = well(sl("tune", "--output", tmp_path / "out", "--vary", "over-percent=100,200"))
    assert "2 marks do not count" in answer.err
    assert "only 1 incident; at least 5 are needed" in answer.out
    later = well(discovered(tmp_path, "--start", str(MONDAY + 7 * 86400)))
    assert "3 marks do not count" in later.err
    other = well(discovered(tmp_path, "--value", "w"))
    assert "3 marks do not count because they belong to another store or metric, such as v of" in other.err
    gone = events[1]["event_id"]
    assert "has no event" in refused(sl("mark", gone, "right", "--output", tmp_path / "out"), 2)
    assert "mark removed" in well(sl("mark", gone, "none", "--output", tmp_path / "out")).out
