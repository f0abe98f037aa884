"""How near each label of a block came to being an event."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from analyzer.judging.blocks import Aside, JudgedBlock, Known, in_both
from analyzer.judging.buckets import Buckets
from analyzer.judging.judged import not_judged
from analyzer.judging.nearest import Near, nearest
from analyzer.judging.reach import LookedFor, Search, There, counted, not_looked_for, reach_of
from analyzer.judging.tries import PERCENTAGES, OtherSetting, Trial, TriedEvents, Try, are_met, raised_there, tried
from analyzer.judging.wanted import looked_for, nearest_row
from analyzer.kernels.match import each_last
from analyzer.model import Event, NotJudged, event_id
from analyzer.outcome import Reach
from analyzer.verdict import COUNTED, meet, targets
from traffic.model import Label, Window
from traffic.text import visible

Result = TypeVar("Result")
_Row = TypeVar("_Row", Event, NotJudged)


def reaches(
    block: JudgedBlock,
    buckets: Buckets,
    labels: Mapping[str, Sequence[Label]],
    gaps: Sequence[NotJudged],
    known: Known,
    present: Sequence[Event],
    beside: Aside | None = None,
) -> Iterator[tuple[str, Reach]]:
    """How near each label of a block's keys came: its id, and that. A label of all keys: how near the nearest one came.

    By the policy of its key; in a direction that this does not look in, by one that does.

    Args:
        buckets: those of the days of the labels at least.
        gaps: what was not judged of the block.
        present: what was found in it.
        beside: keys that were judged aside (`wanted.aside_of`), where that was done before.
    """
    keys = block.query.keys
    trial = Trial(block, buckets, known)
    looked: list[Try] = []
    aside: list[Try] = []
    for one in _sought(block, labels, known.presence.looked, present):
        (looked if looked_for(one.label, block.policy) else aside).append(one)
    there = _by_key(present)
    found = _met(looked, there, trial)
    cases = _cases(looked, found, [there[keys[one.row]] for one in looked], gaps, trial)
    yield from _told(cases, trial)
    if aside:
        alone = _met([one._replace(targets=one.targets[-1:]) for one in aside], there, trial)
        rows = sorted({one.row for one in aside})
        # A label of all keys may be told of another key than was looked at.
        if beside is None or not set(rows) <= set(beside.rows):
            beside = in_both(block, known, rows)
        both, row = trial.aside(beside), {one: place for place, one in enumerate(beside.rows)}
        own = [one._replace(row=row[one.row]) for one in aside]
        cases = _cases_aside(own, both)
        yield from _told([replace(case, met=met) for case, met in zip(cases, alone, strict=True)], both)


def in_lockstep(
    searches: Sequence[Search[Result]], answers: Callable[[Sequence[tuple[int, OtherSetting]]], Sequence[bool]]
) -> list[Result]:
    """What searches come to that go on together: what all of them ask next is answered at once.

    Args:
        answers: of the place of each search and what it asks, whether that finds its label.
    """
    asked: dict[int, OtherSetting] = {}
    found: dict[int, Result] = {}

    def go_on(place: int, answer: bool | None) -> None:
        try:
            asked[place] = next(searches[place]) if answer is None else searches[place].send(answer)
        except StopIteration as end:
            asked.pop(place, None)
            found[place] = end.value

    for place in range(len(searches)):
        go_on(place, None)
    while asked:
        # Percentages first: of what is left then, more is alike.
        now = [one for one in asked.items() if one[1].setting in PERCENTAGES] or list(asked.items())
        for (place, _), answer in zip(now, answers(now), strict=True):
            go_on(place, answer)
    return [found[place] for place in range(len(searches))]


def _told(cases: Sequence[LookedFor], trial: Trial) -> Iterator[tuple[str, Reach]]:
    """What is to be said of labels whose direction the block's policy looks in."""
    query, policy = trial.block.query, trial.block.policy

    def answers(asked: Sequence[tuple[int, OtherSetting]]) -> list[bool]:
        stated = [change.value == getattr(policy, change.setting) for _, change in asked]
        rest = [(cases[place].sought, change) for (place, change), one in zip(asked, stated, strict=True) if not one]
        others = iter(tried(rest, trial))
        return [cases[place].found if one else next(others) for (place, _), one in zip(asked, stated, strict=True)]

    found = in_lockstep([reach_of(case, policy, query) for case in cases], answers)
    for case, reach in zip(cases, found, strict=True):
        row, label = case.sought.row, case.sought.label
        yield label.id, reach if label.key else replace(reach, why=f"{visible(query.keys[row])}: {reach.why}")


