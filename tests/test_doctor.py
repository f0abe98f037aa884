"""`doctor`: what is there, in a few seconds, and a line and an exit code for what is not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from analyzer.checkup import examine
from tests.commands import ROOT, sl
from tests.conformance import MONDAY, write_embedded
from traffic.errors import StorageFailure
from traffic.store import Columns


def processor() -> float:
    """Seconds of work, not of waiting for a busy machine."""
    spent = os.times()
    return spent.children_user + spent.children_system


def lines(*arguments: str | Path, cwd: Path = ROOT, code: int = 0) -> dict[str, str]:
    begun = processor()
    answer = sl("doctor", "--json", *arguments, cwd=cwd)
    assert processor() - begun < 5
    assert answer.code == code, answer
    assert answer.err == ""
    return {name: line["text"] for name, line in json.loads(answer.out).items()}


def test_a_store_of_ours_is_described(tmp_path: Path) -> None:
    write_embedded({"a": {MONDAY + 60 * i: 1 for i in range(600) if i % 10}, "b": {MONDAY: 1}}, tmp_path / "store")
    found = lines("--store", tmp_path / "store", "--output", tmp_path)
    assert "bits (sum of network.bytes in bit/s)" in found["store"]
    assert found["series"] == "2: a, b"
    assert found["extent"] == "2025-01-06T00:00:00Z to 2025-01-06T10:00:00Z (10 h)"
    assert found["step"] == "a value every 1 min"
    assert found["gaps"].startswith("9.8% of the last week's buckets of 1 min are missing")
    assert "numpy" in found["packages"]


def test_a_file_of_ones_own_is_described(tmp_path: Path) -> None:
    rows = "".join(f"{MONDAY + 300 * i},{key},{i}\n" for i in range(50) for key in "ab") + f"{MONDAY},,1\n"
    (tmp_path / "rows.csv").write_text("when,host,load\n" + rows)
    found = lines("--store", "rows.csv", cwd=tmp_path)
    assert found["columns"] == "using when, host, load"
    assert found["rows"] == "1 row left out: without a key"
    assert found["step"] == "a value every 5 min"
    assert found["gaps"].startswith("0.0%")


def test_of_a_large_file_only_the_beginning_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from analyzer import checkup

    monkeypatch.setattr(checkup, "_LARGE", 100)
    (tmp_path / "rows.csv").write_text("ts,key,value\n" + "".join(f"{MONDAY + 60 * i},a,{i}\n" for i in range(50)))
    found, code = checkup.examine(str(tmp_path / "rows.csv"), Columns(), None, tmp_path)
    text = {line.name: line.text for line in found}
    assert code == 0
    assert "only the first 50 rows were read" in text["store"]
    assert text["step"] == "a value every 1 min"


def test_a_store_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path) -> None:
    write_embedded({"a": {MONDAY: 1}}, tmp_path / "output" / "traffic")
    (tmp_path / "flows.csv").write_text("")
    found = lines("--store", "nowhere", cwd=tmp_path, code=2)
    assert "no store nowhere" in found["store"]
    assert "use one of those here (output/traffic, flows.csv)" in found["store"]


def test_what_is_wrong_decides_the_exit_code(tmp_path: Path) -> None:
    (tmp_path / "junk.parquet").write_bytes(b"junk")
    assert "not a Parquet file" in lines("--store", tmp_path / "junk.parquet", code=7)["store"]
    answer = sl("doctor", "--store", tmp_path / "junk.parquet")
    assert [line.split()[0] for line in answer.out.splitlines()].count("--") == 1
    assert "\x1b" not in answer.out


def test_a_folder_that_cannot_be_written_is_not_laid_on_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_embedded({"a": {MONDAY: 1}}, tmp_path / "store")
    monkeypatch.setattr("analyzer.checkup.os.access", lambda _path, _mode: False)
    found, code = examine(str(tmp_path / "store"), Columns(), None, tmp_path / "output")
    assert [line.name for line in found if not line.ok] == ["folders"]
    assert code == StorageFailure.exit_code


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_asks_the_program_that_was_typed(shell: str) -> None:
    script = sl("completion", shell).out
    typed = {"bash": "$1", "zsh": "${words[1]}", "fish": "(commandline -opc)[1]"}[shell]
    assert f"{shell}_complete" in script
    assert typed in script
    assert "_complete sl.py" not in script
    assert "commands[sl.py]" not in script


def test_a_shell_is_given_commands_and_options() -> None:
    answer = sl("--help", COMP_WORDS="sl.py doc", COMP_CWORD="1", _SL_PY_COMPLETE="bash_complete")
    assert answer.out.strip() == "plain,doctor"
    answer = sl("--help", COMP_WORDS="sl.py export --format p", COMP_CWORD="3", _SL_PY_COMPLETE="bash_complete")
    assert answer.out.strip() == "plain,parquet"
