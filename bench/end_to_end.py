"""generate and discover, with CSV and PNG, beside the same job in plain pandas (bench/twin.py)."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from bench.paired import HEADER, Ratio
from bench.processes import Cost, spent

CUSTOMERS, WEEKS, ROUNDS = 250, 8, 3


def report() -> str:
    """The section of docs/benchmarks.md."""
    ours, theirs, again = [], [], []
    for _ in range(ROUNDS):
        with TemporaryDirectory() as folder:
            where = ("--store", Path(folder, "traffic"), "--output", folder)
            size = ("--customers", str(CUSTOMERS), "--weeks", str(WEEKS))
            made = spent("sl.py", "generate", *where, *size, "-q")
            found = spent("sl.py", "discover", *where, "-q")
            again.append(spent("sl.py", "discover", *where, "-q").wall / found.wall)
            ours.append(
                Cost(
                    made.wall + found.wall,
                    made.processor + found.processor,
                    max(made.peak_mib, found.peak_mib),
                )
            )
        with TemporaryDirectory() as folder:
            theirs.append(spent("-m", "bench.twin", str(CUSTOMERS), str(WEEKS), folder))
    clock = Ratio(tuple(one.wall for one in ours), tuple(one.wall for one in theirs))
    processor = Ratio(tuple(one.processor for one in ours), tuple(one.processor for one in theirs))
    return "\n".join(
        [
            f"{CUSTOMERS} customers x {WEEKS} weeks x 1 min, whole processes, {ROUNDS} rounds in turn, generate to",
            "pictures and page. Ours keeps every answer of the store and peaks at",
            f"{max(one.peak_mib for one in ours):.0f} MiB, beside processes that draw (70 MiB each); the twin peaks at",
            f"{max(one.peak_mib for one in theirs):.0f} MiB. A second discover takes {min(again):.2f} of the first",
            "one's time.",
            "",
            HEADER,
            clock.row("plain pandas, by the clock", "5.5x"),
            processor.row("plain pandas, of all processors", "-"),
            "",
        ]
    )
