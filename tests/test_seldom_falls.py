"""A key that falls often by itself must fall lower: the rule `tail`, turned round."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import sl
from analyzer.judging.judged import LOWEST, _seldom, settings_of_falls
from analyzer.kernels.tail import rare
from analyzer.model import Policy
from traffic.model import Hours

TIMES = pd.date_range("2026-09-07", "2026-10-19", freq="5min", tz="UTC")
POLICY = {"direction": "below"}


def series(dips: float) -> np.ndarray:
    """Noise round 100, and `dips` of the hours with 10 minutes at a fifth of it."""
    rng = np.random.default_rng(3)
    values = 100 * rng.lognormal(0, 0.05, len(TIMES))
    for hour in np.flatnonzero(rng.random(len(TIMES) // 12) < dips):
        values[hour * 12 + 3 : hour * 12 + 5] *= 0.2 * rng.uniform(0.9, 1.1)
    return values


def found(values: np.ndarray, **more: object) -> pd.DataFrame:
    frame = pd.DataFrame({"time": TIMES, "key": "a", "value": values})
    columns = {"time": "time", "key": "key", "value": "value", "resolution": "5m"}
    return sl.discover(frame, policy=POLICY, **columns, **more).events  # type: ignore[arg-type]


def at(day: str, minutes: int, factor: float, values: np.ndarray) -> np.ndarray:
    first = TIMES.get_loc(pd.Timestamp(day, tz="UTC"))
    assert isinstance(first, int)
    changed = values.copy()
    changed[first : first + minutes // 5] = 100 * factor
    return changed


def test_what_falls_every_day_by_itself_is_no_event() -> None:
    wild = series(dips=0.08)
    assert len(found(wild)) == 0
    assert len(found(wild, without=["tail"])) > 50


@pytest.mark.parametrize(("minutes", "factor"), [(15, 0.02), (15, 0.0), (60, 0.2)])
def test_lower_or_longer_than_that_is_one(minutes: int, factor: float) -> None:
    events = found(at("2026-10-07T10:00", minutes, factor, series(dips=0.08)))
    assert events["start"].tolist() == [pd.Timestamp("2026-10-07T10:00Z")]


def test_a_key_that_never_falls_is_judged_as_stated() -> None:
    events = found(at("2026-10-07T10:00", 15, 0.2, series(dips=0.0)))
    assert events["start"].tolist() == [pd.Timestamp("2026-10-07T10:00Z")]


def test_the_limit_is_the_rare_depth_of_the_hours() -> None:
    rng = np.random.default_rng(1)
    usual = rng.uniform(50, 150, (2, 400))
    depth = rng.exponential(0.5, (2, 400))
    depth[1, 7:9] = 20.0, np.inf
    lowest = usual * np.exp(-depth)
    hours = Hours(*[lowest] * 8)
    settings = settings_of_falls(Policy(), 60)
    limits = _seldom(hours, usual, settings)
    for row in range(2):
        capped = np.minimum(depth[row], -np.log(LOWEST))
        np.testing.assert_allclose(limits[row], -usual[row] * np.exp(-rare(capped, settings.every)), rtol=1e-9)
    usual[0, 3] = np.nan
    assert _seldom(hours, usual, settings)[0, 3] == -np.inf
    assert (_seldom(Hours(*[lowest[:, :20]] * 8), usual[:, :20], settings) == -np.inf).all(), "too few hours to know"
