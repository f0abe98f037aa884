"""What `doctor` says: versions, folders, the store."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from analyzer.reading.scope import Scope, Selection, select
from traffic.coverage import Coverage, counted
from traffic.disk import storage
from traffic.errors import Failure, StorageFailure
from traffic.model import HOUR, WEEK, Query, Window
from traffic.store import Access, Columns, open_source
from traffic.store.base import ServedSource, SizedSource
from traffic.text import length, visible
from traffic.times import fitting, iso

_NEEDED = ("click", "duckdb", "matplotlib", "numpy", "pyarrow", "pydantic", "pyyaml", "tinydb", "tzdata")
_OPTIONAL = ("elasticsearch", "requests", "tenacity")
PACKAGES = (*_NEEDED, *_OPTIONAL)
_LARGE = 150_000_000
"""Bytes of files from which on they are not read as a whole: what is parsed in two seconds or three."""
_LOOKED_AT = 64
_POINTS = 1_000_000


@dataclass(frozen=True)
class Check:
    """One finding."""

    name: str
    text: str
    ok: bool = True


def examine(store: str, columns: Columns, entry: Access | None, output: Path) -> tuple[list[Check], int]:
    """All findings, and the exit code: 0, or that of the first thing that is wrong."""
    found: list[Check] = []
    codes: list[int] = []
    checks = {"packages": _versions(), "folders": _folders(output), "store": _store(store, columns, entry)}
    for name, check in checks.items():
        try:
            found.extend(check)
        except Failure as failure:
            found.append(Check(name, visible(str(failure)), ok=False))
            codes.append(failure.exit_code)
    codes += [1 for line in found if not line.ok]
    return found, codes[0] if codes else 0


def _versions() -> Iterator[Check]:
    yield Check("python", f"{platform.python_version()} on {platform.system()}, {os.cpu_count()} cores")
    there, missing = [], []
    for name in PACKAGES:
        try:
            there.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            if name not in _OPTIONAL:
                missing.append(name)
    lacks = f"missing: {', '.join(missing)} (run make setup); " if missing else ""
    yield Check("packages", lacks + ", ".join(there), ok=not missing)


def _folders(output: Path) -> Iterator[Check]:
    temporary = Path(tempfile.gettempdir())
    yield Check("temporary", f"{temporary}, {_free(temporary)} free")
    nearest = next(path for path in (output, *output.absolute().parents) if path.exists())
    if not os.access(nearest, os.W_OK):
        raise StorageFailure(f"cannot write to {output}: change its permissions or use another --output")
    yield Check("output", f"{output}, {_free(nearest)} free" + ("" if output.exists() else " (will be made)"))


def _store(name: str, columns: Columns, entry: Access | None) -> Iterator[Check]:
    source = open_source(name, columns, entry)
    for note in source.notes():
        yield Check("columns", visible(note))
    if isinstance(source, SizedSource) and source.size() > _LARGE:
        yield from _beginning(source)
        return
    # By the hour, for which a service may keep more than by the minute.
    whole = select(source, Scope(HOUR, int(time.time())))
    extent, spans = whole.extent, whole.spans
    some = ", ".join(list(spans)[:3]) + (", ..." if len(spans) > 3 else "")
    metric = source.metric
    # Errors are counted, and counted in errors: once is enough.
    unit = f" in {metric.unit}" if metric.unit not in ("", metric.field) else ""
    yield Check("store", f"{visible(source.name)}: {metric.name} ({metric.statistic} of {metric.field}{unit})")
    yield Check("series", f"{len(spans):,}: {visible(some)}")
    yield Check("extent", f"{iso(extent.start)} to {iso(extent.end)} ({length(extent.seconds)}){_finer(whole)}")
    for fact in source.facts() if isinstance(source, ServedSource) else ():
        yield Check("server", visible(fact))
    for remark in source.remarks():
        yield Check("rows", visible(remark))
    # A server that may hold years by the second is not asked to count them all: the last week says how it is.
    lately = ", in the last week" if isinstance(source, ServedSource) else ""
    counted_in = Window(max(extent.start, extent.end - WEEK), extent.end) if lately else extent
    yield from _coverage(source.coverage(counted_in, extent), lately)
    step = source.step()
    yield _step(step)
    yield _gaps(whole, step)


def _coverage(coverage: Coverage, lately: str) -> Iterator[Check]:
    """What can be read of it, then each part and reason for which it cannot."""
    yield Check("coverage", visible(coverage.sentence()) + lately, ok=coverage.explained)
    for part in coverage.parts:
        for left in part.left_out:
            said = f"{part.name}: {counted(left.rows, left.reason, coverage.noun)}"
            yield Check("left out", visible(said) + lately)


def _beginning(source: SizedSource) -> Iterator[Check]:
    rows, keys, window = source.glimpse()
    size = source.size() / 1e9
    yield Check("store", f"{visible(source.name)}: {size:.1f} GB; only the first {rows:,} rows were read")
    yield Check("keys", f"{keys:,} in these rows")
    yield Check("extent", f"{iso(window.start)} to {iso(window.end)} in these rows")
    yield _step(source.step())


def _step(step: int | None) -> Check:
    if step is None:
        return Check("step", "rows have no regular interval: buckets are made of the rows that fall into them")
    return Check("step", f"a value every {length(step)}")


def _finer(whole: Selection) -> str:
    """From when on there are buckets as fine as the store has them, where that is not all of the time."""
    fine = _finest(whole.store.step())
    extent = whole.store.extent(None, fine)
    return "" if extent == whole.extent else f"; in buckets of {length(fine)} from {iso(extent.start)} on"


def _finest(step: int | None) -> int:
    return fitting(step or 60, 60, adds_up=True)


def _gaps(whole: Selection, step: int | None) -> Check:
    """How much of the last week is missing, by some of the keys, in one request where these are few."""
    store, extent, spans = whole.store, whole.extent, whole.spans
    if store.metric.empty == "zero" and step is None:
        return Check("gaps", "not applicable: a time without rows means that nothing happened")
    resolution = _finest(step)
    limits = store.limits(resolution)
    lately = min(WEEK, limits.seconds or WEEK)
    window = Window(max(extent.start, extent.end - lately), extent.end).widen(HOUR)
    most = max(1, min(_LOOKED_AT, limits.keys or _LOOKED_AT, _POINTS // (window.seconds // resolution)))
    keys = tuple(list(spans)[:: -(-len(spans) // most)])
    missing = np.isnan(whole.asked.series(Query(store.metric, keys, window, resolution)).values)
    times = window.start + resolution * np.arange(missing.shape[1])
    # Before its first and after its last value a key has no gaps: it is not there.
    starts = np.array([spans[key].start for key in keys])
    ends = np.array([spans[key].end for key in keys])
    silent = missing.sum(axis=1) == len(times)
    inside = (times >= starts[:, None]) & (times + resolution <= ends[:, None]) & ~silent[:, None]
    share = (missing & inside).sum() / max(1, inside.sum())
    of = f" of {len(keys)} keys" if len(keys) < len(spans) else ""
    gone = f"; {silent.sum()} keys{of and ' of these'} have no value in it" if silent.any() else ""
    last = "week's" if lately == WEEK else f"{lately // HOUR} hours'"
    return Check("gaps", f"{share:.1%} of the last {last} buckets of {length(resolution)}{of} are missing{gone}")


def _free(path: Path) -> str:
    with storage(path):
        return f"{shutil.disk_usage(path).free / 1e9:,.0f} GB"
