"""The detector on suites that are held in memory: rolled up once, judged as often as settings are tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analyzer.judging.detect import find_events
from analyzer.judging.presence import Presence
from analyzer.kernels.rollup import roll_up
from analyzer.model import Event, Policy
from analyzer.reading.blocks import groups
from bench.suites import LabelledSeries, Suite
from traffic.model import HOUR, WEEK, Floats, Grid, Hours, Matrix, Metric, Query, Rollup, Window, week_start
from traffic.store.base import Limits

VALUE = Metric(name="value", field="value", statistic="avg")
"""What `discover` takes a file's column of that name for."""


@dataclass(frozen=True, eq=False)
class Block:
    """Series of one step that are judged together, as `discover` would read them from one file."""

    metric: Metric
    keys: tuple[str, ...]
    spans: dict[str, Window]
    grid: Grid
    values: Floats
    hours: Hours

    def rollup(self, query: Query) -> Rollup:
        """The hours of all its keys: nothing else is asked for."""
        if (query.keys, query.window) != (self.keys, self.grid.window):
            raise ValueError("a block is asked for as a whole")
        return Rollup(self.keys, Grid.over(query.window, HOUR), self.hours)

    def series_many(self, queries: Sequence[Query]) -> list[Matrix]:
        """The buckets of each query."""
        row = {key: number for number, key in enumerate(self.keys)}
        return [
            Matrix(
                query.keys,
                Grid.over(query.window, query.resolution),
                self.values[[row[key] for key in query.keys], self.grid.slice(query.window)],
            )
            for query in queries
        ]

    def events(self, policy: Policy) -> list[Event]:
        """What `discover` finds with that policy."""
        window = self.grid.window
        return list(
            find_events(self, self.keys, window, Presence(self.spans, window), self.grid.step, policy, {}).events
        )


def blocks_of(suite: Suite) -> list[Block]:
    """A suite's series in the blocks that `discover` makes of one file for each step."""
    found = []
    for step in sorted({one.step for one in suite.series}):
        series = {one.name: one for one in suite.series if one.step == step}
        spans = {name: _span(one) for name, one in sorted(series.items())}
        extent = Window(min(span.start for span in spans.values()), max(span.end for span in spans.values()))
        window = Window(week_start(extent.start), week_start(extent.end - 1) + WEEK).clip(extent.widen(HOUR))
        for keys, reach in groups(spans, window, step, Limits()):
            grid = Grid.over(reach, step)
            values = np.stack([_on(grid, series[key]) for key in keys])
            values.setflags(write=False)
            own = {key: spans[key] for key in keys}
            found.append(Block(VALUE, keys, own, grid, values, roll_up(values, HOUR // step)))
    return found


def _span(series: LabelledSeries) -> Window:
    there = np.flatnonzero(~np.isnan(series.values))
    return Window(series.start + int(there[0]) * series.step, series.start + int(there[-1]) * series.step + 1)


def _on(grid: Grid, series: LabelledSeries) -> Floats:
    values = np.full(grid.count, np.nan)
    place = grid.index(series.start) + np.arange(len(series.values))
    inside = (place >= 0) & (place < grid.count)
    values[place[inside]] = series.values[inside]
    return values
