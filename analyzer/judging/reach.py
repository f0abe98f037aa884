"""How near each label came to being an event, and what would have to differ: judged again with one setting changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from analyzer.judging.blocks import JudgedBlock, judged_blocks
from analyzer.judging.breaches import Piece, above, breaches_of, raised
from analyzer.judging.events import events_of, figures
from analyzer.judging.judged import Learning, not_judged, row_of
from analyzer.judging.nearest import Near, Sought, nearest
from analyzer.judging.wanted import looked_for
from analyzer.model import Event, NotJudged, Policy
from analyzer.outcome import Reach
from analyzer.verdict import COUNTED, LONGEST_EXTRA, blind, meet, targets
from traffic.model import Label, Rollup, Window
from traffic.text import length, si


@dataclass(frozen=True, eq=False)
class Known:
    """What keys of a block are judged by again: their spans, what is looked at, and what was learned of them."""

    spans: Mapping[str, Window]
    looked: Window
    end: int | None
    learned: Learning
    both: JudgedBlock | None = None
    """The block as a policy that looks in both directions judges it, where its own does not."""


@dataclass(frozen=True, eq=False)
class Trial:
    """A key, or several, to be judged again with another policy."""

    rollup: Rollup
    """Of these alone, as are the buckets."""
    block: JudgedBlock
    """In which it is judged, with others or alone."""
    pieces: Sequence[Piece]
    known: Known
    present: Sequence[Event] | None
    """What the block's policy found; None where nobody looked yet."""

    @property
    def row(self) -> int:
        """Of the key, in the block."""
        return self.block.query.keys.index(self.rollup.keys[0])

    def judged(self, policy: Policy) -> JudgedBlock:
        """The keys alone, by the stated policy."""
        known = self.known
        (block,) = judged_blocks(
            self.rollup,
            self.block.query.metric,
            known.spans,
            known.looked,
            self.block.query.resolution,
            replace(policy, classes=("policy", "suspect")),
            end=known.end,
            learned={self.rollup.keys: known.learned},
        )
        return block

    def looking(self) -> Trial:
        """The same key by a policy that looks in both directions."""
        policy, whole = in_both(self.block.policy), self.known.both
        if whole is None:
            block = self.judged(policy)
        else:
            own = tuple(row_of(judged, self.row) for judged in whole.judged)
            block = replace(whole, query=replace(whole.query, keys=self.rollup.keys), judged=own)
        return replace(self, block=replace(block, policy=policy), present=None)

    def events(self, policy: Policy) -> list[Event]:
        """What the stated policy raises then."""
        if policy == self.block.policy and self.present is not None:
            return [event for event in self.present if event.event_class in ("policy", "suspect")]
        alone = policy == self.block.policy and self.block.query.keys == self.rollup.keys
        block, resolution = self.block if alone else self.judged(policy), self.block.query.resolution
        found: list[Event] = []
        for judged in block.judged:
            breaches = breaches_of(above(self.pieces, judged, resolution, judged.threshold), judged)
            said = figures(raised(breaches, policy, resolution), breaches, block.query, judged)
            found += events_of(said, block.query, judged)
        return found


@dataclass(frozen=True)
class First:
    """What was tried of a label together with others."""

    near: Near
    percent: float
    """The highest whole one that it passed."""
    found: bool
    """Whether it is found at that."""


@dataclass(frozen=True)
class _Direction:
    """What a label's direction is asked by, and its words."""

    stated: Callable[[Policy], float]
    """The percentage that a policy states."""
    with_percent: Callable[[Policy, float], Policy]
    option: str
    percent: Callable[[Near], float]
    """That it came to, of the baseline."""
    said: Callable[[Near], str]
    not_looked_for: str


