"""Keys that were never there before: what they begin with is judged against nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analyzer.judging.blocks import JudgedBlock
from analyzer.judging.classes import SEVERITY
from analyzer.judging.presence import Presence
from analyzer.model import Event, Suppressed
from traffic.model import DAY, HOUR, WEEK, Window

BEFORE = WEEK
"""For how long a store has to have been without a key, for it to be new."""
LASTING = DAY
"""For how long it is."""
MOST = 100
"""New keys that are told, the largest first."""
_WHY = f"new, with less volume than the {MOST} largest new keys"


def with_new(block: JudgedBlock, presence: Presence) -> JudgedBlock:
    """Judge the first day of new keys as well, as far as the stated policy does not: above its floor.

    Of amounts, nothing is what was there before; a level that begins says nothing.

    Args:
        block: how its hours are judged otherwise.
        presence: of its keys.
    """
    stated, policy = block.judged[0], block.policy
    looked, begin = presence.looked, presence.begin
    if begin is None or not block.query.metric.adds_up or "new" not in policy.classes or stated.sign < 0:
        return block
    grid = stated.rollup.grid
    limit = np.full(stated.threshold.shape, np.nan)
    for row, key in enumerate(block.query.keys):
        start = presence.spans[key].start
        if start >= begin + BEFORE and looked.start <= start < looked.end:
            limit[row, grid.slice(Window(start, start + LASTING).widen(HOUR).clip(looked).clip(grid.window))] = 0.0
    limit = np.where(np.isnan(stated.threshold) & (stated.unjudged == 0), limit + policy.floor, np.nan)
    if np.isnan(limit).all():
        return block
    none = np.zeros(limit.shape, dtype=bool)
    new = replace(
        stated,
        baseline=np.zeros(limit.shape),
        limits=limit[None],
        threshold=limit,
        sparse=none,
        short_history=none,
        why=np.zeros(limit.shape, dtype=np.int64),
        filled=none,
        raises="new",
        silent=None,
    )
    return replace(block, judged=(*block.judged, new))


def by_volume(events: Sequence[Event]) -> tuple[list[Event], list[Suppressed]]:
    """The events, those of new keys with a severity by their volume; and of which keys there were more than are told.

    The largest has the most that an event of its class can have, one of half the volume is half the way there.
    """
    new = sorted((one for one in events if one.event_class == "new"), key=lambda one: (-one.excess, one.start, one.key))
    least, most = SEVERITY["new"]
    largest = new[0].excess if new else 1.0
    told = {one.id: least + (most - least) * one.excess / largest for one in new[:MOST]}
    kept = [
        replace(one, severity=told[one.id]) if one.id in told else one
        for one in events
        if one.event_class != "new" or one.id in told
    ]
    return kept, [Suppressed(one.key, _WHY, -(-(one.end - one.start) // HOUR)) for one in new[MOST:]]
