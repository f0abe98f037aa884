"""How near a label came to being an event, and what would have to differ: what is tried of it, one after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from analyzer.judging.nearest import Near
from analyzer.judging.tries import OtherSetting, Try
from analyzer.model import Event, EventClass, NotJudged, Policy
from analyzer.outcome import Reach
from analyzer.verdict import COUNTED, LONGEST_EXTRA, blind
from traffic.model import Label, Query
from traffic.text import length, si

Result = TypeVar("Result")
Search = Generator[OtherSetting, bool, Result]
"""Yields what is to be tried, is sent whether that finds the label, and ends with a result."""


class There(NamedTuple):
    """What has to be known of an event that is there."""

    id: str
    event_class: EventClass
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class LookedFor:
    """A label that is looked for, and what is known of it before anything is tried."""

    sought: Try
    near: Near | None
    found: bool
    """Whether the policy of its key finds it."""
    there: Sequence[There | Event]
    """What this policy raises for the key."""
    gaps: Sequence[NotJudged]
    """Stretches of the key that were not judged."""
    aside: str = ""
    """Of a label in whose direction the policy does not look: that. It is looked for by one that does."""
    met: bool = False
    """Whether an event in the other direction matches it then."""


@dataclass(frozen=True)
class _Direction:
    """What a label's direction is asked by, and its words."""

    setting: str
    option: str
    least: int
    """No percentage is tried below this."""
    percent: Callable[[Near], float]
    """That it came to, of the baseline."""
    said: Callable[[Near], str]
    not_looked_for: str


_RISES = _Direction(
    "over_percent",
    "--over-percent",
    0,
    lambda near: 100 * (near.ratio - 1),
    lambda near: f"{near.ratio:.3g}x reached, {near.asked:.3g}x required",
    "it rises, and rises are not looked for",
)
_FALLS = _Direction(
    "under_percent",
    "--under-percent",
    1,
    lambda near: 100 * (1 - near.ratio),
    lambda near: f"fell to {near.ratio:.3g} of its usual low, below {near.asked:.3g} is required",
    "it falls, and falls are not looked for",
)


def reach_of(case: LookedFor, policy: Policy, query: Query) -> Search[Reach]:
    """How near a label came.

    Args:
        policy: looks in its direction.
        query: of the block of its key.
    """
    label, near = case.sought.label, case.near
    asked = _direction(label)
    before = ""
    if case.aside:
        also = ", although an event in the other direction matches it" if case.met else ""
        before = f"{case.aside}{also}; "
    # Most labels have no gap near them.
    gaps = [gap for gap in case.gaps if gap.start < label.end and gap.end > label.start]
    if gaps and 2 * blind(label, gaps) >= label.end - label.start:
        most = max(gaps, key=lambda gap: min(gap.end, label.end) - max(gap.start, label.start))
        return _reach(near, None, f"{before}not judged: {most.reason}{_new(case)}")
    if near is None:
        return _reach(near, None, f"{before}its time contains no bucket that could be judged")
    if not near.judged:
        idle = "its usual low is idle, below the floor, or a small count" if label.direction == "below" else "no limit"
        return _reach(near, None, f"{before}{asked.said(near)}; not judged: {idle}")
    at = yield from highest_percent(
        asked.setting, asked.percent(near), lower=label.kind == "required", least=asked.least
    )
    why = yield from _why(case, near, at, policy, query)
    if case.aside and case.found and not case.met:
        why = f"{why}: --direction both finds it"
    return _reach(near, at, f"{before}{why}")


def not_looked_for(label: Label) -> str:
    """What is said of a label in whose direction a policy does not look."""
    return _direction(label).not_looked_for


def highest_percent(setting: str, reached: float, *, lower: bool = True, least: int = 0) -> Search[float | None]:
    """The highest whole percentage at which a label is found, looked for from what it reached downwards; None: at none.

    Args:
        reached: percent over the baseline, or of a fall under it; a threshold there is not passed.
        lower: whether any other is tried than the highest that was passed.
    """
    if not math.isfinite(reached) or reached <= 0:
        return None
    most = math.ceil(reached) - 1
    failed = most + 1
    for share in (1.0, 0.75, 0.5, 0.25, 0.0) if lower else (1.0,):
        low = math.floor(most * share)
        if least <= low < failed and (yield OtherSetting(setting, float(low))):
            while failed - low > 1:
                middle = (low + failed) // 2
                low, failed = (middle, failed) if (yield OtherSetting(setting, float(middle))) else (low, middle)
            return float(low)
        failed = min(failed, low)
    return None