RISES = _Direction(
    lambda policy: policy.over_percent,
    lambda policy, percent: replace(policy, over_percent=percent),
    "--over-percent",
    lambda near: 100 * (near.ratio - 1),
    lambda near: f"{near.ratio:.3g}x reached, {near.asked:.3g}x required",
    "it rises, and rises are not looked for",
)
_FALLS = _Direction(
    lambda policy: policy.under_percent,
    lambda policy, percent: replace(policy, under_percent=percent),
    "--under-percent",
    lambda near: 100 * (1 - near.ratio),
    lambda near: f"fell to {near.ratio:.3g} of its usual low, below {near.asked:.3g} is required",
    "it falls, and falls are not looked for",
)


def reach_of(
    label: Label, trial: Trial, truth: Sequence[Label], gaps: Sequence[NotJudged], first: First | None = None
) -> Reach:
    """How near a label came, by the policy of its key; in a direction that this does not look in, by one that does.

    Args:
        truth: all labels of the key: an event meets one of them.
        gaps: stretches of the key that were not judged.
        first: what was tried of it before.
    """
    asked, aside, met = _FALLS if label.direction == "below" else RISES, "", False
    if not looked_for(label, trial.block.policy):
        resolution, own = trial.block.query.resolution, _as_required(label, trial)
        met = bool(meet(counted(trial.events(trial.block.policy)), targets([own]), resolution))
        aside = asked.not_looked_for + (", although an event in the other direction matches it" if met else "")
        trial = trial.looking()
        gaps = list(not_judged(trial.block.judged[0], trial.block.query.keys, trial.block.alive, trial.block.policy))
    near = first.near if first else _near(label, trial)
    before = f"{aside}; " if aside else ""
    if 2 * blind(label, gaps) >= label.window.seconds:
        most = max(gaps, key=lambda gap: label.window.overlap(Window(gap.start, gap.end)))
        return _reach(near, None, f"{before}not judged: {most.reason}{_new(label, trial)}")
    if near is None:
        return _reach(near, None, f"{before}its time contains no bucket that could be judged")
    if not near.judged:
        idle = "its usual low is idle, below the floor, or a small count" if label.direction == "below" else "no limit"
        return _reach(near, None, f"{before}{asked.said(near)}; not judged: {idle}")
    found, at, why = _tried(label, near, trial, truth, asked, first)
    if aside and found and not met:
        why = f"{why}: --direction both finds it"
    return _reach(near, at, f"{before}{why}")


def in_both(policy: Policy) -> Policy:
    """The same, that looks in both directions."""
    return replace(policy, direction="both")


def _near(label: Label, trial: Trial) -> Near | None:
    (near,) = nearest([Sought(label, trial.row, trial.pieces)], trial.block, trial.known.looked)
    return near


def _new(label: Label, trial: Trial) -> str:
    """What is to be said where the time of a label is judged as that of a new key."""
    there = any(one.event_class == "new" and one.window.overlap(label.window) for one in trial.present or ())
    return "; as the key is new, there is an event of the class new" if there else ""


def _reach(near: Near | None, at: float | None, why: str) -> Reach:
    return Reach(None, None, at, why) if near is None else Reach(near.ratio, near.asked, at, why)


def _tried(
    label: Label, near: Near, trial: Trial, truth: Sequence[Label], asked: _Direction, first: First | None
) -> tuple[bool, float | None, str]:
    """Whether the trial's policy finds a label, the highest percentage that does, and what is to be said of it."""
    policy, resolution = trial.block.policy, trial.block.query.resolution
    others = [other for other in truth if other.id != label.id]
    own = _as_required(label, trial)

    def finds(other: Policy) -> bool:
        return label.id in meet(counted(trial.events(other)), targets([*others, own]), resolution)

    def finds_at(percent: float) -> bool:
        if first is not None and percent == first.percent:
            return first.found
        return (percent > 0 or asked is RISES) and finds(asked.with_percent(policy, percent))

    at = highest_percent(asked.percent(near), finds_at, lower=label.kind == "required")
    said = asked.said(near)
    if near.buckets < policy.needed(resolution):
        said += f", by {near.buckets} of the {policy.needed(resolution)} required buckets"
    if finds(policy):
        return True, at, said
    # What stands in the way although the threshold was passed comes before the threshold.
    why = _in_the_way(own, trial)
    # A higher percentage may find it too: less is then ordinary for the key. A rule is what stood in the way.
    if not why and at is not None and at < asked.stated(policy):
        why = f"{said}: {asked.option} {at:g} finds it"
    if not why:
        why = _what_else(said, near, trial, finds) if label.kind == "required" else said
    return False, at, why


