"""The history on which policies are tried, ours and those of other engines."""

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
    """The data of a store in the window of a run, and how they are read."""

    source: CachedSource
    surveyed: Surveyed
    resolution: int
    """Seconds of a bucket."""
    progress: Progress
    """Called with the number of keys that are done, and of all keys."""

    @cached_property
    def place_of(self) -> dict[str, int]:
        """Key -> its index among the keys of the survey."""
        return {key: place for place, key in enumerate(self.surveyed.spans)}

    def queries(self) -> Iterator[Query]:
        """One per block of keys; a block counts as done when the caller takes the next one."""
        done = 0
        for keys, reach in self.surveyed.blocks:
            yield Query(self.source.metric, keys, reach, self.resolution)
            done += len(keys)
            self.progress(done, len(self.surveyed.spans))


def weeks_in(window: Window) -> int:
    """Number of weeks in a window, at least one; the last may be shorter."""
    return max(1, -(-window.seconds // WEEK))


def week_of(times: Ints, window: Window) -> Ints:
    """Index of the week of the window that contains each time (epoch seconds); times outside get the first or last."""
    return np.clip((times - window.start) // WEEK, 0, weeks_in(window) - 1)
