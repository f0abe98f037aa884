"""Series on their way out of a store: to a table, or into another store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from hashlib import blake2b

import numpy as np

from analyzer.reading.fetch import Halving
from traffic.errors import UsageFailure
from traffic.model import DAY, WEEK, Grid, Matrix, Metric, Query, Window, block_bits, blocks, week_start
from traffic.store.base import Sink, Source
from traffic.times import fitting, iso

BLOCK = 64
"""Keys that travel together."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Cargo:
    """What of a store travels."""

    source: Source
    metric: Metric
    spans: Mapping[str, Window]
    """The keys, in order of name, and the span of each."""
    window: Window
    """On whole buckets."""
    resolution: int


@dataclass(frozen=True)
class Copied:
    """What a copy came to."""

    points: int
    new: int
    """Points that were not there before."""
    rounded: int
    """Points that were no whole numbers."""
    identity: str


def cargo(
    source: Source,
    resolution: int | None = None,
    start: int | None = None,
    end: int | None = None,
    only: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
) -> Cargo:
    """All of a store, or what the arguments leave of it.

    Args:
        source: the store.
        resolution: seconds of a bucket; None is the data's own step where it divides an hour, else a minute.
        start: epoch seconds; None is where its data starts.
        end: None is where its data ends.
        only: globs of keys; none means all.
        exclude: globs of keys.

    Raises:
        UsageFailure: nothing is left.
    """
    step = source.step()
    if resolution is None:
        resolution = step if step and 3600 % step == 0 else fitting(step or 60, 60, source.metric.adds_up)
    extent = source.extent(start, resolution)
    asked = Window(extent.start if start is None else start, max(start or 0, extent.end if end is None else end))
    window = asked.clip(extent).widen(resolution)
    spans = source.keys(window)
    chosen = {
        key: spans[key]
        for key in sorted(spans)
        if (not only or any(fnmatchcase(key, glob) for glob in only))
        and not any(fnmatchcase(key, glob) for glob in exclude)
    }
    if not chosen or not window.seconds:
        raise UsageFailure(
            f"nothing of {source.name} is left: it holds {len(spans)} keys in that window, "
            f"and data from {iso(extent.start)} to {iso(extent.end)}"
        )
    return Cargo(source, source.metric, chosen, window, resolution)


def pieces(load: Cargo, progress: Progress) -> Iterator[Matrix]:
    """The series, a block of keys and a week at a time."""
    asked = Halving(load.source)
    done = 0
    for keys in blocks(list(load.spans), block_bits(len(load.spans), BLOCK)):
        for window, those in _weeks(load, keys):
            yield asked.series(Query(load.metric, those, window, load.resolution))
        done += len(keys)
        progress(done, len(load.spans))


def copy(load: Cargo, sink: Sink, progress: Progress) -> Copied:
    """Write the series into a store of ours, as whole amounts; writing the same again changes nothing.

    Raises:
        UsageFailure: a value is negative.
    """
    asked = Halving(load.source)
    metric = load.metric if not load.metric.rate else replace(load.metric, scale=1.0, rate=False)
    sink.begin(load.window)
    points = new = rounded = done = 0
    for keys in sink.blocks(list(load.spans)):
        for window, those in _weeks(load, keys):
            values = asked.series(Query(metric, those, window, load.resolution)).values
            there = ~np.isnan(values)
            whole = np.where(there, np.rint(values), -1)
            if (values < 0).any():
                key = those[int(np.flatnonzero((values < 0).any(axis=1))[0])]
                raise UsageFailure(
                    f"{key} has negative values: a store holds amounts; ./sl.py export keeps them as they are"
                )
            points += int(there.sum())
            rounded += int((there & (whole != values)).sum())
            new += sink.write(those, Grid.over(window, load.resolution), whole.astype(np.int64))
        done += len(keys)
        progress(done, len(load.spans))
    return Copied(points, new, rounded, sink.finish())


def origin(load: Cargo) -> str:
    """What stands for a scenario where nothing was generated: a hash of what was copied, 64 hexadecimal digits."""
    # Whole days, as a bucket may reach out of the window.
    told = (
        load.source.fingerprint(load.window.widen(DAY)),
        load.metric,
        load.window,
        load.resolution,
        tuple(load.spans),
    )
    return blake2b(repr(told).encode("utf-8", "surrogatepass"), digest_size=32).hexdigest()


def _weeks(load: Cargo, keys: tuple[str, ...]) -> Iterator[tuple[Window, tuple[str, ...]]]:
    """The weeks in which some of the keys have data, each with these keys; a gap of years costs nothing."""
    spans = {key: load.spans[key].widen(load.resolution).clip(load.window) for key in keys}
    starts = {week for span in spans.values() for week in range(week_start(span.start), span.end, WEEK)}
    for start in sorted(starts):
        week = Window(start, start + WEEK).clip(load.window)
        those = tuple(key for key in keys if spans[key].overlap(week))
        if those:
            yield week, those
