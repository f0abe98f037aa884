"""Requests to a web site with six fields each, most of them around the busiest hour of the day.

timestamp, ip, method, endpoint, response_code, response_time (milliseconds): what `analyze` and its notebook read.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.logs.model import LogIncident
from generator.logs.normal import table_of
from generator.logs.sinks import Lines
from traffic.errors import UsageFailure
from traffic.model import DAY, Ints

PEAK = 14.0
"""The busiest hour, UTC."""
SPREAD = 4.0
"""Standard deviation of the hours around it."""
PER_DAY = 10_000

_METHODS = {"GET": 0.78, "POST": 0.14, "PUT": 0.05, "DELETE": 0.03}
_CODES = {200: 0.86, 201: 0.04, 301: 0.02, 404: 0.06, 500: 0.02}
_ENDPOINTS = {
    "/": 20.0,
    "/login": 8.0,
    "/search": 12.0,
    "/cart": 7.0,
    "/checkout": 3.0,
    "/api/data": 15.0,
    "/api/users": 9.0,
    "/api/orders": 8.0,
    "/products": 11.0,
    "/about": 2.0,
    "/images/logo.png": 5.0,
}
_MEDIAN_MS = 120.0
_SIGMA = 0.55
_LATE = 0.004
"""The share of requests that take ten times as long: what a look at outliers finds."""
_WORDS = 3


class WebFeed:
    """Requests from `start` to `end` (epoch seconds; `generator.logs.run.Feed`): `total`, or PER_DAY a day.

    Every day has the same bell around its busiest hour; requests come one after the other.
    """

    def __init__(self, seed: int, start: int, end: int, total: int | None = None) -> None:
        """Lay the requests out over the window.

        Raises:
            UsageFailure: the window is empty.
        """
        if end <= start:
            raise UsageFailure("the window is empty: --start must be before --end")
        self._reached, self._edges = _bell()
        self._origin = start - start % DAY
        self._from, self._to = self._share(start), self._share(end)
        self.total = total or max(round((self._to - self._from) * PER_DAY), 1)
        self._run = f"web-{seed}-{start}-{end}-{self.total}"
        entropy = int.from_bytes(blake2b(self._run.encode(), digest_size=16).digest(), "little")
        self._bits = np.random.SFC64(np.random.SeedSequence(entropy))
        self._line = 0
        self._tables = _tables()

    @property
    def ended(self) -> bool:
        """Whether there are no more."""
        return self._line >= self.total

    @property
    def anomalous(self) -> int:
        """Nothing goes wrong here."""
        return 0

    def take(self, count: int, now: int | None = None) -> Lines:
        """The next `count` requests. They have times of their own; `now` does not count."""
        del now
        first, last = self._line, min(self._line + count, self.total)
        self._line, count = last, last - first
        draws = self._bits.random_raw(count * _WORDS).astype("<u8", copy=False).view("<u2").reshape(count, -1)
        # One in each equal part of what there is in all: in order, and never two at the same place.
        parts = (np.arange(first, last) + draws[:, 0] / 65536) / self.total
        times = self._times(self._from + (self._to - self._from) * parts)
        method, code, endpoint, taken = (table[draws[:, 1 + index]] for index, table in enumerate(self._tables))
        late = np.where(draws[:, 5] / 65536 < _LATE, 10.0, 1.0)
        milliseconds = np.rint(taken * late).astype(np.int64)
        address = draws[:, 6].astype(np.int64) ** 2 >> 18
        texts = [
            f'{{"timestamp": "{time}", "ip": "10.{ip >> 10}.{ip >> 4 & 63}.{1 + (ip & 15)}", "method": "{verb}", '
            f'"endpoint": "{path}", "response_code": {status}, "response_time": {spent}}}'.encode()
            for time, ip, verb, path, status, spent in zip(
                np.datetime_as_string(times.view("M8[us]"), unit="s").tolist(),
                address.tolist(),
                method.tolist(),
                endpoint.tolist(),
                code.tolist(),
                milliseconds.tolist(),
                strict=True,
            )
        ]
        return Lines(self._run, first, times, texts)

    def drain(self) -> tuple[LogIncident, ...]:
        """Nothing goes wrong here."""
        return ()

    def close(self) -> tuple[LogIncident, ...]:
        """Nothing goes wrong here."""
        return ()

    def _share(self, time: int) -> float:
        """Days since the first one, each as far as its bell has come."""
        day, second = divmod(time - self._origin, DAY)
        return day + float(np.interp(second, self._edges, self._reached))

    def _times(self, shares: NDArray[np.float64]) -> Ints:
        days, part = np.divmod(shares, 1.0)
        seconds = np.interp(part, self._reached, self._edges)
        times: Ints = np.rint((self._origin + days * DAY + seconds) * 1e6).astype(np.int64)
        return times


def _bell() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Which share of a day's requests has come by which second of it; the bell goes round at midnight."""
    edges = np.arange(0, DAY + 1, 900, dtype=np.float64)
    bell = NormalDist(0, SPREAD)
    hours = (edges[:-1] + 450) / 3600
    heights = np.array([sum(bell.pdf(hour - PEAK + 24 * turn) for turn in (-1, 0, 1)) for hour in hours])
    # At night there is somebody, too.
    heights += 0.1 * heights.max()
    reached = np.concatenate([[0.0], np.cumsum(heights)])
    return reached / reached[-1], edges


def _weighted(values: Mapping[Any, float]) -> NDArray[Any]:
    return np.array(list(values))[table_of(range(len(values)), list(values.values()))]


def _tables() -> tuple[NDArray[Any], ...]:
    """Method, code, endpoint, and milliseconds, by 16 bits."""
    found = [_weighted(values) for values in (_METHODS, _CODES, _ENDPOINTS)]
    inverse = NormalDist().inv_cdf
    some = np.array([inverse((step + 0.5) / 1024) for step in range(1024)])
    deviates = np.interp((np.arange(1 << 16) + 0.5) / (1 << 16), (np.arange(1024) + 0.5) / 1024, some)
    return (*found, np.exp(np.log(_MEDIAN_MS) + _SIGMA * deviates))
