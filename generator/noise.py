"""What a customer's traffic does by itself: noise with long memory, days and weeks that differ, natural bursts.

Long memory by knots on lattices of growing width (rescale-and-add: Saupe, "Point evaluation of multi-variable random
fractals", 1989; the sum of processes with geometrically spaced memories is Mandelbrot's fast fractional Gaussian noise,
Water Resources Research 7, 1971). On a lattice of a width the knots are independent and lognormal, between them the
factor is a straight line, and the lattices are multiplied with one another; the logarithm of a knot deviates by
hour x (width / 1 h) ** (hurst - 1). A knot belongs to an absolute time, so that a week is the same however the window
is cut. Bursts come at random, for times with a heavy tail: what makes real traffic self-similar (Willinger, Taqqu,
Sherman and Wilson, IEEE/ACM Transactions on Networking 5, 1997).

Tables, additions and multiplications of single elements alone: see rng.py.
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, hypot
from statistics import NormalDist

import numpy as np

from generator.customer import Customer
from generator.rng import TABLE_BITS, bits, few_bits, lognormal_table, poisson
from generator.scenario import Bursts, Noise, Scenario, TrafficProfile
from traffic.model import DAY, HOUR, WEEK, Floats

MINUTES = WEEK // 60
SPANS = (WEEK // 60, DAY // 60, 4 * HOUR // 60, HOUR // 60, 20, 5, 1)
"""Minutes between two knots; each is a multiple of the next. The last ones are the minutes themselves."""

_UNUSED = 16 - TABLE_BITS

HIGHEST = 30.0
"""What noise alone is cut at: a product of waves that are all at their highest at once is none that is ever seen."""

_LENGTH_TAIL, _HEIGHT_TAIL = 1.4, 2.0
"""How quickly long and high bursts become rare: the exponents of their Pareto distributions."""


def sigmas(noise: Noise, profile: TrafficProfile, restless: float) -> tuple[float, ...]:
    """The standard deviation of the logarithm of the knots of each of `SPANS`."""
    own = profile.noise
    found = [noise.week * own.day, noise.day * own.day]
    # Rounded, since powers differ between machines in their last bits.
    found += [noise.hour * own.hour * round((span / 60) ** (noise.hurst - 1), 6) for span in SPANS[2:-1]]
    found.append(noise.minute * own.minute)
    return tuple(round(one * restless, 4) for one in found)


class TrafficNoise:
    """The noise of the customers of a scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._known: dict[tuple[str, float], tuple[float, ...]] = {}

    def _sigmas(self, customer: Customer) -> tuple[float, ...]:
        kind = customer.profile, customer.restless
        if kind not in self._known:
            self._known[kind] = sigmas(self._scenario.noise, self._scenario.profiles[kind[0]], kind[1])
        return self._known[kind]

    def _bursts(self, customer: Customer) -> tuple[Bursts, float]:
        own = self._scenario.profiles[customer.profile].bursts
        return own, own.per_week * self._scenario.noise.bursts

    def q95(self, customer: Customer) -> float:
        """The 95th percentile: how many times its noise-free level traffic is now and then, without bursts.

        Between two knots noise varies less than on them, so it is never exceeded more often.
        """
        sigma = hypot(*self._sigmas(customer))
        return round(exp(NormalDist().inv_cdf(0.95) * sigma - sigma * sigma / 2), 6)

    def unlikely(self, customer: Customer) -> float:
        """Noise without bursts of five standard deviations."""
        return exp(5 * hypot(*self._sigmas(customer)))

    def highest_burst(self, customer: Customer) -> float:
        """How many times its level the highest natural burst of a customer is; 1 where it has none."""
        own, per_week = self._bursts(customer)
        return own.factor[1] if per_week else 1.0

    def most(self, customer: Customer) -> float:
        """The largest noise that there can be."""
        tables = [lognormal_table(sigma)[-1] for sigma in self._sigmas(customer)]
        return min(float(np.prod(tables)), HIGHEST) * self.highest_burst(customer)

    def steady(self, customer: Customer, week: int) -> Floats:
        """What the level of a week is multiplied with but for bursts, shape (10080,), the mean being 1."""
        scales = self._sigmas(customer)
        values = np.ones(2)
        for sigma, span, wider in zip(scales[:-1], SPANS[:-1], (0, *SPANS), strict=False):
            if wider:
                values = _between(values, wider // span)
            if sigma:
                values *= self._knots(customer, week, sigma, span)
        values = _between(values, SPANS[-2])[:-1]
        if scales[-1]:
            draws = bits(MINUTES, self._scenario.seed, "minute", week, customer.key)
            values *= lognormal_table(scales[-1]).take(draws >> _UNUSED)
        return np.minimum(values, HIGHEST, out=values)

    def _knots(self, customer: Customer, week: int, sigma: float, span: int) -> Floats:
        """The knots of a week, the first of the next one included: noise runs on where a week ends."""
        seed, purpose, key = self._scenario.seed, f"knots {span}", customer.key
        here = few_bits(MINUTES // span, seed, purpose, week, key)
        draws = np.concatenate([here, few_bits(1, seed, purpose, week + WEEK, key)])
        return lognormal_table(sigma).take(draws >> _UNUSED)

    def bursts(self, customer: Customer, week: int) -> list[tuple[int, int, float]]:
        """The bursts that begin in a week: first and last minute (not included) of the week, and how many times."""
        own, per_week = self._bursts(customer)
        if not per_week:
            return []
        seed, key = self._scenario.seed, customer.key
        number = few_bits(1, seed, "bursts", week, key)[0] / 65536
        count = int(np.searchsorted(poisson(per_week), number, side="right"))
        drawn = few_bits(1 + 4 * count, seed, "bursts", week, key)[1:].reshape(count, 4)
        first = (drawn[:, 0].astype(np.int64) << 16 | drawn[:, 1]) * MINUTES >> 32
        last = first + _lengths(own.minutes).take(drawn[:, 2] >> _UNUSED)
        heights = _heights(own.factor).take(drawn[:, 3] >> _UNUSED)
        return list(zip(first.tolist(), last.tolist(), heights.tolist(), strict=True))

    def raised(self, customer: Customer, week: int) -> Floats | None:
        """How many times its level bursts make traffic, shape (10080,); None where there are none.

        Where two lie over one another, the higher one counts.
        """
        before = [
            (first - MINUTES, last - MINUTES, height) for first, last, height in self.bursts(customer, week - WEEK)
        ]
        there = [one for one in (*before, *self.bursts(customer, week)) if one[1] > 0]
        if not there:
            return None
        values = np.ones(MINUTES)
        for first, last, height in there:
            part = values[max(first, 0) : last]
            np.maximum(part, height, out=part)
        return values

    def of(self, customer: Customer, week: int) -> Floats:
        """All that the level of a week is multiplied with, shape (10080,)."""
        values = self.steady(customer, week)
        if (raised := self.raised(customer, week)) is not None:
            values *= raised
        return values


def _between(knots: Floats, count: int) -> Floats:
    """Straight lines between knots: `count` values for each but the last, which stays."""
    found = np.empty((len(knots) - 1) * count + 1)
    found[-1] = knots[-1]
    lines = found[:-1].reshape(-1, count)
    np.multiply((knots[1:] - knots[:-1])[:, None], np.arange(count) / count, out=lines)
    lines += knots[:-1, None]
    return found


def _pareto(low: float, high: float, tail: float) -> Floats:
    """Quantiles of a Pareto distribution between two bounds, shape (4096,)."""
    levels = 1 << TABLE_BITS
    chance = (np.arange(levels) + 0.5) / levels
    return np.asarray(low * (1 - chance * (1 - (low / high) ** tail)) ** (-1 / tail))


@lru_cache(maxsize=32)
def _lengths(minutes: tuple[int, int]) -> Floats:
    return np.rint(_pareto(*minutes, _LENGTH_TAIL)).astype(np.int64)


@lru_cache(maxsize=32)
def _heights(factor: tuple[float, float]) -> Floats:
    return np.round(_pareto(*factor, _HEIGHT_TAIL), 3)
