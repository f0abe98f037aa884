"""Series on their way out of a store: to a table, or into another store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np

from analyzer.reading.scope import Progress, Selection
from traffic.errors import UsageFailure
from traffic.model import DAY, Bools, Grid, Label, Matrix
from traffic.store.sinks import Sink


@dataclass(frozen=True)
class Copied:
    """What a copy came to."""

    points: int
    new: int
    """Points that were not there before."""
    rounded: int
    """Points that were no whole numbers."""
    identity: str


def pieces(what: Selection, progress: Progress) -> Iterator[Matrix]:
    """The series, a part at a time."""
    return what.read(what.store.metric, progress)


def labelled(labels: Sequence[Label]) -> Callable[[Matrix], Bools]:
    """Of series, which buckets lie in a label that is required or optional: whole or in part."""
    known = [label for label in labels if label.kind in ("required", "optional")]

    def flags(matrix: Matrix) -> Bools:
        found = np.zeros(matrix.values.shape, dtype=bool)
        rows = {key: row for row, key in enumerate(matrix.keys)}
        for label in known:
            part = matrix.grid.slice(label.window.widen(matrix.grid.step))
            if not label.key or label.key in rows:
                found[rows[label.key] if label.key else slice(None), part] = True
        return found

    return flags


def copy(what: Selection, sink: Sink, progress: Progress) -> Copied:
    """Write the series into a store of ours, as whole amounts; writing the same again changes nothing.

    Raises:
        UsageFailure: a value is negative.
    """
    metric = what.store.metric
    amounts = metric if not metric.rate else replace(metric, scale=1.0, rate=False)
    sink.begin(what.window)
    points = new = rounded = 0
    for matrix in what.read(amounts, progress, sink.blocks(list(what.spans))):
        values = matrix.values
        there = ~np.isnan(values)
        whole = np.where(there, np.rint(values), -1).astype(np.int64)
        if (values < 0).any():
            key = matrix.keys[int(np.flatnonzero((values < 0).any(axis=1))[0])]
            raise UsageFailure(
                f"{key} has negative values, which a store cannot hold: use ./sl.py export, which keeps them"
            )
        points += int(there.sum())
        rounded += int((there & (whole != values)).sum())
        rows = {key: row for row, key in enumerate(matrix.keys)}
        for keys in sink.blocks(matrix.keys):
            for week in matrix.grid.window.weeks():
                part = whole[[rows[key] for key in keys], matrix.grid.slice(week)]
                new += sink.write(keys, Grid.over(week, matrix.grid.step), part)
    return Copied(points, new, rounded, sink.finish())


def origin(what: Selection) -> str:
    """What stands for a scenario where nothing was generated: a hash of what was copied, 64 hexadecimal digits."""
    # Whole days, as a bucket may reach out of the window.
    told = (
        what.store.fingerprint(what.window.widen(DAY)),
        what.store.metric,
        what.window,
        what.resolution,
        tuple(what.spans),
    )
    return blake2b(repr(told).encode("utf-8", "surrogatepass"), digest_size=32).hexdigest()
