"""When the keys of a store are there, and which part of that time is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from traffic.model import Window


@dataclass(frozen=True, eq=False)
class Presence:
    """The keys of a store in time."""

    spans: Mapping[str, Window]
    """The keys, and the time outside of which each has nothing."""
    looked: Window
    """What is judged, on whole hours."""
    begin: int | None = None
    """Of the store's first value; None: of no use, as no key is new."""
    end: int | None = None
    """Of the store's last value; None: of no use, as no key fell silent."""
