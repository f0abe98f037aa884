"""The page's sliders: what a run would have found with another percentage and another floor."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from traffic.model import Ints, Metric, Window
from traffic.text import si, visible


@dataclass(frozen=True, eq=False)
class JudgedAgain:
    """What one policy raises: arrays of shape (alerts,), by start and key."""

    key: Ints
    """Places among the keys."""
    start: Ints
    end: Ints
    verdict: tuple[int, int, int] | None
    """Hits, misses and false alarms; None where there is no truth."""


@dataclass(frozen=True, eq=False)
class Sliders:
    """A grid of policies that differ in two settings."""

    percents: tuple[float, ...]
    floors: tuple[float, ...]
    present: tuple[int, int]
    """The place of the run's own policy on both."""
    keys: tuple[str, ...]
    cells: tuple[JudgedAgain, ...]
    """Row by row: a row a percentage, a cell a floor."""


def sliders_document(sliders: Sliders, metric: Metric, window: Window) -> dict[str, Any]:
    """For the page's script: words for both settings, and of each cell its verdict and its alerts.

    Alerts are packed: their key, their start and their length as differences of 32 bits from one to the next, in three
    stretches, deflated.
    """
    return {
        "percents": [f"{percent:g} % over ({1 + percent / 100:.3g} ×)" for percent in sliders.percents],
        "floors": [si(floor, metric.unit, pad=False) if floor else "none" for floor in sliders.floors],
        "present": list(sliders.present),
        "keys": [visible(key) for key in sliders.keys],
        "weeks": window.seconds / 604800,
        "cells": [
            {"verdict": None if cell.verdict is None else list(cell.verdict), "alerts": _packed(cell, window.start)}
            for cell in sliders.cells
        ],
    }


def _packed(cell: JudgedAgain, since: int) -> str:
    columns = (cell.key, cell.start - since, cell.end - cell.start)
    steps = [np.diff(column, prepend=0).astype("<i4").tobytes() for column in columns]
    deflate = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return base64.b64encode(deflate.compress(b"".join(steps)) + deflate.flush()).decode("ascii")
