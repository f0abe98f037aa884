"""By what events came, of a large world's flow records: beside what finding the events costs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from analyzer.contributors import contributors
from analyzer.report.order import worst_first
from analyzer.report.saved import load
from bench.paired import seconds
from bench.processes import run
from traffic.store import open_source
from traffic.store.base import FlowSource

CUSTOMERS, WEEKS, EVENTS, ROUNDS = 1000, 8, 100, 3
_QUIET = ("--charts", "0", "--no-html", "-q")


def report() -> str:
    """The section of docs/benchmarks.md."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        world = ("--customers", str(CUSTOMERS), "--weeks", str(WEEKS), "--flows", "-q")
        made = run("sl.py", "generate", "--store", folder / "s", "--output", folder / "truth", *world)
        size = sum(path.stat().st_size for path in (folder / "s" / "flows").rglob("*.parquet"))
        searches, ours = list[float](), list[float]()
        for number in range(ROUNDS):
            output = folder / f"run {number}"
            run("sl.py", "discover", "--store", folder / "s", "--output", output, "--by", "none", *_QUIET)
            cost = json.loads((output / "run.json").read_text())["seconds"]
            searches.append(sum(spent for stage, spent in cost.items() if stage != "report"))
            ours.append(seconds(lambda output=output: _of_the_worst(folder / "s", output, EVENTS)))  # type: ignore[misc]
        found = len(load(folder / "run 0").events)
        begun = time.process_time()
        every = seconds(lambda: _of_the_worst(folder / "s", folder / "run 0", found))
        work = time.process_time() - begun
    ratios = sorted(a / b for a, b in zip(ours, searches, strict=True))
    return f"""\
{CUSTOMERS:,} customers x {WEEKS} weeks x 1 min, {size / 1e9:.1f} GB of flow records ({made.seconds:.0f} s to make).
Four dimensions and the pairs of them, from files that are not open yet; {ROUNDS} rounds in turn.

| | seconds |
| --- | --- |
| finding {found:,} events, without pictures and start-up | {sorted(searches)[ROUNDS // 2]:.2f} |
| by what the {EVENTS} worst of them came | {sorted(ours)[ROUNDS // 2]:.2f} |
| ratio, median (min-max); asked: at most 0.5 | **{ratios[ROUNDS // 2]:.2f}** ({ratios[0]:.2f}-{ratios[-1]:.2f}) |

It grows with the number of events: the contributors of all {found:,} take {every:.0f} s, of which a processor works
{work:.0f} s.
"""


def _of_the_worst(store: Path, output: Path, most: int) -> None:
    source, found = open_source(str(store)), load(output)
    assert isinstance(source, FlowSource)
    worst = worst_first(found.events)[:most]
    assert list(contributors(source, worst, source.extent(None, 60), source.dimensions(), found.policy))
