"""An index of what was found: documents by their ids, so that writing them twice is writing them once."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from traffic.errors import UsageFailure
from traffic.model import Window
from traffic.store.access import Access
from traffic.store.base import ForeignStore, NoSuchStore, StoreError
from traffic.store.elastic.answers import understood
from traffic.store.elastic.bulk import BUSY, await_room, patience
from traffic.store.elastic.client import Cluster
from traffic.store.elastic.place import find_place
from traffic.store.elastic.refusals import shown
from traffic.times import iso

MADE_BY = "sl_findings"
FORMAT = 1
BODY = 500
"""Documents of a request."""
REMOVED = 1000
"""Of these, what a request removes."""
_HALF = re.compile("[\ud800-\udfff]")

Document = Mapping[str, Any]


class FindingsIndex:
    """An index, or an alias of one, that holds nothing but what was found."""

    def __init__(self, name: str, access: Access, properties: Mapping[str, Any]) -> None:
        """Made where it is not there yet.

        Args:
            name: `https://HOST:9200/INDEX`.
            access: how to get in.
            properties: the mapping of its fields.

        Raises:
            UsageFailure: it is a pattern.
            ForeignStore: it holds something else.
            AccessDenied, StoreError: the cluster does not let us.
        """
        place = find_place(name)
        if set("*?,:") & set(place.index):
            raise UsageFailure(f"{place.name} is a pattern: use a single index to write events to")
        self.name = place.name
        self._cluster = Cluster(place, access)
        self._path = f"/{place.index}"
        if not self._is_ours():
            meta = {MADE_BY: {"format": FORMAT}}
            body = {"mappings": {"_meta": meta, "dynamic": False, "properties": dict(properties)}}
            try:
                self._cluster.ask("PUT", self._path, body=body)
            except StoreError as error:
                # Where the answer to that was lost, it is there when it is asked for again.
                if "already exists" not in str(error) or not self._is_ours():
                    raise

    def _is_ours(self) -> bool:
        try:
            found = self._cluster.ask("GET", f"{self._path}/_mapping")
        except NoSuchStore:
            return False
        with understood(self.name):
            formats = {one["mappings"].get("_meta", {}).get(MADE_BY, {}).get("format") for one in found.values()}
        if formats != {FORMAT}:
            raise ForeignStore(
                f"{self.name} contains documents other than our events: use another index with --write-events"
            )
        return bool(found)

    def replace(self, scope: str, window: Window, documents: Mapping[str, Document]) -> int:
        """Make these the documents of a scope in a window: written, counted, and what is there besides removed.

        A kill on the way leaves more than there should be, never less; the next run puts that right.

        Args:
            scope: whose documents they are: of one store, metric and choice of keys.
            window: that `@timestamp` of all of them lies in.
            documents: by id.

        Returns:
            How many were removed.

        Raises:
            StoreError: they were refused, or are not there afterwards.
        """
        run = blake2b(json.dumps([scope, documents], sort_keys=True).encode(), digest_size=12).hexdigest()
        marks = {"scope": scope, "run": run}
        for body in bodies(documents, marks):
            self._send(body)
        self._refresh()
        mine = [{"term": {"sl.scope": scope}}]
        count = self._cluster.ask(
            "POST", f"{self._path}/_count", body={"query": {"bool": {"filter": [*mine, {"term": {"sl.run": run}}]}}}
        )
        with understood(self.name):
            there = int(count["count"]) if not count["_shards"]["failed"] else -1
        if there != len(documents):
            raise StoreError(f"{self.name} contains {max(there, 0):,} of {len(documents):,} documents: run again")
        within = {"range": {"@timestamp": {"gte": iso(window.start), "lt": iso(window.end)}}}
        return self._remove({"bool": {"filter": [*mine, within], "must_not": [{"term": {"sl.run": run}}]}})

    def close(self) -> None:
        """Let go of the connections."""
        self._cluster.close()

    def _remove(self, query: Document) -> int:
        """Delete what it finds, by id: `_delete_by_query` is a module that not every cluster has."""
        removed = 0
        while True:
            body = {"query": query, "size": REMOVED, "_source": False, "sort": ["_doc"]}
            with understood(self.name):
                hits = self._cluster.search(body, "hits.hits._id").get("hits", {}).get("hits", ())
                names = [str(hit["_id"]) for hit in hits]
            if not names:
                return removed
            lines = (json.dumps({"delete": {"_id": name}}).encode() + b"\n" for name in names)
            self._send(b"".join(lines), "delete")
            self._refresh()
            removed += len(names)

    def _refresh(self) -> None:
        self._cluster.ask_shards("POST", f"{self._path}/_refresh", None, 1)

    def _send(self, body: bytes, action: str = "index") -> None:
        """Again while some are refused for want of room: an id is written once, however often it is sent."""
        waiting = self._cluster.waiting()
        while True:
            paths = {
                "filter_path": "errors,items.*.error.type,items.*.error.reason",
                "timeout": patience(self._cluster.wait),
            }
            answer = self._cluster.ask("POST", f"{self._path}/_bulk", paths, body, bulk=True)
            if "errors" not in answer:
                raise StoreError(f"{self.name} does not report what became of the documents")
            with understood(self.name):
                errors = [one[action]["error"] for one in answer.get("items", ()) if "error" in one.get(action, {})]
                kinds = Counter(str(one["type"]) for one in errors)
            if not kinds:
                return
            if other := [one for one in errors if one["type"] not in BUSY]:
                raise StoreError(f"{self.name} rejects {len(other):,} documents: {shown(str(other[0].get('reason')))}")
            await_room(self.name, waiting, kinds)


def bodies(documents: Mapping[str, Document], marks: Mapping[str, str]) -> Iterator[bytes]:
    """Bulk requests that write them, with these fields under `sl` in each."""
    named = list(documents.items())
    for first in range(0, len(named), BODY):
        yield b"".join(_pair(name, document, marks) for name, document in named[first : first + BODY])


def _pair(name: str, document: Document, marks: Mapping[str, str]) -> bytes:
    lines: Sequence[Any] = ({"index": {"_id": name}}, {**document, "sl": {**document["sl"], **marks}})
    texts = (json.dumps(line, ensure_ascii=False) for line in lines)
    # Half of a pair of surrogates is no text that an index could hold: it is written as it would be escaped.
    return b"".join(_HALF.sub(lambda half: f"\\\\u{ord(half[0]):04x}", text).encode() + b"\n" for text in texts)