def counted(events: Iterable[Event]) -> list[Event]:
    """Those of the class that a verdict counts."""
    return [event for event in events if event.event_class == COUNTED]


def _direction(label: Label) -> _Direction:
    return _FALLS if label.direction == "below" else _RISES


def _new(case: LookedFor) -> str:
    """What is to be said where the time of a label is judged as that of a new key."""
    label = case.sought.label
    new = any(one.event_class == "new" and one.start < label.end and one.end > label.start for one in case.there)
    return "; as the key is new, there is an event of the class new" if new else ""


def _reach(near: Near | None, at: float | None, why: str) -> Reach:
    return Reach(None, None, at, why) if near is None else Reach(near.ratio, near.asked, at, why)


def _why(case: LookedFor, near: Near, at: float | None, policy: Policy, query: Query) -> Search[str]:
    """What is to be said of a label that is found at a percentage, or at none."""
    label, needed = case.sought.label, policy.needed(query.resolution)
    asked = _direction(label)
    said = asked.said(near)
    if near.buckets < needed:
        said += f", by {near.buckets} of the {needed} required buckets"
    if case.found:
        return said
    # What stands in the way although the threshold was passed comes before the threshold.
    if why := _in_the_way(case):
        return why
    # A higher percentage may find it too: less is then ordinary for the key. A rule is what stood in the way.
    if at is not None and at < getattr(policy, asked.setting):
        return f"{said}: {asked.option} {at:g} finds it"
    if label.kind != "required":
        return said
    return (yield from _what_else(said, near, policy, query))


def _in_the_way(case: LookedFor) -> str:
    """Why an event that is there does not meet the label; "" where none is."""
    label, first = case.sought.label, ""
    for event in case.there:
        if event.start >= label.end or event.end <= label.start or event.event_class not in (COUNTED, "suspect"):
            continue
        if event.event_class != COUNTED:
            return f"{event.id} is there, but in class {event.event_class}: it looks like a measurement artefact"
        longer = event.end - event.start - (label.end - label.start)
        if longer > LONGEST_EXTRA:
            return (
                f"{event.id} is there and {length(longer)} longer than the label; the limit is {length(LONGEST_EXTRA)}"
            )
        first = first or f"{event.id} is there, but matches another label"
    return first


def _what_else(said: str, near: Near, policy: Policy, query: Query) -> Search[str]:
    """Which one setting but the percentage finds it."""
    unit = query.metric.unit
    if near.ratio > 1 and policy.floor > 0 and near.value <= policy.floor:
        floor = float(f"{0.95 * near.value:.2g}")
        if floor >= 0 and (yield OtherSetting("floor", floor)):
            return f"{si(near.value, unit)} reached, the floor is {si(policy.floor, unit)}: --floor {floor:g} finds it"
    above = near.value - near.value / near.ratio if near.ratio > 0 else 0.0
    if 0 < above <= policy.over_units:
        units = float(f"{0.95 * above:.2g}")
        if (yield OtherSetting("over_units", units)):
            required = si(policy.over_units, unit)
            return f"{si(above, unit)} over the baseline reached, {required} required: --over-units {units:g} finds it"
    for rule in reversed(policy.rules):
        if (yield OtherSetting("rules", tuple(name for name in policy.rules if name != rule))):
            return f"{said} by the rule {rule}: --without {rule} finds it"
    if policy.needed(query.resolution) > 1 and (yield OtherSetting("matches", 1)):
        return f"{said} of {policy.matches} buckets inside {length(policy.within)}: --matches 1 finds it"
    if (yield OtherSetting("rules", ())):
        return f"{said}: only --without all finds it"
    return f"{said}: no single setting finds it"
