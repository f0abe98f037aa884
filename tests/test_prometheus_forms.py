"""The same traffic as a gauge and as a counter: what grew between two samples is what a gauge of it says."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from tests.commands import sl, well
from tests.conformance import MONDAY, STEP
from tests.prometheus.server import PromServer
from traffic.model import DAY, WEEK

TOLD = (
    "key",
    "start",
    "end",
    "detected",
    "minutes",
    "peak",
    "baseline",
    "threshold",
    "ratio",
    "excess",
    "unit",
    "class",
)


def events(server: PromServer, output: Path, *said: str) -> list[tuple[str, ...]]:
    well(sl("discover", "--store", server.store, "--key", "k", "--output", output, "--charts", "0", *said))
    with (output / "events.csv").open(newline="") as file:
        return sorted(tuple(row[name] for name in TOLD) for row in csv.DictReader(file))


def test_a_counter_and_a_gauge_of_the_same_traffic_give_the_same_events(
    prom_server: PromServer, tmp_path: Path
) -> None:
    chance = np.random.default_rng(3)
    times = np.arange(MONDAY, MONDAY + 4 * WEEK, STEP)
    series = []
    for number, key in enumerate(("a", "b")):
        grown = chance.integers(90_000_000, 110_000_000, len(times))
        at = (2 * WEEK + (number + 1) * DAY + 40_000) // STEP
        grown[at : at + 30] *= 5
        # A counter is read half a minute into each minute. It began anew in the middle of the third week.
        counted = np.cumsum(grown)
        counted[times >= MONDAY + 2 * WEEK + DAY // 2] -= counted[times < MONDAY + 2 * WEEK + DAY // 2][-1]
        labels = {"k": key}
        series.append(("net_bits", labels, zip((times + 30.0).tolist(), (grown * 8 / STEP).tolist(), strict=True)))
        series.append(("net_bytes_total", labels, zip((times + 30.0).tolist(), counted.tolist(), strict=True)))
    prom_server.fill(sorted(series, key=lambda one: one[0]))
    gauge = events(prom_server, tmp_path / "gauge", "--value", "net_bits", "--unit", "bit/s")
    counter = events(prom_server, tmp_path / "counter", "--value", "net_bytes_total")
    assert [row[0] for row in gauge] == ["a", "b"]
    # But for the first minute, before which there is no sample: and it is in no event.
    assert counter == gauge
