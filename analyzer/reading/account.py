"""Every row accounted for: what a store counts, against what its answers held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from traffic.coverage import NOTHING, Coverage
from traffic.model import Window
from traffic.store.base import SharedSource, Source


class Counted(Protocol):
    """What an account is of: a store, or the cache around it."""

    name: str
    settling: int | None

    def coverage(self, window: Window, reach: Window, only: Sequence[str] | None = None) -> Coverage:
        """As `Source`."""
        ...


class Tally:
    """Opened before a store is read, closed when it was."""

    def __init__(self, source: Counted, store: Source, window: Window, reach: Window, only: Sequence[str] | None):
        """Count, where nobody will be able to say afterwards what came meanwhile.

        Args:
            source: that counts.
            store: that is read in the end.
            window: that is read.
            reach: the extent of the store.
            only: the keys that are read; None: all.
        """
        self._source, self._store = source, store
        self._asked = (window, reach, only)
        self._before = source.coverage(*self._asked) if source.settling is not None else NOTHING

    def close(self, read: int | None, buckets: int) -> Coverage:
        """What was there, and what became of it.

        Args:
            read: rows that the answers held; None: they did not say.
            buckets: that have a value.

        Raises:
            Contradiction: that is less or more than the store counts, and nobody wrote to it as much meanwhile.
        """
        found = replace(self._before.again(self._source.coverage(*self._asked)), read=read)
        if found.missing and isinstance(self._store, SharedSource):
            found = replace(found, changed=self._store.changes() or 0)
        found.check(self._source.name)
        return found.filled(buckets)
