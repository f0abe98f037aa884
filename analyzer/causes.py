"""By what the events of a run came: asked of its store once, and kept event by event."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import comb

from analyzer.contributors import contributors, decoded, encoded
from analyzer.incidents import groups_by
from analyzer.model import Contributor, Event, Policy
from analyzer.reading.cache import CachedSource
from traffic.errors import UsageFailure
from traffic.flows import FlowQuery
from traffic.model import Window
from traffic.store.base import FlowSource, Source

TOGETHER = 50
"""Events that a service is asked of before what it answered is kept."""


def dimensions_of(store: Source, by: Sequence[str] | None) -> tuple[str, ...]:
    """By which dimensions events are told apart; none where the store knows none.

    Args:
        by: what is asked for; None: all that the store knows.

    Raises:
        UsageFailure: the store cannot break traffic down by one of these.
    """
    if isinstance(store, FlowSource):
        return store.dimensions(by)
    if by:
        raise UsageFailure(f"{store.name} cannot break traffic down by {by[0]!r}: leave out --by")
    return ()


def event_requests(store: Source, by: Sequence[str] | None) -> int:
    """How many requests it takes at the most to tell by what an event came: dimensions, and then pairs of them."""
    names = dimensions_of(store, by)
    if not isinstance(store, FlowSource):
        return 0
    return len(names) * store.flow_requests() + comb(len(names), 2) * min(1, store.flow_requests())


def causes(
    source: CachedSource,
    store: Source,
    events: Sequence[Event],
    reach: Window,
    policy: Policy,
    resolution: int,
    by: Sequence[str] | None = None,
) -> tuple[Contributor, ...]:
    """What each event is made of, where the store knows.

    Args:
        source: that keeps what was found.
        store: that is asked.
        reach: what is learned from.
        resolution: seconds of a bucket.
        by: dimensions; None: all that the store knows.

    Raises:
        UsageFailure: the store cannot break traffic down by one of these.
    """
    names = dimensions_of(store, by)
    if not names or not events or not isinstance(store, FlowSource):
        return ()
    width = store.lasting(resolution)
    asked = [
        {
            "by": names,
            "key": one.key,
            "event": (one.id, one.start, one.end, one.threshold),
            "baseline": policy.baseline,
            "width": width,
        }
        for one in events
    ]

    def make(places: Sequence[int]) -> Iterator[str]:
        # Whoever reads files reads them once for all events; what is asked of a service is kept as it comes.
        size = TOGETHER if store.limits(resolution).at_once > 1 else len(places)
        for first in range(0, len(places), size):
            some = [events[place] for place in places[first : first + size]]
            for rows in contributors(store, some, reach, names, policy, width):
                yield encoded(rows)

    return tuple(
        row for text in source.kept_texts("contributors", reach, asked, make, TOGETHER) for row in decoded(text)
    )


def key_groups(source: CachedSource, store: Source, keys: Sequence[str], reach: Window, by: str) -> dict[str, str]:
    """Key -> the group that it is of: by a column of the store, where it has one of that name, else by a pattern.

    Of a column the value that half of a key's traffic has at least; a key without such a value is of no group.
    """
    if not isinstance(store, FlowSource) or not _is_column(store, by):
        return groups_by(by, keys)

    def make(places: Sequence[int]) -> Iterator[str]:
        for answer in store.flows([FlowQuery(keys[place], (reach,), (by,)) for place in places]):
            amounts = (answer.amounts if answer.rows is None else answer.rows)[:, 0]
            most = int(amounts.argmax()) if len(amounts) else 0
            yield answer.values[most][0] if len(amounts) and 2 * amounts[most] >= amounts.sum() > 0 else ""

    found = source.kept_texts("groups", reach, [{"key": key, "column": by} for key in keys], make, TOGETHER)
    return {key: group for key, group in zip(keys, found, strict=True) if group}


def _is_column(store: FlowSource, name: str) -> bool:
    try:
        return store.dimensions((name,)) == (name,)
    except UsageFailure:
        return False
