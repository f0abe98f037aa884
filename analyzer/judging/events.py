"""What is to be said of events: first as arrays, then as values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analyzer.judging.breaches import Breaches
from analyzer.judging.classes import SEVERITY, is_suspect
from analyzer.judging.judged import Judged
from analyzer.kernels.breach import Runs
from analyzer.kernels.severity import height_of, missing_of, severity
from analyzer.kernels.ways import WAYS
from analyzer.model import Event, EventClass, event_id
from traffic.model import Bools, Direction, Floats, Ints, Query


@dataclass(frozen=True, eq=False)
class Figures:
    """Events of a block as arrays of shape (events,), in order of key, then time."""

    classes: list[EventClass]
    columns: Mapping[str, Floats | Ints | Bools]
    """Fields of `Event`, and `row`, `way` and `low`."""


def suspect(found: Runs, breaches: Breaches, resolution: int, sign: int) -> Bools:
    """Which of the events look like artefacts of measuring.

    Args:
        sign: -1 where falls were looked for, and all figures are turned round.
    """
    top, usual = (sign * array[found.peak] for array in (breaches.value, breaches.baseline))
    seconds = breaches.time[found.last] + resolution - breaches.time[found.first]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(usual > 0, top / usual, np.nan)
    return is_suspect(found.last - found.first + 1, seconds, ratio)


def figures(found: Runs, breaches: Breaches, query: Query, judged: Judged) -> Figures:
    """What is to be said of events."""
    time, peak, resolution, sign = breaches.time, found.peak, query.resolution, judged.sign
    # A rate over a bucket is a volume: bits for bit/s. Other values are added up as they are.
    volume = found.excess * (resolution if query.metric.per_second else 1)
    top, usual, limit = (sign * array[peak] for array in (breaches.value, breaches.baseline, breaches.threshold))
    seconds = (time[found.last] + resolution - time[found.first]).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(usual > 0, top / usual, np.nan)
        height = height_of(top / limit) if sign > 0 else missing_of(found.excess * resolution, usual, seconds)
    count = found.last - found.first + 1
    brief = suspect(found, breaches, resolution, sign)
    classes: list[EventClass] = ["suspect" if one else judged.raises for one in brief.tolist()]
    bounds = np.array([SEVERITY[name] for name in classes]).reshape(-1, 2)
    columns = {
        "start": time[found.first],
        "end": time[found.last] + resolution,
        "detected": time[found.met] + resolution,
        "breaches": count,
        "peak_at": time[peak],
        "peak": top,
        "baseline": usual,
        "threshold": limit,
        "ratio": ratio,
        "excess": volume,
        "severity": severity(height, seconds, bounds[:, 0], bounds[:, 1]),
        "row": breaches.row[found.first],
        "way": found.opened,
        "low": judged.filled[breaches.row[peak], breaches.hour[peak]],
    }
    return Figures(classes, columns)


def events_of(said: Figures, query: Query, judged: Judged) -> list[Event]:
    """The same as values."""
    direction: Direction = "above" if judged.sign > 0 else "below"
    rows = zip(*(column.tolist() for column in said.columns.values()), strict=True)
    events = []
    for name, values in zip(said.classes, rows, strict=True):
        of_event = dict(zip(said.columns, values, strict=True))
        key = query.keys[of_event.pop("row")]
        of_event["ratio"] = None if math.isnan(of_event["ratio"]) else of_event["ratio"]
        events.append(
            Event(
                opened_by=WAYS[of_event.pop("way")].name,
                confidence="low" if of_event.pop("low") else "normal",
                **of_event,
                id=event_id(key, query.metric.name, direction, of_event["start"]),
                key=key,
                direction=direction,
                event_class=name,
            )
        )
    return events
