"""Nodes that die: one of three, with a copy of everything, while traffic is loaded or searched."""

from __future__ import annotations

import random
import shutil
import sys
import time
from pathlib import Path
from threading import Thread

from tests.commands import sl, well
from tests.elasticsearch.node import Cluster, Node
from tests.faults.kills import SMALL, holds
from tests.faults.outcomes import Outcomes
from tests.test_elastic_as_it_is import END, documents, put
from traffic.model import WEEK

OPTIONS = ("--key", "customer", "--value", "bytes", "--statistic", "sum", "--resolution", "60m", "--charts", "0")


def node_losses(cluster: Cluster, folder: Path, count: int, seconds: float = 1e9, seed: int = 5) -> Outcomes:
    """Every other time in a load, else in a search, a node is killed at a random moment; it comes back afterwards.

    Args:
        seconds: no further one begins after so many.
    """
    found = Outcomes("one of three nodes killed (kill -9) in generate and in discover, in turn")
    rng, until = random.Random(seed), time.monotonic() + seconds
    put(cluster, "flows", documents(END - 3 * WEEK))
    cluster.call("PUT", "/flows/_settings", {"index": {"number_of_replicas": 1}})
    cluster.await_health()
    well(sl("discover", "--store", f"{hosts(cluster)}/flows", *OPTIONS, "--output", folder / "calm"))
    events = (folder / "calm" / "events.csv").read_bytes()
    well(sl("generate", "--store", f"{hosts(cluster)}/lost-calm", "--output", folder / "generated", *SMALL))
    expected = holds(cluster, "lost-calm")
    for number in range(count):
        if time.monotonic() > until:
            break
        killing = Thread(target=_kill_later, args=(cluster.nodes[rng.randrange(3)], rng.uniform(0.0, 2.0)))
        store, output = hosts(cluster), folder / "run"
        searching = ("discover", "--store", f"{store}/flows", *OPTIONS)
        loading = ("generate", "--store", f"{store}/lost-{number}", *SMALL)
        command = (*(searching if number % 2 else loading), "--output", output)
        shutil.rmtree(output, ignore_errors=True)
        killing.start()
        answer = sl(*command, SL_WAIT="2m")
        killing.join()
        cluster.start()
        cluster.await_health()
        wrong = ""
        outcome = "went on by itself"
        if answer.code:
            outcome = f"{command[0]} stopped with {answer.code}, completed by the next run"
            sys.stderr.write(f"{number}: {answer.err[-300:]}\n")
            if (again := sl(*command)).code:
                wrong = f"{number}: {answer.err[:200]} then {again.err[:200]}"
        if number % 2 and not wrong and (output / "events.csv").read_bytes() != events:
            wrong = f"{number}: other events"
        if not number % 2:
            if not wrong and (there := holds(cluster, f"lost-{number}")) != expected:
                wrong = f"{number}: {there} and not {expected}"
            cluster.drop(f"lost-{number}")
        found.add(outcome, wrong)
    return found


def _kill_later(node: Node, seconds: float) -> None:
    time.sleep(seconds)
    node.kill()


def hosts(cluster: Cluster) -> str:
    """All nodes, as a store names them."""
    return ",".join(node.url for node in cluster.nodes)
