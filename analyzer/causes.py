"""By what the events of a run came: asked of its store once, and kept event by event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from analyzer.contributors import WEEKS, contributors, decoded, encoded, just_before, windows_of
from analyzer.incidents import groups_by
from analyzer.model import Contributor, Event, Policy
from analyzer.reading.cache import CachedSource
from traffic.errors import UsageFailure
from traffic.flows import FlowQuery, is_remainder
from traffic.model import Window
from traffic.store.base import FlowSource, ScarceSource, Source

TOGETHER, FEW = 50, 4
"""Events that a service is asked of before what it answered is kept; of one that answers few requests a minute."""


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


def event_requests(store: Source, by: Sequence[str] | None, events: int = 1) -> int:
    """How many requests it takes at the most to tell by what events came: by dimensions, and then by pairs of them."""
    names = dimensions_of(store, by)
    # Its own time, those of other weeks, and the hour before.
    return store.flow_requests(len(names), 2 + WEEKS, events) if isinstance(store, FlowSource) and names else 0


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
    # Not by all that is learned from: tomorrow that begins and ends elsewhere, and these answers are the same.
    windows = [(*windows_of(one, reach, policy), just_before(one, reach)) for one in events]
    spans = [Window(min(one.start for one in own), max(one.end for one in own)) for own in windows]
    asked = [
        {
            "by": names,
            "key": one.key,
            "event": (one.id, one.threshold),
            "windows": [(window.start, window.end) for window in own],
            "width": width,
            "resolution": resolution,
        }
        for one, own in zip(events, windows, strict=True)
    ]
    together = FEW if isinstance(store, ScarceSource) else TOGETHER

    def make(places: Sequence[int]) -> Iterator[str]:
        # Whoever reads files reads them once for all events; what is asked of a service is kept as it comes.
        size = together if store.limits(resolution).at_once > 1 else len(places)
        for first in range(0, len(places), size):
            some = [events[place] for place in places[first : first + size]]
            for rows in contributors(store, some, reach, names, policy, width, resolution):
                yield encoded(rows)

    return tuple(
        row for text in source.kept_texts("contributors", spans, asked, make, together) for row in decoded(text)
    )


def check_group(store: Source, by: str, keys: Iterable[str]) -> None:
    """Make sure that keys can be grouped so: by a column, or by a pattern that fits one of them at least.

    Raises:
        UsageFailure: they cannot.
    """
    why = _no_column(store, by)
    if not why and isinstance(store, ScarceSource):
        raise UsageFailure(
            f"--group {by!r}: {store.name} would have to be asked for all of the history of each key; give a pattern "
            f"of their names"
        )
    if why and not groups_by(by, keys):
        raise UsageFailure(f"--group {by!r} fits the name of no key, and {why}")


def key_groups(source: CachedSource, store: Source, keys: Sequence[str], reach: Window, by: str) -> dict[str, str]:
    """Key -> the group that it is of: by a column of the store, where it has one of that name, else by a pattern.

    Of a column the value that half of a key's traffic has at least; a key without such a value is of no group.
    """
    if not isinstance(store, FlowSource) or _no_column(store, by):
        return groups_by(by, keys)

    def make(places: Sequence[int]) -> Iterator[str]:
        for answer in store.flows([FlowQuery(keys[place], (reach,), (by,)) for place in places]):
            amounts = (answer.amounts if answer.rows is None else answer.rows)[:, 0]
            most = int(amounts.argmax()) if len(amounts) else 0
            told = len(amounts) > 0 and 2 * amounts[most] >= amounts.sum() > 0
            value = answer.values[most][0] if told else ""
            yield "" if is_remainder(value) else value

    asked = [{"key": key, "column": by} for key in keys]
    found = source.kept_texts("groups", [reach] * len(keys), asked, make, TOGETHER)
    return {key: group for key, group in zip(keys, found, strict=True) if group}


def _no_column(store: Source, name: str) -> str:
    """Why a store has no such column; "" where it has one."""
    if not isinstance(store, FlowSource):
        return f"{store.name} has no columns"
    try:
        store.dimensions((name,))
    except UsageFailure as why:
        return str(why)
    return ""
