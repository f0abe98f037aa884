"""The history that policies are tried on, ours and those of other engines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analyzer.pipeline import Surveyed
from analyzer.reading.cache import CachedSource
from analyzer.reading.scope import Progress
from traffic.model import WEEK, Ints, Query, Window


@dataclass(frozen=True, eq=False)
class History:
    """What a store holds in the time that is looked at, and how it is read."""

    source: CachedSource
    surveyed: Surveyed
    resolution: int
    """Seconds of a bucket."""
    progress: Progress
    """Is told how many of the keys are done."""

    @cached_property
    def place_of(self) -> dict[str, int]:
        """Key -> its place among the keys of the survey."""
        return {key: place for place, key in enumerate(self.surveyed.spans)}

    def queries(self) -> Iterator[Query]:
        """One per block of keys; a block counts as done when the next one is asked for."""
        done = 0
        for keys, reach in self.surveyed.blocks:
            yield Query(self.source.metric, keys, reach, self.resolution)
            done += len(keys)
            self.progress(done, len(self.surveyed.spans))


def weeks_in(window: Window) -> int:
    """How many weeks a window has, at least one; the last may be shorter."""
    return max(1, -(-window.seconds // WEEK))


def week_of(times: Ints, window: Window) -> Ints:
    """The week of the window that each time lies in, from 0; what lies outside belongs to the first or last."""
    return np.clip((times - window.start) // WEEK, 0, weeks_in(window) - 1)
