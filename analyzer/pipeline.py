"""discover(): the whole run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from analyzer.judging.detect import Found, find_events
from analyzer.model import Event, Findings, NotJudged, Policy, Suppressed, Trace
from analyzer.reading.cache import CachedBuckets, CachedSource, Shelf
from analyzer.reading.cache.log import write_log
from analyzer.reading.fetch import Halving, Rolled, groups
from analyzer.report.order import worst_first
from analyzer.verdict import compare
from traffic.disk import storage
from traffic.errors import UsageFailure
from traffic.model import HOUR, WEEK, Label, Window, week_start
from traffic.store.base import ScarceSource, Source
from traffic.times import iso

BUFFER_CACHE = "buffer_cache"
BUFFER_LOG = "buffer_log.json"
TRACES = 200
"""Events whose surroundings are kept for pictures, unless more are asked for. What bounds the memory of a long list."""

Progress = Callable[[int, int], None]
"""Called with the keys that are done and the keys there are."""


@dataclass(frozen=True)
class Job:
    """What a run of discover is asked to do."""

    output: Path
    policy: Policy
    resolution: int
    now: int
    start: int | None = None
    """Look from here; None: where the store's data starts."""
    end: int | None = None
    history: int = 6 * WEEK
    """How far before and after what is looked at the baseline is learned from, in seconds."""
    only: tuple[str, ...] = ()
    """Globs of keys; none means all."""
    exclude: tuple[str, ...] = ()
    full_scan: bool = False
    charts: int = 12
    concurrency: int = 2
    """Requests that are under way at once, where a store does not answer from the machine itself."""


@dataclass
class Ledger:
    """What a run cost: seconds and points per stage, queries."""

    seconds: dict[str, float] = field(default_factory=dict)
    points: dict[str, int] = field(default_factory=dict)
    queries: dict[str, int] = field(default_factory=dict)
    damaged: int = 0
    """Cache entries that were ignored."""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what runs inside."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begun

    def as_dict(self) -> dict[str, Any]:
        """For run.json."""
        return {
            "queries": self.queries,
            "seconds": {name: round(seconds, 3) for name, seconds in self.seconds.items()},
            "points": self.points,
        }


def discover(store: Source, job: Job, labels: Sequence[Label] | None, ledger: Ledger, progress: Progress) -> Findings:
    """Find the events of a store's history, and compare them with the truth where there is one.

    The answers of the store are kept under `job.output`; a run that is killed goes on where it was.

    Args:
        labels: the truth; None where there is none to compare with.
        ledger: is filled in.

    Raises:
        UsageFailure: there is nothing in that window, or no key is left to look at.
        StoreError: the store cannot answer in full.
    """
    asked, source, shelf = opened(store, job)
    try:
        with ledger.stage("keys"):
            window, learned = windows(source, job)
            spans = chosen(source.keys(learned), job, source.name, window)
        with ledger.stage("search"):
            found = _search(source, spans, window, learned, job, progress)
    finally:
        ledger.queries = {"sent": asked.sent, "cached": source.cached}
        ledger.damaged = len(shelf.damaged)
        write_log(job.output / BUFFER_LOG, shelf)
    ledger.points = {"read": asked.points, "judged hours": found.judged_hours, "suspect hours": found.suspect_hours}
    with ledger.stage("coverage"):
        coverage = store.coverage(learned)
        coverage.check(source.name)
    with ledger.stage("compare"):
        truth = [label for label in labels or () if label.key in spans or not label.key]
        verdict = None if labels is None else compare(found.events, truth, found.not_judged, window, job.resolution)
    return Findings(
        store=source.name,
        metric=source.metric,
        window=window,
        resolution=job.resolution,
        policy=job.policy,
        keys=tuple(spans),
        events=found.events,
        not_judged=found.not_judged,
        labels=tuple(label for label in truth if label.window.overlap(window)),
        verdict=verdict,
        traces=found.traces,
        suppressed=found.suppressed,
        coverage=coverage,
    )


