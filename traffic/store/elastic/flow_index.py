"""Flow records of ours: weekly indices behind NAME-flows, beside those of the totals that they add up to.

A document a flow and step, by ECS names. Each week is a time series by customer, port, protocol, AS and country, so
that a flow is there at most once. What the indices say of themselves is what those of the totals say, under a name of
its own: flow records are never taken for totals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from traffic.flows import DIMENSIONS, Catalogue, FlowAnswer, FlowQuery, Flows
from traffic.model import Floats, Grid, Metric, Window, week_start
from traffic.store.access import Access
from traffic.store.base import ForeignStore, StoreError
from traffic.store.elastic.bodies import KEY, SUMS, TIME, TOTAL, Body, Fields
from traffic.store.elastic.client import Cluster
from traffic.store.elastic.encode import DOCUMENTS, digits, lines_of
from traffic.store.elastic.flow_search import ask_flows, ask_totals
from traffic.store.elastic.layout import FLOW_META, Layout, look, said, week_index, whole_week
from traffic.store.elastic.many import in_requests
from traffic.store.elastic.place import IndexAddress
from traffic.store.elastic.product import Product, weekly
from traffic.store.elastic.senders import Senders
from traffic.store.elastic.stamps import Stamps
from traffic.store.folder import Manifest

BESIDE = "-flows"
FIELDS: Mapping[str, str] = dict(
    zip(
        DIMENSIONS,
        ("destination.port", "network.transport", "source.as.number", "source.geo.country_iso_code"),
        strict=True,
    )
)
"""Dimension -> field."""
_TYPES = ("integer", "keyword", "long", "keyword")
_EXACT = 2**53


def beside(place: IndexAddress) -> IndexAddress:
    """Where the flow records of a store are."""
    return replace(place, index=place.index + BESIDE)


def weekly_flows(product: Product, index: str, field: str, week: Window, meta: Body) -> Body:
    """An index for one week of flow records."""
    body = weekly(product, index, field, week, meta)
    for name, kind in zip(FIELDS.values(), _TYPES, strict=True):
        body["mappings"]["properties"][name] = {"type": kind, **product.dimension}
    return body


def flow_bodies(
    keys: Sequence[str],
    grid: Grid,
    flows: Iterable[Flows],
    catalogue: Catalogue,
    field: str,
    *,
    named: bool = False,
) -> Iterator[tuple[int, bytes, dict[str, tuple[int, int]]]]:
    """Bodies of the bulk API with the documents of a key each, in parts of about `DOCUMENTS`.

    With each how many documents it creates, and of the key how many there are in all and what they come to.
    """
    for one in flows:
        times = digits((grid.start + one.step * grid.step) * 1000, 4)
        amounts = digits(one.amounts, -(-len(str(int(one.amounts.max(initial=0)))) // 4))
        cells = one.places["service"].astype(np.int64) * len(catalogue.networks) + one.places["network"]
        about = {keys[one.row]: (len(cells), sum(map(int, one.amounts)))}
        parts, count = list[bytes](), 0
        for cell in np.unique(cells).tolist():
            mine = np.flatnonzero(cells == cell)
            service, network = divmod(cell, len(catalogue.networks))
            values = (*catalogue.services[service], *catalogue.networks[network])
            tail = {KEY: keys[one.row], **dict(zip(FIELDS.values(), values, strict=True))}
            parts.append(lines_of(tail, times[mine], amounts[mine], field, named=named))
            count += len(mine)
            if count >= DOCUMENTS:
                yield count, b"".join(parts), about
                parts, count, about = [], 0, {}
        if count or about:
            yield count, b"".join(parts), about


class FlowLoad:
    """Flow records that are being written beside the totals."""

    def __init__(self, place: IndexAddress, access: Access, senders: Senders, manifest: Manifest) -> None:
        """Look at what is there.

        Raises:
            ForeignStore: it is not what belongs to these totals.
        """
        self._cluster = Cluster(beside(place), access)
        self._senders, self._fields = senders, Fields(TIME, KEY, manifest.field, "sum")
        layout = look(self._cluster, FLOW_META, optional=True)
        scenario = None if layout.ours is None else layout.ours.scenario
        if layout.others or scenario not in (None, manifest.scenario):
            raise ForeignStore(
                f"{self._cluster.name}is for flow records but contains something else: use another index with "
                "--store, or delete what generate put there with --replace"
            )
        self._weeks = dict(layout.weeks)
        self._before = frozenset(self._weeks)
        self._documents: Counter[int] = Counter()
        self._sums: Counter[int] = Counter()

    def write(
        self, keys: Sequence[str], grid: Grid, flows: Iterable[Flows], catalogue: Catalogue, manifest: Manifest
    ) -> None:
        """Store the flow records of some keys and a week; a key of which all is there is not sent again."""
        week = week_start(grid.start)
        if week not in self._weeks:
            index, name = self._cluster.place.index, week_index(self._cluster.place.index, week)
            body = weekly_flows(
                self._cluster.product, index, manifest.field, whole_week(week), said(manifest, FLOW_META)
            )
            self._cluster.ask("PUT", f"/{name}", body=body)
            self._weeks[week] = name
        there = self._there(week, keys, grid) if week in self._before else {}
        named = not self._cluster.product.time_series

        def missing() -> Iterator[tuple[int, bytes]]:
            done = False
            for count, body, about in flow_bodies(keys, grid, flows, catalogue, manifest.field, named=named):
                for key, (documents, total) in about.items():
                    self._documents[week] += documents
                    self._sums[week] += total
                    done = there.get(key, (0, 0.0)) == (documents, total) and total < _EXACT
                if count and not done:
                    yield count, body

        self._senders.load(self._weeks[week], missing())

    def finish(self, manifest: Manifest) -> None:
        """Make all of it searchable, hold it against what was written, and say that it is there.

        Raises:
            StoreError: it does not hold just that.
        """
        index, whole = self._cluster.place.index, manifest.window
        assert whole is not None
        self._cluster.ask("PUT", f"/{index}/_settings", body={"index": {"refresh_interval": None}})
        self._cluster.ask("POST", f"/{index}/_refresh")
        for week in sorted(self._documents):
            window = whole_week(week).clip(whole)
            found = self._cluster.search(self._fields.total(window), TOTAL, self._weeks[week])["aggregations"]
            count, total = int(found["count"]["value"]), float(found["sum"]["value"])
            wanted = self._sums[week]
            if count != self._documents[week] or abs(total - wanted) > (0 if wanted < _EXACT else wanted * 1e-12):
                raise StoreError(
                    f"{self._weeks[week]} holds {count:,} flow records with {total:,.0f} bytes in all, not the "
                    f"{self._documents[week]:,} with {wanted:,} that were written: run again, then with --replace"
                )
        self._cluster.ask("POST", f"/{index}/_flush")
        names = ",".join(self._weeks[week] for week in sorted(self._weeks))
        self._cluster.ask("PUT", f"/{names}/_mapping", body={"_meta": said(manifest, FLOW_META)})
        self._cluster.close()

    def _there(self, week: int, keys: Sequence[str], grid: Grid) -> dict[str, tuple[int, float]]:
        """Of each key how many documents there are, and what they come to."""
        self._cluster.ask("POST", f"/{self._weeks[week]}/_refresh")
        answer = self._cluster.search(self._fields.sums(keys, grid.window), SUMS, self._weeks[week])
        buckets = answer.get("aggregations", {}).get("keys", {}).get("buckets", ())
        return {one["key"]: (int(one["doc_count"]), float(one["sum"]["value"])) for one in buckets}


@dataclass
class FlowIndex:
    """The flow records of a store, read; the totals that they have to add up to are those of the store itself."""

    _cluster: Cluster
    _layout: Layout
    _totals: Cluster
    _fields: Fields
    _metric: Metric
    _step: int
    _stamps: Stamps | None = None
    _sums: dict[tuple[str, tuple[Window, ...]], Floats] = field(default_factory=dict)
    """Totals that were asked for: pairs of dimensions are asked for after each of them."""

    @classmethod
    def of(
        cls, totals: Cluster, access: Access, manifest: Manifest, fields: Fields, metric: Metric
    ) -> FlowIndex | None:
        """Those beside a store, where there are any."""
        cluster = Cluster(beside(totals.place), access)
        layout = look(cluster, FLOW_META, optional=True)
        if layout.ours is None or layout.ours.scenario != manifest.scenario:
            return None
        return cls(cluster, layout, totals, fields, metric, manifest.step)

    def whole(self, manifest: Manifest) -> bool:
        """Whether they are there for all of the totals."""
        ours = self._layout.ours
        return ours is not None and ours.window == manifest.window

    def fingerprint(self, window: Window) -> str:
        """Changes whenever they do."""
        if self._stamps is None:
            self._stamps = Stamps(self._cluster, self._fields, weekly=True, expected=self._layout.shards)
        return self._stamps.fingerprint(window, "")

    def flows(self, queries: Sequence[FlowQuery]) -> Iterator[FlowAnswer]:
        """An answer for each query: a search each, and one for the totals of an event."""
        for some in in_requests(queries):
            events = {(query.key, query.windows): query for query in some}
            missing = [asked for asked in events if asked not in self._sums]
            wanted = [events[asked] for asked in missing]
            self._sums.update(zip(missing, ask_totals(self._totals, self._fields, self._metric, wanted), strict=True))
            found = ask_flows(self._cluster, self._fields, FIELDS, self._metric, some)
            for query, answer in zip(some, found, strict=True):
                yield replace(answer, totals=self._sums[query.key, query.windows])
