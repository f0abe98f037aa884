"""The buckets of a block, found by key and hour: of many hours at once, wherever they lie."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analyzer.judging.breaches import Piece
from traffic.model import DAY, HOUR, Bools, Floats, Grid, Ints


class Buckets:
    """Pieces of a day at most, by the row of the key and the hour. It holds on to the pieces, and copies nothing."""

    def __init__(self, pieces: Sequence[Piece], keys: int, hours: Grid, resolution: int) -> None:
        self.pieces, self._hours, self._per_hour = pieces, hours, HOUR // resolution
        self._first = hours.start // DAY
        # A day more, that nothing was read of: hours outside of the roll-ups are found there.
        self._days = -(-hours.window.end // DAY) - self._first
        self._piece, self._place = np.full((2, keys, self._days + 1), -1)
        for number, (rows, matrix) in enumerate(pieces):
            day = matrix.grid.start // DAY - self._first
            self._piece[rows, day] = number
            self._place[rows, day] = np.arange(len(rows))

    def there(self, row: Ints, hour: Ints) -> Bools:
        """Which of the hours were read. All arguments: shape (hours,)."""
        found: Bools = self._piece[row, self._day(hour)] >= 0
        return found

    def at(self, row: Ints, hour: Ints) -> Floats:
        """The buckets of hours, NaN where one is missing or was not read: shape (hours, buckets of an hour)."""
        day = self._day(hour)
        piece, place = self._piece[row, day], self._place[row, day]
        found = np.full((len(row), self._per_hour), np.nan)
        order = np.argsort(piece, kind="stable")
        for some in np.split(order, np.flatnonzero(np.diff(piece[order])) + 1):
            if not len(some) or piece[some[0]] < 0:
                continue
            _, matrix = self.pieces[piece[some[0]]]
            cube = matrix.values.reshape(len(matrix.values), -1, self._per_hour)
            within = hour[some] - (matrix.grid.start - self._hours.start) // HOUR
            found[some] = cube[place[some], within]
        return found

    def _day(self, hour: Ints) -> Ints:
        inside = (hour >= 0) & (hour < self._hours.count)
        day: Ints = np.where(inside, (self._hours.start + hour * HOUR) // DAY - self._first, self._days)
        return day
