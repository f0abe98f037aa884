"""Two hundred policies on a thousand series: beside as many runs of discover, each on the answers of the first."""

from __future__ import annotations

import json
import os
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.processes import Cost, discover, generate, run, spent

CUSTOMERS, WEEKS = 1000, 8
NO_PICTURES = ("-q", "--charts", "0", "--no-html")
PERCENTS = (150, 250)
"""Of the policies with which discover is run, for what one of them costs; a sweep is measured as often."""


def report() -> str:
    """The section of docs/benchmarks.md."""
    sweeps: list[Cost] = []
    ones: list[Cost] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        generate(folder, CUSTOMERS, WEEKS)
        discover(folder)
        command = ("sl.py", "tune", "--output", folder, "--json")
        first = run(*command, "-q")
        told = json.loads(first.said)
        for percent in PERCENTS:
            sweeps.append(spent("sl.py", "tune", "--output", folder, "-q"))
            search = ("sl.py", "discover", "--store", folder / "traffic", *NO_PICTURES, "--output", folder / "one")
            # The first run asks for what this policy needs, the second one only judges.
            spent(*search, "--over-percent", str(percent))
            ones.append(spent(*search, "--over-percent", str(percent), "--matches", "3"))
        load = os.getloadavg()[1]
        again = run(*command, "-q")
    wall, processor = (median(getattr(one, name) for one in sweeps) for name in ("wall", "processor"))
    single, policies = median(one.processor for one in ones), told["policies"]
    return "\n".join(
        [
            f"{policies} policies on {CUSTOMERS:,} customers x {WEEKS} weeks x 1 min in the embedded store,",
            f"whole commands, median of {len(sweeps)}; queries: {told['queries_sent']:,} in the first `tune`,",
            f"{json.loads(again.said)['queries_sent']} in any later one. The load of the machine was {load:.0f} on",
            f"{os.cpu_count()} processors: where it is above 1, processor seconds say more than the clock.",
            "",
            "| | asked | measured |",
            "| --- | --- | ---: |",
            f"| by the clock, s | under 60 on 2 processors | {wall:.1f} |",
            f"| of all processors, s | | {processor:.1f} |",
            f"| peak, MiB | under 1,024 | {max(first.peak_mib, again.peak_mib):.0f} |",
            f"| of {policies} runs of discover on what is cached, {single:.1f} s each | | {policies * single:.0f} |",
            f"| that over the sweep | | **{policies * single / processor:.0f}x** |",
            "",
        ]
    )
