"""Events against the truth: hits, misses, false alarms, and what is neutral."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from analyzer.kernels.match import covered, one_to_one
from analyzer.model import Event, EventClass, NotJudged
from analyzer.outcome import EventVerdict, LabelVerdict, Outcome, Reach, Verdict
from traffic.model import HOUR, Direction, Ints, Label, Window

LONGEST_EXTRA = 3 * HOUR
"""An event may be this much longer than its label and still be that event."""
MARKED = "mark"
"""The shape of labels that are a person's marks on events."""
AFTERMATH = 900
"""Neutral time reaches this far beyond an `ignore` label: what settles after it belongs to it."""
COUNTED: EventClass = "policy"
"""The class of events that are hits or false alarms: what an alert with this policy would have raised."""
WHOLE_BUCKETS = 3
"""A label that holds fewer whole buckets than this cannot be required at that resolution."""
_UNKNOWN = Reach(None, None, None, "")


_Row = TypeVar("_Row", Event, Label, NotJudged)


def bare_event(event_id: str, key: str, window: Window, detected: int, direction: Direction = "above") -> Event:
    """An event of which a comparison needs no more than this: without figures, of the class that counts."""
    return Event(
        id=event_id,
        key=key,
        start=window.start,
        end=window.end,
        detected=detected,
        breaches=0,
        peak_at=window.start,
        peak=0.0,
        baseline=0.0,
        threshold=0.0,
        ratio=None,
        excess=0.0,
        direction=direction,
        event_class=COUNTED,
    )


def compare(
    events: Sequence[Event],
    labels: Iterable[Label],
    not_judged: Iterable[NotJudged],
    window: Window,
    resolution: int,
    keys: Collection[str] = (),
    reaches: Mapping[str, Reach] | None = None,
) -> Verdict:
    """Compare a run's events with the labels that touch its window.

    A label that lies partly outside the window, or is too short to hold three whole buckets of the resolution, is
    neutral: finding it is right, missing it is no fault. A label with an empty key speaks of all keys: it is met by
    any event that fits it, and all of these are hits. Where all labels are marks, nobody said that they are all there
    is to find: an event that nobody marked is neutral then, unless it lies on a mark of a wrong one. The rules are
    those of the tables of terms in docs/contracts.md.

    Args:
        window: what the run looked at.
        resolution: seconds of a bucket; also the tolerance at the edges.
        keys: all that were looked at. A label of all keys is one that could be missed where one of them was judged.
        reaches: by the id of a label how close it came to being an event, where that is known.
    """
    reaches = reaches or {}
    told = [event for event in events if event.event_class == COUNTED]
    labels = list(labels)
    marks_alone = bool(labels) and all(label.shape == MARKED for label in labels)
    events_of, gaps_of = _by_key(told), _by_key(not_judged)
    labels_of = _by_key(label for label in labels if label.window.overlap(window))
    of_all = labels_of.pop("", [])
    outcomes: list[Outcome] = []
    of_event: dict[str, tuple[EventVerdict, str]] = {event.id: ("neutral", "") for event in events}
    for event in told:
        del of_event[event.id]
    for key in sorted({*events_of, *labels_of}):
        found, truth = events_of.get(key, []), labels_of.get(key, [])
        met = meet(found, targets(truth), resolution)
        for label in targets(of_all):
            left = [event for event in found if event.id not in {e.id for e in met.values()}]
            met |= meet(left, [label], resolution)
        for label in (*truth, *of_all):
            if label.id in met:
                hit = is_required(label, window, resolution)
                of_event[met[label.id].id] = ("hit" if hit else "neutral", label.id)
        neutral = _spans([label for label in (*truth, *of_all) if label.kind == "ignore"]) + np.array([0, AFTERMATH])
        decoys = [label.window for label in truth if label.kind == "decoy"]
        for event in found:
            if event.id in of_event:
                continue
            half_inside = 2 * covered((event.start, event.end), neutral) >= event.end - event.start
            known = not marks_alone or any(one.overlap(event.window) for one in decoys)
            of_event[event.id] = ("false alarm" if known and not half_inside else "neutral", "")
        alarms = [event for event in found if of_event[event.id][0] == "false alarm"]
        gaps = gaps_of.get(key, [])
        for label in truth:
            near = reaches.get(label.id, _UNKNOWN)
            outcomes.append(_outcome(label, met.get(label.id), alarms, gaps, window, resolution, near))
    hit_by = {label_id: event for event in reversed(told) if (label_id := of_event[event.id][1])}
    alarms = [event for event in told if of_event[event.id][0] == "false alarm"]
    for label in of_all:
        # The gaps of the key that could have shown it best.
        gaps = min((gaps_of.get(key, []) for key in keys), key=lambda one: blind(label, one), default=[])
        near = reaches.get(label.id, _UNKNOWN)
        outcomes.append(_outcome(label, hit_by.get(label.id), alarms, gaps, window, resolution, near))
    unusual = _by_key(event for event in events if event.event_class == "unusual")
    outcomes = [_seen_below(outcome, unusual.get(outcome.label.key, []), of_event, resolution) for outcome in outcomes]
    outcomes.sort(key=lambda o: (o.label.start, o.label.key, o.label.id))
    return Verdict(tuple(outcomes), of_event)


