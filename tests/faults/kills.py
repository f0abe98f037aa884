"""kill -9 at every step of a run, then at random moments; and what the next run makes of it."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

from tests.commands import sl, start, well
from tests.elasticsearch.server import Server
from tests.faults.outcomes import Outcomes
from tests.killed import Killer

TABLES = ("events", "comparison", "not_judged", "suppressed", "coverage", "incidents", "contributors")
WORLD = ("--start", "2026-10-05", "--end", "2026-11-02", "--flows", "-q")
SMALL = ("--customers", "3", "--start", "2026-10-05", "--end", "2026-10-07", "-q")


def chosen(steps: int, count: int, seed: int) -> list[int]:
    """Of so many steps `count`, in order: none twice before all were taken."""
    rng = random.Random(seed)
    whole, rest = divmod(count, steps)
    return sorted(list(range(1, steps + 1)) * whole + rng.sample(range(1, steps + 1), rest))


def world(folder: Path, customers: int = 6, charts: int = 2) -> tuple[str | Path, ...]:
    """A store of traffic in `folder`; what `discover` is told about it."""
    where = ("--store", folder / "traffic", "--output", folder / "truth", "--customers", str(customers))
    well(sl("generate", *where, *WORLD))
    truth = folder / "truth" / "ground_truth.csv"
    return ("discover", "--store", folder / "traffic", "--truth", truth, "--charts", str(charts), "--no-html", "-q")


def tables(output: Path) -> dict[str, bytes]:
    """The tables of a run, and its pictures by their names."""
    names = [output / f"{name}.csv" for name in TABLES]
    return {path.name: path.read_bytes() for path in names if path.exists()} | {
        path.name: b"" for path in output.rglob("*.png")
    }


def committed(output: Path) -> dict[Path, tuple[int, int]]:
    """Each answer that is kept: which file it is, and since when."""
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in output.glob("buffer_cache/*/*.slc")}


def discover_kills(folder: Path, count: int, customers: int = 6, seed: int = 1) -> Outcomes:
    """Half of the kills at counted steps, the rest at random moments."""
    return killed_runs(world(folder, customers), folder / "run", count, seed)


def killed_runs(command: tuple[str | Path, ...], output: Path, count: int, seed: int = 1) -> Outcomes:
    """The same of any `discover` that is told all but its `output`."""
    found = Outcomes("discover, kill -9 at counted steps (made, synced, renamed, removed) and at random moments")
    killer = Killer((*command, "--output", output))
    begun = time.monotonic()
    steps = killer.steps(output.with_name("steps"))
    lasted = time.monotonic() - begun
    expected = tables(output)
    assert len(expected) > 8
    rng = random.Random(seed)
    for number, at in enumerate(chosen(steps, count, seed)):
        shutil.rmtree(output)
        if number % 2:
            code = _killed_at(rng.uniform(0, 1.2 * lasted), (*command, "--output", output))
        else:
            code = killer.run(at)[0]
        before = committed(output)
        again = sl(*command, "--output", output)
        after = committed(output)
        wrong = "" if again.code == 0 else f"step {at}: exit {again.code}"
        if not wrong and tables(output) != expected:
            wrong = f"step {at}: other tables"
        if asked := [path for path in before if after.get(path) != before[path]]:
            wrong += f" step {at}: {len(asked)} committed answers asked for again"
        if list(output.rglob(".sl-*.tmp")):
            wrong += f" step {at}: temporary files stay"
        found.add("killed, then equal" if code == -9 else "had ended before the kill, then equal", wrong)
    return found


def _killed_at(seconds: float, command: tuple[str | Path, ...]) -> int:
    """A process that is killed so long after its start; in milliseconds what a start takes is of no interest."""
    process = start(*command)
    try:
        process.wait(timeout=0.5 + seconds)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    return process.returncode


def holds(server: Server, index: str) -> dict[str, tuple[int, float]]:
    """Key -> number and sum of its documents."""
    server.call("POST", f"/{index}/_refresh")
    sums = {"bytes": {"sum": {"field": "network.bytes"}}}
    body = {"size": 0, "aggs": {"keys": {"terms": {"field": "organization.name", "size": 1000}, "aggs": sums}}}
    buckets = server.call("POST", f"/{index}/_search", body)["aggregations"]["keys"]["buckets"]
    return {one["key"]: (one["doc_count"], one["bytes"]["value"]) for one in buckets}


def generate_kills(server: Server, index: str, folder: Path, count: int, seed: int = 2) -> Outcomes:
    """Loading is killed at counted steps, requests among them; the next run completes it."""
    found = Outcomes("generate into Elasticsearch, kill -9 at counted steps (requests, answers, files)")
    calm, name = f"{index}-calm", f"{index}-killed"

    def command(store: str, output: Path) -> tuple[str | Path, ...]:
        return ("generate", "--store", f"{server.url}/{store}", "--output", output, *SMALL)

    steps = Killer(command(calm, folder / "calm")).steps(folder / "steps")
    expected = holds(server, calm)
    assert sum(count for count, _ in expected.values()) == 3 * 2880
    for at in chosen(steps, count, seed):
        server.drop(name)
        shutil.rmtree(folder / "run", ignore_errors=True)
        code = Killer(command(name, folder / "run")).run(at)[0]
        again = sl(*command(name, folder / "run"))
        wrong = "" if again.code == 0 else f"step {at}: exit {again.code}: {again.err}"
        if not wrong and (there := holds(server, name)) != expected:
            wrong = f"step {at}: {there} and not {expected}"
        found.add(
            "killed, then equal in number and sum of each key" if code == -9 else f"exit {code}, then equal", wrong
        )
    server.drop(name)
    server.drop(calm)
    return found


SIGNALS = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 129}


def signalled(folder: Path, count: int, customers: int = 6, seed: int = 3) -> Outcomes:
    """Asked to end at random moments: the code says by what, no temporary file stays, the next run gives the same."""
    found = Outcomes("discover, SIGTERM, SIGINT and SIGHUP at random moments")
    command = world(folder, customers)
    output = folder / "run"
    begun = time.monotonic()
    well(sl(*command, "--output", output))
    lasted, expected = time.monotonic() - begun, tables(output)
    rng = random.Random(seed)
    for number in range(count):
        shutil.rmtree(output)
        sent = list(SIGNALS)[number % 3]
        process = start(*command, "--output", output)
        try:
            # Not before Python runs: until the program listens to signals, the system ends it.
            process.wait(timeout=rng.uniform(0.2, 1.0) * lasted)
        except subprocess.TimeoutExpired:
            process.send_signal(sent)
        _, err = process.communicate(timeout=30)
        code = process.returncode
        wrong = "" if code in (0, SIGNALS[sent], -sent) else f"{sent}: exit {code}"
        if len(err.splitlines()) > 1 or "Traceback" in err:
            wrong += f" {sent}: {err[:200]}"
        if list(output.rglob(".sl-*.tmp")):
            wrong += f" {sent}: temporary files stay"
        if sl(*command, "--output", output).code or tables(output) != expected:
            wrong += f" {sent}: other tables"
        found.add("had ended" if code == 0 else "ended by its code, then equal", wrong)
    return found


def written_kills(server: Server, index: str, folder: Path, count: int, seed: int = 8) -> Outcomes:
    """`discover --write-events` is killed while it replaces what an earlier policy found: what both found stays."""
    found = Outcomes("discover --write-events, kill -9 at counted steps (requests, answers, files)")
    target = ("--write-events", f"{server.url}/{index}")
    wide = (*world(folder, customers=3, charts=0), "--output", folder / "run", *target)
    strict = (*wide, "--over-percent", "900")
    well(sl(*wide))
    before = stored(server, index)
    steps = Killer(strict).steps(folder / "steps")
    expected = stored(server, index)
    assert len(expected) < len(before)
    for at in chosen(steps, count, seed):
        well(sl(*wide))
        code = Killer(strict).run(at)[0]
        lost = (before & expected) - stored(server, index)
        wrong = f"step {at}: {len(lost)} documents are lost" if lost else ""
        if sl(*strict).code or stored(server, index) != expected:
            wrong += f" step {at}: other documents"
        found.add("killed, then equal" if code == -9 else f"exit {code}, equal", wrong)
    return found


def stored(server: Server, index: str) -> set[str]:
    """The ids of its documents."""
    server.call("POST", f"/{index}/_refresh")
    body = {"size": 10_000, "_source": False, "track_total_hits": True}
    hits = server.call("POST", f"/{index}/_search", body)["hits"]
    assert hits["total"]["value"] == len(hits["hits"])
    return {hit["_id"] for hit in hits["hits"]}
