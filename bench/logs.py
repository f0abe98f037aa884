"""Log lines to a file, with labels: lines a second in each format, beside lines that are made one at a time."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench import logs_twin
from generator.logs.feed import LogFeed
from generator.logs.run import Batching, RunResult, run
from generator.logs.settings import FORMATS, LogSettings
from generator.logs.sinks import Opening, open_log_sink
from generator.logs.stream import Stream
from generator.logs.truth import IncidentFile

LINES = 100_000
ROUNDS = 5
LARGE = 10_000_000
START = 1_788_134_400_000_000
SCRIPT = """\
import json, resource, sys
sys.path.insert(0, sys.argv.pop(1))
import sl
code = sl.main()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
sys.exit(code)
"""


def ours(folder: Path, form: str) -> None:
    """As the command does it: lines, labels, the list of incidents, files that are synced."""
    stream = Stream(LogSettings(), 1, START, total=LINES)
    sink = open_log_sink(f"file:{folder / form}", Opening(size=1 << 30))
    run(LogFeed(stream, form, True), [sink], Batching(LINES), IncidentFile(folder), RunResult())
    for file in folder.glob(f"{form}_*"):
        file.unlink()


def large() -> tuple[float, int]:
    """Seconds and MiB at the most, of the command writing LARGE lines to nowhere."""
    root = Path(__file__).resolve().parent.parent
    with TemporaryDirectory() as folder, Path("/dev/null").open("w") as nowhere:
        line = [sys.executable, "-c", SCRIPT, str(root), "logs", "-n", str(LARGE), "-o", "stdout", "--json"]
        done = subprocess.run(line, cwd=folder, stdout=nowhere, stderr=subprocess.PIPE, text=True, check=True)
    said, _, size = done.stderr.rstrip().rpartition("\n")
    return json.loads(said)["seconds"], int(size)


@dataclass(frozen=True)
class Spent:
    """Seconds of one round, of the clock and of the processor: the second does not depend on what else goes on."""

    clock: float
    processor: float


def spent(work: Callable[[], object]) -> Spent:
    """What it took."""
    gc.collect()
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return Spent(time.perf_counter() - clock, time.process_time() - processor)


def rate(rounds: list[Spent]) -> str:
    """Lines a second by the processor, and by the clock."""
    by_processor = LINES / median(one.processor for one in rounds)
    by_clock = LINES / median(one.clock for one in rounds)
    return f"{by_processor:,.0f} | {by_clock:,.0f}"


def report() -> str:
    """The section of docs/benchmarks.md."""
    rows = []
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for form in FORMATS:
            mine = partial(ours, folder, form)
            theirs = partial(logs_twin.generate, folder / "twin", LINES, form)
            known = form in ("json", "text")
            mine()
            pairs = [(spent(mine), spent(theirs) if known else None) for _ in range(ROUNDS)]
            ratios = [b.processor / a.processor for a, b in pairs if b]
            beside = f"{median(ratios):.1f}x ({min(ratios):.1f}-{max(ratios):.1f})" if known else "-"
            twin = rate([b for _, b in pairs if b]) if known else "- | -"
            rows.append(f"| {form} | {rate([a for a, _ in pairs])} | {twin} | {beside} |")
    seconds, size = large()
    return "\n".join(
        [
            f"{LINES:,} lines with 5 % anomalies and labels to a file, {ROUNDS} rounds in turn; lines a second of",
            "processor time and, on a machine with other work, by the clock. The twin (bench/logs_twin.py) makes",
            "a dict a line with uuid, random and json.dumps: it is ours, and nobody's program. Asked: at least",
            "20,000 lines a second.",
            "",
            "| format | ours, processor | ours, clock | twin, processor | twin, clock | ours / twin, processor |",
            "| --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
            f"{LARGE:,} lines of JSON to nowhere: {LARGE / seconds:,.0f} lines/s by the clock, {size} MiB of memory.",
            "",
        ]
    )
