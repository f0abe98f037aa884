"""Documents of any form, written to plain indices, each under a name of its own: none is stored twice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from traffic.errors import UsageFailure
from traffic.model import Ints
from traffic.store.access import Access
from traffic.store.base import NoSuchStore, StoreError
from traffic.store.elastic.bulk import Loader
from traffic.store.elastic.client import Cluster
from traffic.store.elastic.place import find_place

_HOUR_US = 3_600_000_000
_COUNT = 5_000
_BYTES = 5 << 20
_PARTS = "YmdHjGV"
"""Parts of a time that the name of an index may hold: %Y, %m, ..., as strftime has them."""


class Documents:
    """An index in a cluster, or one for each day or month, that documents are added to."""

    def __init__(self, name: str, access: Access, refused: Path) -> None:
        """Connect, and look whether we may.

        Args:
            name: `https://HOST:9200/INDEX`, or `elasticsearch:INDEX` with the host from the environment. INDEX may
                hold `%Y`, `%m`, `%d`, `%H`, `%j`, `%G` and `%V`: the time (UTC) of the documents decides.
            refused: the file that lists documents which the cluster did not take.

        Raises:
            UsageFailure: the name cannot be one of an index.
            AccessDenied: not logged in, not allowed, or TLS fails.
            Away: the cluster cannot be reached.
        """
        place = find_place(name)
        self.name = place.name
        self._pattern = place.index
        _check(place.index)
        self._cluster = Cluster(place, access)
        self._loader = Loader(self._cluster, refused)
        self._ready: set[str] = set()
        with suppress(NoSuchStore):
            self._exists(re.sub("%.", "*", place.index))

    @property
    def there(self) -> int:
        """Documents that the cluster has now, of those that were sent."""
        return self._loader.stored + self._loader.there

    def send(
        self, index: str, count: int, body: bytes, mappings: Mapping[str, Any], settings: Mapping[str, Any]
    ) -> None:
        """Add a body of `bodies`; it may be sent again.

        Args:
            mappings, settings: of the index, if it is not there yet.

        Raises:
            Away: the cluster cannot be reached, or has too much to do.
            AccessDenied, StoreError: it does not let us.
        """
        if index not in self._ready:
            self._make(index, mappings, settings)
            self._ready.add(index)
        self._loader.load(index, count, body)

    def bodies(
        self, times_us: Ints, ids: Sequence[bytes], sources: Sequence[bytes]
    ) -> Iterator[tuple[str, int, bytes]]:
        """Documents as (index, how many, body of a bulk request), in their order within each index.

        Args:
            times_us: microseconds since 1970, UTC, shape (documents,).
            ids: their names, without characters that JSON escapes.
            sources: each a JSON object on one line.
        """
        return bodies(self._pattern, times_us, ids, sources)

    def close(self) -> None:
        """All is sent: make it searchable.

        Raises:
            StoreError: documents were refused; the file lists them.
        """
        names = sorted(self._ready)
        try:
            for start in range(0, len(names), 50):
                self._cluster.ask("POST", f"/{','.join(names[start : start + 50])}/_refresh")
            self._loader.close()
        finally:
            self._cluster.close()

    def abandon(self) -> None:
        """Nothing more can be sent: let go of the cluster, without a word to it."""
        self._cluster.close()

    def _exists(self, index: str) -> None:
        self._cluster.ask("GET", f"/{index}/_mapping", {"filter_path": "*.mappings._meta"})

    def _make(self, index: str, mappings: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        try:
            self._exists(index)
        except NoSuchStore:
            try:
                self._cluster.ask("PUT", f"/{index}", body={"mappings": mappings, "settings": settings})
            except StoreError as error:
                # Somebody else was faster.
                if "already exists" not in str(error):
                    raise


def bodies(
    pattern: str, times_us: Ints, ids: Sequence[bytes], sources: Sequence[bytes]
) -> Iterator[tuple[str, int, bytes]]:
    """Pure: `Documents.bodies`, of an index of that name."""
    for name, places in _indices(pattern, times_us):
        lines = [b'{"create":{"_id":"%b"}}\n%b\n' % (ids[place], sources[place]) for place in places]
        ends = np.cumsum(np.fromiter(map(len, lines), np.int64, len(lines)))
        start = 0
        while start < len(lines):
            before = int(ends[start - 1]) if start else 0
            fit = int(np.searchsorted(ends, before + _BYTES, side="right"))
            stop = max(start + 1, min(fit, start + _COUNT))
            yield name, stop - start, b"".join(lines[start:stop])
            start = stop


def _indices(pattern: str, times_us: Ints) -> Iterator[tuple[str, list[int]]]:
    """The names of indices, and which documents go to each."""
    if "%" not in pattern:
        yield pattern, list(range(len(times_us)))
        return
    hours, of_hour = np.unique(times_us // _HOUR_US, return_inverse=True)
    names = [datetime.fromtimestamp(hour * 3600, UTC).strftime(pattern) for hour in hours.tolist()]
    known = list(dict.fromkeys(names))
    of_name = np.array([known.index(name) for name in names], dtype=np.int64)[of_hour]
    for number, name in enumerate(known):
        yield name, np.flatnonzero(of_name == number).tolist()


def _check(index: str) -> None:
    unknown = [part for part in re.findall("%(.?)", index) if part not in _PARTS or not part]
    if unknown:
        known = ", ".join(f"%{part}" for part in _PARTS)
        raise UsageFailure(f"{index}: %{unknown[0]} is not a valid time placeholder for an index name: use {known}")
    plain = re.sub("%.", "", index)
    if set("*?,:") & set(plain):
        raise UsageFailure(f"{index} is a pattern: use a single index to write to")
    if plain != plain.lower() or plain.startswith(("-", "_", "+")):
        raise UsageFailure(f"{index} cannot be the name of an index: lower case, and no - _ + at its start")
