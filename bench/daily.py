"""What did not change is not done again: a second run, and a day more, beside a run that starts from nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.processes import Cost, spent

ROUNDS = 1
SIZES = (250, 1000)
START, END, LATER = "2026-09-07", "2026-11-02", "2026-11-03"


def sl(*command: str | Path) -> Cost:
    """What a command of ours costs."""
    return spent("sl.py", *command, "-q")


def _round(folder: Path, customers: int) -> Iterator[tuple[str, Cost, Cost]]:
    """Each thing that is done, what it cost, and what it is compared with."""
    store = folder / "traffic"
    world = ("generate", "--store", store, "--customers", str(customers), "--start", START)
    truth = ("--truth", folder / "ground_truth.csv")
    search = ("discover", "--store", store, *truth)
    made = sl(*world, "--output", folder, "--end", END)
    first = sl(*search, "--output", folder / "kept")
    yield "`discover` again, nothing new", sl(*search, "--output", folder / "kept"), first
    yield "`report` of the same", sl("report", "--output", folder / "kept"), first
    policy = (*search, "--over-percent", "175")
    yield "`discover` with another policy", sl(*policy, "--output", folder / "kept"), first
    yield "`generate`, a day more", sl(*world, "--output", folder, "--end", LATER), made
    more = sl(*search, "--output", folder / "kept")
    yield "`discover`, a day more", more, sl(*search, "--output", folder / "new")


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
    rounds_of = f"{ROUNDS} round{'s' * (ROUNDS > 1)}"
    return "\n".join(
        [
            f"Customers x 8 weeks x 1 min in the embedded store, with labels, pictures and page; {rounds_of}.",
            "Compared with the first run of the same command; for `discover` a day more with one in an empty folder.",
            "Processor seconds are those of all processes, those that draw too.",
            "",
            *lines,
            "",
        ]
    )
