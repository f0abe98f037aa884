"""Which part of a store is read, by whom it is asked, and where its answers are kept: the way in for every command."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from analyzer.reading.blocks import Block, key_blocks, stretches
from analyzer.reading.cache import AnswerFiles, CachedBuckets, CachedSource, Use
from analyzer.reading.fetch import Halving, Rolled
from traffic.disk import storage
from traffic.errors import UsageFailure
from traffic.model import HOUR, WEEK, Matrix, Metric, Query, Window, week_start
from traffic.store.base import ScarceSource, Source
from traffic.times import fitting, iso

BUFFER_CACHE = "buffer_cache"
_RANKED = 10_000
"""Of the largest keys, as many are looked through for those that --only leaves."""

Progress = Callable[[int, int], None]
"""Called with the keys that are done and the keys there are."""


@dataclass(frozen=True)
class Scope:
    """What of a store is asked for."""

    resolution: int
    now: int
    """Answers about what is later than this, less the time in which the store's may change, are not kept."""
    start: int | None = None
    """Look from here; None: where the store's data start."""
    end: int | None = None
    history: int = 6 * WEEK
    """How far before and after what is looked at the baseline is learned from, in seconds."""
    only: tuple[str, ...] = ()
    """Globs of keys; none means all."""
    exclude: tuple[str, ...] = ()
    top: int | None = None
    """So many keys of these, those that have most; None: all."""
    concurrency: int = 2
    """Requests that run in parallel, where a store does not answer from the machine itself."""


@dataclass(frozen=True)
class Selection:
    """What of a store is read as it is, without a cache."""

    asked: Halving
    extent: Window
    """Of all that the store has in buckets of that width."""
    window: Window
    """What is read, on whole buckets."""
    spans: Mapping[str, Window]
    """The keys, in order of name, and the time outside of which each has nothing."""
    resolution: int

    @property
    def store(self) -> Source:
        """Where it is read from."""
        return self.asked.store

    def read(self, metric: Metric, progress: Progress, together: Sequence[Block] | None = None) -> Iterator[Matrix]:
        """All of it, a block of keys and a week at a time, or what the store says is few requests.

        Args:
            metric: as what it is read; another scale than the store's own is possible.
            progress: is told the keys that are done and the keys there are.
            together: the keys as whoever takes them likes them best; where the store takes only so many, that counts.
        """
        limits = self.store.limits(self.resolution)
        found = together if together is not None and limits.keys is None else key_blocks(list(self.spans), limits)
        spans = {key: span.widen(self.resolution).clip(self.window) for key, span in self.spans.items()}
        done = 0
        for block in found:
            for keys, part in stretches(block, spans, self.window, limits):
                yield self.asked.series(Query(metric, keys, part, self.resolution))
            done += len(block)
            progress(done, len(self.spans))


@dataclass(frozen=True)
class Effort:
    """What answers cost."""

    sent: int
    """Requests that reached the store."""
    points: int
    """Buckets that it answered with."""
    cached: int
    """Pieces that were answered from files."""
    use: Use

    def since(self, before: Effort) -> Effort:
        """What came after that."""
        return Effort(
            self.sent - before.sent,
            self.points - before.points,
            self.cached - before.cached,
            self.use.since(before.use),
        )


class OpenStore(NamedTuple):
    """The store as a search asks it."""

    asked: Halving
    """Counts the requests."""
    source: CachedSource
    """Answers."""
    files: AnswerFiles
    """Where the answers are kept."""

    def effort(self) -> Effort:
        """So far, of this process."""
        return Effort(self.asked.sent, self.asked.points, self.source.cached, self.files.use())

    def share(self, effort: Effort) -> None:
        """Count what another process did for this one, and know what it kept."""
        self.asked.sent += effort.sent
        self.asked.points += effort.points
        self.source.cached += effort.cached
        self.files.share(effort.use)