def _sought(
    block: JudgedBlock, labels: Mapping[str, Sequence[Label]], looked: Window, present: Sequence[Event]
) -> Iterator[Try]:
    """The labels of a block, each with what an event of its key may meet."""
    of_all = [label for label in labels.get("", ()) if label.window.overlap(looked)]
    common: dict[int, list[Label]] = defaultdict(list)
    for label in of_all:
        if (row := _row_of(label, block, present)) is not None:
            common[row].append(label)
    for row, key in enumerate(block.query.keys):
        own = [label for label in labels.get(key, ()) if label.start < looked.end and label.end > looked.start]
        met = targets(own)
        spans = np.array([(other.start, other.end) for other in met], dtype=np.int64).reshape(-1, 2)
        last = dict(zip((other.id for other in met), each_last(spans), strict=True))
        for label in (*own, *common[row]):
            there = last.get(label.id)
            yield Try(row, label, np.concatenate([spans, [(label.start, label.end)]]) if there is None else there)


def _met(sought: Sequence[Try], there: Mapping[str, Sequence[Event]], trial: Trial) -> list[bool]:
    """Whether what was found meets each of the labels."""
    spans = {key: np.array([(one.start, one.end) for one in counted(events)]) for key, events in there.items()}
    none, keys = np.zeros((0, 2), dtype=np.int64), trial.block.query.keys
    own = [spans.get(keys[one.row], none).reshape(-1, 2) for one in sought]
    of = np.repeat(np.arange(len(own)), [len(one) for one in own])
    start, end = np.concatenate([none, *own]).T
    no = np.zeros(len(of), dtype=bool)
    found: list[bool] = are_met(sought, TriedEvents(of, start, end, no, no), trial.block.query.resolution).tolist()
    return found


def _there(sought: Sequence[Try], raised: TriedEvents, trial: Trial) -> list[list[There]]:
    """What is raised near each label, as values."""
    query = trial.block.query
    found: list[list[There]] = [[] for _ in sought]
    for of, start, end, suspect, falls in zip(*(column.tolist() for column in raised), strict=True):
        name = event_id(query.keys[sought[of].row], query.metric.name, "below" if falls else "above", start)
        found[of].append(There(name, "suspect" if suspect else COUNTED, start, end))
    return found


def _cases(
    sought: Sequence[Try],
    found: Sequence[bool],
    there: Sequence[Sequence[There | Event]],
    gaps: Sequence[NotJudged],
    trial: Trial,
) -> list[LookedFor]:
    """All that is known of labels before anything is tried."""
    near: dict[int, Near | None] = {}
    for direction in ("above", "below"):
        some = [place for place, one in enumerate(sought) if one.label.direction == direction]
        near |= dict(zip(some, nearest([sought[place][:2] for place in some], trial), strict=True))
    blind, keys = _by_key(gaps), trial.block.query.keys
    return [
        LookedFor(one, near[place], found[place], there[place], blind[keys[one.row]])
        for place, one in enumerate(sought)
    ]


def _cases_aside(sought: Sequence[Try], trial: Trial) -> list[LookedFor]:
    """The same of labels in whose direction the policy does not look, by one that does."""
    block = trial.block
    gaps = list(not_judged(block.judged[0], block.query.keys, block.alive, block.policy))
    raised = raised_there(sought, trial)
    found = are_met(sought, raised, block.query.resolution).tolist()
    cases = _cases(sought, found, _there(sought, raised, trial), gaps, trial)
    return [replace(case, aside=not_looked_for(case.sought.label)) for case in cases]


def _by_key(rows: Iterable[_Row]) -> Mapping[str, list[_Row]]:
    found: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        found[row.key].append(row)
    return found


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
