"""A store is the same store by whatever path it is named: what was asked of it once is not asked again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.commands import sl, well


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seeded")
    size = ("--customers", "3", "--start", "2026-09-07", "--end", "2026-10-05")
    well(sl("generate", "--store", "traffic", "--output", ".", *size, cwd=folder))
    (folder / "own").mkdir()
    for name in "ab":
        rows = [f"{1757000000 + 300 * i},{100 + i % 7 + ord(name)}" for i in range(8000)]
        (folder / "own" / f"{name}.csv").write_text("\n".join(["ts,value", *rows]) + "\n")
    (folder / "link").symlink_to(folder)
    return folder


def run(folder: Path, store: str, output: str) -> dict[str, dict[str, int]]:
    given = ("--store", store, "--output", output, "--charts", "0", "--no-html", "--resolution", "10m", "-q")
    well(sl("discover", *given, cwd=folder))
    return dict(json.loads((folder / output / "run.json").read_bytes()))


def tables(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.csv")}


@pytest.mark.parametrize(
    ("first", "others"),
    [
        ("traffic", ("{}/traffic", "./traffic/", "link/traffic", "own/../traffic")),
        ("own/a.csv", ("{}/own/a.csv", "link/own/a.csv", "own/./a.csv")),
        ("own", ("{}/own", "link/own", "own/*.csv", "{}/link/own/?.csv")),
    ],
)
def test_by_another_path_nothing_is_asked_again(first: str, others: tuple[str, ...], seeded: Path) -> None:
    output = f"out-{first.replace('/', '-')}"
    assert run(seeded, first, output)["queries"]["sent"] > 0
    for number, other in enumerate(others):
        store = other.format(seeded)
        again = run(seeded, store, output)
        assert again["queries"]["sent"] == 0, store
        run(seeded, store, f"{output}-{number}")
        assert tables(seeded / output) == tables(seeded / f"{output}-{number}"), store


def test_a_file_by_another_name_is_a_series_by_that_name(seeded: Path, tmp_path: Path) -> None:
    shutil.copytree(seeded / "own", tmp_path / "own")
    (tmp_path / "z.csv").symlink_to(tmp_path / "own" / "a.csv")
    for store, name in (("own/a.csv", "a"), ("z.csv", "z")):
        run(tmp_path, store, "out")
        said = well(sl("discover", store, "--output", "out", "--charts", "0", "--json", cwd=tmp_path)).out
        assert {row["key"] for row in json.loads(said)["not_judged"]["worst"]} <= {name}
        assert json.loads((tmp_path / "out" / "run.json").read_bytes())["points"]["judged hours"] > 0


def test_another_file_at_the_same_path_is_another_store(seeded: Path, tmp_path: Path) -> None:
    shutil.copytree(seeded / "own", tmp_path / "own")
    (tmp_path / "now").symlink_to(tmp_path / "own" / "a.csv")
    run(tmp_path, "now", "out")
    (tmp_path / "now").unlink()
    (tmp_path / "now").symlink_to(tmp_path / "own" / "b.csv")
    assert run(tmp_path, "now", "out")["queries"]["sent"] > 0