def opened(store: Source, job: Job) -> tuple[Halving, CachedSource, Shelf]:
    """The store as a run asks it: what counts the requests, what answers, and where the answers are kept.

    A store that makes no roll-ups has them made here. One whose requests are few has all that it answered
    kept as it is; for any other the roll-ups are kept, and the buckets of days in which an event can be.
    """
    asked = Halving(store, job.concurrency)
    with storage(job.output):
        shelf = Shelf(job.output / BUFFER_CACHE)
    if isinstance(store, ScarceSource):
        return asked, CachedBuckets(asked, shelf, job.now), shelf
    return asked, CachedSource(asked if asked.rolls_up(job.resolution) else Rolled(asked), shelf, job.now), shelf


def windows(source: CachedSource, job: Job) -> tuple[Window, Window]:
    """What is looked at, in whole hours, and what is learned from: the history on both sides of it, in whole weeks.

    Weeks, so that the roll-ups of a window that moves with the clock are those of yesterday's.
    """
    if job.start is not None and job.end is not None and job.end <= job.start:
        raise UsageFailure(
            f"the window ends ({iso(job.end)}) before it starts ({iso(job.start)}): change --start or --end"
        )
    extent = source.extent(job.start, job.resolution)
    start = extent.start if job.start is None else job.start
    end = extent.end if job.end is None else job.end
    window = Window(min(start, end), max(start, end)).widen(HOUR)
    if end <= start or not window.overlap(extent):
        raise UsageFailure(
            f"{source.name} holds nothing from {iso(start)} to {iso(end)}: "
            f"it holds {iso(extent.start)} to {iso(extent.end)}"
        )
    held = extent.widen(HOUR)
    reach = Window(week_start(window.start - job.history), week_start(window.end + job.history - 1) + WEEK)
    return window.clip(held), reach.clip(held)


def chosen(spans: Mapping[str, Window], job: Job, name: str, window: Window) -> dict[str, Window]:
    """The keys that --only and --exclude leave, in order of name."""
    chosen = {
        key: spans[key]
        for key in sorted(spans)
        if (not job.only or any(fnmatchcase(key, glob) for glob in job.only))
        and not any(fnmatchcase(key, glob) for glob in job.exclude)
    }
    if chosen:
        return chosen
    if not spans:
        raise UsageFailure(f"{name} has no key with data from {iso(window.start)} to {iso(window.end)}")
    example = ", ".join(sorted(spans)[:3])
    raise UsageFailure(f"--only and --exclude leave none of the {len(spans)} keys of {name}, such as {example}")


def _search(
    source: CachedSource, spans: Mapping[str, Window], looked: Window, learned: Window, job: Job, progress: Progress
) -> Found:
    """Block by block; what is kept of each is its events."""
    events: list[Event] = []
    not_judged: list[NotJudged] = []
    suppressed: list[Suppressed] = []
    traces: dict[str, Trace] = {}
    judged = suspects = done = 0
    for keys, reach in groups(spans, learned, job.resolution, source.limits(job.resolution)):
        found = find_events(source, keys, spans, reach, looked, job.resolution, job.policy, job.full_scan)
        events += found.events
        not_judged += found.not_judged
        suppressed += found.suppressed
        judged += found.judged_hours
        suspects += found.suspect_hours
        traces |= {trace.event_id: trace for trace in found.traces}
        worst = worst_first(event for event in events if event.id in traces)[: max(TRACES, job.charts)]
        traces = {event.id: traces[event.id] for event in worst}
        done += len(keys)
        progress(done, len(spans))
    events.sort(key=lambda event: (event.start, event.key))
    return Found(
        tuple(events),
        tuple(traces[event.id] for event in events if event.id in traces),
        tuple(sorted(not_judged)),
        judged,
        suspects,
        tuple(sorted(suppressed)),
    )
