"""Marks as labels, runs against each other, and the verdict for any other detector's events."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands import refused, sl, well
from tests.test_tune import incidents
from tests.worlds import MONDAY


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("marks")
    incidents(folder, 6)
    return folder


def found(folder: Path, *more: str) -> dict[str, Any]:
    run = (folder / "own.csv", "--output", folder / "out", "--resolution", "5m", "--charts", "0", "--no-html")
    answer: dict[str, Any] = json.loads(well(sl("discover", *run, "--over-percent", "100", "--json", *more)).out)
    return answer


def test_marks_are_labels_in_the_next_verdict_and_unmarked_events_count_neither_way(ran: Path) -> None:
    out = ran / "out"
    events = [event for event in found(ran)["events"] if event["class"] == "policy"]
    assert len(events) == 6
    right, wrong = events[0]["event_id"], events[1]["event_id"]
    assert "discover counts it as a label" in well(sl("mark", right[:8], "right", "--output", out)).out
    well(sl("mark", wrong, "wrong", "--note", "nightly backup", "--output", out))
    again = found(ran)
    assert again["scores"]["hits"] == 1
    assert again["scores"]["misses"] == 0
    assert again["scores"]["false_alarms"] == 1
    assert again["scores"]["decoys_fired"] == 1
    verdicts = {event["event_id"]: event["verdict"] for event in again["events"] if event["class"] == "policy"}
    assert (verdicts[right], verdicts[wrong]) == ("hit", "false alarm")
    assert set(verdicts.values()) == {"hit", "false alarm", "neutral"}
    stricter = found(ran, "--over-percent", "400")
    assert (stricter["scores"]["hits"], stricter["scores"]["misses"]) == (0, 1)
    with_truth = found(ran, "--truth", str(ran / "truth.csv"))
    assert with_truth["scores"]["hits"] == 6, "a mark on what the truth speaks of is not counted twice"
    listed = json.loads(well(sl("mark", "--output", out, "--json")).out)
    assert [(one["event_id"], one["opinion"], one["note"]) for one in listed] == [
        (right, "right", ""),
        (wrong, "wrong", "nightly backup"),
    ]
    well(sl("mark", wrong, "right", "--output", out))
    assert found(ran)["scores"]["hits"] == 2
    well(sl("mark", wrong, "none", "--output", out))
    well(sl("mark", right, "none", "--output", out))
    assert found(ran)["scores"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ffffffff", "right"), "has no event 'ffffffff'"),
        (("", "right"), "events of the last run have an id that begins with ''"),
        (("ffff", "none"), "0 marks begin with 'ffff'"),
        (("ffff",), "right, wrong or none"),
    ],
)
def test_a_mark_on_nothing_is_one_line(ran: Path, arguments: tuple[str, ...], said: str) -> None:
    found(ran)
    assert said in refused(sl("mark", *arguments, "--output", ran / "out"), 2)


def test_marks_that_cannot_be_read_are_not_overwritten(ran: Path) -> None:
    events = found(ran)["events"]
    (ran / "out" / "marks.json").write_text("{broken")
    assert "marks.json is damaged" in refused(sl("mark", events[0]["event_id"], "right", "--output", ran / "out"), 7)
    assert (ran / "out" / "marks.json").read_text() == "{broken"
    (ran / "out" / "marks.json").unlink()


def test_two_runs_are_compared_event_by_event_and_by_setting(ran: Path) -> None:
    out = ran / "out"
    found(ran)
    found(ran, "--over-percent", "300", "--matches", "3")
    runs = [run["run"] for run in json.loads(well(sl("runs", "--output", out, "--json")).out)][-2:]
    answer = json.loads(well(sl("compare", *map(str, runs), "--output", out, "--json")).out)
    assert (answer["same"], len(answer["new"]), len(answer["gone"]), answer["moved"]) == (0, 0, 6, [])
    alone = {one["setting"]: (one["before"], one["after"], one["gone"]) for one in answer["settings"]}
    assert alone == {"over_percent": ("100", "300", 6), "matches": ("2", "3", 0)}
    back = well(sl("compare", *map(str, reversed(runs)), "--output", out)).out
    assert "6 new, 0 gone" in back
    assert "over_percent: 300 -> 100" in back
    same = well(sl("compare", str(runs[0]), str(runs[0]), "--output", out)).out
    assert "their policies are the same" in same
    assert "there is no run 999" in refused(sl("compare", "1", "999", "--output", out), 2)


def test_another_detectors_events_get_the_verdict_that_discover_gives_its_own(ran: Path) -> None:
    out = ran / "out"
    own = found(ran, "--truth", str(ran / "truth.csv"))["scores"]
    policy = [row for row in csv.DictReader((out / "events.csv").read_text().splitlines()) if row["class"] == "policy"]
    (ran / "mine.csv").write_text("key,start,end\n" + "".join(f"{r['key']},{r['start']},{r['end']}\n" for r in policy))
    options = ("--events", ran / "mine.csv", "--truth", ran / "truth.csv", "--resolution", "5m", "--output", out)
    scored = json.loads(well(sl("score", *options, "--json")).out)
    assert {name: scored[name] for name in ("hits", "misses", "false_alarms", "f1")} == {
        name: own[name] for name in ("hits", "misses", "false_alarms", "f1")
    }
    wrong = (ran / "mine.csv").read_text() + f"a,{MONDAY + 9000},{MONDAY + 9600}\na,{MONDAY + 9000},{MONDAY + 9600}\n"
    (ran / "mine.csv").write_text(wrong)
    text = well(sl("score", *options)).out
    assert "false alarms            2" in text, "the same event twice is two alarms"
    assert "file not found" in refused(sl("score", "--events", "no.csv", *options[2:]), 2)
    (ran / "bad.csv").write_text("key,start\na,2\n")
    assert "column 'end' is missing" in refused(sl("score", "--events", ran / "bad.csv", *options[2:]), 2)


def test_exported_rows_say_whether_something_was_happening(ran: Path) -> None:
    file = ran / "labelled.csv"
    well(sl("export", ran / "own.csv", "--file", file, "--labels", ran / "truth.csv", "--resolution", "5m"))
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert set(rows[0]) == {"time", "key", "v", "label"}
    assert sum(row["label"] == "1" for row in rows) == 6 * 6
    assert all(float(row["v"]) > 200 for row in rows if row["label"] == "1")
    assert {row["label"] for row in rows} == {"0", "1"}


def test_labels_of_keys_that_the_store_does_not_hold_are_said_to_be_left_out(ran: Path) -> None:
    truth = ran / "more.csv"
    truth.write_text((ran / "truth.csv").read_text() + f"A,{MONDAY + 9000},{MONDAY + 9900}\n")
    run = (ran / "own.csv", "--output", ran / "out", "--resolution", "5m", "--charts", "0", "--no-html", "-q")
    assert (
        "labels ignored because their series were not read: 1 ('A')" in well(sl("discover", *run, "--truth", truth)).err
    )
    assert "labels ignored because" not in well(sl("discover", *run, "--truth", ran / "truth.csv")).err
