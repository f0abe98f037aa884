"""Large worlds: time, and memory that does not grow with the number of customers."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from bench.processes import discover, generate

WEEKS = 8


def report() -> str:
    """The section of docs/benchmarks.md."""
    lines = [
        "| customers x 8 weeks | points, M | generate, s | discover, s | peak of a process, MiB | of all together |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for customers in (1000, 4000, 10_000):
        with TemporaryDirectory() as folder:
            made = generate(Path(folder), customers, WEEKS)
            found = discover(Path(folder))
        points = customers * WEEKS * 7 * 1440 / 1e6
        lines.append(
            f"| {customers:,} | {points:.0f} | {made.seconds:.1f} | {found.seconds:.1f} "
            f"| {made.peak_mib:.0f}, {found.peak_mib:.0f} | {made.together_mib:.0f}, {found.together_mib:.0f} |"
        )
    return "\n".join(
        [*lines, "", "Memory: generate, discover. Asked: linear, and under 512 MiB; as a guide, 1,000 under 20 s.", ""]
    )
