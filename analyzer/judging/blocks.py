"""A block of keys, and how its hours are judged: by each policy that one of its keys has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from analyzer.judging.judged import Judged, Learning, inside, judge
from analyzer.judging.presence import Presence
from analyzer.judging.silence import silences, until_the_end
from analyzer.model import Policy
from traffic.model import Floats, Metric, Query, Rollup, Window


@dataclass(frozen=True, eq=False)
class Known:
    """What keys of a block are judged by: when they are there, and what was learned of them."""

    presence: Presence
    learned: Learning

    def of(self, rows: Sequence[int]) -> Known:
        """The same of some of the keys."""
        return replace(self, learned=self.learned.rows(rows))


@dataclass(frozen=True, eq=False)
class JudgedBlock:
    """Keys of a block with one policy, and how their hours are judged: what the policy states comes first."""

    query: Query
    policy: Policy
    alive: Mapping[str, Window]
    """Spans of the keys, up to the end for those whose silence is judged."""
    judged: tuple[Judged, ...]


@dataclass(frozen=True, eq=False)
class Aside:
    """Keys of a block whose labels lie in a direction that its policy does not look in, by one that looks in both."""

    rows: tuple[int, ...]
    """Of the keys in the block, ascending."""
    block: JudgedBlock
    known: Known


def judged_blocks(
    rollup: Rollup,
    metric: Metric,
    presence: Presence,
    resolution: int,
    policy: Policy,
    learned: dict[tuple[str, ...], Learning],
) -> Iterator[JudgedBlock]:
    """Judge the hours of a block, the keys of each policy together. Arguments as `find_events`.

    Args:
        learned: by keys, what other policies learned from the same roll-ups; is filled in.
    """
    for own, rows in by_policy(rollup.keys, policy):
        keys = tuple(rollup.keys[row] for row in rows)
        hours = rollup if len(rows) == len(rollup.keys) else rows_of(rollup, keys, rows)
        known = Known(presence, learned.setdefault(keys, Learning()))
        yield judged_block(hours, metric, resolution, own, known)


def judged_block(
    rollup: Rollup, metric: Metric, resolution: int, policy: Policy, known: Known, remaining: Floats | None = None
) -> JudgedBlock:
    """Judge the hours of keys that have this policy; `remaining` as in `judge`."""
    keys, presence = rollup.keys, known.presence
    spans, looked = presence.spans, presence.looked
    silent = silences(keys, presence, metric)
    # A silence up to the end is for falls to judge; where they are not looked for, it is said that nobody did.
    lasting = spans if silent is None else until_the_end(keys, presence, metric)
    alive = spans if policy.direction == "both" else lasting
    judged = tuple(
        inside(one, looked, [(lasting if one.sign < 0 else alive)[key] for key in keys])
        for one in judge(rollup, policy, resolution, silent, known.learned, remaining)
    )
    return JudgedBlock(Query(metric, keys, rollup.grid.window, resolution), policy, alive, judged)


def in_both(block: JudgedBlock, known: Known, rows: Sequence[int]) -> Aside:
    """Some keys of a block, by the same policy, but that it looks in both directions."""
    policy = replace(block.policy, direction="both")
    of_rows = known.of(rows)
    return Aside(tuple(rows), judged_again(block, rows, policy, of_rows), of_rows)


def judged_again(
    block: JudgedBlock, rows: Sequence[int], policy: Policy, known: Known, remaining: Floats | None = None
) -> JudgedBlock:
    """Some keys of a block by another policy, and by what it states alone; `remaining` as in `judge`."""
    query = block.query
    rollup = rows_of(block.judged[0].rollup, tuple(query.keys[row] for row in rows), list(rows))
    stated = replace(policy, classes=("policy", "suspect"))
    return judged_block(rollup, query.metric, query.resolution, stated, known, remaining)


def by_policy(keys: tuple[str, ...], policy: Policy) -> list[tuple[Policy, list[int]]]:
    """The policies that keys have, each with the places of those that have it."""
    found: dict[Policy, list[int]] = {}
    for row, key in enumerate(keys):
        found.setdefault(policy.of(key), []).append(row)
    return list(found.items())


def rows_of(rollup: Rollup, keys: tuple[str, ...], rows: list[int]) -> Rollup:
    """The roll-ups of some of the keys."""
    return Rollup(keys, rollup.grid, rollup.hours.each(lambda array: array[rows]))
