"""The buckets of a block, found by key and hour: of many hours at once, wherever they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analyzer.judging.breaches import Candidates, Piece, filled
from analyzer.judging.judged import Judged, highest
from analyzer.kernels.baseline import suspects
from traffic.model import DAY, HOUR, Bools, Floats, Grid, Ints


@dataclass(frozen=True, eq=False)
class Buckets:
    """Pieces of a day at most, by the row of the key and the hour. It holds on to the pieces, and copies nothing."""

    pieces: Sequence[Piece]
    hours: Grid
    """Those of the roll-ups."""
    resolution: int
    piece: Ints
    """Which piece holds a day of a key, shape (keys, days): -1 where none does, as in one day more at the end ..."""
    place: Ints
    """... and the row of the key in that piece."""

    @classmethod
    def of(cls, pieces: Sequence[Piece], keys: int, hours: Grid, resolution: int) -> Buckets:
        """Those of a block of so many keys."""
        first = hours.start // DAY
        piece, place = np.full((2, keys, -(-hours.window.end // DAY) - first + 1), -1)
        for number, (rows, matrix) in enumerate(pieces):
            day = matrix.grid.start // DAY - first
            piece[rows, day] = number
            place[rows, day] = np.arange(len(rows))
        return cls(pieces, hours, resolution, piece, place)

    def rows(self, rows: Sequence[int]) -> Buckets:
        """Those of some of the keys."""
        return replace(self, piece=self.piece[rows], place=self.place[rows])

    def there(self, row: Ints, hour: Ints) -> Bools:
        """Which of the hours were read. All arguments: shape (hours,)."""
        found: Bools = self.piece[row, self._day(hour)] >= 0
        return found

    def at(self, row: Ints, hour: Ints) -> Floats:
        """The buckets of hours, NaN where one is missing or was not read: shape (hours, buckets of an hour)."""
        day, per_hour = self._day(hour), HOUR // self.resolution
        piece, place = self.piece[row, day], self.place[row, day]
        found = np.full((len(row), per_hour), np.nan)
        order = np.argsort(piece, kind="stable")
        for some in np.split(order, np.flatnonzero(np.diff(piece[order])) + 1):
            if not len(some) or piece[some[0]] < 0:
                continue
            _, matrix = self.pieces[piece[some[0]]]
            cube = matrix.values.reshape(len(matrix.values), -1, per_hour)
            within = hour[some] - (matrix.grid.start - self.hours.start) // HOUR
            found[some] = cube[place[some], within]
        return found

    def above(self, judged: Judged) -> Candidates:
        """The buckets above the thresholds of a judgement, in order of key, then time: of hours that can hold one."""
        row, hour = np.nonzero(suspects(highest(judged, self.resolution), judged.threshold))
        there = self.there(row, hour)
        row, hour = row[there], hour[there]
        times = self.times(hour)
        values = filled(judged, row[:, None], times, self.at(row, hour)) * judged.sign
        which, bucket = np.nonzero(values > judged.threshold[row, hour][:, None])
        return Candidates(row[which], hour[which], times[which, bucket], values[which, bucket])

    def times(self, hour: Ints) -> Ints:
        """When the buckets of hours start: shape (hours, buckets of an hour)."""
        starts: Ints = (self.hours.start + hour * HOUR)[:, None] + np.arange(0, HOUR, self.resolution)
        return starts

    def _day(self, hour: Ints) -> Ints:
        """The place of its day; of an hour outside of the roll-ups the last one, that nothing was read of."""
        inside = (hour >= 0) & (hour < self.hours.count)
        day: Ints = np.where(inside, (self.hours.start + hour * HOUR) // DAY - self.hours.start // DAY, -1)
        return day
