"""Two runs, event by event: both judged again on the same answers, and each setting in which they differ on its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from analyzer.history import History
from analyzer.model import Event, Policy
from analyzer.pipeline import survey
from analyzer.reading.cache import CachedSource
from analyzer.reading.scope import Progress, Scope
from analyzer.report.words import plural
from analyzer.tuning.candidate import Candidate
from analyzer.tuning.sweep import sweep
from traffic.errors import UsageFailure
from traffic.text import visible
from traffic.times import iso

SHOWN = 20


@dataclass(frozen=True)
class Compared:
    """A run that is compared."""

    number: int
    store: str
    metric: str
    scope: Scope
    policy: Policy


@dataclass(frozen=True)
class Difference:
    """What two runs have in common, and what differs."""

    runs: tuple[int, int]
    same: int
    new: tuple[Event, ...]
    """Events that only the second run has."""
    gone: tuple[Event, ...]
    """Events that only the first run has."""
    moved: tuple[tuple[Event, Event], ...]
    """Events that overlap in time, but differ in start or end: before, after."""
    settings: tuple[Change, ...]


@dataclass(frozen=True)
class Change:
    """A setting in which they differ, and what it alone changes in the first run."""

    setting: str
    before: str
    after: str
    new: int
    gone: int
    moved: int


def differences(source: CachedSource, one: Compared, other: Compared, progress: Progress) -> Difference:
    """Compare two runs of the same store, metric, window and resolution.

    Raises:
        UsageFailure: they did not read the same data.
    """
    for name, what in (("store", "stores"), ("metric", "metrics")):
        if getattr(one, name) != getattr(other, name):
            raise UsageFailure(
                f"runs {one.number} and {other.number} read different {what}: choose two runs of the same"
            )
    if replace(one.scope, now=0, concurrency=0) != replace(other.scope, now=0, concurrency=0):
        raise UsageFailure(
            f"runs {one.number} and {other.number} differ in window, series or resolution: choose two runs of the same"
        )
    changed = [
        field.name for field in fields(Policy) if getattr(one.policy, field.name) != getattr(other.policy, field.name)
    ]
    alone = [replace(one.policy, **{name: getattr(other.policy, name)}) for name in changed]
    surveyed = survey(source, one.scope)
    keys = list(surveyed.spans)
    tried = [Candidate(policy) for policy in (one.policy, other.policy, *alone)]
    swept = sweep(History(source, surveyed, one.scope.resolution, progress), tried, frozenset())
    events = [some.events(keys, one.metric) for some in swept]
    same, new, gone, moved = matched(events[0], events[1])
    settings = []
    for name, there in zip(changed, events[2:], strict=True):
        _, more, fewer, shifted = matched(events[0], there)
        before, after = (_said(getattr(policy, name)) for policy in (one.policy, other.policy))
        settings.append(Change(name, before, after, new=len(more), gone=len(fewer), moved=len(shifted)))
    return Difference(
        (one.number, other.number), same, tuple(new), tuple(gone), moved=tuple(moved), settings=tuple(settings)
    )


Matched = tuple[int, list[Event], list[Event], list[tuple[Event, Event]]]


def matched(before: Sequence[Event], after: Sequence[Event]) -> Matched:
    """How many events are the same; which are new, gone, and moved (same key and direction, and overlapping)."""
    known = {(one.id, one.end) for one in before}
    there = {(one.id, one.end) for one in after}
    same = len(known & there)
    left = [one for one in before if (one.id, one.end) not in there]
    new, moved = [], []
    for event in (one for one in after if (one.id, one.end) not in known):
        alike = [one for one in left if (one.key, one.direction) == (event.key, event.direction)]
        old = next((one for one in alike if one.window.overlap(event.window)), None)
        if old is None:
            new.append(event)
        else:
            left.remove(old)
            moved.append((old, event))
    return same, new, left, moved


def _said(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(str(one) for one in value) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def document(found: Difference) -> dict[str, Any]:
    """As values for `json.dumps`."""
    return {
        "runs": list(found.runs),
        "same": found.same,
        "new": [_row(event) for event in found.new],
        "gone": [_row(event) for event in found.gone],
        "moved": [{"before": _row(old), "after": _row(event)} for old, event in found.moved],
        "settings": [vars(one) for one in found.settings],
    }


def _row(event: Event) -> dict[str, str]:
    return {"event_id": event.id, "key": event.key, "start": iso(event.start), "end": iso(event.end)}


def text(found: Difference) -> str:
    """For a person."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Difference) -> Iterator[str]:
    one, other = found.runs
    yield (
        f"Run {other} against run {one}: {plural(found.same, 'alert')} the same, {len(found.new)} new, "
        f"{len(found.gone)} gone, {len(found.moved)} moved"
    )
    for change in found.settings:
        alone = f"alone {change.new} new, {change.gone} gone, {change.moved} moved"
        yield f"  {change.setting}: {change.before} -> {change.after}: {alone}"
    if not found.settings:
        yield "  their policies are the same"
    shifted = [after for _, after in found.moved]
    for title, events in (("new", found.new), ("gone", found.gone), ("moved", shifted)):
        for event in events[:SHOWN]:
            yield f"  {title:<6} {event.id}  {iso(event.start)} to {iso(event.end)}  {visible(event.key)}"
        if len(events) > SHOWN:
            yield f"  ... and {len(events) - SHOWN} more that are {title}"
