"""`sl.read`."""

from __future__ import annotations

import time as clock
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import pandas as pd

from analyzer.frames import read_wide
from analyzer.notebook.frames import Moment, columns, instant, unseen
from analyzer.reading.scope import Scope, own_resolution, select
from traffic import times
from traffic.model import Statistic
from traffic.store import open_source


def read(  # noqa: PLR0913 - named arguments only: what is read
    store: str | Path,
    *,
    time: str | None = None,
    key: str | Sequence[str] | None = None,
    value: str | None = None,
    statistic: Statistic | Literal["rate"] | None = None,
    resolution: str | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    only: Iterable[str] = (),
    exclude: Iterable[str] = (),
) -> pd.DataFrame:
    """The series of a store, shape (times, keys), like `./sl.py export --wide-table`; NaN where there is no value.

    Args:
        store: by its name, as --store takes it.
        time, key, value, statistic: as `sl.discover` takes them.
        resolution: width of a bucket; the data's own step, or 1m.
        start, end: the window; all there is by default.
        only, exclude: globs of keys.

    Raises:
        UsageFailure: a column or the window is not valid, or it is more than fits into a frame.
        StoreError: the store cannot answer in full.
    """
    source = open_source(str(store), columns(time, key, value, statistic, ""))
    now = int(clock.time())
    scope = Scope(
        own_resolution(source) if resolution is None else times.resolution(resolution),
        now,
        start=None if start is None else instant(start, now),
        end=None if end is None else instant(end, now),
        only=tuple(only),
        exclude=tuple(exclude),
    )
    return read_wide(select(source, scope), unseen)
