"""How near each label of a block came to being an event."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from analyzer.judging.blocks import JudgedBlock, rows_of
from analyzer.judging.breaches import Piece
from analyzer.judging.nearest import Near, Sought, nearest
from analyzer.judging.reach import RISES, First, Known, Trial, counted, first_tried, in_both, reach_of
from analyzer.judging.tries import Try, tried
from analyzer.judging.wanted import looked_for, nearest_row
from analyzer.model import Event, NotJudged
from analyzer.outcome import Reach
from analyzer.verdict import meet, targets
from traffic.model import DAY, Label, Matrix, Window
from traffic.text import visible


def reaches(
    block: JudgedBlock,
    pieces: Sequence[Piece],
    labels: Mapping[str, Sequence[Label]],
    gaps: Sequence[NotJudged],
    known: Known,
    present: Sequence[Event],
) -> Iterator[tuple[str, Reach]]:
    """How near each label of a block's keys came: its id, and that. A label of all keys: how near the nearest one came.

    Args:
        pieces: the buckets of the days of the labels at least.
        gaps: what was not judged of the block.
        present: what was found in it.
    """
    cases = list(_cases(block, pieces, labels, gaps, known, present))
    firsts = _firsts(cases, block, pieces, known)
    for case in cases:
        label = case.label
        found = reach_of(label, case.trial, case.truth, case.gaps, firsts.get(label.id))
        yield label.id, found if label.key else replace(found, why=f"{visible(case.trial.rollup.keys[0])}: {found.why}")


@dataclass(frozen=True, eq=False)
class _LookedFor:
    """A label, and what it is looked for in."""

    label: Label
    trial: Trial
    truth: Sequence[Label]
    gaps: Sequence[NotJudged]


def _cases(
    block: JudgedBlock,
    pieces: Sequence[Piece],
    labels: Mapping[str, Sequence[Label]],
    gaps: Sequence[NotJudged],
    known: Known,
    present: Sequence[Event],
) -> Iterator[_LookedFor]:
    rollup, keys = block.judged[0].rollup, block.query.keys
    of_all = [label for label in labels.get("", ()) if label.window.overlap(known.looked)]
    if any(not looked_for(label, block.policy) for key in ("", *keys) for label in labels.get(key, ())):
        # All keys at once, and not each by itself.
        known = replace(known, both=Trial(rollup, block, (), known, None).judged(in_both(block.policy)))
    nearest_of = [(_row_of(label, block, present), label) for label in of_all]
    for row, key in enumerate(keys):
        own = [label for label in labels.get(key, ()) if label.window.overlap(known.looked)]
        common = [label for place, label in nearest_of if place == row]
        if not own and not common:
            continue
        by_day = {
            matrix.grid.start // DAY: ([0], Matrix((key,), matrix.grid, matrix.values[rows.index(row)][None]))
            for rows, matrix in pieces
            if row in rows
        }
        blind_there = [gap for gap in gaps if gap.key == key]
        there = [event for event in present if event.key == key]
        of_key = replace(known, learned=known.learned.rows([row]))
        trial = Trial(rows_of(rollup, (key,), [row]), block, (), of_key, there)
        for label in (*own, *common):
            days = _days(label)
            near: list[Piece] = [by_day[day] for day in range(days.start // DAY, days.end // DAY) if day in by_day]
            yield _LookedFor(label, replace(trial, pieces=near), own, blind_there)


def _days(label: Label) -> Window:
    """Whose buckets may have to do with a label."""
    return Window(label.start - DAY, label.end + DAY).widen(DAY)


def _firsts(cases: Sequence[_LookedFor], block: JudgedBlock, pieces: Sequence[Piece], known: Known) -> dict[str, First]:
    """By the id of a label: whether it is found at the first percentage that is tried. With most labels it is the last.

    Where falls count as well, each label is tried by itself.
    """
    if block.policy.direction != "above":
        return {}
    rising = [case for case in cases if case.label.direction == "above"]
    sought = [Sought(case.label, case.trial.row, case.trial.pieces) for case in rising]
    nearby: list[tuple[Try, Near]] = []
    truth: Sequence[Label] = ()
    met: list[Label] = []
    for case, near in zip(rising, nearest(sought, block, known.looked), strict=True):
        if case.truth is not truth:
            # Labels of a key follow one another.
            truth, met = case.truth, targets(case.truth)
        percent = None if near is None or not near.judged else first_tried(RISES.percent(near))
        if near is not None and percent is not None:
            others = [other for other in met if other.id != case.label.id]
            nearby.append((Try(case.trial.row, case.label, percent, others, _days(case.label)), near))
    found = tried([one for one, _ in nearby], block, pieces, known.looked, known.learned)
    return {one.label.id: First(near, one.over_percent, was) for (one, near), was in zip(nearby, found, strict=True)}


def _row_of(label: Label, block: JudgedBlock, present: Sequence[Event]) -> int | None:
    """Which key of a block a label of all keys is told of: one whose event it met, or the nearest one."""
    met = meet(counted(present), targets([replace(label, kind="required")]), block.query.resolution)
    event = met.get(label.id)
    return nearest_row(label, block) if event is None else block.query.keys.index(event.key)


def merged(found: Iterable[tuple[str, Reach]]) -> dict[str, Reach]:
    """How near labels came, by their ids; of one that several blocks speak of, how near the nearest of them came."""
    best: dict[str, Reach] = {}
    for label, reach in found:
        if label not in best or _nearness(reach) > _nearness(best[label]):
            best[label] = reach
    return best


def _nearness(reach: Reach) -> tuple[bool, float]:
    if reach.reached is None or reach.needed is None:
        return False, -1.0
    falls = reach.needed < 1
    part, whole = (reach.needed, reach.reached) if falls else (reach.reached, reach.needed)
    return reach.found_at_percent is not None, part / whole if whole > 0 else math.inf
