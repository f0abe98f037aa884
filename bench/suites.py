"""Suites of labelled series as they lie in a folder outside of this repository (suite.csv, labels.csv, series/)."""

from __future__ import annotations

import csv
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

VARIABLE = "SL_DETECTION_DATA"
OF_PEOPLE = ("aiops-", "wsd-", "ms-", "nab-")
"""How cases begin whose series are traffic of their own, labelled by people."""

FILLS = 0.75
"""Of a bucket, what a label fills at least that has to be found in it."""


@dataclass(frozen=True)
class Labelled:
    """An interval of a series that somebody has labelled; `kind`: required, optional or ignore."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, eq=False)
class LabelledSeries:
    """Values of every step from `start` on, NaN where missing; before `score_from` nothing counts."""

    name: str
    case: str
    step: int
    start: int
    score_from: int
    values: NDArray[np.float64]

    @property
    def background(self) -> str:
        """What it has in common with others: the same traffic with other injections, the same kind of hard case."""
        return self.name if self.case.startswith(OF_PEOPLE) else self.case


@dataclass(frozen=True, eq=False)
class Suite:
    """The series of a folder, and the labels of each."""

    name: str
    series: tuple[LabelledSeries, ...]
    labels: dict[str, tuple[Labelled, ...]]


def data_folder() -> Path:
    """Where the suites lie: as the first argument says, or the environment, or beside the checkout."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data" / "detection"
    folder = Path((sys.argv[1] if len(sys.argv) > 1 else "") or os.environ.get(VARIABLE) or beside)
    if not folder.is_dir():
        sys.exit(f"bench: {folder}: no such folder; name the one that holds the suites, or set {VARIABLE}")
    return folder


def load(folder: Path) -> Suite:
    """A suite."""
    series = []
    for row in _rows(folder / "suite.csv"):
        table = pd.read_parquet(folder / "series" / f"{row['series']}.parquet")
        step, times = int(row["step"]), table["ts"].to_numpy().astype(np.int64)
        values = np.full((times[-1] - times[0]) // step + 1, np.nan)
        values[(times - times[0]) // step] = table["value"].to_numpy(np.float64)
        series.append(
            LabelledSeries(
                name=row["series"],
                case=row["case"],
                step=step,
                start=int(times[0]),
                score_from=int(row["score_from"]),
                values=values,
            )
        )
    labels: dict[str, list[Labelled]] = {one.name: [] for one in series}
    for row in _rows(folder / "labels.csv"):
        labels[row["series"]].append(Labelled(int(row["start"]), int(row["end"]), row["kind"]))
    return Suite(folder.name, tuple(series), {name: tuple(some) for name, some in labels.items()})


def coarser(suite: Suite, width: int) -> Suite:
    """The series with narrower buckets, averaged to buckets of `width` seconds: data that chose no rule.

    A label that fills less than most of a bucket need not be found in it.
    """
    series = tuple(_wider(one, width) for one in suite.series if one.step < width)
    labels = {
        one.name: tuple(
            replace(label, kind="optional")
            if label.kind == "required" and label.end - label.start < FILLS * width
            else label
            for label in suite.labels[one.name]
        )
        for one in series
    }
    return Suite(suite.name, series, labels)


def _wider(one: LabelledSeries, width: int) -> LabelledSeries:
    count = width // one.step
    skip = -(one.start // one.step) % count
    values = one.values[skip:]
    cells = values[: len(values) // count * count].reshape(-1, count)
    there = (~np.isnan(cells)).sum(axis=1)
    means = np.divide(np.nansum(cells, axis=1), there, out=np.full(len(cells), np.nan), where=there > 0)
    return replace(one, step=width, start=one.start + skip * one.step, values=means)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
