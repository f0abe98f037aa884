"""By what events came: of each dimension the values that an event's excess lies in, adding up to all of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import combinations
from math import isnan
from typing import Literal

import numpy as np

from analyzer.kernels.shares import Shares, mean_shares, shares
from analyzer.model import Contributor, Event, Policy
from traffic.flows import Beyond, FlowAnswer, FlowQuery, is_remainder
from traffic.model import HOUR, WEEK, Floats, Ints, Split, Window
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
STANDS_OUT = 0.3
"""By how much a value's share is above its weight, where it tells an event apart from more of the usual."""


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


def just_before(event: Event, extent: Window) -> Window:
    """The hour before an event: what there is of a value may have changed since the last week."""
    return Window(event.start - HOUR, event.start).clip(extent)


def contributors(
    source: FlowSource,
    events: Sequence[Event],
    extent: Window,
    by: Sequence[str],
    policy: Policy,
    width: int = 1,
    resolution: int = 60,
) -> Iterator[tuple[Contributor, ...]]:
    """What each event is made of, dimension by dimension, the largest share first: a tuple for each of the events.

    Each dimension's shares add up to 1 with the rows of the others and of what is not explained. An event of whose
    hours no other week is known has none.

    Args:
        extent: what the store reaches.
        by: dimensions.
        policy: with `trailing`, only the weeks before say what is usual.
        width: what sums are multiplied with: a bucket's seconds where values are so much a second.
        resolution: seconds of the buckets that the events were found in.
    """
    kind = source.split_into()
    windows = [(*windows_of(event, extent, policy), just_before(event, extent)) for event in events]
    beyond = [Beyond(event.threshold, event.direction) if kind == "rows" else None for event in events]
    asked = [
        FlowQuery(event.key, own, (name,), beyond=limit, resolution=resolution)
        for event, own, limit in zip(events, windows, beyond, strict=True)
        for name in by
    ]
    answers = iter(source.flows(asked))
    made = [{name: _MadeOf(next(answers), kind, width) for name in by} for _ in events]
    pairs = [(place, pair) for place, split in enumerate(made) for pair in _pairs(split)]
    queries = [
        replace(
            _of_pair(events[place].key, windows[place], pair, made[place]), beyond=beyond[place], resolution=resolution
        )
        for place, pair in pairs
    ]
    together: dict[int, list[tuple[dict[str, int], _MadeOf]]] = {}
    for (place, pair), answer in zip(pairs, source.flows(queries), strict=True):
        together.setdefault(place, []).append((pair, _MadeOf(answer, kind, width)))
    for place, (event, split) in enumerate(zip(events, made, strict=True)):
        if any(one.shares is None for one in split.values()):
            yield ()
            continue
        rows = [row for name, one in split.items() for row in one.rows(event.id, name)]
        yield (*rows, *_narrowest(event.id, split, together.get(place, ())))


def _part_of(answer: FlowAnswer) -> Floats:
    """Of all that there was in the last window, how much was of each value: of means and counts of rows, in rows."""
    amounts, totals = answer.amounts[:, -1], answer.totals[-1]
    if answer.rows is not None and answer.all_rows is not None:
        amounts, totals = answer.rows[:, -1], answer.all_rows[-1]
    return amounts / totals if totals else np.zeros(len(amounts))


class _MadeOf:
    """An answer, and what it comes to; None where no other week is there."""

    def __init__(self, answer: FlowAnswer, kind: Split, width: int) -> None:
        there, rows, every = answer.there.copy(), answer.rows, answer.all_rows
        there[0] = True
        if kind == "mean":
            assert rows is not None
            assert every is not None
            there = every > 0
        self.values, self.kind = answer.values, kind
        self.before = np.zeros(len(answer.values))
        self.shares: Shares | None = None
        # The last window is the hour before, which is no other week.
        there[-1] = False
        if not there[0] or not there[1:].any():
            return
        self.before = _part_of(answer)
        amounts, totals = answer.amounts[:, there], answer.totals[there]
        if rows is None or every is None:
            self.shares = shares(amounts * width, totals * width)
        elif kind == "mean":
            self.shares = mean_shares(amounts, totals, rows[:, there], every[there])
        else:
            self.shares = shares(amounts, totals, rows[:, there], every[there])
        if answer.cut is not None and answer.cut[there][1:].any():
            # A value may have been there in another week, among those that were not listed.
            self.shares = replace(self.shares, new=np.zeros(len(self.values), dtype=np.bool_))

    def rows(self, event: str, dimension: str) -> Iterator[Contributor]:
        """The largest shares, the others, and what is not explained."""
        found = self.shares
        assert found is not None
        size = np.abs(np.nan_to_num(found.share)).tolist()
        # Of the same share by name, whatever order a store tells them in. What was there only in a week that does not
        # count, or just before, is nothing to name.
        there = np.flatnonzero(found.there).tolist()
        order = np.array(sorted(there, key=lambda place: (-size[place], self.values[place])), dtype=np.int64)
        for place in order[:TOP].tolist():
            yield self.row(event, dimension, place)
        yield self._row(event, dimension, OTHERS, order[TOP:])
        left = found.rest
        yield Contributor(
            event, dimension, UNEXPLAINED, actual=None, usual=None, excess=None, share=left, split=self.kind
        )

    def row(self, event: str, dimension: str, place: int) -> Contributor:
        """One value."""
        assert self.shares is not None
        name = TOGETHER.join(value or NONE for value in self.values[place])
        new: Literal["", "yes"] = "yes" if self.shares.new[place] else ""
        return replace(self._row(event, dimension, name, np.array([place])), new=new)

    def _row(self, event: str, dimension: str, name: str, places: Ints) -> Contributor:
        """Some values together. What is added up in another order would differ in the last bits: shares are summed."""
        found = self.shares
        assert found is not None
        actual, usual = (None if isnan(one) else one for one in found.levels(places))
        return Contributor(
            event,
            dimension,
            name,
            actual=actual,
            usual=usual,
            excess=float(found.excess[places].sum()),
            share=float(found.share[places].sum()),
            weight=float(max(found.weight[places].sum(), self.before[places].sum())),
            split=self.kind,
            rate=None if found.rate is None else float(found.rate[places].sum()),
            mix=None if found.mix is None else float(found.mix[places].sum()),
        )


