"""What is unusual for a key in one hour, below the policy's limit, and how that limit was computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from analyzer.explaining.steps import Case
from analyzer.explaining.values import LevelStep, UnusualSteps
from analyzer.judging.judged import Judged
from analyzer.kernels.level import BLOCK
from analyzer.kernels.unusual import (
    DAY_BLOCKS,
    DAY_HOURS,
    NEAR,
    Unusual,
    learned_medians,
    settings_of_medians,
    unusual_of,
)
from traffic.model import HOUR, Floats


def unusual_steps(case: Case, judged: Judged, values: Sequence[float]) -> UnusualSteps:
    """The steps of the hour of `case`.

    Args:
        judged: the judgement of what is unusual.
        values: the buckets that are shown.
    """
    hours, stated = case.rollup.hours, case.all_of_them
    found = unusual_of(hours, stated, case.weeks, HOUR // case.resolution, case.settings)
    medians = replace(
        case,
        settings=settings_of_medians(case.settings),
        learn=learned_medians(hours, stated),
        factor=stated.factor,
    )
    filled = found.medians.filled[0, case.hour]
    return UnusualSteps(
        weeks=tuple(medians.same_slot()),
        days=tuple(medians.same_time()) if filled else (),
        rules=tuple(step for step in medians.rules() if step.on),
        hours=tuple(_hours(case, found)),
        figures=dict(_figures(case, found)),
        ways=tuple(case.ways(judged, values)),
    )


def _hours(case: Case, found: Unusual) -> Iterator[LevelStep]:
    """The hours that determine the level of the day, and from which a value must stand out."""
    block = case.hour // BLOCK
    first, last = BLOCK * (block - DAY_BLOCKS // 2), BLOCK * (block + DAY_BLOCKS // 2 + 1)
    if case.live:
        first, last = case.hour - DAY_HOURS, case.hour
    grid = case.rollup.grid
    for place in range(max(0, first), min(grid.count, last)):
        level, base = float(case.rollup.hours.p50[0, place]), float(found.base[0, place])
        yield LevelStep(grid.start + place * HOUR, level, base, place if case.live else place // BLOCK)


def _figures(case: Case, found: Unusual) -> Iterator[tuple[str, float]]:
    def at(array: Floats, place: int = case.hour) -> float:
        return float(array[0, place] if array.shape[-1] > 1 else array[0, 0])

    for side, place in (("hour before", case.hour - 1), ("hour after", case.hour + 1)):
        if 0 <= place < case.rollup.grid.count:
            yield f"baseline of the {side}", at(found.medians.baseline, place)
    yield "level of the day, times", at(found.day)
    yield "expected", at(found.expected)
    yield "by chance", float(found.chance[-1] if found.chance.ndim == 1 else at(found.chance))
    yield "rare, times", at(found.times)
    yield "usual peaks or floor", at(found.peaks)
    for side, hourly in zip(("before", "after"), found.near, strict=False):
        yield f"median of {NEAR} hours {side}", at(hourly)
    yield "habit, times", at(found.habit)
    yield "limit", at(found.limit)
