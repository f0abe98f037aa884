"""Times that are numbers and do not count from 1970: told by their size or name, or refused with what they may be."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from traffic.model import DAY
from traffic.store.files.numerals import is_blank
from traffic.times import iso

JSON_DATE = ("json-date",)
"""The format of times as .NET writes them into JSON: milliseconds since 1970 inside of a text."""
JSON_DATES = r"\\?/Date\((-?\d+)(?:[-+]\d{4})?\)\\?/"
_EARLY = 788_918_400
"""1995: what lies before it is rarely meant."""
_RECENT = 15 * 365 * DAY
"""How long ago times may be that are taken for those of another count."""


@dataclass(frozen=True)
class Epoch:
    """A way to count time."""

    title: str
    units: int
    """That are a second."""
    before: int
    """Seconds from its beginning to 1970."""
    sizes: tuple[float, float] = (0.0, 0.0)
    """Between which numbers mean nothing else, those of 1995 to 2100."""

    def unix(self, number: float) -> float:
        """Seconds since 1970."""
        return number / self.units - self.before


EPOCHS: Mapping[str, Epoch] = {
    "unix": Epoch("seconds since 1970", 1, 0),
    "filetime": Epoch("steps of 100 ns since 1601, as Windows counts them", 10**7, 11_644_473_600, (1.24e17, 1.58e17)),
    "ticks": Epoch("steps of 100 ns since the year 1, as .NET counts them", 10**7, 62_135_596_800, (6.29e17, 6.63e17)),
    "ntp": Epoch("seconds since 1900, as NTP counts them", 1, 2_208_988_800),
    "cocoa": Epoch("seconds since 2001, as Apple counts them", 1, -978_307_200),
    # GPS knows no leap seconds: 18 have been added to UTC since it began.
    "gps": Epoch("seconds since 6 January 1980, as GPS counts them", 1, 18 - 315_964_800),
}
"""What `--time-format` may be beside the format of a text."""


def epoch_format(column: str, cells: Iterable[str | None]) -> tuple[str, ...] | None:
    """How a column counts its times, where its name or its numbers tell; None: since 1970, or it holds no numbers."""
    there = [cell.strip() for cell in cells if cell is not None and not is_blank(cell)]
    if there and all(re.fullmatch(JSON_DATES, cell) for cell in there):
        return JSON_DATE
    if not there or not all(re.fullmatch(r"\d+(?:\.\d+)?", cell) for cell in there):
        return None
    numbers = [float(cell) for cell in there]
    # What is called so may have been converted: then it would lie in the future.
    if re.match(r"gps|.*[\W_]gps", column, re.IGNORECASE) and _likely("gps", min(numbers), max(numbers)):
        return ("gps",)
    return next(((name,) for name, one in EPOCHS.items() if all(map(_within(one), numbers))), None)


def is_windows(cell: str) -> bool:
    """Whether a number is a time as Windows and .NET count it, and nothing else."""
    return bool(re.fullmatch(r"\d{18}", cell)) and any(_within(one)(float(cell)) for one in EPOCHS.values())


def epoch_sql(cell: str, name: str) -> str:
    """SQL of the seconds since 1970 of a text; null where it holds no number."""
    one = EPOCHS[name]
    # Whole numbers of 100 ns have more digits than a double.
    whole = f"TRY_CAST({cell} AS HUGEINT) / {one.units}" if one.units > 1 else f"TRY_CAST({cell} AS DOUBLE)"
    return f"({whole} - {one.before})"


def other_epoch(first: int, last: int) -> str | None:
    """What times that were read as since 1970 count instead, where they lie absurdly far off; None: nothing known.

    Args:
        first: of them, in seconds since 1970.
        last: of them.
    """
    if first >= _EARLY and last <= time.time() + 365 * DAY:
        return None
    found = [name for name, one in EPOCHS.items() if one.units == 1 and name != "unix" and _likely(name, first, last)]
    if not found:
        return None
    return " or ".join(
        f"{EPOCHS[name].title} (of {iso(int(EPOCHS[name].unix(first)))}): --time-format {name}" for name in found
    )


def _likely(name: str, first: float, last: float) -> bool:
    now = time.time()
    return now - _RECENT <= EPOCHS[name].unix(first) and EPOCHS[name].unix(last) <= now + DAY


def _within(one: Epoch) -> Callable[[float], bool]:
    return lambda number: one.sizes[0] < number < one.sizes[1]
