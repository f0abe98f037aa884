"""Buckets above the limits of their hours, and the events that they make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from analyzer.judging.judged import Judged
from analyzer.kernels.breach import Criterion, Runs, runs
from analyzer.kernels.ways import WAYS
from analyzer.model import Policy
from traffic.model import HOUR, Floats, Grid, Ints, Matrix

Piece = tuple[list[int], Matrix]
"""Rows of a block, and the buckets of some time of just these."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """Buckets of a block that may be breaches, in order of key, then time: arrays of shape (buckets,)."""

    row: Ints
    hour: Ints
    """Its place among the hours of the roll-ups."""
    time: Ints
    value: Floats
    """Turned round where falls are looked for."""


@dataclass(frozen=True, eq=False)
class Breaches:
    """Breaches of a block in order of key, then time: arrays of shape (breaches,) where nothing else is said."""

    row: Ints
    hour: Ints
    time: Ints
    value: Floats
    baseline: Floats
    threshold: Floats
    limits: Floats
    """Shape (ways, breaches)."""


def raised(breaches: Breaches, policy: Policy, resolution: int) -> Runs:
    """Breaches as events."""
    return runs(
        breaches.row,
        breaches.time,
        breaches.value,
        breaches.baseline,
        _criteria(policy, breaches, resolution),
        max(policy.merge, policy.within),
        resolution,
    )


def _criteria(policy: Policy, breaches: Breaches, resolution: int) -> list[Criterion]:
    """How an event can open: the matches, and with the rule `held` what lasts longer above a limit of its own."""
    stated = (policy.needed(resolution), policy.within)
    # There are as many limits as there are ways that the policy looks for.
    found = []
    for way, limit in zip(WAYS, breaches.limits, strict=False):
        needed, within = way.buckets(resolution, stated)
        found.append(Criterion(breaches.value > limit, needed, within))
    return found


def above(pieces: Sequence[Piece], judged: Judged, resolution: int, lowest: Floats) -> Candidates:
    """The buckets above `lowest`, shape (keys, hours), NaN where none is wanted, in order of key, then time."""
    there = (
        (
            some,
            matrix.grid,
            filled(judged, np.array(some)[:, None], matrix.grid.times(), matrix.values) * judged.sign,
        )
        for some, matrix in pieces
    )
    return passing(there, judged.rollup.grid, resolution, lowest)


def passing(
    pieces: Iterable[tuple[list[int], Grid, Floats]], hours: Grid, resolution: int, lowest: Floats
) -> Candidates:
    """The same of rows with their buckets, shape (rows, buckets), in hours of `hours`."""
    per_hour = HOUR // resolution
    none, nowhere = np.zeros(0), np.zeros(0, dtype=np.int64)
    rows, places, times, found = [nowhere], [nowhere], [nowhere], [none]
    for some, grid, values in pieces:
        span = hours.slice(grid.window)
        cube = values.reshape(len(some), -1, per_hour)
        row, hour, bucket = np.nonzero(cube > lowest[some, span][..., None])
        rows.append(np.asarray(some, dtype=np.int64)[row])
        places.append(span.start + hour)
        times.append(grid.start + (hour * per_hour + bucket) * resolution)
        found.append(cube[row, hour, bucket])
    row, time = np.concatenate(rows), np.concatenate(times)
    order = np.lexsort((time, row))
    return Candidates(row[order], np.concatenate(places)[order], time[order], np.concatenate(found)[order])


def breaches_of(candidates: Candidates, judged: Judged) -> Breaches:
    """Those of the buckets that lie above the limits of one judgement."""
    over = candidates.value > judged.threshold[candidates.row, candidates.hour]
    row, hour = there = candidates.row[over], candidates.hour[over]
    return Breaches(
        row=row,
        hour=hour,
        time=candidates.time[over],
        value=candidates.value[over],
        baseline=judged.baseline[there],
        threshold=judged.threshold[there],
        limits=judged.limits[:, row, hour],
    )


def filled(judged: Judged, rows: Ints, times: Ints, values: Floats) -> Floats:
    """Buckets as they count: one that is missing may be nothing, as from where its key fell silent up to the end.

    Args:
        rows, times: of the key and the start of each bucket; such that they fit to the values.
    """
    fill: Floats | float = judged.fill
    if judged.silent is not None and judged.sign < 0:
        fill = np.where(times >= judged.silent[rows], 0.0, judged.fill)
    elif np.isnan(judged.fill):
        return values
    return np.where(np.isnan(values), fill, values)