def highest_percent(reached: float, finds: Callable[[float], bool], *, lower: bool = True) -> float | None:
    """The highest whole percentage at which a label is found, looked for from what it reached downwards; None: at none.

    Args:
        reached: percent over the baseline, or of a fall under it; a threshold there is not passed.
        lower: whether any other is tried than the highest that was passed.
    """
    most = first_tried(reached)
    if most is None:
        return None
    failed = most + 1
    for share in (1.0, 0.75, 0.5, 0.25, 0.0) if lower else (1.0,):
        low = math.floor(most * share)
        if low < failed and finds(low):
            while failed - low > 1:
                middle = (low + failed) // 2
                low, failed = (middle, failed) if finds(middle) else (low, middle)
            return float(low)
        failed = min(failed, low)
    return None


def first_tried(reached: float) -> int | None:
    """The highest whole percentage below what was reached; None where there is none."""
    return math.ceil(reached) - 1 if math.isfinite(reached) and reached > 0 else None


def counted(events: Iterable[Event]) -> list[Event]:
    """Those of the class that a verdict counts."""
    return [event for event in events if event.event_class == COUNTED]


def _as_required(label: Label, trial: Trial) -> Label:
    return replace(label, key=trial.rollup.keys[0], kind="required")


def _in_the_way(label: Label, trial: Trial) -> str:
    """Why an event that is there does not meet the label; "" where none is."""
    there = [event for event in trial.events(trial.block.policy) if event.window.overlap(label.window)]
    for event in there:
        if event.event_class != COUNTED:
            why = ": it looks like a measurement artefact" if event.event_class == "suspect" else ""
            return f"{event.id} is there, but in class {event.event_class}{why}"
        longer = event.window.seconds - label.window.seconds
        if longer > LONGEST_EXTRA:
            return (
                f"{event.id} is there and {length(longer)} longer than the label; the limit is {length(LONGEST_EXTRA)}"
            )
    return f"{there[0].id} is there, but matches another label" if there else ""


def _what_else(said: str, near: Near, trial: Trial, found: Callable[[Policy], bool]) -> str:
    """Which one setting but the percentage finds it."""
    policy, unit = trial.block.policy, trial.block.query.metric.unit
    if near.ratio > 1 and policy.floor > 0 and near.value <= policy.floor:
        floor = float(f"{0.95 * near.value:.2g}")
        if floor >= 0 and found(replace(policy, floor=floor)):
            return f"{si(near.value, unit)} reached, the floor is {si(policy.floor, unit)}: --floor {floor:g} finds it"
    above = near.value - near.value / near.ratio if near.ratio > 0 else 0.0
    if 0 < above <= policy.over_units:
        units = float(f"{0.95 * above:.2g}")
        if found(replace(policy, over_units=units)):
            asked = si(policy.over_units, unit)
            return f"{si(above, unit)} over the baseline reached, {asked} required: --over-units {units:g} finds it"
    for rule in reversed(policy.rules):
        if found(replace(policy, rules=tuple(name for name in policy.rules if name != rule))):
            return f"{said} by the rule {rule}: --without {rule} finds it"
    if policy.needed(trial.block.query.resolution) > 1 and found(replace(policy, matches=1)):
        return f"{said} of {policy.matches} buckets inside {length(policy.within)}: --matches 1 finds it"
    if found(replace(policy, rules=())):
        return f"{said}: only --without all finds it"
    return f"{said}: no single setting finds it"
