"""Pure: exact percentiles of few values, whatever a cluster takes to lie between two of them.

Of the n values of an hour in order, numpy's percentile q lies at the place q / 100 x (n - 1), between the two values
around it (Hyndman and Fan, type 7). Elasticsearch answers just that as long as its t-digest holds each value by itself.
OpenSearch's has the value of place i at q = 100 x (i + 1/2) / n (type 5), so that its answer to the same q is another:
of 60 values that are spread widely, by half and more. It is asked for the places themselves, which depend on n, and
what lies between is made here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from traffic.model import HOUR, Floats, Ints, second_percent
from traffic.store.elastic.bodies import Body

_APART = {"tdigest": {"compression": 1000}}
"""Many more centroids than an hour has values."""


def roll_up_percents(step: int, high: float = 95.0) -> tuple[float, float, float, float]:
    """The percentiles of a roll-up of buckets of `step` seconds: high, the second highest of a full hour, p50, p20."""
    return high, second_percent(HOUR // step), 50.0, 20.0


@dataclass(frozen=True)
class Percents:
    """Percentiles, and what has to be asked for to have them."""

    wanted: tuple[float, ...]
    counts: frozenset[int] | None = None
    """Numbers of values whose places are asked for; None: the cluster says what lies between them as numpy does."""

    whole: bool = False
    """Whether all values are whole numbers."""

    @property
    def asked(self) -> tuple[float, ...]:
        """In the order in which a cluster answers: each once, and ascending."""
        if self.counts is None:
            return tuple(sorted(set(self.wanted)))
        return tuple(sorted({_middle(place, n) for n in self.counts for q in self.wanted for place in _around(q, n)}))

    @property
    def digest(self) -> Body:
        """How the cluster is to keep the values."""
        return {} if self.counts is None else _APART

    def covers(self, numbers: Iterable[int]) -> bool:
        """Whether hours of that many values can be told."""
        return self.counts is None or self.counts >= set(numbers)

    def exactly(self, values: Floats) -> Floats:
        """The values at places, without what interpolating added to them: the last bits of a float."""
        near = np.rint(values)
        exact = self.counts is not None and self.whole
        return np.where(np.abs(values - near) <= 1e-12 * near, near, values) if exact else values

    def told(self, values: Floats, numbers: Ints) -> list[Floats]:
        """Each of `wanted`, shape (hours,).

        Args:
            values: shape (asked, hours).
            numbers: of values of each hour, that `covers`.
        """
        place_of = {percent: place for place, percent in enumerate(self.asked)}
        if self.counts is None:
            return [values[place_of[q]] for q in self.wanted]
        found = [np.full(len(numbers), np.nan) for _ in self.wanted]
        for n in self.counts:
            hours = np.flatnonzero(numbers == n)
            for q, of_hours in zip(self.wanted, found, strict=True):
                low, high = (values[place_of[_middle(place, n)], hours] for place in _around(q, n))
                between = q / 100.0 * (n - 1) - _around(q, n)[0]
                # Rounded as numpy rounds it.
                above, below = high - (high - low) * (1 - between), low + (high - low) * between
                of_hours[hours] = above if between >= 0.5 else below
        return found


def _around(q: float, n: int) -> tuple[int, int]:
    """The places, from 0, of the values that percentile `q` of `n` lies between."""
    low = int(q / 100.0 * (n - 1))
    return low, min(low + 1, n - 1)


def _middle(place: int, n: int) -> float:
    """The percent in the middle of what stands for the value at `place` of `n`."""
    return 100.0 * (place + 0.5) / n
