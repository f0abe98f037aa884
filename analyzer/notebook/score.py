"""`sl.score`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from analyzer.notebook.frames import file_of
from analyzer.others import scored
from analyzer.report.machine import scores
from traffic import times


def score(events: pd.DataFrame, truth: pd.DataFrame | str | Path, *, resolution: str = "1m") -> dict[str, Any]:
    """Score the events of any detector: precision, recall, f1, hits, misses, false_alarms, ...

    Args:
        events: a row an event, with the columns key, start, end.
        truth: labels with the columns key, start, end; kind, direction and factor where they are known.
        resolution: of the data that the detector saw: the tolerance at the edges.

    Raises:
        UsageFailure: a column is missing or a time is not valid.
    """
    with tempfile.TemporaryDirectory() as passing:
        raised, known = file_of(events, Path(passing) / "events.csv"), file_of(truth, Path(passing) / "truth.csv")
        return scores(scored(raised, known, times.resolution(resolution), None, None))
