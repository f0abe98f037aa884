"""A user's own large CSV, made by our generator: a whole `discover` beside what DuckDB takes for the same file."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.processes import Spent, generate, run

CUSTOMERS, WEEKS, ROUNDS = 1250, 8, 2
"""100 million rows, 5 GB. SL_BENCH_CUSTOMERS takes fewer."""

ASK = """
import duckdb, sys
database = duckdb.connect()
database.execute("SET enable_progress_bar = false")
print(database.execute(f"SELECT {sys.argv[2]} FROM read_csv(?)", sys.argv[1:2]).fetchone()[0])
"""


def ask(path: Path, what: str) -> Spent:
    """DuckDB alone, with its own settings, in a process of its own."""
    return run("-c", ASK, path, what)


def processor() -> float:
    """Seconds of processor time of all processes that were waited for."""
    spent = os.times()
    return spent.children_user + spent.children_system


def report() -> str:
    """The section of docs/benchmarks.md."""
    customers = int(os.environ.get("SL_BENCH_CUSTOMERS", CUSTOMERS))
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        path = folder / "traffic.csv"
        generate(folder, customers, WEEKS)
        exported = run("sl.py", "export", "--store", folder / "traffic", "--file", path, "-q")
        size, lines, table, ratios, peaks = path.stat().st_size, 0, [], [], []
        for attempt in range(ROUNDS):
            started = processor()
            counted = ask(path, "count(*)")
            after_count = processor()
            read = ask(path, "max(time) || max(key) || max(bits)")
            before = processor()
            ours = run("sl.py", "discover", "--store", path, "--output", folder / str(attempt), "-q")
            work = (processor() - before) / (after_count - started)
            lines = int(counted.said)
            ratios.append(ours.seconds / counted.seconds)
            peaks.append(ours.peak_mib)
            table.append(
                f"| {counted.seconds:.1f} s | {read.seconds:.1f} s | {ours.seconds:.1f} s | **{ratios[-1]:.1f}x** "
                f"| {ours.seconds / read.seconds:.1f}x | {work:.1f}x | {peaks[-1]:,.0f} MiB |"
            )
    head = "| count(*) | reading all values | `discover` | to count(*) | to reading | processor time | peak memory |"
    return "\n".join(
        [
            f"{lines / 1e6:.1f} M rows of CSV ({size / 1e9:.1f} GB), written by `generate` and by `export`",
            f"({lines / exported.seconds / 1e6:.1f} M rows/s). `discover` is the whole command, pictures too; DuckDB's",
            "count(*) looks at no value, so what it takes to read them stands beside it. Processor time is that of",
            "`discover` to that of count(*): it does not depend on what else the machine does.",
            "",
            head,
            "| ---: " * 7 + "|",
            *table,
            "",
            f"Goal: 3x of count(*), 2 GiB. Measured: {min(ratios):.1f}x to {max(ratios):.1f}x, {max(peaks):,.0f} MiB.",
            "",
        ]
    )
