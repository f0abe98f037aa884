"""A run with nothing new loads what was saved: its files are those of a run that starts with an empty folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Answer, sl, well

LOGS = {"run.json", "runs.json", "buffer_log.json", ".lock"}
"""What a run cost stands in these."""


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated world that was searched once. Not to be changed."""
    folder = tmp_path_factory.mktemp("seeded")
    size = ("--customers", "6", "--start", "2026-09-07", "--end", "2026-10-05")
    well(sl("generate", "--store", "traffic", "--output", ".", *size, cwd=folder))
    well(discover(folder))
    return folder


@pytest.fixture
def world(seeded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(seeded, tmp_path / "world", copy_function=shutil.copy2))


def discover(folder: Path, *more: str, output: str = "out") -> Answer:
    given = ("--store", "traffic", "--output", output, "--truth", "ground_truth.csv", "--charts", "2")
    return sl("discover", *given, *more, cwd=folder)


def files(folder: Path) -> dict[str, bytes]:
    """What a run wrote, but for what it cost."""
    found = [path for path in folder.rglob("*") if path.is_file() and path.name not in LOGS]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found if path.suffix != ".slc"}


def run_json(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "run.json").read_text()))


def searched(folder: Path) -> bool:
    return "search" in run_json(folder)["seconds"]


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_run_with_nothing_new_is_not_searched_and_writes_and_says_what_a_first_one_does(
    form: tuple[str, ...], world: Path
) -> None:
    times = {path: path.stat().st_mtime_ns for path in (world / "out").rglob("*.png")}
    again, first = well(discover(world, *form)), well(discover(world, *form, output="new"))
    assert not searched(world / "out")
    assert searched(world / "new")
    assert again.out.replace(" out:", " new:") == first.out
    assert again.err == first.err
    assert files(world / "out") == files(world / "new")
    mine, theirs = run_json(world / "out"), run_json(world / "new")
    cost = {"seconds", "queries", "points", "settings"}
    assert {name: mine[name] for name in mine.keys() - cost} == {name: theirs[name] for name in mine.keys() - cost}
    assert mine["queries"]["sent"] == mine["points"]["read"] == 0
    assert mine["points"]["judged hours"] == theirs["points"]["judged hours"]
    assert {path: path.stat().st_mtime_ns for path in times} == times


def grown(folder: Path) -> None:
    size = ("--customers", "6", "--start", "2026-09-07", "--end", "2026-10-06")
    well(sl("generate", "--store", "traffic", "--output", ".", *size, cwd=folder))


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return change


def without(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return change


def told(*command: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        well(sl(*command, "--output", "out", cwd=folder))

    return change


def nothing(_folder: Path) -> None:
    """All stays as it was."""


@pytest.mark.parametrize(
    ("change", "options", "anew"),
    [
        pytest.param(nothing, ("--over-percent", "150"), True, id="another policy"),
        pytest.param(nothing, ("--end", "2026-10-01"), True, id="another window"),
        pytest.param(nothing, ("--by", "none"), False, id="the same in other words"),
        pytest.param(nothing, ("--title", "ours"), False, id="another title"),
        pytest.param(nothing, ("--charts", "0"), False, id="no pictures"),
        pytest.param(nothing, ("--original-files",), False, id="files of the original"),
        pytest.param(grown, (), True, id="a day more"),
        pytest.param(edit("ground_truth.csv", ",required,", ",optional,"), (), True, id="another truth"),
        pytest.param(edit("out/events.csv", ",policy,", ",unusual,"), (), True, id="a table that was edited"),
        pytest.param(edit("out/run.json", '"over_percent": 200', '"over_percent": 201'), (), True, id="an edited run"),
        pytest.param(without("out/events.png"), (), False, id="a picture that is gone"),
        pytest.param(without("out/run.json"), (), True, id="no run"),
        pytest.param(told("cache", "--clear"), (), True, id="an emptied cache"),
        pytest.param(told("report", "--charts", "4", "--explain", "1"), (), False, id="a report since"),
        pytest.param(told("report", "--charts", "0", "--no-html"), (), False, id="a report without pictures since"),
    ],
)
def test_whatever_changed_a_run_ends_with_the_files_of_a_first_one(
    change: Callable[[Path], None], options: tuple[str, ...], anew: bool, world: Path
) -> None:
    change(world)
    again, first = well(discover(world, *options)), well(discover(world, *options, output="new"))
    assert searched(world / "out") == anew
    assert again.out.replace(" out:", " new:") == first.out
    assert files(world / "out") == files(world / "new")


def test_a_damaged_answer_is_no_part_of_what_is_loaded_and_is_reported_when_it_is_needed(world: Path) -> None:
    before = files(world / "out")
    for path in (world / "out" / "buffer_cache").rglob("*.slc"):
        path.write_bytes(path.read_bytes()[:-5])
    again = well(discover(world))
    assert not searched(world / "out")
    assert files(world / "out") == before
    assert "damaged" not in again.err
    needed = well(discover(world, "--over-percent", "150"))
    assert needed.err.count("damaged cache entries") == 1
    well(discover(world, "--over-percent", "150", output="new"))
    assert files(world / "out") == files(world / "new")


def test_files_of_ones_own_that_did_not_change_are_not_searched_again(world: Path) -> None:
    rows = [f"{1757000000 + 300 * i},{'ab'[i % 2]},{100 + i % 7}" for i in range(5000)]
    (world / "rows.csv").write_text("\n".join(["ts,key,value", *rows]) + "\n")
    said = []
    for output, anew in (("own", True), ("own", False), ("cold", True)):
        given = ("--resolution", "10m", "--charts", "0", "--output", output)
        said.append(well(sl("discover", "rows.csv", *given, cwd=world)).err)
        assert searched(world / output) == anew
    assert files(world / "own") == files(world / "cold")
    assert said[0] == said[2] == said[1]
