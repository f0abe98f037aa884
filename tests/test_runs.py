"""runs.json: a document a run, whole at any time, and what `./sl.py runs` says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tinydb import TinyDB

from analyzer import runs as module
from analyzer.cli.runs import HEAD
from analyzer.database import AtomicJson
from analyzer.runs import DAMAGED, RUNS, document, record, runs
from tests.commands import refused, sl, well
from tests.findings_maker import make_findings
from tests.worlds import MONDAY
from traffic.errors import StorageFailure
from traffic.times import iso

COST = {"queries": {"sent": 3, "cached": 4}, "points": {"read": 5}, "seconds": {"search": 1.5}}


def test_a_database_is_a_line_a_document_and_read_as_it_was_written(tmp_path: Path) -> None:
    said = {"runs": {"2": {"store": "caf\udce9\n", "of": {"b": [1.5, None], "a": 1}}, "10": {}}, "empty": {}}
    database = AtomicJson(tmp_path / RUNS)
    database.write(said)
    assert database.read() == said
    assert (tmp_path / RUNS).read_text(encoding="utf-8").splitlines() == [
        '{"empty": {',
        "",
        '},"runs": {',
        '"10": {},',
        '"2": {"of": {"a": 1, "b": [1.5, null]}, "store": "caf\\udce9\\n"}',
        "}}",
    ]


def test_a_document_says_what_was_asked_for_what_came_out_and_what_it_cost() -> None:
    findings = make_findings(7, traces=0)
    found = document(findings, {"store": "x", "output": Path("out"), "user": None}, COST, MONDAY)
    assert found["at"] == iso(MONDAY)
    assert found["settings"] == {"store": "x", "output": "out", "user": None}
    assert found["policy"]["over_percent"] == findings.policy.over_percent
    assert found["counts"] == {
        "keys": len(findings.keys),
        "events": 7,
        "not_judged": found["counts"]["not_judged"],
        "queries": COST["queries"],
        "points": COST["points"],
    }
    assert 0 <= found["counts"]["not_judged"] <= 1
    assert found["scores"]["hits"] == findings.verdict.hits if findings.verdict else found["scores"] is None
    assert document(make_findings(1, truth=False, traces=0), {}, COST, MONDAY)["scores"] is None
    json.dumps(found)


def test_runs_are_numbered_and_read_back_in_order_and_by_tinydb(tmp_path: Path) -> None:
    assert runs(tmp_path) == []
    for number in range(12):
        assert record(tmp_path, {"note": number}) is None
    assert runs(tmp_path) == [{"run": number + 1, "note": number} for number in range(12)]
    with TinyDB(tmp_path / RUNS, access_mode="r") as database:
        assert len(database.table("runs")) == 12
    assert [path.name for path in tmp_path.iterdir()] == [RUNS]


def test_of_many_runs_the_newest_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    for number in range(6):
        record(tmp_path, {"note": number})
        kept = range(max(0, number - 2), number + 1)
        assert [(run["run"], run["note"]) for run in runs(tmp_path)] == [(one + 1, one) for one in kept]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"runs": []}', '{"runs": {"1": {"no": "number"}}}', '{"other": {}}'])
def test_a_file_that_is_none_of_ours_is_put_aside_and_said(text: str, tmp_path: Path) -> None:
    (tmp_path / RUNS).write_text(text)
    with pytest.raises(StorageFailure, match=DAMAGED):
        runs(tmp_path)
    said = record(tmp_path, {"note": 1})
    assert said is not None
    assert DAMAGED in said
    assert (tmp_path / DAMAGED).read_text() == text
    assert runs(tmp_path) == [{"run": 1, "note": 1}]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / RUNS).mkdir()
    with pytest.raises(StorageFailure):
        record(tmp_path / "missing", {"note": 1})


def test_the_command_lists_every_run_of_discover(tmp_path: Path) -> None:
    world = ("--customers", "3", "--start", "2026-09-07", "--end", "2026-10-05")
    own = ("--store", tmp_path / "traffic", "--output", tmp_path)
    well(sl("generate", *own, *world, "-q"))
    assert "no runs recorded" in well(sl("runs", "--output", tmp_path)).out
    for percent in ("200", "5000"):
        well(sl("discover", *own, "--charts", "0", "--over-percent", percent, "-q"))
    lines = well(sl("runs", "--output", tmp_path)).out.splitlines()
    assert len(lines) == 3
    assert lines[0].split() == list(HEAD)
    assert [line.split()[0] for line in lines[1:]] == ["1", "2"]
    assert "200 %, 2 in 10 min" in lines[1]
    assert "5000 %" in lines[2]
    (last,) = json.loads(well(sl("runs", "--output", tmp_path, "--last", "1", "--json")).out)
    run = json.loads((tmp_path / "run.json").read_text())
    assert last["scores"] == run["scores"]
    assert last["counts"]["events"] == run["findings"]["events"]
    assert last["settings"]["over_percent"] == 5000
    assert last["counts"]["queries"]["sent"] == 0, "another policy asks for nothing again"


def test_no_secret_of_a_store_is_in_it_and_a_wrong_folder_is_one_line(tmp_path: Path) -> None:
    assert "there is no folder" in refused(sl("runs", "--output", tmp_path / "nowhere"), 2)
    lines = ["time,key,value", *(f"{MONDAY + 300 * i},a,{i % 7}" for i in range(100))]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    store = ("--store", tmp_path / "rows.csv", "--output", tmp_path, "--charts", "0", "-q")
    well(sl("discover", *store, SL_USER="somebody", ELASTIC_PASSWORD="s3cr3t", KENTIK_API_PASSWORD="s3cr3t"))
    text = (tmp_path / RUNS).read_text()
    assert "s3cr3t" not in text
    assert "somebody" not in text
