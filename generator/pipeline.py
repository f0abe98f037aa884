"""generate(): a scenario becomes traffic in a store, and the truth about it a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from generator.scenario import Scenario
from generator.world import World
from traffic import truth
from traffic.model import Grid, Kind, Window
from traffic.store.base import Sink

TRUTH = "ground_truth.csv"


@dataclass(frozen=True)
class Generated:
    """What a run came to."""

    customers: int
    window: Window
    """What the store holds now; all of it was written."""
    points: int
    """Native steps in it, of all customers, the missing ones included."""
    new: int
    """How many of them the store did not have before."""
    labels: dict[Kind, int]
    identity: str
    """Of what the store holds now; the truth carries it."""
    truth: Path
    seconds: dict[str, float]
    """By stage: making the traffic, storing it, finding its labels."""


def generate(
    scenario: Scenario, sink: Sink, now: int, output: Path, progress: Callable[[int, int], None] | None = None
) -> Generated:
    """Fill the scenario's window, and all that lies between it and what the store holds already.

    Week by week, block by block of customers: memory is bounded by a block. A run that was killed is completed by the
    next one. `progress` is told how many points are done, and of how many.

    Raises:
        UsageFailure: the window is empty, or the scenario leaves what can be counted in it.
        StoreError, StorageFailure: what the sink says; the truth is not written then.
    """
    world = World(scenario)
    asked = scenario.window.resolve(now, scenario.seconds)
    world.check(asked)
    window = sink.begin(asked)
    blocks = sink.blocks(tuple(world.customers))
    points = len(world.customers) * (window.seconds // scenario.seconds)
    done = new = 0
    seconds = dict.fromkeys(("traffic", "store", "labels"), 0.0)
    for week in window.weeks():
        grid = Grid.over(week, scenario.seconds)
        for keys in blocks:
            started = perf_counter()
            amounts = world.block(keys, grid)
            made = perf_counter()
            new += sink.write(keys, grid, amounts)
            seconds["traffic"] += made - started
            seconds["store"] += perf_counter() - made
            done += amounts.size
            if progress:
                progress(done, points)
    started = perf_counter()
    labels = world.labels(window)
    seconds["labels"] = perf_counter() - started
    started = perf_counter()
    identity = sink.finish()
    seconds["store"] += perf_counter() - started
    path = output / TRUTH
    truth.write(path, labels, identity)
    kinds = Counter(label.kind for label in labels)
    return Generated(len(world.customers), window, points, new, dict(kinds), identity, path, seconds)
