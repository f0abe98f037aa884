"""How near generated traffic is to real traffic: memory, days, tails, and whether a classifier can tell them apart.

    python -m bench.realism [FOLDER]

FOLDER holds suites of labelled series (default: ../shared/data/detection beside the checkout, or SL_DETECTION_DATA).
Real traffic are the backgrounds of the suites that have any, one series of each, in buckets of five minutes, without
what is labelled. Generated traffic is the default scenario, without its labels. The table goes between its marks in
docs/benchmarks.md; the series stay where they are.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.suites import data_folder, load
from generator.scenario import Scenario
from generator.world import MISSING, World
from traffic.model import DAY, HOUR, WEEK, Window

Floats = NDArray[np.float64]

STEP = 300
START = 1_788_739_200  # Monday, 2026-09-07T00:00:00Z
WEEKS = 9
REAL = ("real_injected", "operators")
"""Suites that hold real traffic. The backgrounds of injected2 are series of operators again."""
RESTLESS = "tweet_"
"""How the names begin of what is no traffic of a network."""
NO_VOLUME = "-resp"
"""How the cases end that are response times."""
NEAR, APART, RISE = 6 * HOUR // STEP, HOUR // 2 // STEP, 1.3
WINDOW = 2 * HOUR // STEP
WINDOWS = 150
"""Of each series."""
FOLDS = 5
LENGTHS = (1, 3, 12, 48, 288)
"""Buckets whose means are compared for the Hurst exponent: five minutes to a day."""


def report() -> str:
    """The section of docs/benchmarks.md."""
    real = backgrounds(data_folder())
    made, kinds = generated()
    steady = [one for name, one in real.items() if not name.startswith(RESTLESS)]
    rows = {
        f"real, {len(real)} backgrounds": list(real.values()),
        f"of these, {len(steady)} without the volumes of tweets": steady,
        f"generated, {len(made)} customers": list(made.values()),
    }
    rows |= {f"of these, {kind}": [made[key] for key in keys] for kind, keys in kinds.items()}
    lines = [
        f"Buckets of {STEP // 60} min: {WEEKS} weeks of the default scenario beside the real backgrounds of the",
        "detection suites, by which the scenario's noise was chosen. Cells: median over the series, and the middle",
        "eight of ten. A rise: 1.3 times the median of the six hours round it.",
        "",
        "| | " + " | ".join(FIGURES) + " |",
        "| --- " + "| ---: " * len(FIGURES) + "|",
    ]
    for name, some in rows.items():
        found = [figures(one) for one in some]
        cells = (_cell([one[figure] for one in found]) for figure in FIGURES)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    areas = told_apart(list(real.items()), list(made.items()))
    said = ", ".join(f"{name} {area:.2f}" for name, area in areas.items())
    lines += [
        "",
        "Windows of two hours, each divided by its mean, generated against real, by classifiers that have not seen the",
        f"series that they judge ({FOLDS}-fold): area under the curve **{said}** (0.5: not to be",
        "told apart; 1: always). Asked: at most 0.7.",
        "",
    ]
    return "\n".join(lines)


# -- series ---------------------------------------------------------------------------------------


def backgrounds(folder: Path) -> dict[str, Floats]:
    """Real series at STEP, from a Monday 00:00 UTC on; NaN where something is labelled or missing."""
    found: dict[str, Floats] = {}
    for name in REAL:
        suite = load(folder / name)
        # Of a background with several injections the first is taken.
        first = {(one.case if name == "real_injected" else one.name): one for one in reversed(suite.series)}
        for series in first.values():
            if series.case.endswith(NO_VOLUME):
                continue
            values = series.values.copy()
            for label in suite.labels[series.name]:
                begin, end = label.start - series.start, label.end - series.start
                values[max(begin, 0) // series.step : max(-(-end // series.step), 0)] = np.nan
            found[series.name] = _at_step(series.start, values, series.step)
    return found


def generated() -> tuple[dict[str, Floats], dict[str, list[str]]]:
    """The same of the default scenario, and which customers are of which kind."""
    world = World(Scenario())
    window = Window(START, START + WEEKS * WEEK)
    labels = world.labels(window)
    found: dict[str, Floats] = {}
    for key in world.customers:
        amounts = np.concatenate([world.amounts(key, week.start) for week in window.weeks()]).astype(np.float64)
        amounts[amounts == MISSING] = np.nan
        for label in labels:
            if label.key == key and label.shape != "growth":
                amounts[(label.start - START) // 60 : -(-(label.end - START) // 60)] = np.nan
        found[key] = _at_step(START, amounts, 60)
    kinds: dict[str, list[str]] = {}
    for key, customer in world.customers.items():
        kinds.setdefault(customer.profile, []).append(key)
    return found, kinds


def _at_step(start: int, values: Floats, step: int) -> Floats:
    """Means of STEP, NaN where less than half is there, led by NaN from the Monday before on."""
    lead = (start - 4 * DAY) % WEEK // step
    values = np.concatenate([np.full(lead, np.nan), values])
    parts = values[: len(values) // (STEP // step) * (STEP // step)].reshape(-1, STEP // step)
    there = np.isfinite(parts)
    sums = np.where(there, parts, 0.0).sum(axis=1)
    counts = there.sum(axis=1)
    return np.where(2 * counts >= STEP // step, sums / np.maximum(counts, 1), np.nan)


# -- figures --------------------------------------------------------------------------------------

FIGURES = (
    *("Hurst exponent", "noise from bucket to bucket", "day to day"),
    *("p99 / usual", "p99.9 / usual", "p1 / usual", "rises a week"),
)


def figures(values: Floats) -> dict[str, float]:
    """What a series is like beside the usual level of its hours of the week."""
    ratio = ratios(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithm = np.log(ratio)
    logarithm[~np.isfinite(logarithm)] = np.nan
    steps = np.diff(logarithm)
    days = _means(logarithm, DAY // STEP)
    numbers = (
        hurst(logarithm),
        _spread(steps) / 2**0.5,
        _spread(days),
        float(np.nanpercentile(ratio, 99)),
        float(np.nanpercentile(ratio, 99.9)),
        float(np.nanpercentile(ratio, 1)),
        rises(values),
    )
    return dict(zip(FIGURES, numbers, strict=True))


def ratios(values: Floats) -> Floats:
    """Each bucket over the median of its hour of the week."""
    per_hour = HOUR // STEP
    hours = np.arange(len(values)) // per_hour % (WEEK // HOUR)
    usual = np.full(WEEK // HOUR, np.nan)
    for hour in range(WEEK // HOUR):
        some = values[hours == hour]
        if np.isfinite(some).sum() >= 2 * per_hour and np.nanmedian(some) > 0:
            usual[hour] = np.nanmedian(some)
    return values / usual[hours]


def hurst(logarithm: Floats) -> float:
    """By how means over longer times spread less (Taqqu, Teverovsky and Willinger, Fractals 3, 1995), robustly."""
    spreads = np.array([_spread(_means(logarithm, length)) for length in LENGTHS])
    known = spreads > 0
    return float(1 + np.polyfit(np.log(LENGTHS)[known], np.log(spreads[known]), 1)[0])


def rises(values: Floats) -> float:
    """How often a week it stands 1.3 times above the median of the six hours round it; once within half an hour."""
    half = NEAR // 2
    padded = np.concatenate([np.full(half, np.nan), values, np.full(half, np.nan)])
    with warnings.catch_warnings():
        # Where nothing is there is nothing to compare with.
        warnings.simplefilter("ignore", RuntimeWarning)
        usual = np.nanmedian(np.lib.stride_tricks.sliding_window_view(padded, NEAR)[: len(values)], axis=1)
    high = np.flatnonzero(values > RISE * usual)
    number = int((np.diff(high) > APART).sum()) + (len(high) > 0)
    return number / (np.isfinite(values).sum() * STEP / WEEK)


def _means(values: Floats, length: int) -> Floats:
    parts = values[: len(values) // length * length].reshape(-1, length)
    there = np.isfinite(parts)
    sums = np.where(there, parts, 0.0).sum(axis=1)
    return np.where(there.mean(axis=1) >= 0.6, sums / np.maximum(there.sum(axis=1), 1), np.nan)


def _spread(values: Floats) -> float:
    """Half of what lies between the 16th and the 84th percentile: the standard deviation, if it were normal."""
    some = values[np.isfinite(values)]
    if len(some) < 5:
        return float("nan")
    low, high = np.percentile(some, [16, 84])
    return float(high - low) / 2


def _cell(values: Iterable[float]) -> str:
    low, middle, high = np.nanpercentile(list(values), [10, 50, 90])
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


# -- the classifier -------------------------------------------------------------------------------


def told_apart(real: list[tuple[str, Floats]], made: list[tuple[str, Floats]]) -> Mapping[str, float]:
    """Classifier -> the area under its curve. No series is in both, what it learns from and what it judges."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows: list[Floats] = []
    truth: list[int] = []
    groups: list[str] = []
    rng = np.random.default_rng(1)
    for is_real, some in ((0, made), (1, real)):
        for name, values in some:
            found = features(values, rng)
            rows.append(found)
            truth += [is_real] * len(found)
            groups += [name] * len(found)
    table, wanted = np.concatenate(rows), np.array(truth)
    classifiers = {
        "random forest": RandomForestClassifier(300, min_samples_leaf=10, class_weight="balanced", random_state=1),
        "logistic regression": make_pipeline(
            StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000)
        ),
    }
    areas = {}
    for name, classifier in classifiers.items():
        scores = np.zeros(len(wanted))
        for learnt, judged in GroupKFold(FOLDS).split(table, wanted, groups):
            scores[judged] = classifier.fit(table[learnt], wanted[learnt]).predict_proba(table[judged])[:, 1]
        areas[name] = float(roc_auc_score(wanted, scores))
    return areas


