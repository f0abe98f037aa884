"""Explain an event, or an hour without one, with the functions that judged it, adding one rule after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analyzer.explaining.below import unusual_steps
from analyzer.explaining.steps import Case
from analyzer.explaining.values import BucketStep, Explanation, SeverityTerms
from analyzer.judging.blocks import JudgedBlock, Known, judged_blocks, rows_of
from analyzer.judging.breaches import Piece
from analyzer.judging.classes import SEVERITY
from analyzer.judging.detect import buckets_of, read_days, suspect_hours, traced_in
from analyzer.judging.first import with_new
from analyzer.judging.judged import Judged, Learning, not_judged
from analyzer.judging.presence import Presence
from analyzer.judging.reaches import reaches
from analyzer.kernels.severity import height_of, length_of, missing_of
from analyzer.model import Event, Policy
from analyzer.reading.cache import CachedSource
from traffic.errors import UsageFailure
from traffic.model import HOUR, Grid, Label, Query, Window
from traffic.text import visible
from traffic.times import iso

_NEAR = 3
"""Hours before and after an hour whose days are read with it."""


@dataclass(frozen=True, eq=False)
class Place:
    """Where to look for an hour: the arguments of `find_events` for its block."""

    source: CachedSource
    keys: tuple[str, ...]
    """The keys of the block."""
    learned: Window
    """The time that the block is learned from."""
    presence: Presence
    resolution: int
    policy: Policy
    labels: tuple[Label, ...] = ()
    """Labels of the truth: all hours of one that covers the time are read."""
    events: tuple[Event, ...] = ()
    """Events of the run: the result for a new key depends on the others."""


@dataclass(frozen=True, eq=False)
class _OneKey:
    """A block of a single key, and what was found in it."""

    block: JudgedBlock
    pieces: Sequence[Piece]
    known: Known
    events: Sequence[Event]


def explain(place: Place, key: str, moment: int, event_id: str = "") -> Explanation:
    """Explain the hour of `key` that contains `moment`, and the event at that time, or with that id.

    Raises:
        UsageFailure: the time is outside the window of the run, or the event is no longer found.
    """
    there = place.presence.looked.clip(place.learned)
    if not there.start <= moment < there.end:
        said = f"the data of {visible(key)} in this run are from {iso(there.start)} to {iso(there.end)}"
        raise UsageFailure(f"no data to explain at {iso(moment)}: {said}")
    whole = place.source.rollup(
        Query(place.source.metric, place.keys, place.learned, place.resolution, place.policy.rollup_percentile)
    )
    rollup = rows_of(whole, (key,), [place.keys.index(key)])
    learned = {rollup.keys: Learning()}
    (block,) = judged_blocks(rollup, place.source.metric, place.presence, place.resolution, place.policy, learned)
    block = with_new(block, place.presence)
    hour = (moment - rollup.grid.start) // HOUR
    hot = suspect_hours(block)
    hot[0, max(0, hour - _NEAR) : hour + _NEAR + 1] = True
    for one in place.labels:
        if one.key == key and one.start <= moment < one.end:
            hot[0, rollup.grid.slice(one.window.widen(HOUR))] = True
    pieces = read_days(place.source, block.query, hot)
    found = [one.event for one in traced_in(block, pieces)]
    event = _event(found, moment, event_id)
    if event is not None and event.event_class == "new":
        event = next((one for one in place.events if one.id == event.id), event)
    known = Known(place.presence, learned[rollup.keys])
    label = next((one for one in place.labels if one.key == key and one.start <= moment < one.end), None)
    return _told(_OneKey(block, pieces, known, found), moment, event, label)


def _event(found: list[Event], moment: int, event_id: str) -> Event | None:
    if event_id:
        event = next((one for one in found if one.id == event_id), None)
        if event is None:
            raise UsageFailure(f"event {event_id} is no longer found in the store: run discover again")
        return event
    at = next((one for one in found if one.start <= moment < one.end), None)
    hour = Window(moment - moment % HOUR, moment - moment % HOUR + HOUR)
    return at or next((one for one in found if one.window.overlap(hour)), None)


def _judged(block: JudgedBlock, event: Event | None) -> Judged:
    """The judgement that raised the event; without an event, that of the stated policy."""
    if event is None:
        return block.judged[0]
    sign = -1 if event.direction == "below" else 1
    raises = event.event_class if event.event_class in ("unusual", "new") else "policy"
    return next(one for one in block.judged if one.sign == sign and one.raises == raises)


def _told(there: _OneKey, moment: int, event: Event | None, label: Label | None) -> Explanation:
    block, rollup = there.block, there.block.judged[0].rollup
    hours = rollup.grid
    policy, resolution = block.policy, block.query.resolution
    judged = _judged(block, event)
    start = moment - moment % HOUR if event is None else event.peak_at - event.peak_at % HOUR
    view = Window(start, start + HOUR) if event is None else event.window
    if event is None and label is not None:
        view = label.window.clip(there.known.presence.looked)
    hour = (start - hours.start) // HOUR
    # The rules explain the stated policy, even if the event was raised by something below it.
    stated = next(one for one in block.judged if one.sign == judged.sign and one.raises == "policy")
    case = Case.of(rollup, stated, policy, resolution, hour)
    below = next((one for one in block.judged if one.sign == judged.sign and one.raises == "unusual"), None)
    shown = _buckets(there, judged, view)
    gaps = list(not_judged(block.judged[0], block.query.keys, block.alive, policy))
    whole = Label(
        id="",
        key=block.query.keys[0],
        start=view.start,
        end=view.end,
        shape="",
        factor=float("nan"),
        direction=case.direction,
        kind="required",
    )
    values = [bucket.value for bucket in shown]
    return Explanation(
        key=block.query.keys[0],
        metric=block.query.metric,
        resolution=resolution,
        timezone=policy.timezone,
        direction=case.direction,
        learned_from=policy.baseline,
        learned_percentile=case.settings.high,
        percentile=case.settings.percentile,
        multiple=case.multiple,
        floor=policy.floor,
        hour=start,
        slots=policy.slots,
        slot=int(case.weeks.slot[hour]),
        not_judged=_why_not(judged, hour, next((gap.reason for gap in gaps if gap.start <= start < gap.end), "")),
        weeks=tuple(case.same_slot()),
        days=tuple(case.same_time()) if judged.filled[0, hour] else (),
        hours=tuple(case.hours_before()),
        rules=tuple(case.rules()),
        baseline=float(judged.sign * stated.baseline[0, hour]),
        ways=tuple(case.ways(stated, values)),
        unusual=None if below is None else unusual_steps(case, below, values),
        buckets=shown,
        event=event,
        terms=None if event is None or event.event_class == "new" else _terms(event, block.query),
        reach=dict(
            reaches(block, buckets_of(there.pieces, block), {whole.key: [whole]}, gaps, there.known, there.events)
        )[whole.id],
    )


def _why_not(judged: Judged, hour: int, gap: str) -> str:
    if gap or not np.isnan(judged.threshold[0, hour]):
        return gap
    return "its usual low is idle or below the floor" if judged.sign < 0 else "the series has no data there"


def _buckets(there: _OneKey, judged: Judged, view: Window) -> tuple[BucketStep, ...]:
    grid, hours = Grid.over(view, there.block.query.resolution), judged.rollup.grid
    values = np.full(grid.count, np.nan)
    for _, matrix in there.pieces:
        both = view.clip(matrix.grid.window)
        values[grid.slice(both)] = matrix.values[0, matrix.grid.slice(both)]
    places = np.clip((grid.times() - hours.start) // HOUR, 0, hours.count - 1)
    limits = judged.threshold[0, places]
    rows = (grid.times(), values, judged.sign * limits, judged.sign * values > limits)
    return tuple(BucketStep(*row) for row in zip(*(array.tolist() for array in rows), strict=True))


def _terms(event: Event, query: Query) -> SeverityTerms:
    least, most = SEVERITY[event.event_class]
    rises, seconds = event.direction == "above", np.array(float(event.end - event.start))
    # A rate over a bucket was made a volume; what is not a rate is held against its baseline for as long as it lasts.
    volume = np.array(event.excess * (1 if query.metric.per_second else query.resolution))
    margin = (event.peak / event.threshold if event.threshold else math.inf) if rises else None
    height = missing_of(volume, np.array(event.baseline), seconds) if margin is None else height_of(np.array(margin))
    return SeverityTerms(
        margin=margin,
        height=float(height),
        seconds=int(seconds),
        length=float(length_of(seconds)),
        least=least,
        most=most,
        severity=event.severity,
    )
