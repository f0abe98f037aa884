"""Values that stand for nothing: -1, -9999, 65535 or 4294967295 where something could not be measured. Pure.

They are told from the values themselves: one that recurs to the last digit, that nothing else comes near. A column in
which other values are negative too keeps its -1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from traffic.model import Floats

_TOPS = {2.0**31 - 1, 2.0**32 - 1, 2.0**63, 2.0**64}
"""The largest whole numbers of 32 and of 64 bits, these as near as a float comes."""
_SHORT_TOPS = {2.0**15 - 1, 2.0**16 - 1}
_BOTTOMS = {-(2.0**15), -(2.0**31), -(2.0**63)}
_USUAL = {-1.0, -127.0, -128.0}
_TWICE, _FAR, _FURTHER, _BELOW = 2.0, 3.0, 10.0, 5.0
"""How many times as large as all others one of `_TOPS`, an odd negative value, and one of `_SHORT_TOPS` or nothing but
nines has to be; and how many times as large as one of `_USUAL` some other one has to be."""
_OFTEN = 2
_SHOWN = {2.0**63: "9223372036854775807", 2.0**64: "18446744073709551615"}


@dataclass(frozen=True)
class Marker:
    """A value that stands for nothing, or may do so."""

    value: float
    rows: int
    sure: bool
    """Whether it is left out; if not, it is only said."""

    @property
    def shown(self) -> str:
        """The value as it is written."""
        return _SHOWN.get(self.value, f"{self.value:.0f}")


@dataclass
class _Edge:
    """The lowest of some values, and how often it occurs if it may be a marker."""

    counts: dict[float, int] = field(default_factory=dict)
    others: float = np.inf
    """The lowest of all that may be none."""

    def add(self, values: Floats, lowest: float, may_be: bool) -> None:
        if not may_be:
            self.others = min(self.others, lowest)
            return
        same = values == lowest
        self.counts[lowest] = self.counts.get(lowest, 0) + int(same.sum())
        self.others = min(self.others, float(values[~same].min(initial=np.inf)))

    def split(self) -> tuple[float | None, float]:
        """The lowest value, if it may be a marker, and the lowest of all others."""
        if not self.counts or (lowest := min(self.counts)) >= self.others:
            return None, min([self.others, *self.counts])
        return lowest, min([self.others, *(one for one in self.counts if one != lowest)])


class Markers:
    """Looks at values as they come."""

    def __init__(self) -> None:
        """Nothing was seen."""
        self._low, self._high = _Edge(), _Edge()

    def add(self, values: Floats) -> None:
        """Take notice of finite values, shape (n,)."""
        if not len(values):
            return
        low, high = float(values.min()), float(values.max())
        self._low.add(values, low, low < 0 and low.is_integer())
        if high in _TOPS or high in _SHORT_TOPS or _nines(high):
            self._high.add(-values, -high, may_be=True)
        else:
            self._high.others = min(self._high.others, -high)

    def found(self, octets: bool = False) -> list[Marker]:
        """What stands for nothing, as far as all values say that were added.

        Args:
            octets: whether they are bytes, of which a packet has 65535 at most.
        """
        low, above = self._low.split()
        high, below = self._high.split()
        high, below = None if high is None else -high, -below
        found = []
        if low is not None and (rows := self._low.counts[low]) >= _OFTEN and np.isfinite(above):
            largest = max(abs(above), abs(below))
            odd = _nines(-low) or low in _BOTTOMS
            far = -low >= _FAR * largest > 0
            if above < 0:
                # Other values are negative too, so this may be a real one.
                found += [Marker(low, rows, sure=True)] if far and odd else []
            else:
                usual = low in _USUAL and (far or largest >= _BELOW * -low)
                found.append(Marker(low, rows, sure=usual or (odd and largest > 0)))
        if high is not None and (rows := self._high.counts[-high]) >= _OFTEN and np.isfinite(below):
            times = _TWICE if high in _TOPS else _FURTHER
            if high >= times * max(abs(below), abs(above)) and below > 0 and not (octets and high in _SHORT_TOPS):
                found.append(Marker(high, rows, sure=True))
        return found


def _nines(value: float) -> bool:
    return value >= 99 and value.is_integer() and re.fullmatch(r"9{2,}", f"{value:.0f}") is not None


def remarks_on(markers: list[Marker], column: str) -> list[str]:
    """What a person should know of them.

    Args:
        markers: that were found.
        column: of the values.
    """
    found = []
    for one in markers:
        rows = f"{one.rows:,} rows contain {one.shown} in {column}"
        if one.sure:
            found.append(f"{rows}, which is treated as missing: --missing none keeps it")
        else:
            advice = f"if it means missing, --missing {one.shown} leaves it out"
            found.append(f"{rows}, and no other value is below 0: {advice}")
    return found
