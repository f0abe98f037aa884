"""What every type of anomaly is made of: settings, the plan of an incident, and the lines that it changes.

A type is one module with one class: its fields are the settings, `plan` draws an incident, `apply` changes its lines.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.logs.draws import Draws
from generator.logs.model import LEVELS, Block
from generator.rng import Rng
from traffic.errors import UsageFailure
from traffic.model import Floats, Ints
from traffic.settings import BadSetting, check
from traffic.times import duration

SHOWS = 3.6
"""How many times the usual a value has to reach before a detector at three times the usual is sure to see it."""
INFO, WARNING, ERROR, CRITICAL = (LEVELS.index(name) for name in ("INFO", "WARNING", "ERROR", "CRITICAL"))

_LARGEST_COUNT = 10**6


@dataclass(frozen=True, kw_only=True)
class IncidentPlan:
    """An incident before it is scheduled: what happens to the lines of one service.

    Per unit of the schedule (the time of one usual line) there are `rate` anomalous lines, and `displaced` usual ones
    are missing, of the `share` that the service has. `span`: how many units it lasts.
    """

    type: str
    kind: str
    rate: float
    displaced: float
    shows_in: tuple[str, ...]
    factor: float
    failing: float = 0.0
    """The share of the service's lines that fail, where that is all that changes."""
    level: float = 0.0
    """What the type needs besides: error rate, multiplier, number of addresses."""
    service: int = 0
    share: float = 0.0
    severity: float = 0.0
    entropy: int = 0
    """32 random bits for whatever else of it is drawn, such as where an attack comes from."""
    span: float = 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class AnomalousLines:
    """The lines of a block that belong to incidents of one type; `apply` changes the block in place.

    The arrays have an entry for each of these lines.
    """

    block: Block
    index: Ints
    """Their positions in the block."""
    draws: Draws
    """What their normal lines were drawn from."""
    bits: Draws
    """Shape (lines, 4): uniform 16 bits, used for nothing else."""
    progress: Floats
    """How far the incident is, 0 to 1."""
    plans: tuple[IncidentPlan, ...]
    which: Ints
    """Positions in `plans`."""

    def __len__(self) -> int:
        return len(self.index)

    def of(self, name: str) -> Floats:
        """A number of the plan of each line's incident."""
        return np.array([getattr(plan, name) for plan in self.plans], dtype=np.float64)[self.which]

    def kinds(self) -> dict[str, NDArray[np.bool_]]:
        """Kind -> which lines are of it."""
        names = np.array([plan.kind for plan in self.plans])[self.which]
        return {str(name): names == name for name in np.unique(names)}

    def uniform(self, number: int) -> Floats:
        """The draw `number` of each line, in [0, 1)."""
        return self.bits[:, number] / 65536.0

    def code(self, name: str) -> int:
        """An error code as its position in the vocabulary."""
        return self.block.words.errors.index(name)

    def say(self, groups: list[tuple[str, NDArray[np.bool_]]]) -> None:
        """Another message for the lines of each group."""
        for group, chosen in groups:
            options = self.block.words.groups[group]
            self._write(chosen, options[(self.bits[chosen, 3].astype(np.int64) * len(options)) >> 16])

    def suit_level(self) -> None:
        """Messages that suit a level that was changed."""
        options = self.block.words.normal[self.block.service[self.index], self.block.level[self.index]]
        everywhere = np.ones(len(self), dtype=bool)
        self._write(everywhere, options[np.arange(len(self)), self.bits[:, 3] >> 12])

    def fill(self, word: int, arguments: NDArray[np.int32]) -> None:
        """Where a message has a gap whose first argument is `word`, fill it with each line's argument."""
        templates = self.block.words.templates
        for gap in (0, 1):
            there = templates.low[self.block.template[self.index], gap] == word
            self.block.arguments[self.index[there], gap] = arguments[there]

    def server_errors(self, chosen: NDArray[np.bool_]) -> None:
        """A 5xx for these lines, with an error code that fits."""
        draw = self.bits[chosen, 2] >> 14
        self.block.status[self.index[chosen]] = np.array([500, 502, 503, 504], dtype=np.int16)[draw]
        codes = ("ERR_INTERNAL", "ERR_DB_CONNECTION", "ERR_SERVICE_UNAVAILABLE", "ERR_TIMEOUT")
        self.block.error[self.index[chosen]] = np.array([self.code(code) for code in codes], dtype=np.int8)[draw]

    def _write(self, chosen: NDArray[np.bool_], templates: NDArray[np.integer]) -> None:
        block, index = self.block, self.index[chosen]
        block.template[index] = templates
        block.arguments[index] = block.words.fill(block.template[index], self.draws[chosen])


@dataclass(frozen=True, kw_only=True)
class Anomaly(ABC):
    """What all types have. `duration` is a range of lengths of time, `duration_logs` a number of lines."""

    enabled: bool = True
    weight: float = 0.1
    duration_logs: int = 20
    duration: tuple[str, str] = ("15m", "60m")

    def __post_init__(self) -> None:
        check("weight", self.weight, 0, 1e6)
        check("duration_logs", self.duration_logs, 1, _LARGEST_COUNT)
        for index, text in enumerate(self.duration):
            try:
                check(f"duration[{index}]", duration(text), 1, 30 * 86400)
            except BadSetting:
                raise
            except UsageFailure as failure:
                raise BadSetting(f"duration[{index}]", str(failure)) from None
        if self.seconds[0] > self.seconds[1]:
            raise BadSetting("duration", f"the shorter one must come first: [{self.duration[1]}, {self.duration[0]}]")

    @property
    def seconds(self) -> tuple[int, int]:
        """The shortest and the longest duration."""
        return duration(self.duration[0]), duration(self.duration[1])

    @abstractmethod
    def plan(self, share: float, rng: Rng, silent: bool) -> IncidentPlan:
        """An incident on a service that has this share of the usual lines.

        `silent`: whether it may be one in which lines stop. Counted in lines, that would last for ever.
        """

    @abstractmethod
    def apply(self, lines: AnomalousLines) -> Floats:
        """Change the lines of incidents of this type; the score of each, 0 to 1."""


def check_some(setting: str, chosen: tuple[str, ...]) -> None:
    """A list of kinds that is not empty."""
    if not chosen:
        raise BadSetting(setting, "is empty; name at least one, or set enabled: false")


def if_shown(metric: str, shown: bool) -> tuple[str, ...]:
    """The metric, if an incident shows in it."""
    return (metric,) if shown else ()


def hundredths(milliseconds: Floats) -> NDArray[np.int32]:
    """Response times as a block has them."""
    found: NDArray[np.int32] = np.rint(np.clip(milliseconds, 1, 299_990) * 100).astype(np.int32)
    return found
