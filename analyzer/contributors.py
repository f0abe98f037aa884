"""By what events came: of each dimension the values that an event's excess lies in, adding up to all of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Literal

import numpy as np

from analyzer.kernels.shares import Shares, shares
from analyzer.model import Contributor, Event, Policy
from traffic.flows import FlowAnswer, FlowQuery
from traffic.model import WEEK, Window
from traffic.store.base import FlowSource

TOP = 10
"""Values of a dimension that are named; the others are one row."""
WEEKS = 6
"""Other weeks whose same hours say what is usual, the nearest ones."""
OTHERS, UNEXPLAINED, NONE = "(others)", "(not explained)", "(none)"
TOGETHER = " & "
"""Between the dimensions, and the values, of a combination."""
MOST_OF_IT = 0.8
"""The share of each value of a combination, to be named ..."""
AS_MUCH = 0.95
"""... of which all of them together explain so much ..."""
NARROWER = 0.05
"""... although so much of the usual traffic of each lies outside of it: else one of them says as much."""
NEAR = 0.1
"""Shares that are as close as this to the largest say as much."""


def windows_of(event: Event, extent: Window, policy: Policy) -> tuple[Window, ...]:
    """The event's own time, and the same hours of up to `WEEKS` other weeks that the store reaches, nearest first."""
    found = [event.window]
    span = extent.seconds // WEEK + 1
    for weeks in range(1, span + 1):
        for sign in (-1,) if policy.baseline == "trailing" else (-1, 1):
            other = Window(event.start + sign * weeks * WEEK, event.end + sign * weeks * WEEK)
            if other.clip(extent) == other and len(found) <= WEEKS:
                found.append(other)
    return tuple(found)


def contributors(
    source: FlowSource, events: Sequence[Event], extent: Window, by: Sequence[str], policy: Policy
) -> Iterator[Contributor]:
    """What each event is made of, dimension by dimension, the largest share first.

    Each dimension's shares add up to 1 with the rows of the others and of what is not explained. An event of whose
    hours no other week is known has none.

    Args:
        extent: what the store reaches.
        by: dimensions.
        policy: with `trailing`, only the weeks before say what is usual.
    """
    for event in events:
        windows = windows_of(event, extent, policy)
        asked = [FlowQuery(event.key, windows, (name,)) for name in by]
        split = {name: _Split(answer) for name, answer in zip(by, source.flows(asked), strict=True)}
        if any(one.shares is None for one in split.values()):
            continue
        for name, one in split.items():
            yield from one.rows(event.id, name)
        yield from _together(source, event, windows, split)


class _Split:
    """An answer, and what it comes to; None where no other week is there."""

    def __init__(self, answer: FlowAnswer) -> None:
        there = answer.there.copy()
        there[0] = True
        self.values = answer.values
        self.shares: Shares | None = None
        if there[1:].any():
            self.shares = shares(answer.amounts[:, there], answer.totals[there])

    def rows(self, event: str, dimension: str) -> Iterator[Contributor]:
        """The largest shares, the others, and what is not explained."""
        found = self.shares
        assert found is not None
        order = np.lexsort(
            (
                np.arange(len(found.share)),
                -np.abs(np.nan_to_num(found.share)),
            )
        )
        for place in order[:TOP].tolist():
            yield self.row(event, dimension, place)
        rest = order[TOP:]
        actual, usual = float(found.actual[rest].sum()), float(found.usual[rest].sum())
        # What is added up in another order would differ in the last bit: the shares add up as they stand in the rows.
        others = float(found.share[rest].sum()) if len(rest) else 0.0
        yield Contributor(event, dimension, OTHERS, actual=actual, usual=usual, excess=actual - usual, share=others)
        yield Contributor(event, dimension, UNEXPLAINED, actual=None, usual=None, excess=None, share=found.rest)

    def row(self, event: str, dimension: str, place: int) -> Contributor:
        """One value."""
        found = self.shares
        assert found is not None
        name = TOGETHER.join(value or NONE for value in self.values[place])
        actual, usual = float(found.actual[place]), float(found.usual[place])
        new: Literal["", "yes"] = "yes" if found.new[place] else ""
        share = float(found.share[place])
        return Contributor(
            event, dimension, name, actual=actual, usual=usual, excess=actual - usual, share=share, new=new
        )


def _together(
    source: FlowSource, event: Event, windows: tuple[Window, ...], split: dict[str, _Split]
) -> Iterator[Contributor]:
    """The narrowest combination of two values that explains as much as either, and leaves traffic of both outside."""
    best: tuple[float, Contributor] | None = None
    for pair in combinations(split, 2):
        tops = []
        for name in pair:
            found = split[name].shares
            assert found is not None
            if len(found.share) and np.nanmax(found.share, initial=-1.0) >= MOST_OF_IT:
                tops.append(int(np.nanargmax(found.share)))
        if len(tops) < 2:
            continue
        values = tuple(split[name].values[top][0] for name, top in zip(pair, tops, strict=True))
        (answer,) = source.flows([FlowQuery(event.key, windows, pair)])
        both = _Split(answer)
        if both.shares is None or values not in both.values:
            continue
        place = both.values.index(values)
        usual = both.shares.usual[place]
        apart = [split[name].shares.usual[top] for name, top in zip(pair, tops, strict=True)]  # type: ignore[union-attr]
        narrower = all(one - usual >= NARROWER * one > 0 for one in apart)
        most = max(float(split[name].shares.share[top]) for name, top in zip(pair, tops, strict=True))  # type: ignore[union-attr]
        if narrower and both.shares.share[place] >= AS_MUCH * most and (best is None or usual < best[0]):
            best = usual, both.row(event.id, TOGETHER.join(pair), place)
    if best is not None:
        yield best[1]


def leading(rows: Sequence[Contributor]) -> Contributor | None:
    """By what an event came: a combination, or else of the values with about the largest share the rarest."""
    known = [row for row in rows if row.value not in (OTHERS, UNEXPLAINED) and row.share == row.share]
    pairs = [row for row in known if TOGETHER in row.dimension]
    if pairs or not known:
        return pairs[0] if pairs else None
    most = max(row.share for row in known)
    return min((row for row in known if row.share >= most - NEAR), key=lambda row: (row.usual or 0.0, -row.share))


def named(row: Contributor) -> str:
    """A contributor in words: `dst_port=53`, `dst_port=443 & src_as=64512`."""
    pairs = zip(row.dimension.split(TOGETHER), row.value.split(TOGETHER), strict=False)
    return TOGETHER.join(f"{dimension}={value}" for dimension, value in pairs)
