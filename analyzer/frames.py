"""Series as pandas frames, for who goes on with them: a row a time, a column a key."""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np
import pandas as pd

from analyzer.reading.scope import Progress, Selection
from analyzer.transfer import pieces
from traffic.errors import UsageFailure
from traffic.model import Grid, Matrix

TIME = "time"
"""Name of the index, and of its column where a file has no index."""
MOST = 100_000_000
"""Cells of a frame, 8 bytes each: it is held as a whole, and once more while it is written."""


def read_wide(what: Selection, progress: Progress) -> pd.DataFrame:
    """All of a selection, shape (buckets, keys): float64, NaN = missing.

    The index is every bucket of the window in UTC, also those in which nothing is; the columns are the keys in order.

    Raises:
        UsageFailure: it is more than `MOST` cells, or a key is called as the index is.
    """
    grid, keys = Grid.over(what.window, what.resolution), list(what.spans)
    if grid.count * len(keys) > MOST:
        size = f"{len(keys):,} keys x {grid.count:,} buckets"
        raise UsageFailure(
            f"{size} are too many for a wide table (limit: {MOST:,} cells): select fewer with --only or --start, use "
            "a wider --resolution, or leave out --wide-table"
        )
    if TIME in keys:
        raise UsageFailure(
            f"a series is called {TIME}, like the column of the times: leave out --wide-table, or exclude this series"
        )
    return framed(pieces(what, progress), grid, keys)


def framed(parts: Iterable[Matrix], grid: Grid, keys: list[str]) -> pd.DataFrame:
    """Matrices, in any order, as one frame on `grid`."""
    values = np.full((grid.count, len(keys)), np.nan)
    columns = {key: column for column, key in enumerate(keys)}
    for part in parts:
        first = grid.index(part.grid.start)
        values[first : first + part.grid.count, [columns[key] for key in part.keys]] = part.values.T
    times = pd.DatetimeIndex(pd.to_datetime(grid.times(), unit="s", utc=True), name=TIME)
    return pd.DataFrame(values, times, pd.Index(keys, dtype=str))


def written(frame: pd.DataFrame, form: str) -> bytes:
    """A file's bytes: what `pandas.read_csv`, `read_parquet` and `read_feather` take, every number to its last bit.

    Args:
        frame: as `read_wide` makes it.
        form: csv, parquet or feather.
    """
    file = io.BytesIO()
    if form == "csv":
        frame.to_csv(file, date_format="%Y-%m-%dT%H:%M:%SZ", lineterminator="\n")
    elif form == "parquet":
        frame.to_parquet(file, engine="pyarrow", compression="zstd")
    else:
        # Feather knows no index.
        frame.reset_index().to_feather(file)
    return file.getvalue()
