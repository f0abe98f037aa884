"""Python's way into the generator: `sl.generate(store)`."""

from __future__ import annotations

import time
from pathlib import Path

from generator.pipeline import GenerationResult
from generator.pipeline import generate as fill
from generator.scenario import FIELD, configured
from generator.world import World
from traffic.disk import lock, make_folder
from traffic.store import open_sink


def generate(  # noqa: PLR0913 - named arguments only: the settings of a run
    store: str | Path = "output/traffic",
    *,
    scenario: str | Path | None = None,
    weeks: float | None = None,
    start: str | None = None,
    end: str | None = None,
    customers: int | None = None,
    seed: int | None = None,
    flows: bool | None = None,
    replace: bool = False,
    output: str | Path | None = None,
) -> GenerationResult:
    """Fill a store with believable traffic, and write down what happened in it: what `./sl.py generate` does.

    Args:
        store: a folder, or an index, as --store takes it.
        scenario: a file like input/scenario.yaml, which is the default.
        weeks, start, end: the window, instead of the scenario's.
        customers: how many, instead of the scenario's.
        seed: of the random numbers, instead of the scenario's.
        flows: whether flow records (port, AS, country) are written as well, instead of the scenario's.
        replace: drop what the store holds first (only what was generated).
        output: where ground_truth.csv is written; by default the folder that the store is in.

    Returns:
        What was written: customers, window, points, labels by kind, the path of the truth.

    Raises:
        UsageFailure: the scenario is not valid, or the store holds another one.
        StoreError: the store does not take it.
    """
    settings = configured(
        None if scenario is None else Path(scenario),
        start=start,
        end=end,
        weeks=weeks,
        customers=customers,
        seed=seed,
        flows=flows,
    )
    now = int(time.time())
    world = World(settings)
    world.check(settings.window.resolve(now, settings.seconds))
    folder = make_folder(Path(store).parent if output is None else Path(output))
    with lock(folder):
        sink = open_sink(
            str(store),
            FIELD,
            settings.seconds,
            scenario=settings.fingerprint,
            keys=len(settings.customers.names),
            replace=replace,
            refused=folder / "refused.ndjson",
        )
        return fill(settings, sink, now, folder, world=world)
