"""How near each label came to being an event, and what would have to differ: judged again with one setting changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analyzer.judging.blocks import JudgedBlock, judged_blocks, rows_of
from analyzer.judging.breaches import Piece, above, breaches_of, raised
from analyzer.judging.events import events_of, figures
from analyzer.judging.judged import Learning
from analyzer.judging.wanted import looked_for
from analyzer.kernels.breach import held
from analyzer.model import Event, NotJudged, Policy, Reach
from analyzer.verdict import COUNTED, LONGEST_EXTRA, blind, meet, targets
from traffic.model import DAY, HOUR, Floats, Grid, Label, Matrix, Rollup, Window
from traffic.text import length, si


@dataclass(frozen=True, eq=False)
class Known:
    """What keys of a block are judged by again: their spans, what is looked at, and what was learned of them."""

    spans: Mapping[str, Window]
    looked: Window
    end: int | None
    learned: Learning


@dataclass(frozen=True, eq=False)
class Trial:
    """A key, to be judged again with another policy."""

    rollup: Rollup
    """Of this key alone, as are the buckets."""
    block: JudgedBlock
    pieces: Sequence[Piece]
    known: Known
    present: Sequence[Event]
    """What its own policy found."""

    def events(self, policy: Policy) -> list[Event]:
        """What the stated policy raises then."""
        if policy == self.block.policy:
            return [event for event in self.present if event.event_class in ("policy", "suspect")]
        plain = replace(policy, classes=("policy", "suspect"))
        query, known = self.block.query, self.known
        found: list[Event] = []
        for block in judged_blocks(
            self.rollup,
            query.metric,
            known.spans,
            known.looked,
            query.resolution,
            plain,
            end=known.end,
            learned={self.rollup.keys: known.learned},
        ):
            for judged in block.judged:
                candidates = above(self.pieces, judged, query.resolution, judged.threshold)
                breaches = breaches_of(candidates, judged)
                said = figures(raised(breaches, policy, query.resolution), breaches, block.query, judged)
                found += events_of(said, block.query, judged)
        return found


def reaches(
    block: JudgedBlock,
    pieces: Sequence[Piece],
    labels: Mapping[str, Sequence[Label]],
    gaps: Sequence[NotJudged],
    known: Known,
    present: Sequence[Event],
) -> Iterator[tuple[str, Reach]]:
    """How near each label of a block's keys came: its id, and that.

    Args:
        pieces: the buckets of the days of the labels at least.
        gaps: what was not judged of the block.
        present: what was found in it.
    """
    rollup = block.judged[0].rollup
    for row, key in enumerate(block.query.keys):
        own = [label for label in labels.get(key, ()) if label.window.overlap(known.looked)]
        if not own:
            continue
        rows = [(rows.index(row), matrix) for rows, matrix in pieces if row in rows]
        blind_there = [gap for gap in gaps if gap.key == key]
        one = rows_of(rollup, (key,), [row])
        there = [event for event in present if event.key == key]
        of_key = replace(known, learned=known.learned.rows([row]))
        for label in own:
            days = Window(label.start - DAY, label.end + DAY).widen(DAY)
            near: list[Piece] = [
                ([0], Matrix((key,), matrix.grid, matrix.values[index][None]))
                for index, matrix in rows
                if matrix.grid.window.overlap(days)
            ]
            yield label.id, reach_of(label, Trial(one, block, near, of_key, there), own, blind_there)


def reach_of(label: Label, trial: Trial, truth: Sequence[Label], gaps: Sequence[NotJudged]) -> Reach:
    """How near a label came, by the policy of its key.

    Args:
        truth: all labels of the key: an event meets one of them.
        gaps: stretches of the key that were not judged.
    """
    policy, resolution = trial.block.policy, trial.block.query.resolution
    if 2 * blind(label, gaps) >= label.window.seconds:
        most = max(gaps, key=lambda gap: label.window.overlap(Window(gap.start, gap.end)))
        return Reach(None, None, None, f"not judged: {most.reason}")
    if not looked_for(label, policy):
        other = "falls" if label.direction == "below" else "rises"
        return Reach(None, None, None, f"it {other}, and that is not looked for: --direction both")
    near = _nearest(label, trial)
    if near is None:
        policy = trial.block.policy
        several = f"fewer than {policy.needed(resolution)} buckets inside {length(policy.within)}"
        return Reach(None, None, None, f"its time holds {several} that could be judged")

    def found(other: Policy) -> bool:
        told = [event for event in trial.events(other) if event.event_class == COUNTED]
        return label.id in meet(told, targets([*truth, replace(label, kind="required")]), resolution)

    truth = [other for other in truth if other.id != label.id]
    if label.direction == "below":
        return _fallen(near, policy, found)
    at = None
    if label.kind == "required":
        # What must not be found, or need not be, is not looked for any further: each look costs a judgement.
        at = highest_percent(100 * (near.ratio - 1), lambda percent: found(replace(policy, over_percent=percent)))
    said = f"{near.ratio:.3g}x reached, {near.asked:.3g}x asked"
    if found(policy):
        return Reach(near.ratio, near.asked, at, said)
    # What stands in the way although the threshold was passed comes before the threshold.
    why = _in_the_way(label, trial)
    # A higher percentage may find it too: less is then ordinary for the key. A rule is what stood in the way.
    if not why and at is not None and at < policy.over_percent:
        why = f"{said}: --over-percent {at:g} finds it"
    if not why:
        why = _what_else(said, near, trial, found) if label.kind == "required" else said
    return Reach(near.ratio, near.asked, at, why)


def highest_percent(reached: float, finds: Callable[[float], bool]) -> float | None:
    """The highest whole percentage at which a label is found, looked for from what it reached downwards; None: at none.

    Args:
        reached: percent over the baseline; a threshold there is not passed.
    """
    if not math.isfinite(reached) or reached <= 0:
        return None
    most = math.ceil(reached) - 1
    failed = most + 1
    for share in (1.0, 0.75, 0.5, 0.25, 0.0):
        low = math.floor(most * share)
        if low < failed and finds(low):
            while failed - low > 1:
                middle = (low + failed) // 2
                low, failed = (middle, failed) if finds(middle) else (low, middle)
            return float(low)
        failed = min(failed, low)
    return None


@dataclass(frozen=True)
class _Near:
    """Where a label came nearest to its limit: times the baseline, what was asked there, and the value."""

    ratio: float
    asked: float
    value: float
    limit: float


def _nearest(label: Label, trial: Trial) -> _Near | None:
    """The most that as many buckets as the policy asks for reached, inside its time; of a fall the least."""
    block = trial.block
    resolution, policy = block.query.resolution, block.policy
    sign = -1 if label.direction == "below" else 1
    row = block.query.keys.index(label.key)
    judged = next((one for one in block.judged if one.sign == sign), None)
    if judged is None:
        return None
    view = label.window.widen(resolution).clip(trial.known.looked)
    grid = Grid.over(view, resolution)
    values = np.full(grid.count, np.nan)
    for _, matrix in trial.pieces:
        both = view.clip(matrix.grid.window)
        values[grid.slice(both)] = matrix.values[0, matrix.grid.slice(both)]
    hours = np.clip((grid.times() - judged.rollup.grid.start) // HOUR, 0, judged.rollup.grid.count - 1)
    base, limit = (sign * array[row, hours] for array in (judged.baseline, judged.limits[0]))
    usable = ~np.isnan(judged.threshold[row, hours]) & (base > 0)
    ratio: Floats = np.where(usable, values / np.where(base > 0, base, np.nan), np.nan) * sign
    place = held(ratio, policy.needed(resolution), -(-policy.within // resolution))
    if place is None:
        return None
    figures_there = (sign * ratio[place], limit[place] / base[place], values[place], limit[place])
    return _Near(*map(float, figures_there))


def _fallen(near: _Near, policy: Policy, found: Callable[[Policy], bool]) -> Reach:
    said = f"fell to {near.ratio:.3g} of its usual low, below {near.asked:.3g} is asked"
    if found(policy):
        return Reach(near.ratio, near.asked, None, said)
    under = math.ceil(100 * (1 - near.ratio)) - 1
    if 0 < under <= 100 and found(replace(policy, under_percent=float(under))):
        said += f": --under-percent {under} finds it"
    return Reach(near.ratio, near.asked, None, said)


def _in_the_way(label: Label, trial: Trial) -> str:
    """Why an event that is there does not meet the label; "" where none is."""
    there = [event for event in trial.events(trial.block.policy) if event.window.overlap(label.window)]
    for event in there:
        if event.event_class != COUNTED:
            why = ": it looks like an artefact of measuring" if event.event_class == "suspect" else ""
            return f"{event.id} is there, of the class {event.event_class}{why}"
        longer = event.window.seconds - label.window.seconds
        if longer > LONGEST_EXTRA:
            return f"{event.id} is there and {length(longer)} longer than the label: at most {length(LONGEST_EXTRA)}"
    return f"{there[0].id} is there, and meets another label" if there else ""


def _what_else(said: str, near: _Near, trial: Trial, found: Callable[[Policy], bool]) -> str:
    """Which one setting but the percentage finds it."""
    policy, unit = trial.block.policy, trial.block.query.metric.unit
    if policy.floor > 0 and near.value <= policy.floor:
        floor = float(f"{0.95 * near.value:.2g}")
        if floor >= 0 and found(replace(policy, floor=floor)):
            return f"{si(near.value, unit)} reached, the floor is {si(policy.floor, unit)}: --floor {floor:g} finds it"
    above = near.value - near.value / near.ratio if near.ratio > 0 else 0.0
    if 0 < above <= policy.over_units:
        units = float(f"{0.95 * above:.2g}")
        if found(replace(policy, over_units=units)):
            asked = si(policy.over_units, unit)
            return f"{si(above, unit)} over the baseline reached, {asked} asked: --over-units {units:g} finds it"
    for rule in reversed(policy.rules):
        if found(replace(policy, rules=tuple(name for name in policy.rules if name != rule))):
            return f"{said} by the rule {rule}: --without {rule} finds it"
    if policy.needed(trial.block.query.resolution) > 1 and found(replace(policy, matches=1)):
        return f"{said} of {policy.matches} buckets inside {length(policy.within)}: --matches 1 finds it"
    if found(replace(policy, rules=())):
        return f"{said}: only --without all finds it"
    return f"{said}: no one setting finds it"
