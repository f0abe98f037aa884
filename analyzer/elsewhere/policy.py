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
"""Whether 200 % means three times the baseline (over), or twice (of)."""


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
    """What applies if there is no baseline."""
    value: float = 0.0
    """Used as the baseline if the fallback is `value`."""


Condition = Static | OfBaseline


@dataclass(frozen=True)
class Activation:
    """When matches become an alert, and when it ends."""

    matches: int = 1
    within: int = 1
    """Seconds."""
    quiet: int = 0
    """Seconds without a match that end it."""


@dataclass(frozen=True)
class Level:
    """Conditions that all have to hold, and the severity if they do."""

    severity: str
    conditions: tuple[Condition, ...]
    activation: Activation


@dataclass(frozen=True)
class KeptBaseline:
    """How a baseline is stored and computed: `analyzer.kernels.stored`."""

    keys: int = 25
    """Number of series of which an evaluation is stored, the largest ones."""
    length: int = 28 * DAY
    offset: int = DAY
    rollup: float = 98.0
    """Percentile of an hour's evaluations; 0 and 100 are minimum and maximum."""
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
    """A threshold policy: one of Kentik, or a static one."""

    engine: str
    name: str
    levels: tuple[Level, ...]
    frequency: int = 60
    """Seconds between evaluations, and the length of what each looks at."""
    looks_at: int | None = None
    """Number of series that an evaluation looks at, the largest ones; None: all."""
    kept: KeptBaseline | None = None
    id: str = ""
    """Its id in the account."""
    percentage: Percentage = "over"
    not_emulated: tuple[str, ...] = ()
    """What is not emulated, one line each."""

    @property
    def needs_baseline(self) -> bool:
        """Whether a condition compares with one."""
        return any(isinstance(one, OfBaseline) for level in self.levels for one in level.conditions)


@dataclass(frozen=True)
class Aggregated:
    """ElastAlert's `metric_aggregation`: consecutive or sliding windows, each compared with thresholds."""

    name: str
    how: Window
    of: str
    """The field."""
    window: int
    every: int
    """Seconds from one window to the next."""
    above: float | None = None
    below: float | None = None
    realert: int = 60
    by_key: bool = True
    """Whether it looks at each series separately."""
    not_emulated: tuple[str, ...] = ()
    engine: str = "elastalert"


@dataclass(frozen=True)
class Spike:
    """ElastAlert's `spike` and `spike_aggregation`: a window compared with the one before it."""

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
    """Whether it looks at each series separately."""
    not_emulated: tuple[str, ...] = ()
    engine: str = "elastalert"


Elsewhere = Thresholds | Aggregated | Spike
