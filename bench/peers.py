"""Other detectors on the same series: from PyPI, and published rules written after their documentation.

Each takes a series and says when it rises too far. None is tuned to a suite: settings are those of its documentation,
or what notes on these detectors found to be their best.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from analyzer.kernels.breach import Criterion, runs
from bench.scoring import Alarm
from bench.suites import LabelledSeries
from traffic.model import DAY, FIRST_MONDAY, HOUR, WEEK, Bools, Floats

WITHIN, MERGE = 600, 1800
"""As the default policy: two buckets in ten minutes, and what is less than half an hour apart is one alarm."""
COARSE = 600
"""Seconds of a bucket for seasonal decompositions: by the minute they take minutes a series."""
QUOTA = 0.002
"""Share of the points that ECOD calls outliers: it has no limit of its own."""
STL_LIMIT, ESD_LIMIT = 8.0, 15.0
"""Median absolute deviations, as standard deviations. The test of S-H-ESD itself raises seven alarms a series-week."""
TO_SIGMA = 1.4826


def ecod(series: LabelledSeries) -> list[Alarm]:
    """Outliers by empirical cumulative distributions (Li et al., TKDE 2022; pyod) of two ratios.

    Of each value to the median of its hour of the week, and to the median of the six hours round it.
    """
    from pyod.models.ecod import ECOD

    values = series.values
    there = np.flatnonzero(values > 0)
    week = ((series.start - FIRST_MONDAY) // HOUR + np.arange(len(values)) * series.step // HOUR) % (WEEK // HOUR)
    usual = pd.Series(values).groupby(week).transform("median").to_numpy()
    near = pd.Series(values).rolling(6 * HOUR // series.step, center=True, min_periods=1).median().to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        table = np.log(values[there, None] / np.stack([usual[there], near[there]], axis=1))
    known = np.isfinite(table).all(axis=1)
    there, table = there[known], table[known]
    scores = np.zeros(len(values))
    scores[there] = ECOD().fit(table).decision_scores_
    limit = np.quantile(scores[there], 1 - QUOTA)
    return _alarms(series.start, series.step, (scores > limit) & (values > usual), scores / limit)


def stl(series: LabelledSeries) -> list[Alarm]:
    """What is left by a robust decomposition by the day (Cleveland et al., 1990; statsmodels), in deviations."""
    start, step, values = _coarse(series)
    seasonal, trend = _decomposed(values, DAY // step)
    return _far(start, step, values, values - seasonal - trend, STL_LIMIT)


def shesd(series: LabelledSeries) -> list[Alarm]:
    """S-H-ESD (Hochenbaum, Vallis and Kejariwal, 2017): a median for a trend, by the week where there are three."""
    start, step, values = _coarse(series)
    period = (WEEK if len(values) * step >= 3 * WEEK else DAY) // step
    seasonal, _ = _decomposed(values, period)
    return _far(start, step, values, values - seasonal - np.nanmedian(values), ESD_LIMIT)


def adaptive(series: LabelledSeries) -> list[Alarm]:
    """Grafana's adaptive rules (grafana/promql-anomaly-detection, rules/adaptive.yml, commit 738e34e)."""
    values = pd.Series(np.where(series.values > 0, series.values, np.nan))
    hour = HOUR // series.step
    last_hour = values.rolling(hour, min_periods=1)
    mean, deviation = last_hour.mean(), last_hour.std(ddof=0)
    lively = deviation.where(deviation > 0.5 * mean)
    wide = lively.rolling(26 * hour, min_periods=1).mean()
    bands = [mean + 2 * wide, 1.5 * mean]
    bands += [(mean + 2 * deviation).shift(round(back * HOUR / series.step)) for back in (167.5, 23.5)]
    return _for_five_minutes(series, values, pd.concat(bands, axis=1).max(axis=1))


