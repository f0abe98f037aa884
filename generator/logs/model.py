"""Values of the log side: a block of lines in columns, an incident, counts. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.logs.vocabulary import NONE, Vocabulary
from traffic.model import Ints

METRICS = ("requests", "errors", "latency")
"""What a detector counts or averages, and where an incident can show."""

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

MISSING = np.iinfo(np.int32).min
"""A response time that a line does not have."""


@dataclass(frozen=True)
class LogIncident:
    """Something that went wrong with one service, from its first line to its last.

    `kind` is the detail of the type (`brute_force`, `memory`, `complete` ...; the type itself where it has none).
    `start`, `end`: microseconds since 1970, half-open, None until the first line and until it is over.
    `factor`: how many times the usual the service's lines become (error spikes, security threats, silent outages), its
    response times (latency, resources), or its share of errors (all other; NaN where there are none usually).
    `lines`: anomalous lines so far.
    """

    id: str
    type: str
    kind: str
    service: str
    shows_in: tuple[str, ...]
    factor: float
    start: int | None = None
    end: int | None = None
    lines: int = 0


@dataclass(frozen=True)
class Stats:
    """What a stream has handed out so far: lines, anomalous ones among them, incidents begun, and those going on."""

    lines: int
    anomalous: int
    incidents: int
    active: int


@dataclass(frozen=True, eq=False)
class Block:
    """Lines in the order of their times, one entry of each column per line. `formats.encode` makes texts of them.

    What a column of numbers stands for is in `words`; `NONE` is a value that the line does not have.
    """

    words: Vocabulary
    first: int
    """Number of the first line in its stream."""
    time_us: Ints
    """Microseconds since 1970, never falling."""
    level: NDArray[np.uint8]
    """Position in `LEVELS`."""
    service: NDArray[np.int32]
    """Position in `words.services` and `words.sources` (its source)."""
    template: NDArray[np.int32]
    """Position in `words.templates`."""
    arguments: NDArray[np.int32]
    """Shape (lines, 2): positions in `words.arguments`, for the two gaps of the template."""
    request: NDArray[np.uint8]
    """Shape (lines, 16): the bytes of the request's UUID. They are random: what else a format needs comes from them."""
    address: NDArray[np.uint32]
    """IPv4 address."""
    response_cs: NDArray[np.int32]
    """Hundredths of a millisecond, or `MISSING`; they can be negative where data are wrong."""
    status: NDArray[np.int16]
    """HTTP status, or `NONE`."""
    endpoint: NDArray[np.int16]
    """Position in `words.endpoints`, or `NONE`."""
    method: NDArray[np.int8]
    """Position in `words.methods`."""
    error: NDArray[np.int8]
    """Position in `words.errors`, or `NONE`."""
    kind: NDArray[np.int8]
    """Type of anomaly as a position in `types.TYPES`, or `NONE` for a normal line."""
    score: NDArray[np.int16]
    """Ten-thousandths."""
    incident: NDArray[np.int32]
    """Position in `incidents`, or `NONE`."""
    incidents: tuple[str, ...]
    """Ids of the incidents that have lines here."""

    def __len__(self) -> int:
        return len(self.time_us)

    def head(self, count: int) -> Block:
        """The first `count` lines."""
        whole = {one.name: getattr(self, one.name) for one in fields(self)}
        parts: dict[str, Any] = {name: part[:count] for name, part in whole.items() if isinstance(part, np.ndarray)}
        return replace(self, **parts)

    @property
    def anomalous(self) -> int:
        """How many of the lines belong to an incident."""
        return int(np.count_nonzero(self.incident != NONE))
