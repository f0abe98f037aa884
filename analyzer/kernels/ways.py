"""The ways in which an event opens: most of some length of time above a limit of its own. Each is a row of `WAYS`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from traffic.model import HOUR, Floats, Hours

SHARE = 0.8
"""The share of its length for which a level must be held."""


@dataclass(frozen=True)
class Way:
    """A way to open an event: a level held for most of some time, compared with the levels held that long before."""

    name: str
    seconds: int | None
    """For how long; None: what the policy states, so many buckets inside so long a time."""
    level: Callable[[Hours, int], Floats]
    """Of roll-ups and the buckets that an hour has room for: what the hour is above for so long.

    It holds where that is more than one bucket: `reached`.
    """

    def reached(self, hours: Hours, per_hour: int, *, alone: bool) -> Floats:
        """The level that each hour holds in this way: its highest bucket if one is enough.

        Args:
            per_hour: buckets that an hour has room for.
            alone: whether one bucket is enough for what the policy states.
        """
        lone = alone if self.seconds is None else self.buckets(HOUR // per_hour, (1, 0))[0] == 1
        return hours.maximum if lone else self.level(hours, per_hour)

    def buckets(self, resolution: int, stated: tuple[int, int]) -> tuple[int, int]:
        """Number of buckets that must be above the limit, and the seconds within which they must start."""
        if self.seconds is None:
            return stated
        return max(1, math.ceil(SHARE * self.seconds / resolution)), max(self.seconds, resolution)


def _twenty_minutes(hours: Hours, per_hour: int) -> Floats:
    """What an hour is above for 20 minutes, about: between what two buckets reach and what half of it reaches.

    Geometrically, as far from the one to the other as 20 minutes are from two buckets to 30 minutes.
    """
    if per_hour <= 6:
        return hours.second
    share = (20 - 120 / per_hour) / (30 - 120 / per_hour)
    level: Floats = np.maximum(hours.second, 0.0) ** (1 - share) * np.maximum(hours.p50, 0.0) ** share
    return level


MATCHES = Way("matches", None, lambda hours, _: hours.second)
WAYS = (
    MATCHES,
    Way("25 minutes", 25 * 60, _twenty_minutes),
    Way("half an hour", 30 * 60, lambda hours, _: hours.p50),
    Way("an hour", 60 * 60, lambda hours, _: hours.p20),
)
"""With the rule `held` an event opens in any of these. Measured in docs/detection.md, "What each rule bought"."""
