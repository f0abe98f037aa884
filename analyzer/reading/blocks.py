"""Which keys are read together, and how much time at once: what bounds memory, and keeps requests few."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from traffic.model import FIRST_MONDAY, HOUR, WEEK, Window, block_bits, blocks, floor_to, week_start
from traffic.store.base import Limits

BLOCK = 64
"""Keys that are looked at together. Memory is bounded by one block, however many keys there are."""

Block = tuple[str, ...]


def key_blocks(keys: Sequence[str], limits: Limits, size: int = BLOCK) -> list[Block]:
    """The keys in blocks of about `size` by a stable hash, so that a new key shifts no other.

    Where a store takes only so many keys at once, a block is just that large: requests are as few as can be.
    """
    if limits.keys is None:
        return blocks(keys, block_bits(len(keys), size))
    names = sorted(keys)
    return [tuple(names[start : start + limits.keys]) for start in range(0, len(names), limits.keys)]


def groups(
    spans: Mapping[str, Window], window: Window, resolution: int, limits: Limits
) -> Iterator[tuple[Block, Window]]:
    """The keys in blocks, each with the hours of `window` that its keys have data in, all of which is held at once.

    A block whose keys have nothing to do with each other in time is cut: series of very different spans cost what they
    hold, not the span between them.
    """
    size = max(1, min(BLOCK, limits.points // max(1, window.seconds // resolution)))
    for keys in key_blocks(list(spans), limits, size):
        ordered = sorted(keys, key=lambda key: (spans[key], key))
        part: list[str] = []
        reach = Window(0, 0)
        for key in ordered:
            span = spans[key].clip(window)
            if part and week_start(span.start) >= reach.end:
                yield tuple(sorted(part)), reach.widen(HOUR).clip(window)
                part = []
            reach = reach.hull(span) if part else span
            part.append(key)
        if part:
            yield tuple(sorted(part)), reach.widen(HOUR).clip(window)


def stretches(
    keys: Block, spans: Mapping[str, Window], window: Window, limits: Limits
) -> Iterator[tuple[Block, Window]]:
    """The times in which some of the keys have data, each with these keys; a gap of years costs nothing.

    Weeks; where a store says how long a window it takes at once, the most whole windows that are a week or less, or one
    that is longer: none is cut before its time. They begin on hours, so that a store of hours is asked for no more.
    """
    length, origin = WEEK, FIRST_MONDAY
    if limits.seconds is not None:
        length, origin = limits.seconds * max(1, WEEK // limits.seconds), floor_to(window.start, HOUR)
    starts = {
        start
        for key in keys
        for start in range(floor_to(spans[key].start - origin, length) + origin, spans[key].end, length)
    }
    for start in sorted(starts):
        part = Window(start, start + length).clip(window)
        those = tuple(key for key in keys if spans[key].overlap(part))
        if those:
            yield those, part
