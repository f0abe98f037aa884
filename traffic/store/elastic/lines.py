"""An index of log lines, summed up where it lies (`traffic.access_log.AccessLog`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from itertools import pairwise
from math import isfinite
from typing import Any

import numpy as np

from traffic.access_log import PERCENTS, Fences, Line, LogColumns, Spread, Top, Traffic, percentiles
from traffic.errors import UsageFailure
from traffic.model import HOUR, Grid, Ints, Window, ceil_to, floor_to
from traffic.store.access import Access
from traffic.store.base import NoSuchStore, StoreError, TooLarge
from traffic.store.elastic.bodies import COMPRESSION, Body, Fields
from traffic.store.elastic.client import Cluster
from traffic.store.elastic.complete import COMPLETE, check_complete
from traffic.store.elastic.fields import check_roles, field_types, read_filter, readable, said_errors
from traffic.store.elastic.place import find_place
from traffic.store.elastic.roles import log_roles
from traffic.store.elastic.tops import Tops
from traffic.store.log_fields import NO_ERRORS, recognise, renamed, roles

_PAGE = 1_000
_HOURS = 5_000
"""Of one request: an hour takes a bucket or two of the 10,000 that the smallest limits allow."""
_AGGREGATIONS = "aggregations"
_SHOWN = {"time", "latency", *(field.name for field in fields(Line))}
"""Roles that a line which is shown has; others are counted only."""


class ElasticLog:
    """An index, alias or pattern in a cluster. Nothing of it is read line by line but what is shown."""

    exact = False

    def __init__(self, name: str, said: LogColumns, access: Access) -> None:
        """Connect, and see which fields are there.

        Raises:
            NoSuchStore: there is no such index.
            UsageFailure: a field is not there, or cannot be what it was said to be.
            AccessDenied: not logged in, not allowed, or TLS fails.
        """
        place = find_place(name)
        self.name = place.name
        self._cluster = Cluster(place, access)
        types = field_types(self._cluster)
        if not types:
            raise NoSuchStore(f"{self.name} has no fields: check the name of the index, or load some lines")
        also = read_filter(said.filter_file)
        named = renamed(recognise(readable(types)), said.named)
        if named.time is None:
            raise UsageFailure(f"{self.name} has no recognised time field: specify it with --field time=NAME")
        check_roles(self._cluster, roles(named))
        self._roles = log_roles(self._cluster, types, said.named, also)
        self._known = known = self._roles.known
        self._errors: Body | None = self._roles.errors
        self._told = said.errors or self._roles.told
        if said.errors is not None:
            self._errors = said_errors(self._cluster, said.errors, types)
        self._notes = () if said.scale is not None else self._roles.notes
        self._wrong: int | None = None
        self._scale = said.scale or known.milliseconds
        self._fields = Fields(named.time, named.time, None, "count", also, self._errors)
        self._tops = Tops(self._ask, self._roles.fields, types, said.raw_paths)

    @property
    def errors_told(self) -> str | None:
        """How errors are told."""
        return self._told

    def notes(self) -> list[str]:
        """What response times count in."""
        return list(self._notes)

    @property
    def roles(self) -> Mapping[str, str]:
        """Role -> field, or fields with commas between, of those that the index has."""
        return self._roles.shown()

    def extent(self) -> Window:
        """From the first document to a second after the last."""
        found = self._ask(None, {end: {end: {"field": self._known.time}} for end in ("min", "max")})
        if found["min"]["value"] is None:
            raise NoSuchStore(f"{self.name} contains no matching lines: check --filter, or load some")
        return Window(int(found["min"]["value"] // 1000), int(found["max"]["value"] // 1000) + 1)

    def traffic(self, window: Window) -> Traffic:
        """Documents per hour; hours without any are 0."""
        grid = Grid.over(window, HOUR)
        requests, errors, sent, p95 = (np.zeros(grid.count) for _ in range(4))
        p95[:] = np.nan
        histogram = {"field": self._known.time, "fixed_interval": f"{HOUR}s", "min_doc_count": 1}
        inner = self._inner() | ({"p95": self._percentiles((95.0,))} if self._known.latency else {})
        wanted = {"hours": {"date_histogram": histogram, "aggs": inner}}
        for part in window.pieces(_HOURS * HOUR):
            for bucket in self._hours(part, wanted):
                hour = grid.index(bucket["key"] // 1000)
                requests[hour] = bucket["doc_count"]
                errors[hour] = bucket.get("errors", {}).get("doc_count", 0)
                sent[hour] = bucket.get("sent", {}).get("value") or 0
                if "p95" in bucket and (value := bucket["p95"]["values"][0].get("value")) is not None:
                    p95[hour] = value * self._scale
        self._wrong = int(errors.sum()) if self._errors and requests.any() else None
        return Traffic(
            grid,
            requests.astype(np.int64),
            errors.astype(np.int64) if self._errors else None,
            p95 if self._known.latency else None,
            sent.astype(np.int64) if self._known.bytes else None,
        )

    def top(self, role: str, window: Window, most: int, status: str | None = None) -> Top:
        """By one request where that is exact, else by reading all values, page by page; paths are folded."""
        only: list[Body] = []
        if status is not None:
            only = [{"bool": {"should": [{"term": {name: status}} for name in self._roles.fields["status"]]}}]
        return self._tops.top(role, window, most, only, self._inner())

    def spreads(self, window: Window, endpoints: Sequence[str]) -> tuple[Spread, dict[str, Spread]]:
        """Percentiles are told from t-digests: near, not exact."""
        inner = {"stats": {"stats": {"field": self._known.latency}}, "percents": self._percentiles(PERCENTS)}
        wanted: Body = dict(inner)
        if endpoints:
            wanted["each"] = {"filters": {"filters": list(self._tops.of_endpoints(endpoints).values())}, "aggs": inner}
        try:
            found = self._ask(window, wanted)
        except TooLarge:
            if len(endpoints) < 2:
                raise
            middle = len(endpoints) // 2
            whole, first = self.spreads(window, endpoints[:middle])
            return whole, first | self.spreads(window, endpoints[middle:])[1]
        each = dict(zip(endpoints, found.get("each", {}).get("buckets", ()), strict=True))
        spreads = {name: self._spread(one) for name, one in each.items() if one["stats"]["count"]}
        return self._spread(found), spreads

    def histogram(self, window: Window, edges: Sequence[float]) -> Ints:
        """By a range aggregation over the edges."""
        bounds = [edge / self._scale for edge in edges]
        ranges: list[Body] = [{"from": low, "to": high} for low, high in pairwise(bounds)]
        ranges = [{"to": bounds[0]}, *ranges, {"from": bounds[-1]}]
        found = self._ask(window, {"bins": {"range": {"field": self._known.latency, "ranges": ranges}}})
        return np.array([one["doc_count"] for one in found["bins"]["buckets"]], dtype=np.int64)

    def beyond(self, window: Window, fences: Fences, most: int) -> tuple[dict[str, int], list[Line]]:
        """A filter for each endpoint, and one search for the slowest that meet any of them."""
        lines = self._tops.of_endpoints(list(fences.own)) if fences.own else {}
        above: dict[str, Body] = {
            endpoint: {"bool": {"filter": [lines[endpoint], self._longer(limit)]}}
            for endpoint, limit in fences.own.items()
            if isfinite(limit)
        }
        if isfinite(fences.rest):
            own = list(lines.values())
            above[""] = {"bool": {"filter": [self._longer(fences.rest)], "must_not": own}}
        if not above:
            return {}, []
        names = list(above)
        # By number: an endpoint may hold any character, the name of an aggregation may not.
        wanted = {f"f{place}": {"filter": above[name]} for place, name in enumerate(names)}
        found = self._ask(window, wanted)
        counts = {name: int(found[f"f{place}"]["doc_count"]) for place, name in enumerate(names)}
        any_of = {"bool": {"should": list(above.values()), "minimum_should_match": 1}}
        slowest = {"query": self._within(window, any_of), "sort": [{self._known.latency: "desc"}, self._newest()]}
        return {name: count for name, count in counts.items() if count}, list(self._lines(slowest, most))

    def latest(self, window: Window, most: int) -> list[Line]:
        """Page by page from one state of the index, so that there may be any number of them."""
        return list(self._lines({"query": self._within(window), "sort": [self._newest()]}, most))

    def remarks(self) -> list[str]:
        """What is not known of levels, what became of paths, and where no line is an error."""
        return [*self._roles.remarks, *self._tops.remarks(), *([NO_ERRORS] if self._wrong == 0 else [])]

    def _ask(self, window: Window | None, aggregations: Body, only: Sequence[Body] = ()) -> Any:
        body = {"size": 0, "query": self._within(window, *only), "aggs": aggregations}
        return self._cluster.search(body, _AGGREGATIONS)[_AGGREGATIONS]

    def _hours(self, window: Window, wanted: Body) -> list[Any]:
        """The buckets of a histogram over hours, in halves where that is too much for the cluster."""
        try:
            found: list[Any] = self._ask(window, wanted)["hours"]["buckets"]
        except TooLarge:
            if window.seconds <= HOUR:
                raise
            parts = window.pieces(ceil_to(window.seconds // 2, HOUR), floor_to(window.start, HOUR))
            return [bucket for part in parts for bucket in self._hours(part, wanted)]
        return found

    def _within(self, window: Window | None, *also: Body) -> Body:
        query = self._fields.query(window=window)
        query["bool"]["filter"] += also
        return query

    def _inner(self) -> Body:
        errors = {} if self._errors is None else {"errors": {"filter": self._errors}}
        sent = {} if self._known.bytes is None else {"sent": {"sum": {"field": self._known.bytes}}}
        return {**errors, **sent}

    def _percentiles(self, percents: Sequence[float]) -> Body:
        digest = {"tdigest": {"compression": COMPRESSION}}
        return {"percentiles": {"field": self._known.latency, "percents": list(percents), "keyed": False, **digest}}

    def _spread(self, found: Mapping[str, Any]) -> Spread:
        stats = found["stats"]
        if not stats["count"]:
            return Spread(0)
        percents = percentiles(one["value"] * self._scale for one in found["percents"]["values"])
        mean, most = stats["avg"] * self._scale, stats["max"] * self._scale
        return Spread(int(stats["count"]), mean, **percents, most=most)

    def _longer(self, limit: float) -> Body:
        return {"range": {self._known.latency or "": {"gt": limit / self._scale}}}

    def _newest(self) -> Body:
        form = {"format": "epoch_millis"} if self._cluster.product.tells_order else {}
        return {self._known.time or "": {"order": "desc", **form}}

    def _lines(self, search: Body, most: int) -> Iterator[Line]:
        """Documents in the order of `search`, as one state of the index has them."""
        product = self._cluster.product
        if most > _PAGE and not product.tells_order:
            # Where a page ends, what is alike would be left out.
            search = {**search, "sort": [*search["sort"], {"_id": "asc"}]}
        path = f"/{self._cluster.place.index}/{product.state_path}"
        state = self._cluster.ask("POST", path, {"keep_alive": "5m"})[product.state_id]
        try:
            after = None
            while most > 0:
                shown = (fields for role, fields in self._roles.fields.items() if role in _SHOWN - {"time"})
                asked = [field for fields in shown for field in fields]
                time = {"field": self._known.time, "format": "epoch_millis"}
                body: Body = {**search, "size": min(most, _PAGE), "_source": False, "fields": [*asked, time]}
                body |= {"pit": {"id": state, "keep_alive": "5m"}, "track_total_hits": False}
                if after is not None:
                    body["search_after"] = after
                wanted = {"filter_path": f"{COMPLETE},pit_id,hits.hits.fields,hits.hits.sort"}
                answer = self._cluster.ask("POST", "/_search", wanted, body)
                check_complete(answer, self.name)
                hits = answer.get("hits", {}).get("hits", [])
                yield from map(self._line, hits)
                if len(hits) < body["size"]:
                    return
                after, most, state = hits[-1]["sort"], most - len(hits), answer.get("pit_id", state)
        finally:
            # It ends by itself as well; what went wrong before matters more.
            with suppress(StoreError):
                self._cluster.ask("DELETE", product.close_path, None, product.closing(state))

    def _line(self, hit: Mapping[str, Any]) -> Line:
        there = hit["fields"]
        values = {
            role: next((there[field][0] for field in fields if field in there), "")
            for role, fields in self._roles.fields.items()
            if role in _SHOWN
        }
        time, latency = float(values.pop("time")) / 1000, values.pop("latency", "")
        if values.get("endpoint"):
            values["endpoint"] = self._tops.endpoint_of(str(values["endpoint"]))
        milliseconds = float("nan") if latency == "" else float(latency) * self._scale
        return Line(time, milliseconds, **{role: str(value) for role, value in values.items()})
