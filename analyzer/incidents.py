"""Which events of several keys are one incident: by time, and by what they came by."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b

from analyzer.contributors import leading, named
from analyzer.kernels.together import by_chance, together
from analyzer.model import Contributor, Event, Incident
from traffic.model import Window

NEAR, BUCKETS = 300, 3
"""Seconds, or buckets, that count as beginning together."""
LEAST_SHARE, ABOVE_USUAL = 0.5, 0.3
"""What an event came by tells it apart, where it has so much of the excess, and so much more than it usually has."""
OTHERS_RISE, MOST_WEIGHT = 1 / 3, 0.9
"""... or where all others together rise or fall by no more than a third of what a common rise would give them; where
there is hardly anything else, that says nothing."""
SHOWN = 20
"""Keys that are named."""


def incidents(
    events: Sequence[Event],
    made_of: Iterable[Contributor],
    window: Window,
    resolution: int,
    group_of: Mapping[str, str] | None = None,
) -> tuple[tuple[Event, ...], tuple[Incident, ...]]:
    """The events with the incident of each, and the incidents in order of their start. Each event is in one.

    Events have in common by what they came, or the group of their keys; where it is not known by what any event came,
    that they went the same way.

    Args:
        made_of: by what the events came.
        window: what was looked at.
        group_of: key -> the group that it is of, of those that are of one.
    """
    rows: dict[str, list[Contributor]] = defaultdict(list)
    for row in made_of:
        rows[row.event_id].append(row)
    order = sorted(events, key=lambda event: (event.start, event.key))
    # Most events have the same in common with others: it is held once.
    alike: dict[frozenset[str], frozenset[str]] = {}
    found = (_links(event, rows, (group_of or {}).get(event.key)) for event in order)
    links = [alike.setdefault(one, one) for one in found]
    near = max(NEAR, BUCKETS * resolution)
    starts, ends = [event.start for event in order], [event.end for event in order]
    of = together(starts, ends, links, {"above", "below"}, near)
    members: dict[int, list[int]] = defaultdict(list)
    for place, first in enumerate(of):
        members[first].append(place)
    groups = []
    for first in sorted(members):
        mine = [order[place] for place in members[first]]
        common = frozenset.intersection(*(links[place] for place in members[first])) - {"above", "below"}
        groups.append(_incident(mine, common, len(members), window))
    names = {
        order[place].id: one.id for one, first in zip(groups, sorted(members), strict=True) for place in members[first]
    }
    return tuple(replace(event, incident_id=names[event.id]) for event in events), tuple(groups)


def groups_by(pattern: str, keys: Iterable[str]) -> dict[str, str]:
    """The group of each key that fits a pattern: the first group of the pattern, or all that fits it."""
    group = re.compile(pattern)
    found = {key: match for key in keys if (match := group.search(key))}
    return {key: match[1] if group.groups else match[0] for key, match in found.items()}


def _links(event: Event, rows: dict[str, list[Contributor]], group: str | None) -> frozenset[str]:
    found = set() if group is None else {f"group {group}"}
    if not rows:
        found.add(event.direction)
    elif (one := _distinct(rows.get(event.id, []))) is not None:
        found.add(f"{named(one)} {event.direction}")
    return frozenset(found)


def _distinct(rows: Sequence[Contributor]) -> Contributor | None:
    """What an event came by, if that tells it apart: a rise of what there always is most of does not."""
    one = leading(rows)
    if one is None or one.share < LEAST_SHARE:
        return None
    weight = one.weight or 0.0
    alone = weight <= MOST_WEIGHT and abs(1 - one.share) <= OTHERS_RISE * (1 - weight)
    return one if alone or one.share - weight >= ABOVE_USUAL else None


def _incident(events: Sequence[Event], common: frozenset[str], count: int, window: Window) -> Incident:
    """Events in order of their start as one incident. `count`: of all incidents."""
    keys = list(dict.fromkeys(event.key for event in events))
    apart = events[-1].start - events[0].start
    words = sorted(one.removesuffix(" above").removesuffix(" below") for one in common)
    return Incident(
        id=blake2b("\0".join(sorted(event.id for event in events)).encode(), digest_size=6).hexdigest(),
        start=events[0].start,
        end=max(event.end for event in events),
        keys=len(keys),
        events=len(events),
        severity=max(event.severity for event in events),
        common=", ".join(words),
        chance=by_chance(len(keys), apart, count, window.seconds) if len(keys) > 1 else None,
        onset=" > ".join(keys[:SHOWN]) + (f" > {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""),
    )
