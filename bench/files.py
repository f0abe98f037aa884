"""A user's own large CSV, made by our generator: a whole `discover` beside what DuckDB takes for the same file."""

from __future__ import annotations

import os
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

from bench.processes import Spent, generate, run

ROWS, WEEKS, ROUNDS = 100_000_000, 8, 2
"""5 GB. `python -m bench files --rows N` takes fewer."""
_A_CUSTOMER = WEEKS * 7 * 1440

ASK = """
import duckdb, sys
database = duckdb.connect()
database.execute("SET enable_progress_bar = false")
print(database.execute(f"SELECT {sys.argv[2]} FROM read_csv(?)", sys.argv[1:2]).fetchone()[0])
"""


def ask(path: Path, what: str) -> Spent:
    """DuckDB alone, with its own settings, in a process of its own."""
    return run("-c", ASK, path, what)


def warm(path: Path) -> None:
    """Have the file in the page cache, as far as that goes: how fast a disk is, is not measured here."""
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass


def processor() -> float:
    """Seconds of processor time of all processes that were waited for."""
    spent = os.times()
    return spent.children_user + spent.children_system


def report(rows: int = ROWS) -> str:
    """The section of docs/benchmarks.md."""
    customers = max(1, round(rows / _A_CUSTOMER))
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        path = folder / "traffic.csv"
        generate(folder, customers, WEEKS)
        exported = run("sl.py", "export", "--store", folder / "traffic", "--file", path, "-q")
        rmtree(folder / "traffic")
        size, lines, table, work, clock, peaks = path.stat().st_size, 0, [], [], [], []
        for attempt in range(ROUNDS):
            warm(path)
            started = processor()
            counted = ask(path, "count(*)")
            after_count = processor()
            read = ask(path, "max(time) || max(key) || max(bits)")
            after_read = processor()
            output = folder / str(attempt)
            ours = run("sl.py", "discover", "--store", path, "--output", output, "--charts", "0", "-q")
            counting, reading, spent = after_count - started, after_read - after_count, processor() - after_read
            lines = int(counted.said)
            work.append(spent / counting)
            clock.append(ours.seconds / counted.seconds)
            peaks.append(ours.peak_mib)
            table.append(
                f"| {counting:.1f} s, {counted.seconds:.1f} s | {reading:.1f} s, {read.seconds:.1f} s "
                f"| {spent:.1f} s, {ours.seconds:.1f} s | **{work[-1]:.1f}x** | {clock[-1]:.1f}x "
                f"| {spent / reading:.1f}x | {ours.peak_mib:,.0f} MiB |"
            )
    head = "| count(*) | reading all values | `discover` | to count(*) | by the clock | to reading | peak memory |"
    return "\n".join(
        [
            f"{lines / 1e6:.1f} M rows of CSV ({size / 1e9:.1f} GB), written by `generate` and by `export`",
            f"({lines / exported.seconds / 1e6:.1f} M rows/s), and read once before, so that it lies in memory",
            "where that is large enough. `discover --charts 0` is the whole command; DuckDB's count(*) looks at no",
            "value, so what it takes to read them stands beside it. Seconds are of the processor, then by the clock;",
            "ratios are of the processor, which does not depend on what else the machine does.",
            "",
            head,
            "| ---: " * 7 + "|",
            *table,
            "",
            f"Goal: 5x of count(*), 1,024 MiB. Measured: {min(work):.1f}x to {max(work):.1f}x,",
            f"{min(clock):.1f}x to {max(clock):.1f}x by the clock, {max(peaks):,.0f} MiB.",
            "",
        ]
    )
