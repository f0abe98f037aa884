"""Scale on record: three nodes with a copy of everything, loaded, searched, resumed, a day added: `bench cluster`.

200 customers x 8 weeks are 16 million documents, and as many copies: some gigabytes of disk, 4 GiB of memory, an hour.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from bench.processes import ROOT, Spent, run
from tests.elasticsearch.home import prepare
from tests.elasticsearch.node import Cluster

VERSION = "9.5.3"
CUSTOMERS, WEEKS, FEW = 200, 8, 20
"""FEW: customers of the world that the client's memory is compared with."""
MANY = 10_000
"""Customers that the figures are extrapolated to."""
START = datetime(2026, 9, 7, tzinfo=UTC)


@dataclass(frozen=True)
class Measured:
    """What a world cost, command by command."""

    customers: int
    documents: int
    loaded: Spent
    cold: Spent
    again: Spent
    resumed: Spent
    """After a kill -9 at half of the time that the cold run took."""
    day_loaded: Spent
    day: Spent
    bytes_on_disk: int
    """Of the primaries, and of their copies as much again."""


def generate(store: str, folder: Path, customers: int, days: int) -> Spent:
    """The world as it is after so many days."""
    window = ("--start", START.date().isoformat(), "--end", (START + timedelta(days)).date().isoformat())
    return run("sl.py", "generate", "--store", store, "--output", folder, "--customers", str(customers), *window)


def command(store: str, folder: Path) -> tuple[str | Path, ...]:
    """A search without pictures: these do not depend on the store."""
    return ("sl.py", "discover", "--store", store, "--output", folder, "--charts", "0", "--no-html", "-q")


def measure(cluster: Cluster, folder: Path, customers: int, weeks: int) -> Measured:
    """All that is measured of one world."""
    store = ",".join(node.url for node in cluster.nodes) + f"/scale-{customers}"
    loaded = generate(store, folder, customers, 7 * weeks)
    cluster.await_health()
    size, documents = _stored(cluster.url, f"scale-{customers}")
    cold = run(*command(store, folder))
    again = run(*command(store, folder))
    expected = (folder / "events.csv").read_bytes()
    other = folder / "killed"
    process = subprocess.Popen([sys.executable, *map(str, command(store, other))], cwd=ROOT)
    time.sleep(cold.seconds / 2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    resumed = run(*command(store, other))
    if [line.split(b",")[:6] for line in (other / "events.csv").read_bytes().splitlines()] != [
        line.split(b",")[:6] for line in expected.splitlines()
    ]:
        raise SystemExit("what was resumed finds other events: no figures")
    day_loaded = generate(store, folder, customers, 7 * weeks + 1)
    day = run(*command(store, folder))
    cluster.drop(f"scale-{customers}")
    return Measured(customers, documents, loaded, cold, again, resumed, day_loaded, day, size)


def _stored(url: str, index: str) -> tuple[int, int]:
    paths = "_all.primaries.store.size_in_bytes,_all.primaries.docs.count,_all.total.docs.count"
    with urlopen(f"{url}/{index}/_stats/store,docs?filter_path={paths}") as answer:
        found = json.load(answer)["_all"]
    primaries = int(found["primaries"]["docs"]["count"])
    if int(found["total"]["docs"]["count"]) != 2 * primaries:
        raise SystemExit("there is no copy of everything: no figures")
    return int(found["primaries"]["store"]["size_in_bytes"]), primaries


def report(customers: int = CUSTOMERS, weeks: int = WEEKS) -> str:
    """The section of docs/benchmarks.md."""
    few = max(2, customers * FEW // CUSTOMERS)
    with TemporaryDirectory() as temporary, Cluster(prepare(VERSION), 3, heap="1g", quick=False) as cluster:
        folder = Path(temporary)
        small = measure(cluster, folder / "few", few, weeks)
        large = measure(cluster, folder / "many", customers, weeks)
    times = MANY / customers
    lines = [
        f"Three nodes (Elasticsearch {VERSION}, 1 GiB each) on the same cores as we are, a copy of every shard:",
        f"{customers:,} customers x {weeks} weeks x 1 min, {large.documents / 1e6:.1f} M documents",
        f"({large.bytes_on_disk / large.documents:.1f} bytes each on disk, and as much for the copy). The last column",
        f"is the second times {times:.0f}: **extrapolated, not run**, on the same two cores.",
        "",
        f"| | s | client's peak, MiB | of {small.customers} customers | {MANY:,} customers, extrapolated |",
        "| --- | --- | --- | --- | --- |",
    ]
    rows = {
        "load": (small.loaded, large.loaded),
        "discover, cold": (small.cold, large.cold),
        "discover again, nothing new": (small.again, large.again),
        "discover after kill -9 half-way": (small.resumed, large.resumed),
        "load a day more": (small.day_loaded, large.day_loaded),
        "discover a day more": (small.day, large.day),
    }
    for name, (one, other) in rows.items():
        many = timedelta(seconds=round(other.seconds * times))
        lines.append(f"| {name} | {other.seconds:.1f} | {other.peak_mib:.0f} | {one.peak_mib:.0f} MiB | {many} |")
    return "\n".join([*lines, ""])
