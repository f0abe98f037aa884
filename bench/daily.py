"""What did not change is not done again: a second run, and a day more, beside a run that starts from nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.processes import ROOT

ROUNDS = 2
SIZES = (250, 1000)
START, END, LATER = "2026-09-07", "2026-11-02", "2026-11-03"


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock, and of all processors."""

    wall: float
    processor: float


def spent(*command: str | Path) -> Cost:
    """What a command and all that it starts costs.

    Raises:
        SystemExit: it failed, with what it said.
    """
    begun = time.perf_counter()
    whole = [sys.executable, "-m", "bench.reaper", sys.executable, "sl.py", *map(str, command), "-q"]
    done = subprocess.run(whole, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(whole)} failed:\n{done.stderr}")
    return Cost(time.perf_counter() - begun, float(done.stdout))


def _round(folder: Path, customers: int) -> Iterator[tuple[str, Cost, Cost]]:
    """Each thing that is done, what it cost, and what it is compared with."""
    store = folder / "traffic"
    world = ("generate", "--store", store, "--customers", str(customers), "--start", START)
    truth = ("--truth", folder / "ground_truth.csv")
    search = ("discover", "--store", store, *truth)
    made = spent(*world, "--output", folder, "--end", END)
    first = spent(*search, "--output", folder / "kept")
    yield "`discover` again, nothing new", spent(*search, "--output", folder / "kept"), first
    yield "`report` of the same", spent("report", "--output", folder / "kept"), first
    policy = (*search, "--over-percent", "175")
    yield "`discover` with another policy", spent(*policy, "--output", folder / "kept"), first
    yield "`generate`, a day more", spent(*world, "--output", folder, "--end", LATER), made
    more = spent(*search, "--output", folder / "kept")
    yield "`discover`, a day more", more, spent(*search, "--output", folder / "new")


def report() -> str:
    """The section of docs/benchmarks.md."""
    lines = [
        "| | processor, s | compared with, s | processor, of that | clock, of that |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for customers in SIZES:
        rounds: dict[str, list[tuple[Cost, Cost]]] = {}
        for _ in range(ROUNDS):
            with TemporaryDirectory() as folder:
                for name, cost, other in _round(Path(folder), customers):
                    rounds.setdefault(name, []).append((cost, other))
        for name, pairs in rounds.items():
            processor = [a.processor / b.processor for a, b in pairs]
            wall = [a.wall / b.wall for a, b in pairs]
            lines.append(
                f"| {customers:,}: {name} | {median(a.processor for a, _ in pairs):.1f} "
                f"| {median(b.processor for _, b in pairs):.1f} | **{median(processor):.2f}** "
                f"({min(processor):.2f}-{max(processor):.2f}) | {median(wall):.2f} ({min(wall):.2f}-{max(wall):.2f}) |"
            )
    return "\n".join(
        [
            f"Customers x 8 weeks x 1 min in the embedded store, with labels, pictures and page; {ROUNDS} rounds.",
            "Compared with the first run of the same command; for `discover` a day more with one in an empty folder.",
            "Processor seconds are those of all processes, those that draw too.",
            "",
            *lines,
            "",
        ]
    )
