"""The labelled traffic on which `discover` and the original's arithmetic are compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.processes import run
from traffic.model import HOUR, WEEK, Query
from traffic.store import open_source
from traffic.times import iso

Floats = NDArray[np.float64]

START = 1_788_739_200  # Monday, 2026-09-07T00:00:00Z
CUSTOMERS, WEEKS = 100, 6


def world(folder: Path) -> Path:
    """A store of generated traffic with labels; the same in every run."""
    window = ("--start", iso(START), "--end", iso(START + WEEKS * WEEK))
    run("sl.py", "generate", "--store", folder / "traffic", "--output", folder, "--customers", str(CUSTOMERS), *window)
    return folder / "traffic"


def series_of(store: Path) -> Mapping[str, Floats]:
    """The minutes of every key in bit/s; minutes that are missing count as 0, as that tool was handed them."""
    source = open_source(str(store))
    window = source.extent(None, HOUR)
    keys = tuple(sorted(source.keys(window)))
    matrix = source.series(Query(source.metric, keys, window, 60))
    return dict(zip(keys, np.nan_to_num(matrix.values), strict=True))
