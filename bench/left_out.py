"""Whether the detector's thresholds hold on what did not choose them: one background left out, or a whole suite.

    python -m bench.left_out [FOLDER]

FOLDER holds suites of labelled series (default: ../shared/data/detection beside the checkout, or SL_DETECTION_DATA).
Every threshold is tried lower and higher, every rule switched off, and many of these together at random. What is best
for all the other backgrounds (mean F1 of the suites, all classes but `suspect`) then judges the one that is left out.
The table goes between its marks in docs/detection.md.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import ModuleType

from analyzer.judging import classes
from analyzer.kernels import baseline, habit, learning, level, limits, unusual, usual
from analyzer.model import Policy
from bench.judged import Block, blocks_of
from bench.scoring import Alarm, Counts, scored, total
from bench.suites import Suite, data_folder, load

SUITES = ("synthetic", "real_injected", "injected2", "real_labelled", "operators", "hard")
SEED, TOGETHER, CHANGED = 1, 120, 0.2
"""How many settings at random, and the share of thresholds that such a one changes."""
FELT = 0.01

WEEK = 168.0


@dataclass(frozen=True)
class Threshold:
    """A figure that was chosen, where it stands, and what else it could be."""

    name: str
    module: ModuleType
    constant: str
    others: tuple[float, ...]

    @property
    def value(self) -> float:
        """What was chosen."""
        chosen: float = vars(self.module)[self.constant]
        return chosen


THRESHOLDS = (
    Threshold("`level`: another level, times", level, "CHANGE", (1.5, 3.0)),
    Threshold("`level`: moves in a week, times", level, "STEADY", (1.02, 1.1)),
    Threshold("`recurring`: weeks disagree, times", baseline, "DISAGREE", (2.0, 5.0)),
    Threshold("`idle`: share of the weekly p95", usual, "IDLE_SHARE", (0.05, 0.2)),
    Threshold("`edges`: share of the hour beside", usual, "EDGE_SHARE", (0.33, 0.67)),
    Threshold("`artefacts`: times the p95", learning, "ARTEFACT", (10.0, 40.0)),
    Threshold("`held`: a bursty key, times", limits, "BURSTY", (10.0, 40.0)),
    Threshold("`habit`: times what is reached", habit, "FACTOR", (1.1, 1.5)),
    Threshold("`habit`: reached on, % of days", habit, "REACHED", (70.0, 90.0)),
    Threshold("`unusual`: least multiple", unusual, "LEAST", (1.15, 1.4)),
    Threshold("`unusual`: quiet up to, times", unusual, "QUIET", (1.6, 2.5)),
    Threshold("`unusual`: once in, hours", unusual, "EVERY", (1.5 * WEEK, 6 * WEEK)),
    Threshold("`unusual`: where the tail begins, %", unusual, "BODY", (40.0, 70.0)),
    Threshold("`unusual`: only counted from, %", unusual, "CENSORED", (85.0, 95.0)),
    Threshold("`unusual`: peaks of its own, times", unusual, "PEAKS", (1.25, 2.0)),
    Threshold("`unusual`: share of the hour beside", unusual, "BESIDE", (0.7, 0.9)),
    Threshold("`suspect`: times the usual", classes, "MANY_TIMES", (10.0, 40.0)),
)
RARE_WEEKS = (1.0, 4.0)

Setting = Mapping[Threshold, float]


@dataclass(frozen=True)
class Trial:
    """What is tried: thresholds that differ from those chosen, and a policy."""

    name: str
    changed: Setting
    policy: Policy


@dataclass(frozen=True, eq=False)
class Measured:
    """A suite under one trial: what became of each background, and of all of it."""

    backgrounds: dict[str, Counts]


def trials() -> list[Trial]:
    """The default first, then each threshold and rule alone, then many at random."""
    plain = Policy()
    found = [Trial("the default", {}, plain)]
    for one in THRESHOLDS:
        found += [Trial(f"{one.name}: {value:g}", {one: value}, plain) for value in one.others]
    found += [Trial(f"rare_weeks: {weeks:g}", {}, replace(plain, rare_weeks=weeks)) for weeks in RARE_WEEKS]
    for rule in plain.rules:
        found.append(Trial(f"without `{rule}`", {}, replace(plain, rules=tuple(r for r in plain.rules if r != rule))))
    draw = random.Random(SEED)
    for number in range(TOGETHER):
        changed = {one: draw.choice(one.others) for one in THRESHOLDS if draw.random() < CHANGED}
        weeks = draw.choice(RARE_WEEKS) if draw.random() < CHANGED else plain.rare_weeks
        found.append(Trial(f"together {number}", changed, replace(plain, rare_weeks=weeks)))
    return found


@contextmanager
def in_force(setting: Setting) -> Iterator[None]:
    """Thresholds as a setting has them, for as long as it lasts."""
    before = {one: one.value for one in setting}
    try:
        for one, value in setting.items():
            setattr(one.module, one.constant, value)
        yield
    finally:
        for one, value in before.items():
            setattr(one.module, one.constant, value)


def measure(suite: Suite, blocks: Sequence[Block], trial: Trial) -> dict[str, Counts]:
    """What a trial makes of each background of a suite."""
    alarms: dict[str, list[Alarm]] = {}
    with in_force(trial.changed):
        for block in blocks:
            for event in block.events(trial.policy):
                if event.event_class != "suspect":
                    alarms.setdefault(event.key, []).append(Alarm(event.start, event.end, event.severity))
    counts = scored(suite, alarms)
    backgrounds: dict[str, list[Counts]] = {}
    for one in suite.series:
        backgrounds.setdefault(one.background, []).append(counts[one.name])
    return {name: total(some) for name, some in backgrounds.items()}


Table = Sequence[Mapping[str, Mapping[str, Counts]]]
"""Of each trial, by suite and background."""


def best(table: Table, counts: Callable[[str, str], bool]) -> int:
    """The trial with the highest mean F1 of the suites, over the backgrounds that count; the first of equals."""

    def mean(row: Mapping[str, Mapping[str, Counts]]) -> float:
        kept = [[one for name, one in some.items() if counts(suite, name)] for suite, some in row.items()]
        figures = [total(some).f1 for some in kept if some]
        return sum(figures) / len(figures)

    means = [round(mean(row), 9) for row in table]
    return means.index(max(means))


def without_background(table: Table, suite: str) -> Counts:
    """A suite, each of its backgrounds judged by what is best for all the others."""
    found = []
    for left in table[0][suite]:
        chosen = best(table, lambda other, name, left=left: (other, name) != (suite, left))  # type: ignore[misc]
        found.append(table[chosen][suite][left])
    return total(found)


def report() -> str:
    """The section of docs/detection.md."""
    folder = data_folder()
    suites = {name: load(folder / name) for name in SUITES}
    blocks = {name: blocks_of(suite) for name, suite in suites.items()}
    tried = trials()
    table = [{name: measure(suites[name], blocks[name], trial) for name in SUITES} for trial in tried]
    whole = [{name: total(list(row[name].values())) for name in SUITES} for row in table]
    chosen = best(table, lambda _suite, _name: True)
    rows = {
        "the default": whole[0],
        "the best of all": whole[chosen],
        "its background left out": {name: without_background(table, name) for name in SUITES},
        "its suite left out": {name: whole[best(table, lambda suite, _, n=name: suite != n)][name] for name in SUITES},  # type: ignore[misc]
    }
    lines = [
        f"{len(tried)} settings: each of {len(THRESHOLDS) + 1} thresholds lower and higher, each rule switched off,",
        f"and {TOGETHER} times a fifth of the thresholds changed together, at random.",
        "F1 / false alarms a series-week / AP:",
        "",
        "| chosen by | " + " | ".join(SUITES) + " |",
        "| --- " * (len(SUITES) + 1) + "|",
        *(f"| {name} | " + " | ".join(str(row[suite]) for suite in SUITES) + " |" for name, row in rows.items()),
        "",
        f"The best of all: {_said(tried[chosen])}.",
        "",
        f"What F1 changes by where one threshold is another; the rest change none by {FELT:g} or more:",
        "",
        "| | " + " | ".join(SUITES) + " | mean |",
        "| --- " + "| ---: " * (len(SUITES) + 1) + "|",
    ]
    for trial, row in zip(tried[1:-TOGETHER], whole[1:-TOGETHER], strict=True):
        changes = [row[name].f1 - whole[0][name].f1 for name in SUITES]
        if trial.policy.rules != Policy().rules or max(map(abs, changes)) < FELT:
            continue
        cells = [f"{change:+.3f}" if abs(change) >= 0.0005 else "" for change in (*changes, sum(changes) / len(SUITES))]
        lines.append(f"| {trial.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _said(trial: Trial) -> str:
    changed = [f"{one.name} {value:g}" for one, value in trial.changed.items()]
    if trial.policy.rare_weeks != Policy().rare_weeks:
        changed.append(f"rare_weeks {trial.policy.rare_weeks:g}")
    return ", ".join(changed) or trial.name


def main() -> None:
    """Measure, print, write."""
    from bench.__main__ import put

    text = report()
    print(text)
    put("left_out", text)


if __name__ == "__main__":
    main()
