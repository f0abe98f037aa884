"""Policies of other engines as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analyzer.kernels.spike import Turn, Window
from analyzer.kernels.stored import Compared
from traffic.model import DAY, HOUR

Operator = Literal[">", ">=", "<", "<="]
Fallback = Literal["lowest", "highest", "trigger", "skip", "value"]
Percentage = Literal["over", "of"]
"""Whether 200 % above a baseline is three times it, or twice."""


@dataclass(frozen=True)
class Static:
    """The value itself is compared."""

    operator: Operator
    value: float


@dataclass(frozen=True)
class OfBaseline:
    """The value is compared with a baseline."""

    above: bool
    amount: float
    """In the metric's unit, or percent."""
    percent: bool
    fallback: Fallback = "skip"
    """What holds where there is no baseline."""
    value: float = 0.0
    """Stands for the baseline where the fallback is `value`."""


Condition = Static | OfBaseline


@dataclass(frozen=True)
class Activation:
    """When matches are an alert, and when it is over."""

    matches: int = 1
    within: int = 1
    """Seconds."""
    quiet: int = 0
    """Seconds without a match that reset it."""


@dataclass(frozen=True)
class Level:
    """Conditions all of which have to hold, and how loud it is then."""

    severity: str
    conditions: tuple[Condition, ...]
    activation: Activation


@dataclass(frozen=True)
class KeptBaseline:
    """How a baseline is kept and made: `analyzer.kernels.stored`."""

    keys: int = 25
    """Series of which an evaluation is kept, those that have most."""
    length: int = 28 * DAY
    offset: int = DAY
    rollup: float = 98.0
    """Percent of an hour's evaluations; 0 and 100 are minimum and maximum."""
    compared: Compared = "weeks"
    radius: int = 0
    """Seconds."""
    near: float = 50.0
    final: float = 95.0

    @property
    def hours(self) -> tuple[int, int, int]:
        """Length, offset and radius in hours."""
        return self.length // HOUR, self.offset // HOUR, self.radius // HOUR


@dataclass(frozen=True)
class Thresholds:
    """A policy of thresholds: Kentik's, or a static one."""

    engine: str
    name: str
    levels: tuple[Level, ...]
    frequency: int = 60
    """Seconds between evaluations, and what each looks at."""
    looks_at: int | None = None
    """Series that an evaluation looks at, those that have most; None: all."""
    kept: KeptBaseline | None = None
    id: str = ""
    """By which the account names it."""
    percentage: Percentage = "over"
    not_emulated: tuple[str, ...] = ()
    """A line each."""

    @property
    def needs_baseline(self) -> bool:
        """Whether a condition compares with one."""
        return any(isinstance(one, OfBaseline) for level in self.levels for one in level.conditions)


@dataclass(frozen=True)
class Aggregated:
    """ElastAlert's `metric_aggregation`: windows one after the other, or sliding, each compared with thresholds."""

    name: str
    how: Window
    of: str
    """The field."""
    window: int
    every: int
    """Seconds from window to window."""
    above: float | None = None
    below: float | None = None
    realert: int = 60
    by_key: bool = True
    """Whether it looks at each series by itself."""
    not_emulated: tuple[str, ...] = ()
    engine: str = "elastalert"


@dataclass(frozen=True)
class Spike:
    """ElastAlert's `spike` and `spike_aggregation`: a window against the one before it."""

    name: str
    how: Window
    of: str
    """The field; "" counts documents."""
    window: int
    height: float
    turn: Turn
    least_before: float = 0.0
    least_now: float = 0.0
    realert: int = 60
    by_key: bool = True
    """Whether it looks at each series by itself."""
    not_emulated: tuple[str, ...] = ()
    engine: str = "elastalert"


Elsewhere = Thresholds | Aggregated | Spike
