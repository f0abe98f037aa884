"""The run judged again on a grid of two settings, for the sliders of the page: what discover would find with each."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10

from analyzer.history import History
from analyzer.model import Event, Policy
from analyzer.report.page.sliders import JudgedAgain, Sliders
from analyzer.tuning.grid import candidates
from analyzer.tuning.tried import Tried, tried
from traffic.model import Label

PERCENTS = (50, 75, 100, 125, 150, 175, 200, 250, 300, 400, 500, 700, 1000)
FLOORS = 5
"""Maximum number, besides the present floor and none."""


def judge_again(history: History, present: Policy, events: Sequence[Event], labels: Sequence[Label] | None) -> Sliders:
    """What each percentage with each floor raises, and its score if there is a truth.

    Args:
        events: of the run; the floors lie between their lowest and highest peak.
    """
    percents = sorted({*map(float, PERCENTS), present.over_percent})
    floors = sorted({0.0, present.floor, *_floors(events)})
    grid = [f"over-percent={','.join(map(_exact, percents))}", f"floor={','.join(map(_exact, floors))}"]
    made = {(one.policy.over_percent, one.policy.floor): one for one in candidates(present, grid)}
    order = [made[percent, least] for percent in percents for least in floors]
    cells = [_cell(one, labels) for one in tried(history, order, labels)]
    return Sliders(
        percents=tuple(percents),
        floors=tuple(floors),
        present=(percents.index(present.over_percent), floors.index(present.floor)),
        keys=tuple(history.surveyed.spans),
        cells=tuple(cells),
    )


def _exact(value: float) -> str:
    return repr(value)


def _floors(events: Sequence[Event]) -> list[float]:
    """Powers of ten between the lowest and the highest peak of rises."""
    peaks = [event.peak for event in events if event.direction == "above" and event.peak > 0]
    if not peaks:
        return []
    powers = range(floor(log10(min(peaks))), floor(log10(max(peaks))) + 1)
    return [10.0**power for power in powers][-FLOORS:]


def _cell(one: Tried, labels: Sequence[Label] | None) -> JudgedAgain:
    alerts, found = one.raised.alerts(), one.score
    counts = found.total(found.hits), found.total(found.misses), found.total(found.false_alarms)
    verdict = None if labels is None else counts
    return JudgedAgain(key=alerts.key, start=alerts.start, end=alerts.end, verdict=verdict)
