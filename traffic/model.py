"""The values that the rooms of the house hand to each other. Frozen, no I/O.

Times are UTC epoch seconds (int). Windows are half-open. NaN is missing, which is not zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from hashlib import blake2b
from typing import Literal

import numpy as np
from numpy.typing import NDArray

HOUR = 3600
DAY = 24 * HOUR
WEEK = 7 * DAY
# The epoch was a Thursday; the first Monday 00:00 UTC is four days later.
FIRST_MONDAY = 4 * DAY

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Counts = NDArray[np.uint32]

Statistic = Literal["sum", "count", "avg", "max", "share", "p95"]
Empty = Literal["zero", "missing"]
Kind = Literal["required", "optional", "ignore", "decoy"]
Direction = Literal["above", "below"]
Split = Literal["excess", "mean", "rows"]
"""What is split: an amount; a mean or a share, by rate and mix; of what has no parts, such as a p95, the rows that lie
beyond the limit."""


def floor_to(time: int, step: int) -> int:
    """The last multiple of `step` seconds at or before `time`."""
    return time - time % step


def ceil_to(time: int, step: int) -> int:
    """The first multiple of `step` seconds at or after `time`."""
    return time + -time % step


def week_start(time: int) -> int:
    """Monday 00:00 UTC of the week that holds `time`."""
    return time - (time - FIRST_MONDAY) % WEEK


@dataclass(frozen=True, order=True)
class Window:
    """A stretch of time, `[start, end)`, in UTC epoch seconds."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"a window cannot end ({self.end}) before it starts ({self.start})")

    @property
    def seconds(self) -> int:
        """Its length."""
        return self.end - self.start

    def overlap(self, other: Window) -> int:
        """Seconds that both share; 0 where they do not meet."""
        return max(0, min(self.end, other.end) - max(self.start, other.start))

    def clip(self, other: Window) -> Window:
        """The part of this window that lies in `other`; empty (at one of other's edges) where none does."""
        start = min(max(self.start, other.start), other.end)
        return Window(start, max(start, min(self.end, other.end)))

    def hull(self, other: Window) -> Window:
        """The smallest window that holds both."""
        return Window(min(self.start, other.start), max(self.end, other.end))

    def widen(self, step: int) -> Window:
        """The smallest window on multiples of `step` seconds that holds this one."""
        return Window(floor_to(self.start, step), ceil_to(self.end, step))

    def pieces(self, step: int, offset: int = 0) -> Iterator[Window]:
        """Cut at absolute multiples of `step` (shifted by `offset`), so that another window shares the same cuts."""
        start = self.start
        while start < self.end:
            end = min(self.end, floor_to(start - offset, step) + offset + step)
            yield Window(start, end)
            start = end

    def weeks(self) -> Iterator[Window]:
        """Cut at Mondays 00:00 UTC."""
        return self.pieces(WEEK, FIRST_MONDAY)


