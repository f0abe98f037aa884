"""One scenario, as a person generates it, and what `discover` says of it: the same in every store that takes it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.commands import sl, well

# The default scenario, with fewer customers and weeks.
WORLD = ("--customers", "4", "--start", "2026-09-07", "--end", "2026-10-05")
POINTS = 4 * 4 * 7 * 24 * 60
SAME = ("events.csv", "comparison.csv", "suppressed.csv", "not_judged.csv")


def in_a_folder(output: Path) -> Path:
    """The world in the embedded store, and what is found there."""
    where = ("--store", output / "traffic", "--output", output)
    well(sl("generate", *WORLD, *where))
    well(sl("discover", *where, "--charts", "0"))
    scores = json.loads((output / "run.json").read_text())["scores"]
    assert (scores["hits"] >= 2, scores["misses"]) == (True, 0), "a world in which there is nothing shows nothing"
    return output


def found(store: str, embedded: Path, output: Path) -> dict[str, bool]:
    """Which tables of a run on `store` are those of the embedded store."""
    shutil.copy(embedded / "ground_truth.csv", output)
    well(sl("discover", "--store", store, "--output", output, "--charts", "0"))
    return {name: (output / name).read_bytes() == (embedded / name).read_bytes() for name in SAME}