def features(values: Floats, rng: np.random.Generator) -> Floats:
    """What each of some windows of a series is like, shape (windows, features)."""
    parts = values[: len(values) // WINDOW * WINDOW].reshape(-1, WINDOW)
    parts = parts[np.isfinite(parts).all(axis=1) & (parts.mean(axis=1) > 0)]
    parts = parts[rng.permutation(len(parts))[:WINDOWS]]
    x = parts / parts.mean(axis=1, keepdims=True)
    steps = np.diff(x, axis=1)
    time = np.linspace(-1, 1, WINDOW)
    slope = (x * time).mean(axis=1) / (time**2).mean()
    curve = (x * (time**2 - (time**2).mean())).mean(axis=1)
    rest = x - 1 - slope[:, None] * time
    noise, size = rest.std(axis=1), steps.std(axis=1)
    guard = np.maximum(noise, 1e-9)
    return np.column_stack(
        [
            np.log(guard),
            np.log(np.maximum(size, 1e-9)),
            slope,
            curve,
            (rest[:, 1:] * rest[:, :-1]).mean(axis=1) / guard**2,
            (rest[:, 3:] * rest[:, :-3]).mean(axis=1) / guard**2,
            (rest**3).mean(axis=1) / guard**3,
            (rest**4).mean(axis=1) / guard**4,
            x.max(axis=1),
            x.min(axis=1),
            np.abs(steps).max(axis=1) / np.maximum(size, 1e-9),
            (np.sign(steps[:, 1:]) != np.sign(steps[:, :-1])).mean(axis=1),
        ]
    )


def main() -> None:
    """Measure, print, write."""
    from bench.__main__ import put

    text = report()
    print(text)
    put("realism", text)


if __name__ == "__main__":
    main()
    sys.exit(0)
