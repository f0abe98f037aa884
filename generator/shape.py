"""What a customer's traffic looks like when nothing happens: day, week and trend, in arrays of a week's minutes.

Every array is a pure function of (scenario, seed, customer, week); a week is the epoch second of its Monday 00:00 UTC.
After the tables (see rng.py) there are only additions, multiplications and divisions of single elements, which every
machine rounds alike; no sums over arrays, whose order numpy chooses by the processor.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from functools import lru_cache
from itertools import pairwise
from math import fsum

import numpy as np

from generator.customer import Customer, trend, zone_of
from generator.noise import MINUTES, WHOLE, TrafficNoise
from generator.scenario import Scenario, TrafficProfile
from traffic.model import HOUR, WEEK, Floats, Ints, Window

HOURS = WEEK // HOUR
# Zones are whole quarters of an hour away from UTC and change on them.
_QUARTER = 15 * 60

_MINUTE_OF_WEEK = np.arange(MINUTES, dtype=np.int64)
_THROUGH_WEEK = _MINUTE_OF_WEEK / MINUTES
_THROUGH_HOUR = np.arange(60) / 60


@lru_cache(maxsize=16)
def local_minutes(zone: tzinfo, week: int) -> Ints:
    """The minute of the local week (0 = Monday 00:00) at each minute of a week, shape (10080,), values -1440 .. 11519.

    Not wrapped at the week's ends: the local week begins up to 14 hours before or after the week itself.
    """
    offsets = np.empty(WEEK // _QUARTER, dtype=np.int64)
    for quarter in range(len(offsets)):
        offset = datetime.fromtimestamp(week + quarter * _QUARTER, zone).utcoffset()
        assert offset is not None
        offsets[quarter] = round(offset.total_seconds() / 60)
    local = _MINUTE_OF_WEEK + np.repeat(offsets, _QUARTER // 60)
    local.setflags(write=False)
    return local


@lru_cache(maxsize=64)
def local_stretches(zone: tzinfo, week: int) -> tuple[tuple[range, int], ...]:
    """The minutes of a week, cut where the clock is changed, each with the minute of the local week at its start."""
    local = local_minutes(zone, week)
    edges = [0, *(np.flatnonzero(np.diff(local) != 1) + 1).tolist(), MINUTES]
    return tuple((range(first, last), int(local[first])) for first, last in pairwise(edges))


def heights(profile: TrafficProfile) -> Floats:
    """A profile's local week in minutes, shape (10080,): 0 in the trough, 1 at the peak.

    The hours are joined by a smooth curve through them (Catmull-Rom).
    """
    hours = np.array([*profile.weekday * 5, *profile.weekend * 2], dtype=np.float64)
    low, high = hours.min(), hours.max()
    hours = (hours - low) / (high - low) if high > low else np.zeros(HOURS)
    before, here, after, later = (np.roll(hours, shift)[:, None] for shift in (1, 0, -1, -2))
    x = _THROUGH_HOUR
    curve: Floats = here + 0.5 * x * (
        (after - before)
        + x * ((2 * before - 5 * here + 4 * after - later) + x * ((3 * here - 3 * after + later) - before))
    )
    return np.clip(curve.ravel(), 0.0, 1.0)


class Shape:
    """The undisturbed traffic of a scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.zone = zone_of(scenario)
        curves = {name: heights(profile) for name, profile in scenario.profiles.items()}
        self._means = {name: fsum(curve) / MINUTES for name, curve in curves.items()}
        # Three weeks in a row: a minute of the local week, turned by up to half a day, is found without a modulo.
        self._curves = {name: np.tile(curve, 3) for name, curve in curves.items()}
        self._peaks = {name: one.weekday.index(max(one.weekday)) for name, one in scenario.profiles.items()}
        self.noise = TrafficNoise(scenario)

    def level(self, customer: Customer, week: int, part: range = WHOLE) -> Floats:
        """The noise-free level of some minutes of a week in bit/s, shape (minutes,)."""
        # A customer that peaks later lives later: its whole week is turned, nights and weekends too.
        later = (customer.peak_hour - self._peaks[customer.profile] + 12) % 24 - 12
        curve, turned = self._curves[customer.profile], MINUTES - round(60 * later)
        base = customer.rate / (1.0 + (customer.multiplier - 1.0) * self._means[customer.profile])
        values = np.empty(len(part))
        for minutes, local in local_stretches(self.zone, week):
            first, last = max(minutes.start, part.start), min(minutes.stop, part.stop)
            if first < last:
                place = local + turned + first - minutes.start
                mine = values[first - part.start : last - part.start]
                np.multiply(curve[place : place + last - first], base * (customer.multiplier - 1.0), out=mine)
        values += base
        first_trend = trend(self.scenario, customer, week)
        growing = _THROUGH_WEEK[part.start : part.stop] * (trend(self.scenario, customer, week + WEEK) - first_trend)
        growing += first_trend
        values *= growing
        if job := customer.job:
            there = Window(week + 60 * part.start, week + 60 * part.stop)
            for _, run in job.runs(there, self.zone):
                seen = run.clip(there)
                values[(seen.start - there.start) // 60 : (seen.end - there.start) // 60] *= job.factor
        return values
