"""The detector, its rules one by one, and other detectors, on suites of labelled series, in one run by one scorer.

    python -m bench.detection [FOLDER]

FOLDER holds the suites (default: ../shared/data/detection beside the checkout, or SL_DETECTION_DATA); they stay outside
of this repository. The tables go between their marks in docs/benchmarks.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from analyzer.model import EventClass, Policy
from bench.judged import Block, blocks_of
from bench.left_out import SUITES
from bench.peers import PEERS
from bench.scoring import Alarm, Counts, scored, total
from bench.suites import Suite, coarser, data_folder, load

JUDGED: tuple[EventClass, ...] = ("policy", "unusual", "new")
"""All but `suspect`."""
WIDTHS = (10, 20, 30, 60)
"""Minutes of a bucket, besides those that the series have."""
FEWEST = 5
"""Labels without which a case has no figure worth to be called the worst."""


@dataclass(frozen=True, eq=False)
class Row:
    """What a detector makes of the suites: by suite, then by series."""

    name: str
    counts: Mapping[str, Mapping[str, Counts]]


def variants() -> dict[str, tuple[Policy, tuple[EventClass, ...]]]:
    """What is compared -> its policy, and the classes of events that count."""
    plain = Policy()
    stated = replace(plain, rules=(), classes=("policy",))
    return {
        "**the default, all classes**": (plain, JUDGED),
        "`--classes policy`": (plain, ("policy",)),
        "`--baseline trailing`": (replace(plain, baseline="trailing"), JUDGED),
        "`--without all`: 3x the median p95 of the other weeks": (stated, JUDGED),
        "3x the p95 of the other weeks' p95s": (replace(stated, percentile=95.0), JUDGED),
    }


def ours(name: str, policy: Policy, classes: tuple[EventClass, ...], data: Sequence[tuple[Suite, list[Block]]]) -> Row:
    """What our detector makes of them."""
    found = {}
    for suite, blocks in data:
        alarms: dict[str, list[Alarm]] = {}
        for event in (event for block in blocks for event in block.events(policy)):
            if event.event_class in classes:
                alarms.setdefault(event.key, []).append(Alarm(event.start, event.end, event.severity))
        found[suite.name] = scored(suite, alarms)
    return Row(name, found)


def worst(row: Row, suite: Suite) -> str:
    """The case with the lowest F1, of those with a few labels."""
    cases: dict[str, list[Counts]] = {}
    for one in suite.series:
        cases.setdefault(one.case, []).append(row.counts[suite.name][one.name])
    found = {case: total(some) for case, some in cases.items()}
    low = min((c.f1, case) for case, c in found.items() if c.required >= FEWEST)
    return f"{low[0]:.2f} {low[1]}"


def table(rows: Sequence[Row], suites: Sequence[Suite]) -> list[str]:
    """A row per detector, a column per suite."""
    lines = ["| | " + " | ".join(suite.name for suite in suites) + " |", "| --- " * (len(suites) + 1) + "|"]
    for row in rows:
        cells = (str(total(list(row.counts[suite.name].values()))) for suite in suites)
        lines.append(f"| {row.name} | " + " | ".join(cells) + " |")
    return lines


def wide(suites: Sequence[Suite]) -> list[str]:
    """The detector on the same series in wider buckets: a row for each width."""
    stated = replace(Policy(), rules=(), classes=("policy",))
    rows = []
    for minutes in WIDTHS:
        some = [coarser(suite, 60 * minutes) for suite in suites]
        data = [(suite, blocks_of(suite)) for suite in some]
        rows.append(ours(f"{minutes} min", Policy(), JUDGED, data))
        rows.append(ours(f"{minutes} min, `--without all`", stated, ("policy",), data))
    return table(rows, suites)


def report() -> str:
    """The section of docs/benchmarks.md."""
    folder = data_folder()
    suites = [load(folder / name) for name in SUITES]
    data = [(suite, blocks_of(suite)) for suite in suites]
    rows = [ours(name, policy, classes, data) for name, (policy, classes) in variants().items()]
    peers = [
        Row(name, {suite.name: scored(suite, {one.name: say(one) for one in suite.series}) for suite in suites})
        for name, say in PEERS.items()
    ]
    rules = Policy().rules
    without = [
        ours(f"without `{rule}`", replace(Policy(), rules=tuple(r for r in rules if r != rule)), JUDGED, data)
        for rule in rules
    ]
    lines = [
        "The worst case of each suite, by F1 (cases of five labels or more):",
        "",
        "| | " + " | ".join(suite.name for suite in suites) + " |",
        "| --- " * (len(suites) + 1) + "|",
        *(f"| {row.name} | " + " | ".join(worst(row, suite) for suite in suites) + " |" for row in (*rows, *peers)),
        "",
        "All of each suite, F1 / false alarms a series-week / average precision:",
        "",
        *table([*rows, *peers], suites),
        "",
        "The default with a rule switched off:",
        "",
        *table([rows[0], *without], suites),
        "",
        "The same series averaged to wider buckets, on which nothing was chosen; labels that fill less than three",
        "quarters of a bucket need not be found:",
        "",
        *wide(suites),
        "",
        f"{sum(len(suite.series) for suite in suites)} series; labels that have to be found: "
        + ", ".join(f"{suite.name} {total(list(rows[0].counts[suite.name].values())).required}" for suite in suites)
        + ".",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, write."""
    from bench.__main__ import put

    text = report()
    print(text)
    put("detection", text)


if __name__ == "__main__":
    main()
