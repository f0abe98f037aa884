"""Bulk loading with an account: stored + there already + refused = sent."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from traffic.disk import storage, write_atomic
from traffic.store.base import Away, StoreError, TooLarge
from traffic.store.elastic.client import Cluster
from traffic.store.elastic.wire import Waiting

EXISTS = "version_conflict_engine_exception"
"""What a second `create` of the same point answers."""

_PUT_OFF = "takes no more documents at the moment"
_AWAY = 30.0
"""Seconds for which the cluster waits for a shard that is away, in each request, at most."""
_FULL = "circuit_breaking_exception"
BUSY = {
    "es_rejected_execution_exception",
    "rejected_execution_exception",
    "unavailable_shards_exception",
    _FULL,
}
_KINDS = "errors,items.*.error.type"
"""Of the answer to a body: the errors of its documents, by kind. There are none as a rule."""
_REASONS = "errors,items.create.status,items.create.error.type,items.create.error.reason"
"""The same of each document, in their order."""
_SMALL = 1 << 18
"""Bytes of a body that no node finds too large."""
_MOST_LISTED = 100_000


class Loader:
    """Sends bodies of documents, again where the cluster was busy. Safe to use from several threads."""

    def __init__(self, cluster: Cluster, refused: Path) -> None:
        """`refused`: the file that will list what the cluster did not take, with the reason."""
        self._cluster = cluster
        self._file = refused
        self._refused: list[dict[str, Any]] = []
        self._count = 0
        self._lock = Lock()
        self.sent = 0
        self.stored = 0
        self.there = 0

    @property
    def refused(self) -> int:
        """Documents that the cluster did not take."""
        return self._count

    def load(self, index: str, count: int, body: bytes) -> int:
        """Create `count` documents, and answer how many were not there before.

        A body is safe to send again: what is there already is not created twice.

        Raises:
            Away: the cluster is too busy for the body, or its shard is away, for longer than `--wait`.
            StoreError: a document is too large for it, or it does not answer as it should.
        """
        stored, paths = 0, _KINDS
        waiting = self._cluster.waiting()
        while True:
            try:
                items = self._send(index, body, paths)
            except TooLarge:
                if count > 1 and len(body) > _SMALL:
                    return stored + self._halves(index, count, body, stored)
                if len(body) > _SMALL:
                    raise
                # Not the body is too large but the heap too full, which passes.
                items = [{"error": {"type": _FULL}}] * count
            kinds = Counter(one["error"]["type"] for one in items if "error" in one)
            stored += count - sum(kinds.values())
            if kinds.keys() & BUSY:
                await_room(self._cluster.name, waiting, kinds)
            elif paths == _KINDS and kinds.keys() - {EXISTS}:
                # Once more, now to learn which documents are refused; those that were taken are there already.
                paths = _REASONS
            else:
                break
        refused = self._list_refused(index, body, items) if paths == _REASONS else 0
        with self._lock:
            self.sent += count
            self.stored += stored
            self.there += count - stored - refused
        return stored

    def close(self) -> None:
        """All is sent.

        Raises:
            StoreError: documents were refused; they are listed in the file now.
        """
        with storage(self._file):
            self._file.unlink(missing_ok=True)
        if not self._count:
            return
        write_atomic(self._file, b"".join(json.dumps(one).encode() + b"\n" for one in self._refused))
        reason = Counter(one["reason"] for one in self._refused).most_common(1)[0][0]
        raise StoreError(
            f"{self._count:,} of {self.sent:,} documents were rejected ({self.stored:,} stored, {self.there:,} "
            f"already there), such as: {reason[:150]}; {self._file} lists them"
        )

    def _send(self, index: str, body: bytes, paths: str) -> list[dict[str, Any]]:
        """Send it; what became of its documents, as far as `paths` ask for it."""
        params = {"filter_path": paths, "timeout": patience(self._cluster.wait)}
        answer = self._cluster.ask("POST", f"/{index}/_bulk", params, body, bulk=True)
        if "errors" not in answer:
            raise StoreError(f"{self._cluster.name} does not report what became of the documents")
        return [one["create"] for one in answer.get("items", ())]

    def _halves(self, index: str, count: int, body: bytes, stored: int) -> int:
        """Load it as two bodies; `stored`: how many of its documents were before, which is not for these to count."""
        lines = body.splitlines(keepends=True)
        middle = count // 2 * 2
        first, second = b"".join(lines[:middle]), b"".join(lines[middle:])
        more = self.load(index, middle // 2, first) + self.load(index, count - middle // 2, second)
        with self._lock:
            self.stored += stored
            self.there -= stored
        return more

    def _list_refused(self, index: str, body: bytes, items: Sequence[Mapping[str, Any]]) -> int:
        """Which documents are refused, by an answer that says it of each; how many these are."""
        documents = body.splitlines()[1::2]
        found = [
            {"index": index, "document": json.loads(document), "reason": _reason(item["error"])}
            for document, item in zip(documents, items, strict=True)
            if "error" in item and item["error"]["type"] != EXISTS
        ]
        with self._lock:
            self._count += len(found)
            self._refused += found[: max(0, _MOST_LISTED - len(self._refused))]
        return len(found)


def patience(wait: float) -> str:
    """What a bulk request says of how long it waits for a shard that is away."""
    return f"{max(1.0, min(_AWAY, wait)):.0f}s"


def await_room(name: str, waiting: Waiting, kinds: Counter[str]) -> None:
    """Wait a while after documents were put off.

    Args:
        name: of the cluster.
        kinds: the errors of documents, some of them `BUSY`.

    Raises:
        Away: that would take longer than `--wait`.
    """
    if not waiting.longer(_PUT_OFF, None):
        why = max(sorted(kinds.keys() & BUSY), key=lambda kind: kinds[kind])
        raise Away(f"{name} {_PUT_OFF} ({why}): run again later")


def _reason(error: Mapping[str, Any]) -> str:
    return f"{error.get('type')}: {error.get('reason')}"
