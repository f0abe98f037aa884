"""Frames as what the rest reads and writes: a store, a file of events or labels, a table of the run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from analyzer.report.columns import TIME, Column, CsvTable
from traffic import times
from traffic.errors import UsageFailure
from traffic.model import Statistic
from traffic.store.columns import Columns
from traffic.text import slug

Moment = str | int | pd.Timestamp


def frame(table: CsvTable[Any], rows: Iterable[Any]) -> pd.DataFrame:
    """Rows of a table of the run as a frame with its columns: times as UTC, figures as numbers, words as text."""
    made = [[column.value(row) for column in table.written] for row in rows]
    found = pd.DataFrame(made, columns=list(table.names))
    for column in table.written:
        if _is_time(column):
            found[column.name] = pd.to_datetime(found[column.name].astype("Int64"), unit="s", utc=True).astype(
                "datetime64[s, UTC]"
            )
    return found


def _is_time(column: Column[Any]) -> bool:
    return column.notation is TIME or column.unit == "UTC"


def stored(data: pd.DataFrame | str | Path, time: str | None, folder: Path) -> tuple[str, str | None]:
    """The store that the data are, and the column of their times."""
    if not isinstance(data, pd.DataFrame):
        return str(data), time
    if not len(data):
        raise UsageFailure("the frame has no rows")
    rows = data.rename(columns=str)
    if isinstance(data.index, pd.DatetimeIndex):
        time = time or ("time" if data.index.name is None else str(data.index.name))
        rows = rows.rename_axis(index=time).reset_index()
    others = [name for name in rows if name != time]
    # A series without a key is called like its file.
    path = folder / f"{slug(str(others[0])) if len(others) == 1 else 'frame'}.parquet"
    rows.to_parquet(path, index=False)
    return str(path), time


def columns(
    time: str | None,
    key: str | Sequence[str] | None,
    value: str | None,
    statistic: Statistic | Literal["rate"] | None,
    unit: str,
) -> Columns:
    """The columns of a user's own data, as a store takes them."""
    return Columns(
        time,
        key if isinstance(key, str) or key is None else ",".join(key),
        value,
        statistic="avg" if statistic == "rate" else statistic,
        counter=True if statistic == "rate" else None,
        unit=unit,
    )


def instant(moment: Moment, now: int) -> int:
    """Seconds since 1970."""
    if isinstance(moment, pd.Timestamp):
        return int((moment.tz_localize("UTC") if moment.tzinfo is None else moment).timestamp())
    return moment if isinstance(moment, int) else times.instant(moment, now)


def file_of(rows: pd.DataFrame | str | Path, path: Path) -> Path:
    """A list of events or labels as a file: a frame is read by the way that reads files."""
    if not isinstance(rows, pd.DataFrame):
        return Path(rows)
    written = rows.copy()
    for name in ("start", "end"):
        if name in written:
            written[name] = pd.to_datetime(written[name], utc=True).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    written.to_csv(path, index=False)
    return path


def unseen(_done: int, _of: int) -> None:
    """No progress is shown."""