@dataclass(frozen=True)
class Grid:
    """`count` buckets of `step` seconds from `start`, a multiple of `step`. Times are computed, never stored."""

    start: int
    step: int
    count: int

    def __post_init__(self) -> None:
        if self.step <= 0 or self.count < 0 or self.start % self.step:
            raise ValueError(f"not a grid: start {self.start}, step {self.step}, count {self.count}")

    @classmethod
    def over(cls, window: Window, step: int) -> Grid:
        """The grid whose buckets cover `window`."""
        wide = window.widen(step)
        return cls(wide.start, step, wide.seconds // step)

    @property
    def window(self) -> Window:
        """From the start of the first bucket to the end of the last."""
        return Window(self.start, self.start + self.count * self.step)

    def index(self, time: int) -> int:
        """Which bucket holds `time`; may lie outside 0..count-1."""
        return (time - self.start) // self.step

    def slice(self, window: Window) -> slice:
        """The buckets that start in `window`."""
        first = max(0, -(-(window.start - self.start) // self.step))
        last = max(first, min(self.count, -(-(window.end - self.start) // self.step)))
        return slice(min(first, self.count), min(last, self.count))

    def times(self) -> Ints:
        """Start of each bucket, shape (count,)."""
        return self.start + self.step * np.arange(self.count, dtype=np.int64)


@dataclass(frozen=True)
class Metric:
    """What is measured: a field, how a bucket is computed from it, and the name of the result.

    The value of a bucket is the statistic over all that fell into it, times `scale`, divided by the bucket's
    seconds when `rate` is set. `share` is what meets a condition of the store's (it is an error) over all; `count`
    counts what meets it, where there is one.
    """

    name: str
    field: str
    statistic: Statistic
    scale: float = 1.0
    unit: str = ""
    empty: Empty = "missing"
    rate: bool = False

    def factor(self, resolution: int) -> float:
        """Factor by which a bucket's statistic is multiplied."""
        return self.scale / resolution if self.rate else self.scale

    @property
    def per_second(self) -> bool:
        """Whether a value is so much in a second: made so of a sum, or by what it is called, as `bit/s` of a file."""
        return self.rate or self.unit.endswith(("/s", "bps", "pps"))

    @property
    def adds_up(self) -> bool:
        """Whether the buckets of an hour add up to the hour.

        Of any other statistic a coarser bucket cannot be made of finer ones (the p95s of two minutes are no p95 of
        both): the store has to be asked for it.
        """
        return self.statistic in ("sum", "count")

    @property
    def least(self) -> int:
        """How many documents a bucket needs: of fewer it is missing. One error in three lines is no share of 33 %."""
        return 10 if self.statistic == "share" else 1


# The default metric of everything this project generates: bits per second from bytes.
BITS = Metric(name="bits", field="network.bytes", statistic="sum", scale=8.0, unit="bit/s", empty="zero", rate=True)


@dataclass(frozen=True)
class Query:
    """A query to a store: this metric of these keys, in this window, in buckets of `resolution` seconds."""

    metric: Metric
    keys: tuple[str, ...]
    window: Window
    resolution: int
    percent: float = 95.0
    """Which percentile of its buckets is `Hours.high`, where hours are asked for."""


def _freeze(*arrays: NDArray[np.generic]) -> None:
    for array in arrays:
        array.setflags(write=False)


@dataclass(frozen=True, eq=False)
class Matrix:
    """Series on one grid: `values` has shape (keys, buckets), float64, NaN = missing. Read-only."""

    keys: tuple[str, ...]
    grid: Grid
    values: Floats
    rows: Counts | None = None
    """Number of the store's rows in each bucket, shape (keys, buckets); None if unknown."""

    def __post_init__(self) -> None:
        for array in (self.values,) if self.rows is None else (self.values, self.rows):
            if array.shape != (len(self.keys), self.grid.count):
                raise ValueError(f"{array.shape} values for {len(self.keys)} keys x {self.grid.count} buckets")
            _freeze(array)


def second_percent(per_hour: int) -> float:
    """Which percentile `Hours.second` is where an hour has room for `per_hour` buckets; the maximum for one."""
    return 100.0 * (per_hour - 2) / (per_hour - 1) if per_hour > 1 else 100.0


@dataclass(frozen=True, eq=False)
class Hours:
    """Hourly roll-ups: arrays of one shape, usually (keys, hours).

    Of the hour's buckets at the query's resolution that are there: `count` says how many, everything else is NaN where
    that is 0. Percentiles are linear. `high` is the query's `percent`, the p95 as a rule. `second` is the percentile
    100 (n - 2) / (n - 1), n being the buckets that an hour has room for (`second_percent`): the second highest of a
    full hour.
    """

    high: Floats
    maximum: Floats
    minimum: Floats
    mean: Floats
    count: Floats
    second: Floats
    p50: Floats
    p20: Floats

    def __iter__(self) -> Iterator[Floats]:
        """The arrays, in the order of the fields."""
        return (getattr(self, name) for name in HOUR_FIELDS)

    @classmethod
    def of(cls, arrays: Iterable[Floats]) -> Hours:
        """From the arrays, in the order of the fields."""
        return cls(**dict(zip(HOUR_FIELDS, arrays, strict=True)))

    def each(self, what: Callable[[Floats], Floats]) -> Hours:
        """The same of each array."""
        return Hours.of(map(what, self))


HOUR_FIELDS = tuple(field.name for field in fields(Hours))
"""What a roll-up says of an hour, in the order in which it is kept."""


@dataclass(frozen=True, eq=False)
class Rollup:
    """What the hours of `grid` (its step is 3600) come to, per key: arrays of shape (keys, hours). Read-only."""

    keys: tuple[str, ...]
    grid: Grid
    hours: Hours
    rows: Counts | None = None
    """Number of the store's rows in each hour, shape (keys, hours); None if unknown."""

    def __post_init__(self) -> None:
        shape = (len(self.keys), self.grid.count)
        for name, array in zip(HOUR_FIELDS, self.hours, strict=True):
            if array.shape != shape:
                raise ValueError(f"{name} has the shape {array.shape}, expected {shape}")
        _freeze(*self.hours)
        if self.rows is not None:
            if self.rows.shape != shape:
                raise ValueError(f"rows have the shape {self.rows.shape}, expected {shape}")
            _freeze(self.rows)


@dataclass(frozen=True, slots=True)
class Label:
    """One interval of ground truth: what happened to `key` in `[start, end)`, and whether a detector has to find it."""

    id: str
    key: str
    start: int
    end: int
    shape: str
    factor: float
    direction: Direction
    kind: Kind
    campaign: str = ""
    """Name of the campaign that it is part of, if it hit several keys."""
    culprit: str = ""
    """Its cause, if known: `dst_port=53`, `dst_port=53 & src_as=64512`, `src_as=64513 | src_as=7`."""

    @property
    def window(self) -> Window:
        """Its interval."""
        return Window(self.start, self.end)


def block_of(key: str, bits: int) -> int:
    """The block of a key: the first `bits` bits of a stable hash of its name, so that a new key shifts no other."""
    return int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=4).digest(), "big") >> (32 - bits)


def block_bits(keys: int, size: int) -> int:
    """How many bits of hash cut `keys` keys into blocks of about `size`."""
    return max(0, -(-keys // size) - 1).bit_length()


def blocks(keys: Sequence[str], bits: int) -> list[tuple[str, ...]]:
    """The keys in their blocks, both in a fixed order; empty blocks are left out."""
    found: dict[int, list[str]] = {}
    for key in keys:
        found.setdefault(block_of(key, bits), []).append(key)
    return [tuple(sorted(found[block])) for block in sorted(found)]
