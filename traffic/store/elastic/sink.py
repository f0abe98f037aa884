"""Elasticsearch, written: weekly time-series indices, loaded idempotently and verified."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace as changed
from pathlib import Path
from threading import Lock

import numpy as np

from traffic.errors import UsageFailure
from traffic.flows import Catalogue, Flows
from traffic.model import WEEK, Bools, Grid, Ints, Window, block_bits, blocks, week_start
from traffic.store.access import Access
from traffic.store.base import ForeignStore, StoreError
from traffic.store.elastic.bodies import KEY, SUMS, TIME, TOTAL, Fields
from traffic.store.elastic.bulk import Loader
from traffic.store.elastic.client import Cluster
from traffic.store.elastic.encode import bulk_bodies
from traffic.store.elastic.flow_index import FlowLoad, beside
from traffic.store.elastic.layout import FLOW_META, drop, look, said, week_index, whole_week
from traffic.store.elastic.place import find_place
from traffic.store.elastic.product import weekly
from traffic.store.elastic.senders import Senders
from traffic.store.folder import FORMAT, Manifest
from traffic.store.sinks import FlowSink

BLOCK = 8
"""Keys a block, about: 80,000 documents a week, so that a progress bar moves."""

_EXACT = 2**53
"""Up to here a sum of whole numbers is exact in a float, which is what the server adds in."""


class ElasticSink(FlowSink):
    """An index in a cluster that generated traffic is written to."""

    writers = 2
    """Blocks that may be written at once: while the last bodies of one are sent, the first of the next are made."""

    def __init__(
        self, name: str, field: str, step: int, scenario: str, keys: int, replace: bool, access: Access, refused: Path
    ) -> None:
        """Open the store for one scenario.

        Args:
            name: `https://HOST:9200/INDEX`.
            field: what the amounts are, as `network.bytes`.
            step: seconds of a native step.
            scenario: hash of what will be written.
            keys: how many there will be.
            replace: drop what we made there before.
            refused: the file that lists documents which the cluster did not take.

        Raises:
            ForeignStore: it holds another scenario, or something else.
            AccessDenied, StoreError: the cluster does not let us.
        """
        place = find_place(name)
        if set("*?,:") & set(place.index):
            raise UsageFailure(f"{place.name} is a pattern: use a single index to write to")
        self.name = place.name
        self._cluster = Cluster(place, access)
        self._loader = Loader(self._cluster, refused)
        self._senders = Senders(self._loader)
        self._bits = block_bits(keys, BLOCK)
        self._counting = Lock()
        self._documents: Counter[int] = Counter()
        self._sums: Counter[int] = Counter()
        self._whole: Window | None = None
        self._fields = Fields(TIME, KEY, field, "sum")
        if replace:
            drop(self._cluster)
            drop(Cluster(beside(place), access), FLOW_META, optional=True)
        layout = look(self._cluster, optional=replace)
        if layout.others:
            raise ForeignStore(
                f"{self.name} contains an index that sl did not create ({layout.others[0]}): use another one"
            )
        if layout.ours is not None and (found := layout.ours).scenario != scenario:
            raise ForeignStore(
                f"{self.name} contains another scenario or seed ({found.scenario[:8]}, not {scenario[:8]}): use "
                "another index with --store, or delete its contents with --replace"
            )
        if layout.ours is not None and (layout.ours.field, layout.ours.step) != (field, step):
            raise ForeignStore(
                f"{self.name} holds {layout.ours.field} every {layout.ours.step} s, not {field} every {step} s: use "
                "another index with --store, or delete its contents with --replace"
            )
        self._manifest = layout.ours or Manifest(FORMAT, field, step, 0, scenario)
        self._weeks = dict(layout.weeks)
        self._begun_before = frozenset(layout.weeks)
        self._access = access
        self._flows: FlowLoad | None = None

    def begin(self, window: Window) -> Window:
        """Announce what will be written; the answer is the hull of it and of what is there or was announced."""
        index = self._cluster.place.index
        whole = window.widen(self._manifest.step)
        for known in (self._manifest.window, self._manifest.begun):
            whole = whole if known is None else whole.hull(known)
        self._whole = whole
        self._say(changed(self._manifest, window=None, begun=whole))
        if self._weeks:
            self._cluster.ask("PUT", f"/{index}/_settings", body={"index": {"refresh_interval": "-1"}})
            # What another run loaded has to be seen, so that it need not be sent again.
            self._cluster.ask("POST", f"/{index}/_refresh")
        for week in (week_start(part.start) for part in whole.weeks()):
            if week not in self._weeks:
                self._make(week)
                self._weeks[week] = week_index(index, week)
        return whole

    def _make(self, week: int) -> None:
        """Create the index of a week. Where the answer to that was lost, it is there when it is asked for again."""
        index, meta = self._cluster.place.index, said(self._manifest)
        body = weekly(self._cluster.product, index, self._manifest.field, whole_week(week), meta)
        try:
            self._cluster.ask("PUT", f"/{week_index(index, week)}", body=body)
        except StoreError as error:
            if "already exists" not in str(error) or week not in look(self._cluster).weeks:
                raise

    def blocks(self, keys: Sequence[str]) -> list[tuple[str, ...]]:
        """The keys in groups of tens of thousands of documents a week."""
        return blocks(keys, self._bits)

    def write(self, keys: tuple[str, ...], grid: Grid, amounts: Ints) -> int:
        """Store amounts, shape (keys, steps), -1 = missing, and answer how many were not there before.

        What is there already stays; `finish` finds out whether it is the same. Keys of which another run loaded all
        of this week are not sent again.

        Raises:
            StoreError: the cluster does not take them.
        """
        week = week_start(grid.start)
        if grid.step != self._manifest.step or grid.window.end > week + WEEK:
            raise ValueError(f"{grid} is not within one week in steps of {self._manifest.step} s")
        if amounts.shape != (len(keys), grid.count) or amounts.min(initial=0) < -1:
            raise ValueError(f"{amounts.shape} amounts for {len(keys)} keys x {grid.count} steps, or some below -1")
        with self._counting:
            self._documents[week] += int(np.count_nonzero(amounts >= 0))
            # Python's own integers: a week of many customers is more than 64 bits could be trusted with.
            self._sums[week] += sum(map(int, amounts.clip(0).sum(axis=1)))
        if week in self._begun_before:
            there = self._complete(week, keys, grid, amounts)
            keys, amounts = tuple(key for key, one in zip(keys, there, strict=True) if not one), amounts[~there]
        named = not self._cluster.product.time_series
        bodies = bulk_bodies(keys, grid, amounts, self._manifest.field, named=named)
        return self._senders.load(self._weeks[week], bodies)

    def write_flows(self, keys: tuple[str, ...], grid: Grid, flows: Iterable[Flows], catalogue: Catalogue) -> None:
        """Store flow records in an index of their own, NAME-flows."""
        if self._flows is None:
            self._flows = FlowLoad(self._cluster.place, self._access, self._senders, self._manifest)
        self._flows.write(keys, grid, flows, catalogue, self._manifest)

    def finish(self) -> str:
        """Make all of it searchable, verify it, say that it is there, and answer its identity.

        Raises:
            StoreError: documents were refused, or the store does not hold just what was written.
        """
        index, whole = self._cluster.place.index, self._whole
        if whole is None:
            raise ValueError("nothing was begun")
        self._senders.close()
        self._loader.close()
        self._cluster.ask("PUT", f"/{index}/_settings", body={"index": {"refresh_interval": None}})
        self._cluster.ask("POST", f"/{index}/_refresh")
        for week in sorted(self._documents):
            self._verify(week, whole)
        self._cluster.ask("POST", f"/{index}/_flush")
        done = changed(self._manifest, window=whole, begun=None)
        if self._flows is not None:
            self._flows.finish(done)
        self._say(done)
        self._cluster.close()
        identity = self._manifest.identity
        assert identity is not None
        return identity

    def _complete(self, week: int, keys: tuple[str, ...], grid: Grid, amounts: Ints) -> Bools:
        """Which keys are there, by number and sum of their documents: a 409 costs as much as loading."""
        answer = self._cluster.search(self._fields.sums(keys, grid.window), SUMS, self._weeks[week])
        found = {
            bucket["key"]: (bucket["doc_count"], bucket["sum"]["value"])
            for bucket in answer.get("aggregations", {}).get("keys", {}).get("buckets", ())
        }
        counts, sums = (amounts >= 0).sum(axis=1).tolist(), amounts.clip(0).sum(axis=1).tolist()
        return np.array(
            [
                wanted == found.get(key, (0, 0)) and wanted[1] < _EXACT
                for key, wanted in zip(keys, zip(counts, sums, strict=True), strict=True)
            ],
            dtype=bool,
        )

    def _verify(self, week: int, whole: Window) -> None:
        """Hold number and sum of a week against what was written: "it exists already" does not say that it is equal."""
        window = whole_week(week).clip(whole)
        answer = self._cluster.search(self._fields.total(window), TOTAL, self._weeks[week])["aggregations"]
        count, total = int(answer["count"]["value"]), float(answer["sum"]["value"])
        wanted = self._sums[week]
        # Beyond that the server itself rounds; what is wrong is wrong by more.
        allowed = 0.0 if wanted < _EXACT else wanted * 1e-12
        if count != self._documents[week] or abs(total - wanted) > allowed:
            raise StoreError(
                f"{self._weeks[week]} holds {count:,} documents with {total:,.0f} bytes in all, not the "
                f"{self._documents[week]:,} with {wanted:,} that were written: run again, then with --replace"
            )

    def _say(self, manifest: Manifest) -> None:
        if self._weeks:
            names = ",".join(self._weeks[week] for week in sorted(self._weeks))
            self._cluster.ask("PUT", f"/{names}/_mapping", body={"_meta": said(manifest)})
        self._manifest = manifest
