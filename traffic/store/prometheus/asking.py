"""Queries to a server, and their answers as series; in parts if a query is too large."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from traffic.model import WEEK, Grid, Window
from traffic.store.base import StoreError, TooLarge
from traffic.store.prometheus.answers import Answered, NoPromAnswer, lines, pairs
from traffic.store.prometheus.client import Connection
from traffic.store.prometheus.servers import FRESH, Flavour

Labels = dict[str, str]


class Asking:
    """A server, and what kind of server it is."""

    def __init__(self, connection: Connection, flavour: Flavour) -> None:
        self.name = connection.name
        self.flavour = flavour
        self._connection = connection

    @property
    def closed(self) -> bool:
        """Whether a window includes its left end."""
        return self.flavour.closed

    def at(self, promql: str, time: int) -> Iterator[tuple[Labels, float]]:
        """The value of each series of an expression at a moment."""
        answer = self._connection.ask("query", query=promql, time=time, **FRESH)
        for labels, found in pairs(answer, "vector"):
            if len(found) != 1:
                raise NoPromAnswer(f"{self.name} answers with {len(found)} values at one moment")
            yield labels, next(iter(found.values()))

    def raw(self, promql: str, time: int) -> Iterator[tuple[Labels, list[float]]]:
        """The times of the samples of each series in a range."""
        answer = self._connection.ask("query", query=promql, time=time, **FRESH)
        for labels, found in pairs(answer, "matrix"):
            yield labels, list(found)

    def over(self, promql: str, grid: Grid) -> Iterator[Answered]:
        """The series of an expression, evaluated at the end of each bucket."""
        first = grid.start + grid.step
        fields = {"query": promql, "start": first, "end": grid.window.end, "step": grid.step, **FRESH}
        return lines(self._connection.ask("query_range", **fields), first, grid.step, grid.count)

    def weekly(self, promql: str, first: int, count: int) -> Iterator[Answered]:
        """The series of an expression at some moments, a week apart."""
        fields = {"query": promql, "start": first, "end": first + (count - 1) * WEEK, "step": WEEK, **FRESH}
        return lines(self._connection.ask("query_range", **fields), first, WEEK, count)

    def labels(self, series: Sequence[str], window: Window) -> set[str]:
        """The labels of the series that some selectors match in a window.

        Raises:
            NoPromAnswer: it does not list them.
        """
        found: set[str] = set()
        for one in dict.fromkeys(series):
            told = self._connection.ask("labels", **{"match[]": one, "start": window.start, "end": window.end})
            if not isinstance(told, list) or not all(isinstance(name, str) for name in told):
                raise NoPromAnswer(f"{self.name} does not list its labels as Prometheus does")
            found |= set(told)
        return found - {"__name__"}

    def parts(self, promql: str, grid: Grid) -> Iterator[tuple[Grid, Answered]]:
        """The same, split in two if it is too large.

        Raises:
            StoreError: a single bucket is too large.
        """
        try:
            if grid.count > self.flavour.points:
                raise TooLarge("more points than a series may have")
            found = list(self.over(promql, grid))
        except TooLarge as error:
            if grid.count < 2:
                raise StoreError(f"{self.name}: even one of {grid.step} s is too much ({error})") from None
            half = grid.count // 2
            yield from self.parts(promql, Grid(grid.start, grid.step, half))
            yield from self.parts(promql, Grid(grid.start + half * grid.step, grid.step, grid.count - half))
        else:
            yield from ((grid, line) for line in found)


def halves(window: Window, step: int) -> tuple[Window, Window]:
    """A window split in two, at a multiple of `step`.

    Raises:
        ValueError: there is no such multiple inside.
    """
    middle = (window.start + window.end) // (2 * step) * step
    if not window.start < middle < window.end:
        raise ValueError(f"{window} cannot be halved")
    return Window(window.start, middle), Window(middle, window.end)
