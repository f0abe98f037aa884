"""Random numbers that can be repeated: every draw is a pure function of a seed and of what it is for.

The same draws come on every machine and with every numpy: they are raw bits (of a hash, or of SFC64, whose stream numpy
promises to keep), turned into numbers by tables that are rounded to fixed decimals, so that the last bit of a logarithm
or of an exponential, which differs between processors, cannot show.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b, shake_128
from math import fsum
from statistics import NormalDist
from struct import unpack
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from traffic.model import Floats

TABLE_BITS = 12
"""The upper bits of a draw that a table is asked with: a small table stays in the processor's cache."""


def _name(seed: int, purpose: str, week: int, key: str) -> bytes:
    # The key comes last: it may hold anything, so also what separates the parts.
    return f"{seed}\0{purpose}\0{week}\0".encode() + key.encode("utf-8", "surrogatepass")


def bits(count: int, seed: int, purpose: str, week: int, key: str) -> NDArray[np.uint16]:
    """Thousands of uniform draws of 16 bits, shape (count,)."""
    entropy = np.frombuffer(blake2b(_name(seed, purpose, week, key), digest_size=16).digest(), dtype="<u4")
    words = np.random.SFC64(np.random.SeedSequence(entropy)).random_raw(-(-count // 4))
    # The order of the bytes is fixed before they are cut, so that it does not depend on the machine's.
    return words.astype("<u8", copy=False).view("<u2")[:count].astype(np.uint16, copy=False)


def few_bits(count: int, seed: int, purpose: str, week: int, key: str) -> NDArray[np.uint16]:
    """Some uniform draws of 16 bits, shape (count,), the first of which do not depend on how many are asked for.

    Straight from a hash: slower per draw than `bits`, but there is no generator to set up.
    """
    digest = shake_128(_name(seed, purpose, week, key)).digest(2 * count)
    return np.frombuffer(digest, dtype="<u2").astype(np.uint16, copy=False)


class Few(NamedTuple):
    """Some of the draws of `few_bits` for one purpose, whoever they are for."""

    purpose: bytes
    """`few`: what the name of the draws of any key begins with."""
    first: int
    last: int
    """Not included."""


def few(seed: int, purpose: str, week: int, first: int, last: int) -> Few:
    """The draws `first` to `last` (not included) for a purpose in a week."""
    return Few(_name(seed, purpose, week, ""), first, last)


def bits_of(several: Sequence[Few], key: str) -> NDArray[np.uint16]:
    """Some of the draws of several purposes, one purpose after the other, as `few_bits` says them."""
    encoded = key.encode("utf-8", "surrogatepass")
    drawn = [shake_128(purpose + encoded).digest(2 * last)[2 * first :] for purpose, first, last in several]
    return np.frombuffer(b"".join(drawn), dtype="<u2").astype(np.uint16, copy=False)


class Rng:
    """A random number generator for one purpose: a few draws, one after the other."""

    def __init__(self, seed: int, purpose: str, week: int, key: str) -> None:
        self._name = _name(seed, purpose, week, key)
        self._filled = 0
        self._words: list[int] = []

    def word(self) -> int:
        """Uniform in 0 .. 2**32 - 1."""
        if not self._words:
            block = blake2b(self._name + self._filled.to_bytes(4, "little"), digest_size=64).digest()
            self._words = list(unpack("<16I", block))
            self._filled += 1
        return self._words.pop()

    def unit(self) -> float:
        """Uniform in [0, 1)."""
        return self.word() / 4294967296.0

    def real(self, low: float, high: float) -> float:
        """Uniform in [low, high)."""
        return low + (high - low) * self.unit()

    def whole(self, low: int, high: int) -> int:
        """Uniform in low .. high, both included."""
        return low + (self.word() * (high - low + 1) >> 32)

    def normal(self) -> float:
        """Standard normal, to four decimals."""
        return round(NormalDist().inv_cdf((self.word() + 0.5) / 4294967296.0), 4)

    def index(self, weights: Sequence[float]) -> int:
        """An index into `weights`, each as likely as it weighs."""
        left = self.unit() * fsum(weights)
        for index, weight in enumerate(weights):
            left -= weight
            if left < 0:
                return index
        return max(index for index, weight in enumerate(weights) if weight)

    def count(self, cumulative: Sequence[float]) -> int:
        """How many things happen, by the cumulative probabilities of 0, 1, 2 ... (`poisson`)."""
        return bisect_right(cumulative, self.unit())


@lru_cache(maxsize=64)
def poisson(mean: float) -> tuple[float, ...]:
    """The probabilities of at most 0, 1, 2 ... occurrences where `mean` are expected; the last is all but 1."""
    probability = total = float(np.exp(-mean))
    found = [round(total, 9)]
    while total < 1 - 1e-7:
        probability *= mean / len(found)
        total += probability
        found.append(round(total, 9))
    return tuple(found)


@lru_cache(maxsize=1)
def _normal_table() -> Floats:
    inverse, levels = NormalDist().inv_cdf, 1 << TABLE_BITS
    upper: Floats = np.array([inverse((level + 0.5) / levels) for level in range(levels // 2, levels)])
    table: Floats = np.round(np.concatenate([-upper[::-1], upper]), 6)
    return table


@lru_cache(maxsize=256)
def lognormal_table(sigma: float) -> Floats:
    """Quantiles of a lognormal distribution with the mean 1, shape (2**TABLE_BITS,): what these bits of a draw mean.

    `sigma` is the standard deviation of the logarithm. The distribution ends where the table does: at 3.7 sigma.
    """
    table = np.asarray(np.round(np.exp(sigma * _normal_table() - sigma * sigma / 2), 6), dtype=np.float64)
    table.setflags(write=False)
    return table
