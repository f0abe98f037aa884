"""Rows to buckets: what those that fall into one bucket come to, whatever order they come in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from traffic.model import Floats, Grid, Ints, Statistic

_EXACT = 2.0**53
"""Whole numbers add up without rounding below this."""
_DENSE = 8
"""Buckets a row, up to which counting beats sorting."""


def fill_alone(values: Floats, rows: Sequence[tuple[Ints, Ints, Floats]], statistic: Statistic) -> bool:
    """The same of rows none of which shares its cell with another one; whether that is so. If not, nothing is filled.

    Then a cell is what its row says, and no row has to be looked at twice.

    Args:
        rows: some at a time: which key, which bucket, and its value.
    """
    alone, count = np.full(values.shape, np.nan), 0
    for row, bucket, value in rows:
        alone[row, bucket] = 1.0 if statistic == "count" else value
        first, count = not count, count + len(row)
        # If any rows share a cell, the first ones do.
        if first and np.count_nonzero(~np.isnan(alone)) < count:
            return False
    there = ~np.isnan(alone)
    if np.count_nonzero(there) < count:
        return False
    np.copyto(values, alone, where=there)
    return True


def fill(values: Floats, row: Ints, bucket: Ints, value: Floats, statistic: Statistic) -> None:
    """Put the statistic of the values that share a cell into `values`; cells without one stay as they are.

    Sums do not depend on the order of the rows: whole numbers are added exactly, others in the order of their size.

    Args:
        values: shape (keys, buckets); may be a view.
        row: shape (n,), which key.
        bucket: shape (n,), which bucket.
        value: shape (n,), finite; for `share` 1 for what is counted and 0 for what is not.
        statistic: of the values of a cell.
    """
    keys, count = values.shape
    cell = row * count + bucket
    if keys * count <= _DENSE * len(cell):
        rows = np.bincount(cell, minlength=keys * count)
        if statistic == "count" or rows.max() == 1:
            values[row, bucket] = rows[cell] if statistic == "count" else value
            return
        if statistic in ("sum", "avg", "share") and _whole(value):
            total = np.bincount(cell, weights=value, minlength=keys * count)
            there = np.flatnonzero(rows)
            found = total[there] if statistic == "sum" else total[there] / rows[there]
            values[there // count, there % count] = found
            return
    order = np.lexsort((value, cell))
    cell, value = cell[order], value[order]
    starts = np.flatnonzero(np.concatenate([[True], cell[1:] != cell[:-1]]))
    sizes = np.diff(starts, append=len(cell))
    if statistic == "count":
        found = sizes.astype(np.float64)
    elif statistic == "max":
        found = value[starts + sizes - 1]
    elif statistic == "p95":
        found = _p95(value, starts, sizes)
    else:
        found = np.add.reduceat(value, starts)
        if statistic != "sum":
            found = found / sizes
    there = cell[starts]
    values[there // count, there % count] = found


def _p95(value: Floats, starts: Ints, sizes: Ints) -> Floats:
    """Linear, of each run of `sizes` values in order that begins at `starts`."""
    place = 0.95 * (sizes - 1)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, sizes - 1)
    below = value[starts + low]
    found: Floats = below + (place - low) * (value[starts + high] - below)
    return found


def _whole(value: Floats) -> bool:
    return bool(np.abs(value).sum() < _EXACT) and bool((value == np.rint(value)).all())


def zeros(first: Ints, last: Ints, grid: Grid) -> Floats:
    """Shape (keys, buckets): 0 from the bucket of a key's first row to that of its last, NaN outside."""
    buckets = np.arange(grid.count)
    low = (first - grid.start) // grid.step
    high = (last - grid.start) // grid.step
    return np.where((buckets >= low[:, None]) & (buckets <= high[:, None]), 0.0, np.nan)