def robust(series: LabelledSeries) -> list[Alarm]:
    """Grafana's robust rules (the same place, rules/robust.yml)."""
    values = pd.Series(np.where(series.values > 0, series.values, np.nan))
    hour, day = HOUR // series.step, DAY // series.step
    middle = values.rolling(day, min_periods=1).median()
    wide = (values - middle).abs().rolling(day, min_periods=1).median()
    bands = [middle + 2 * wide, 1.5 * middle]
    level = values.rolling(hour, min_periods=1).median()
    spread = (values - level).abs().rolling(hour, min_periods=1).median()
    bands += [(level + 2 * spread).shift(round(back * HOUR / series.step)) for back in (167.75, 23.75)]
    return _for_five_minutes(series, level, pd.concat(bands, axis=1).max(axis=1))


PEERS: Mapping[str, Callable[[LabelledSeries], list[Alarm]]] = {
    "ECOD (pyod), 0.2 % of the points": ecod,
    "STL (statsmodels), 8 deviations": stl,
    "S-H-ESD (statsmodels), 15 deviations": shesd,
    "Grafana's adaptive rules": adaptive,
    "Grafana's robust rules": robust,
}


def _for_five_minutes(series: LabelledSeries, level: pd.Series, band: pd.Series) -> list[Alarm]:
    """What fires once it was above for five minutes, and as long as it is."""
    ratio = (level / band).to_numpy()
    high = np.concatenate([[False], ratio > 1, [False]])
    edges = np.flatnonzero(high[1:] != high[:-1]).reshape(-1, 2)
    fires = np.zeros(len(ratio), dtype=bool)
    # Above at each evaluation of five minutes; the alert fires with the last of them.
    pending = -(-300 // series.step) if series.step <= 300 else 0
    for first, last in edges:
        fires[first + pending : last] = True
    return _alarms(series.start, series.step, fires, ratio, needed=1)


def _coarse(series: LabelledSeries) -> tuple[int, int, Floats]:
    """Means of ten minutes, or the series as it is where its buckets are longer."""
    step = max(series.step, COARSE)
    count = step // series.step
    lead = (series.start % step) // series.step
    values = np.concatenate([np.full(lead, np.nan), series.values])
    values = np.concatenate([values, np.full(-len(values) % count, np.nan)]).reshape(-1, count)
    there = np.isfinite(values).sum(axis=1)
    means = np.where(2 * there >= count, np.nansum(values, axis=1) / np.maximum(there, 1), np.nan)
    return series.start - lead * series.step, step, means


def _decomposed(values: Floats, period: int) -> tuple[Floats, Floats]:
    from statsmodels.tsa.seasonal import STL

    filled = pd.Series(values).interpolate(limit_direction="both").to_numpy()
    # Every tenth of a period is fitted, and lines between: every point would take fifteen times as long.
    jump = max(1, period // 10)
    found = STL(filled, period=period, robust=True, seasonal_jump=jump, trend_jump=jump, low_pass_jump=jump).fit()
    return found.seasonal, found.trend


def _far(start: int, step: int, values: Floats, rest: Floats, limit: float) -> list[Alarm]:
    deviation = TO_SIGMA * np.nanmedian(np.abs(rest - np.nanmedian(rest)))
    scores = rest / (limit * max(deviation, 1e-12))
    return _alarms(start, step, np.isfinite(values) & (scores > 1), scores)


def _alarms(start: int, step: int, over: Bools, scores: Floats, needed: int = 2) -> list[Alarm]:
    place = np.flatnonzero(over)
    time = start + place * step
    least = min(needed, max(1, WITHIN // step))
    found = runs(
        np.zeros(len(place), dtype=np.int64),
        time,
        scores[place],
        np.zeros(len(place)),
        [Criterion(np.ones(len(place), dtype=bool), least, WITHIN)],
        MERGE,
        step,
    )
    return [
        Alarm(int(time[first]), int(time[last]) + step, float(scores[place[peak]]))
        for first, last, peak in zip(found.first, found.last, found.peak, strict=True)
    ]
