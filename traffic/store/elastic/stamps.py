"""What could answer for a window: the indices that hold documents there, and how often each was written to.

An index's identity (`uuid`) and the number of its last operation (`max_seq_no`, of each shard) change with every
document that is added, changed or deleted, and with nothing else: not when a replica moves, a node dies or segments
merge.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from traffic.errors import AccessDenied, PartialAnswer
from traffic.model import WEEK, Window, week_start
from traffic.store.elastic.answers import understood, whole
from traffic.store.elastic.bodies import Fields
from traffic.store.elastic.client import Cluster
from traffic.store.elastic.layout import week_of, whole_week

_Stamp = tuple[str, list[tuple[str, int]]]

SETTLING = 600
"""Seconds that pass until nothing is expected to change any more, where the cluster does not tell."""


class Stamps:
    """Of one run: taken at the first question, so that all answers of a run belong to one state or to a newer one."""

    def __init__(self, cluster: Cluster, fields: Fields, weekly: bool, expected: Mapping[str, int]) -> None:
        """Nothing is asked yet.

        Args:
            cluster: that is asked.
            fields: whose time says which indices hold a window.
            weekly: the indices are ours, and say in their names which week they hold.
            expected: index -> its shards, of those that have to answer.
        """
        self._expected = expected
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

    def changes(self) -> int | None:
        """At most so many operations were carried out since the stamps were taken; None where they do not tell."""
        if self._cluster.place.remote:
            return None
        before, now = self._all(), self._counted()
        return sum(_operations(before.get(index), now.get(index)) for index in before.keys() | now.keys())

    def _ask(self) -> dict[str, Any]:
        stamps = self._counted()
        # Afterwards: what was counted above can then be seen by every search below. The other way round a document in
        # between would be counted, not seen, and missing from a kept answer for ever.
        path = f"/{self._cluster.place.index}"
        try:
            self._cluster.ask_shards("POST", f"{path}/_refresh", None, sum(self._expected.values()))
        except AccessDenied:
            self._settling = SETTLING
        return stamps

    def _counted(self) -> dict[str, Any]:
        path = f"/{self._cluster.place.index}"
        name = self._cluster.name
        paths = "_shards,indices.*.uuid,indices.*.shards.*.seq_no.max_seq_no"
        params = {"level": "shards", "filter_path": paths}
        found = self._cluster.ask_shards("GET", f"{path}/_stats", params, sum(self._expected.values()))
        with understood(name):
            stamps = {index: _stamp(one) for index, one in sorted(found.get("indices", {}).items())}
        for index, shards in self._expected.items():
            if index not in stamps or len(stamps[index][1]) < shards:
                raise PartialAnswer(
                    f"{name} does not report how many changes {index} had; try again when it has recovered"
                )
        return stamps

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
            params = {"fields": self._fields.time, "filter_path": "indices,failed_indices"}
            path = f"/{self._cluster.place.index}/_field_caps"
            found = self._cluster.ask("POST", path, params, body)
            listed = found.get("indices", ())
            if found.get("failed_indices") or not set(listed) <= set(names):
                raise PartialAnswer(f"{self._cluster.name} does not report the contents of its indices; try again")
            # None is what an answer that was cut short says as well: all of them is more than needed.
            self._holding[weeks] = sorted(listed) or names
        return self._holding[weeks]


def _operations(before: _Stamp | None, now: _Stamp | None) -> int:
    """How many lie between two stamps of an index; of one that came or went, all that it ever had."""
    if before is not None and now is not None and before[0] == now[0]:
        known = dict(before[1])
        return sum(max(0, last - known.get(shard, -1)) for shard, last in now[1])
    return sum(last + 1 for stamp in (before, now) if stamp is not None for _, last in stamp[1])


def _stamp(index: dict[str, Any]) -> _Stamp:
    """Who an index is, and of each shard its last operation; the copies of one may lag behind each other."""
    shards = {
        shard: max(whole(copy["seq_no"]["max_seq_no"], -1) for copy in copies)
        for shard, copies in index["shards"].items()
    }
    return str(index["uuid"]), sorted(shards.items())
