"""Labelled log lines in a real node, and which of their incidents `discover` finds there: by type and metric."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.elasticsearch.home import VERSIONS, prepare
from tests.elasticsearch.node import Cluster

ROOT = Path(__file__).resolve().parent.parent
START, JUDGED, END = "2026-10-12", "2026-11-09", "2026-11-16"
"""Four weeks to learn from, and one that is judged."""
RATE, ANOMALOUS = "1", "0.02"
FALLS = "requests that stop"
RUNS: Mapping[str, Sequence[str]] = {
    "requests": ("--metric", "requests"),
    FALLS: ("--metric", "requests", "--direction", "below", "--matches", "3", "--within", "15m"),
    "errors": ("--metric", "errors"),
    "error-share": ("--metric", "error-share"),
    "latency": ("--metric", "latency"),
    "latency-p95": ("--metric", "latency-p95"),
}


def report() -> str:
    """The section of docs/benchmarks.md."""
    with (
        TemporaryDirectory() as temporary,
        Cluster(prepare(VERSIONS[9]), heap="2g", quick=False) as cluster,
    ):
        folder, index = Path(temporary), f"{cluster.url}/app"
        begun = time.monotonic()
        window = ("--start", START, "--end", END, "--rate", RATE, "--anomaly-rate", ANOMALOUS)
        _sl("logs", *window, "--to", index, "--output-path", str(folder / "logs"), "-q")
        loaded = time.monotonic() - begun
        week = {name: _found(index, folder, said, ("--start", JUDGED)) for name, said in RUNS.items()}
        whole = {name: _found(index, folder, said, ()) for name, said in RUNS.items()}
        lines = _lines(cluster)
    return "\n".join(
        [
            f"`./sl.py logs` wrote {lines:,} lines of 15 services into Elasticsearch {VERSIONS[9]} in {loaded:,.0f} s:",
            f"5 weeks at {RATE} a second, {float(ANOMALOUS):.0%} of them anomalous. `./sl.py discover --metric ...`",
            "looked at them in buckets of 5 min with the default policy; requests that stop with",
            f"`{' '.join(RUNS[FALLS][2:])}`. Cells: found of the incidents that show in that metric, and F1",
            "(all false alarms of the metric counted against each type, as they have none). A dash: does not show.",
            "",
            f"The last 7 days ({JUDGED} to {END}), judged by the weeks before:",
            "",
            *_table(week),
            "",
            "All 5 weeks, each judged by the others:",
            "",
            *_table(whole),
            "",
        ]
    )


def _found(index: str, folder: Path, said: Sequence[str], window: Sequence[str]) -> dict[str, Any]:
    """What a run says of its scores, with its comparison by type."""
    output = folder / "found"
    truth = ("--truth", str(folder / "log_incidents.csv"))
    answer = _sl(
        "discover", "--store", index, *said, *window, *truth, "--output", str(output), "--charts", "0", "--json"
    )
    with (output / "comparison.csv").open(newline="") as file:
        verdicts = Counter((row["shape"], row["verdict"]) for row in csv.DictReader(file))
    return {**json.loads(answer)["scores"], "verdicts": verdicts}


def _table(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    shapes = sorted({shape for one in found.values() for shape, _ in one["verdicts"]})
    rows = [["type", *found], ["---"] * (1 + len(found))]
    rows += [[shape.replace("_", " "), *(_cell(one, shape) for one in found.values())] for shape in shapes]
    rows.append(
        ["**all types**", *(f"**{_of(one['hits'], one['misses'], one['false_alarms'])}**" for one in found.values())]
    )
    rows.append(["false alarms", *(str(one["false_alarms"]) for one in found.values())])
    rows.append(["precision", *(_share(one["precision"]) for one in found.values())])
    rows.append(["recall", *(_share(one["recall"]) for one in found.values())])
    rows.append(["not judged", *(str(one["labels_not_judged"]) for one in found.values())])
    return ["| " + " | ".join(row) + " |" for row in rows]


def _cell(one: Mapping[str, Any], shape: str) -> str:
    hits, misses = (one["verdicts"][shape, verdict] for verdict in ("hit", "miss"))
    return _of(hits, misses, one["false_alarms"])


def _of(hits: int, misses: int, alarms: int) -> str:
    return f"{hits}/{hits + misses}, {2 * hits / (2 * hits + misses + alarms):.2f}" if hits + misses else "-"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _lines(cluster: Cluster) -> int:
    return int(cluster.call("GET", "/app/_count")["count"])


def _sl(*arguments: str) -> str:
    done = subprocess.run([sys.executable, ROOT / "sl.py", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"bench: ./sl.py {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout
