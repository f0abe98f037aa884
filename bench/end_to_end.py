"""generate and discover, with CSV and PNG, beside the same job in plain pandas (bench/twin.py)."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from bench.paired import HEADER, Ratio
from bench.processes import discover, generate, run

CUSTOMERS, WEEKS, ROUNDS = 250, 8, 3


def report() -> str:
    """The section of docs/benchmarks.md."""
    ours, theirs, again = [], [], []
    our_peak = their_peak = 0.0
    for _ in range(ROUNDS):
        with TemporaryDirectory() as folder:
            made = generate(Path(folder), CUSTOMERS, WEEKS)
            found = discover(Path(folder))
            again.append(discover(Path(folder)).seconds / found.seconds)
            ours.append(made.seconds + found.seconds)
            our_peak = max(our_peak, made.peak_mib, found.peak_mib)
        with TemporaryDirectory() as folder:
            twin = run("-m", "bench.twin", str(CUSTOMERS), str(WEEKS), folder)
            theirs.append(twin.seconds)
            their_peak = max(their_peak, twin.peak_mib)
    ratio = Ratio(tuple(ours), tuple(theirs))
    return "\n".join(
        [
            f"{CUSTOMERS} customers x {WEEKS} weeks x 1 min, whole processes, {ROUNDS} rounds in turn. Ours keeps",
            f"every answer of the store and peaks at {our_peak:.0f} MiB, beside processes that draw (70 MiB each);",
            f"the twin peaks at {their_peak:.0f} MiB.",
            f"A second discover takes {min(again):.2f} of the first one's time: starting up and drawing are left.",
            "",
            HEADER,
            ratio.row("plain pandas, generate to pictures", "5.5x"),
            "",
        ]
    )
