"""What class an event is of, and what events of one key have to do with each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from analyzer.model import Event, Policy, Trace
from traffic.model import WEEK, Bools, Floats, Ints

FEW, BRIEF, MANY_TIMES = 2, 300, 20.0
"""An artefact of measuring: at most so many buckets and seconds at so many times the usual, and back at once."""
SEVERITY = {"policy": (25.0, 100.0), "unusual": (5.0, 25.0), "new": (5.0, 25.0), "suspect": (0.0, 5.0)}
"""Class -> the least and the most severity of its events."""


@dataclass(frozen=True, eq=False)
class Traced:
    """An event, and whether the stated policy raises it, be it suspect or not."""

    event: Event
    trace: Callable[[], Trace]
    """Its surroundings, made when they are wanted: few events of a long list have a picture."""
    by_policy: bool


def is_suspect(breaches: Ints, seconds: Ints, ratio: Floats) -> Bools:
    """Whether it looks like an artefact of measuring: a counter that wrapped, a value that was caught up with.

    Args:
        ratio: NaN where the baseline is 0.
    """
    brief: Bools = (breaches <= FEW) & (seconds <= BRIEF) & (ratio >= MANY_TIMES)
    return brief


def settled(found: Sequence[Traced], policy: Policy) -> list[Traced]:
    """The events of keys with one policy that it asks for, in order of key and start, each stretch of time once.

    What is unusual where there is an event of the stated policy, or less than `merge` from one, is part of that.
    """
    kept: list[Traced] = []
    ordered = sorted(found, key=lambda one: (one.event.key, one.event.direction, one.event.start))
    for _, of_key in groupby(ordered, key=lambda one: (one.event.key, one.event.direction)):
        kept += _once(list(of_key), max(policy.merge, policy.within))
    return [one for one in kept if one.event.event_class in policy.classes]


def _once(found: list[Traced], merge: int) -> Iterator[Traced]:
    raised = [one.event for one in found if one.by_policy]
    seen: list[Event] = []
    for one in found:
        event = one.event
        if not one.by_policy and any(e.start < event.end + merge and event.start < e.end + merge for e in raised):
            continue
        again = any(
            e.start + WEEK < event.end + merge and event.start < e.end + WEEK + merge
            for e in seen
            if e.event_class == event.event_class
        )
        yield replace(one, event=replace(event, recurs="weekly")) if again else one
        seen.append(event)