def _seen_below(
    outcome: Outcome, unusual: Sequence[Event], of_event: dict[str, tuple[EventVerdict, str]], resolution: int
) -> Outcome:
    """A miss with the event below the policy that shows it, where there is one. It stays a miss."""
    label = outcome.label
    if outcome.verdict != "miss":
        return outcome
    event = meet([one for one in unusual if not of_event[one.id][1]], [label], resolution).get(label.id)
    if event is None:
        return outcome
    of_event[event.id] = ("neutral", label.id)
    overlap = event.window.overlap(label.window)
    return replace(outcome, event_id=event.id, onset_delay=event.detected - label.start, overlap=overlap)


def _outcome(
    label: Label,
    event: Event | None,
    alarms: Sequence[Event],
    gaps: Sequence[NotJudged],
    window: Window,
    resolution: int,
    near: Reach,
) -> Outcome:
    def outcome(verdict: LabelVerdict, by: Event | None = None, delay: int | None = None) -> Outcome:
        return Outcome(
            label,
            verdict,
            event_id="" if by is None else by.id,
            onset_delay=delay,
            overlap=0 if by is None else by.window.overlap(label.window),
            reached=near.reached,
            needed=near.needed,
            found_at_percent=near.found_at_percent,
            why=near.why,
        )

    if event is not None:
        hit = is_required(label, window, resolution)
        return outcome("hit" if hit else "neutral", event, event.detected - label.start)
    if label.kind == "decoy":
        fired = next((e for e in alarms if e.window.overlap(label.window)), None)
        return outcome("quiet" if fired is None else "fired", fired)
    if not is_required(label, window, resolution):
        return outcome("neutral")
    return outcome("not judged" if 2 * blind(label, gaps) >= label.end - label.start else "miss")


def blind(label: Label, gaps: Sequence[NotJudged]) -> int:
    """Seconds of the label that were not judged."""
    if not gaps:
        return 0
    return covered((label.start, label.end), _spans(gaps))


def is_required(label: Label, window: Window, resolution: int) -> bool:
    """Whether a label has to be found: it lies inside, and holds enough whole buckets."""
    whole = label.end // resolution - -(-label.start // resolution)
    inside = window.start <= label.start and label.end <= window.end
    return label.kind == "required" and inside and whole >= WHOLE_BUCKETS


def targets(labels: Iterable[Label]) -> list[Label]:
    """The labels that an event can meet."""
    return [label for label in labels if label.kind in ("required", "optional")]


def meet(events: Sequence[Event], labels: Sequence[Label], resolution: int) -> dict[str, Event]:
    """Label id -> the event that met it."""
    if not events or not labels:
        return {}
    pairs = one_to_one(_spans(events), _spans(labels), resolution, LONGEST_EXTRA)
    return {labels[j].id: events[i] for i, j in pairs}


def _by_key(rows: Iterable[_Row]) -> dict[str, list[_Row]]:
    grouped: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        grouped[row.key].append(row)
    return grouped


def _spans(rows: Iterable[Event | Label | NotJudged]) -> Ints:
    return np.array([(row.start, row.end) for row in rows], dtype=np.int64).reshape(-1, 2)