def opened(store: Source, scope: Scope, output: Path) -> OpenStore:
    """The store as a search asks it, with the answers that are kept under `output`.

    A store that makes no roll-ups has them made here. One whose requests are few has all that it answered kept as it
    is; for any other the roll-ups are kept, and the buckets of days in which an event can be.
    """
    asked = Halving(store, scope.concurrency)
    with storage(output):
        files = AnswerFiles(output / BUFFER_CACHE)
    if isinstance(store, ScarceSource):
        return OpenStore(asked, CachedBuckets(asked, files, scope.now), files)
    reader = asked if asked.rolls_up(scope.resolution) else Rolled(asked)
    return OpenStore(asked, CachedSource(reader, files, scope.now), files)


def select(store: Source, scope: Scope) -> Selection:
    """What is read of a store as it is.

    Raises:
        UsageFailure: nothing is left.
    """
    extent = store.extent(scope.start, scope.resolution)
    window = looked_at(extent, scope, scope.resolution, store.name)
    spans = chosen(store.keys(window), scope, store.name, window)
    return Selection(Halving(store, scope.concurrency), extent, window, spans, scope.resolution)


def windows(source: CachedSource, scope: Scope) -> tuple[Window, Window]:
    """What is looked at, in whole hours, and what is learned from: the history on both sides of it, in whole weeks.

    Weeks, so that the roll-ups of a window that moves with the clock are those of yesterday's.
    """
    extent = source.extent(scope.start, scope.resolution)
    window = looked_at(extent, scope, HOUR, source.name)
    reach = Window(week_start(window.start - scope.history), week_start(window.end + scope.history - 1) + WEEK)
    return window, reach.clip(extent.widen(HOUR))


def looked_at(extent: Window, scope: Scope, step: int, name: str) -> Window:
    """The part of what a store has that lies between start and end, on whole steps.

    Raises:
        UsageFailure: it has nothing there.
    """
    if scope.start is not None and scope.end is not None and scope.end <= scope.start:
        raise UsageFailure(
            f"the window ends ({iso(scope.end)}) before it starts ({iso(scope.start)}): change --start or --end"
        )
    start = extent.start if scope.start is None else scope.start
    end = extent.end if scope.end is None else scope.end
    window = Window(min(start, end), max(start, end)).widen(step)
    if end <= start or not window.overlap(extent):
        raise UsageFailure(
            f"{name} has no data from {iso(start)} to {iso(end)}: "
            f"it has data from {iso(extent.start)} to {iso(extent.end)}"
        )
    return window.clip(extent.widen(step))


def chosen(spans: Mapping[str, Window], scope: Scope, name: str, window: Window) -> dict[str, Window]:
    """The keys that --only and --exclude leave, in order of name.

    Raises:
        UsageFailure: they leave none, or there is none.
    """
    found = {
        key: spans[key]
        for key in sorted(spans)
        if (not scope.only or any(fnmatchcase(key, glob) for glob in scope.only))
        and not any(fnmatchcase(key, glob) for glob in scope.exclude)
    }
    if found:
        return found
    if not spans:
        raise UsageFailure(f"{name} has no series with data from {iso(window.start)} to {iso(window.end)}")
    example = ", ".join(sorted(spans)[:3])
    raise UsageFailure(f"--only and --exclude leave none of the {len(spans)} series of {name}, such as {example}")


def topmost(spans: Mapping[str, Window], scope: Scope, source: CachedSource, window: Window) -> dict[str, Window]:
    """Of these keys the largest that --top leaves, in order of name.

    Raises:
        UsageFailure: the store cannot tell which they are.
    """
    if scope.top is None or len(spans) <= scope.top:
        return dict(spans)
    # What --only leaves may be far down in the order of all.
    ranked = source.largest(window, max(scope.top, _RANKED) if scope.only or scope.exclude else scope.top)
    if ranked is None:
        raise UsageFailure(f"{source.name} cannot tell which series are the largest: leave out --top, or use --only")
    found = set([key for key in ranked if key in spans][: scope.top])
    return {key: span for key, span in spans.items() if key in found}


def own_resolution(store: Source) -> int:
    """Seconds of a bucket where none are asked for: the data's own step where it divides an hour, else a minute."""
    step = store.step()
    return step if step and HOUR % step == 0 else fitting(step or 60, 60, store.metric.adds_up)
