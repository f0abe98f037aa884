"""discover(): the whole run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from analyzer.causes import causes, check_group, dimensions_of, key_groups
from analyzer.forks import made_of
from analyzer.incidents import incidents
from analyzer.judging.detect import Found, find_events
from analyzer.judging.first import by_volume
from analyzer.judging.presence import Presence
from analyzer.judging.reaches import merged
from analyzer.judging.silence import until_the_end
from analyzer.model import Contributor, Event, Findings, NotJudged, Policy, Suppressed, Trace
from analyzer.outcome import Reach
from analyzer.reading.account import Tally
from analyzer.reading.blocks import groups
from analyzer.reading.cache import CachedSource
from analyzer.reading.cache.log import write_log
from analyzer.reading.scope import Effort, OpenStore, Progress, Scope, chosen, opened, topmost, windows
from analyzer.report.order import worst_first
from analyzer.verdict import compare
from traffic.coverage import Coverage
from traffic.errors import Contradiction
from traffic.heap import give_back
from traffic.model import HOUR, Label, Window
from traffic.store.base import ForkableSource, Source

BUFFER_LOG = "buffer_log.json"
TRACES = 200
"""Events whose surroundings are kept for pictures, unless more are asked for. What bounds the memory of a long list."""


@dataclass(frozen=True)
class Search:
    """What a run of discover is asked to do."""

    output: Path
    policy: Policy
    scope: Scope
    full_scan: bool = False
    """Look at every bucket, not only where an event can be."""
    charts: int = 12
    """Pictures of single events that are about to be drawn."""
    by: tuple[str, ...] | None = None
    """Dimensions by which events are told apart; None: all that the store knows."""
    group: str | None = None
    """What names the group that a key is of: a column of the store, or else a pattern."""
    forks: int = 0
    """Processes that find events besides this one, where the store allows it; the result is the same."""

    @property
    def traces(self) -> int:
        """How many events have their surroundings kept."""
        return max(TRACES, self.charts)


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


Block = tuple[tuple[str, ...], Window]
"""Keys that are looked at together, and the hours that they have data in."""


@dataclass(frozen=True)
class Surveyed:
    """What of a store is looked at."""

    presence: Presence
    """The keys that are looked at, and what of their time is judged."""
    learned: Window
    """What is learned from."""
    keys: int
    """That there are, with those that are left out."""
    blocks: tuple[Block, ...]
    key_hours: float
    """Hours in which the keys are there."""

    @property
    def window(self) -> Window:
        """What is judged, on whole hours."""
        return self.presence.looked

    @property
    def spans(self) -> Mapping[str, Window]:
        """The keys, and the time outside of which each has nothing."""
        return self.presence.spans


def discover(
    store: Source, job: Search, labels: Sequence[Label] | None, ledger: Ledger, progress: Progress
) -> Findings:
    """Find the events of a store's history, and compare them with the truth where there is one.

    The answers of the store are kept under `job.output`; a killed run resumes where it stopped.

    Args:
        labels: the truth; None where there is none to compare with.
        ledger: is filled in.

    Raises:
        UsageFailure: there is nothing in that window, or no key is left to look at.
        StoreError: the store cannot answer in full.
    """
    read = _read(store, job, labels or (), ledger, progress)
    # What answered is gone by now: the buckets of the last block, and where the cache has what.
    give_back()
    return _told(read, store, job, labels is not None, ledger)


@dataclass(frozen=True, eq=False)
class _Read:
    """All that a run has of its store."""

    surveyed: Surveyed
    truth: tuple[Label, ...]
    """Of what was looked at."""
    found: Found
    """Of all blocks."""
    traces: tuple[Trace, ...]
    """Of the worst events, in order of start and key."""
    coverage: Coverage
    contributors: tuple[Contributor, ...]
    group_of: Mapping[str, str] | None
    """Key -> its group; None: no groups are asked for."""


def _told(read: _Read, store: Source, job: Search, compared: bool, ledger: Ledger) -> Findings:
    """What all that was found comes to; nothing is asked any more."""
    found, window, resolution, keys = read.found, read.surveyed.window, job.scope.resolution, read.surveyed.spans
    with ledger.stage("incidents"):
        events, groups = incidents(found.events, read.contributors, window, resolution, read.group_of)
    verdict = None
    with ledger.stage("compare"):
        if compared:
            verdict = compare(found.events, read.truth, found.not_judged, window, resolution, keys, found.reaches)
    return Findings(
        store=store.name,
        metric=store.metric,
        window=window,
        resolution=resolution,
        policy=job.policy,
        keys=tuple(keys),
        events=events,
        not_judged=found.not_judged,
        labels=tuple(label for label in read.truth if label.window.overlap(window)),
        verdict=verdict,
        traces=read.traces,
        suppressed=found.suppressed,
        coverage=read.coverage,
        key_hours=read.surveyed.key_hours,
        contributors=read.contributors,
        incidents=groups,
    )


def _read(store: Source, job: Search, labels: Sequence[Label], ledger: Ledger, progress: Progress) -> _Read:
    """Ask the store all that a run asks of it; arguments as for `discover`."""
    resolution = job.scope.resolution
    # A name that is not there is said before anything is asked for.
    dimensions_of(store, job.by)
    reading = opened(store, job.scope, job.output)
    asked, source, files = reading
    try:
        with ledger.stage("keys"):
            surveyed = survey(source, job.scope)
            learned, spans = surveyed.learned, surveyed.spans
            if job.group:
                check_group(store, job.group, spans)
        with ledger.stage("coverage"):
            only = tuple(spans) if len(spans) < surveyed.keys else None
            reach = source.extent(job.scope.start, resolution)
            account = Tally(source, store, learned, reach, only)
        with ledger.stage("search"):
            truth = tuple(label for label in labels if label.key in spans or not label.key)
            found, traces = _search(reading, surveyed, job, progress, truth)
    except Contradiction:
        files.doubt()
        raise
    finally:
        ledger.queries = {"sent": asked.sent, "cached": source.cached}
        ledger.damaged = len(files.damaged)
        write_log(job.output / BUFFER_LOG, files)
    ledger.points = {"read": asked.points, "judged hours": found.judged_hours, "suspect hours": found.suspect_hours}
    with ledger.stage("coverage"):
        try:
            coverage = account.close(found.rows, found.buckets)
        except Contradiction:
            files.doubt()
            raise
    with ledger.stage("contributors"):
        made_of = causes(source, store, found.events, learned, job.policy, resolution, job.by)
    with ledger.stage("incidents"):
        keys = sorted({event.key for event in found.events})
        group_of = key_groups(source, store, keys, learned, job.group) if job.group and keys else None
    return _Read(
        surveyed,
        truth=truth,
        found=found,
        traces=traces,
        coverage=coverage,
        contributors=made_of,
        group_of=group_of,
    )


def survey(source: CachedSource, scope: Scope) -> Surveyed:
    """What of a store is looked at, and in which blocks.

    Raises:
        UsageFailure: there is nothing in that window, or no key is left to look at.
    """
    window, learned = windows(source, scope)
    there = source.keys(learned)
    spans = topmost(chosen(there, scope, source.name, window), scope, source, learned)
    begin = min((span.start for span in there.values()), default=None)
    presence = Presence(spans, window, begin, max((span.end for span in spans.values()), default=None))
    lasting = until_the_end(list(spans), presence, source.metric)
    blocks = groups(lasting, learned, scope.resolution, source.limits(scope.resolution))
    return Surveyed(
        presence,
        learned,
        len(there),
        tuple(blocks),
        key_hours=sum(span.widen(HOUR).clip(window).seconds for span in lasting.values()) / HOUR,
    )


@dataclass(frozen=True, eq=False)
class _Made:
    """Of a block of keys."""

    found: Found
    traces: Mapping[str, Trace]
    """By the id of an event, of those that may be among the worst."""
    effort: Effort


class _Finding:
    """Finds the events of block after block, and remembers the worst."""

    def __init__(self, reading: OpenStore, surveyed: Surveyed, job: Search, truth: Sequence[Label]) -> None:
        self._reading, self._surveyed, self._job = reading, surveyed, job
        self._labels: dict[str, list[Label]] = {}
        for label in truth:
            self._labels.setdefault(label.key, []).append(label)
        self._worst: list[Event] = []

    def __call__(self, block: Block) -> _Made:
        """What a block comes to; nothing of it holds on to its buckets."""
        job, before = self._job, self._reading.effort()
        found = find_events(
            self._reading.source,
            *block,
            self._surveyed.presence,
            job.scope.resolution,
            job.policy,
            self._labels,
            full_scan=job.full_scan,
        )
        self._worst = worst_first([*self._worst, *found.events])[: job.traces]
        traces = {event.id: found.traces[event.id]() for event in self._worst if event.id in found.traces}
        return _Made(replace(found, traces={}), traces, self._reading.effort().since(before))


def _search(
    reading: OpenStore, surveyed: Surveyed, job: Search, progress: Progress, truth: Sequence[Label]
) -> tuple[Found, tuple[Trace, ...]]:
    """Block by block; what is kept of each is its events. With the traces of the worst, in order of start and key."""
    events: list[Event] = []
    reaches: dict[str, Reach] = {}
    not_judged: list[NotJudged] = []
    suppressed: list[Suppressed] = []
    worst: list[Event] = []
    traces: dict[str, Trace] = {}
    judged = suspects = done = buckets = 0
    rows: int | None = 0
    store = reading.asked.store
    forks = job.forks if isinstance(store, ForkableSource) and store.forkable() else 0
    made = made_of(surveyed.blocks, _Finding(reading, surveyed, job, truth), forks)
    for (keys, _), (one, by_fork) in zip(surveyed.blocks, made, strict=True):
        if by_fork:
            reading.share(one.effort)
        found = one.found
        events += found.events
        # A label of all keys is spoken of by each block.
        before = [(label, reaches[label]) for label in found.reaches if label in reaches]
        reaches |= merged([*before, *found.reaches.items()])
        not_judged += found.not_judged
        suppressed += found.suppressed
        judged += found.judged_hours
        suspects += found.suspect_hours
        buckets += found.buckets
        rows = None if rows is None or found.rows is None else rows + found.rows
        worst = worst_first([*worst, *found.events])[: job.traces]
        traces = {event.id: traces.get(event.id) or one.traces[event.id] for event in worst}
        done += len(keys)
        progress(done, len(surveyed.spans))
    events, more = by_volume(events)
    suppressed += more
    events.sort(key=lambda event: (event.start, event.key))
    whole = Found(
        events=tuple(events),
        traces={},
        not_judged=tuple(sorted(not_judged)),
        judged_hours=judged,
        suspect_hours=suspects,
        suppressed=tuple(sorted(suppressed)),
        reaches=reaches,
        rows=rows,
        buckets=buckets,
    )
    return whole, tuple(traces[event.id] for event in events if event.id in traces)