def _of_pair(key: str, windows: tuple[Window, ...], pair: Mapping[str, int], split: Mapping[str, _MadeOf]) -> FlowQuery:
    return FlowQuery(key, windows, tuple(pair), tuple(split[name].values[top][0] for name, top in pair.items()))


def _pairs(split: Mapping[str, _MadeOf]) -> Iterator[dict[str, int]]:
    """Pairs of dimensions of which one value each has most of the excess: dimension -> place of that value."""
    tops: dict[str, int] = {}
    for name, one in split.items():
        if one.shares is None or np.nanmax(one.shares.share, initial=-1.0) < MOST_OF_IT:
            continue
        top = int(np.nanargmax(one.shares.share))
        if not is_remainder(one.values[top][0]):
            tops[name] = top
    return ({name: tops[name] for name in pair} for pair in combinations(tops, 2))


def _narrowest(
    event: str, split: Mapping[str, _MadeOf], pairs: Sequence[tuple[dict[str, int], _MadeOf]]
) -> Iterator[Contributor]:
    """The narrowest combination of two values that explains as much as either, and leaves traffic of both outside."""
    best: tuple[float, Contributor] | None = None
    for pair, both in pairs:
        values = tuple(split[name].values[top][0] for name, top in pair.items())
        if both.shares is None or values not in both.values:
            continue
        place = both.values.index(values)
        usual, share = float(both.shares.weight[place]), float(both.shares.share[place])
        alone = [(found, top) for name, top in pair.items() if (found := split[name].shares) is not None]
        narrower = all(one.weight[top] - usual >= NARROWER * one.weight[top] > 0 for one, top in alone)
        most = max(float(one.share[top]) for one, top in alone)
        if narrower and share >= AS_MUCH * most and (best is None or usual < best[0]):
            best = usual, both.row(event, TOGETHER.join(pair), place)
    if best is not None:
        yield best[1]


def leading(rows: Sequence[Contributor]) -> Contributor | None:
    """By what an event came: a combination, or else of the values with about the largest share the rarest.

    Where that has no more of the excess than it always has of the traffic, as TCP often has, the value that stands out
    most, if one does: it may be one of several in a dimension (`companions`).
    """
    known = [row for row in rows if _is_value(row) and row.share == row.share]
    pairs = [row for row in known if TOGETHER in row.dimension]
    if pairs or not known:
        return pairs[0] if pairs else None
    most = max(row.share for row in known)
    rarest = min((row for row in known if row.share >= most - NEAR), key=lambda row: (row.weight or 0.0, -row.share))
    farthest = max(known, key=above_usual)
    return farthest if above_usual(rarest) < STANDS_OUT <= above_usual(farthest) else rarest


def companions(rows: Sequence[Contributor], first: Contributor) -> list[Contributor]:
    """The values that an event came by besides the leading one: of its dimension, those that have more than usual too.

    At most two, and none where the first one says most of it.
    """
    of_it = [row for row in rows if row.dimension == first.dimension and row is not first and _is_value(row)]
    found, total = list[Contributor](), first.share
    for row in sorted(of_it, key=lambda row: (-row.share, row.value)):
        if total < MOST_OF_IT and len(found) < 2 and min(row.share, above_usual(row)) >= NEAR:
            found.append(row)
            total += row.share
    return found


def above_usual(row: Contributor) -> float:
    """How much more of the excess a value has than of what there usually is."""
    return row.share - (row.weight or 0.0)


def _is_value(row: Contributor) -> bool:
    """Whether it names something, and is not what is left beside what is named."""
    return row.value not in (OTHERS, UNEXPLAINED) and not any(map(is_remainder, row.value.split(TOGETHER)))


def named(row: Contributor) -> str:
    """A contributor in words: `dst_port=53`, `dst_port=443 & src_as=64512`."""
    pairs = zip(row.dimension.split(TOGETHER), row.value.split(TOGETHER), strict=False)
    return TOGETHER.join(f"{dimension}={value}" for dimension, value in pairs)


def encoded(rows: Iterable[Contributor]) -> str:
    """Rows as a text, for the cache."""
    return json.dumps([asdict(row) for row in rows])


def decoded(text: str) -> tuple[Contributor, ...]:
    """The rows of such a text."""
    return tuple(Contributor(**row) for row in json.loads(text))
