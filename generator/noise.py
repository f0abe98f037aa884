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

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import exp, hypot
from statistics import NormalDist

import numpy as np

from generator.customer import Customer
from generator.rng import TABLE_BITS, bits, bits_of, few, few_bits, lognormal_table, poisson
from generator.scenario import Bursts, Noise, Scenario, TrafficProfile
from traffic.model import DAY, HOUR, WEEK, Floats

MINUTES = WEEK // 60
SPANS = (WEEK // 60, DAY // 60, 4 * HOUR // 60, HOUR // 60, 20, 5, 1)
"""Minutes between two knots; each is a multiple of the next. The last ones are the minutes themselves."""

WHOLE = range(MINUTES)
"""All minutes of a week."""

_Z95 = NormalDist().inv_cdf(0.95)
_UNUSED = 16 - TABLE_BITS

HIGHEST = 30.0
"""What noise alone is cut at: a product of waves that are all at their highest at once is none that is ever seen."""

_KEPT = 5_000
"""Weeks of a customer whose bursts are kept."""

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
        self._bursts_by_week: dict[tuple[str, str, int], list[tuple[int, int, float]]] = {}

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
        return round(exp(_Z95 * sigma - sigma * sigma / 2), 6)

    def unlikely(self, customer: Customer) -> float:
        """Noise without bursts of five standard deviations."""
        return exp(5 * hypot(*self._sigmas(customer)))

    def highest_burst(self, customer: Customer) -> float:
        """How many times its level the highest natural burst of a customer is; 1 where it has none."""
        own, per_week = self._bursts(customer)
        return own.factor[1] if per_week else 1.0

    def reaches(self, customer: Customer, factor: float) -> bool:
        """Whether a burst of a customer may make its traffic that many times its level."""
        own, per_week = self._bursts(customer)
        return bool(per_week) and float(_heights(own.factor)[-1]) >= factor

    def most(self, customer: Customer) -> float:
        """The largest noise that there can be."""
        return min(_highest(self._sigmas(customer)), HIGHEST) * self.highest_burst(customer)

    def steady(self, customers: Sequence[Customer], week: int, part: range = WHOLE) -> Iterator[Floats]:
        """What the level of some minutes of a week is multiplied with but for bursts, the mean being 1.

        Of one customer after the other, shape (minutes,).
        """
        # The few knots of all customers at once, then the many minutes of one after the other, which stay in the cache.
        spans = SPANS[:-1]
        knots = self._knots(customers, week, part)
        values = knots[0]
        for finer, span, wider in zip(knots[1:], spans[1:], spans, strict=False):
            first = _lattice(part, span).start - _lattice(part, wider).start * (wider // span)
            values = finer * _between(values, wider // span)[:, first : first + finer.shape[1]]
        first = part.start - _lattice(part, spans[-1]).start * spans[-1]
        for customer, row in zip(customers, values, strict=True):
            minutes = _between(row, spans[-1])[first : first + len(part)]
            own = self._sigmas(customer)
            if sigma := own[-1]:
                draws = bits(part.stop, self._scenario.seed, "minute", week, customer.key)[part.start :]
                minutes *= lognormal_table(sigma).take(draws >> _UNUSED)
            # Rounding may take a product a little further than its highest.
            yield minutes if _highest(own) < 0.999 * HIGHEST else np.minimum(minutes, HIGHEST, out=minutes)

    def _knots(self, customers: Sequence[Customer], week: int, part: range) -> list[Floats]:
        """The knots of each of `SPANS` but the last on which some minutes lie, of shape (customers, knots).

        Including those right before and after the minutes, which may be the first one of the next week: noise continues
        across the end of a week.
        """
        seed, lattices = self._scenario.seed, [_lattice(part, span) for span in SPANS[:-1]]
        wanted = []
        for span, lattice in zip(SPANS, lattices, strict=False):
            last = MINUTES // span
            wanted.append(few(seed, f"knots {span}", week, lattice.start, min(lattice.stop, last)))
            if lattice.stop > last:
                wanted.append(few(seed, f"knots {span}", week + WEEK, 0, 1))
        lengths = [len(lattice) for lattice in lattices]
        tables = np.repeat(np.arange(len(lattices), dtype=np.uint16) << TABLE_BITS, lengths)
        found = np.empty((len(customers), sum(lengths)))
        for row, customer in zip(found, customers, strict=True):
            draws = bits_of(wanted, customer.key) >> _UNUSED
            draws += tables
            row[:] = _tables(self._sigmas(customer)[:-1]).take(draws)
        return np.split(found, np.cumsum(lengths)[:-1], axis=1)

    def bursts(self, customer: Customer, week: int) -> list[tuple[int, int, float]]:
        """The bursts that begin in a week: first and last minute (not included) of the week, and how many times."""
        # A week is looked at from the one after it too.
        which = customer.profile, customer.key, week
        if which not in self._bursts_by_week:
            if len(self._bursts_by_week) >= _KEPT:
                self._bursts_by_week.clear()
            self._bursts_by_week[which] = self._drawn(customer, week)
        return self._bursts_by_week[which]

    def _drawn(self, customer: Customer, week: int) -> list[tuple[int, int, float]]:
        own, per_week = self._bursts(customer)
        if not per_week:
            return []
        seed, key = self._scenario.seed, customer.key
        drawn = few_bits(1 + 4 * int(2 * per_week + 5), seed, "bursts", week, key)
        count = bisect_right(poisson(per_week), int(drawn[0]) / 65536)
        if 1 + 4 * count > len(drawn):
            drawn = few_bits(1 + 4 * count, seed, "bursts", week, key)
        four = drawn[1 : 1 + 4 * count].reshape(count, 4)
        first = (four[:, 0].astype(np.int64) << 16 | four[:, 1]) * MINUTES >> 32
        last = first + _lengths(own.minutes).take(four[:, 2] >> _UNUSED)
        heights = _heights(own.factor).take(four[:, 3] >> _UNUSED)
        return list(zip(first.tolist(), last.tolist(), heights.tolist(), strict=True))

    def raise_by_bursts(self, steady: Floats, customer: Customer, week: int, part: range) -> None:
        """Multiply what `steady` says of some minutes of a week by what bursts make of them."""
        first, raised = self.raised(customer, week, part)
        steady[first - part.start :][: len(raised)] *= raised

    def raised(self, customer: Customer, week: int, part: range) -> tuple[int, Floats]:
        """How many times its level bursts make some minutes of a week: from which of them on, and the times.

        Where two lie over one another, the higher one counts.
        """
        before = [
            (first - MINUTES, last - MINUTES, height) for first, last, height in self.bursts(customer, week - WEEK)
        ]
        every = (*before, *self.bursts(customer, week))
        there = [one for one in every if one[0] < part.stop and one[1] > part.start]
        if not there:
            return part.start, np.ones(0)
        begin = max(min(first for first, _, _ in there), part.start)
        values = np.ones(min(max(last for _, last, _ in there), part.stop) - begin)
        for first, last, height in there:
            minutes = values[max(first - begin, 0) : last - begin]
            np.maximum(minutes, height, out=minutes)
        return begin, values


@lru_cache(maxsize=64)
def _tables(deviations: tuple[float, ...]) -> Floats:
    """What draws for the knots of some lattices mean: a table for each, one after the other."""
    return np.concatenate([lognormal_table(sigma) for sigma in deviations])


@lru_cache(maxsize=256)
def _highest(deviations: tuple[float, ...]) -> float:
    """The product of lattices that are all at their highest at once."""
    return float(np.prod([lognormal_table(sigma)[-1] for sigma in deviations]))


def _lattice(part: range, span: int) -> range:
    """The knots from the last one at or before some minutes up to the first at or after them."""
    return range(part.start // span, -(-part.stop // span) + 1)


def _between(knots: Floats, count: int) -> Floats:
    """Straight lines between knots of the last axis: `count` values for each but the last, which stays."""
    found = np.empty((*knots.shape[:-1], (knots.shape[-1] - 1) * count + 1))
    found[..., ::count] = knots
    low = knots[..., :-1]
    rise = knots[..., 1:] - low
    for place in range(1, count):
        line = rise * (place / count)
        line += low
        found[..., place::count] = line
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
