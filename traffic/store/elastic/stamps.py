"""What could answer for a window: the indices that hold documents there, and how often each was written to.

An index's identity (`uuid`) and the number of its last operation (`max_seq_no`, of each shard) change with every
document that is added, changed or deleted, and with nothing else: not when a replica moves, a node dies or segments
merge.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from traffic.errors import AccessDenied
from traffic.model import WEEK, Window, week_start
from traffic.store.elastic.bodies import Fields
from traffic.store.elastic.client import Cluster
from traffic.store.elastic.layout import week_of, whole_week

SETTLING = 600
"""Seconds that pass until nothing is expected to change any more, where the cluster does not tell."""


class Stamps:
    """Of one run: taken at the first question, so that all answers of a run belong to one state or to a newer one."""

    def __init__(self, cluster: Cluster, fields: Fields, weekly: bool) -> None:
        """`weekly`: the indices are ours, and say in their names which week they hold."""
        self._cluster = cluster
        self._fields = fields
        self._weekly = weekly
        self._indices: dict[str, Any] | None = None
        self._settling: int | None = None
        self._holding: dict[Window, list[str]] = {}

    @property
    def settling(self) -> int | None:
        """None where the stamps tell of every change that a search can see."""
        self._all()
        return self._settling

    def fingerprint(self, window: Window, reading: str) -> str:
        """A hash over the stamps of the indices that hold documents near `window`, and over how they are read."""
        indices = self._all()
        stamps = [(name, indices.get(name)) for name in self._near(window)]
        return blake2b(repr((reading, stamps)).encode(), digest_size=16).hexdigest()

    def _all(self) -> dict[str, Any]:
        if self._indices is None:
            self._indices = {} if self._cluster.place.remote else self._ask()
            if self._cluster.place.remote:
                # Another cluster's indices can be searched from here, but say nothing of themselves.
                self._settling = SETTLING
        return self._indices

    def _ask(self) -> dict[str, Any]:
        path = f"/{self._cluster.place.index}"
        paths = "indices.*.uuid,indices.*.shards.*.seq_no.max_seq_no"
        found = self._cluster.ask("GET", f"{path}/_stats", {"level": "shards", "filter_path": paths})
        # Afterwards: what was counted above can then be seen by every search below. The other way round a document in
        # between would be counted, not seen, and missing from a kept answer for ever.
        try:
            self._cluster.ask("POST", f"{path}/_refresh")
        except AccessDenied:
            self._settling = SETTLING
        return {
            name: (
                one["uuid"],
                sorted((shard, _last(copies)) for shard, copies in one["shards"].items()),
            )
            for name, one in sorted(found.get("indices", {}).items())
        }

    def _near(self, window: Window) -> list[str]:
        """The indices that may hold documents of the weeks around `window`: more than needed, never fewer."""
        names = list(self._all())
        if len(names) < 2:
            return names
        weeks = Window(week_start(window.start), week_start(window.end - 1) + WEEK) if window.seconds else window
        if self._weekly:
            starts = {name: week_of(name) for name in names}
            return [name for name, start in starts.items() if start is None or whole_week(start).overlap(weeks)]
        if weeks not in self._holding:
            body = {"index_filter": self._fields.within(weeks)}
            params = {"fields": self._fields.time, "filter_path": "indices"}
            path = f"/{self._cluster.place.index}/_field_caps"
            self._holding[weeks] = sorted(self._cluster.ask("POST", path, params, body).get("indices", ()))
        return self._holding[weeks]


def _last(copies: list[dict[str, Any]]) -> int:
    """The last operation of a shard; its copies may lag behind each other."""
    return max(int(copy["seq_no"]["max_seq_no"]) for copy in copies)
