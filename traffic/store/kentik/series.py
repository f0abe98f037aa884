"""Requests series, and ensures that the answer has the requested resolution and contains all customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

from traffic.model import HOUR, Floats, Grid, Window, floor_to
from traffic.store.base import StoreError, TooLarge, TooLong
from traffic.store.kentik.answers import Malformed, rows_of, series_of, without_series
from traffic.store.kentik.bodies import series_body
from traffic.store.kentik.client import Client
from traffic.store.kentik.template import Template
from traffic.store.kentik.widths import asked_window
from traffic.times import iso

LEAST = 25
"""The smallest limit on the rows of an answer that Kentik documents."""


class Series:
    """Queries an account for series, and learns from its answers. Safe to use from several threads."""

    def __init__(self, client: Client, template: Template) -> None:
        """Sends nothing yet."""
        self.max_keys = template.most
        """Maximum number of customers per request; reduced if an answer turns out to be cut off."""
        self.answered: Window | None = None
        """From the first to the last window whose answer contained a series."""
        self.empty: list[Window] = []
        """Windows in which none of the requested customers had one."""
        self._client = client
        self._template = template
        self._lock = Lock()
        self._longest: dict[int, int] = {}
        self._proven = LEAST - 1

    def reach(self, resolution: int) -> int:
        """The longest window in seconds that is answered in buckets of this width."""
        return self._longest.get(resolution) or self._template.width(resolution).reach

    def ask(self, asns: Sequence[int], grid: Grid) -> Floats:
        """Bits per second, or whatever the query asks for: shape (asns, buckets), NaN where Kentik has no value.

        Raises:
            TooLarge: ask for fewer customers.
            TooLong: ask for less time.
            StoreError: the answer cannot be used.
        """
        if len(asns) > self.max_keys:
            raise TooLarge(f"{len(asns)} customers are more than {self.max_keys} at once")
        if grid.window.seconds > self.reach(grid.step):
            raise TooLong(f"{grid.window.seconds} s are more than {self.reach(grid.step)} at once")
        values, came = self._asked(asns, grid)
        missing = [place for place, asn in enumerate(asns) if asn not in came]
        # A server that cuts lists at n rows never gives more. So only a list longer than any that is known to be whole
        # can be a cut one; who is missing from it is asked for once more, alone.
        if missing and len(came) > self._proven:
            rest, late = self._asked([asns[place] for place in missing], grid)
            values[missing] = rest
            if late:
                self._fewer(len(came))
                return values
        with self._lock:
            self._proven = max(self._proven, len(came))
        return values

    def _asked(self, asns: Sequence[int], grid: Grid) -> tuple[Floats, set[int]]:
        width = self._template.width(grid.step)
        window = asked_window(grid.window, width)
        shown = f"AS{asns[0]}" if len(asns) == 1 else f"{len(asns)} customers from AS{asns[0]}"
        what = f"{shown}, {iso(window.start)} to {iso(window.end)}"
        rows = ask_rows(self._client, self._template.bucket, series_body(self._template, asns, window, width), what)
        bare = without_series(rows, asns)
        if bare and len(asns) == 1:
            raise StoreError(f'{self._client.name} sent no series ({what}): set "raw": true in {self._template.path}')
        if bare:
            self._fewer(len(asns) - len(bare))
            raise TooLarge(f"{len(bare)} of {len(asns)} customers came without a series ({what})")
        try:
            values, came = series_of(rows, asns, grid, self._template.metric.unit)
        except TooLong as error:
            if grid.window.seconds <= HOUR:
                raise StoreError(
                    f"{self._client.name}: {error}, even for such a short window ({what}): use a wider --resolution"
                ) from None
            self._shorter(grid)
            raise TooLong(f"{error} ({what})") from None
        except Malformed as error:
            raise unreadable(self._client, error, what) from None
        with self._lock:
            if came:
                self.answered = grid.window if self.answered is None else self.answered.hull(grid.window)
            else:
                self.empty.append(grid.window)
        return values, came

    def _fewer(self, most: int) -> None:
        """This number of customers was too large: request fewer from now on."""
        with self._lock:
            self.max_keys = max(1, min(self.max_keys, most))

    def _shorter(self, grid: Grid) -> None:
        """Windows of this length are answered too coarsely: request shorter ones from now on."""
        half = floor_to(grid.window.seconds // 2, HOUR)
        with self._lock:
            self._longest[grid.step] = max(HOUR, min(self.reach(grid.step), half))


def ask_rows(client: Client, bucket: str, body: Mapping[str, Any], what: str) -> list[Mapping[str, Any]]:
    """The rows of the answer to a query. Raises as `Client.query`."""
    try:
        return rows_of(client.query(body, what), bucket)
    except Malformed as error:
        raise unreadable(client, error, what) from None


def unreadable(client: Client, error: Malformed, what: str) -> StoreError:
    """The error for an answer that does not have the documented form."""
    return StoreError(f"{client.name} sent an unreadable answer ({error}; {what}); nothing was used")
